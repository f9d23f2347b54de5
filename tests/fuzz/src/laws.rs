//! What every decoder promises, whatever it is given.

use bellwether_events::{
    Fault, LabelRow, ModelSchema, ObservationBatch, Prediction, Reject, RejectReason, TaskKind,
};
use bellwether_payloads::{Outcome, PayloadDecoder, Record};
use std::sync::LazyLock;

/// Milliseconds since the epoch of the years 0 to 9999.
const TIMES_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;
/// Above one by what rounding may add up to.
const MAX_PROBABILITY: f32 = 1.001;
/// Longest version of a model that is kept.
const MAX_VERSION_BYTES: usize = 120;

/// Tasks of each kind, with embeddings of two components.
pub(crate) fn schema() -> &'static ModelSchema {
    static SCHEMA: LazyLock<ModelSchema> = LazyLock::new(|| {
        let tasks = r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]},
            "slots": {"kind": "sequence_labelling", "labels": ["O", "B-x"]}, "score": {"kind": "regression"}}"#;
        ModelSchema::from_json(tasks, 2).expect("a sound schema")
    });
    &SCHEMA
}

/// What became of some records, in a form that compares NaN with NaN.
#[derive(Debug, PartialEq)]
struct Said {
    observations: Vec<String>,
    labels: Vec<LabelRow>,
    outcomes: Vec<String>,
}

/// Decodes records as one stream, once as observations and once as labels, and again: nothing vanishes, nothing unsound is
/// taken, refusals are explained, and the same is said twice.
pub(crate) fn decode(mut decoder: impl FnMut() -> PayloadDecoder, records: &[Record<'_>]) {
    let first = decode_with(&mut decoder(), records);
    assert_eq!(first, decode_with(&mut decoder(), records), "said twice");
}

/// The same with a decoder that keeps nothing from record to record, and so may be used again.
pub(crate) fn decode_again(decoder: &mut PayloadDecoder, record: &Record<'_>) {
    let first = decode_with(decoder, &[*record]);
    assert_eq!(first, decode_with(decoder, &[*record]), "said twice");
}

fn decode_with(decoder: &mut PayloadDecoder, records: &[Record<'_>]) -> Said {
    let schema = schema();
    let mut builder = ObservationBatch::builder(schema, records.len());
    let mut labels = Vec::new();
    let mut outcomes = Vec::new();
    decoder
        .prepare(records.iter().copied(), records.iter().copied())
        .expect("the schemas are in memory");
    for record in records {
        let before = builder.len();
        let outcome = decoder.observations(schema, record, &mut builder);
        check_outcome(&outcome, builder.len() - before);
        outcomes.push(said(outcome));
        let before = labels.len();
        let outcome = decoder.labels(record, &mut labels);
        check_outcome(&outcome, labels.len() - before);
        outcomes.push(said(outcome));
    }
    let batch = builder.finish();
    check_observations(schema, &batch);
    check_labels(&labels);
    Said {
        observations: contents(&batch),
        labels,
        outcomes,
    }
}

/// The outcome, but for the sentence about a schema: of several that are broken, Apache's parser of Avro complains of any.
fn said(mut outcome: Outcome) -> String {
    for reject in &mut outcome.rejects {
        if reject.reason == RejectReason::Schema {
            reject.detail.clear();
        }
    }
    format!("{outcome:?}")
}

/// A record gave rows, was refused, or waits for another; a refusal says why.
fn check_outcome(outcome: &Outcome, rows: usize) {
    let waits = outcome.waits_at_ms.is_some();
    let refused = !outcome.rejects.is_empty();
    assert!(rows > 0 || refused || waits, "a record vanished");
    if let Some(time_ms) = outcome.waits_at_ms {
        assert!(TIMES_MS.contains(&time_ms), "it waits at {time_ms}");
    }
    check_rejects(&outcome.rejects);
    for back in &outcome.given_back {
        check_rejects(std::slice::from_ref(&back.reject));
    }
}

pub(crate) fn check_rejects(rejects: &[Reject]) {
    for Reject { reason, detail, .. } in rejects {
        check_fault(&Fault::new(*reason, detail.clone()));
    }
}

pub(crate) fn check_fault(fault: &Fault) {
    assert!(RejectReason::ALL.contains(&fault.reason), "{fault}");
    assert!(!fault.detail.trim().is_empty(), "{fault}");
}

/// What `check` of `bellwether-events` lets pass.
pub(crate) fn check_observations(schema: &ModelSchema, batch: &ObservationBatch) {
    let rows = batch.len();
    assert_eq!(batch.embeddings().len(), rows * schema.dim());
    assert!(batch.embeddings().iter().all(|x| x.is_finite()));
    for row in 0..rows {
        assert!(!batch.event_id(row).is_empty());
        assert!(TIMES_MS.contains(&batch.timestamps_ms()[row]));
        let spec = schema.spec(batch.tasks()[row]);
        let probabilities = batch.class_probabilities(row);
        assert!(probabilities.iter().all(|p| (0.0..=MAX_PROBABILITY).contains(p)));
        match (spec.kind, batch.prediction(row)) {
            (TaskKind::Classification, Prediction::Class(class)) => {
                assert!((class as usize) < spec.labels.len());
                assert!(probabilities.is_empty() || probabilities.len() == spec.labels.len());
            }
            (TaskKind::SequenceLabelling, Prediction::Tags(tags)) => {
                assert!(tags.split_whitespace().count() > 0);
                let known = |tag| spec.labels.iter().any(|label| label == tag);
                assert!(tags.split_whitespace().all(known));
            }
            (TaskKind::Regression, Prediction::Value(value)) => assert!(value.is_finite()),
            (kind, prediction) => panic!("{prediction:?} of a task of kind {kind:?}"),
        }
        let confidence = batch.confidences()[row];
        assert!(confidence.is_nan() || confidence >= 0.0, "{confidence}");
        if let Some(version) = batch.model_version(row) {
            let version = &batch.model_versions()[version as usize];
            assert!((1..=MAX_VERSION_BYTES).contains(&version.len()));
        }
    }
}

pub(crate) fn check_labels(labels: &[LabelRow]) {
    for label in labels {
        assert!(!label.event_id.is_empty() && !label.label.trim().is_empty());
        assert!(TIMES_MS.contains(&label.timestamp_ms));
    }
}

/// Everything a batch says.
fn contents(batch: &ObservationBatch) -> Vec<String> {
    let bits = |floats: &[f32]| -> Vec<u32> { floats.iter().map(|x| x.to_bits()).collect() };
    (0..batch.len())
        .map(|row| {
            format!(
                "{:?}",
                (
                    batch.event_id(row),
                    batch.tasks()[row],
                    batch.timestamps_ms()[row],
                    batch.text(row),
                    batch.prediction(row),
                    batch.confidences()[row].to_bits(),
                    bits(batch.embedding(row)),
                    bits(batch.class_probabilities(row)),
                    batch.attributes(row).collect::<Vec<_>>(),
                    batch.model_version(row),
                )
            )
        })
        .collect()
}
