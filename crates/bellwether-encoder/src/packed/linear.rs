//! A layer of weights, placed once for the products of all texts.

use super::aligned::Aligned;
use super::product::{Panels, Rows, multiply, panel_len};
use pulp::{Arch, Simd, WithSimd};

/// `x · Wᵀ + b` for rows `x`.
#[derive(Debug)]
pub(crate) struct Linear {
    panels: Aligned,
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
    vectors: usize,
}

/// What becomes of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Finish {
    /// It is the result.
    Store,
    /// Its activation is the result.
    Activate(crate::architecture::Activation),
    /// It is added to what is there.
    Add,
}

/// How many floats a vector of this processor holds.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

impl Linear {
    /// Weights `[outputs, inputs]`, row-major; no bias where it is empty.
    pub(crate) fn new(weights: &[f32], bias: Vec<f32>, inputs: usize) -> Self {
        let outputs = weights.len() / inputs;
        let lanes = lanes();
        // Three vectors a tile, unless two leave fewer columns empty.
        let vectors = if outputs.next_multiple_of(3 * lanes) > outputs.next_multiple_of(2 * lanes) {
            2
        } else {
            3
        };
        let width = vectors * lanes;
        let mut panels = Aligned::zeroed(panel_len(inputs, outputs, vectors, lanes));
        let placed = panels.as_mut_slice();
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            let panel = &mut placed[output / width * width * inputs..][..width * inputs];
            for (step, &weight) in panel.chunks_exact_mut(width).zip(row) {
                step[output % width] = weight;
            }
        }
        let bias = if bias.is_empty() { vec![0.0; outputs] } else { bias };
        Self {
            panels,
            bias,
            inputs,
            outputs,
            vectors,
        }
    }

    /// Writes the results of `rows` rows of `x` to `out`, `[rows, outputs]`.
    pub(crate) fn apply(&self, x: &[f32], rows: usize, finish: Finish, out: &mut [f32]) {
        Arch::new().dispatch(Apply {
            linear: self,
            x,
            rows,
            finish,
            out,
        });
    }
}

struct Apply<'a> {
    linear: &'a Linear,
    x: &'a [f32],
    rows: usize,
    finish: Finish,
    out: &'a mut [f32],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            linear,
            x,
            rows,
            finish,
            out,
        } = self;
        let rows = Rows {
            values: x,
            rows,
            stride: linear.inputs,
        };
        let panels = Panels {
            values: linear.panels.as_slice(),
            inputs: linear.inputs,
            outputs: linear.outputs,
            vectors: linear.vectors,
        };
        multiply(simd, rows, panels, |row, column, products| {
            let out = &mut out[row * linear.outputs + column..][..products.len()];
            let bias = &linear.bias[column..][..products.len()];
            finished(finish, products, bias, out);
        });
    }
}

/// Adds the bias and does with the sum what is asked.
#[inline(always)]
pub(crate) fn finished(finish: Finish, products: &[f32], bias: &[f32], out: &mut [f32]) {
    let sums = out.iter_mut().zip(products).zip(bias);
    match finish {
        Finish::Store => {
            for ((out, &product), &bias) in sums {
                *out = product + bias;
            }
        }
        Finish::Add => {
            for ((out, &product), &bias) in sums {
                *out += product + bias;
            }
        }
        Finish::Activate(activation) => {
            for ((out, &product), &bias) in sums {
                *out = product + bias;
            }
            super::functions::activate(activation, out);
        }
    }
}
