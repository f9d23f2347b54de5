//! A model by its name on the Hugging Face hub, kept in the cache that the Python libraries use too.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// Whether this build fetches models by their names on the hub.
pub const FETCHES_MODELS: bool = cfg!(feature = "hub");

/// The directory of a model: `model` itself where it is one, else what the hub has under the name `owner/name`.
///
/// Fetching needs the feature `hub`. Files go to the hub's usual cache (`HF_HOME`, by default `~/.cache/huggingface`), and once
/// they are there no network is needed; `HF_ENDPOINT` names another hub.
///
/// # Errors
/// [`Error::NoHub`] for a hub name in a build that fetches nothing; [`Error::Hub`] when the model cannot be fetched and is
/// not in the cache.
pub fn model_directory(model: &str) -> Result<PathBuf, Error> {
    let path = Path::new(model);
    if path.is_dir() || !is_hub_name(model) {
        return Ok(path.to_path_buf());
    }
    fetch(model)
}

/// `owner/name` of letters, digits and `-_.`, which no hub lets begin with a dot.
fn is_hub_name(model: &str) -> bool {
    let mut parts = model.split('/');
    let is_name = |part: Option<&str>| {
        part.is_some_and(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        })
    };
    is_name(parts.next()) && is_name(parts.next()) && parts.next().is_none()
}

#[cfg(not(feature = "hub"))]
fn fetch(model: &str) -> Result<PathBuf, Error> {
    Err(Error::NoHub {
        model: model.to_owned(),
    })
}

#[cfg(feature = "hub")]
fn fetch(model: &str) -> Result<PathBuf, Error> {
    use hf_hub::Cache;
    use hf_hub::api::sync::ApiBuilder;

    let failed = |source: hf_hub::api::sync::ApiError| Error::Hub {
        model: model.to_owned(),
        source: Box::new(source),
    };
    let api = ApiBuilder::from_env()
        .with_progress(false)
        .build()
        .map_err(failed)?;
    let repository = api.model(model.to_owned());
    let listed = match repository.info() {
        Ok(info) => info.siblings,
        Err(error) => {
            // No network: what is in the cache is enough if it is whole.
            let cached = Cache::from_env().model(model.to_owned());
            let needed = ["config.json", "tokenizer.json", "model.safetensors"];
            let all = needed.map(|file| cached.get(file));
            return match all {
                [Some(config), Some(_), Some(_)] => Ok(parent(&config)),
                _ => Err(failed(error)),
            };
        }
    };
    for file in listed.iter().filter(|file| is_wanted(&file.rfilename)) {
        repository.get(&file.rfilename).map_err(failed)?;
    }
    repository
        .get("config.json")
        .map(|config| parent(&config))
        .map_err(failed)
}

#[cfg(feature = "hub")]
fn parent(file: &Path) -> PathBuf {
    file.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Whether the encoder reads such a file, in the model's own folder or in that of a module such as `1_Pooling`.
#[cfg(any(feature = "hub", test))]
fn is_wanted(file: &str) -> bool {
    const NAMES: [&str; 6] = [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
    ];
    match file.split_once('/') {
        None => NAMES.contains(&file),
        Some((folder, name)) => folder.starts_with(|c: char| c.is_ascii_digit()) && NAMES.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_on_the_hub_is_told_from_a_path() {
        for name in [
            "sentence-transformers/all-MiniLM-L6-v2",
            "answerdotai/ModernBERT-base",
        ] {
            assert!(is_hub_name(name), "{name}");
        }
        for path in [
            "models",
            "/models/a",
            "./models",
            "../models",
            "a/b/c",
            "a/",
            "/a",
            "a b/c",
            "",
        ] {
            assert!(!is_hub_name(path), "{path}");
        }
    }

    #[test]
    fn a_directory_is_itself_and_a_missing_path_is_left_to_the_reader() {
        assert_eq!(model_directory("src").expect("there"), Path::new("src"));
        assert_eq!(
            model_directory("/no/such/place").expect("no hub name"),
            Path::new("/no/such/place")
        );
    }

    #[cfg(not(feature = "hub"))]
    #[test]
    fn without_the_feature_the_error_says_what_to_do() {
        let error = model_directory("some-owner/some-model").expect_err("no such directory");
        assert!(error.to_string().contains("give a directory"), "{error}");
    }

    #[test]
    fn the_files_of_modules_are_wanted_and_other_formats_are_not() {
        for file in [
            "model.safetensors",
            "1_Pooling/config.json",
            "0_Transformer/tokenizer.json",
        ] {
            assert!(is_wanted(file), "{file}");
        }
        for file in [
            "pytorch_model.bin",
            "onnx/model.onnx",
            "openvino/config.json",
            "README.md",
        ] {
            assert!(!is_wanted(file), "{file}");
        }
    }
}
