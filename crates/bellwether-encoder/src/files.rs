//! A model directory as it lies on disk, read and checked before any weight is touched.

use crate::error::Error;
use candle_transformers::models::bert::Config as BertConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longest input by default, in tokens. The texts of a monitored model are utterances and sentences; what sentence-transformers
/// models saw in training is cut at 128 too.
const DEFAULT_MAX_TOKENS: usize = 128;

/// How token states become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// Mean over the tokens of the attention mask.
    Mean,
    /// The first token's state.
    First,
}

/// Everything a directory says, still without meaning for candle.
pub(crate) struct ModelFiles {
    pub(crate) bert: BertConfig,
    pub(crate) pooling: Pooling,
    pub(crate) max_tokens: usize,
    pub(crate) tokenizer: (PathBuf, Vec<u8>),
    pub(crate) weights: (PathBuf, Vec<u8>),
    pub(crate) fingerprint: String,
}

#[derive(Deserialize)]
struct ModelType {
    #[serde(default)]
    model_type: String,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the file format has one flag a mode"
)]
struct PoolingFile {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
}

#[derive(Deserialize)]
struct SentenceFile {
    max_seq_length: Option<usize>,
}

impl ModelFiles {
    pub(crate) fn read(dir: &Path) -> Result<Self, Error> {
        let config_path = dir.join("config.json");
        let config = read(&config_path)?;
        let ModelType { model_type } = parse(&config_path, &config)?;
        if model_type != "bert" {
            return Err(Error::UnsupportedModel {
                path: config_path,
                model_type,
            });
        }
        let bert: BertConfig = parse(&config_path, &config)?;
        let pooling = pooling(dir)?;
        let sentence = optional::<SentenceFile>(&dir.join("sentence_bert_config.json"))?;
        let max_tokens = DEFAULT_MAX_TOKENS
            .min(bert.max_position_embeddings)
            .min(sentence.and_then(|s| s.max_seq_length).unwrap_or(usize::MAX));

        let tokenizer_path = dir.join("tokenizer.json");
        let tokenizer = read(&tokenizer_path)?;
        let weights_path = dir.join("model.safetensors");
        let weights = read(&weights_path)?;
        let fingerprint = fingerprint(&[&config, &tokenizer, &weights]);
        Ok(Self {
            bert,
            pooling,
            max_tokens,
            tokenizer: (tokenizer_path, tokenizer),
            weights: (weights_path, weights),
            fingerprint,
        })
    }
}

fn pooling(dir: &Path) -> Result<Pooling, Error> {
    let modules_path = dir.join("modules.json");
    let mut path = dir.join("1_Pooling").join("config.json");
    for module in optional::<Vec<Module>>(&modules_path)?.unwrap_or_default() {
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" | "Normalize" => {}
            "Pooling" => path = dir.join(&module.path).join("config.json"),
            _ => {
                return Err(Error::UnsupportedModule {
                    path: modules_path,
                    module: module.kind,
                });
            }
        }
    }
    let Some(file) = optional::<PoolingFile>(&path)? else {
        return Ok(Pooling::Mean);
    };
    if file.pooling_mode_max_tokens || file.pooling_mode_mean_sqrt_len_tokens {
        return Err(Error::UnsupportedPooling { path });
    }
    match (file.pooling_mode_mean_tokens, file.pooling_mode_cls_token) {
        (true, false) => Ok(Pooling::Mean),
        (false, true) => Ok(Pooling::First),
        _ => Err(Error::UnsupportedPooling { path }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_path_buf(),
        source,
    })
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Config {
        path: path.to_path_buf(),
        source,
    })
}

/// A file that not every directory has: `None` when it is absent.
fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => parse(path, &bytes).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read {
            path: path.to_path_buf(),
            source,
        }),
    }
}

/// SHA-256 over the files, each preceded by its length so that no two sets of files read alike.
fn fingerprint(files: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update((file.len() as u64).to_le_bytes());
        hash.update(file);
    }
    hash.finalize()
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
