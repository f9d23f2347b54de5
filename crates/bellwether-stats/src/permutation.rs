//! Do two samples differ? Tests whose p-value comes from who might as well have been in which sample.
//!
//! Under the null the rows of both samples are exchangeable, so the statistic of the samples as they are is one draw
//! among those of the samples shuffled: a p-value of any statistic, at any size, valid without a theory of its
//! distribution (Phipson and Smyth, "Permutation p-values should never be zero" (2010)). Rows that depend on each other,
//! such as runs of copies, are not exchangeable: leave copies out.
//!
//! All shuffles are one matrix product: `[permutations, rows]` indicators of the first sample with what each row gives.

use crate::error::Error;
use crate::two_sample::matrix;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A statistic that is zero on average under the null, and how it stands among its shuffles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PermutationTest {
    /// The statistic.
    pub value: f64,
    /// Share of the shuffles, the samples as they are included, that reach it: in `(0, 1]`.
    pub p_value: f64,
    /// Standard deviation over the shuffles.
    pub deviation: f64,
}

/// Which rows of `rows` make the first sample, of size `first`, in shuffle after shuffle: `[permutations, rows]` of zeros
/// and ones.
#[derive(Debug, Clone)]
pub struct Shuffles {
    /// `[1 + permutations, rows]`; the first are the samples as they are.
    indicators: Array2<f32>,
    first: usize,
}

impl Shuffles {
    /// `permutations` shuffles of `rows` rows of which the first `first` are the first sample. Deterministic in the seed.
    ///
    /// # Errors
    /// [`Error::TooFew`] when either sample has fewer than two rows, or without permutations.
    pub fn new(first: usize, rows: usize, permutations: usize, seed: u64) -> Result<Self, Error> {
        let smaller = first.min(rows.saturating_sub(first));
        if smaller < 2 {
            return Err(Error::TooFew {
                have: smaller,
                need: 2,
            });
        }
        if permutations == 0 {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut indicators = Array2::zeros((permutations + 1, rows));
        indicators
            .row_mut(0)
            .iter_mut()
            .take(first)
            .for_each(|x| *x = 1.0);
        let mut order: Vec<usize> = (0..rows).collect();
        for mut row in indicators.axis_iter_mut(Axis(0)).skip(1) {
            // The start of a Fisher-Yates shuffle.
            for at in 0..first {
                order.swap(at, rng.random_range(at..rows));
                row[order[at]] = 1.0;
            }
        }
        Ok(Self { indicators, first })
    }

    /// Squared distance of the samples' means of `features` `[rows, width]`, unbiased: MMD² under the kernel of the
    /// features, and with the vectors themselves the linear one. O(permutations · rows · width).
    ///
    /// Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test" (2012), lemma 6.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] when there are not as many rows, [`Error::NonFinite`].
    pub fn mean_distance(&self, features: &[f32], width: usize) -> Result<PermutationTest, Error> {
        let features = self.rows_of(features, width)?;
        // What all rows share cancels in the statistic but not in its rounding.
        let centre = features
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(width));
        let features = &features - &centre;
        let squares: Array1<f32> = features.map_axis(Axis(1), |row| row.dot(&row));
        let (sums, squares_first) = (self.indicators.dot(&features), self.indicators.dot(&squares));
        let total: Array1<f32> = features.sum_axis(Axis(0));
        let all_squares = f64::from(squares.sum());
        let (n, m) = self.sizes();
        let statistic = |b: usize| {
            let (mut x, mut y, mut between) = (0.0, 0.0, 0.0);
            for (&s, &t) in sums.row(b).iter().zip(&total) {
                let (s, r) = (f64::from(s), f64::from(t) - f64::from(s));
                x += s * s;
                y += r * r;
                between += s * r;
            }
            let own = f64::from(squares_first[b]);
            (x - own) / (n * (n - 1.0)) + (y - (all_squares - own)) / (m * (m - 1.0))
                - 2.0 * between / (n * m)
        };
        Ok(self.test(statistic))
    }

    /// Squared energy distance of the samples, unbiased, from the vectors `[rows, dim]`, with Euclidean distances.
    /// O(rows² · (permutations + dim)) and rows² numbers of memory.
    ///
    /// Székely and Rizzo, "Energy statistics: a class of statistics based on distances" (2013).
    ///
    /// # Errors
    /// As [`Shuffles::mean_distance`].
    pub fn energy_distance(&self, vectors: &[f32], dim: usize) -> Result<PermutationTest, Error> {
        let vectors = self.rows_of(vectors, dim)?;
        let squares: Array1<f32> = vectors.map_axis(Axis(1), |row| row.dot(&row));
        let mut distances = vectors.dot(&vectors.t());
        for ((i, j), d) in distances.indexed_iter_mut() {
            // Rounding may leave a little below zero; a row with itself is at zero.
            let squared = squares[i] + squares[j] - 2.0 * *d;
            *d = if i == j { 0.0 } else { squared.max(0.0).sqrt() };
        }
        let to_first = self.indicators.dot(&distances);
        let total: f64 = distances.iter().map(|&d| f64::from(d)).sum();
        let (n, m) = self.sizes();
        let statistic = |b: usize| {
            let (mut within, mut all) = (0.0, 0.0);
            for (&d, &is_first) in to_first.row(b).iter().zip(self.indicators.row(b)) {
                all += f64::from(d);
                within += f64::from(d) * f64::from(is_first);
            }
            let between = all - within;
            let other = total - 2.0 * between - within;
            2.0 * between / (n * m) - within / (n * (n - 1.0)) - other / (m * (m - 1.0))
        };
        Ok(self.test(statistic))
    }

    fn rows_of<'a>(&self, values: &'a [f32], width: usize) -> Result<ArrayView2<'a, f32>, Error> {
        let rows = matrix(values, width, 1)?;
        let expected = self.indicators.ncols();
        if rows.nrows() == expected {
            Ok(rows)
        } else {
            Err(Error::LengthMismatch {
                left: rows.nrows(),
                right: expected,
            })
        }
    }

    fn sizes(&self) -> (f64, f64) {
        let rows = self.indicators.ncols();
        (self.first as f64, (rows - self.first) as f64)
    }

    fn test(&self, statistic: impl Fn(usize) -> f64) -> PermutationTest {
        let value = statistic(0);
        let shuffled: Vec<f64> = (1..self.indicators.nrows()).map(statistic).collect();
        let count = shuffled.len() as f64;
        let reached = shuffled.iter().filter(|&&s| s >= value).count() as f64;
        let mean = shuffled.iter().sum::<f64>() / count;
        let variance = shuffled.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / count;
        PermutationTest {
            value,
            p_value: (1.0 + reached) / (1.0 + count),
            deviation: variance.sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::two_sample::{Estimator, squared_energy_distance, squared_mmd};

    fn rows(n: usize, dim: usize, shift: f32, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n * dim).map(|_| rng.random::<f32>() + shift).collect()
    }

    #[test]
    fn the_statistics_are_those_of_the_samples_as_they_are() {
        let (x, y) = (rows(30, 5, 0.0, 1), rows(40, 5, 0.2, 2));
        let all = [x.clone(), y.clone()].concat();
        let shuffles = Shuffles::new(30, 70, 99, 3).unwrap();
        let energy = shuffles.energy_distance(&all, 5).unwrap();
        let want = squared_energy_distance(&x, &y, 5, Estimator::Unbiased).unwrap();
        assert!((energy.value - want).abs() < 1e-5, "{} and {want}", energy.value);
        // The linear kernel, by its definition over pairs.
        let kernel = |a: &[f32], b: &[f32], same: bool| {
            let pairs = a.chunks(5).enumerate().flat_map(|(i, a)| {
                let others = b.chunks(5).enumerate().filter(move |(j, _)| !same || i != *j);
                others.map(move |(_, b)| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>())
            });
            let values: Vec<f64> = pairs.collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let want = kernel(&x, &x, true) + kernel(&y, &y, true) - 2.0 * kernel(&x, &y, false);
        let linear = shuffles.mean_distance(&all, 5).unwrap();
        assert!((linear.value - want).abs() < 1e-5, "{} and {want}", linear.value);
        assert!(linear.p_value <= 0.01 + 1e-12 && energy.p_value <= 0.01 + 1e-12);
        assert!(linear.deviation > 0.0 && linear.value > 3.0 * linear.deviation);
    }

    #[test]
    fn random_features_give_nearly_the_exact_mmd() {
        let (x, y) = (rows(60, 6, 0.0, 4), rows(50, 6, 0.3, 5));
        let features = crate::OrthogonalFeatures::new(6, 1500, 1.0, 6).unwrap();
        let z = features.features(&[x.clone(), y.clone()].concat()).unwrap();
        let got = Shuffles::new(60, 110, 19, 7)
            .unwrap()
            .mean_distance(&z, features.width())
            .unwrap();
        let want = squared_mmd(&x, &y, 6, 1.0, Estimator::Unbiased).unwrap();
        assert!((got.value - want).abs() < 0.01, "{} and {want}", got.value);
    }

    #[test]
    fn samples_of_one_row_or_of_other_sizes_are_errors() {
        assert!(matches!(Shuffles::new(1, 9, 9, 0), Err(Error::TooFew { .. })));
        assert!(matches!(Shuffles::new(8, 9, 9, 0), Err(Error::TooFew { .. })));
        assert!(matches!(Shuffles::new(4, 9, 0, 0), Err(Error::TooFew { .. })));
        let shuffles = Shuffles::new(4, 9, 9, 0).unwrap();
        assert!(matches!(
            shuffles.mean_distance(&[0.0; 16], 2),
            Err(Error::LengthMismatch { left: 8, right: 9 })
        ));
        assert!(matches!(
            shuffles.energy_distance(&[f32::NAN; 18], 2),
            Err(Error::NonFinite { index: 0 })
        ));
    }

    #[test]
    fn equal_rows_are_no_difference() {
        let shuffles = Shuffles::new(4, 9, 9, 0).unwrap();
        let test = shuffles.mean_distance(&[0.5; 27], 3).unwrap();
        assert!(test.value.abs() < 1e-12 && test.deviation < 1e-12 && test.p_value > 0.99);
    }
}
