//! Precision, recall and F1 of each class, with their intervals.

use crate::classification::Confusion;
use crate::measured::{Measured, share};

/// Quality of the predictions of one class, with intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassMeasures {
    /// Share of its predictions that are right; `None` when it is never predicted.
    pub precision: Option<Measured>,
    /// Share of its truths that are found; `None` when it is never true.
    pub recall: Option<Measured>,
    /// `2·hits / (predictions + truths)`; `None` when it does not occur.
    pub f1: Option<Measured>,
    /// Weight of its truths.
    pub support: f64,
}

/// Precision, recall and F1 of each class of the label set: the values of [`class_scores`](crate::class_scores)
/// where there is something to divide by. Each is a ratio of weighted sums over outcomes, its variance the ratio
/// estimator's, its interval Wilson's at the number of coin tosses of that variance: with equal weights, Wilson's
/// interval itself for precision and recall.
///
/// Cochran, "Sampling Techniques", 3rd edition (1977), section 6.4. O(classes²).
#[must_use]
pub fn class_measures(table: &Confusion) -> Vec<ClassMeasures> {
    (0..table.classes())
        .map(|class| {
            let is = |c: usize| f64::from(u8::from(c == class));
            let precision = ratio(table, class, |_, p| is(p));
            let recall = ratio(table, class, |t, _| is(t));
            // F1 counts a hit once as a truth and once as a prediction: the mean of both.
            let f1 = ratio(table, class, |t, p| 0.5 * (is(t) + is(p)));
            let support = (0..=table.classes()).map(|p| table.get(class, p)).sum();
            ClassMeasures {
                precision,
                recall,
                f1,
                support,
            }
        })
        .collect()
}

/// Hits of a class over the weight of what `whole(truth, predicted)` counts.
fn ratio(table: &Confusion, class: usize, whole: impl Fn(usize, usize) -> f64) -> Option<Measured> {
    // Row and column of the class, the crossing once: nothing else is counted.
    let outside = table.classes();
    let row = (0..=outside).map(|p| (class, p));
    let column = (0..=outside).filter(|&t| t != class).map(|t| (t, class));
    let cells: Vec<(usize, usize)> = row.chain(column).collect();
    let size: f64 = cells.iter().map(|&(t, p)| table.get(t, p) * whole(t, p)).sum();
    if size <= 0.0 {
        return None;
    }
    let value = table.get(class, class) / size;
    let (mut squares, mut counted) = (0.0, 0.0);
    for &(t, p) in &cells {
        let hit = f64::from(u8::from(t == class && p == class));
        squares += table.square(t, p) * (hit - value * whole(t, p)).powi(2);
        counted += table.square(t, p) * whole(t, p).powi(2);
    }
    Some(share(
        value,
        squares / (size * size),
        size * size / counted,
        f64::INFINITY,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::wilson_interval;

    #[test]
    fn equal_weights_give_wilsons_interval() {
        let mut table = Confusion::new(2);
        for (truth, predicted, times) in [(0, 0, 7), (0, 1, 3), (1, 0, 2), (1, 1, 5)] {
            for _ in 0..times {
                table.add(Some(truth), Some(predicted));
            }
        }
        table.add(None, Some(0));
        let first = class_measures(&table)[0];
        let close = |got: Option<Measured>, hits: f64, of: f64| {
            let (got, want) = (got.unwrap(), wilson_interval(hits, of));
            assert!((got.value - hits / of).abs() < 1e-12);
            let ends = (got.interval.low - want.low).abs() + (got.interval.high - want.high).abs();
            assert!(ends < 1e-12, "{got:?} instead of {want:?}");
        };
        close(first.precision, 7.0, 10.0);
        close(first.recall, 7.0, 10.0);
        assert!((first.f1.unwrap().value - 0.7).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_occur_has_no_quality() {
        let mut table = Confusion::new(3);
        table.add(Some(0), Some(1));
        let measures = class_measures(&table);
        assert!(measures[0].precision.is_none() && measures[0].recall.is_some());
        assert!(measures[1].recall.is_none() && measures[1].precision.is_some());
        assert!(measures[2].f1.is_none() && measures[2].support == 0.0);
    }
}
