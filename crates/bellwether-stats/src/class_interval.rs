//! Intervals of the metrics of a confusion table.
//!
//! The metrics are smooth functions of the cells, so the influence of an outcome depends on its cell alone, and the
//! variance of `measured` is the delta method's for multinomial cells. Takahashi, Yamamoto, Kuchiba and Koyama,
//! "Confidence interval for micro-averaged F1 and macro-averaged F1 scores" (2022), give it for F1 and equal
//! weights.

use crate::classification::{
    Confusion, accuracy, balanced_accuracy, correlation_parts, macro_f1, matthews_correlation, micro_f1,
    no_spread, weighted_f1,
};
use crate::error::Error;
use crate::measured::{Measured, NO_VARIANCE, fisher, share, small_sample_factor};

/// A number that a confusion table gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassMetric {
    /// [`accuracy`], which is also the micro-averaged F1.
    Accuracy,
    /// [`balanced_accuracy`].
    BalancedAccuracy,
    /// [`macro_f1`].
    MacroF1,
    /// [`micro_f1`].
    MicroF1,
    /// [`weighted_f1`].
    WeightedF1,
    /// [`matthews_correlation`].
    MatthewsCorrelation,
}

impl ClassMetric {
    /// Every metric.
    pub const ALL: [Self; 6] = [
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::MacroF1,
        Self::MicroF1,
        Self::WeightedF1,
        Self::MatthewsCorrelation,
    ];

    /// The metric's value; NaN without outcomes.
    #[must_use]
    pub fn value(self, table: &Confusion) -> f64 {
        match self {
            Self::Accuracy => accuracy(table),
            Self::BalancedAccuracy => balanced_accuracy(table),
            Self::MacroF1 => macro_f1(table),
            Self::MicroF1 => micro_f1(table),
            Self::WeightedF1 => weighted_f1(table),
            Self::MatthewsCorrelation => matthews_correlation(table),
        }
    }

    /// The metric with its interval: by the delta method, on Wilson's scale for the shares and on Fisher's for the
    /// correlation.
    ///
    /// Covers when each class that counts has some ten truths; a class that the labels have not shown yet cannot
    /// widen the interval. O(classes²).
    ///
    /// # Errors
    /// [`Error::TooFew`] for a table without weight.
    pub fn measure(self, table: &Confusion) -> Result<Measured, Error> {
        if table.weight() <= 0.0 {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        let influence = self.influence(table);
        let size = table.classes() + 1;
        let cells = (0..size).flat_map(|t| (0..size).map(move |p| (t, p)));
        // With many classes most cells are empty.
        let squares: f64 = cells
            .filter(|&(t, p)| table.square(t, p) > 0.0)
            .map(|(t, p)| table.square(t, p) * influence(t, p).powi(2))
            .sum();
        let variance = squares / table.weight().powi(2);
        Ok(self.interval(
            self.value(table),
            variance,
            table.effective_size(),
            table.total() as f64,
        ))
    }

    /// The interval that a variance gives. Where it is zero `effective_size` takes its place; a share never counts
    /// for more than `most` coin tosses.
    pub(crate) fn interval(self, value: f64, variance: f64, effective_size: f64, most: f64) -> Measured {
        match self {
            // Without the small-sample factor: Wilson's interval has its own.
            Self::Accuracy | Self::MicroF1 => share(value, variance, effective_size, most),
            Self::BalancedAccuracy | Self::MacroF1 | Self::WeightedF1 => {
                let variance = variance * small_sample_factor(effective_size);
                share(value, variance, effective_size, f64::INFINITY)
            }
            Self::MatthewsCorrelation => {
                let variance = variance * small_sample_factor(effective_size);
                correlation_interval(value, variance, effective_size)
            }
        }
    }

    /// What an outcome of a truth and a prediction contributes to the metric: the total weight times the derivative
    /// by the cell's weight. Its weighted mean over the outcomes is zero.
    pub(crate) fn influence(self, table: &Confusion) -> impl Fn(usize, usize) -> f64 {
        let (classes, total, value) = (table.classes(), table.weight(), self.value(table));
        let margins = table.margins();
        let f1: Vec<f64> = margins.iter().map(|m| m.f1()).collect();
        let occurring = margins.iter().filter(|m| m.occurs()).count() as f64;
        let true_classes = margins.iter().filter(|m| m.truths > 0.0).count() as f64;
        let (covariance, truths, predictions) = correlation_parts(table);
        let constant = no_spread(truths, total) || no_spread(predictions, total);
        let right: f64 = margins.iter().map(|m| m.hits).sum();
        move |t: usize, p: usize| {
            let hit = f64::from(u8::from(t == p && t < classes));
            let f1_slope = |c: usize, hit: f64| {
                let whole = margins[c].truths + margins[c].predictions;
                if whole > 0.0 {
                    (2.0 * hit - f1[c]) / whole
                } else {
                    0.0
                }
            };
            match self {
                Self::Accuracy | Self::MicroF1 => hit - value,
                Self::BalancedAccuracy if margins[t].truths > 0.0 => {
                    total / true_classes * (hit - margins[t].recall()) / margins[t].truths
                }
                Self::BalancedAccuracy => 0.0,
                // A hit is in one class's F1, once as truth and once as prediction.
                Self::MacroF1 => total / occurring * (f1_slope(t, hit) + f1_slope(p, 0.0)),
                Self::WeightedF1 => {
                    f1[t] - value
                        + margins[t].truths * f1_slope(t, hit)
                        + margins[p].truths * f1_slope(p, 0.0)
                }
                Self::MatthewsCorrelation if constant => 0.0,
                Self::MatthewsCorrelation => {
                    // The outside is one class for truths and another for predictions.
                    let predicted_as = if t < classes { margins[t].predictions } else { 0.0 };
                    let true_as = if p < classes { margins[p].truths } else { 0.0 };
                    let slope = right + total * hit - predicted_as - true_as;
                    let spread =
                        (total - margins[t].truths) / truths + (total - margins[p].predictions) / predictions;
                    total * (slope - covariance * spread) / (truths * predictions).sqrt()
                }
            }
        }
    }
}

/// Interval of a correlation on Fisher's scale. All right, all wrong, or of one class only, the outcomes show no
/// spread: then the error is that of a correlation of as many observations, about a value drawn in from the end by
/// one observation.
fn correlation_interval(value: f64, variance: f64, effective_size: f64) -> Measured {
    let slope = 1.0 - value * value;
    let mut interval = if slope > 1e-12 && variance > NO_VARIANCE {
        fisher(value, variance.sqrt() / slope)
    } else {
        let inward = 1.0 - 1.0 / effective_size.max(2.0);
        fisher(value * inward, 1.0 / (effective_size - 3.0).max(0.0).sqrt())
    };
    interval.low = interval.low.min(value);
    interval.high = interval.high.max(value);
    Measured { value, interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Confusion {
        let mut table = Confusion::new(3);
        for (i, weight) in [
            9.0, 1.0, 2.0, 0.5, 1.0, 7.0, 0.0, 3.0, 2.0, 2.0, 8.0, 1.0, 1.0, 0.0, 2.0, 1.5,
        ]
        .into_iter()
        .enumerate()
        {
            table.add_weighted(Some(i / 4), Some(i % 4), weight).unwrap();
        }
        table
    }

    #[test]
    fn influence_is_the_derivative_by_a_cell() {
        let before = table();
        for metric in ClassMetric::ALL {
            let influence = metric.influence(&before);
            for cell in 0..16 {
                let want = influence(cell / 4, cell % 4);
                let h = 1e-6;
                let mut after = before.clone();
                after.put(Some(cell / 4), Some(cell % 4), h);
                let got = before.weight() * (metric.value(&after) - metric.value(&before)) / h;
                assert!(
                    (got - want).abs() < 1e-4,
                    "{metric:?} {cell}: {got} instead of {want}"
                );
            }
        }
    }

    #[test]
    fn an_interval_holds_its_value_even_when_all_is_right_or_wrong() {
        for shift in 0..2 {
            let mut table = Confusion::new(2);
            for i in 0..20 {
                table.add(Some(i % 2), Some((i + shift) % 2));
            }
            for metric in ClassMetric::ALL {
                let Measured { value, interval } = metric.measure(&table).unwrap();
                assert!(interval.low <= value && value <= interval.high, "{metric:?}");
                assert!(interval.high - interval.low > 0.05, "{metric:?} {interval:?}");
            }
        }
    }

    #[test]
    fn an_empty_table_has_no_interval() {
        let got = ClassMetric::MacroF1.measure(&Confusion::new(2));
        assert_eq!(got, Err(Error::TooFew { have: 0, need: 1 }));
    }
}
