//! Quality of class predictions.

/// Counts of (truth, prediction) over `classes` classes, plus a column of truths outside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// An empty table over `classes` classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            counts: vec![0; (classes + 1) * (classes + 1)],
        }
    }

    /// Adds one outcome; `None` is a class outside the label set.
    pub fn add(&mut self, truth: Option<usize>, predicted: Option<usize>) {
        let at = |c: Option<usize>| c.filter(|&c| c < self.classes).unwrap_or(self.classes);
        let (t, p) = (at(truth), at(predicted));
        self.counts[t * (self.classes + 1) + p] += 1;
    }

    /// Outcomes so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn get(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * (self.classes + 1) + predicted]
    }
}

/// Share of correct outcomes; a truth outside the label set is never correct. NaN without outcomes.
#[must_use]
pub fn accuracy(table: &Confusion) -> f64 {
    let right: u64 = (0..table.classes).map(|c| table.get(c, c)).sum();
    right as f64 / table.total() as f64
}

/// Unweighted mean of the classes' F1, over classes that occur as truth or prediction (scikit-learn's
/// `f1_score(average="macro")` with its default label set, the outside counted as a class when it occurs). NaN without
/// outcomes.
#[must_use]
pub fn macro_f1(table: &Confusion) -> f64 {
    let size = table.classes + 1;
    let (mut sum, mut classes) = (0.0, 0_usize);
    for c in 0..size {
        let hits = table.get(c, c) as f64;
        let hits = if c == table.classes { 0.0 } else { hits };
        let truths: u64 = (0..size).map(|p| table.get(c, p)).sum();
        let predictions: u64 = (0..size).map(|t| table.get(t, c)).sum();
        if truths + predictions > 0 {
            sum += 2.0 * hits / (truths + predictions) as f64;
            classes += 1;
        }
    }
    if classes == 0 {
        f64::NAN
    } else {
        sum / classes as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_outcomes_there_is_no_answer() {
        let table = Confusion::new(3);
        assert!(accuracy(&table).is_nan() && macro_f1(&table).is_nan() && table.total() == 0);
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
    }
}
