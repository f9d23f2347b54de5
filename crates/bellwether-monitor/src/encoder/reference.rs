//! What a reference knows of its encoder.

use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

/// What an encoder is: two with the same identity give the same embeddings, rounding of other machines aside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderIdentity {
    /// Family, such as `bert`.
    pub model_type: String,
    /// Width of its embeddings, in components.
    pub dim: usize,
    /// `mean`, `cls` or `max`.
    pub pooling: String,
    /// Whether embeddings are scaled to unit length.
    pub normalised: bool,
    /// `float32`, `float16`, `bfloat16` or another.
    pub precision: String,
    /// Longest input in tokens; what is longer is cut.
    pub max_tokens: usize,
    /// Whether texts are lower-cased before the tokenizer's own rules.
    pub lower_case: bool,
    /// SHA-256 of the weights, 64 hexadecimal digits.
    pub weights: String,
    /// SHA-256 of the tokenizer, 64 hexadecimal digits.
    pub tokenizer: String,
    /// SHA-256 of all that the embeddings depend on, 64 hexadecimal digits.
    pub fingerprint: String,
}

/// The encoder of a reference.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EncoderReference {
    /// What it is; `None` where only what it makes of the canaries is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<EncoderIdentity>,
    /// Texts with the embeddings that it makes of them.
    pub canaries: Vec<Canary>,
}

/// A text whose embedding is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// Its name, unique within the reference.
    pub name: String,
    /// The text.
    pub text: String,
    /// What the encoder makes of it, `[dim]`.
    #[serde(with = "exact")]
    pub embedding: Vec<f32>,
    /// How far repeated embeddings of it were apart, relative to their length; 0 where it was embedded once.
    #[serde(default)]
    pub noise: f32,
    /// What it would make of it with known faults; those that do not change it are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
}

/// An embedding as a known fault of the encoder makes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// The fault as `aspect=value`: `pooling=cls`, `normalisation=none`, `precision=float16`, `tokenizer=lower_case`,
    /// `truncation=16`.
    pub name: String,
    /// `[dim]`.
    #[serde(with = "rounded")]
    pub embedding: Vec<f16>,
}

impl Variant {
    pub(crate) fn to_f32(&self) -> Vec<f32> {
        self.embedding.to_f32_vec()
    }
}

/// Four bytes a component, little-endian, as base64.
mod exact {
    use super::super::packed;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f32], out: S) -> Result<S::Ok, S::Error> {
        packed::serialize(values.iter().flat_map(|x| x.to_le_bytes()), out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
        packed::deserialize(from, f32::from_le_bytes)
    }
}

/// Two bytes a component, little-endian, as base64.
mod rounded {
    use super::super::packed;
    use half::f16;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f16], out: S) -> Result<S::Ok, S::Error> {
        packed::serialize(values.iter().flat_map(|x| x.to_le_bytes()), out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f16>, D::Error> {
        packed::deserialize(from, f16::from_le_bytes)
    }
}
