//! Quality without labels, from calibrated probabilities.
//!
//! If a class with probability `p` is true in a share `p` of cases, each prediction's expected place in the
//! confusion table is known, and with the table every metric of it: `NannyML`'s confidence-based performance
//! estimation. It needs calibrated probabilities and a concept that has not changed: what moved `P(y | x)` is
//! invisible to it.

use crate::class_interval::ClassMetric;
use crate::classification::Confusion;
use crate::error::Error;
use crate::measured::Measured;
use crate::probability::{check_classes, check_rows};
use crate::ranking::BinaryScores;
use crate::weights::{Weights, same_length};

/// Calibrated probabilities with the predicted classes, whose truth is not known.
#[derive(Debug, Clone, Copy)]
pub struct Unlabelled<'a> {
    probabilities: &'a [f64],
    classes: usize,
    predicted: &'a [usize],
    weights: Weights<'a>,
}

impl<'a> Unlabelled<'a> {
    /// Calibrated probabilities `[n, classes]`, row-major, and predictions `[n]`, which need not be the most likely
    /// class.
    ///
    /// # Errors
    /// As [`ClassProbabilities::new`](crate::ClassProbabilities::new).
    pub fn new(
        probabilities: &'a [f64],
        classes: usize,
        predicted: &'a [usize],
        weights: Weights<'a>,
    ) -> Result<Self, Error> {
        check_rows(probabilities, classes, predicted.len())?;
        weights.check(predicted.len())?;
        check_classes(predicted, classes)?;
        Ok(Self {
            probabilities,
            classes,
            predicted,
            weights,
        })
    }

    /// The confusion table that is expected: row `c`, column `j` holds the summed probability of class `c` where
    /// `j` was predicted. Its metrics are `NannyML`'s estimates.
    #[must_use]
    pub fn expected_confusion(&self) -> Confusion {
        let mut table = Confusion::new(self.classes);
        for (i, row) in self.probabilities.chunks_exact(self.classes).enumerate() {
            let sum: f64 = row.iter().sum();
            for (c, p) in row.iter().enumerate() {
                // Rows are distributions up to rounding, which must not become weight.
                table.put(Some(c), Some(self.predicted[i]), self.weights.at(i) * p / sum);
            }
        }
        table
    }

    /// The expected value of a metric of the table, with the interval in which the metric lies that the labels
    /// would show, were they known: the labels are the only chance in it, by the delta method. An error of the
    /// calibration is not in it.
    ///
    /// For the accuracy this is the variance of independent coins, as in
    /// [`poisson_binomial_interval`](crate::poisson_binomial_interval), here with Wilson's ends.
    #[must_use]
    pub fn expect(&self, metric: ClassMetric) -> Measured {
        let table = self.expected_confusion();
        let influence = metric.influence(&table);
        let mut squares = 0.0;
        for (i, row) in self.probabilities.chunks_exact(self.classes).enumerate() {
            let sum: f64 = row.iter().sum();
            let at = |c: usize| influence(c, self.predicted[i]);
            let mean: f64 = row.iter().enumerate().map(|(c, p)| p / sum * at(c)).sum();
            let spread: f64 = row
                .iter()
                .enumerate()
                .map(|(c, p)| p / sum * (at(c) - mean).powi(2))
                .sum();
            squares += self.weights.at(i).powi(2) * spread;
        }
        let n = self.predicted.len();
        let variance = squares / self.weights.total(n).powi(2);
        let effective_size = self.weights.effective_size(n);
        // Sure predictions leave less to chance than one coin toss each.
        metric.interval(metric.value(&table), variance, effective_size, f64::INFINITY)
    }
}

/// The AUROC that calibrated probabilities `[n]` of being positive lead to expect of `scores[n]`: each observation
/// is a positive with its probability and a negative with the rest, `NannyML`'s estimate without its rounding to
/// five digits. Equals its definition for distinct scores; `NannyML` cuts ties in their order, here they count
/// half.
///
/// # Errors
/// As [`BinaryScores::new`], and [`Error::OutOfRange`] for a probability outside `[0, 1]`.
pub fn expected_auroc(scores: &[f64], probabilities: &[f64], weights: Weights<'_>) -> Result<f64, Error> {
    let n = scores.len();
    same_length(n, probabilities.len())?;
    weights.check(n)?;
    if let Some(index) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::OutOfRange { index });
    }
    let twice: Vec<f64> = scores.iter().chain(scores).copied().collect();
    let positive: Vec<bool> = (0..2 * n).map(|i| i < n).collect();
    let mass: Vec<f64> = (0..2 * n)
        .map(|i| {
            if i < n {
                weights.at(i) * probabilities[i]
            } else {
                weights.at(i - n) * (1.0 - probabilities[i - n])
            }
        })
        .collect();
    Ok(BinaryScores::new(&twice, &positive, Weights::Each(&mass))?
        .auroc()
        .value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_probabilities_give_the_table_itself() {
        let p = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let rows = Unlabelled::new(&p, 2, &[0, 0, 1], Weights::Equal).unwrap();
        let table = rows.expected_confusion();
        let cells = [
            table.cell(0, 0),
            table.cell(1, 0),
            table.cell(1, 1),
            table.cell(0, 1),
        ];
        assert!(
            cells
                .iter()
                .zip([1.0, 1.0, 1.0, 0.0])
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
        let accuracy = rows.expect(ClassMetric::Accuracy);
        assert!((accuracy.value - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn predictions_outside_the_label_set_are_errors() {
        let got = Unlabelled::new(&[0.5, 0.5], 2, &[2], Weights::Equal).map(|_| ());
        assert!(matches!(got, Err(Error::UnknownClass { .. })));
    }
}
