//! One field's value, whatever its type: a wrong type is remembered, never an error of the parser, so that the
//! sentence about it is ours and never repeats what the record says.

use crate::floats::narrow;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use half::f16;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The standard alphabet; some encoders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A JSON type, with its article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// A value that should be a string or a number.
#[derive(Debug, Default, Clone)]
pub(crate) enum Scalar<'de> {
    #[default]
    Null,
    Text(Cow<'de, str>),
    /// Wide enough for every integer that JSON parsers hand out: identifiers may be unsigned 64-bit hashes.
    Integer(i128),
    Float(f64),
    Other(Kind),
}

impl Scalar<'_> {
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Null => None,
            Self::Text(_) => Some(Kind::Text),
            Self::Integer(_) | Self::Float(_) => Some(Kind::Number),
            Self::Other(kind) => Some(*kind),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(v)))
    }

    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(v.to_owned())))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(v.into()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(v))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other(Kind::Boolean))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other(Kind::Array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other(Kind::Object))
    }
}

/// The last `embedding` that was read; its buffers are reused from record to record.
#[derive(Debug, Default)]
pub(crate) struct Embedding {
    pub(crate) form: EmbeddingForm,
    /// The components; only meaningful for [`EmbeddingForm::Numbers`].
    pub(crate) values: Vec<f32>,
    bytes: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmbeddingForm {
    #[default]
    Absent,
    Numbers,
    /// Base64 of this many bytes, which is neither four nor two for each component.
    Bytes(usize),
    NotBase64,
    /// An array with something else than numbers in it.
    Holds(Kind),
    Is(Kind),
}

impl Embedding {
    pub(crate) fn clear(&mut self) {
        self.form = EmbeddingForm::Absent;
        self.values.clear();
    }
}

/// Reads an embedding of an expected width into its buffers.
pub(crate) struct EmbeddingSeed<'s> {
    pub(crate) into: &'s mut Embedding,
    pub(crate) dim: usize,
}

impl<'de> DeserializeSeed<'de> for EmbeddingSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.into.clear();
        self.into.form = deserializer.deserialize_any(EmbeddingVisitor {
            into: self.into,
            dim: self.dim,
        })?;
        Ok(())
    }
}

struct EmbeddingVisitor<'s> {
    into: &'s mut Embedding,
    dim: usize,
}

impl<'de> Visitor<'de> for EmbeddingVisitor<'_> {
    type Value = EmbeddingForm;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers or base64")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(EmbeddingForm::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(EmbeddingForm::Is(Kind::Boolean))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(EmbeddingForm::Is(Kind::Number))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(EmbeddingForm::Is(Kind::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(EmbeddingForm::Is(Kind::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        let Embedding { values, bytes, .. } = self.into;
        bytes.clear();
        if BASE64.decode_vec(text, bytes).is_err() {
            return Ok(EmbeddingForm::NotBase64);
        }
        if bytes.is_empty() {
            return Ok(EmbeddingForm::Absent);
        }
        if bytes.len() == self.dim * size_of::<f32>() {
            values.extend(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)));
        } else if bytes.len() == self.dim * size_of::<f16>() {
            values.extend(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&b| f16::from_le_bytes(b).to_f32()),
            );
        } else {
            return Ok(EmbeddingForm::Bytes(bytes.len()));
        }
        Ok(EmbeddingForm::Numbers)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut foreign = None;
        while let Some(element) = seq.next_element::<Element>()? {
            match element {
                Element::Number(value) => self.into.values.push(value),
                Element::Other(kind) => foreign = foreign.or(Some(kind)),
            }
        }
        Ok(foreign.map_or(EmbeddingForm::Numbers, EmbeddingForm::Holds))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(EmbeddingForm::Is(Kind::Object))
    }
}

/// An element that should be a number. Null reads as NaN: it is how several encoders write NaN.
pub(crate) enum Element {
    Number(f32),
    Other(Kind),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Element::Number(narrow(v)))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Element::Number(v as f32))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Element::Number(v as f32))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Element::Number(f32::NAN))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Element::Other(Kind::Boolean))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Element::Other(Kind::Text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Element::Other(Kind::Array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Element::Other(Kind::Object))
    }
}
