//! Where a field of the contract is in a foreign record.

use crate::path::{Path, PathError};
use crate::record::Record;
use crate::value::Value;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// One place to look at.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A path in the record's value; written as the path itself, or `value:` and the path.
    Path(Path),
    /// A header, written `header:NAME`.
    Header(String),
    /// The topic's name, written `kafka:topic`.
    Topic,
    /// The record's key, written `kafka:key`.
    Key,
    /// The record's timestamp, written `kafka:timestamp`.
    Timestamp,
    /// Always the same, written `constant:VALUE`.
    Constant(Value),
}

/// Places to look at in turn, written with ` | ` between them; the first that holds something counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Sources(Vec<Source>);

/// Why a text names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The path cannot be read.
    #[error("`{path}` is no path: {error}")]
    Path {
        /// The text.
        path: String,
        /// What is wrong with it.
        error: PathError,
    },
    /// What follows `kafka:` is unknown.
    #[error("`kafka:{0}` is unknown; a record has kafka:topic, kafka:key and kafka:timestamp")]
    Kafka(String),
    /// A header or constant without a name or value.
    #[error("nothing follows `{0}`")]
    Nothing(&'static str),
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let text = text.trim();
        if let Some(name) = text.strip_prefix("header:") {
            return if name.is_empty() {
                Err(SourceError::Nothing("header:"))
            } else {
                Ok(Self::Header(name.to_owned()))
            };
        }
        if let Some(value) = text.strip_prefix("constant:") {
            return if value.is_empty() {
                Err(SourceError::Nothing("constant:"))
            } else {
                Ok(Self::Constant(Value::Text(value.to_owned())))
            };
        }
        if let Some(part) = text.strip_prefix("kafka:") {
            return match part {
                "topic" => Ok(Self::Topic),
                "key" => Ok(Self::Key),
                "timestamp" => Ok(Self::Timestamp),
                other => Err(SourceError::Kafka(other.to_owned())),
            };
        }
        let path = text.strip_prefix("value:").unwrap_or(text);
        path.parse().map(Self::Path).map_err(|error| SourceError::Path {
            path: path.to_owned(),
            error,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "value:{path}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Topic => f.write_str("kafka:topic"),
            Self::Key => f.write_str("kafka:key"),
            Self::Timestamp => f.write_str("kafka:timestamp"),
            Self::Constant(value) => write!(f, "constant:{}", value.as_str().unwrap_or_default()),
        }
    }
}

impl FromStr for Sources {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        text.split(" | ")
            .map(str::parse)
            .collect::<Result<Vec<Source>, _>>()
            .map(Self)
    }
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, source) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" | ")?;
            }
            source.fmt(f)?;
        }
        Ok(())
    }
}

/// What a source looks at: a record and its value, once read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) value: &'a Value,
}

impl Sources {
    /// The places, in the order in which they are looked at.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// The places that this crate itself writes, which are known to be some.
    pub(crate) fn of(text: &'static str) -> Self {
        text.parse().expect("the places of a format are sources")
    }

    /// The first value that is there and not null.
    pub(crate) fn resolve<'a>(&'a self, context: Context<'a>) -> Option<Cow<'a, Value>> {
        self.0
            .iter()
            .filter_map(|source| source.resolve(context))
            .find(|value| **value != Value::Null)
    }
}

impl Source {
    fn resolve<'a>(&'a self, Context { record, value }: Context<'a>) -> Option<Cow<'a, Value>> {
        let bytes = |bytes: &[u8]| {
            Cow::Owned(match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Bytes(bytes.to_owned()),
            })
        };
        match self {
            Self::Path(path) => path.find(value),
            Self::Header(name) => record.header(name).map(bytes),
            Self::Topic => Some(Cow::Owned(Value::Text(record.topic.to_owned()))),
            Self::Key => record.key.map(bytes),
            Self::Timestamp => record.timestamp_ms.map(|ms| Cow::Owned(Value::Int(ms.into()))),
            Self::Constant(value) => Some(Cow::Borrowed(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Position;

    #[test]
    fn each_place_of_a_record_is_looked_at_in_turn() {
        let value = Value::from_json(br#"{"a": {"b": 1}, "n": null}"#).expect("JSON");
        let record = Record {
            topic: "predictions",
            position: Position {
                partition: 0,
                offset: 0,
            },
            key: Some(b"k1"),
            headers: &[("Model", b"v7"), ("raw", &[0xFF])],
            timestamp_ms: Some(5),
            payload: b"",
        };
        let found = |text: &str| {
            let sources: Sources = text.parse().expect("sources");
            assert_eq!(sources.to_string().parse(), Ok(sources.clone()));
            let context = Context {
                record: &record,
                value: &value,
            };
            sources.resolve(context).map(Cow::into_owned)
        };
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        assert_eq!(found("a.b"), Some(Value::Int(1)));
        assert_eq!(found("header:model"), text("v7"));
        assert_eq!(found("header:raw"), Some(Value::Bytes(vec![0xFF])));
        assert_eq!(found("kafka:topic"), text("predictions"));
        assert_eq!(found("kafka:key"), text("k1"));
        assert_eq!(found("kafka:timestamp"), Some(Value::Int(5)));
        assert_eq!(found("constant:banking"), text("banking"));
        assert_eq!(found("n | c | header:none | a.b"), Some(Value::Int(1)));
        assert_eq!(found("n | c"), None);
    }

    #[test]
    fn what_names_no_source_is_explained() {
        let error = |text: &str| text.parse::<Sources>().expect_err("no source").to_string();
        assert_eq!(
            error("kafka:offset"),
            "`kafka:offset` is unknown; a record has kafka:topic, kafka:key and kafka:timestamp"
        );
        assert_eq!(error("header:"), "nothing follows `header:`");
        assert_eq!(
            error("a | b..c"),
            "`b..c` is no path: a name is empty at character 3"
        );
    }
}
