//! What a stated confidence was worth in the reference.

use crate::error::{Error, all_finite};

/// Non-decreasing map from stated confidence to observed frequency: isotonic regression by pooling adjacent violators,
/// linear between the fitted points and constant beyond them (scikit-learn's `IsotonicRegression(out_of_bounds="clip")`).
///
/// Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates" (2002).
#[derive(Debug, Clone, PartialEq)]
pub struct Isotonic {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Isotonic {
    /// Fits outcomes `y[n]` (0 or 1, or anything finite) against `x[n]`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`] without points, [`Error::NonFinite`].
    pub fn fit(x: &[f64], y: &[f64]) -> Result<Self, Error> {
        if x.len() != y.len() {
            return Err(Error::LengthMismatch {
                left: x.len(),
                right: y.len(),
            });
        }
        if x.is_empty() {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        all_finite(x)?;
        all_finite(y)?;
        let mut order: Vec<usize> = (0..x.len()).collect();
        order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
        // Ties in x share one point, weighted by their number.
        let mut points: Vec<(f64, f64, f64)> = Vec::new();
        for &i in &order {
            match points.last_mut() {
                Some((px, sum, weight)) if *px >= x[i] => {
                    *sum += y[i];
                    *weight += 1.0;
                }
                _ => points.push((x[i], y[i], 1.0)),
            }
        }
        let mut blocks: Vec<(usize, f64, f64)> = Vec::new();
        for (i, &(_, sum, weight)) in points.iter().enumerate() {
            blocks.push((i, sum, weight));
            while let [.., before, last] = blocks.as_mut_slice() {
                if before.1 / before.2 < last.1 / last.2 {
                    break;
                }
                before.1 += last.1;
                before.2 += last.2;
                blocks.pop();
            }
        }
        let mut fitted = vec![0.0; points.len()];
        for (b, &(start, sum, weight)) in blocks.iter().enumerate() {
            let end = blocks.get(b + 1).map_or(points.len(), |next| next.0);
            fitted[start..end].fill(sum / weight);
        }
        Ok(Self {
            x: points.iter().map(|p| p.0).collect(),
            y: fitted,
        })
    }

    /// The fitted value at `x`.
    #[must_use]
    pub fn predict(&self, x: f64) -> f64 {
        let right = self.x.partition_point(|&p| p < x);
        if right == 0 {
            return self.y[0];
        }
        if right == self.x.len() {
            return self.y[right - 1];
        }
        let (x0, x1) = (self.x[right - 1], self.x[right]);
        let (y0, y1) = (self.y[right - 1], self.y[right]);
        // Rounding can step past the right end by one unit in the last place, and a probability past one.
        (y0 + (y1 - y0) * (x - x0) / (x1 - x0)).min(y1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_fitted_is_an_error() {
        assert_eq!(Isotonic::fit(&[], &[]), Err(Error::TooFew { have: 0, need: 1 }));
        assert_eq!(
            Isotonic::fit(&[0.5], &[]),
            Err(Error::LengthMismatch { left: 1, right: 0 })
        );
        assert_eq!(
            Isotonic::fit(&[0.5, f64::NAN], &[0.0, 1.0]),
            Err(Error::NonFinite { index: 1 })
        );
        assert_eq!(
            Isotonic::fit(&[0.5, 0.6], &[f64::INFINITY, 1.0]),
            Err(Error::NonFinite { index: 0 })
        );
    }

    #[test]
    fn the_fit_pools_violators_and_is_constant_beyond_its_ends() {
        let model = Isotonic::fit(&[0.1, 0.2, 0.3], &[1.0, 0.0, 1.0]).unwrap();
        let fitted = [0.0, 0.1, 0.2, 0.25, 0.3, 9.0].map(|x| model.predict(x));
        for (got, want) in fitted.into_iter().zip([0.5, 0.5, 0.5, 0.75, 1.0, 1.0]) {
            assert!((got - want).abs() < 1e-12, "{got} instead of {want}");
        }
    }
}
