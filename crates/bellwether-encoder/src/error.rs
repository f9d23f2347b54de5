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
    /// The model is not of the BERT family.
    #[error("{} describes a model of type `{model_type}`; only `bert` is supported", path.display())]
    UnsupportedModel {
        /// The configuration file.
        path: PathBuf,
        /// The type it states, empty when it states none.
        model_type: String,
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
    /// The pooling configuration asks for something other than the mean of the tokens or the first token.
    #[error("{} asks for pooling that is neither of mean nor of the first token alone", path.display())]
    UnsupportedPooling {
        /// The file.
        path: PathBuf,
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
    /// A text cannot be tokenised.
    #[error("cannot tokenise the texts")]
    Tokenise(#[source] tokenizers::Error),
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

impl From<candle_core::Error> for Error {
    fn from(source: candle_core::Error) -> Self {
        Self::Forward(Box::new(source))
    }
}
