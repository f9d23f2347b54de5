//! A layer of weights, placed once for the products of all texts.

use super::aligned::Aligned;
use super::integer::{IntegerMemory, Integers};
use super::product::{Panels, Rows, multiply, panel_len};
use crate::options::Arithmetic;
use pulp::{Arch, Simd, WithSimd};

/// `x · Wᵀ + b` for rows `x`.
#[derive(Debug)]
pub(crate) struct Linear {
    weights: Placed,
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

#[derive(Debug)]
enum Placed {
    Floats { panels: Aligned<f32>, vectors: usize },
    Integers(Integers),
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
    pub(crate) fn new(weights: &[f32], bias: Vec<f32>, inputs: usize, arithmetic: Arithmetic) -> Self {
        let outputs = weights.len() / inputs;
        let lanes = lanes();
        let bias = if bias.is_empty() { vec![0.0; outputs] } else { bias };
        let weights = match arithmetic {
            Arithmetic::Float => floats(weights, inputs, outputs, lanes),
            Arithmetic::Integer => Placed::Integers(Integers::new(weights, inputs, lanes)),
        };
        Self {
            weights,
            bias,
            inputs,
            outputs,
        }
    }

    /// Writes the results of `rows` rows of `x` to `out`, `[rows, outputs]`.
    pub(crate) fn apply(
        &self,
        x: &[f32],
        rows: usize,
        finish: Finish,
        out: &mut [f32],
        memory: &mut IntegerMemory,
    ) {
        match &self.weights {
            Placed::Floats { panels, vectors } => Arch::new().dispatch(Apply {
                linear: self,
                panels: panels.as_slice(),
                vectors: *vectors,
                x,
                rows,
                finish,
                out,
            }),
            Placed::Integers(integers) => integers.multiply(
                x,
                rows,
                memory,
                #[inline(always)]
                |row, column, products| self.finished(finish, row, column, products, out),
            ),
        }
    }

    /// Adds the bias to a row's products and does with the sum what is asked.
    #[inline(always)]
    fn finished(&self, finish: Finish, row: usize, column: usize, products: &[f32], out: &mut [f32]) {
        let out = &mut out[row * self.outputs + column..][..products.len()];
        let bias = &self.bias[column..][..products.len()];
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
}

/// Places weights for products in floats.
fn floats(weights: &[f32], inputs: usize, outputs: usize, lanes: usize) -> Placed {
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
    Placed::Floats { panels, vectors }
}

struct Apply<'a> {
    linear: &'a Linear,
    panels: &'a [f32],
    vectors: usize,
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
            panels,
            vectors,
            x,
            rows,
            finish,
            out,
        } = self;
        let rows = Rows {
            values: x,
            count: rows,
            stride: linear.inputs,
        };
        let panels = Panels {
            values: panels,
            inputs: linear.inputs,
            outputs: linear.outputs,
            vectors,
        };
        multiply(
            simd,
            rows,
            panels,
            #[inline(always)]
            |row, column, products| linear.finished(finish, row, column, products, out),
        );
    }
}
