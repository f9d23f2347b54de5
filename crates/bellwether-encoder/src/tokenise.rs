//! Text to token ids: the tokenizer of the directory with this crate's length and case.

use crate::error::Error;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use tokenizers::{Encoding, Tokenizer, TruncationParams};

/// A tokenizer that cuts at a fixed number of tokens and never pads.
#[derive(Debug, Clone)]
pub(crate) struct TextTokenizer {
    tokenizer: Tokenizer,
    max_tokens: usize,
    lower_case: bool,
}

/// The tokens of some texts.
pub(crate) struct Tokens {
    /// Ids of each text, special ones included; never empty.
    pub(crate) ids: Vec<Vec<u32>>,
    /// How many of the texts were cut.
    pub(crate) truncated: usize,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`, whose text is `bytes`. `lower_case` overrules the file; `lower_case_first` only adds to it.
    pub(crate) fn new(
        path: &Path,
        bytes: &[u8],
        max_tokens: usize,
        lower_case: Option<bool>,
        lower_case_first: bool,
    ) -> Result<Self, Error> {
        let failed = |source: tokenizers::Error| Error::Tokenizer {
            path: path.to_path_buf(),
            source,
        };
        let mut json: Value = serde_json::from_slice(bytes).map_err(|error| failed(error.into()))?;
        let normalizer = json.get_mut("normalizer").map(Value::take).unwrap_or_default();
        let normalizer = match lower_case {
            Some(true) => lower_cased(normalizer),
            Some(false) => not_lower_cased(normalizer),
            None if lower_case_first && !lower_cases(&normalizer) => preceded_by_lower_case(normalizer),
            None => normalizer,
        };
        let lower_case = lower_cases(&normalizer);
        json["normalizer"] = normalizer;
        let mut tokenizer: Tokenizer = serde_json::from_value(json).map_err(|error| failed(error.into()))?;
        // A tokenizer may pad to a fixed length; nothing is padded here.
        tokenizer
            .with_padding(None)
            .with_truncation(None)
            .map_err(failed)?;
        let special = tokenizer.encode("", true).map_err(failed)?.len();
        if max_tokens <= special {
            return Err(Error::TooFewPositions { max_tokens, special });
        }
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: max_tokens,
                ..TruncationParams::default()
            }))
            .map_err(failed)?;
        Ok(Self {
            tokenizer,
            max_tokens,
            lower_case,
        })
    }

    pub(crate) fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Whether texts are put in lower case.
    pub(crate) fn lower_case(&self) -> bool {
        self.lower_case
    }

    /// Ids of the texts' tokens. `filler` stands for the token of a text that has none.
    pub(crate) fn tokenise(&self, texts: &[&str], filler: u32) -> Result<Tokens, Error> {
        let encoded: Vec<(Vec<u32>, bool)> = texts
            .par_iter()
            .map(|text| {
                let encoding = self.tokenizer.encode_fast(*text, true).map_err(Error::Tokenise)?;
                let cut = !encoding.get_overflowing().is_empty();
                Ok((non_empty(encoding.get_ids().to_vec(), filler), cut))
            })
            .collect::<Result<_, Error>>()?;
        let truncated = encoded.iter().filter(|(_, cut)| *cut).count();
        let ids = encoded.into_iter().map(|(ids, _)| ids).collect();
        Ok(Tokens { ids, truncated })
    }

    /// The same with the place of each token in its text, in bytes.
    pub(crate) fn with_offsets(&self, texts: &[&str]) -> Result<Vec<Encoding>, Error> {
        texts
            .par_iter()
            .map(|text| self.tokenizer.encode(*text, true).map_err(Error::Tokenise))
            .collect()
    }
}

/// A tokenizer without special tokens gives nothing for an empty text; the model needs one position.
pub(crate) fn non_empty(mut ids: Vec<u32>, filler: u32) -> Vec<u32> {
    if ids.is_empty() {
        ids.push(filler);
    }
    ids
}

fn kind(normalizer: &Value) -> &str {
    normalizer.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn parts(normalizer: &Value) -> &[Value] {
    let parts = normalizer.get("normalizers").and_then(Value::as_array);
    parts.map_or(&[], Vec::as_slice)
}

fn lower_cases(normalizer: &Value) -> bool {
    match kind(normalizer) {
        "Lowercase" => true,
        // As the tokenizers library reads it, the field must be there; true is its usual value.
        "BertNormalizer" => normalizer
            .get("lowercase")
            .and_then(Value::as_bool)
            .unwrap_or(true),
        "Sequence" => parts(normalizer).iter().any(lower_cases),
        _ => false,
    }
}

fn preceded_by_lower_case(normalizer: Value) -> Value {
    let mut all = vec![json!({"type": "Lowercase"})];
    match kind(&normalizer) {
        "Sequence" => all.extend_from_slice(parts(&normalizer)),
        "" => {}
        _ => all.push(normalizer),
    }
    json!({"type": "Sequence", "normalizers": all})
}

/// As the tokenizer with `do_lower_case` would be: BERT's normaliser has a switch of its own.
fn lower_cased(mut normalizer: Value) -> Value {
    if lower_cases(&normalizer) {
        return normalizer;
    }
    if kind(&normalizer) == "BertNormalizer" {
        normalizer["lowercase"] = Value::Bool(true);
        return normalizer;
    }
    preceded_by_lower_case(normalizer)
}

fn not_lower_cased(mut normalizer: Value) -> Value {
    match kind(&normalizer) {
        "Lowercase" => Value::Null,
        "BertNormalizer" => {
            normalizer["lowercase"] = Value::Bool(false);
            normalizer
        }
        "Sequence" => {
            let kept = parts(&normalizer).iter().cloned().map(not_lower_cased);
            let kept: Vec<Value> = kept.filter(|part| !part.is_null()).collect();
            json!({"type": "Sequence", "normalizers": kept})
        }
        _ => normalizer,
    }
}
