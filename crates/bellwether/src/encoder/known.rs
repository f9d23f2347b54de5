//! What is known of an encoder: who it is, and what it makes of the canaries, also with known faults.

use super::canaries::CanaryText;
use super::cannot_encode;
use crate::failure::Failure;
use bellwether_encoder::{Encoder, EncoderOptions, Error, Pooling};
use bellwether_events::{EncoderEventKind, ObservationBatch, SpotCheck};
use bellwether_monitor::{
    Canary, Difference, EncoderIdentity, EncoderReference, Variant, differences, direction_distance,
};
use half::f16;
use std::collections::BTreeMap;

/// Tokens after which texts may be cut by mistake: what serving stacks are set to.
const CUTS: [usize; 5] = [16, 32, 64, 128, 256];
/// Directions that lie nearer are one: the fault leaves the text alone.
const SAME: f32 = 1e-3;

/// The encoder with each known fault, by name.
fn faults(encoder: &Encoder) -> impl Iterator<Item = (String, EncoderOptions)> + use<> {
    let identity = encoder.identity().clone();
    let as_is = EncoderOptions {
        pooling: Some(identity.pooling),
        normalise: Some(identity.normalised),
        max_tokens: Some(identity.max_tokens),
        precision: Some(identity.precision),
        lower_case: Some(identity.lower_case),
        arithmetic: identity.arithmetic,
        ..EncoderOptions::default()
    };
    let other_poolings = [Pooling::Mean, Pooling::Cls, Pooling::Max].into_iter();
    let poolings = other_poolings.filter(move |pooling| *pooling != identity.pooling);
    let with = as_is.clone();
    let poolings = poolings.map(move |pooling| {
        let options = EncoderOptions {
            pooling: Some(pooling),
            ..with.clone()
        };
        (format!("pooling={pooling}"), options)
    });
    let case = if identity.lower_case {
        "cased"
    } else {
        "lower_case"
    };
    let other_case = EncoderOptions {
        lower_case: Some(!identity.lower_case),
        ..as_is.clone()
    };
    let cuts = CUTS.into_iter().filter(move |cut| *cut < identity.max_tokens);
    let cuts = cuts.map(move |cut| {
        let options = EncoderOptions {
            max_tokens: Some(cut),
            ..as_is.clone()
        };
        (format!("truncation={cut}"), options)
    });
    poolings
        .chain([(format!("tokenizer={case}"), other_case)])
        .chain(cuts)
}

/// What the encoder makes of texts with each known fault: those that change at least one of them.
fn with_faults(encoder: &Encoder, texts: &[&str]) -> Result<Vec<(String, Vec<f32>)>, Error> {
    let mut made = Vec::new();
    for (name, options) in faults(encoder) {
        // Some faults cannot be had with every model, such as a cut below its special tokens.
        if let Ok(variant) = encoder.variant(&options) {
            made.push((name, variant.encode(texts)?.into_vec()));
        }
    }
    Ok(made)
}

/// The encoder of a reference, with what it makes of the canaries.
pub(crate) fn encoder_reference(
    encoder: &Encoder,
    canaries: &[CanaryText],
) -> Result<EncoderReference, Failure> {
    let texts: Vec<&str> = canaries.iter().map(|canary| canary.text.as_str()).collect();
    let embeddings = encoder.encode(&texts).map_err(|error| cannot_encode(&error))?;
    let faulty = with_faults(encoder, &texts).map_err(|error| cannot_encode(&error))?;
    let dim = encoder.dim();
    let of = |at: usize, canary: &CanaryText| {
        let embedding = embeddings.row(at).to_vec();
        let variants = faulty.iter().filter_map(|(name, made)| {
            let made = &made[at * dim..(at + 1) * dim];
            (direction_distance(made, &embedding) > SAME).then(|| Variant {
                name: name.clone(),
                embedding: made.iter().map(|&x| f16::from_f32(x)).collect(),
            })
        });
        Canary {
            name: canary.name.clone(),
            text: canary.text.clone(),
            noise: 0.0,
            variants: variants.collect(),
            embedding,
        }
    };
    Ok(EncoderReference {
        identity: Some(identity(encoder)),
        canaries: canaries
            .iter()
            .enumerate()
            .map(|(at, canary)| of(at, canary))
            .collect(),
    })
}

fn identity(encoder: &Encoder) -> EncoderIdentity {
    let identity = encoder.identity();
    EncoderIdentity {
        model_type: identity.model_type.clone(),
        dim: identity.dim,
        pooling: identity.pooling.to_string(),
        normalised: identity.normalised,
        precision: identity.precision.to_string(),
        max_tokens: identity.max_tokens,
        lower_case: identity.lower_case,
        weights: identity.weights_sha256.clone(),
        tokenizer: identity.tokenizer_sha256.clone(),
        fingerprint: identity.fingerprint.clone(),
    }
}

/// The canaries that production has sent among the observations of a reference, in order of name: of several embeddings of
/// one the first, and how far the others lie from it. Of those whose text was not sent, `texts` has it.
pub(crate) fn recorded_canaries(observations: &ObservationBatch, texts: &[CanaryText]) -> Vec<Canary> {
    let mut recorded: BTreeMap<&str, Canary> = BTreeMap::new();
    for event in observations.encoder_events() {
        let EncoderEventKind::Canary {
            name,
            text,
            embedding,
            ..
        } = &event.kind
        else {
            continue;
        };
        if embedding.is_empty() {
            continue;
        }
        let known = texts
            .iter()
            .find(|canary| canary.name == *name)
            .map(|canary| &canary.text);
        let Some(text) = known.or(text.as_ref()) else {
            continue;
        };
        match recorded.get_mut(name.as_str()) {
            Some(first) if first.embedding.len() == embedding.len() => {
                first.noise = first.noise.max(direction_distance(embedding, &first.embedding));
            }
            Some(_) => {}
            None => {
                let canary = Canary {
                    name: name.clone(),
                    text: text.clone(),
                    embedding: embedding.clone(),
                    noise: 0.0,
                    variants: Vec::new(),
                };
                recorded.insert(name, canary);
            }
        }
    }
    recorded.into_values().collect()
}

/// Rows with text and vector that are embedded again before a reference is built of them.
const CHECKED: usize = 64;

/// In what the vectors of a reference's observations, and of the canaries among them, differ from what the encoder makes of
/// their texts; `embedded` rows are its own.
pub(crate) fn differences_of(
    encoder: &Encoder,
    known: &EncoderReference,
    observations: &ObservationBatch,
    embedded: &[usize],
) -> Result<Vec<Difference>, Failure> {
    let rows = rows_with_both(observations, embedded);
    let every = rows.len().div_ceil(CHECKED).max(1);
    let rows = rows.into_iter().step_by(every).collect();
    let checks = spot_checks(encoder, observations, rows).map_err(|error| cannot_encode(&error))?;
    Ok(differences(known, observations, &checks))
}

/// Rows that came with text and vector; `embedded` ones did not.
pub(super) fn rows_with_both(batch: &ObservationBatch, embedded: &[usize]) -> Vec<usize> {
    (0..batch.len())
        .filter(|row| batch.text(*row).is_some() && embedded.binary_search(row).is_err())
        .collect()
}

/// What the encoder makes of these rows' texts, and of those that differ from it also what it would make with known faults.
pub(super) fn spot_checks(
    encoder: &Encoder,
    batch: &ObservationBatch,
    rows: Vec<usize>,
) -> Result<Vec<SpotCheck>, Error> {
    let texts: Vec<&str> = rows.iter().filter_map(|&row| batch.text(row)).collect();
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let made = encoder.encode(&texts)?;
    let expected = |at| vec![(String::new(), made.row(at).to_vec())];
    let mut checks: Vec<SpotCheck> = rows
        .into_iter()
        .enumerate()
        .map(|(at, row)| SpotCheck {
            row,
            expected: expected(at),
        })
        .collect();
    add_variants(encoder, batch, &mut checks)?;
    Ok(checks)
}

/// Of the rows that differ from what the encoder makes of them, what it would make of them with known faults.
fn add_variants(encoder: &Encoder, batch: &ObservationBatch, checks: &mut [SpotCheck]) -> Result<(), Error> {
    let mut differing: Vec<&mut SpotCheck> = checks
        .iter_mut()
        .filter(|check| direction_distance(batch.embedding(check.row), &check.expected[0].1) > SAME)
        .collect();
    let texts: Vec<&str> = differing
        .iter()
        .filter_map(|check| batch.text(check.row))
        .collect();
    if texts.is_empty() {
        return Ok(());
    }
    let dim = encoder.dim();
    for (name, made) in with_faults(encoder, &texts)? {
        for (check, made) in differing.iter_mut().zip(made.chunks_exact(dim)) {
            check.expected.push((name.clone(), made.to_vec()));
        }
    }
    Ok(())
}
