//! `bellwether reference build | inspect`.

use super::read_config;
use crate::cli::{BuildArgs, Output};
use crate::config::EncoderConfig;
use crate::encoder::{self, CanaryText, encoder_reference, own_canaries, read_canaries, recorded_canaries};
use crate::failure::Failure;
use crate::file_columns::FileColumns;
use crate::{progress, report};
use bellwether_encoder::Encoder;
use bellwether_events::{EncoderTerms, ModelSchema, ObservationBatch};
use bellwether_monitor::{EncoderReference, ReferenceManifest, ReferenceRows, rfc3339};
use bellwether_store::ColumnMap;
use serde_json::json;
use std::path::Path;

/// What to do where a file is no reference.
pub(super) const A_FILE: &str = "name a file that `bellwether reference build` wrote";
/// Rejected rows that are named one by one.
const NAMED_REJECTS: usize = 10;

pub(crate) fn build(args: &BuildArgs) -> Result<(), Failure> {
    let config = args.config.as_deref().map(read_config).transpose()?;
    let columns = config.as_ref().map(|config| FileColumns::of(&config.payloads));
    let columns = columns.as_ref().and_then(|columns| columns.reference.as_ref());
    let encoder = config.unwrap_or_default().encoder_in(args.encoder.as_deref());
    let load = |config: &EncoderConfig| encoder::load(&config.directory, &config.options);
    let encoder = encoder.as_ref().map(load).transpose()?;
    let schema = schema(args, encoder.as_ref(), columns)?;
    let bar = progress::bar(0, "observations");
    let (mut observations, labels, rejects) = bellwether_store::read_reference_input_mapped(
        &args.observations,
        &schema,
        columns,
        |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        },
    )?;
    bar.finish_and_clear();
    let known = match &encoder {
        Some(encoder) => Some(embed(encoder, args, &mut observations)?),
        None => recorded(args, &observations)?,
    };
    for reject in rejects.iter().take(NAMED_REJECTS) {
        report::note(&format!("left out: {}: {reject}", args.observations.display()));
    }
    if rejects.len() > NAMED_REJECTS {
        report::note(&format!("left out: {} more rows", rejects.len() - NAMED_REJECTS));
    }
    let sign = progress::spinner("building the reference");
    let built = bellwether_monitor::build(&schema, &observations, &labels, args.encoder_version.clone())
        .map_err(|error| {
            Failure::at_work(format!(
                "cannot build a reference from {}",
                args.observations.display()
            ))
            .because(&error)
            .fix("give every task of the tasks file enough labelled observations, or leave the task out")
        });
    sign.finish_and_clear();
    let (manifest, rows) = built?;
    let manifest = match known {
        Some(known) => manifest.with_encoder(known),
        None => manifest,
    };
    bellwether_store::write_reference(&args.output, &manifest, &rows).map_err(|error| {
        Failure::at_work(format!("cannot write the reference {}", args.output.display()))
            .because(&error)
            .fix("choose a file in a directory that exists and can be written")
    })?;
    if args.output_format == Output::Json {
        let built = json!({
            "output": args.output,
            "id": manifest.id,
            "observations": rows.len(),
            "tasks": manifest.tasks.len(),
            "left_out": rejects.len(),
        });
        report::result(&built.to_string());
        return Ok(());
    }
    report::result(&format!(
        "{}: reference {} of {} observations over {} tasks, {} left out",
        args.output.display(),
        manifest.id,
        rows.len(),
        manifest.tasks.len(),
        rejects.len()
    ));
    Ok(())
}

/// The model's tasks, with the width of the encoder's embeddings where it is at hand.
fn schema(
    args: &BuildArgs,
    encoder: Option<&Encoder>,
    columns: Option<&ColumnMap>,
) -> Result<ModelSchema, Failure> {
    let width = encoder.and_then(|encoder| u32::try_from(encoder.dim()).ok());
    let schema = read_tasks(
        &args.tasks,
        &args.observations,
        args.embedding_width.or(width),
        columns,
    )?;
    Ok(schema.with_encoder(EncoderTerms {
        embeds_text: encoder.is_some(),
        ..EncoderTerms::default()
    }))
}

fn canary_texts(args: &BuildArgs) -> Result<Vec<CanaryText>, Failure> {
    args.canaries
        .as_deref()
        .map_or_else(|| Ok(own_canaries()), read_canaries)
}

/// Embeds what came as text alone, and refuses vectors that are another encoder's.
fn embed(
    encoder: &Encoder,
    args: &BuildArgs,
    observations: &mut ObservationBatch,
) -> Result<EncoderReference, Failure> {
    let embedded = encoder::embed_rows(encoder, observations)?;
    if !embedded.rows.is_empty() {
        report::note(&format!(
            "{} texts embedded, {} of them cut",
            embedded.rows.len(),
            embedded.truncated
        ));
    }
    let known = encoder_reference(encoder, &canary_texts(args)?)?;
    let found = encoder::differences_of(encoder, &known, observations, &embedded.rows)?;
    if found.is_empty() {
        return Ok(known);
    }
    let differences: Vec<String> = found.iter().map(ToString::to_string).collect();
    Err(Failure::usage(format!(
        "the embeddings in {} are not those of the encoder in {}: {}",
        args.observations.display(),
        args.encoder.as_deref().unwrap_or(Path::new("the configuration")).display(),
        differences.join("; ")
    ))
    .fix("name the directory of the encoder that made them, or leave the embeddings out and have them made here"))
}

/// What production has sent of canaries among the observations.
fn recorded(args: &BuildArgs, observations: &ObservationBatch) -> Result<Option<EncoderReference>, Failure> {
    let canaries = recorded_canaries(observations, &canary_texts(args)?);
    Ok((!canaries.is_empty()).then_some(EncoderReference {
        identity: None,
        canaries,
    }))
}

/// The model's tasks, with the width of the embeddings as stated or as the observations have it.
pub(crate) fn read_tasks(
    tasks: &Path,
    observations: &Path,
    width: Option<u32>,
    columns: Option<&ColumnMap>,
) -> Result<ModelSchema, Failure> {
    let text = std::fs::read_to_string(tasks).map_err(|error| {
        Failure::at_work(format!("cannot read {}", tasks.display()))
            .because(&error)
            .fix("name the file that describes the model's tasks with --tasks")
    })?;
    let width = match width {
        Some(width) => width as usize,
        None => embedding_width(observations, columns)?,
    };
    ModelSchema::from_json(&text, width).map_err(|error| {
        Failure::usage(format!("cannot use {}", tasks.display()))
            .because(&error)
            .fix(r#"write {"<task>": {"kind": "classification" | "sequence_labelling" | "regression", "labels": [..]}}"#)
    })
}

fn embedding_width(observations: &Path, columns: Option<&ColumnMap>) -> Result<usize, Failure> {
    bellwether_store::embedding_width_mapped(observations, columns).map_err(|error| match error {
        bellwether_store::Error::NoEmbedding { .. } => Failure::usage(error.to_string())
            .because(&Base64TellsNoWidth)
            .fix("say how many numbers an embedding has with --embedding-width"),
        other => other.into(),
    })
}

/// Why a file of base64 embeddings has no width.
#[derive(Debug, thiserror::Error)]
#[error("base64 may hold float16 or float32, and null holds nothing")]
struct Base64TellsNoWidth;

pub(crate) fn inspect(path: &Path, output: Output) -> Result<(), Failure> {
    let (manifest, rows) = super::read_reference(path, A_FILE)?;
    match output {
        Output::Json => inspect_json(&manifest, &rows),
        Output::Text => inspect_text(&manifest, &rows),
    }
    Ok(())
}

fn inspect_json(manifest: &ReferenceManifest, rows: &ReferenceRows) {
    let document = json!({"rows": rows.len(), "manifest": manifest});
    report::result(&serde_json::to_string_pretty(&document).unwrap_or_default());
}

fn inspect_text(manifest: &ReferenceManifest, rows: &ReferenceRows) {
    report::result(&format!("reference        {}", manifest.id));
    report::result(&format!(
        "encoder version  {}",
        manifest.encoder_version.as_deref().unwrap_or("not stated")
    ));
    report::result(&format!(
        "model version    {}",
        manifest.model_version.as_deref().unwrap_or("not stated")
    ));
    report::result(&format!("embedding width  {}", manifest.dim));
    if let Some(encoder) = &manifest.encoder {
        if let Some(identity) = &encoder.identity {
            report::result(&format!(
                "encoder          {}, {} pooling, {}, {}, {} tokens, fingerprint {}",
                identity.model_type,
                identity.pooling,
                if identity.normalised {
                    "unit length"
                } else {
                    "not normalised"
                },
                identity.precision,
                identity.max_tokens,
                identity.fingerprint
            ));
        }
        report::result(&format!("canaries         {}", encoder.canaries.len()));
    }
    report::result(&format!(
        "period           {} to {}",
        rfc3339(manifest.from_ms),
        rfc3339(manifest.to_ms)
    ));
    report::result(&format!("observations     {}", rows.len()));
    report::result("");
    let width = manifest.tasks.keys().map(String::len).max().unwrap_or(4).max(4);
    report::header(&format!(
        "{:<width$}  {:<19} {:>6} {:>6}  {:<15} nearest to itself",
        "task", "kind", "labels", "rows", "quality"
    ));
    for (name, spec) in &manifest.tasks {
        let kind = serde_json::to_value(spec.kind).unwrap_or_default();
        let quality = manifest.quality.get(name);
        report::result(&format!(
            "{name:<width$}  {:<19} {:>6} {:>6}  {:<15} {:.0} %",
            kind.as_str().unwrap_or_default(),
            spec.labels.len(),
            quality.map_or(0, |q| q.size),
            quality.map_or_else(String::new, |q| format!("{} {:.3}", q.metric, q.value)),
            100.0 * manifest.own_nearest_ratio.get(name).copied().unwrap_or(f64::NAN),
        ));
    }
}
