//! Attention of each text's tokens over the tokens of the same text: Vaswani et al., "Attention Is All You Need" (2017).

use super::aligned::Scratch;
use super::functions::exponentials;
use super::product::{Panels, Rows, multiply, panel_len};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Queries whose scores are in memory together.
const QUERIES: usize = 64;

/// Shape of the attention of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    /// Components of a head.
    pub(crate) width: usize,
    /// How many tokens to each side one sees; all where `None`.
    pub(crate) window: Option<usize>,
}

/// Memory of [`attend`].
#[derive(Debug, Default)]
pub(crate) struct AttentionMemory {
    keys: Scratch,
    values: Scratch,
    scores: Scratch,
}

/// From `[tokens, 3 · hidden]` of queries, keys and values to `[tokens, hidden]`. `texts` are ranges of tokens.
pub(crate) fn attend(
    heads: Heads,
    texts: &[Range<usize>],
    qkv: &[f32],
    out: &mut [f32],
    memory: &mut AttentionMemory,
) {
    Arch::new().dispatch(Attend {
        heads,
        texts,
        qkv,
        out,
        memory,
    });
}

struct Attend<'a> {
    heads: Heads,
    texts: &'a [Range<usize>],
    qkv: &'a [f32],
    out: &'a mut [f32],
    memory: &'a mut AttentionMemory,
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let hidden = self.heads.count * self.heads.width;
        for text in self.texts {
            let qkv = &self.qkv[text.start * 3 * hidden..text.end * 3 * hidden];
            let out = &mut self.out[text.start * hidden..text.end * hidden];
            for head in 0..self.heads.count {
                one_head(simd, self.heads, head, qkv, out, self.memory);
            }
        }
    }
}

/// Vectors of a panel for so many columns: as few as hold them, three at most.
fn vectors(columns: usize, lanes: usize) -> usize {
    columns.div_ceil(lanes).min(3)
}

#[inline(always)]
fn one_head<S: Simd>(
    simd: S,
    heads: Heads,
    head: usize,
    qkv: &[f32],
    out: &mut [f32],
    memory: &mut AttentionMemory,
) {
    let Heads { count, width, window } = heads;
    let hidden = count * width;
    let stride = 3 * hidden;
    let tokens = qkv.len() / stride;
    let lanes = S::F32_LANES;

    let key_vectors = vectors(tokens, lanes);
    let keys = memory.keys.take(panel_len(width, tokens, key_vectors, lanes));
    place_columns(
        qkv,
        hidden + head * width,
        stride,
        key_vectors * lanes,
        width,
        keys,
    );
    let value_vectors = vectors(width, lanes);
    let values = memory.values.take(panel_len(tokens, width, value_vectors, lanes));
    place_rows(
        qkv,
        2 * hidden + head * width,
        stride,
        value_vectors * lanes,
        width,
        values,
    );

    let scale = 1.0 / (width as f32).sqrt();
    let mut inverse_sums = [0.0_f32; QUERIES];
    for first in (0..tokens).step_by(QUERIES) {
        let queries = QUERIES.min(tokens - first);
        let scores = memory.scores.take(queries * tokens);
        let rows = Rows {
            values: &qkv[first * stride + head * width..],
            count: queries,
            stride,
        };
        let panels = Panels {
            values: keys,
            inputs: width,
            outputs: tokens,
            vectors: key_vectors,
        };
        multiply(
            simd,
            rows,
            panels,
            #[inline(always)]
            |row, column, products| {
                scores[row * tokens + column..][..products.len()].copy_from_slice(products);
            },
        );
        for (row, scores) in scores.chunks_exact_mut(tokens).enumerate() {
            let seen = window.map_or(0..tokens, |side| {
                (first + row).saturating_sub(side)..(first + row + side + 1).min(tokens)
            });
            scores[..seen.start].fill(0.0);
            scores[seen.end..].fill(0.0);
            inverse_sums[row] = exponentials(&mut scores[seen], scale);
        }
        let rows = Rows {
            values: scores,
            count: queries,
            stride: tokens,
        };
        let panels = Panels {
            values,
            inputs: tokens,
            outputs: width,
            vectors: value_vectors,
        };
        multiply(
            simd,
            rows,
            panels,
            #[inline(always)]
            |row, column, products| {
                let out = &mut out[(first + row) * hidden + head * width + column..][..products.len()];
                for (out, &product) in out.iter_mut().zip(products) {
                    *out = product * inverse_sums[row];
                }
            },
        );
    }
}

/// Places the rows at `start` of each token as columns: `[panels, width, columns]`.
#[inline(always)]
fn place_columns(from: &[f32], start: usize, stride: usize, columns: usize, width: usize, to: &mut [f32]) {
    let panels = to.chunks_exact_mut(columns * width);
    for (panel, tokens) in panels.zip(from.chunks(stride * columns)) {
        for step in panel.chunks_exact_mut(columns) {
            step[tokens.len() / stride..].fill(0.0);
        }
        for (column, token) in tokens.chunks_exact(stride).enumerate() {
            for (step, &v) in panel.chunks_exact_mut(columns).zip(&token[start..start + width]) {
                step[column] = v;
            }
        }
    }
}

/// Places the rows at `start` of each token as rows: `[panels, tokens, columns]`.
#[inline(always)]
fn place_rows(from: &[f32], start: usize, stride: usize, columns: usize, width: usize, to: &mut [f32]) {
    let tokens = from.len() / stride;
    for (panel, to) in to.chunks_exact_mut(columns * tokens).enumerate() {
        let here = panel * columns..width.min((panel + 1) * columns);
        for (row, token) in to.chunks_exact_mut(columns).zip(from.chunks_exact(stride)) {
            let values = &token[start + here.start..start + here.end];
            row[..values.len()].copy_from_slice(values);
            row[values.len()..].fill(0.0);
        }
    }
}
