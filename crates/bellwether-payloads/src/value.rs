//! What JSON, Avro and Protobuf have in common once they are read: a tree of values.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Deepest nesting that is read in any format.
pub(crate) const MAX_DEPTH: usize = 64;

/// Most values in the tree of one record: beyond it a few bytes would become a lot of memory.
pub(crate) const MAX_VALUES: usize = 4_000_000;

/// A value as it came, owned.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value: null, an absent union branch, an unset field.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number, of 64 bits with or without sign.
    Int(i128),
    /// Another number; NaN and infinities come from binary formats.
    Float(f64),
    /// Text.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A list of floats of 32 bits, which binary formats keep apart from other lists.
    Floats(Vec<f32>),
    /// A list.
    List(Vec<Value>),
    /// Names and values: an object, a record, a message or a map.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The value under a name; the last one where a name comes twice.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The text of a [`Value::Text`].
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, with its article, for a sentence.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::Floats(_) | Self::List(_) => "an array",
            Self::Map(_) => "an object",
        }
    }

    /// Reads one JSON value from bytes that hold nothing else.
    ///
    /// # Errors
    /// When the bytes are not JSON, nest deeper than the limit, or hold more values than the limit.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let mut left = MAX_VALUES;
        let value = Seed {
            depth: 0,
            left: &mut left,
        }
        .deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }
}

/// Reads a value at a depth, and counts.
struct Seed<'s> {
    depth: usize,
    left: &'s mut usize,
}

impl Seed<'_> {
    fn count<E: Error>(&mut self) -> Result<(), E> {
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("it holds more than {MAX_VALUES} values")))?;
        Ok(())
    }

    fn inner<E: Error>(&mut self) -> Result<Seed<'_>, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("it nests deeper than {MAX_DEPTH} levels")));
        }
        Ok(Seed {
            depth: self.depth + 1,
            left: self.left,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.inner()?)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.push((key, map.next_value_seed(self.inner()?)?));
        }
        Ok(Value::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut left = MAX_VALUES;
        Seed {
            depth: 0,
            left: &mut left,
        }
        .deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_it_is_written() {
        let value =
            Value::from_json(br#"{"a": [1, -2.5, null, true, "x"], "b": 18446744073709551615, "a": {}}"#)
                .expect("JSON");
        assert_eq!(
            value.get("a"),
            Some(&Value::Map(Vec::new())),
            "the last one counts"
        );
        assert_eq!(value.get("b"), Some(&Value::Int(u64::MAX.into())));
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(Value::from_json(&nested(MAX_DEPTH)).is_ok());
        let error = Value::from_json(&nested(MAX_DEPTH + 2)).expect_err("too deep");
        assert!(error.to_string().contains("nests deeper than 64"), "{error}");
        let error = Value::from_json(&nested(200_000)).expect_err("far too deep");
        assert!(error.to_string().contains("nests deeper"), "{error}");
        let wide = format!("[{}0]", "0,".repeat(MAX_VALUES));
        let error = Value::from_json(wide.as_bytes()).expect_err("too wide");
        assert!(error.to_string().contains("more than 4000000"), "{error}");
    }
}
