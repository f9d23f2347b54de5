//! The forward pass on the CPU: the tokens of many texts in one matrix, none of them padding.
//!
//! What a text gives depends on nothing but its tokens, to the last bit: rows are independent in every step (see [`product`]
//! and [`functions`]), and attention runs within a text. So texts can be packed as it suits the caches and the threads.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function for the processor's vectors is compiled without them"
)]

mod aligned;
mod attention;
mod bert;
mod functions;
mod integer;
mod linear;
mod modern;
mod product;

use crate::architecture::{Architecture, Kind};
use crate::error::Error;
use crate::options::Arithmetic;
use crate::weights::Weights;
use aligned::Scratch;
use attention::AttentionMemory;
use integer::IntegerMemory;
use pulp::Arch;
use std::ops::Range;

/// A model whose weights are placed for this processor.
#[derive(Debug)]
pub(crate) enum PackedModel {
    Bert(bert::Bert),
    Modern(modern::Modern),
}

/// Intermediate results of a forward pass, kept for the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    states: Scratch,
    normalised: Scratch,
    qkv: Scratch,
    attended: Scratch,
    inner: Scratch,
    gated: Scratch,
    attention: AttentionMemory,
    integers: IntegerMemory,
}

/// The scale and offset of a normalisation.
#[derive(Debug)]
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl PackedModel {
    pub(crate) fn new(
        architecture: &Architecture,
        weights: &Weights,
        arithmetic: Arithmetic,
    ) -> Result<Self, Error> {
        match architecture.kind {
            Kind::Bert { .. } => bert::Bert::new(architecture, weights, arithmetic).map(Self::Bert),
            Kind::Modern { .. } => modern::Modern::new(architecture, weights, arithmetic).map(Self::Modern),
        }
    }

    /// Last hidden states of all tokens of the texts, one text after another: `[tokens, hidden]`.
    pub(crate) fn forward<'m>(&self, texts: &[&[u32]], memory: &'m mut Memory) -> Result<&'m [f32], Error> {
        match self {
            Self::Bert(model) => model.forward(texts, memory),
            Self::Modern(model) => model.forward(texts, memory),
        }
    }
}

impl Norm {
    fn apply(&self, rows: &mut [f32]) {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for row in rows.chunks_exact_mut(self.weight.len()) {
                    functions::layer_norm(row, &self.weight, &self.bias, self.epsilon);
                }
            },
        );
    }
}

/// Where each text's tokens lie.
fn ranges(texts: &[&[u32]]) -> Vec<Range<usize>> {
    let mut end = 0;
    texts
        .iter()
        .map(|text| {
            let start = end;
            end += text.len();
            start..end
        })
        .collect()
}

/// The row of a table that belongs to a token.
fn row(table: &[f32], at: usize, width: usize) -> Result<&[f32], Error> {
    table
        .get(at * width..(at + 1) * width)
        .ok_or(Error::TokenBeyondTable {
            token: at,
            rows: table.len() / width,
        })
}
