//! The forward pass through candle, for devices other than the CPU: batches padded to their longest text.

use crate::architecture::{Activation, Architecture, Kind, Names};
use crate::error::Error;
use crate::options::Precision;
use crate::weights::Weights;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config as BertConfig, HiddenAct, PositionEmbeddingType};
use candle_transformers::models::modernbert::{Config as ModernConfig, ModernBert};
use std::collections::HashMap;

/// DistilBERT's names and BERT's for the same weights.
const DISTILBERT_AS_BERT: [(&str, &str); 9] = [
    ("transformer.layer.", "encoder.layer."),
    ("attention.q_lin.", "attention.self.query."),
    ("attention.k_lin.", "attention.self.key."),
    ("attention.v_lin.", "attention.self.value."),
    ("attention.out_lin.", "attention.output.dense."),
    ("sa_layer_norm.", "attention.output.LayerNorm."),
    ("ffn.lin1.", "intermediate.dense."),
    ("ffn.lin2.", "output.dense."),
    ("output_layer_norm.", "output.LayerNorm."),
];

/// A model of candle's on a device.
pub(crate) struct PaddedModel {
    model: Model,
    device: Device,
    pad_token: u32,
    hidden: usize,
}

enum Model {
    Bert(Box<BertModel>),
    Modern(Box<ModernBert>),
}

impl PaddedModel {
    pub(crate) fn new(
        of: &Architecture,
        weights: &Weights,
        precision: Precision,
        device: Device,
    ) -> Result<Self, Error> {
        let model =
            Self::model(of, weights, precision.dtype(), &device).map_err(|source| weights.failed(source))?;
        Ok(Self {
            model,
            device,
            pad_token: of.pad_token,
            hidden: of.hidden,
        })
    }

    fn model(
        of: &Architecture,
        weights: &Weights,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Model> {
        match &of.kind {
            Kind::Bert { .. } => {
                let tensors = as_bert(of, weights)?;
                let builder = VarBuilder::from_tensors(tensors, dtype, device);
                BertModel::load(builder, &bert_config(of)).map(|model| Model::Bert(Box::new(model)))
            }
            Kind::Modern {
                windows,
                global_theta,
                local_theta,
            } => {
                let every = windows
                    .iter()
                    .skip(1)
                    .position(Option::is_none)
                    .map_or(windows.len(), |at| at + 1);
                let side = windows.iter().flatten().next().copied().unwrap_or(of.positions);
                let repeats =
                    (0..windows.len()).all(|layer| windows[layer] == (layer % every != 0).then_some(side));
                if !repeats || of.activation != Activation::Gelu {
                    candle_core::bail!("this order of layers or activation works on the CPU alone");
                }
                let config = ModernConfig {
                    vocab_size: of.vocabulary,
                    hidden_size: of.hidden,
                    num_hidden_layers: of.layers,
                    num_attention_heads: of.heads,
                    intermediate_size: of.intermediate,
                    max_position_embeddings: of.positions,
                    layer_norm_eps: f64::from(of.epsilon),
                    pad_token_id: of.pad_token,
                    global_attn_every_n_layers: every,
                    global_rope_theta: *global_theta,
                    local_attention: 2 * side,
                    local_rope_theta: *local_theta,
                    classifier_config: None,
                };
                let named = weights
                    .stripped()
                    .map(|(name, tensor)| (format!("model.{name}"), tensor.clone()));
                let builder = VarBuilder::from_tensors(named.collect(), dtype, device);
                ModernBert::load(builder, &config).map(|model| Model::Modern(Box::new(model)))
            }
        }
    }

    /// Last hidden states of all tokens of the texts, one text after another and without padding: `[tokens, hidden]`.
    pub(crate) fn forward(&self, texts: &[&[u32]]) -> Result<Vec<f32>, Error> {
        let width = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut ids = vec![self.pad_token; texts.len() * width];
        let mut mask = vec![0_u32; texts.len() * width];
        for (row, text) in texts.iter().enumerate() {
            ids[row * width..row * width + text.len()].copy_from_slice(text);
            mask[row * width..row * width + text.len()].fill(1);
        }
        let shape = (texts.len(), width);
        let ids = Tensor::from_vec(ids, shape, &self.device)?;
        let mask = Tensor::from_vec(mask, shape, &self.device)?;
        let states = match &self.model {
            Model::Bert(model) => model.forward(&ids, &ids.zeros_like()?, Some(&mask))?,
            Model::Modern(model) => model.forward(&ids, &mask)?,
        };
        let states = states.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let own = states.chunks_exact((width * self.hidden).max(1)).zip(texts);
        Ok(own
            .flat_map(|(states, text)| &states[..text.len() * self.hidden])
            .copied()
            .collect())
    }
}

fn bert_config(of: &Architecture) -> BertConfig {
    BertConfig {
        vocab_size: of.vocabulary,
        hidden_size: of.hidden,
        num_hidden_layers: of.layers,
        num_attention_heads: of.heads,
        intermediate_size: of.intermediate,
        hidden_act: match of.activation {
            Activation::Gelu => HiddenAct::Gelu,
            Activation::GeluTanh => HiddenAct::GeluApproximate,
            Activation::Relu => HiddenAct::Relu,
        },
        max_position_embeddings: of.positions,
        type_vocab_size: 1,
        layer_norm_eps: f64::from(of.epsilon),
        pad_token_id: of.pad_token as usize,
        position_embedding_type: PositionEmbeddingType::Absolute,
        ..BertConfig::default()
    }
}

/// The tensors under BERT's names, positions from 0 on and of one token type.
fn as_bert(of: &Architecture, weights: &Weights) -> candle_core::Result<HashMap<String, Tensor>> {
    let Kind::Bert { names, .. } = of.kind else {
        candle_core::bail!("not of BERT's kind");
    };
    let mut tensors = HashMap::new();
    for (name, tensor) in weights.stripped() {
        let name = match names {
            Names::Bert => name.to_owned(),
            Names::DistilBert => DISTILBERT_AS_BERT
                .iter()
                .fold(name.to_owned(), |name, (from, to)| name.replace(from, to)),
        };
        let tensor = match name.as_str() {
            "embeddings.position_embeddings.weight" => {
                tensor.narrow(0, of.stated_positions - of.positions, of.positions)?
            }
            "embeddings.token_type_embeddings.weight" => tensor.narrow(0, 0, 1)?,
            _ => tensor.clone(),
        };
        tensors.insert(name, tensor);
    }
    if names == Names::DistilBert {
        let none = Tensor::zeros((1, of.hidden), DType::F32, &Device::Cpu)?;
        tensors.insert("embeddings.token_type_embeddings.weight".to_owned(), none);
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Arithmetic;
    use crate::packed::{Memory, PackedModel};
    use std::path::Path;

    #[test]
    fn candle_gives_the_same_states_as_the_packed_pass() -> Result<(), Error> {
        for family in ["bert", "distilbert", "roberta", "xlm-roberta", "modernbert"] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/golden/families")
                .join(family);
            let read = |file: &str| std::fs::read(dir.join(file)).expect("it is part of the repository");
            let architecture = Architecture::parse(&dir, &read("config.json"))?;
            let weights = Weights::read(&dir, &read("model.safetensors"), Precision::Float32)?;
            let packed = PackedModel::new(&architecture, &weights, Arithmetic::Float)?;
            let padded = PaddedModel::new(&architecture, &weights, Precision::Float32, Device::Cpu)?;
            let texts: Vec<Vec<u32>> = [5_u32, 1, 40, 12]
                .iter()
                .map(|&n| (0..n).map(|i| 2 + i % 60).collect())
                .collect();
            let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let mut memory = Memory::default();
            let ours = packed.forward(&texts, &mut memory)?;
            let theirs = padded.forward(&texts)?;
            assert_eq!(ours.len(), theirs.len());
            for (a, b) in ours.iter().zip(&theirs) {
                assert!((a - b).abs() < 1e-4, "{family}: {a} is not {b}");
            }
        }
        Ok(())
    }
}
