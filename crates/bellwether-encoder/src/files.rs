//! A model directory as it lies on disk, read and checked before any weight is touched.

use crate::architecture::Architecture;
use crate::error::Error;
use crate::options::Pooling;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Everything a directory says beside the weights' numbers.
pub(crate) struct ModelFiles {
    pub(crate) architecture: Architecture,
    pub(crate) pooling: Pooling,
    pub(crate) normalise: bool,
    /// What the directory says of the longest input, within the model's positions.
    pub(crate) max_tokens: usize,
    /// Whether texts are put in lower case before a tokenizer that does not do so itself.
    pub(crate) lower_case: bool,
    pub(crate) config: Vec<u8>,
    pub(crate) tokenizer: (PathBuf, Vec<u8>),
    pub(crate) weights: PathBuf,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Modes {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the older file format has one flag a mode"
)]
#[expect(clippy::struct_field_names, reason = "the file format's names")]
struct PoolingFile {
    pooling_mode: Option<Modes>,
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
}

#[derive(Default, Deserialize)]
struct SentenceFile {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Default, Deserialize)]
struct TokenizerFile {
    /// A float, as some files hold a number far beyond any integer for "no limit".
    model_max_length: Option<f64>,
}

/// What `modules.json` lists.
struct Modules {
    transformer: PathBuf,
    pooling: PathBuf,
    normalise: bool,
}

impl ModelFiles {
    /// Reads everything; the content of the weights' file comes beside, as it is not kept.
    pub(crate) fn read(dir: &Path) -> Result<(Self, Vec<u8>), Error> {
        let modules = modules(dir)?;
        let dir = &modules.transformer;
        let config_path = dir.join("config.json");
        let config = read(&config_path)?;
        let architecture = Architecture::parse(&config_path, &config)?;
        let sentence = optional::<SentenceFile>(&dir.join("sentence_bert_config.json"))?.unwrap_or_default();
        let limits = optional::<TokenizerFile>(&dir.join("tokenizer_config.json"))?.unwrap_or_default();
        // What the owner of the model states wins; a tokenizer's own bound holds within the positions of the configuration.
        let stated = sentence.max_seq_length.unwrap_or_else(|| {
            let tokenizer = limits.model_max_length.map_or(usize::MAX, tokens);
            tokenizer.min(architecture.stated_positions)
        });
        let tokenizer_path = dir.join("tokenizer.json");
        let tokenizer = read(&tokenizer_path)?;
        let weights = dir.join("model.safetensors");
        let content = read(&weights)?;
        let files = Self {
            max_tokens: stated.min(architecture.positions),
            architecture,
            pooling: pooling(&modules.pooling)?,
            normalise: modules.normalise,
            lower_case: sentence.do_lower_case,
            config,
            tokenizer: (tokenizer_path, tokenizer),
            weights,
        };
        Ok((files, content))
    }

    /// Reads the weights once more.
    pub(crate) fn read_weights(&self) -> Result<(PathBuf, Vec<u8>), Error> {
        Ok((self.weights.clone(), read(&self.weights)?))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, which is what is meant by a number beyond all"
)]
fn tokens(stated: f64) -> usize {
    stated as usize
}

fn modules(dir: &Path) -> Result<Modules, Error> {
    let path = dir.join("modules.json");
    let mut found = Modules {
        transformer: dir.to_path_buf(),
        pooling: dir.join("1_Pooling").join("config.json"),
        normalise: false,
    };
    for module in optional::<Vec<Module>>(&path)?.unwrap_or_default() {
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" => found.transformer = dir.join(&module.path),
            "Normalize" => found.normalise = true,
            "Pooling" => found.pooling = dir.join(&module.path).join("config.json"),
            _ => {
                return Err(Error::UnsupportedModule {
                    path,
                    module: module.kind,
                });
            }
        }
    }
    Ok(found)
}

fn pooling(path: &Path) -> Result<Pooling, Error> {
    let Some(file) = optional::<PoolingFile>(path)? else {
        return Ok(Pooling::Mean);
    };
    let modes = match file.pooling_mode {
        Some(Modes::One(mode)) => vec![mode],
        Some(Modes::Many(modes)) => modes,
        None => [
            (file.pooling_mode_cls_token, "cls"),
            (file.pooling_mode_mean_tokens, "mean"),
            (file.pooling_mode_max_tokens, "max"),
            (file.pooling_mode_mean_sqrt_len_tokens, "mean_sqrt_len_tokens"),
            (file.pooling_mode_weightedmean_tokens, "weightedmean"),
            (file.pooling_mode_lasttoken, "lasttoken"),
        ]
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, mode)| mode.to_owned())
        .collect(),
    };
    match modes.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["mean"] => Ok(Pooling::Mean),
        ["cls"] => Ok(Pooling::Cls),
        ["max"] => Ok(Pooling::Max),
        _ => Err(Error::UnsupportedPooling {
            path: path.to_path_buf(),
            modes: modes.join(", "),
        }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_path_buf(),
        source,
    })
}

/// A file that not every directory has: `None` when it is absent.
fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| Error::Config {
                path: path.to_path_buf(),
                source,
            }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read {
            path: path.to_path_buf(),
            source,
        }),
    }
}
