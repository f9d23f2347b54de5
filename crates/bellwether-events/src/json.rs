//! Observations and labels as JSON: one object a message or line, or several.

mod attributes;
mod probabilities;
mod record;
mod value;

#[cfg(test)]
mod tests;

use crate::batch::{LabelRow, ObservationBatchBuilder};
use crate::check::{self, missing};
use crate::encoder::canary_name;
use crate::floats::Floats;
use crate::raw::{self, RawPrediction, RawRow};
use crate::reject::{Fault, Reject, RejectReason};
use crate::schema::ModelSchema;
use record::{Arrays, Record, for_each_record};
use std::borrow::Cow;
use std::fmt::Write;
use value::{Embedding, EmbeddingForm, Scalar};

/// Reads JSON messages. Holds only buffers that are reused from record to record: keep one for each thread.
///
/// A message is one object, an array of objects, or objects one after the other (JSON lines); each object is a record of
/// its own. Fields beyond the contract's are ignored. Of `model_version`, `encoder_version` and `attributes` the strings and whole numbers are kept; what else they hold refuses no record. Every method returns the
/// number of records in the message, refused ones included; the [`Reject`]s carry the record's index within the message.
///
/// ```
/// use bellwether_events::{JsonDecoder, ModelSchema, ObservationBatch};
///
/// let schema = ModelSchema::from_json(r#"{"mood": {"kind": "classification", "labels": ["bad", "good"]}}"#, 2)?;
/// let mut builder = ObservationBatch::builder(&schema, 1);
/// let mut rejects = Vec::new();
/// let message = br#"{"event_id": "e1", "task": "mood", "timestamp": "2026-03-14T15:00:00Z",
///                    "embedding": [0.6, 0.8], "prediction": "good", "probabilities": {"good": 0.9, "bad": 0.1}}"#;
/// let records = JsonDecoder::default().observations(&schema, message, &mut builder, &mut rejects);
/// assert_eq!((records, rejects.len()), (1, 0));
/// assert_eq!(builder.finish().embedding(0), [0.6, 0.8]);
/// # Ok::<(), bellwether_events::SchemaError>(())
/// ```
#[derive(Debug, Default)]
pub struct JsonDecoder {
    arrays: Arrays,
    identifier: String,
}

impl JsonDecoder {
    /// Adds the message's observations to `builder` and its refused records to `rejects`.
    pub fn observations(
        &mut self,
        schema: &ModelSchema,
        message: &[u8],
        builder: &mut ObservationBatchBuilder,
        rejects: &mut Vec<Reject>,
    ) -> usize {
        let Self { arrays, identifier } = self;
        arrays.dim = schema.dim();
        for_each_record(message, arrays, rejects, |record, arrays| {
            push_observation(schema, record, arrays, identifier, builder)
        })
    }

    /// Adds the message's labels to `labels` and its refused records to `rejects`.
    pub fn labels(&mut self, message: &[u8], labels: &mut Vec<LabelRow>, rejects: &mut Vec<Reject>) -> usize {
        let Self { arrays, identifier } = self;
        for_each_record(message, arrays, rejects, |record, _| {
            let event_id = identifier_text(&record.event_id, identifier)?;
            let event_id = check::event_id(event_id)?.to_owned();
            let timestamp_ms = check::timestamp(timestamp(&record.timestamp)?)?;
            labels.push(LabelRow {
                event_id,
                timestamp_ms,
                label: label(&record.label)?,
            });
            Ok(())
        })
    }

    /// Adds the message's observations to `builder` and the truth of each to `labels`; a record without `label` is refused.
    /// `labels` grows by one wherever `builder` does.
    pub fn reference(
        &mut self,
        schema: &ModelSchema,
        message: &[u8],
        builder: &mut ObservationBatchBuilder,
        labels: &mut Vec<String>,
        rejects: &mut Vec<Reject>,
    ) -> usize {
        let Self { arrays, identifier } = self;
        arrays.dim = schema.dim();
        for_each_record(message, arrays, rejects, |record, arrays| {
            let is_canary = matches!(&record.event_id, Scalar::Text(id) if canary_name(id).is_some());
            if is_canary {
                return push_observation(schema, record, arrays, identifier, builder);
            }
            let label = label(&record.label)?;
            if let Scalar::Text(task) = &record.task {
                check::reference_label(schema, task, &label)?;
            }
            let before = builder.len();
            push_observation(schema, record, arrays, identifier, builder)?;
            labels.extend((builder.len() > before).then_some(label));
            Ok(())
        })
    }

    /// The width of the first embedding in the message that is written as an array of numbers; base64 does not tell
    /// whether it holds 16 or 32 bits a component.
    pub fn embedding_width(&mut self, message: &[u8]) -> Option<usize> {
        let mut width = None;
        self.arrays.dim = 0;
        for_each_record(message, &mut self.arrays, &mut Vec::new(), |_, arrays| {
            let embedding = &arrays.embedding;
            if embedding.form == EmbeddingForm::Numbers && !embedding.values.is_empty() {
                width = width.or(Some(embedding.values.len()));
            }
            Ok(())
        });
        width
    }
}

fn push_observation(
    schema: &ModelSchema,
    record: &Record<'_>,
    arrays: &mut Arrays,
    identifier: &mut String,
    builder: &mut ObservationBatchBuilder,
) -> Result<(), Fault> {
    let event_id = identifier_text(&record.event_id, identifier)?;
    let task = text("task", &record.task)?;
    let Arrays {
        embedding,
        probabilities,
        ..
    } = arrays;
    let (model_version, encoder_version) = (version(&record.model_version), version(&record.encoder_version));
    let components = match components(schema, embedding) {
        // Of another width, or whatever else: of an observation that is not the reference's it does not matter.
        Err(_) if check::is_of_encoder_alone(schema, event_id, encoder_version.as_deref()) => None,
        components => components?,
    };
    let row = RawRow {
        event_id,
        task,
        timestamp_ms: timestamp(&record.timestamp)?,
        text: text("text", &record.text)?,
        prediction: prediction(&record.prediction)?,
        probabilities: probabilities.resolve(schema, task.and_then(|name| schema.task(name)))?,
        embedding: components,
        attributes: &record.attributes.0,
        model_version: model_version.as_deref(),
        encoder_version: encoder_version.as_deref(),
    };
    check::push(schema, &row, builder)
}

fn wrong_type(field: &str, expected: &str, found: &Scalar<'_>) -> Fault {
    let found = found
        .kind()
        .map_or_else(|| "null".to_owned(), |kind| kind.to_string());
    Fault::new(
        RejectReason::InvalidField,
        format!("`{field}` must be {expected}, found {found}"),
    )
}

fn text<'a>(field: &str, value: &'a Scalar<'_>) -> Result<Option<&'a str>, Fault> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(text) => Ok(Some(text)),
        other => Err(wrong_type(field, "a string", other)),
    }
}

/// An identifier, with integers written out into `buffer`.
fn identifier_text<'a>(value: &'a Scalar<'_>, buffer: &'a mut String) -> Result<Option<&'a str>, Fault> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(text) => Ok(Some(text)),
        Scalar::Integer(number) => {
            buffer.clear();
            write!(buffer, "{number}").expect("writing to a string cannot fail");
            Ok(Some(buffer))
        }
        other => Err(wrong_type("event_id", "a string or an integer", other)),
    }
}

/// A version; of another type it says nothing, and refuses no record.
fn version<'a>(value: &'a Scalar<'_>) -> Option<Cow<'a, str>> {
    match value {
        Scalar::Text(version) => Some(Cow::Borrowed(version)),
        Scalar::Integer(version) => Some(Cow::Owned(version.to_string())),
        Scalar::Null | Scalar::Float(_) | Scalar::Other(_) => None,
    }
}

fn timestamp(value: &Scalar<'_>) -> Result<Option<i64>, Fault> {
    const EXPECTED: &str =
        "RFC 3339 with an offset (2026-03-14T15:00:00Z) or whole milliseconds since the epoch";
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(text) => {
            let time = raw::time_ms(text).ok_or_else(|| {
                Fault::new(
                    RejectReason::InvalidField,
                    format!("`timestamp` must be {EXPECTED}, found a string that is neither"),
                )
            })?;
            Ok(Some(time))
        }
        // What does not fit is far outside the range that is checked later.
        Scalar::Integer(ms) => Ok(Some(i64::try_from(*ms).unwrap_or(i64::MAX))),
        Scalar::Float(ms) if ms.fract() == 0.0 => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole, and out of range saturates"
            )]
            let ms = *ms as i64;
            Ok(Some(ms))
        }
        Scalar::Float(_) => Err(Fault::new(
            RejectReason::InvalidField,
            format!("`timestamp` must be {EXPECTED}, found a fraction"),
        )),
        other @ Scalar::Other(_) => Err(wrong_type("timestamp", EXPECTED, other)),
    }
}

fn prediction<'a>(value: &'a Scalar<'_>) -> Result<Option<RawPrediction<'a>>, Fault> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(text) => Ok(Some(RawPrediction::Text(text))),
        Scalar::Integer(number) => Ok(Some(RawPrediction::Number(*number as f64))),
        Scalar::Float(number) => Ok(Some(RawPrediction::Number(*number))),
        other @ Scalar::Other(_) => Err(wrong_type("prediction", "a string or a number", other)),
    }
}

fn label(value: &Scalar<'_>) -> Result<String, Fault> {
    match value {
        Scalar::Null => Err(missing("label")),
        Scalar::Text(text) => check::label(Some(text)).map(str::to_owned),
        Scalar::Integer(number) => Ok(number.to_string()),
        Scalar::Float(number) => Ok(number.to_string()),
        other @ Scalar::Other(_) => Err(wrong_type("label", "a string or a number", other)),
    }
}

fn components<'a>(schema: &ModelSchema, embedding: &'a Embedding) -> Result<Option<Floats<'a>>, Fault> {
    let invalid = |found: String| {
        Err(Fault::new(
            RejectReason::InvalidField,
            format!(
                "`embedding` must be an array of numbers or base64 of little-endian floats, found {found}"
            ),
        ))
    };
    match embedding.form {
        EmbeddingForm::Absent => Ok(None),
        EmbeddingForm::Numbers => Ok(Some(Floats::F32(&embedding.values))),
        EmbeddingForm::Bytes(bytes) => Err(check::embedding_width(
            schema,
            &format!("{bytes} bytes of base64 (2 or 4 a component)"),
        )),
        EmbeddingForm::NotBase64 => invalid("a string that is not base64".to_owned()),
        EmbeddingForm::Holds(kind) => invalid(format!("{kind} in the array")),
        EmbeddingForm::Is(kind) => invalid(kind.to_string()),
    }
}
