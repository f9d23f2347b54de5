//! What `config.json` says a model is, of whichever family.

use crate::error::Error;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// The families that are implemented, as `model_type` names them.
pub(crate) const FAMILIES: &str = "bert, distilbert, roberta, xlm-roberta, camembert, modernbert";

/// Shape of a model, the same words for all families.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Architecture {
    pub(crate) model_type: String,
    pub(crate) vocabulary: usize,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) activation: Activation,
    pub(crate) epsilon: f32,
    /// Longest input in tokens that the model has positions for.
    pub(crate) positions: usize,
    /// `max_position_embeddings` as it stands in the file, which a tokenizer is bounded by.
    pub(crate) stated_positions: usize,
    pub(crate) pad_token: u32,
    pub(crate) kind: Kind,
}

/// What differs in the forward pass.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Absolute positions and normalisation after each block: BERT, DistilBERT, RoBERTa, `XLM-R`.
    Bert {
        names: Names,
        /// Positions count from the padding token's number, and padding tokens do not count.
        offset_by_padding: bool,
        /// Absent in DistilBERT.
        token_types: bool,
    },
    /// Rotated queries and keys, normalisation before each block, gates, and a window in most layers.
    Modern {
        /// Tokens that one of a layer sees to each side; all where `None`.
        windows: Vec<Option<usize>>,
        global_theta: f64,
        local_theta: f64,
    },
}

/// How a family calls the weights of the same architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    Bert,
    DistilBert,
}

/// Between the two products of a feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// By the error function.
    Gelu,
    /// The approximation by the hyperbolic tangent.
    GeluTanh,
    Relu,
}

#[derive(Deserialize)]
struct ModelType {
    #[serde(default)]
    model_type: String,
}

#[derive(Deserialize)]
struct BertConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default = "tiny")]
    layer_norm_eps: f64,
    max_position_embeddings: usize,
    pad_token_id: Option<u32>,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

#[derive(Deserialize)]
struct DistilBertConfig {
    vocab_size: usize,
    dim: usize,
    n_layers: usize,
    n_heads: usize,
    hidden_dim: usize,
    #[serde(default = "gelu")]
    activation: String,
    max_position_embeddings: usize,
    pad_token_id: Option<u32>,
}

#[derive(Deserialize)]
struct ModernConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    #[serde(default = "gelu")]
    hidden_activation: String,
    #[serde(default = "modern_epsilon")]
    norm_eps: f64,
    max_position_embeddings: usize,
    pad_token_id: Option<u32>,
    #[serde(default = "modern_window")]
    local_attention: usize,
    global_attn_every_n_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    global_rope_theta: Option<f64>,
    local_rope_theta: Option<f64>,
    rope_parameters: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn tiny() -> f64 {
    1e-12
}

fn modern_epsilon() -> f64 {
    1e-5
}

fn modern_window() -> usize {
    128
}

impl Architecture {
    /// Reads `config.json`, whose text is `bytes`.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let ModelType { model_type } = parse(path, bytes)?;
        let architecture = match model_type.as_str() {
            "bert" | "roberta" | "xlm-roberta" | "camembert" => {
                Self::bert(path, parse(path, bytes)?, model_type)?
            }
            "distilbert" => Self::distilbert(path, &parse(path, bytes)?, model_type)?,
            "modernbert" => Self::modern(path, &parse(path, bytes)?, model_type)?,
            _ => {
                return Err(Error::UnsupportedModel {
                    path: path.to_path_buf(),
                    model_type,
                });
            }
        };
        let Self {
            hidden,
            heads,
            layers,
            ..
        } = architecture;
        if heads == 0 || hidden == 0 || layers == 0 || hidden % heads != 0 {
            return Err(unsupported(
                path,
                format!("{hidden} components, {heads} attention heads and {layers} layers"),
            ));
        }
        Ok(architecture)
    }

    fn bert(path: &Path, config: BertConfig, model_type: String) -> Result<Self, Error> {
        if let Some(kind) = config.position_embedding_type.filter(|kind| kind != "absolute") {
            return Err(unsupported(path, format!("position_embedding_type `{kind}`")));
        }
        if config.is_decoder {
            return Err(unsupported(path, "is_decoder".to_owned()));
        }
        let offset_by_padding = model_type != "bert";
        let pad_token = config.pad_token_id.unwrap_or(u32::from(offset_by_padding));
        let taken = if offset_by_padding {
            pad_token as usize + 1
        } else {
            0
        };
        Ok(Self {
            vocabulary: config.vocab_size,
            hidden: config.hidden_size,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            intermediate: config.intermediate_size,
            activation: activation(path, &config.hidden_act)?,
            epsilon: single(config.layer_norm_eps),
            positions: config.max_position_embeddings.saturating_sub(taken),
            stated_positions: config.max_position_embeddings,
            pad_token,
            kind: Kind::Bert {
                names: Names::Bert,
                offset_by_padding,
                token_types: true,
            },
            model_type,
        })
    }

    fn distilbert(path: &Path, config: &DistilBertConfig, model_type: String) -> Result<Self, Error> {
        Ok(Self {
            model_type,
            vocabulary: config.vocab_size,
            hidden: config.dim,
            layers: config.n_layers,
            heads: config.n_heads,
            intermediate: config.hidden_dim,
            activation: activation(path, &config.activation)?,
            epsilon: 1e-12,
            positions: config.max_position_embeddings,
            stated_positions: config.max_position_embeddings,
            pad_token: config.pad_token_id.unwrap_or(0),
            kind: Kind::Bert {
                names: Names::DistilBert,
                offset_by_padding: false,
                token_types: false,
            },
        })
    }

    fn modern(path: &Path, config: &ModernConfig, model_type: String) -> Result<Self, Error> {
        if config.norm_bias || config.attention_bias || config.mlp_bias {
            return Err(unsupported(
                path,
                "norm_bias, attention_bias or mlp_bias".to_owned(),
            ));
        }
        let every = config.global_attn_every_n_layers.unwrap_or(3).max(1);
        let side = config.local_attention / 2;
        let windows = match &config.layer_types {
            None => (0..config.num_hidden_layers)
                .map(|layer| (layer % every != 0).then_some(side))
                .collect(),
            Some(types) if types.len() == config.num_hidden_layers => types
                .iter()
                .map(|kind| match kind.as_str() {
                    "full_attention" => Ok(None),
                    "sliding_attention" => Ok(Some(side)),
                    _ => Err(unsupported(path, format!("layer type `{kind}`"))),
                })
                .collect::<Result<_, _>>()?,
            Some(types) => {
                let stated = format!(
                    "{} layer_types for {} layers",
                    types.len(),
                    config.num_hidden_layers
                );
                return Err(unsupported(path, stated));
            }
        };
        // Newer files have an object for each kind of layer, older ones a number.
        let theta = |kind: &str, flat: Option<f64>, default: f64| -> Result<f64, Error> {
            let Some(parameters) = config.rope_parameters.as_ref().and_then(|all| all.get(kind)) else {
                return Ok(flat.unwrap_or(default));
            };
            match parameters.get("rope_type").and_then(|kind| kind.as_str()) {
                None | Some("default") => {}
                Some(scaling) => return Err(unsupported(path, format!("rope_type `{scaling}`"))),
            }
            let stated = parameters.get("rope_theta").and_then(serde_json::Value::as_f64);
            Ok(stated.or(flat).unwrap_or(default))
        };
        Ok(Self {
            model_type,
            vocabulary: config.vocab_size,
            hidden: config.hidden_size,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            intermediate: config.intermediate_size,
            activation: activation(path, &config.hidden_activation)?,
            epsilon: single(config.norm_eps),
            positions: config.max_position_embeddings,
            stated_positions: config.max_position_embeddings,
            pad_token: config.pad_token_id.unwrap_or(0),
            kind: Kind::Modern {
                windows,
                global_theta: theta("full_attention", config.global_rope_theta, 160_000.0)?,
                local_theta: theta("sliding_attention", config.local_rope_theta, 10_000.0)?,
            },
        })
    }
}

fn activation(path: &Path, name: &str) -> Result<Activation, Error> {
    match name {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        _ => Err(unsupported(path, format!("the activation `{name}`"))),
    }
}

fn unsupported(path: &Path, what: String) -> Error {
    Error::UnsupportedConfig {
        path: path.to_path_buf(),
        what,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
fn single(value: f64) -> f32 {
    value as f32
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Config {
        path: path.to_path_buf(),
        source,
    })
}
