//! A metric with its interval, from a linearised variance.
//!
//! Every metric here is a smooth function of weighted sums, so its error is, to first order, a weighted mean of
//! what each observation contributes, its *influence* `ψ`: `θ̂ − θ ≈ Σ wᵢ ψᵢ / Σ wᵢ`. Then `Σ wᵢ² ψᵢ² / (Σ wᵢ)²`
//! estimates the variance, whatever the weights and however they depend on the values: the delta method, the
//! infinitesimal jackknife and the survey statistician's linearisation are this one formula. The factor `m / (m −
//! 1)`, with Kish's effective size `m`, makes it the unbiased variance of a mean when weights are equal. No
//! resampling, hence deterministic and O(n).
//!
//! Binder, "On the variances of asymptotically normal estimators from complex surveys" (1983); Efron and
//! Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 21.

use crate::error::{Error, all_finite};
use crate::interval::{Interval95, normal_quantile, wilson_interval};
use crate::weights::Weights;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A metric's value and its two-sided 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The estimate.
    pub value: f64,
    /// Where the value lies that infinitely many observations would give.
    pub interval: Interval95,
}

/// A variance up to here is the rounding of a zero: influences are of the order of one.
pub(crate) const NO_VARIANCE: f64 = 1e-24;

/// Variance of an estimate whose influence for observation `i` is `influence(i)`.
pub(crate) fn linearised_variance(n: usize, weights: Weights<'_>, influence: impl Fn(usize) -> f64) -> f64 {
    let squares: f64 = (0..n).map(|i| (weights.at(i) * influence(i)).powi(2)).sum();
    squares / weights.total(n).powi(2) * small_sample_factor(weights.effective_size(n))
}

/// `m / (m − 1)`, infinite for one observation.
pub(crate) fn small_sample_factor(effective_size: f64) -> f64 {
    if effective_size > 1.0 {
        effective_size / (effective_size - 1.0)
    } else {
        f64::INFINITY
    }
}

/// 97.5 % quantile of Student's t with `effective_size − 1` degrees of freedom, held to at least one.
pub(crate) fn t_quantile(effective_size: f64) -> f64 {
    StudentsT::new(0.0, 1.0, (effective_size - 1.0).max(1.0))
        .map_or_else(|_| normal_quantile(), |t| t.inverse_cdf(0.975))
}

/// Interval of a share, a rate or another number in `[0, 1]`: Wilson's, at the number of coin tosses that would
/// have this variance, `value (1 − value) / variance`.
///
/// Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated
/// from survey data" (1998), with Wilson's interval in place of Clopper and Pearson's. At 0 and 1 the variance says
/// nothing, and `effective_size` is the number of tosses; there are never more than `most`.
pub(crate) fn share(value: f64, variance: f64, effective_size: f64, most: f64) -> Measured {
    let tosses = if variance > NO_VARIANCE && value > 0.0 && value < 1.0 {
        (value * (1.0 - value) / variance).min(most)
    } else {
        effective_size
    };
    // The value can step past its range by rounding.
    let value = value.clamp(0.0, 1.0);
    Measured {
        value,
        interval: wilson_interval(value * tosses, tosses),
    }
}

/// Interval of a number above zero, symmetric on the logarithmic scale. No width at zero.
pub(crate) fn positive(value: f64, variance: f64, effective_size: f64) -> Interval95 {
    if variance.is_infinite() {
        return Interval95 {
            low: 0.0,
            high: f64::INFINITY,
        };
    }
    if value <= 0.0 {
        return Interval95 {
            low: value,
            high: value,
        };
    }
    let factor = (t_quantile(effective_size) * variance.sqrt() / value).exp();
    Interval95 {
        low: value / factor,
        high: value * factor,
    }
}

/// Interval of a number in `[−1, 1]` with standard error `error` on the scale of `artanh`.
///
/// Fisher, "On the probable error of a coefficient of correlation deduced from a small sample" (1921).
pub(crate) fn fisher(value: f64, error: f64) -> Interval95 {
    if !error.is_finite() {
        return Interval95 { low: -1.0, high: 1.0 };
    }
    let (centre, half) = (value.clamp(-1.0, 1.0).atanh(), normal_quantile() * error);
    Interval95 {
        low: (centre - half).tanh(),
        high: (centre + half).tanh(),
    }
}

/// Weighted mean of `value(i)` with Student's t interval, held to `low` and above.
pub(crate) fn weighted_mean(
    n: usize,
    weights: Weights<'_>,
    low: f64,
    value: impl Fn(usize) -> f64,
) -> Measured {
    let mean = (0..n).map(|i| weights.at(i) * value(i)).sum::<f64>() / weights.total(n);
    let variance = linearised_variance(n, weights, |i| value(i) - mean);
    let half = if variance.is_finite() {
        t_quantile(weights.effective_size(n)) * variance.sqrt()
    } else {
        f64::INFINITY
    };
    Measured {
        value: mean,
        interval: Interval95 {
            low: (mean - half).max(low),
            high: mean + half,
        },
    }
}

/// Weighted mean of `values[n]`, with Student's t interval at the effective size.
///
/// # Errors
/// [`Error::TooFew`] without values, [`Error::NonFinite`], [`Error::LengthMismatch`], [`Error::InvalidWeight`] and
/// [`Error::NoWeight`].
pub fn weighted_mean_interval(values: &[f64], weights: Weights<'_>) -> Result<Measured, Error> {
    weights.check(values.len())?;
    all_finite(values)?;
    Ok(weighted_mean(values.len(), weights, f64::NEG_INFINITY, |i| {
        values[i]
    }))
}

/// Weighted share of the observations with `hit(i)`, with its interval.
pub(crate) fn weighted_share(n: usize, weights: Weights<'_>, hit: impl Fn(usize) -> bool) -> Measured {
    let indicator = |i| f64::from(u8::from(hit(i)));
    let value = (0..n).map(|i| weights.at(i) * indicator(i)).sum::<f64>() / weights.total(n);
    // Without the small-sample factor, so that equal weights give Wilson's interval itself.
    let squares: f64 = (0..n)
        .map(|i| (weights.at(i) * (indicator(i) - value)).powi(2))
        .sum();
    let variance = squares / weights.total(n).powi(2);
    share(value, variance, weights.effective_size(n), n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::mean_interval;

    #[test]
    fn equal_weights_give_the_textbook_intervals() {
        let values = [1.0, 2.5, 3.0, 7.0, 4.0];
        let mean = weighted_mean(5, Weights::Equal, f64::NEG_INFINITY, |i| values[i]);
        let want = mean_interval(&values).unwrap();
        assert!(
            (mean.interval.low - want.low).abs() < 1e-12 && (mean.interval.high - want.high).abs() < 1e-12
        );
        let share = weighted_share(5, Weights::Equal, |i| i < 2);
        let want = wilson_interval(2.0, 5.0);
        assert!(
            (share.interval.low - want.low).abs() < 1e-12 && (share.interval.high - want.high).abs() < 1e-12
        );
    }

    #[test]
    fn one_observation_says_nothing_about_the_spread() {
        let mean = weighted_mean(1, Weights::Equal, 0.0, |_| 3.0);
        assert_eq!(
            mean.interval,
            Interval95 {
                low: 0.0,
                high: f64::INFINITY
            }
        );
        assert_eq!(fisher(0.5, f64::INFINITY), Interval95 { low: -1.0, high: 1.0 });
    }

    #[test]
    fn a_share_without_variance_falls_back_to_the_effective_size() {
        let weights = [1.0, 1.0, 4.0];
        let all = weighted_share(3, Weights::Each(&weights), |_| true);
        let want = wilson_interval(2.0, 2.0);
        assert!((all.interval.low - want.low).abs() < 1e-12 && (all.interval.high - 1.0).abs() < 1e-12);
    }
}
