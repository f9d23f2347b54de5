//! ModernBERT: Warner et al., "Smarter, Better, Faster, Longer" (2024).

use super::attention::{Heads, attend};
use super::linear::{Finish, Linear};
use super::{Memory, Norm, functions, ranges, row};
use crate::architecture::{Activation, Architecture, Kind};
use crate::error::Error;
use crate::options::Arithmetic;
use crate::weights::Weights;
use pulp::Arch;
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct Modern {
    words: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    last: Norm,
    head_count: usize,
    hidden: usize,
    intermediate: usize,
    activation: Activation,
    global: Rotation,
    local: Rotation,
}

#[derive(Debug)]
struct Layer {
    /// Absent in the first, whose input has just been normalised.
    before_attention: Option<Norm>,
    qkv: Linear,
    out: Linear,
    before_feed_forward: Norm,
    up: Linear,
    down: Linear,
    window: Option<usize>,
}

/// Angles by which pairs of components turn from one token to the next: Su et al., "RoFormer" (2021).
#[derive(Debug)]
struct Rotation {
    frequencies: Vec<f32>,
}

impl Modern {
    pub(super) fn new(of: &Architecture, weights: &Weights, arithmetic: Arithmetic) -> Result<Self, Error> {
        let Kind::Modern {
            windows,
            global_theta,
            local_theta,
        } = &of.kind
        else {
            unreachable!("the caller has looked at the kind");
        };
        let (hidden, intermediate) = (of.hidden, of.intermediate);
        let norm = |name: &str| -> Result<Norm, Error> {
            Ok(Norm {
                weight: weights.values(&format!("{name}.weight"), &[hidden])?,
                bias: vec![0.0; hidden],
                epsilon: of.epsilon,
            })
        };
        let linear = |name: &str, inputs: usize, outputs: usize| -> Result<Linear, Error> {
            let values = weights.values(&format!("{name}.weight"), &[outputs, inputs])?;
            Ok(Linear::new(&values, Vec::new(), inputs, arithmetic))
        };
        let layers = windows.iter().enumerate().map(|(layer, &window)| {
            let at = |part: &str| format!("layers.{layer}.{part}");
            Ok(Layer {
                before_attention: (layer > 0).then(|| norm(&at("attn_norm"))).transpose()?,
                qkv: linear(&at("attn.Wqkv"), hidden, 3 * hidden)?,
                out: linear(&at("attn.Wo"), hidden, hidden)?,
                before_feed_forward: norm(&at("mlp_norm"))?,
                up: linear(&at("mlp.Wi"), hidden, 2 * intermediate)?,
                down: linear(&at("mlp.Wo"), intermediate, hidden)?,
                window,
            })
        });
        let head_width = hidden / of.heads;
        Ok(Self {
            words: weights.values("embeddings.tok_embeddings.weight", &[of.vocabulary, hidden])?,
            norm: norm("embeddings.norm")?,
            layers: layers.collect::<Result<_, Error>>()?,
            last: norm("final_norm")?,
            head_count: of.heads,
            hidden,
            intermediate,
            activation: of.activation,
            global: Rotation::new(*global_theta, head_width),
            local: Rotation::new(*local_theta, head_width),
        })
    }

    pub(super) fn forward<'m>(&self, texts: &[&[u32]], memory: &'m mut Memory) -> Result<&'m [f32], Error> {
        let (texts_at, hidden) = (ranges(texts), self.hidden);
        let tokens = texts_at.last().map_or(0, |last| last.end);
        let x = memory.states.take(tokens * hidden);
        for (out, &token) in x.chunks_exact_mut(hidden).zip(texts.iter().copied().flatten()) {
            out.copy_from_slice(row(&self.words, token as usize, hidden)?);
        }
        self.norm.apply(x);
        let normalised = memory.normalised.take(tokens * hidden);
        let qkv = memory.qkv.take(tokens * 3 * hidden);
        let attended = memory.attended.take(tokens * hidden);
        let inner = memory.inner.take(tokens * 2 * self.intermediate);
        let gated = memory.gated.take(tokens * self.intermediate);
        let integers = &mut memory.integers;
        for layer in &self.layers {
            normalised.copy_from_slice(x);
            if let Some(norm) = &layer.before_attention {
                norm.apply(normalised);
            }
            layer.qkv.apply(normalised, tokens, Finish::Store, qkv, integers);
            let (rotation, heads) = (
                if layer.window.is_some() {
                    &self.local
                } else {
                    &self.global
                },
                Heads {
                    count: self.head_count,
                    width: hidden / self.head_count,
                    window: layer.window,
                },
            );
            rotation.turn(qkv, &texts_at, hidden);
            attend(heads, &texts_at, qkv, attended, &mut memory.attention);
            layer.out.apply(attended, tokens, Finish::Add, x, integers);
            normalised.copy_from_slice(x);
            layer.before_feed_forward.apply(normalised);
            layer.up.apply(normalised, tokens, Finish::Store, inner, integers);
            self.gate(inner, gated);
            layer.down.apply(gated, tokens, Finish::Add, x, integers);
        }
        self.last.apply(x);
        Ok(x)
    }

    /// The activation of the first half of each row times its second half: Shazeer, "GLU Variants Improve Transformer" (2020).
    fn gate(&self, inner: &[f32], gated: &mut [f32]) {
        let (width, activation) = (self.intermediate, self.activation);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (out, row) in gated.chunks_exact_mut(width).zip(inner.chunks_exact(2 * width)) {
                    let (values, gates) = row.split_at(width);
                    out.copy_from_slice(values);
                    functions::activate(activation, out);
                    for (out, &gate) in out.iter_mut().zip(gates) {
                        *out *= gate;
                    }
                }
            },
        );
    }
}

impl Rotation {
    fn new(theta: f64, width: usize) -> Self {
        let frequency = |pair: usize| theta.powf(-((2 * pair) as f64) / width as f64);
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
        let frequencies = (0..width / 2).map(|pair| frequency(pair) as f32).collect();
        Self { frequencies }
    }

    /// Turns the queries and keys of each head by their token's place in its text.
    fn turn(&self, qkv: &mut [f32], texts: &[Range<usize>], hidden: usize) {
        let half = self.frequencies.len();
        let mut angles = vec![(0.0_f32, 0.0_f32); half];
        for text in texts {
            for (place, token) in qkv[text.start * 3 * hidden..text.end * 3 * hidden]
                .chunks_exact_mut(3 * hidden)
                .enumerate()
            {
                for (angle, &frequency) in angles.iter_mut().zip(&self.frequencies) {
                    *angle = (place as f32 * frequency).sin_cos();
                }
                // Queries lie before keys, and heads beside each other in both.
                for head in token[..2 * hidden].chunks_exact_mut(2 * half) {
                    let (left, right) = head.split_at_mut(half);
                    for ((l, r), &(sin, cos)) in left.iter_mut().zip(right).zip(&angles) {
                        (*l, *r) = (*l * cos - *r * sin, *r * cos + *l * sin);
                    }
                }
            }
        }
    }
}
