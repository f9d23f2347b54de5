//! Quality of predicted numbers.

use crate::error::{Error, all_finite};
use crate::interval::Interval95;
use crate::measured::{Measured, fisher, linearised_variance, positive, weighted_mean, weighted_share};
use crate::weights::{Weights, same_length};

/// Numbers beyond this have no square that can be averaged.
const LARGEST: f64 = 1e100;

/// Predicted and true numbers, checked once.
#[derive(Debug, Clone, Copy)]
pub struct PredictedNumbers<'a> {
    predicted: &'a [f64],
    truth: &'a [f64],
    weights: Weights<'a>,
}

impl<'a> PredictedNumbers<'a> {
    /// Predictions `[n]` and truths `[n]`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`] without values, [`Error::NonFinite`], [`Error::OutOfRange`]
    /// beyond ±1e100, [`Error::InvalidWeight`] and [`Error::NoWeight`].
    pub fn new(predicted: &'a [f64], truth: &'a [f64], weights: Weights<'a>) -> Result<Self, Error> {
        same_length(predicted.len(), truth.len())?;
        weights.check(predicted.len())?;
        for values in [predicted, truth] {
            all_finite(values)?;
            if let Some(index) = values.iter().position(|v| v.abs() > LARGEST) {
                return Err(Error::OutOfRange { index });
            }
        }
        Ok(Self {
            predicted,
            truth,
            weights,
        })
    }

    /// Mean absolute error, with Student's t interval.
    #[must_use]
    pub fn mean_absolute_error(&self) -> Measured {
        self.mean(|i| self.residual(i).abs())
    }

    /// Root of the mean squared error. The interval is the delta method's on the logarithmic scale, where a scale
    /// parameter's error is nearest to normal; heavy tails make it too short at small n.
    #[must_use]
    pub fn root_mean_squared_error(&self) -> Measured {
        let square = self.mean(|i| self.residual(i).powi(2)).value;
        let variance = linearised_variance(self.len(), self.weights, |i| self.residual(i).powi(2) - square);
        let interval = positive(square, variance, self.effective_size());
        Measured {
            value: square.sqrt(),
            interval: Interval95 {
                low: interval.low.sqrt(),
                high: interval.high.sqrt(),
            },
        }
    }

    /// Coefficient of determination, `1 − Σ(y − ŷ)² / Σ(y − ȳ)²`, at most one (scikit-learn's `r2_score`). The
    /// interval is the delta method's on the scale of `ln(1 − R²)`.
    ///
    /// # Errors
    /// [`Error::OneClass`] when the truths do not vary.
    pub fn r_squared(&self) -> Result<Measured, Error> {
        let mean = self.mean(|i| self.truth[i]).value;
        let spread = self.mean(|i| (self.truth[i] - mean).powi(2)).value;
        if !varies(spread, mean) {
            return Err(Error::OneClass);
        }
        let unexplained = self.mean(|i| self.residual(i).powi(2)).value / spread;
        let variance = linearised_variance(self.len(), self.weights, |i| {
            (self.residual(i).powi(2) - unexplained * (self.truth[i] - mean).powi(2)) / spread
        });
        let interval = positive(unexplained, variance, self.effective_size());
        Ok(Measured {
            value: 1.0 - unexplained,
            interval: Interval95 {
                low: 1.0 - interval.high,
                high: 1.0 - interval.low,
            },
        })
    }

    /// Pearson's correlation, with Fisher's interval: `artanh` with standard error `1/√(m − 3)` at the effective
    /// size `m`, right when both are jointly normal. `[−1, 1]` below four effective observations.
    ///
    /// # Errors
    /// [`Error::OneClass`] when the predictions or the truths do not vary.
    pub fn pearson(&self) -> Result<Measured, Error> {
        let value = correlation(self.predicted, self.truth, self.weights)?;
        let error = 1.0 / (self.effective_size() - 3.0).max(0.0).sqrt();
        Ok(Measured {
            value,
            interval: fisher(value, error),
        })
    }

    /// Spearman's rank correlation, ties at their middle rank, with Bonett and Wright's interval: `artanh` with
    /// standard error `√((1 + r²/2)/(m − 3))` at the effective size `m`. With weights, a value's rank is the weight
    /// below it and half its own.
    ///
    /// Bonett and Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations" (2000).
    ///
    /// # Errors
    /// [`Error::OneClass`] when the predictions or the truths do not vary.
    pub fn spearman(&self) -> Result<Measured, Error> {
        let (predicted, truth) = (
            middle_ranks(self.predicted, self.weights),
            middle_ranks(self.truth, self.weights),
        );
        let value = correlation(&predicted, &truth, self.weights)?;
        let variance = (1.0 + value * value / 2.0) / (self.effective_size() - 3.0).max(0.0);
        Ok(Measured {
            value,
            interval: fisher(value, variance.sqrt()),
        })
    }

    /// Mean pinball loss of predictions of the quantile `level`, with Student's t interval (scikit-learn's
    /// `mean_pinball_loss`). Koenker and Bassett, "Regression quantiles" (1978).
    ///
    /// # Errors
    /// [`Error::Parameter`] for a level outside `(0, 1)`.
    pub fn pinball_loss(&self, level: f64) -> Result<Measured, Error> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::Parameter {
                name: "level",
                value: level,
            });
        }
        Ok(self.mean(|i| {
            let above = self.truth[i] - self.predicted[i];
            if above >= 0.0 {
                level * above
            } else {
                (level - 1.0) * above
            }
        }))
    }

    fn len(&self) -> usize {
        self.truth.len()
    }

    fn effective_size(&self) -> f64 {
        self.weights.effective_size(self.len())
    }

    fn residual(&self, i: usize) -> f64 {
        self.predicted[i] - self.truth[i]
    }

    fn mean(&self, value: impl Fn(usize) -> f64) -> Measured {
        weighted_mean(self.len(), self.weights, 0.0, value)
    }
}

/// Share of the truths `[n]` that lie in their predicted intervals `[low[i], high[i]]`, ends included, with
/// Wilson's interval.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] without values, [`Error::NonFinite`], [`Error::InvalidWeight`] and
/// [`Error::NoWeight`].
pub fn interval_coverage(
    low: &[f64],
    high: &[f64],
    truth: &[f64],
    weights: Weights<'_>,
) -> Result<Measured, Error> {
    same_length(low.len(), truth.len())?;
    same_length(high.len(), truth.len())?;
    weights.check(truth.len())?;
    for values in [low, high, truth] {
        all_finite(values)?;
    }
    Ok(weighted_share(truth.len(), weights, |i| {
        low[i] <= truth[i] && truth[i] <= high[i]
    }))
}

fn correlation(a: &[f64], b: &[f64], weights: Weights<'_>) -> Result<f64, Error> {
    let n = a.len();
    let total = weights.total(n);
    let mean = |x: &[f64]| (0..n).map(|i| weights.at(i) * x[i]).sum::<f64>() / total;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
        (0..n).map(|i| weights.at(i) * (x[i] - mx) * (y[i] - my)).sum()
    };
    let (aa, bb) = (product(a, mean_a, a, mean_a), product(b, mean_b, b, mean_b));
    if varies(aa / total, mean_a) && varies(bb / total, mean_b) {
        let r = product(a, mean_a, b, mean_b) / aa.sqrt() / bb.sqrt();
        Ok(r.clamp(-1.0, 1.0))
    } else {
        Err(Error::OneClass)
    }
}

/// False for the variance of a constant, whose mean is rounded and so are its deviations.
fn varies(variance: f64, mean: f64) -> bool {
    variance > (1e-14 * mean).powi(2)
}

/// For each value the weight below it and half the weight at it.
fn middle_ranks(values: &[f64], weights: Weights<'_>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0.0;
    for tie in order.chunk_by(|&a, &b| values[a].partial_cmp(&values[b]) == Some(std::cmp::Ordering::Equal)) {
        let weight: f64 = tie.iter().map(|&i| weights.at(i)).sum();
        for &i in tie {
            ranks[i] = below + 0.5 * weight;
        }
        below += weight;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_vary_has_no_correlation() {
        let numbers = PredictedNumbers::new(&[0.1; 3], &[1.0, 2.0, 3.0], Weights::Equal).unwrap();
        assert_eq!(numbers.pearson(), Err(Error::OneClass));
        assert_eq!(numbers.spearman(), Err(Error::OneClass));
        assert!(numbers.r_squared().is_ok());
        let numbers = PredictedNumbers::new(&[1.0, 2.0, 3.0], &[0.1; 3], Weights::Equal).unwrap();
        assert_eq!(numbers.r_squared(), Err(Error::OneClass));
    }

    #[test]
    fn numbers_without_a_square_are_refused() {
        let new = |p: f64| PredictedNumbers::new(&[p], &[0.0], Weights::Equal).map(|_| ());
        assert_eq!(new(1e200), Err(Error::OutOfRange { index: 0 }));
        assert_eq!(new(f64::NAN), Err(Error::NonFinite { index: 0 }));
    }

    #[test]
    fn perfect_predictions_have_no_error_and_full_correlation() {
        let y = [1.0, 4.0, 2.0, 8.0, 5.0];
        let numbers = PredictedNumbers::new(&y, &y, Weights::Equal).unwrap();
        assert!(numbers.root_mean_squared_error().value == 0.0 && numbers.mean_absolute_error().value == 0.0);
        let (r, rank) = (numbers.pearson().unwrap(), numbers.spearman().unwrap());
        assert!((r.value - 1.0).abs() < 1e-12 && (rank.value - 1.0).abs() < 1e-12);
        assert!(r.interval.high.is_finite() && r.interval.low <= 1.0);
        assert!((numbers.r_squared().unwrap().value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_quantile_is_strictly_between_zero_and_one() {
        let numbers = PredictedNumbers::new(&[1.0], &[2.0], Weights::Equal).unwrap();
        for level in [0.0, 1.0, f64::NAN] {
            assert!(matches!(
                numbers.pinball_loss(level),
                Err(Error::Parameter { .. })
            ));
        }
        assert!((numbers.pinball_loss(0.9).unwrap().value - 0.9).abs() < 1e-12);
    }
}
