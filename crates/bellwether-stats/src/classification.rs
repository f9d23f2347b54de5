//! Quality of class predictions.

use crate::error::Error;
use crate::weights::is_weight;

/// Weights of (truth, prediction) over `classes` classes, plus a row and a column for what lies outside them.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    classes: usize,
    outcomes: u64,
    /// `[classes + 1, classes + 1]`, row-major: a row per truth.
    weights: Vec<f64>,
    /// Sums of squared weights, alike: what the intervals need.
    squares: Vec<f64>,
}

impl Confusion {
    /// An empty table over `classes` classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        let cells = (classes + 1) * (classes + 1);
        Self {
            classes,
            outcomes: 0,
            weights: vec![0.0; cells],
            squares: vec![0.0; cells],
        }
    }

    /// Adds one outcome of weight one; `None` is a class outside the label set.
    pub fn add(&mut self, truth: Option<usize>, predicted: Option<usize>) {
        self.put(truth, predicted, 1.0);
    }

    /// Adds one outcome; `None` is a class outside the label set.
    ///
    /// # Errors
    /// [`Error::InvalidWeight`] for a weight that is neither zero nor between 1e-100 and 1e100; nothing is added then.
    pub fn add_weighted(
        &mut self,
        truth: Option<usize>,
        predicted: Option<usize>,
        weight: f64,
    ) -> Result<(), Error> {
        if !is_weight(weight) {
            return Err(Error::InvalidWeight { index: 0 });
        }
        self.put(truth, predicted, weight);
        Ok(())
    }

    /// Adds an outcome whose weight was checked.
    pub(crate) fn put(&mut self, truth: Option<usize>, predicted: Option<usize>, weight: f64) {
        let at = |c: Option<usize>| c.filter(|&c| c < self.classes).unwrap_or(self.classes);
        let cell = at(truth) * (self.classes + 1) + at(predicted);
        self.outcomes += 1;
        self.weights[cell] += weight;
        self.squares[cell] += weight * weight;
    }

    /// Outcomes so far, whatever their weight.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.outcomes
    }

    /// Number of classes of the label set.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Sum of the weights.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// Weight of one cell; the index `classes` is the outside, and beyond it there is nothing.
    #[must_use]
    pub fn cell(&self, truth: usize, predicted: usize) -> f64 {
        if truth > self.classes || predicted > self.classes {
            return 0.0;
        }
        self.get(truth, predicted)
    }

    pub(crate) fn get(&self, truth: usize, predicted: usize) -> f64 {
        self.weights[truth * (self.classes + 1) + predicted]
    }

    /// Sum of squared weights of a cell.
    pub(crate) fn square(&self, truth: usize, predicted: usize) -> f64 {
        self.squares[truth * (self.classes + 1) + predicted]
    }

    /// Kish's effective number of outcomes; NaN without weight.
    pub(crate) fn effective_size(&self) -> f64 {
        self.weight().powi(2) / self.squares.iter().sum::<f64>()
    }

    /// Rights, truths and predictions of each class, the outside last: what is outside is never right.
    pub(crate) fn margins(&self) -> Vec<Margin> {
        let size = self.classes + 1;
        let mut margins = vec![Margin::default(); size];
        for (truth, row) in self.weights.chunks_exact(size).enumerate() {
            for (predicted, weight) in row.iter().enumerate() {
                margins[truth].truths += weight;
                margins[predicted].predictions += weight;
            }
            if truth < self.classes {
                margins[truth].hits = row[truth];
            }
        }
        margins
    }
}

/// What a table says of one class.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Margin {
    pub(crate) hits: f64,
    pub(crate) truths: f64,
    pub(crate) predictions: f64,
}

impl Margin {
    pub(crate) fn occurs(self) -> bool {
        self.truths + self.predictions > 0.0
    }

    pub(crate) fn recall(self) -> f64 {
        ratio(self.hits, self.truths)
    }

    pub(crate) fn f1(self) -> f64 {
        ratio(2.0 * self.hits, self.truths + self.predictions)
    }
}

/// Zero where there is nothing to divide by, as scikit-learn's `zero_division=0`.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Quality of the predictions of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassScores {
    /// Share of its predictions that are right; 0 when it is never predicted.
    pub precision: f64,
    /// Share of its truths that are found; 0 when it is never true.
    pub recall: f64,
    /// Harmonic mean of both; 0 when both are.
    pub f1: f64,
    /// Weight of its truths.
    pub support: f64,
}

/// Precision, recall, F1 and support of each class of the label set: scikit-learn's
/// `precision_recall_fscore_support(average=None, zero_division=0)`.
#[must_use]
pub fn class_scores(table: &Confusion) -> Vec<ClassScores> {
    let margins = table.margins();
    margins[..table.classes]
        .iter()
        .map(|m| ClassScores {
            precision: ratio(m.hits, m.predictions),
            recall: m.recall(),
            f1: m.f1(),
            support: m.truths,
        })
        .collect()
}

/// Share of correct outcomes; a truth outside the label set is never correct. NaN without outcomes.
#[must_use]
pub fn accuracy(table: &Confusion) -> f64 {
    let right: f64 = (0..table.classes).map(|c| table.get(c, c)).sum();
    right / table.weight()
}

/// Mean recall over the classes that occur as truth, the outside counted as one that is never found (scikit-learn's
/// `balanced_accuracy_score`). NaN without outcomes.
#[must_use]
pub fn balanced_accuracy(table: &Confusion) -> f64 {
    mean(
        table
            .margins()
            .iter()
            .filter(|m| m.truths > 0.0)
            .map(|m| m.recall()),
    )
}

/// Unweighted mean of the classes' F1, over classes that occur as truth or prediction (scikit-learn's
/// `f1_score(average="macro")` with its default label set, the outside counted as a class when it occurs). NaN without
/// outcomes.
#[must_use]
pub fn macro_f1(table: &Confusion) -> f64 {
    mean(table.margins().iter().filter(|m| m.occurs()).map(|m| m.f1()))
}

/// F1 of the classes' summed counts (scikit-learn's `f1_score(average="micro")` over all labels). With one class an
/// observation it is the accuracy. NaN without outcomes.
#[must_use]
pub fn micro_f1(table: &Confusion) -> f64 {
    accuracy(table)
}

/// Mean of the classes' F1, weighted by how often each is true (scikit-learn's `f1_score(average="weighted")`). NaN
/// without outcomes.
#[must_use]
pub fn weighted_f1(table: &Confusion) -> f64 {
    let sum: f64 = table.margins().iter().map(|m| m.truths * m.f1()).sum();
    sum / table.weight()
}

/// Matthews correlation coefficient, in `[−1, 1]`; 0 when the truths or the predictions are all of one class
/// (scikit-learn's `matthews_corrcoef`). What is outside is never right. NaN without outcomes.
///
/// Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient" (2004).
#[must_use]
pub fn matthews_correlation(table: &Confusion) -> f64 {
    let total = table.weight();
    let (covariance, truths, predictions) = correlation_parts(table);
    if total.is_nan() || total <= 0.0 {
        f64::NAN
    } else if no_spread(truths, total) || no_spread(predictions, total) {
        0.0
    } else {
        // Rounding can step past the ends.
        (covariance / (truths * predictions).sqrt()).clamp(-1.0, 1.0)
    }
}

/// True when `s² − Σ t²` is the rounding of a zero.
pub(crate) fn no_spread(variance: f64, total: f64) -> bool {
    variance <= 1e-13 * total * total
}

/// Covariance of truth and prediction and the variance of each, times the squared total. A truth outside and a
/// prediction outside are two classes here, since they never agree.
pub(crate) fn correlation_parts(table: &Confusion) -> (f64, f64, f64) {
    let (total, margins) = (table.weight(), table.margins());
    let right: f64 = margins.iter().map(|m| m.hits).sum();
    let known = &margins[..table.classes];
    let chance: f64 = known.iter().map(|m| m.truths * m.predictions).sum();
    let truths: f64 = margins.iter().map(|m| m.truths * m.truths).sum();
    let predictions: f64 = margins.iter().map(|m| m.predictions * m.predictions).sum();
    let square = total * total;
    (right * total - chance, square - truths, square - predictions)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), v| (sum + v, n + 1));
    // 0 / 0: without values there is no mean.
    sum / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_outcomes_there_is_no_answer() {
        let table = Confusion::new(3);
        assert!(accuracy(&table).is_nan() && macro_f1(&table).is_nan() && table.total() == 0);
        assert!(balanced_accuracy(&table).is_nan() && weighted_f1(&table).is_nan());
        assert!(matthews_correlation(&table).is_nan() && micro_f1(&table).is_nan());
    }

    #[test]
    fn what_lies_outside_the_label_set_is_never_right() {
        let mut table = Confusion::new(2);
        table.add(Some(0), Some(0));
        table.add(None, None);
        table.add(Some(7), Some(7));
        assert!((accuracy(&table) - 1.0 / 3.0).abs() < 1e-12);
        // Class 0 is perfect, class 1 never occurs, the outside counts as one class at zero.
        assert!((macro_f1(&table) - 0.5).abs() < 1e-12);
        assert!((balanced_accuracy(&table) - 0.5).abs() < 1e-12);
        assert!((-1.0..=1.0).contains(&matthews_correlation(&table)));
    }

    #[test]
    fn a_weight_that_is_none_is_refused() {
        let mut table = Confusion::new(2);
        let refused = table.add_weighted(Some(0), Some(0), -1.0);
        assert_eq!(refused, Err(Error::InvalidWeight { index: 0 }));
        assert_eq!(table, Confusion::new(2));
        table.add_weighted(Some(0), Some(1), 2.5).unwrap();
        assert!((table.cell(0, 1) - 2.5).abs() < 1e-12 && table.cell(9, 0) == 0.0);
    }
}
