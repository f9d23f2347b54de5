//! How good are the probabilities of classes?

use crate::classification::Confusion;
use crate::error::Error;
use crate::measured::{Measured, weighted_mean};
use crate::ranking::{Ranking, one_against_rest};
use crate::reliability::{Binning, Reliability, reliability};
use crate::weights::{Weights, same_length};

/// How far the probabilities of a row may be from one in sum: what sixteen-bit floats lose over some hundred classes.
const SUM_TOLERANCE: f64 = 1e-2;

/// Probabilities of classes with the true class of each observation, checked once.
#[derive(Debug, Clone, Copy)]
pub struct ClassProbabilities<'a> {
    probabilities: &'a [f64],
    classes: usize,
    truth: &'a [usize],
    weights: Weights<'a>,
}

impl<'a> ClassProbabilities<'a> {
    /// Probabilities `[n, classes]`, row-major, and truths `[n]` below `classes`: a truth outside the label set has no
    /// probability and is for the caller to leave out, and to report.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] when the probabilities are not `[n, classes]`, [`Error::TooFew`] without rows,
    /// [`Error::OutOfRange`] for a probability that is not in `[0, 1]`, [`Error::NotADistribution`] when a row's
    /// sum is off by more than 0.01, [`Error::UnknownClass`], [`Error::InvalidWeight`] and [`Error::NoWeight`].
    pub fn new(
        probabilities: &'a [f64],
        classes: usize,
        truth: &'a [usize],
        weights: Weights<'a>,
    ) -> Result<Self, Error> {
        check_rows(probabilities, classes, truth.len())?;
        weights.check(truth.len())?;
        check_classes(truth, classes)?;
        Ok(Self {
            probabilities,
            classes,
            truth,
            weights,
        })
    }

    /// Mean of `−ln p(truth)` in nats, `p` held to `[ε, 1 − ε]` with the ε of float64 (scikit-learn's `log_loss`), with
    /// Student's t interval.
    #[must_use]
    pub fn log_loss(&self) -> Measured {
        weighted_mean(self.len(), self.weights, 0.0, |i| {
            -self.row(i)[self.truth[i]]
                .clamp(f64::EPSILON, 1.0 - f64::EPSILON)
                .ln()
        })
    }

    /// Mean squared distance of the probabilities from the truth's unit vector, in `[0, 2]`, with Student's t interval:
    /// scikit-learn's `brier_score_loss(scale_by_half=False)`. Brier, "Verification of forecasts expressed in terms of
    /// probability" (1950).
    #[must_use]
    pub fn brier(&self) -> Measured {
        let mut measured = weighted_mean(self.len(), self.weights, 0.0, |i| {
            let squares: f64 = self.row(i).iter().map(|p| p * p).sum();
            // Rounding of a perfect row.
            (squares - 2.0 * self.row(i)[self.truth[i]] + 1.0).max(0.0)
        });
        measured.interval.high = measured.interval.high.min(2.0);
        measured
    }

    /// Unweighted mean of the classes' AUROC, each against the rest. Classes that are never true, or always, have
    /// none and are left out. O(n · classes · log n).
    ///
    /// The interval is as for [`BinaryScores::auroc`](crate::BinaryScores::auroc), from the summed influences.
    ///
    /// # Errors
    /// [`Error::OneClass`] when the truths are all of one class.
    pub fn auroc(&self) -> Result<Measured, Error> {
        self.rank(Ranking::Auroc)
    }

    /// Unweighted mean of the classes' average precision, each against the rest. Classes that are never true, or
    /// always, are left out. O(n · classes · log n).
    ///
    /// # Errors
    /// [`Error::OneClass`] when the truths are all of one class.
    pub fn average_precision(&self) -> Result<Measured, Error> {
        self.rank(Ranking::AveragePrecision)
    }

    /// Reliability of the highest probability: is the most likely class right as often as it says?
    ///
    /// # Errors
    /// [`Error::Parameter`] for a binning without bins.
    pub fn reliability(&self, binning: Binning) -> Result<Reliability, Error> {
        let (confidence, correct): (Vec<f64>, Vec<bool>) = (0..self.len())
            .map(|i| {
                let (class, confidence) = most_likely(self.row(i));
                (confidence, class == self.truth[i])
            })
            .unzip();
        reliability(&confidence, &correct, self.weights, binning)
    }

    /// Truths against the most likely classes.
    #[must_use]
    pub fn confusion(&self) -> Confusion {
        let mut table = Confusion::new(self.classes);
        for i in 0..self.len() {
            let (class, _) = most_likely(self.row(i));
            table.put(Some(self.truth[i]), Some(class), self.weights.at(i));
        }
        table
    }

    /// Number of observations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Never true: there is at least one observation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    pub(crate) fn row(&self, i: usize) -> &'a [f64] {
        &self.probabilities[i * self.classes..][..self.classes]
    }

    pub(crate) fn truth(&self, i: usize) -> usize {
        self.truth[i]
    }

    pub(crate) fn weights(&self) -> Weights<'a> {
        self.weights
    }

    fn rank(&self, ranking: Ranking) -> Result<Measured, Error> {
        let column = |c| (0..self.len()).map(|i| self.row(i)[c]).collect();
        one_against_rest(ranking, self.classes, column, self.truth, self.weights).ok_or(Error::OneClass)
    }
}

/// The most likely class of a row, the first of equals, with its probability.
///
/// ```
/// assert_eq!(bellwether_stats::most_likely(&[0.2, 0.5, 0.3]), (1, 0.5));
/// ```
#[must_use]
pub fn most_likely(row: &[f64]) -> (usize, f64) {
    row.iter().enumerate().fold(
        (0, f64::NEG_INFINITY),
        |best, (c, &p)| if p > best.1 { (c, p) } else { best },
    )
}

/// `Σ p ln p` of a row, in nats, at most zero: high for a confident row.
#[must_use]
pub fn negative_entropy(row: &[f64]) -> f64 {
    row.iter().map(|&p| if p > 0.0 { p * p.ln() } else { 0.0 }).sum()
}

/// Checks that `probabilities` are `[rows, classes]` distributions.
pub(crate) fn check_rows(probabilities: &[f64], classes: usize, rows: usize) -> Result<(), Error> {
    if rows == 0 || classes == 0 {
        return Err(Error::TooFew { have: 0, need: 1 });
    }
    same_length(probabilities.len(), rows.saturating_mul(classes))?;
    if let Some(index) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::OutOfRange { index });
    }
    for (row, p) in probabilities.chunks_exact(classes).enumerate() {
        let sum: f64 = p.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(Error::NotADistribution { row, sum });
        }
    }
    Ok(())
}

/// Checks that every class is below `classes`.
pub(crate) fn check_classes(observed: &[usize], classes: usize) -> Result<(), Error> {
    match observed.iter().position(|&c| c >= classes) {
        Some(index) => Err(Error::UnknownClass {
            index,
            class: observed[index],
            classes,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_distribution_is_an_error() {
        let new = |p: &[f64], t: &[usize]| ClassProbabilities::new(p, 2, t, Weights::Equal).map(|_| ());
        assert_eq!(new(&[], &[]), Err(Error::TooFew { have: 0, need: 1 }));
        assert_eq!(
            new(&[0.5], &[0]),
            Err(Error::LengthMismatch { left: 1, right: 2 })
        );
        assert_eq!(new(&[0.5, -0.1], &[0]), Err(Error::OutOfRange { index: 1 }));
        assert_eq!(new(&[f64::NAN, 0.1], &[0]), Err(Error::OutOfRange { index: 0 }));
        assert_eq!(
            new(&[0.5, 0.25], &[0]),
            Err(Error::NotADistribution { row: 0, sum: 0.75 })
        );
        assert_eq!(
            new(&[0.5, 0.5], &[2]),
            Err(Error::UnknownClass {
                index: 0,
                class: 2,
                classes: 2
            })
        );
        assert_eq!(new(&[0.5, 0.5], &[1]), Ok(()));
    }

    #[test]
    fn a_class_without_truths_has_no_rank_but_does_not_hide_the_others() {
        let p = [0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.6, 0.3, 0.1];
        let rows = ClassProbabilities::new(&p, 3, &[0, 1, 0], Weights::Equal).unwrap();
        assert!((rows.auroc().unwrap().value - 1.0).abs() < 1e-12);
        let one = ClassProbabilities::new(&p, 3, &[0, 0, 0], Weights::Equal).unwrap();
        assert_eq!(one.auroc(), Err(Error::OneClass));
    }
}
