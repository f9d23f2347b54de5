//! Ground truth as SageMaker takes it: labels beside the identifier of the event that they belong to.

use crate::mapping::LabelFields;
use crate::scalar::TimeUnit;
use crate::source::{Context, Sources};
use crate::value::Value;
use crate::vector;
use bellwether_events::{Fault, LabelRow, RejectReason};

/// Where the columns of a label are. The format has no time of its own, so that of the record is taken where none was added.
#[must_use]
pub fn fields() -> LabelFields {
    let field = Sources::of;
    LabelFields {
        event_id: field("eventMetadata.inferenceId | eventMetadata.eventId"),
        timestamp: field("eventMetadata.eventTime | eventTime | kafka:timestamp"),
        timestamp_unit: TimeUnit::Milliseconds,
        label: field("groundTruthData.data"),
    }
}

/// Reads one record.
///
/// # Errors
/// A [`Fault`] when a column is missing, or the data is in an encoding that is not read.
pub(crate) fn read(fields: &LabelFields, context: Context<'_>) -> Result<LabelRow, Fault> {
    let encoding = context
        .value
        .get("groundTruthData")
        .and_then(|data| data.get("encoding"))
        .and_then(Value::as_str)
        .unwrap_or("CSV")
        .to_ascii_uppercase();
    let mut row = fields.read(context)?;
    let wrong = |what: &str| {
        Fault::new(
            RejectReason::InvalidField,
            format!("`groundTruthData.data` {what}; send one label a record, as CSV, JSON or BASE64"),
        )
    };
    row.label = match encoding.as_str() {
        "CSV" => csv_field(row.label.trim()).ok_or_else(|| wrong("holds more than one CSV field"))?,
        "JSON" => match Value::from_json(row.label.as_bytes()) {
            Ok(Value::Text(text)) => text,
            Ok(Value::Int(number)) => number.to_string(),
            Ok(Value::Float(number)) => number.to_string(),
            Ok(other) => return Err(wrong(&format!("is {} in JSON", other.kind()))),
            Err(_) => return Err(wrong("is not JSON, though `encoding` says so")),
        },
        "BASE64" => vector::base64(&row.label)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| wrong("is not base64 of text, though `encoding` says so"))?,
        _ => return Err(wrong("has an `encoding` that is not read")),
    };
    if row.label.trim().is_empty() {
        return Err(Fault::new(
            RejectReason::MissingField,
            "`groundTruthData.data` holds an empty label; send the truth as the prediction is written",
        ));
    }
    Ok(row)
}

/// The one field of a CSV line, without its quotes.
fn csv_field(line: &str) -> Option<String> {
    match line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => {
            let unescaped = inner.replace("\"\"", "\u{0}");
            (!unescaped.contains('"')).then(|| unescaped.replace('\u{0}', "\""))
        }
        None => (!line.contains([',', '\n'])).then(|| line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Position, Record};

    fn label(json: &str) -> Result<LabelRow, String> {
        let value = Value::from_json(json.as_bytes()).expect("JSON");
        let record = Record {
            topic: "labels",
            position: Position {
                partition: 0,
                offset: 0,
            },
            key: None,
            headers: &[],
            timestamp_ms: Some(5),
            payload: b"",
        };
        let context = Context {
            record: &record,
            value: &value,
        };
        read(&fields(), context).map_err(|fault| fault.to_string())
    }

    #[test]
    fn labels_are_read_in_every_encoding() {
        let of = |data: &str, encoding: &str| {
            label(&format!(
                r#"{{"groundTruthData": {{"data": {data}, "encoding": "{encoding}"}},
                    "eventMetadata": {{"eventId": "e1"}}, "eventVersion": "0"}}"#
            ))
            .map(|row| (row.event_id, row.timestamp_ms, row.label))
        };
        let expected = |text: &str| Ok(("e1".to_owned(), 5, text.to_owned()));
        assert_eq!(of("\"1\"", "CSV"), expected("1"));
        assert_eq!(
            of("\"\\\"a, \\\"\\\"b\\\"\\\"\\\"\"", "CSV"),
            expected("a, \"b\"")
        );
        assert_eq!(of("\"\\\"pay\\\"\"", "JSON"), expected("pay"));
        assert_eq!(of("\"cGF5\"", "BASE64"), expected("pay"));
        assert!(
            of("\"1,2\"", "CSV")
                .expect_err("two")
                .contains("more than one CSV field")
        );
        assert!(
            of("\"[1]\"", "JSON")
                .expect_err("a list")
                .contains("is an array in JSON")
        );
        assert!(
            of("\"x\"", "XML")
                .expect_err("unknown")
                .contains("`encoding` that is not read")
        );
    }

    #[test]
    fn an_inference_id_and_a_time_are_preferred() {
        let row = label(
            r#"{"groundTruthData": {"data": 3},
                "eventMetadata": {"eventId": "e1", "inferenceId": "i1", "eventTime": "2026-03-14T15:00:00Z"}}"#,
        );
        let row = row.expect("a label");
        assert_eq!(
            (row.event_id.as_str(), row.timestamp_ms, row.label.as_str()),
            ("i1", 1_773_500_400_000, "3")
        );
        let error = label(r#"{"groundTruthData": {"data": "1"}}"#).expect_err("no event");
        assert!(error.contains("`event_id` is missing"), "{error}");
    }
}
