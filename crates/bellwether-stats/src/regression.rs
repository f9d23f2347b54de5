//! Are absolute residuals larger than the reference's?

use crate::conformal::ConformalScale;
use crate::edetector::BETS;
use crate::error::Error;

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

    /// Logarithms of the factors for an absolute residual.
    #[must_use]
    pub fn log_factors(&self, absolute_residual: f64) -> [f64; BETS] {
        let ln_p = self.negated.p_value(-absolute_residual).ln();
        POWERS.map(|a| a.ln() + (a - 1.0) * ln_p)
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
/// [`Error::LengthMismatch`], or [`Error::TooFew`] without values.
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
    Ok(predicted
        .iter()
        .zip(truth)
        .map(|(p, t)| (p - t).abs())
        .sum::<f64>()
        / predicted.len() as f64)
}
