//! From bytes to records: one object, an array of objects, or objects one after the other (JSON lines).

use super::attributes::AttributesField;
use super::probabilities::{Probabilities, ProbabilitiesSeed};
use super::value::{Embedding, EmbeddingSeed, Kind, Scalar};
use crate::check::non_finite;
use crate::reject::{Fault, Reject, RejectReason};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::fmt;

/// The fields of one record, borrowed from the message where it has no escapes.
#[derive(Debug, Default)]
pub(crate) struct Record<'de> {
    pub(crate) event_id: Scalar<'de>,
    pub(crate) task: Scalar<'de>,
    pub(crate) timestamp: Scalar<'de>,
    pub(crate) text: Scalar<'de>,
    pub(crate) prediction: Scalar<'de>,
    pub(crate) label: Scalar<'de>,
    pub(crate) attributes: AttributesField<'de>,
    pub(crate) model_version: Scalar<'de>,
    pub(crate) encoder_version: Scalar<'de>,
}

/// Where the arrays of a record go. Reused, so that a stream settles into no allocation for them.
#[derive(Debug, Default)]
pub(crate) struct Arrays {
    pub(crate) embedding: Embedding,
    pub(crate) probabilities: Probabilities,
    /// The components that base64 is expected to hold.
    pub(crate) dim: usize,
    /// The field being read, to name it when a number in it is not JSON.
    field: Option<&'static str>,
}

impl Arrays {
    fn clear(&mut self) {
        self.embedding.clear();
        self.probabilities.clear();
        self.field = None;
    }
}

/// Calls `accept` for each record of the message and returns how many records there were, counting what could not be read.
/// Faults go to `rejects` with the record's index.
pub(crate) fn for_each_record<'de>(
    message: &'de [u8],
    arrays: &mut Arrays,
    rejects: &mut Vec<Reject>,
    mut accept: impl FnMut(&Record<'de>, &mut Arrays) -> Result<(), Fault>,
) -> usize {
    let message = message
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(message)
        .trim_ascii();
    if message.is_empty() {
        rejects.push(Fault::new(RejectReason::Malformed, "the message is empty").at(0));
        return 1;
    }
    let mut row = 0;
    for part in parts(message) {
        arrays.clear();
        let mut json = serde_json::Deserializer::from_slice(part);
        while json.end().is_err() {
            let top = Top {
                arrays,
                rejects,
                row: &mut row,
                accept: &mut accept,
            };
            if let Err(error) = top.deserialize(&mut json) {
                rejects.push(syntax_fault(&error, part, arrays.field).at(row));
                row += 1;
                break;
            }
        }
    }
    row
}

/// The message cut before every line that begins with an opening brace, so that one broken line of several costs no other.
/// Neither a string nor the usual indented layouts have such a line inside a value; an array of records is one value.
fn parts(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let cuts = if message.starts_with(b"[") { &[] } else { message };
    let mut start = 0;
    memchr::memchr_iter(b'\n', cuts)
        .filter(|&at| message.get(at + 1) == Some(&b'{'))
        .chain([message.len()])
        .map(move |end| &message[std::mem::replace(&mut start, end)..end])
}

fn syntax_fault(error: &serde_json::Error, message: &[u8], field: Option<&'static str>) -> Fault {
    if let Some(field) = field
        && is_non_finite_number(error, message)
    {
        return non_finite(field);
    }
    // A message of the data category could repeat a value; the others are fixed texts with a position.
    let what = match error.classify() {
        Category::Data | Category::Io => "unexpected value".to_owned(),
        Category::Syntax | Category::Eof => error.to_string(),
    };
    Fault::new(
        RejectReason::Malformed,
        format!("the message is not valid JSON: {what}"),
    )
}

/// Python's `json` and others write NaN and infinities as words that JSON does not have, and an exponent may be too large.
fn is_non_finite_number(error: &serde_json::Error, message: &[u8]) -> bool {
    if error.to_string().starts_with("number out of range") {
        return true;
    }
    let line = line_start(message, error.line());
    // The column points at the first letter or just behind it, depending on how far the parser had looked.
    let at = line + error.column();
    (at.saturating_sub(2)..=at).any(|start| {
        message
            .get(start..)
            .is_some_and(|rest| rest.starts_with(b"NaN") || rest.starts_with(b"Infinity"))
    })
}

/// Where a line starts, counted from one.
fn line_start(message: &[u8], line: usize) -> usize {
    let breaks = memchr::memchr_iter(b'\n', message);
    line.checked_sub(2)
        .and_then(|before| { breaks }.nth(before))
        .map_or(0, |at| at + 1)
}

/// One value of the message: a record, or an array of records.
struct Top<'s, F> {
    arrays: &'s mut Arrays,
    rejects: &'s mut Vec<Reject>,
    row: &'s mut usize,
    accept: &'s mut F,
}

impl<'de, F: FnMut(&Record<'de>, &mut Arrays) -> Result<(), Fault>> Top<'_, F> {
    fn take(&mut self, value: &Value<'de>) {
        let outcome = match value {
            Value::Record(record) => (self.accept)(record, self.arrays),
            Value::Other(kind) => {
                let found = kind.map_or_else(|| "null".to_owned(), |kind| kind.to_string());
                Err(Fault::new(
                    RejectReason::Malformed,
                    format!("a record must be a JSON object, found {found}"),
                ))
            }
        };
        if let Err(fault) = outcome {
            self.rejects.push(fault.at(*self.row));
        }
        *self.row += 1;
    }
}

impl<'de, F: FnMut(&Record<'de>, &mut Arrays) -> Result<(), Fault>> DeserializeSeed<'de> for Top<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&Record<'de>, &mut Arrays) -> Result<(), Fault>> Visitor<'de> for Top<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let record = RecordSeed(self.arrays).visit_map(map)?;
        self.take(&record);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element_seed(RecordSeed(self.arrays))? {
            self.take(&value);
        }
        Ok(())
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.take(&Value::Other(None));
        Ok(())
    }

    fn visit_bool<E>(mut self, _: bool) -> Result<(), E> {
        self.take(&Value::Other(Some(Kind::Boolean)));
        Ok(())
    }

    fn visit_i64<E>(mut self, _: i64) -> Result<(), E> {
        self.take(&Value::Other(Some(Kind::Number)));
        Ok(())
    }

    fn visit_u64<E>(mut self, _: u64) -> Result<(), E> {
        self.take(&Value::Other(Some(Kind::Number)));
        Ok(())
    }

    fn visit_f64<E>(mut self, _: f64) -> Result<(), E> {
        self.take(&Value::Other(Some(Kind::Number)));
        Ok(())
    }

    fn visit_str<E>(mut self, _: &str) -> Result<(), E> {
        self.take(&Value::Other(Some(Kind::Text)));
        Ok(())
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack: a box would allocate for every record"
)]
enum Value<'de> {
    Record(Record<'de>),
    Other(Option<Kind>),
}

/// Reads one object; anything else is remembered by its kind.
struct RecordSeed<'s>(&'s mut Arrays);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    EventId,
    Task,
    Timestamp,
    Text,
    Embedding,
    Prediction,
    Probabilities,
    Label,
    Attributes,
    ModelVersion,
    EncoderVersion,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let arrays = self.0;
        arrays.clear();
        let mut record = Record::default();
        while let Some(field) = map.next_key::<Field>()? {
            arrays.field = None;
            match field {
                Field::EventId => record.event_id = map.next_value()?,
                Field::Task => record.task = map.next_value()?,
                Field::Timestamp => record.timestamp = map.next_value()?,
                Field::Text => record.text = map.next_value()?,
                Field::Label => record.label = map.next_value()?,
                Field::Attributes => record.attributes = map.next_value()?,
                Field::ModelVersion => record.model_version = map.next_value()?,
                Field::EncoderVersion => record.encoder_version = map.next_value()?,
                Field::Prediction => {
                    arrays.field = Some("prediction");
                    record.prediction = map.next_value()?;
                }
                Field::Embedding => {
                    arrays.field = Some("embedding");
                    map.next_value_seed(EmbeddingSeed {
                        into: &mut arrays.embedding,
                        dim: arrays.dim,
                    })?;
                }
                Field::Probabilities => {
                    arrays.field = Some("probabilities");
                    map.next_value_seed(ProbabilitiesSeed(&mut arrays.probabilities))?;
                }
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        arrays.field = None;
        Ok(Value::Record(record))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other(Some(Kind::Array)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Other(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Value::Other(Some(Kind::Boolean)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::Other(Some(Kind::Number)))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Value::Other(Some(Kind::Number)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Other(Some(Kind::Number)))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Value::Other(Some(Kind::Text)))
    }
}
