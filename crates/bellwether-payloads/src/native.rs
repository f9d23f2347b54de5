//! The product's own Protobuf messages, as `docs/proto/bellwether.proto` publishes them.

use crate::value::Value;
use crate::vector;
use bellwether_events::raw::{self, Floats, RawPrediction, RawProbabilities, RawRow};
use bellwether_events::{
    Attribute, Fault, LabelRow, ModelSchema, ObservationBatchBuilder, Reject, RejectReason,
};
use prost::Message;
use std::collections::BTreeMap;

/// Predictions of one or more tasks.
#[derive(Clone, PartialEq, Message)]
pub struct ObservationBatch {
    /// The predictions.
    #[prost(message, repeated, tag = "1")]
    pub observations: Vec<Observation>,
}

/// One prediction of one task.
#[derive(Clone, PartialEq, Message)]
pub struct Observation {
    /// Unique within the stream.
    #[prost(string, tag = "1")]
    pub event_id: String,
    /// The task whose head was asked.
    #[prost(string, tag = "2")]
    pub task: String,
    /// When the prediction was made, in milliseconds since the epoch.
    #[prost(int64, tag = "3")]
    pub timestamp_ms: i64,
    /// The input.
    #[prost(string, optional, tag = "4")]
    pub text: Option<String>,
    /// The shared encoder's output.
    #[prost(float, repeated, tag = "5")]
    pub embedding: Vec<f32>,
    /// The same as little-endian bytes.
    #[prost(bytes = "vec", optional, tag = "6")]
    pub embedding_bytes: Option<Vec<u8>>,
    /// A class, a number, or tags.
    #[prost(string, tag = "7")]
    pub prediction: String,
    /// In the order of the task's labels.
    #[prost(float, repeated, tag = "8")]
    pub probabilities: Vec<f32>,
    /// The same by label.
    #[prost(btree_map = "string, float", tag = "9")]
    pub probability_of: BTreeMap<String, f32>,
    /// Version of the model.
    #[prost(string, optional, tag = "10")]
    pub model_version: Option<String>,
    /// Version of the encoder.
    #[prost(string, optional, tag = "11")]
    pub encoder_version: Option<String>,
    /// What cuts the traffic into slices.
    #[prost(btree_map = "string, string", tag = "12")]
    pub attributes: BTreeMap<String, String>,
}

/// Truths that became known.
#[derive(Clone, PartialEq, Message)]
pub struct LabelBatch {
    /// The truths.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
}

/// The truth of one observation.
#[derive(Clone, PartialEq, Message)]
pub struct Label {
    /// The observation that it belongs to.
    #[prost(string, tag = "1")]
    pub event_id: String,
    /// When it became known, in milliseconds since the epoch.
    #[prost(int64, tag = "2")]
    pub timestamp_ms: i64,
    /// Written like the prediction.
    #[prost(string, tag = "3")]
    pub label: String,
    /// The task.
    #[prost(string, optional, tag = "4")]
    pub task: Option<String>,
}

/// The message as it is, without looking at what it means; none when the bytes are no such message.
#[must_use]
pub fn observation_batch(payload: &[u8]) -> Option<ObservationBatch> {
    ObservationBatch::decode(payload).ok()
}

/// As [`observation_batch`], of labels.
#[must_use]
pub fn label_batch(payload: &[u8]) -> Option<LabelBatch> {
    LabelBatch::decode(payload).ok()
}

/// Adds the observations of a payload to the batch. Refused ones carry their index in the payload.
///
/// # Errors
/// A [`Fault`] for the whole payload when the bytes are no such message; then nothing was added.
pub fn observations(
    schema: &ModelSchema,
    payload: &[u8],
    builder: &mut ObservationBatchBuilder,
    rejects: &mut Vec<Reject>,
) -> Result<(), Fault> {
    let batch = ObservationBatch::decode(payload).map_err(|error| malformed("ObservationBatch", &error))?;
    if batch.observations.is_empty() {
        return Err(empty("ObservationBatch"));
    }
    for (row, observation) in batch.observations.iter().enumerate() {
        if let Err(fault) = push(schema, observation, builder) {
            rejects.push(fault.at(row));
        }
    }
    Ok(())
}

/// Adds the labels of a payload; otherwise as [`observations`].
///
/// # Errors
/// As [`observations`].
pub fn labels(payload: &[u8], labels: &mut Vec<LabelRow>, rejects: &mut Vec<Reject>) -> Result<(), Fault> {
    let batch = LabelBatch::decode(payload).map_err(|error| malformed("LabelBatch", &error))?;
    if batch.labels.is_empty() {
        return Err(empty("LabelBatch"));
    }
    for (row, label) in batch.labels.iter().enumerate() {
        match raw::label(
            given(&label.event_id),
            time(label.timestamp_ms),
            given(&label.label),
        ) {
            Ok(label) => labels.push(label),
            Err(fault) => rejects.push(fault.at(row)),
        }
    }
    Ok(())
}

fn push(
    schema: &ModelSchema,
    observation: &Observation,
    builder: &mut ObservationBatchBuilder,
) -> Result<(), Fault> {
    let mut from_bytes = Vec::new();
    if let Some(bytes) = &observation.embedding_bytes {
        if !observation.embedding.is_empty() {
            return Err(Fault::new(
                RejectReason::InvalidField,
                "`embedding` and `embedding_bytes` are both set; send one of them",
            ));
        }
        let read = vector::read(
            "embedding_bytes",
            &Value::Bytes(bytes.clone()),
            Some(schema.dim()),
            &mut from_bytes,
        );
        let (event_id, version) = (
            given(&observation.event_id),
            observation.encoder_version.as_deref(),
        );
        if !raw::is_of_encoder_alone(schema, event_id, version) {
            read?;
        }
    }
    let embedding = if observation.embedding.is_empty() {
        &from_bytes
    } else {
        &observation.embedding
    };
    let mut by_label = Vec::new();
    let probabilities = if observation.probability_of.is_empty() {
        &observation.probabilities
    } else {
        let named = observation
            .probability_of
            .iter()
            .map(|(label, p)| (label.as_str(), *p));
        raw::probabilities_by_label(schema, schema.task(&observation.task), named, &mut by_label)?;
        &by_label
    };
    let attributes: Vec<Attribute<'_>> = observation
        .attributes
        .iter()
        .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
        .collect();
    let row = RawRow {
        event_id: given(&observation.event_id),
        task: given(&observation.task),
        timestamp_ms: time(observation.timestamp_ms),
        text: observation.text.as_deref(),
        prediction: given(&observation.prediction).map(RawPrediction::Text),
        probabilities: RawProbabilities {
            values: probabilities,
            width: None,
        },
        embedding: (!embedding.is_empty()).then_some(Floats::F32(embedding)),
        attributes: &attributes,
        model_version: observation.model_version.as_deref(),
        encoder_version: observation.encoder_version.as_deref(),
    };
    raw::push(schema, &row, builder)
}

/// Protobuf writes an unset text as an empty one.
fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Protobuf writes an unset time as zero, and no prediction was made at the epoch.
fn time(ms: i64) -> Option<i64> {
    (ms != 0).then_some(ms)
}

fn malformed(message: &str, error: &prost::DecodeError) -> Fault {
    Fault::new(
        RejectReason::Malformed,
        format!(
            "the payload is no `bellwether.v1.{message}`: {error}; send the message of docs/proto/bellwether.proto"
        ),
    )
}

fn empty(message: &str) -> Fault {
    Fault::new(
        RejectReason::Malformed,
        format!("the `bellwether.v1.{message}` is empty; send at least one row"),
    )
}

#[cfg(test)]
mod tests;
