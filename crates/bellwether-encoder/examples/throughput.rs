//! Texts a second, for the comparison with other programs in `benches/peers.py`.
//!
//! `throughput MODEL TEXTS THREADS [integer]` reads one text a line, encodes all of them once to warm up, and then once for each
//! line on standard input, so that a caller can take turns with other programs. Prints the seconds of each round.

use anyhow::{Context, Result};
use bellwether_encoder::{Arithmetic, Encoder, EncoderOptions};
use std::io::{BufRead, Write};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, texts, threads, rest @ ..] = arguments.as_slice() else {
        anyhow::bail!("give the model's directory, a file of texts and a number of threads");
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.parse().context("the number of threads")?)
        .build_global()?;
    let options = EncoderOptions {
        arithmetic: match rest {
            [kind] if kind == "integer" => Arithmetic::Integer,
            _ => Arithmetic::Float,
        },
        ..EncoderOptions::default()
    };
    let encoder = Encoder::with_options(model, &options)?;
    let texts = std::fs::read_to_string(texts).context("the texts")?;
    let texts: Vec<&str> = texts.lines().collect();
    let mut out = std::io::stdout().lock();
    encoder.encode(&texts)?;
    writeln!(out, "ready")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let started = std::time::Instant::now();
        encoder.encode(&texts)?;
        writeln!(out, "{}", started.elapsed().as_secs_f64())?;
        out.flush()?;
    }
    Ok(())
}
