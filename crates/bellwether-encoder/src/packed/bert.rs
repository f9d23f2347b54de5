//! BERT and its relatives: Devlin et al. (2018); DistilBERT and RoBERTa differ in names, positions and token types alone.

use super::attention::{Heads, attend};
use super::linear::{Finish, Linear};
use super::{Memory, Norm, ranges, row};
use crate::architecture::{Activation, Architecture, Kind, Names};
use crate::error::Error;
use crate::options::Arithmetic;
use crate::weights::Weights;

#[derive(Debug)]
pub(crate) struct Bert {
    words: Vec<f32>,
    /// With the first token type's vector added, as all tokens of a text are of it.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: Heads,
    hidden: usize,
    intermediate: usize,
    activation: Activation,
    /// The number that positions count from, where they do not count from 0.
    padding: Option<u32>,
}

#[derive(Debug)]
struct Layer {
    qkv: Linear,
    out: Linear,
    after_attention: Norm,
    up: Linear,
    down: Linear,
    after_feed_forward: Norm,
}

/// What the parts of a layer are called, after the layer's own name.
struct Parts {
    layer: &'static str,
    qkv: [&'static str; 3],
    out: &'static str,
    after_attention: &'static str,
    up: &'static str,
    down: &'static str,
    after_feed_forward: &'static str,
}

const BERT: Parts = Parts {
    layer: "encoder.layer",
    qkv: [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    ],
    out: "attention.output.dense",
    after_attention: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    after_feed_forward: "output.LayerNorm",
};
const DISTILBERT: Parts = Parts {
    layer: "transformer.layer",
    qkv: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    out: "attention.out_lin",
    after_attention: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    after_feed_forward: "output_layer_norm",
};

impl Bert {
    pub(super) fn new(of: &Architecture, weights: &Weights, arithmetic: Arithmetic) -> Result<Self, Error> {
        let Kind::Bert {
            names,
            offset_by_padding,
            token_types,
        } = of.kind
        else {
            unreachable!("the caller has looked at the kind");
        };
        let (hidden, intermediate) = (of.hidden, of.intermediate);
        let parts = match names {
            Names::Bert => &BERT,
            Names::DistilBert => &DISTILBERT,
        };
        let norm = |name: &str| -> Result<Norm, Error> {
            Ok(Norm {
                weight: weights.values(&format!("{name}.weight"), &[hidden])?,
                bias: weights.values(&format!("{name}.bias"), &[hidden])?,
                epsilon: of.epsilon,
            })
        };
        let linear = |name: &str, inputs: usize, outputs: usize| -> Result<Linear, Error> {
            let bias = weights.values(&format!("{name}.bias"), &[outputs])?;
            Ok(Linear::new(
                &weights.values(&format!("{name}.weight"), &[outputs, inputs])?,
                bias,
                inputs,
                arithmetic,
            ))
        };
        let mut positions = weights.values(
            "embeddings.position_embeddings.weight",
            &[of.stated_positions, hidden],
        )?;
        if token_types {
            let first = weights.first_row("embeddings.token_type_embeddings.weight", hidden)?;
            for position in positions.chunks_exact_mut(hidden) {
                for (v, &t) in position.iter_mut().zip(&first) {
                    *v += t;
                }
            }
        }
        let layers = (0..of.layers).map(|layer| {
            let at = format!("{}.{layer}", parts.layer);
            let mut fused = (
                Vec::with_capacity(3 * hidden * hidden),
                Vec::with_capacity(3 * hidden),
            );
            for part in parts.qkv {
                fused
                    .0
                    .extend(weights.values(&format!("{at}.{part}.weight"), &[hidden, hidden])?);
                fused
                    .1
                    .extend(weights.values(&format!("{at}.{part}.bias"), &[hidden])?);
            }
            Ok(Layer {
                qkv: Linear::new(&fused.0, fused.1, hidden, arithmetic),
                out: linear(&format!("{at}.{}", parts.out), hidden, hidden)?,
                after_attention: norm(&format!("{at}.{}", parts.after_attention))?,
                up: linear(&format!("{at}.{}", parts.up), hidden, intermediate)?,
                down: linear(&format!("{at}.{}", parts.down), intermediate, hidden)?,
                after_feed_forward: norm(&format!("{at}.{}", parts.after_feed_forward))?,
            })
        });
        Ok(Self {
            words: weights.values("embeddings.word_embeddings.weight", &[of.vocabulary, hidden])?,
            positions,
            norm: norm("embeddings.LayerNorm")?,
            layers: layers.collect::<Result<_, Error>>()?,
            heads: Heads {
                count: of.heads,
                width: hidden / of.heads,
                window: None,
            },
            hidden,
            intermediate,
            activation: of.activation,
            padding: offset_by_padding.then_some(of.pad_token),
        })
    }

    pub(super) fn forward<'m>(&self, texts: &[&[u32]], memory: &'m mut Memory) -> Result<&'m [f32], Error> {
        let (texts_at, hidden) = (ranges(texts), self.hidden);
        let tokens = texts_at.last().map_or(0, |last| last.end);
        let x = memory.states.take(tokens * hidden);
        let mut rows = x.chunks_exact_mut(hidden);
        for text in texts {
            let positions = positions(text, self.padding);
            for ((&token, position), out) in text.iter().zip(positions).zip(&mut rows) {
                let word = row(&self.words, token as usize, hidden)?;
                let position = row(&self.positions, position, hidden)?;
                for ((out, &w), &p) in out.iter_mut().zip(word).zip(position) {
                    *out = w + p;
                }
            }
        }
        self.norm.apply(x);
        let qkv = memory.qkv.take(tokens * 3 * hidden);
        let attended = memory.attended.take(tokens * hidden);
        let inner = memory.inner.take(tokens * self.intermediate);
        let integers = &mut memory.integers;
        for layer in &self.layers {
            layer.qkv.apply(x, tokens, Finish::Store, qkv, integers);
            attend(self.heads, &texts_at, qkv, attended, &mut memory.attention);
            layer.out.apply(attended, tokens, Finish::Add, x, integers);
            layer.after_attention.apply(x);
            layer
                .up
                .apply(x, tokens, Finish::Activate(self.activation), inner, integers);
            layer.down.apply(inner, tokens, Finish::Add, x, integers);
            layer.after_feed_forward.apply(x);
        }
        Ok(x)
    }
}

/// Rows of the table of positions. RoBERTa counts from the padding token's number, and a padding token, which a text can
/// spell out, takes that number itself and does not count.
fn positions(text: &[u32], padding: Option<u32>) -> impl Iterator<Item = usize> {
    let mut next = padding.map_or(0, |padding| padding as usize + 1);
    text.iter().map(move |&token| match padding {
        Some(padding) if token == padding => padding as usize,
        _ => {
            next += 1;
            next - 1
        }
    })
}

#[cfg(test)]
mod tests {
    use super::positions;

    #[test]
    fn roberta_counts_positions_from_its_padding_token_and_passes_over_it() {
        let of = |padding| positions(&[0, 9, 1, 8, 2], padding).collect::<Vec<_>>();
        assert_eq!(of(None), [0, 1, 2, 3, 4]);
        assert_eq!(of(Some(1)), [2, 3, 1, 4, 5]);
    }
}
