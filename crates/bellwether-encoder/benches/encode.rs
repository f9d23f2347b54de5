//! Short texts to embeddings, in floats and in whole numbers; `peers.py` holds the same against other programs.
//!
//! With all-MiniLM-L6-v2 where `BELLWETHER_TEST_ENCODER` names its directory, else with the tests' tiny model, of which only
//! tokenising and the fixed costs of a call can be learnt.

use bellwether_encoder::{Arithmetic, Encoder, EncoderOptions};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::PathBuf;

const SUBJECTS: [&str; 8] = [
    "my order",
    "the parcel",
    "my card",
    "the refund",
    "my account",
    "the invoice",
    "our booking",
    "the courier",
];
const STATES: [&str; 8] = [
    "has not arrived",
    "was declined",
    "does not work",
    "is still missing",
    "was charged twice",
    "is locked",
    "shows the wrong name",
    "went to the old address",
];
const ENDINGS: [&str; 4] = [
    "",
    ", can you help me",
    " since the update",
    ", this is the third time",
];

/// 256 different texts of about twelve tokens.
fn texts() -> Vec<String> {
    let mut texts = Vec::new();
    for subject in SUBJECTS {
        for state in STATES {
            for ending in ENDINGS {
                texts.push(format!("{subject} {state}{ending}"));
            }
        }
    }
    texts
}

fn encode(c: &mut Criterion) {
    let dir = std::env::var_os("BELLWETHER_TEST_ENCODER").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/families/distilbert"),
        PathBuf::from,
    );
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut group = c.benchmark_group("encode");
    group
        .throughput(Throughput::Elements(texts.len() as u64))
        .sample_size(20);
    for (name, arithmetic) in [
        ("floats", Arithmetic::Float),
        ("whole numbers", Arithmetic::Integer),
    ] {
        let options = EncoderOptions {
            arithmetic,
            ..EncoderOptions::default()
        };
        let encoder = Encoder::with_options(&dir, &options).expect("the model is there");
        group.bench_function(format!("256 short texts, {name}"), |b| {
            b.iter(|| encoder.encode(black_box(&texts)).expect("texts can be encoded"));
        });
    }
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
