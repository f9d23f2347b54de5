//! Are absolute residuals larger than the reference's?
//!
//! The factors have mean at most one over the reference *and* the stream. Given one finite reference that is small or
//! lucky, evidence can grow for ever under no change: with tolerance 0 it does for a quarter of references of 400, with
//! 0.15 for none of 300 tried (`tests/simulation/measure_shares.py`). The tolerance is what keeps the run length, not a
//! convenience.

use crate::conformal::ConformalScale;
use crate::edetector::BETS;
use crate::error::{Error, all_finite};

/// Powers of the p-to-e calibrators `a p^(a−1)`. Vovk and Wang, "E-values: calibration, combination and applications"
/// (2021), section 2.
const POWERS: [f64; BETS] = [0.3, 0.5, 0.7, 0.85, 0.95];

/// Turns the rank of an absolute residual among the reference's into factors.
#[derive(Debug, Clone)]
pub struct RegressionBet {
    negated: ConformalScale,
    exact: ConformalScale,
}

impl RegressionBet {
    /// `absolute_residuals` of the reference `[n]`, stretched by `1 + tolerance` so that a small growth is no evidence.
    ///
    /// # Errors
    /// As [`ConformalScale::new`].
    pub fn new(absolute_residuals: &[f64], tolerance: f64) -> Result<Self, Error> {
        let negated = absolute_residuals
            .iter()
            .map(|r| -r * (1.0 + tolerance))
            .collect();
        Ok(Self {
            negated: ConformalScale::new(negated)?,
            exact: ConformalScale::new(absolute_residuals.to_vec())?,
        })
    }

    /// Factors for an absolute residual.
    #[must_use]
    pub fn factors(&self, absolute_residual: f64) -> [f64; BETS] {
        let p = self.negated.p_value(-absolute_residual);
        POWERS.map(|a| a * p.powf(a - 1.0))
    }

    /// Rank of the residual among the reference's, in `[0, 1]`: uniform under the null.
    #[must_use]
    pub fn rank(&self, absolute_residual: f64) -> f64 {
        self.exact.rank(absolute_residual)
    }
}

/// Mean absolute error of `predicted[i]` against `truth[i]`.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] without values, or [`Error::NonFinite`].
pub fn mean_absolute_error(predicted: &[f64], truth: &[f64]) -> Result<f64, Error> {
    if predicted.len() != truth.len() {
        return Err(Error::LengthMismatch {
            left: predicted.len(),
            right: truth.len(),
        });
    }
    if predicted.is_empty() {
        return Err(Error::TooFew { have: 0, need: 1 });
    }
    all_finite(predicted)?;
    all_finite(truth)?;
    Ok(predicted
        .iter()
        .zip(truth)
        .map(|(p, t)| (p - t).abs())
        .sum::<f64>()
        / predicted.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_residual_of_all_is_worth_the_most() {
        let bet = RegressionBet::new(&[1.0, 2.0, 3.0], 0.0).unwrap();
        for (factor, power) in bet.factors(10.0).into_iter().zip(POWERS) {
            assert!((factor - power * 4.0_f64.powf(1.0 - power)).abs() < 1e-12);
        }
        assert!(
            bet.factors(0.0).iter().all(|&f| f < 1.0),
            "a small residual costs"
        );
        assert!((bet.rank(10.0) - 1.0).abs() < f64::EPSILON && bet.rank(1.0) == 0.0);
    }

    #[test]
    fn growth_within_the_tolerance_costs() {
        let residuals: Vec<f64> = (1..=100).map(f64::from).collect();
        let strict = RegressionBet::new(&residuals, 0.0).unwrap().factors(100.0);
        let lenient = RegressionBet::new(&residuals, 0.15).unwrap().factors(100.0);
        assert!(lenient.iter().zip(strict).all(|(l, s)| *l < s));
    }

    #[test]
    fn an_error_needs_matching_finite_values() {
        assert_eq!(
            mean_absolute_error(&[], &[]),
            Err(Error::TooFew { have: 0, need: 1 })
        );
        assert_eq!(
            mean_absolute_error(&[1.0], &[]),
            Err(Error::LengthMismatch { left: 1, right: 0 })
        );
        assert_eq!(
            mean_absolute_error(&[1.0, f64::INFINITY], &[1.0, 2.0]),
            Err(Error::NonFinite { index: 1 })
        );
    }
}
