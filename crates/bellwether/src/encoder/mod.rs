//! The monitor's own encoder: embeds texts that come without a vector, and tells whether what came with one is the
//! reference's encoder's doing.

mod canaries;
mod known;

pub(crate) use canaries::{CanaryText, own_canaries, read_canaries};
pub(crate) use known::{differences_of, encoder_reference, recorded_canaries};

use crate::config::EncoderConfig;
use crate::failure::Failure;
use bellwether_encoder::{Encoder, EncoderOptions, model_directory};
use bellwether_events::{
    CANARY_PREFIX, EncoderEvent, EncoderEventKind, ObservationBatch, OtherEncoders, SpotCheck,
};
use bellwether_monitor::Reference;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use twox_hash::XxHash3_64;

/// A directory's encoder, and what is held to it.
#[derive(Debug)]
pub(crate) struct Embedder {
    encoder: Encoder,
    spot_checks: f64,
    /// Whether the canaries were embedded with it.
    has_shown: AtomicBool,
}

impl Embedder {
    /// Loads the configured encoder, if one is.
    pub(crate) fn open(config: Option<&EncoderConfig>) -> Result<Option<Arc<Self>>, Failure> {
        let open = |config: &EncoderConfig| {
            Ok(Arc::new(Self {
                encoder: load(&config.directory, &config.options)?,
                spot_checks: config.spot_checks,
                has_shown: AtomicBool::new(false),
            }))
        };
        config.map(open).transpose()
    }

    /// Embeds what comes as text, and holds some of what comes with both to the encoder. All cores; some milliseconds a
    /// hundred texts.
    pub(crate) fn embed(&self, batch: &mut ObservationBatch, reference: &Reference) -> Result<(), Failure> {
        self.show_canaries(batch, reference)?;
        let embedded = embed_rows(&self.encoder, batch)?.rows;
        self.embed_canaries(batch)?;
        let checks = self.checks(batch, &embedded)?;
        batch.check_rows(checks);
        Ok(())
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<f32>, Failure> {
        let embeddings = self
            .encoder
            .encode(texts)
            .map_err(|error| cannot_encode(&error))?;
        Ok(embeddings.into_vec())
    }

    /// Once: what the encoder makes of the reference's canaries, at the time of the first event.
    fn show_canaries(&self, batch: &mut ObservationBatch, reference: &Reference) -> Result<(), Failure> {
        let Some(timestamp_ms) = batch.timestamps_ms().iter().copied().min() else {
            return Ok(());
        };
        if reference.canaries().is_empty() || self.has_shown.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let texts: Vec<&str> = reference
            .canaries()
            .iter()
            .map(|canary| canary.text.as_str())
            .collect();
        let embeddings = self.encode(&texts)?;
        let made = embeddings.chunks_exact(self.encoder.dim());
        let shown = reference
            .canaries()
            .iter()
            .zip(made)
            .map(|(canary, embedding)| EncoderEvent {
                event_id: format!("{CANARY_PREFIX}{}/monitor", canary.name),
                timestamp_ms,
                kind: EncoderEventKind::Canary {
                    name: canary.name.clone(),
                    text: None,
                    embedding: embedding.to_vec(),
                    by_monitor: true,
                },
            });
        batch.encoder_events_mut().extend(shown);
        Ok(())
    }

    /// Canaries that production sends on as texts, all of a batch at once.
    fn embed_canaries(&self, batch: &mut ObservationBatch) -> Result<(), Failure> {
        let (texts, mut vectors): (Vec<&str>, Vec<&mut Vec<f32>>) = batch
            .encoder_events_mut()
            .iter_mut()
            .filter_map(|event| match &mut event.kind {
                EncoderEventKind::Canary {
                    text: Some(text),
                    embedding,
                    ..
                } if embedding.is_empty() => Some((text.as_str(), embedding)),
                _ => None,
            })
            .unzip();
        let made = self.encode(&texts)?;
        for (vector, made) in vectors.iter_mut().zip(made.chunks_exact(self.encoder.dim())) {
            vector.extend_from_slice(made);
        }
        Ok(())
    }

    /// What the encoder makes of some rows that came with text and vector: which, their identifiers tell, so that a replay
    /// checks the same. Where they differ, also what it would make of them with known faults.
    fn checks(&self, batch: &ObservationBatch, embedded: &[usize]) -> Result<Vec<SpotCheck>, Failure> {
        if self.spot_checks <= 0.0 {
            return Ok(Vec::new());
        }
        let is_chosen = |row: &usize| {
            let hash = XxHash3_64::oneshot(batch.event_id(*row).as_bytes());
            (hash as f64) < self.spot_checks * u64::MAX as f64
        };
        let rows = known::rows_with_both(batch, embedded);
        let rows = rows.into_iter().filter(is_chosen).collect();
        known::spot_checks(&self.encoder, batch, rows).map_err(|error| cannot_encode(&error))
    }
}

/// Rows that were embedded.
pub(crate) struct Embedded {
    /// Which, in order.
    pub(crate) rows: Vec<usize>,
    /// How many of their texts were cut.
    pub(crate) truncated: usize,
}

/// Embeds the rows that came as text alone.
pub(crate) fn embed_rows(encoder: &Encoder, batch: &mut ObservationBatch) -> Result<Embedded, Failure> {
    let rows = batch.unembedded().to_vec();
    let texts: Vec<&str> = rows.iter().filter_map(|&row| batch.text(row)).collect();
    let embeddings = encoder.encode(&texts).map_err(|error| cannot_encode(&error))?;
    batch.embed(embeddings.as_slice());
    Ok(Embedded {
        rows,
        truncated: embeddings.truncated(),
    })
}

pub(crate) fn cannot_encode(error: &bellwether_encoder::Error) -> Failure {
    Failure::at_work("cannot embed texts")
        .because(error)
        .fix("look whether the files of encoder.directory are whole")
}

/// Loads the encoder of a directory, or of a name on the hub where this build fetches models.
pub(crate) fn load(directory: &Path, options: &EncoderOptions) -> Result<Encoder, Failure> {
    let cannot = |error: &bellwether_encoder::Error| {
        Failure::usage(format!("cannot load the encoder in {}", directory.display()))
            .because(error)
            .fix("name a directory with config.json, tokenizer.json and model.safetensors")
    };
    let found = match directory.to_str() {
        Some(name) => model_directory(name).map_err(|error| cannot(&error))?,
        None => directory.to_owned(),
    };
    Encoder::with_options(found, options).map_err(|error| cannot(&error))
}

/// Tells decoders what to expect of events that are judged by this reference.
pub(crate) fn expect(
    reference: &mut Reference,
    embedder: Option<&Arc<Embedder>>,
    others: OtherEncoders,
) -> Result<(), Failure> {
    let width = reference.schema().dim();
    if let Some(embedder) = embedder
        && embedder.encoder.dim() != width
    {
        return Err(Failure::usage(format!(
            "the encoder gives {} numbers, embeddings of the reference {} have {width}",
            embedder.encoder.dim(),
            reference.manifest().id
        ))
        .fix("name the reference's encoder in encoder.directory, or leave it out"));
    }
    reference.encoder_terms(embedder.is_some(), others);
    Ok(())
}
