//! What can go wrong between a model directory and an embedding.

use std::path::PathBuf;

/// Why an encoder cannot be loaded or a text cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the model directory cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A configuration file is not the JSON that such a model carries.
    #[error("{} is not a configuration this encoder understands", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Where it departs.
        source: serde_json::Error,
    },
    /// The model is of none of the families that are implemented.
    #[error(
        "{} describes a model of type `{model_type}`; supported are {}", path.display(), crate::architecture::FAMILIES
    )]
    UnsupportedModel {
        /// The configuration file.
        path: PathBuf,
        /// The type it states, empty when it states none.
        model_type: String,
    },
    /// The model is of an implemented family with something in it that is not.
    #[error("{} asks for {what}, which is not supported", path.display())]
    UnsupportedConfig {
        /// The configuration file.
        path: PathBuf,
        /// The key and its value.
        what: String,
    },
    /// `modules.json` lists a module that would change the embedding and is not implemented.
    #[error(
        "{} lists the module `{module}`; only Transformer, Pooling and Normalize are supported", path.display()
    )]
    UnsupportedModule {
        /// The file.
        path: PathBuf,
        /// The module's type.
        module: String,
    },
    /// The pooling configuration asks for something other than one of mean, first token and maximum.
    #[error("{} asks for pooling by `{modes}`; supported is one of `mean`, `cls` and `max`", path.display())]
    UnsupportedPooling {
        /// The file.
        path: PathBuf,
        /// The modes it names.
        modes: String,
    },
    /// The model takes fewer tokens than its own special tokens need.
    #[error(
        "the model takes {max_tokens} tokens, which leaves no room for text beside {special} special tokens"
    )]
    TooFewPositions {
        /// Longest input, in tokens.
        max_tokens: usize,
        /// Special tokens around each text.
        special: usize,
    },
    /// The tokenizer file cannot be used.
    #[error("{} is not a usable tokenizer", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        source: tokenizers::Error,
    },
    /// The weights do not fit the configuration.
    #[error("{} does not hold the weights that config.json describes", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// Which tensor is missing or misshapen.
        source: Box<candle_core::Error>,
    },
    /// A weight is missing or has another shape than the configuration says.
    #[error("{} {}, {name} of shape {expected:?}", path.display(), found_instead(found.as_ref()))]
    Tensor {
        /// The weights file.
        path: PathBuf,
        /// The weight's name.
        name: String,
        /// The shape that `config.json` asks for.
        expected: Vec<usize>,
        /// The shape that is there, `None` for no such weight.
        found: Option<Vec<usize>>,
    },
    /// The weights on disk are no longer those that the encoder was loaded from.
    #[error("{} has changed since the encoder was loaded; load it again", path.display())]
    Changed {
        /// The weights file.
        path: PathBuf,
    },
    /// A name on the hub where there is no such directory, in a build that fetches nothing.
    #[error(
        "there is no directory `{model}`, and this build fetches no models (feature `hub`); give a directory with the model's files"
    )]
    NoHub {
        /// The name.
        model: String,
    },
    /// A model cannot be fetched from the hub.
    #[error(
        "cannot fetch `{model}` from the hub, nor is it in its cache; give a directory with the model's files"
    )]
    Hub {
        /// The name.
        model: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was asked for is not there on this device.
    #[error("{what} works on the CPU alone")]
    CpuOnly {
        /// The option.
        what: &'static str,
    },
    /// A text cannot be tokenised.
    #[error("cannot tokenise the texts")]
    Tokenise(#[source] tokenizers::Error),
    /// The tokenizer gives a token, or a place for one, that the model's tables do not have.
    #[error("the tokenizer does not fit the model: number {token} of a table of {rows}")]
    TokenBeyondTable {
        /// Number of the token or the position.
        token: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// The forward pass failed.
    #[error("the forward pass failed")]
    Forward(#[source] Box<candle_core::Error>),
    /// An embedding came out with NaN or infinity: the weights are damaged.
    #[error("the embedding of text {row} is not finite; the weights are damaged")]
    NonFinite {
        /// Index of the text.
        row: usize,
    },
}

fn found_instead(found: Option<&Vec<usize>>) -> String {
    match found {
        None => "lacks a weight that config.json describes".to_owned(),
        Some(shape) => format!("holds a weight of shape {shape:?} where config.json describes another"),
    }
}

impl From<candle_core::Error> for Error {
    fn from(source: candle_core::Error) -> Self {
        Self::Forward(Box::new(source))
    }
}
