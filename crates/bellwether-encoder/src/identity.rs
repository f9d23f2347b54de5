//! Which encoder it is: the files and everything that decides what an embedding is.

use crate::options::{Arithmetic, Pooling, Precision};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What makes an encoder the one it is. Two with the same identity give the same embeddings, up to the rounding that
/// processors of different kinds do differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderIdentity {
    /// `model_type` of `config.json`, such as `bert`.
    pub model_type: String,
    /// Width of an embedding.
    pub dim: usize,
    /// How token states become one vector.
    pub pooling: Pooling,
    /// Whether embeddings are scaled to unit length.
    pub normalised: bool,
    /// What weights and embeddings are rounded to.
    pub precision: Precision,
    /// The arithmetic of the matrix products.
    pub arithmetic: Arithmetic,
    /// Longest input in tokens, special ones included.
    pub max_tokens: usize,
    /// Whether texts are put in lower case, by the tokenizer or before it.
    pub lower_case: bool,
    /// SHA-256 of `model.safetensors`, 64 hexadecimal digits.
    pub weights_sha256: String,
    /// SHA-256 of `tokenizer.json`, 64 hexadecimal digits.
    pub tokenizer_sha256: String,
    /// SHA-256 of `config.json`, 64 hexadecimal digits.
    pub config_sha256: String,
    /// SHA-256 over all the other fields, 64 hexadecimal digits.
    pub fingerprint: String,
}

impl EncoderIdentity {
    /// Fills in the fingerprint of the other fields.
    pub(crate) fn sealed(mut self) -> Self {
        self.fingerprint = String::new();
        // Names and values in the order of the fields; no value holds a line feed.
        let Self {
            model_type,
            dim,
            pooling,
            normalised,
            precision,
            arithmetic,
            max_tokens,
            lower_case,
            weights_sha256,
            tokenizer_sha256,
            config_sha256,
            fingerprint: _,
        } = &self;
        let text = format!(
            "model_type={model_type:?}\ndim={dim}\npooling={pooling}\nnormalised={normalised}\nprecision={precision}\n\
             arithmetic={arithmetic:?}\nmax_tokens={max_tokens}\nlower_case={lower_case}\nweights={weights_sha256}\n\
             tokenizer={tokenizer_sha256}\nconfig={config_sha256}\n"
        );
        self.fingerprint = sha256(text.as_bytes());
        self
    }
}

/// SHA-256 as 64 hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
