//! Decodes mutated records of every format and counts what became of them.
//!
//! `cargo run --example mutate -- EXECUTIONS SEED`: deterministic by its seed, ends with an error at the first panic. (The Arrow
//! crate's own panics are caught where they happen, and count as refusals.)

#[path = "../tests/corpus/mod.rs"]
mod corpus;

use bellwether_payloads::{Format, PayloadDecoder};
use corpus::{Seed, calls, decode, decoder, labels, observations};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{Error, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes at which formats change their minds.
const TELLING: [u8; 12] = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, b'"', b'[', b'{', b'}', b'-'];

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut next = |default| match arguments.next() {
        Some(Ok(number)) => number,
        _ => default,
    };
    let (executions, seed) = (next(1_000_000), next(1));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let corpus = [observations(), labels(), calls()].concat();
    let mut decoders: Vec<(Format, PayloadDecoder)> =
        Format::ALL.map(|format| (format, decoder(format, format))).into();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut taken, mut refused, mut waiting) = (0_u64, 0_u64, 0_u64);
    for execution in 0..executions {
        let chosen = &corpus[rng.random_range(0..corpus.len())];
        let mutated = mutate(chosen, &corpus, &mut rng);
        // Mostly in the format that it was, sometimes in another.
        let format = if rng.random_ratio(1, 8) {
            Format::ALL[rng.random_range(0..Format::ALL.len())]
        } else {
            chosen.format
        };
        let of_format = decoders.iter_mut().find(|(known, _)| *known == format);
        let Some((_, decoder)) = of_format else { continue };
        let done = catch_unwind(AssertUnwindSafe(|| decode(decoder, &mutated)));
        let (batch, rows, outcomes) = done.map_err(|_| {
            Error::other(format!(
                "execution {execution} of seed {seed} panicked: {mutated:?}"
            ))
        })?;
        taken += (batch.len() + rows.len()) as u64;
        for outcome in outcomes {
            refused += (outcome.rejects.len() + outcome.given_back.len()) as u64;
            waiting += u64::from(outcome.waits_at_ms.is_some());
        }
    }
    writeln!(
        std::io::stdout(),
        "{executions} executions from seed {seed}: {taken} rows taken, {refused} refused, {waiting} waited; no panic"
    )
}

fn mutate(seed: &Seed, corpus: &[Seed], rng: &mut ChaCha8Rng) -> Seed {
    let mut seed = seed.clone();
    for _ in 0..rng.random_range(1..=4) {
        // Now and then what a header says is changed instead.
        let in_header = !seed.headers.is_empty() && rng.random_ratio(1, 10);
        let bytes = if in_header {
            let at = rng.random_range(0..seed.headers.len());
            &mut seed.headers[at].1
        } else {
            &mut seed.payload
        };
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 if at < bytes.len() => bytes[at] = TELLING[rng.random_range(0..TELLING.len())],
            3 => bytes.truncate(at),
            4 => bytes.insert(at, TELLING[rng.random_range(0..TELLING.len())]),
            5 => {
                let end = (at + rng.random_range(1..32)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &corpus[rng.random_range(0..corpus.len())].payload;
                let from = rng.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
    seed
}
