//! `bellwether encode`: embeddings for a file of texts.

use crate::cli::{EncodeArgs, Output};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::report;
use crate::stop::Stop;
use bellwether_encoder::Encoder;
use bellwether_store::{EmbedOptions, EmbedTally, Embedding, Precision};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Encodes file to file; to be called within a runtime, which hears the wish to stop.
pub(crate) fn encode(args: &EncodeArgs) -> Result<(), Failure> {
    let stop = Stop::listen();
    super::use_threads(args.threads)?;
    let encoder = load(args)?;
    let options = EmbedOptions {
        text_column: args.text_column.clone(),
        precision: if args.float32 {
            Precision::Float32
        } else {
            Precision::Float16
        },
        base64: args.base64,
        overwrite: args.overwrite,
        restart: args.restart,
    };
    let mut work = Embedding::open(
        args.input(),
        &args.output,
        &options,
        encoder.fingerprint(),
        encoder.dim(),
    )?;
    let total = work.total_rows() as u64;
    let progress = match args.output_format {
        Output::Text => Progress::told(total, "rows"),
        Output::Json => Progress::silent(),
    };
    if work.resumed_rows() > 0 && args.output_format == Output::Text {
        report::note(&format!(
            "going on behind the {} of {total} rows that an earlier run encoded",
            work.resumed_rows()
        ));
    }
    progress.begin_at(work.resumed_rows());
    let started = Instant::now();
    let before = work.tally().encoded;
    while let Some(texts) = work.next_texts()? {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embeddings = encoder.encode(&texts).map_err(|error| {
            Failure::at_work(format!(
                "cannot encode the texts behind row {} of {}",
                work.tally().rows,
                args.input().display()
            ))
            .because(&error)
            .fix("check that the files of the encoder are whole; what was encoded before is kept")
        })?;
        work.add(
            embeddings.as_slice(),
            u32::try_from(embeddings.truncated()).unwrap_or(u32::MAX),
        )?;
        progress.at(work.tally().rows);
        if stop.requested() {
            progress.finish();
            return Err(
                Failure::at_work(format!("stopped after {} of {total} rows", work.tally().rows))
                    .fix("give the same command again to go on"),
            );
        }
    }
    progress.finish();
    let resumed = work.resumed_rows();
    let tally = work.finish()?;
    summarise(
        args,
        &encoder,
        &tally,
        resumed,
        tally.encoded - before,
        started.elapsed(),
    );
    Ok(())
}

fn load(args: &EncodeArgs) -> Result<Encoder, Failure> {
    if let Some(directory) = &args.model {
        return crate::encoder::load(directory, &args.options.options());
    }
    let path = args.config.as_deref().unwrap_or(Path::new("bellwether.toml"));
    let config = super::read_config(path)?.encoder.ok_or_else(|| {
        Failure::usage(format!("{} has no [encoder]", path.display()))
            .fix("write encoder.directory there, or name the directory with --model")
    })?;
    crate::encoder::load(&config.directory, &config.options)
}

fn summarise(
    args: &EncodeArgs,
    encoder: &Encoder,
    tally: &EmbedTally,
    resumed: u64,
    encoded_now: u64,
    elapsed: Duration,
) {
    let seconds = elapsed.as_secs_f64();
    let rate = encoded_now as f64 / seconds.max(1e-9);
    match args.output_format {
        Output::Json => {
            let summary = json!({
                "output": args.output,
                "rows": tally.rows,
                "encoded": tally.encoded,
                "kept": tally.kept,
                "without_text": tally.without_text,
                "truncated": tally.truncated,
                "resumed_rows": resumed,
                "seconds": seconds,
                "texts_per_second": rate,
                "encoder": encoder.fingerprint(),
                "dim": encoder.dim(),
            });
            report::result(&summary.to_string());
        }
        Output::Text => report::result(&format!(
            "{}: {} rows, {} encoded, {} kept as they were, {} without text, {} texts cut at {} tokens; {rate:.0} texts per second",
            args.output.display(),
            tally.rows,
            tally.encoded,
            tally.kept,
            tally.without_text,
            tally.truncated,
            encoder.max_tokens(),
        )),
    }
}
