//! Rows of a reference in half the memory, read at twice the speed.

use pulp::{Arch, Simd, WithSimd};

/// Largest step of the sixteen bits.
const STEPS: f32 = 32_767.0;
/// Partial sums of an inner product; a fixed number in a fixed order, so that the result does not depend on the width of
/// the machine's registers.
const LANES: usize = 32;

/// Vectors in sixteen-bit fixed point, scaled to the largest component of all: each component is off by at most 1 / 65,534
/// of that, less than a float16 of the larger ones.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedRows {
    /// `[rows, dim]`.
    steps: Vec<i16>,
    dim: usize,
    /// Size of a step.
    scale: f32,
}

impl FixedRows {
    /// From finite rows `[n, dim]`, row-major.
    ///
    /// # Panics
    /// When `dim` is zero, or the slice is not a whole number of rows.
    #[must_use]
    pub fn new(rows: &[f32], dim: usize) -> Self {
        assert_eq!(rows.len() % dim, 0, "whole rows are given");
        let largest = rows.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let scale = if largest > 0.0 { largest / STEPS } else { 1.0 };
        #[expect(clippy::cast_possible_truncation, reason = "at most STEPS in magnitude")]
        let steps = rows.iter().map(|x| (x / scale).round() as i16).collect();
        Self { steps, dim, scale }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len() / self.dim
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Width of a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `row` in single precision.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = f32> + '_ {
        self.steps(row).iter().map(|&s| f32::from(s) * self.scale)
    }

    /// Appends the inner products of `vector` with the rows in `rows` to `out`. O(rows · dim).
    ///
    /// # Panics
    /// When there is no such row, or `vector` is not of the rows' width.
    pub fn inner_products(&self, vector: &[f32], rows: impl Iterator<Item = usize>, out: &mut Vec<f32>) {
        assert_eq!(vector.len(), self.dim, "the vector has the rows' width");
        Arch::new().dispatch(InnerProducts {
            fixed: self,
            vector,
            rows,
            out,
        });
    }

    fn steps(&self, row: usize) -> &[i16] {
        &self.steps[row * self.dim..(row + 1) * self.dim]
    }
}

/// The loop, compiled for each kind of registers.
struct InnerProducts<'a, I> {
    fixed: &'a FixedRows,
    vector: &'a [f32],
    rows: I,
    out: &'a mut Vec<f32>,
}

impl<I: Iterator<Item = usize>> WithSimd for InnerProducts<'_, I> {
    type Output = ();

    #[expect(
        clippy::inline_always,
        reason = "what is not inlined is not compiled for the registers"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows {
            let product = inner_product(self.vector, self.fixed.steps(row));
            self.out.push(product * self.fixed.scale);
        }
    }
}

#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the registers"
)]
#[inline(always)]
fn inner_product(vector: &[f32], steps: &[i16]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (a, b) = (vector.chunks_exact(LANES), steps.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f32 = rest.map(|(x, &s)| x * f32::from(s)).sum();
    for (x, s) in a.zip(b) {
        for (lane, (x, &s)) in lanes.iter_mut().zip(x.iter().zip(s)) {
            *lane += x * f32::from(s);
        }
    }
    // Halving keeps the order of the additions the registers' own.
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0] + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_products_are_those_of_the_rows() {
        for dim in [1, 31, 32, 70] {
            let value = |i: usize| ((i * 37 + 11) % 101) as f32 / 101.0 - 0.5;
            let rows: Vec<f32> = (0..3 * dim).map(value).collect();
            let vector: Vec<f32> = (0..dim).map(|i| value(i * 3 + 1)).collect();
            let fixed = FixedRows::new(&rows, dim);
            let mut got = Vec::new();
            fixed.inner_products(&vector, [2, 0].into_iter(), &mut got);
            for (got, row) in got.iter().zip([2, 0]) {
                let want: f32 = rows[row * dim..(row + 1) * dim]
                    .iter()
                    .zip(&vector)
                    .map(|(a, b)| a * b)
                    .sum();
                assert!((got - want).abs() < 1e-5 * dim as f32, "{dim}: {got} {want}");
            }
            assert_eq!((got.len(), fixed.len(), fixed.dim()), (2, 3, dim));
            for (a, b) in fixed.row(1).zip(&rows[dim..]) {
                assert!((a - b).abs() <= 0.5 / 65_534.0 * 1.01, "{a} {b}");
            }
        }
    }

    #[test]
    fn zeros_and_nothing_are_kept() {
        let zeros = FixedRows::new(&[0.0; 6], 3);
        assert!(zeros.row(1).all(|x| x == 0.0));
        assert!(FixedRows::new(&[], 3).is_empty());
    }
}
