//! `[encoder]`: the model directory of the shared encoder.

use super::Config;
use super::document::Document;
use bellwether_encoder::{Arithmetic, EncoderOptions, FETCHES_MODELS, Pooling, Precision};
use std::path::{Path, PathBuf};

/// Of the observations with text and vector, those that are embedded again.
const SPOT_CHECKS: f64 = 0.01;

/// How token states become one vector, in words.
pub(crate) const POOLINGS: [(&str, Pooling); 3] = [
    ("mean", Pooling::Mean),
    ("cls", Pooling::Cls),
    ("max", Pooling::Max),
];
/// What weights and embeddings are rounded to, in words.
pub(crate) const PRECISIONS: [(&str, Precision); 3] = [
    ("float32", Precision::Float32),
    ("bfloat16", Precision::Bfloat16),
    ("float16", Precision::Float16),
];
/// The arithmetic of the matrix products, in words.
pub(crate) const ARITHMETICS: [(&str, Arithmetic); 2] =
    [("float", Arithmetic::Float), ("integer", Arithmetic::Integer)];

/// The encoder that the monitor has itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EncoderConfig {
    pub(crate) directory: PathBuf,
    pub(crate) options: EncoderOptions,
    /// From 0 to 1.
    pub(crate) spot_checks: f64,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::new(),
            options: EncoderOptions::default(),
            spot_checks: SPOT_CHECKS,
        }
    }
}

impl Config {
    /// The encoder of the directory that the command line names, with the options of the configuration; else the configured
    /// one.
    pub(crate) fn encoder_in(&self, directory: Option<&Path>) -> Option<EncoderConfig> {
        let Some(directory) = directory else {
            return self.encoder.clone();
        };
        Some(EncoderConfig {
            directory: directory.to_owned(),
            ..self.encoder.clone().unwrap_or_default()
        })
    }
}

/// `None` without a directory: then every event has to bring its embedding.
pub(super) fn encoder(document: &mut Document, base: &Path) -> Option<EncoderConfig> {
    const KEY: &str = "encoder.directory";
    let directory = document.string(KEY);
    let spot_checks = document.number("encoder.spot_checks", &(0.0..=1.0));
    let options = EncoderOptions {
        pooling: document.choice("encoder.pooling", POOLINGS.to_vec()),
        normalise: document.boolean("encoder.normalise"),
        max_tokens: document
            .integer("encoder.max_tokens", 3..=65_536)
            .and_then(|tokens| usize::try_from(tokens).ok()),
        precision: document.choice("encoder.precision", PRECISIONS.to_vec()),
        lower_case: document.boolean("encoder.lower_case"),
        arithmetic: document
            .choice("encoder.arithmetic", ARITHMETICS.to_vec())
            .unwrap_or_default(),
        ..EncoderOptions::default()
    };
    let Some(directory) = directory else {
        if options != EncoderOptions::default() || spot_checks.is_some() {
            document.problem(
                KEY,
                "it is missing, and the other keys of [encoder] say nothing without it".to_owned(),
                "name the directory with config.json, tokenizer.json and model.safetensors",
            );
        }
        return None;
    };
    let place = base.join(&directory);
    let directory = if place.join("config.json").is_file() {
        place
    } else if FETCHES_MODELS && directory.split('/').count() == 2 {
        // The name of a model, which is looked for when it is loaded.
        PathBuf::from(directory)
    } else {
        document.problem(
            KEY,
            format!("there is no config.json in {}", place.display()),
            "name the directory with config.json, tokenizer.json and model.safetensors",
        );
        place
    };
    Some(EncoderConfig {
        directory,
        options,
        spot_checks: spot_checks.unwrap_or(SPOT_CHECKS),
    })
}
