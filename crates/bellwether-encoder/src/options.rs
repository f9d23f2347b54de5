//! What a caller may ask of an encoder beside what its files say.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How the states of a text's tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Mean over the text's tokens, special ones included.
    Mean,
    /// The state of the first token, which is `[CLS]` or `<s>`.
    Cls,
    /// Maximum of each component over the text's tokens, special ones included.
    Max,
}

/// The numbers that the weights and the embeddings are rounded to.
///
/// On the CPU the arithmetic between them is that of 32 bits: weights are rounded to the precision when they are loaded, and
/// embeddings and states when they come out, to the nearest with ties to even. On another device the arithmetic is done in
/// the precision itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits: weights as they are in the file, which may hold them in fewer bits.
    Float32,
    /// The 16 bits of bfloat16: the range of 32 bits, 8 bits of precision.
    Bfloat16,
    /// The 16 bits of IEEE 754's half precision: up to 65,504, 11 bits of precision.
    Float16,
}

/// The arithmetic of the matrix products with weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// Weights and states as 32-bit floats.
    #[default]
    Float,
    /// Weights as whole numbers of 10 bits with a scale for each output, states of up to 12 bits with a scale for each token,
    /// and exact sums. Faster where the processor multiplies 16-bit integers faster than floats, and very close to the exact
    /// embedding, not equal to it: `docs/ENCODER.md` has both measured. On the CPU alone.
    Integer,
}

/// Where the forward pass runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Device {
    /// All cores of this machine, through rayon's pool.
    #[default]
    Cpu,
    /// A graphics processor by its number, through candle.
    #[cfg(feature = "cuda")]
    Cuda(usize),
    /// candle's path on the CPU, to hold it against the other.
    #[cfg(test)]
    Padded,
}

/// What differs from the files of a model directory. The default is what sentence-transformers would do with the directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncoderOptions {
    /// How token states become one vector. By default the Pooling module of `modules.json`, the mean where there is none.
    pub pooling: Option<Pooling>,
    /// Whether embeddings are scaled to unit length. By default whether `modules.json` has a Normalize module.
    pub normalise: Option<bool>,
    /// Longest input in tokens, special ones included: longer texts are cut. By default `max_seq_length` of
    /// `sentence_bert_config.json`, else `model_max_length` of `tokenizer_config.json`; never above the model's positions.
    pub max_tokens: Option<usize>,
    /// What weights and embeddings are rounded to. By default 32 bits.
    pub precision: Option<Precision>,
    /// Whether texts are put in lower case. By default what `tokenizer.json` and `sentence_bert_config.json` say. True
    /// lower-cases in either way; false takes it from the tokenizer as well.
    pub lower_case: Option<bool>,
    /// The arithmetic of the matrix products.
    pub arithmetic: Arithmetic,
    /// Where the forward pass runs.
    pub device: Device,
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Max => "max",
        })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Float16 => "float16",
        })
    }
}

impl Precision {
    /// Rounds to the nearest number of this precision, ties to even.
    pub(crate) fn round(self, values: &mut [f32]) {
        match self {
            Self::Float32 => {}
            Self::Bfloat16 => {
                for value in values {
                    *value = half::bf16::from_f32(*value).to_f32();
                }
            }
            Self::Float16 => {
                for value in values {
                    *value = half::f16::from_f32(*value).to_f32();
                }
            }
        }
    }

    /// candle's name for it.
    #[cfg(any(feature = "cuda", test))]
    pub(crate) fn dtype(self) -> candle_core::DType {
        match self {
            Self::Float32 => candle_core::DType::F32,
            Self::Bfloat16 => candle_core::DType::BF16,
            Self::Float16 => candle_core::DType::F16,
        }
    }
}
