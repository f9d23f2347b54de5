//! Matrix products in whole numbers: 16-bit factors, 32-bit sums, twice as many a cycle as in floats.
//!
//! Each output's weights are rounded to [`WEIGHT_STEPS`] steps of a scale of their own, and each row of activations to as many
//! steps as cannot overflow a sum. Sums are exact, so that only the two roundings are lost. Two neighbouring inputs lie in one
//! 32-bit lane, which processors multiply and add in one instruction.

use super::aligned::Aligned;
use pulp::{Scalar, Simd};

/// Weights are whole numbers from minus to plus this.
const WEIGHT_STEPS: i32 = 511;
/// Most steps of an activation.
const MOST_STEPS: i32 = 2047;
/// Rows of a tile.
const TILE_ROWS: usize = 8;
/// Vectors of a panel's row.
const VECTORS: usize = 3;
/// Outputs of a panel with vectors of 16.
const MAX_PANEL: usize = 48;

/// A layer's weights in panels: `[panels, pairs of inputs, outputs of the panel]`.
#[derive(Debug)]
pub(crate) struct Integers {
    panels: Aligned<i32>,
    /// What a step of an output's weights is.
    scales: Vec<f32>,
    pairs: usize,
    outputs: usize,
    steps: i32,
}

/// Rows of activations in steps.
#[derive(Debug, Default)]
pub(crate) struct IntegerMemory {
    /// `[rows, pairs of inputs]`.
    pairs: Vec<i32>,
    /// What a step of a row is.
    scales: Vec<f32>,
}

/// Vectors that multiply pairs of 16-bit numbers.
trait PairSimd: Simd {
    /// In each lane the sum of the products of the lower and of the upper halves of `a` and `b`.
    fn multiply_pairs(self, a: Self::i32s, b: Self::i32s) -> Self::i32s;
}

impl PairSimd for Scalar {
    #[inline(always)]
    fn multiply_pairs(self, a: i32, b: i32) -> i32 {
        let [a, b] = [halves(a), halves(b)];
        a.0 * b.0 + a.1 * b.1
    }
}

#[cfg(target_arch = "x86_64")]
impl PairSimd for pulp::x86::V4 {
    #[inline(always)]
    fn multiply_pairs(self, a: Self::i32s, b: Self::i32s) -> Self::i32s {
        pulp::cast(self.avx512bw._mm512_madd_epi16(pulp::cast(a), pulp::cast(b)))
    }
}

#[cfg(target_arch = "x86_64")]
impl PairSimd for pulp::x86::V3 {
    #[inline(always)]
    fn multiply_pairs(self, a: Self::i32s, b: Self::i32s) -> Self::i32s {
        pulp::cast(self.avx2._mm256_madd_epi16(pulp::cast(a), pulp::cast(b)))
    }
}

/// The lower and the upper 16 bits as signed numbers.
#[inline(always)]
fn halves(pair: i32) -> (i32, i32) {
    (pair << 16 >> 16, pair >> 16)
}

#[inline(always)]
fn paired(lower: i32, upper: i32) -> i32 {
    (lower & 0xffff) | (upper << 16)
}

/// A whole number of at most `steps` from a quotient.
#[inline(always)]
fn stepped(value: f32, inverse: f32) -> i32 {
    /// Adding it leaves the nearest whole number in the lowest bits; ties go to even.
    const SHIFT: f32 = 12_582_912.0;
    #[expect(
        clippy::cast_possible_wrap,
        reason = "the difference is meant, of either sign"
    )]
    let step = (value * inverse + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()) as i32;
    step
}

/// The largest magnitude. NaN where there is one: without the sign, its bits are larger than those of any number.
#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let magnitude = |v: f32| v.to_bits() & !(1 << 31);
    let mut parts = [0_u32; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for chunk in whole {
        for (part, &v) in parts.iter_mut().zip(chunk) {
            *part = magnitude(v).max(*part);
        }
    }
    let rest = rest.iter().map(|&v| magnitude(v));
    f32::from_bits(parts.into_iter().chain(rest).fold(0, u32::max))
}

impl Integers {
    /// Weights `[outputs, inputs]`, row-major.
    pub(crate) fn new(weights: &[f32], inputs: usize, lanes: usize) -> Self {
        let (outputs, pairs, width) = (weights.len() / inputs, inputs.div_ceil(2), VECTORS * lanes);
        let mut panels = Aligned::zeroed(outputs.next_multiple_of(width) * pairs);
        let mut scales = vec![0.0; outputs.next_multiple_of(width)];
        let placed = panels.as_mut_slice();
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            let scale = largest(row) / WEIGHT_STEPS as f32;
            scales[output] = scale;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let panel = &mut placed[output / width * width * pairs..][..width * pairs];
            for (step, pair) in panel.chunks_exact_mut(width).zip(row.chunks(2)) {
                let upper = pair.get(1).map_or(0, |&v| stepped(v, inverse));
                step[output % width] = paired(stepped(pair[0], inverse), upper);
            }
        }
        let inputs = i32::try_from(inputs).unwrap_or(i32::MAX);
        Self {
            panels,
            scales,
            pairs,
            outputs,
            steps: MOST_STEPS.min(i32::MAX / WEIGHT_STEPS / inputs),
        }
    }

    /// Multiplies all rows of `x` with all outputs. `finish` gets the rows' products of one panel, a row at a time: the row,
    /// the first output and the products.
    #[inline(always)]
    pub(crate) fn multiply(
        &self,
        x: &[f32],
        rows: usize,
        memory: &mut IntegerMemory,
        mut finish: impl FnMut(usize, usize, &[f32]),
    ) {
        #[cfg(target_arch = "x86_64")]
        match pulp::x86::Arch::new() {
            pulp::x86::Arch::V4(simd) => simd.vectorize(
                #[inline(always)]
                || self.on(simd, x, rows, memory, &mut finish),
            ),
            pulp::x86::Arch::V3(simd) => simd.vectorize(
                #[inline(always)]
                || self.on(simd, x, rows, memory, &mut finish),
            ),
            _ => self.on(Scalar, x, rows, memory, &mut finish),
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.on(Scalar, x, rows, memory, &mut finish);
    }

    #[inline(always)]
    fn on<S: PairSimd>(
        &self,
        simd: S,
        x: &[f32],
        rows: usize,
        memory: &mut IntegerMemory,
        finish: &mut impl FnMut(usize, usize, &[f32]),
    ) {
        self.round(x, rows, memory);
        let width = VECTORS * S::I32_LANES;
        let mut tile = [0_i32; TILE_ROWS * MAX_PANEL];
        let mut products = [0.0_f32; MAX_PANEL];
        for (panel, values) in self
            .panels
            .as_slice()
            .chunks_exact(width * self.pairs)
            .enumerate()
        {
            let column = panel * width;
            let columns = width.min(self.outputs - column);
            let scales = &self.scales[column..column + width];
            let mut row = 0;
            while row < rows {
                let from = &memory.pairs[row * self.pairs..];
                let done = match rows - row {
                    left if left >= 8 && S::REGISTER_COUNT >= 32 => {
                        tile_of::<S, 8>(simd, from, self.pairs, values, &mut tile)
                    }
                    left if left >= 4 => tile_of::<S, 4>(simd, from, self.pairs, values, &mut tile),
                    2 | 3 => tile_of::<S, 2>(simd, from, self.pairs, values, &mut tile),
                    _ => tile_of::<S, 1>(simd, from, self.pairs, values, &mut tile),
                };
                for (at, sums) in tile.chunks_exact(width).take(done).enumerate() {
                    let of_row = memory.scales[row + at];
                    for ((product, &sum), &scale) in products.iter_mut().zip(sums).zip(scales) {
                        *product = sum as f32 * (scale * of_row);
                    }
                    finish(row + at, column, &products[..columns]);
                }
                row += done;
            }
        }
    }

    /// Rounds rows of activations to steps.
    #[inline(always)]
    fn round(&self, x: &[f32], rows: usize, memory: &mut IntegerMemory) {
        let inputs = x.len() / rows.max(1);
        memory.pairs.resize(rows * self.pairs, 0);
        memory.scales.resize(rows, 0.0);
        let all = memory.pairs.chunks_exact_mut(self.pairs).zip(&mut memory.scales);
        for ((pairs, scale), row) in all.zip(x.chunks_exact(inputs)) {
            let peak = largest(row);
            let inverse = if peak > 0.0 { self.steps as f32 / peak } else { 0.0 };
            // Of a row with a NaN or an infinity all products become NaN.
            *scale = peak / self.steps as f32;
            let (whole, rest) = row.as_chunks::<2>();
            for (pair, &[lower, upper]) in pairs.iter_mut().zip(whole) {
                *pair = paired(stepped(lower, inverse), stepped(upper, inverse));
            }
            if let [last] = rest {
                pairs[self.pairs - 1] = paired(stepped(*last, inverse), 0);
            }
        }
    }
}

/// Sums of the first `R` rows with a panel.
#[inline(always)]
fn tile_of<S: PairSimd, const R: usize>(
    simd: S,
    rows: &[i32],
    pairs: usize,
    panel: &[i32],
    tile: &mut [i32; TILE_ROWS * MAX_PANEL],
) -> usize {
    let panel = S::as_simd_i32s(panel).0.as_chunks::<VECTORS>().0;
    let steps = pairs.min(panel.len());
    let panel = &panel[..steps];
    let mut at = [&rows[..0]; R];
    for (row, values) in at.iter_mut().enumerate() {
        *values = &rows[row * pairs..][..steps];
    }
    let mut sums = [[simd.splat_i32s(0); VECTORS]; R];
    for (step, columns) in panel.iter().enumerate() {
        for row in 0..R {
            let value = simd.splat_i32s(at[row][step]);
            for vector in 0..VECTORS {
                let products = simd.multiply_pairs(value, columns[vector]);
                sums[row][vector] = simd.add_i32s(sums[row][vector], products);
            }
        }
    }
    let out = S::as_mut_simd_i32s(tile).0;
    for (out, sums) in out.chunks_exact_mut(VECTORS).zip(&sums) {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = sum;
        }
    }
    R
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_keeps_the_signs_of_its_halves() {
        for (lower, upper) in [(0, 0), (-1, 1), (2047, -2047), (-2047, -1)] {
            assert_eq!(halves(paired(lower, upper)), (lower, upper));
        }
        assert_eq!(Scalar.multiply_pairs(paired(-3, 5), paired(7, -11)), -21 - 55);
    }

    #[test]
    fn products_are_those_of_the_rounded_factors_on_every_processor() {
        let (inputs, outputs, rows) = (33, 50, 13);
        let noise = |at: usize| {
            ((at * 7919 % 1009) as f32 / 504.5 - 1.0) * if at.is_multiple_of(7) { 3.0 } else { 1.0 }
        };
        let weights: Vec<f32> = (0..inputs * outputs).map(noise).collect();
        let x: Vec<f32> = (0..inputs * rows).map(|at| noise(at + 77)).collect();
        let mut out = vec![vec![0.0; rows * outputs]; 2];
        let mut memory = IntegerMemory::default();
        let native = Integers::new(&weights, inputs, super::super::linear::lanes());
        native.multiply(&x, rows, &mut memory, |row, column, products| {
            out[0][row * outputs + column..][..products.len()].copy_from_slice(products);
        });
        let scalar = Integers::new(&weights, inputs, 1);
        scalar.on(Scalar, &x, rows, &mut memory, &mut |row, column, products| {
            out[1][row * outputs + column..][..products.len()].copy_from_slice(products);
        });
        assert_eq!(out[0], out[1]);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            let eight = Integers::new(&weights, inputs, 8);
            simd.vectorize(|| {
                eight.on(simd, &x, rows, &mut memory, &mut |row, column, products| {
                    out[1][row * outputs + column..][..products.len()].copy_from_slice(products);
                });
            });
            assert_eq!(out[0], out[1]);
        }
        for row in 0..rows {
            for output in 0..outputs {
                let exact: f32 = (0..inputs)
                    .map(|i| x[row * inputs + i] * weights[output * inputs + i])
                    .sum();
                assert!(
                    (out[0][row * outputs + output] - exact).abs() < 0.05,
                    "{row} {output}"
                );
            }
        }
    }

    #[test]
    fn no_sum_can_overflow() {
        for inputs in [8, 384, 1536, 4096, 100_000] {
            let steps = Integers::new(&vec![1.0; inputs], inputs, 16).steps;
            assert!(
                i64::from(steps) * i64::from(WEIGHT_STEPS) * i64::try_from(inputs).expect("small")
                    <= i64::from(i32::MAX)
            );
            assert!(steps > 0);
        }
    }

    #[test]
    fn damage_is_not_hidden() {
        let layer = Integers::new(&[1.0; 16], 4, super::super::linear::lanes());
        for damage in [f32::NAN, f32::INFINITY] {
            let mut memory = IntegerMemory::default();
            layer.multiply(&[1.0, damage, 0.0, 2.0], 1, &mut memory, |_, _, products| {
                assert!(products.iter().all(|v| !v.is_finite()), "{products:?}");
            });
        }
    }
}
