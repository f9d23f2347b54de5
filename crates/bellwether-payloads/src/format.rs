//! Which format a record has: as the topic is configured, or as the record itself says.

use crate::kserve::EVENT_TYPE_PREFIX;
use crate::record::Record;

/// What a topic carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Whatever each record says: by its headers, or its first bytes.
    #[default]
    Auto,
    /// JSON.
    Json,
    /// Arrow IPC.
    Arrow,
    /// The product's own Protobuf messages.
    Protobuf,
    /// Avro, Protobuf or JSON in the Confluent wire format, by a schema registry.
    Confluent,
    /// KServe's inference logger; only observations.
    Kserve,
    /// SageMaker's ground truth; only labels.
    Sagemaker,
}

/// What one record carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    Json,
    Arrow,
    Protobuf,
    Confluent,
    Kserve,
    Sagemaker,
}

/// Content types under which Arrow IPC travels.
const ARROW_TYPES: [&str; 2] = [
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
];

/// Content types under which Protobuf travels.
const PROTOBUF_TYPES: [&str; 3] = [
    "application/x-protobuf",
    "application/protobuf",
    "application/vnd.google.protobuf",
];

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::Json,
        Self::Arrow,
        Self::Protobuf,
        Self::Confluent,
        Self::Kserve,
        Self::Sagemaker,
    ];

    /// The format that a record says it has, by its headers or first bytes.
    #[must_use]
    pub fn recognise(record: &Record<'_>) -> Self {
        match recognised(record) {
            Carried::Json => Self::Json,
            Carried::Arrow => Self::Arrow,
            Carried::Protobuf => Self::Protobuf,
            Carried::Confluent => Self::Confluent,
            Carried::Kserve => Self::Kserve,
            Carried::Sagemaker => Self::Sagemaker,
        }
    }

    /// The format of one record.
    pub(crate) fn of(self, record: &Record<'_>) -> Carried {
        match self {
            Self::Auto => recognised(record),
            Self::Json => Carried::Json,
            Self::Arrow => Carried::Arrow,
            Self::Protobuf => Carried::Protobuf,
            Self::Confluent => Carried::Confluent,
            Self::Kserve => Carried::Kserve,
            Self::Sagemaker => Carried::Sagemaker,
        }
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Arrow => "arrow",
            Self::Protobuf => "protobuf",
            Self::Confluent => "confluent",
            Self::Kserve => "kserve",
            Self::Sagemaker => "sagemaker",
        }
    }
}

fn recognised(record: &Record<'_>) -> Carried {
    if !record.headers.is_empty() {
        let content_type = record.content_type();
        let by_header = match content_type {
            Some("application/cloudevents+json") => Some(Carried::Kserve),
            Some(kind) if ARROW_TYPES.contains(&kind) => Some(Carried::Arrow),
            Some(kind) if PROTOBUF_TYPES.contains(&kind) => Some(Carried::Protobuf),
            _ => None,
        };
        let logger = record
            .header_text("ce_type")
            .is_some_and(|kind| kind.starts_with(EVENT_TYPE_PREFIX));
        if logger {
            return Carried::Kserve;
        }
        if let Some(carried) = by_header {
            return carried;
        }
        if content_type.is_some() && record.payload.first() != Some(&0) {
            return Carried::Json;
        }
    }
    match record.payload {
        // No JSON, Arrow or Protobuf starts with a zero.
        [0, ..] => Carried::Confluent,
        // An IPC stream starts with the continuation marker, an IPC file with its magic; JSON with neither.
        [0xFF, 0xFF, 0xFF, 0xFF, ..] => Carried::Arrow,
        payload if payload.starts_with(b"ARROW1") => Carried::Arrow,
        _ => Carried::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Position;

    fn of(headers: &[(&str, &[u8])], payload: &[u8]) -> Carried {
        Format::Auto.of(&Record {
            topic: "t",
            position: Position {
                partition: 0,
                offset: 0,
            },
            key: None,
            headers,
            timestamp_ms: None,
            payload,
        })
    }

    #[test]
    fn headers_tell_the_format_and_first_bytes_where_they_do_not() {
        let content_type = |kind: &'static str| of(&[("Content-Type", kind.as_bytes())], b"{}");
        assert_eq!(content_type("application/json; charset=utf-8"), Carried::Json);
        assert_eq!(content_type("application/x-protobuf"), Carried::Protobuf);
        assert_eq!(
            content_type("application/vnd.apache.arrow.stream"),
            Carried::Arrow
        );
        assert_eq!(
            content_type("application/cloudevents+json; charset=UTF-8"),
            Carried::Kserve
        );
        let event: (&str, &[u8]) = ("ce_type", b"org.kubeflow.serving.inference.request");
        assert_eq!(
            of(&[("content-type", b"application/json"), event], b"{}"),
            Carried::Kserve
        );
        assert_eq!(of(&[], b" {}"), Carried::Json);
        assert_eq!(of(&[], &[0, 0, 0, 0, 1]), Carried::Confluent);
        assert_eq!(of(&[], &[0xFF; 8]), Carried::Arrow);
        assert_eq!(of(&[], b"ARROW1\0\0"), Carried::Arrow);
        assert_eq!(of(&[], b""), Carried::Json);
        assert_eq!(of(&[("trace", b"1")], &[0xFF; 8]), Carried::Arrow);
        assert_eq!(
            of(&[("content-type", b"application/json")], &[0xFF; 8]),
            Carried::Json
        );
    }
}
