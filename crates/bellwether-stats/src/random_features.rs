//! The Gaussian kernel as an inner product of a few hundred numbers.

use crate::error::Error;
use crate::two_sample::{check_bandwidth, matrix};
use ndarray::{Array1, Array2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rows projected at a time: bounds the memory of a call.
const BLOCK: usize = 256;

/// Orthogonal random features `z` with `z(x) · z(y) ≈ exp(−|x − y|² / 2σ²)`, unbiased: cosines and sines of
/// projections whose directions are orthogonal in blocks of `dim` and whose lengths are those of Gaussian vectors.
///
/// Yu, Suresh, Choromanski, Holtmann-Rice and Kumar, "Orthogonal random features" (2016), section 3; Rahimi and
/// Recht, "Random features for large-scale kernel machines" (2007), for the cosines and sines. Deterministic in the
/// seed: `ChaCha8`.
#[derive(Debug, Clone)]
pub struct OrthogonalFeatures {
    /// `[dim, frequencies]`; single precision, which leaves an angle some 1e-6 off and the product twice as fast.
    frequencies: Array2<f32>,
}

/// Mean of random features over a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMean {
    /// Sum over rows, `[2 · frequencies]`.
    sum: Array1<f64>,
    rows: usize,
}

impl OrthogonalFeatures {
    /// Features for vectors of width `dim` under a Gaussian kernel with `bandwidth` σ: `frequencies` cosines and as
    /// many sines. The kernel's error is at most about `1 / √frequencies`. O(frequencies · dim · min(frequencies, dim)).
    ///
    /// # Errors
    /// [`Error::TooFew`] for no dimensions or no frequencies, [`Error::Parameter`] for a bandwidth that is not
    /// above zero.
    pub fn new(dim: usize, frequencies: usize, bandwidth: f64, seed: u64) -> Result<Self, Error> {
        if dim == 0 || frequencies == 0 {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        check_bandwidth(bandwidth)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut matrix = Array2::zeros((dim, frequencies));
        let mut at = 0;
        while at < frequencies {
            for direction in orthonormal(dim, frequencies - at, &mut rng) {
                let length = gaussian(dim, &mut rng).iter().map(|g| g * g).sum::<f64>().sqrt();
                for (to, from) in matrix.column_mut(at).iter_mut().zip(direction) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "rounded to the precision of the rows it is multiplied with"
                    )]
                    {
                        *to = (from * length / bandwidth) as f32;
                    }
                }
                at += 1;
            }
        }
        Ok(Self { frequencies: matrix })
    }

    /// Mean features of rows `[n, dim]`, row-major, `n >= 1`. O(n · dim · frequencies) by a blocked matrix product.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] when the slice is not a whole number of rows, [`Error::TooFew`], [`Error::NonFinite`].
    pub fn mean(&self, rows: &[f32]) -> Result<FeatureMean, Error> {
        let (dim, frequencies) = self.frequencies.dim();
        let rows = matrix(rows, dim, 1)?;
        let mut sum = Array1::zeros(2 * frequencies);
        for block in rows.axis_chunks_iter(Axis(0), BLOCK) {
            let angles = block.dot(&self.frequencies);
            for row in angles.rows() {
                for (j, angle) in row.iter().enumerate() {
                    let (sine, cosine) = f64::from(*angle).sin_cos();
                    sum[j] += cosine;
                    sum[frequencies + j] += sine;
                }
            }
        }
        Ok(FeatureMean {
            sum,
            rows: rows.nrows(),
        })
    }
}

impl OrthogonalFeatures {
    /// Features of rows `[n, dim]`, row-major: `[n, 2 · frequencies]`, cosines before sines, with `z(x) · z(y)` about the
    /// kernel. O(n · dim · frequencies).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NonFinite`].
    pub fn features(&self, rows: &[f32]) -> Result<Vec<f32>, Error> {
        let (dim, frequencies) = self.frequencies.dim();
        let rows = matrix(rows, dim, 1)?;
        let mut out = vec![0.0; rows.nrows() * 2 * frequencies];
        let mut to = out.chunks_exact_mut(2 * frequencies);
        for block in rows.axis_chunks_iter(Axis(0), BLOCK) {
            let angles = block.dot(&self.frequencies);
            for (row, to) in angles.rows().into_iter().zip(&mut to) {
                match row.as_slice() {
                    Some(row) => scaled_waves(row, to),
                    None => scaled_waves(&row.to_vec(), to),
                }
            }
        }
        Ok(out)
    }

    /// Numbers that a row gives: two a frequency.
    #[must_use]
    pub fn width(&self) -> usize {
        2 * self.frequencies.ncols()
    }
}

impl FeatureMean {
    /// Unbiased estimate of the squared MMD of the two samples under the kernel of the features; may be slightly
    /// negative: do not clamp. O(frequencies).
    ///
    /// Every row's features have length one, so the sums alone tell the pairs of different rows:
    /// `(|Σz|² − n) / n(n − 1)`. Gretton et al., "A Kernel Two-Sample Test" (2012), lemma 6.
    ///
    /// # Errors
    /// [`Error::TooFew`] when either sample has fewer than two rows, [`Error::LengthMismatch`] for means of
    /// different features.
    pub fn squared_mmd(&self, other: &Self) -> Result<f64, Error> {
        let (left, right) = (self.sum.len(), other.sum.len());
        if left != right {
            return Err(Error::LengthMismatch { left, right });
        }
        let rows = self.rows.min(other.rows);
        if rows < 2 {
            return Err(Error::TooFew { have: rows, need: 2 });
        }
        let frequencies = (left / 2) as f64;
        let within = |mean: &Self| {
            let n = mean.rows as f64;
            (mean.sum.dot(&mean.sum) / frequencies - n) / (n * (n - 1.0))
        };
        let between = self.sum.dot(&other.sum) / frequencies / (self.rows as f64 * other.rows as f64);
        Ok(within(self) + within(other) - 2.0 * between)
    }

    /// Number of rows in the mean.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// Cosines, then sines of angles, over the root of their number: rows of length one. `out` is `[2 · angles]`.
pub(crate) fn scaled_waves(angles: &[f32], out: &mut [f32]) {
    let scale = (angles.len() as f64).sqrt().recip();
    let (cosines, sines) = out.split_at_mut(angles.len());
    for ((angle, c), s) in angles.iter().zip(cosines).zip(sines) {
        let (sine, cosine) = f64::from(*angle).sin_cos();
        #[expect(clippy::cast_possible_truncation, reason = "numbers between -1 and 1")]
        {
            (*c, *s) = ((cosine * scale) as f32, (sine * scale) as f32);
        }
    }
}

/// Uniformly distributed orthonormal directions, as many as `wanted` or as there are: Gram and Schmidt on Gaussian
/// vectors, done twice so that rounding leaves them orthogonal.
fn orthonormal(dim: usize, wanted: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let wanted = wanted.min(dim);
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(wanted);
    while basis.len() < wanted {
        let mut next = gaussian(dim, rng);
        let before = norm(&next);
        for _ in 0..2 {
            for known in &basis {
                let along: f64 = known.iter().zip(&next).map(|(a, b)| a * b).sum();
                for (x, k) in next.iter_mut().zip(known) {
                    *x -= along * k;
                }
            }
        }
        let length = norm(&next);
        // What is left of an all but dependent draw is rounding: draw again.
        if length > 1e-8 * before {
            for x in &mut next {
                *x /= length;
            }
            basis.push(next);
        }
    }
    basis
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Independent standard normal numbers: Box and Muller, "A note on the generation of random normal deviates" (1958).
fn gaussian(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut out = Vec::with_capacity(n + 1);
    while out.len() < n {
        // In (0, 1]: the logarithm is finite.
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
        out.push(radius * cosine);
        out.push(radius * sine);
    }
    out.truncate(n);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_orthogonal_within_a_block() {
        let features = OrthogonalFeatures::new(7, 14, 2.0, 1).unwrap();
        // Vectors of length about one, in single precision.
        for block in 0..2 {
            for i in 0..7 {
                for j in 0..i {
                    let (a, b) = (
                        features.frequencies.column(7 * block + i),
                        features.frequencies.column(7 * block + j),
                    );
                    assert!(a.dot(&b).abs() < 1e-5, "{block} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn one_seed_gives_one_set_of_features() {
        let features = |seed| OrthogonalFeatures::new(5, 9, 1.0, seed).unwrap().frequencies;
        assert_eq!(features(3), features(3));
        assert_ne!(features(3), features(4));
    }

    #[test]
    fn means_of_one_row_or_of_other_features_cannot_be_compared() {
        let (few, many) = (
            OrthogonalFeatures::new(1, 2, 1.0, 1).unwrap(),
            OrthogonalFeatures::new(1, 3, 1.0, 1).unwrap(),
        );
        let (one, two) = (few.mean(&[1.0]).unwrap(), few.mean(&[1.0, 2.0]).unwrap());
        assert_eq!(one.squared_mmd(&two), Err(Error::TooFew { have: 1, need: 2 }));
        let other = many.mean(&[1.0, 2.0]).unwrap();
        assert_eq!(
            two.squared_mmd(&other),
            Err(Error::LengthMismatch { left: 4, right: 6 })
        );
    }
}
