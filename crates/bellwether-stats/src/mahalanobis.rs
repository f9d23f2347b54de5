//! Distance from a reference in units of its own spread.

use crate::cholesky::Cholesky;
use crate::error::Error;
use crate::probability::check_classes;
use crate::two_sample::{check_rows, matrix};
use crate::weights::same_length;
use ndarray::{Array1, Array2, ArrayView1, Axis};

/// Rows whitened at a time: bounds the memory of a call.
const BLOCK: usize = 256;

/// Centres of a reference with the spread about them, shrunk towards a sphere so that it can be inverted with fewer
/// rows than dimensions.
///
/// Lee, Lee, Lee and Shin, "A simple unified framework for detecting out-of-distribution samples and adversarial
/// attacks" (2018), section 2.1; Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance
/// matrices" (2004).
#[derive(Debug, Clone)]
pub struct Mahalanobis {
    /// The first centre, `[dim]`: subtracted before all else, so that a reference far from zero loses no digits.
    origin: Array1<f64>,
    /// `[dim, dim]`: makes the spread about a centre a unit sphere.
    whitening: Array2<f64>,
    /// `[centres, dim]`, from the origin, whitened; a class without rows has no centre.
    centres: Array2<f64>,
    shrinkage: f64,
}

impl Mahalanobis {
    /// One centre and covariance for rows `[n, dim]`, row-major, `n >= 2`: scikit-learn's `LedoitWolf`. O(n dim² +
    /// dim³).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NonFinite`], [`Error::NotPositiveDefinite`] when the
    /// rows do not vary.
    pub fn fit(rows: &[f32], dim: usize) -> Result<Self, Error> {
        let n = check_rows(rows, dim, 2)?;
        Self::fit_within(rows, dim, &vec![0; n], 1)
    }

    /// One centre a class, `class[n]` below `classes`, and one covariance within classes, common to all. Residuals
    /// from the class centres are taken for a sample about zero.
    ///
    /// # Errors
    /// As [`Mahalanobis::fit`], and [`Error::UnknownClass`].
    pub fn fit_within(rows: &[f32], dim: usize, class: &[usize], classes: usize) -> Result<Self, Error> {
        let mut residuals = matrix(rows, dim, 2)?.mapv(f64::from);
        same_length(residuals.nrows(), class.len())?;
        check_classes(class, classes)?;
        let mut counts = vec![0_usize; classes];
        let mut means = Array2::<f64>::zeros((classes, dim));
        for (row, &c) in residuals.rows().into_iter().zip(class) {
            counts[c] += 1;
            let mut mean = means.row_mut(c);
            mean += &row;
        }
        for (mut mean, &count) in means.rows_mut().into_iter().zip(&counts) {
            mean /= count.max(1) as f64;
        }
        for (mut row, &c) in residuals.rows_mut().into_iter().zip(class) {
            row -= &means.row(c);
        }
        let (covariance, shrinkage) = ledoit_wolf(&residuals);
        let present: Vec<usize> = (0..classes).filter(|&c| counts[c] > 0).collect();
        let factor = Cholesky::new(&covariance.view())?;
        let mut whitening = Array2::eye(dim);
        for mut row in whitening.rows_mut() {
            // Row j of L⁻ᵀ is column j of L⁻¹.
            let mut column = row.to_vec();
            factor.whiten(&mut column);
            row.assign(&ArrayView1::from(&column));
        }
        let centres = means.select(Axis(0), &present);
        let origin = centres.row(0).to_owned();
        Ok(Self {
            centres: (centres - &origin).dot(&whitening),
            origin,
            whitening,
            shrinkage,
        })
    }

    /// How far the covariance was drawn towards a sphere, in `[0, 1]`.
    #[must_use]
    pub fn shrinkage(&self) -> f64 {
        self.shrinkage
    }

    /// Squared distances of rows `[n, dim]`, row-major, from the nearest centre. O(n · dim · (dim + centres)) by a
    /// blocked matrix product.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] when the slice is not a whole number of rows, [`Error::TooFew`] without rows,
    /// [`Error::NonFinite`].
    pub fn squared_distances(&self, rows: &[f32]) -> Result<Vec<f64>, Error> {
        let rows = matrix(rows, self.origin.len(), 1)?;
        let mut out = Vec::with_capacity(rows.nrows());
        for block in rows.axis_chunks_iter(Axis(0), BLOCK) {
            let white = (block.mapv(f64::from) - &self.origin).dot(&self.whitening);
            out.extend(white.rows().into_iter().map(|row| {
                self.centres
                    .rows()
                    .into_iter()
                    .map(|centre| row.iter().zip(centre).map(|(x, c)| (x - c).powi(2)).sum())
                    .fold(f64::INFINITY, f64::min)
            }));
        }
        Ok(out)
    }
}

/// `(1 − s) S + s (tr S / d) I` for the covariance `S` of centred rows `[n, d]`, and the `s` that Ledoit and Wolf
/// find optimal.
pub(crate) fn ledoit_wolf(centred: &Array2<f64>) -> (Array2<f64>, f64) {
    let (n, d) = (centred.nrows() as f64, centred.ncols() as f64);
    let mut covariance = centred.t().dot(centred) / n;
    let sphere = covariance.diag().sum() / d;
    // Squared Frobenius distance of S from the sphere, a dimension; and the part of it that is sampling noise.
    let squares: f64 = covariance.iter().map(|c| c * c).sum();
    let distance = squares / d - sphere * sphere;
    let fourth: f64 = centred.rows().into_iter().map(|r| r.dot(&r).powi(2)).sum();
    let noise = ((fourth / n - squares) / (n * d)).min(distance);
    let shrinkage = if noise > 0.0 && distance > 0.0 {
        noise / distance
    } else {
        0.0
    };
    covariance *= 1.0 - shrinkage;
    for c in covariance.diag_mut() {
        *c += shrinkage * sphere;
    }
    (covariance, shrinkage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_rows_than_dimensions_still_have_a_distance() {
        let rows = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0_f32];
        let fit = Mahalanobis::fit(&rows, 3).unwrap();
        assert!(fit.shrinkage() > 0.0 && fit.shrinkage() <= 1.0);
        assert!(
            fit.squared_distances(&rows)
                .unwrap()
                .iter()
                .all(|d| d.is_finite() && *d > 0.0)
        );
    }

    #[test]
    fn rows_that_do_not_vary_have_no_spread_to_measure_by() {
        let got = Mahalanobis::fit(&[1.0, 2.0, 1.0, 2.0], 2).map(|_| ());
        assert_eq!(got, Err(Error::NotPositiveDefinite));
    }

    #[test]
    fn the_nearest_centre_counts_and_an_empty_class_has_none() {
        let rows = [0.0, 0.5, 1.0, -0.5, 10.0, 0.3, 11.0, -0.3_f32];
        let fit = Mahalanobis::fit_within(&rows, 2, &[0, 0, 2, 2], 3).unwrap();
        let far = fit.squared_distances(&[0.5, 0.0, 10.5, 0.0, 5.5, 0.0]).unwrap();
        assert!(far[0] < 1e-9 && far[1] < 1e-9 && far[2] > 10.0, "{far:?}");
    }
}
