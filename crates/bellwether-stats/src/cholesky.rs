//! Symmetric positive definite systems.

use crate::error::Error;
use ndarray::{Array2, ArrayView2};

/// The lower triangle `L` with `L Lᵀ` equal to a symmetric positive definite matrix.
///
/// Golub and Van Loan, "Matrix Computations", 4th edition (2013), section 4.2, by rows, so that all inner
/// products are contiguous.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factorises `[d, d]`, of which the lower triangle is read. O(d³ / 3).
    pub(crate) fn new(matrix: &ArrayView2<'_, f64>) -> Result<Self, Error> {
        let d = matrix.nrows();
        let mut lower = Array2::zeros((d, d));
        for i in 0..d {
            for j in 0..=i {
                let dot: f64 = {
                    let (a, b) = (lower.row(i), lower.row(j));
                    (0..j).map(|k| a[k] * b[k]).sum()
                };
                let rest: f64 = matrix[[i, j]] - dot;
                lower[[i, j]] = if i == j {
                    // A pivot that is rounding, or NaN, is no pivot.
                    if rest.is_nan() || rest <= 1e-14 * matrix[[i, i]].abs() || rest <= 0.0 {
                        return Err(Error::NotPositiveDefinite);
                    }
                    rest.sqrt()
                } else {
                    rest / lower[[j, j]]
                };
            }
        }
        Ok(Self { lower })
    }

    /// Replaces `x` by `L⁻¹ x`. Then `|x|²` is the old `xᵀ (L Lᵀ)⁻¹ x`. O(d²).
    pub(crate) fn whiten(&self, x: &mut [f64]) {
        for i in 0..x.len() {
            let row = self.lower.row(i);
            let dot: f64 = x[..i].iter().zip(row).map(|(x, l)| x * l).sum();
            x[i] = (x[i] - dot) / row[i];
        }
    }

    /// Replaces `x` by the solution `y` of `L Lᵀ y = x`. O(d²).
    pub(crate) fn solve(&self, x: &mut [f64]) {
        self.whiten(x);
        for i in (0..x.len()).rev() {
            let dot: f64 = (i + 1..x.len()).map(|k| self.lower[[k, i]] * x[k]).sum();
            x[i] = (x[i] - dot) / self.lower[[i, i]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_system_is_solved() {
        let matrix = array![[4.0, 2.0, 0.6], [2.0, 5.0, 1.0], [0.6, 1.0, 3.0]];
        let want = [1.0, -2.0, 0.5];
        let mut x: Vec<f64> = matrix.dot(&ndarray::arr1(&want)).to_vec();
        Cholesky::new(&matrix.view()).unwrap().solve(&mut x);
        assert!(x.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{x:?}");
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        for matrix in [
            array![[1.0, 2.0], [2.0, 1.0]],
            array![[1.0, 1.0], [1.0, 1.0]],
            array![[f64::NAN, 0.0], [0.0, 1.0]],
        ] {
            assert!(matches!(
                Cholesky::new(&matrix.view()),
                Err(Error::NotPositiveDefinite)
            ));
        }
    }
}
