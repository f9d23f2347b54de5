//! Rows of a reference in half the memory, multiplied in whole numbers.

use crate::side_by_side::SideBySide;
use crate::similarity::per_length;
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

/// Vectors in fixed point: whole steps, the largest component of all taking the most.
///
/// So many steps that no inner product can exceed 32 bits: 2,364 at 384 dimensions, 724 at 4,096. An inner product of unit
/// vectors is then off by some 3e-5, and being one of whole numbers it is the same on every machine, in any order.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedRows {
    /// `[rows, dim]`.
    steps: Vec<i16>,
    dim: usize,
    /// Size of a step.
    scale: f32,
}

/// A vector made ready for inner products; its memory serves one after the other.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FixedVector {
    pub(crate) steps: Vec<i16>,
    pub(crate) scale: f32,
}

impl FixedVector {
    /// The vector in whole steps.
    #[must_use]
    pub fn as_steps(&self) -> Steps<'_> {
        Steps {
            steps: &self.steps,
            scale: self.scale,
        }
    }

    /// Takes a vector of finite components, scaled to unit length as [`normalise`](crate::normalise) does. In steps of its
    /// largest component it is the same at any length.
    pub fn set_unit(&mut self, vector: &[f32]) {
        self.set(vector);
        #[expect(clippy::cast_possible_truncation, reason = "a step of a unit vector fits f32")]
        {
            self.scale = (f64::from(self.scale) * per_length(vector)) as f32;
        }
    }

    /// Takes a vector of finite components.
    pub fn set(&mut self, vector: &[f32]) {
        Arch::new().dispatch(|| {
            self.scale = step(vector, vector.len());
            let per_unit = 1.0 / self.scale;
            self.steps.resize(vector.len(), 0);
            for (step, &x) in self.steps.iter_mut().zip(vector) {
                *step = in_steps(x, per_unit);
            }
        });
    }
}

/// A vector in whole steps that lies elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps<'a> {
    /// `[dim]`.
    pub steps: &'a [i16],
    /// Size of a step.
    pub scale: f32,
}

impl Steps<'_> {
    /// The components in single precision.
    pub fn components(&self) -> impl Iterator<Item = f32> + '_ {
        self.steps.iter().map(|&step| f32::from(step) * self.scale)
    }

    /// Inner product with a vector of the same length.
    #[must_use]
    pub fn inner_product(&self, other: &FixedVector) -> f32 {
        let product = Arch::new().dispatch(|| product(self.steps, &other.steps));
        product as f32 * (self.scale * other.scale)
    }
}

#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the registers"
)]
#[inline(always)]
fn product(a: &[i16], b: &[i16]) -> i32 {
    let pairs = a.iter().zip(b);
    pairs.map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

/// The size of a step at which the largest component takes the most steps.
#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the registers"
)]
#[inline(always)]
fn step(values: &[f32], dim: usize) -> f32 {
    let most = (f64::from(i32::MAX) / dim as f64).sqrt().min(f64::from(i16::MAX));
    // Bits of numbers above zero are in the numbers' order, and whole numbers are compared many at a time.
    let largest = values.iter().map(|x| x.abs().to_bits()).max();
    let largest = f32::from_bits(largest.unwrap_or(0));
    #[expect(clippy::cast_possible_truncation, reason = "at most 32,767")]
    let most = most.floor() as f32;
    if largest > 0.0 { largest / most } else { 1.0 }
}

/// Added to a number of at most 2²² in magnitude, leaves it rounded in the lowest bits: no call, and no look at its range.
const ROUNDS: f32 = 12_582_912.0;

#[expect(clippy::cast_possible_truncation, reason = "at most 32,767 in magnitude")]
#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the registers"
)]
#[inline(always)]
fn in_steps(x: f32, per_unit: f32) -> i16 {
    (x * per_unit + ROUNDS).to_bits() as i16
}

impl FixedRows {
    /// From finite rows `[n, dim]`, row-major.
    ///
    /// # Panics
    /// When `dim` is zero, or the slice is not a whole number of rows.
    #[must_use]
    pub fn new(rows: &[f32], dim: usize) -> Self {
        assert_eq!(rows.len() % dim, 0, "whole rows are given");
        let scale = step(rows, dim);
        let steps = rows.iter().map(|&x| in_steps(x, 1.0 / scale)).collect();
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
    pub fn inner_products(
        &self,
        vector: &FixedVector,
        rows: impl Iterator<Item = usize>,
        out: &mut Vec<f32>,
    ) {
        assert_eq!(vector.steps.len(), self.dim, "the vector has the rows' width");
        let scale = vector.scale * self.scale;
        let (vector, fixed) = (&vector.steps, self);
        Arch::new().dispatch(InnerProducts {
            vector,
            fixed,
            rows,
            scale,
            out,
        });
    }

    /// The same rows side by side, and the size of their steps.
    pub(crate) fn side_by_side(&self) -> (SideBySide, f32) {
        (SideBySide::new(&self.steps, self.dim), self.scale)
    }

    fn steps(&self, row: usize) -> &[i16] {
        &self.steps[row * self.dim..(row + 1) * self.dim]
    }
}

/// The loop, compiled for each kind of registers.
struct InnerProducts<'a, I> {
    vector: &'a [i16],
    fixed: &'a FixedRows,
    rows: I,
    scale: f32,
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
            let product = product(self.vector, self.fixed.steps(row));
            self.out.push(product as f32 * self.scale);
        }
    }
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
            let (mut ready, mut got) = (FixedVector::default(), Vec::new());
            ready.set(&vector);
            fixed.inner_products(&ready, [2, 0].into_iter(), &mut got);
            for (got, row) in got.iter().zip([2, 0]) {
                let want: f32 = rows[row * dim..(row + 1) * dim]
                    .iter()
                    .zip(&vector)
                    .map(|(a, b)| a * b)
                    .sum();
                assert!(
                    (got - want).abs() < 1e-4 * (dim as f32).sqrt(),
                    "{dim}: {got} {want}"
                );
            }
            assert_eq!((got.len(), fixed.len(), fixed.dim()), (2, 3, dim));
            let components: Vec<f32> = ready.as_steps().components().collect();
            let square: f32 = components.iter().map(|x| x * x).sum();
            assert!((ready.as_steps().inner_product(&ready) - square).abs() < 1e-4 * square.max(1.0));
            for (a, b) in fixed.row(1).zip(&rows[dim..]) {
                assert!((a - b).abs() <= 0.51 * step(&rows, dim), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_vector_of_any_length_is_one_of_length_one() {
        for length in [1e-30_f32, 1.0, 1e30] {
            let mut vector = FixedVector::default();
            vector.set_unit(&[0.6 * length, -0.8 * length, 0.0]);
            let got: Vec<f32> = vector.as_steps().components().collect();
            let short = if length < 1e-9 { length / 1e-9 } else { 1.0 };
            for (got, want) in got.iter().zip([0.6, -0.8, 0.0]) {
                assert!((got - want * short).abs() < 1e-4, "{length}: {got}");
            }
        }
        let mut zero = FixedVector::default();
        zero.set_unit(&[0.0; 4]);
        assert!(zero.as_steps().components().all(|x| x == 0.0));
    }

    #[test]
    fn no_inner_product_is_beyond_32_bits() {
        for dim in [1, 2, 384, 4096, 100_000] {
            let ones = vec![-1.0; dim];
            let (mut ready, mut got) = (FixedVector::default(), Vec::new());
            ready.set(&ones);
            FixedRows::new(&ones, dim).inner_products(&ready, 0..1, &mut got);
            assert!((got[0] / dim as f32 - 1.0).abs() < 1e-3, "{dim}: {got:?}");
        }
    }

    #[test]
    fn zeros_and_nothing_are_kept() {
        let zeros = FixedRows::new(&[0.0; 6], 3);
        assert!(zeros.row(1).all(|x| x == 0.0));
        assert!(FixedRows::new(&[], 3).is_empty());
    }
}
