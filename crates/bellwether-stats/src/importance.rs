//! Reference labels, weighted to look like the present.

use crate::error::Error;
use crate::measured::{Measured, weighted_share};
use crate::weights::{Weights, same_length};

/// Density ratios `p(x now) / p(x in the reference)` of reference observations, from a classifier's log-odds `[n]`
/// for "now", trained on `reference` and `current` observations: `odds · reference / current`, at most `most`.
///
/// Sugiyama, Suzuki and Kanamori, "Density Ratio Estimation in Machine Learning" (2012), chapter 4. The truncation
/// bounds the variance for some bias: Ionides, "Truncated importance sampling" (2008), suggests the root of n. For
/// a classifier trained with balanced classes, pass equal counts.
///
/// # Errors
/// [`Error::TooFew`] without a reference or current observations, [`Error::NonFinite`] for NaN log-odds,
/// [`Error::Parameter`] for a `most` that is not above zero.
pub fn density_ratios(
    log_odds: &[f64],
    reference: usize,
    current: usize,
    most: f64,
) -> Result<Vec<f64>, Error> {
    if reference == 0 || current == 0 {
        return Err(Error::TooFew { have: 0, need: 1 });
    }
    if !(most > 0.0 && most.is_finite()) {
        return Err(Error::Parameter {
            name: "most",
            value: most,
        });
    }
    if let Some(index) = log_odds.iter().position(|l| l.is_nan()) {
        return Err(Error::NonFinite { index });
    }
    let prior = reference as f64 / current as f64;
    Ok(log_odds.iter().map(|l| (l.exp() * prior).min(most)).collect())
}

/// An accuracy by importance weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImportanceWeighted {
    /// Estimated accuracy now, with its interval: the chance in the labels and in who was drawn, not the error of
    /// the ratios.
    pub accuracy: Measured,
    /// Kish's effective number of labels; when it is small beside n, the present is not like the reference and the
    /// estimate is void.
    pub effective_size: f64,
}

/// Accuracy under the present distribution from reference labels `correct[n]` and density ratios `[n]`,
/// self-normalised: `Σ w·correct / Σ w`. Right under covariate shift, when `P(y | x)` stands.
///
/// Shimodaira, "Improving predictive inference under covariate shift by weighting the log-likelihood function"
/// (2000); the variance is the ratio estimator's (Owen, "Monte Carlo theory, methods and examples" (2013), section
/// 9.2), the interval Wilson's at the number of coin tosses of that variance.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::InvalidWeight`] and [`Error::NoWeight`].
pub fn importance_weighted_accuracy(
    correct: &[bool],
    density_ratios: &[f64],
) -> Result<ImportanceWeighted, Error> {
    same_length(correct.len(), density_ratios.len())?;
    let weights = Weights::Each(density_ratios);
    weights.check(correct.len())?;
    Ok(ImportanceWeighted {
        accuracy: weighted_share(correct.len(), weights, |i| correct[i]),
        effective_size: weights.effective_size(correct.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_become_ratios_by_the_sizes_and_are_cut() {
        let got = density_ratios(
            &[0.0, 2.0_f64.ln(), f64::INFINITY, f64::NEG_INFINITY],
            300,
            100,
            10.0,
        )
        .unwrap();
        for (got, want) in got.iter().zip([3.0, 6.0, 10.0, 0.0]) {
            assert!((got - want).abs() < 1e-12);
        }
        assert_eq!(
            density_ratios(&[f64::NAN], 1, 1, 2.0),
            Err(Error::NonFinite { index: 0 })
        );
        assert!(matches!(
            density_ratios(&[0.0], 1, 1, 0.0),
            Err(Error::Parameter { .. })
        ));
        assert!(matches!(
            density_ratios(&[0.0], 0, 1, 1.0),
            Err(Error::TooFew { .. })
        ));
    }

    #[test]
    fn ratios_move_the_accuracy_to_where_the_present_is() {
        let got = importance_weighted_accuracy(&[true, true, false, false], &[3.0, 3.0, 1.0, 1.0]).unwrap();
        assert!((got.accuracy.value - 0.75).abs() < 1e-12 && (got.effective_size - 3.2).abs() < 1e-12);
    }
}
