//! How many predictions there were, and how many got a label, by time and by confidence.
//!
//! Labels come late and, often, by choice: annotators are shown what the head was unsure of. Undoing that choice needs
//! the number of *all* predictions of each stratum in the time of the labels, far longer ago than vectors are kept; so
//! they are counted in slices of event time.

use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Quartiles of the reference's confidence, and one stratum for predictions without confidence.
pub(crate) const STRATA: usize = 5;
/// Slices that cover the label retention: each is some ten minutes of the default thirty days.
const SLICES: i64 = 4096;
/// Shortest slice, in milliseconds.
const SHORTEST_MS: i64 = 1000;

/// Edges between the strata: quartiles of what is finite in `confidence`; everything is above them without.
pub(crate) fn quartiles(confidence: &[f32]) -> [f64; STRATA - 2] {
    let mut sorted: Vec<f32> = confidence.iter().copied().filter(|c| c.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    [1, 2, 3].map(|quarter| {
        sorted
            .get(sorted.len() * quarter / 4)
            .map_or(f64::NEG_INFINITY, |&c| f64::from(c))
    })
}

/// The stratum of a confidence: 0 is the lowest quartile, an edge belongs above.
pub(crate) fn stratum(edges: &[f64; STRATA - 2], confidence: f64) -> usize {
    if confidence.is_nan() {
        STRATA - 1
    } else {
        edges.iter().filter(|&&edge| confidence >= edge).count()
    }
}

/// Predictions and labels of each stratum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StratumCounts {
    pub(crate) observations: [u64; STRATA],
    pub(crate) labels: [u64; STRATA],
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Slice {
    number: i64,
    observations: [u32; STRATA],
    labels: [u32; STRATA],
}

/// Counts over the label retention, oldest slice first. A slice without predictions takes no place.
#[derive(Debug, Clone)]
pub(crate) struct StratumLog {
    width_ms: i64,
    slices: VecDeque<Slice>,
}

impl StratumLog {
    pub(crate) fn new(retention_ms: i64) -> Self {
        Self {
            width_ms: (retention_ms / SLICES).max(SHORTEST_MS),
            slices: VecDeque::new(),
        }
    }

    /// Counts a prediction; forgets slices beyond the retention.
    pub(crate) fn observe(&mut self, timestamp_ms: i64, stratum: usize) {
        if let Some(slice) = self.slice(timestamp_ms) {
            slice.observations[stratum] = slice.observations[stratum].saturating_add(1);
        }
    }

    /// Counts the label of a prediction of that time.
    pub(crate) fn label(&mut self, observed_ms: i64, stratum: usize) {
        if let Some(slice) = self.slice(observed_ms) {
            slice.labels[stratum] = slice.labels[stratum].saturating_add(1);
        }
    }

    fn slice(&mut self, timestamp_ms: i64) -> Option<&mut Slice> {
        let number = timestamp_ms.div_euclid(self.width_ms);
        // Time mostly goes on: look at the newest first.
        let at = match self.slices.back() {
            Some(newest) if newest.number == number => self.slices.len() - 1,
            Some(newest) if newest.number > number => {
                if number <= newest.number - SLICES {
                    return None;
                }
                match self.slices.binary_search_by_key(&number, |s| s.number) {
                    Ok(at) => at,
                    Err(at) => {
                        self.slices.insert(
                            at,
                            Slice {
                                number,
                                ..Slice::default()
                            },
                        );
                        at
                    }
                }
            }
            _ => {
                self.slices.push_back(Slice {
                    number,
                    ..Slice::default()
                });
                while self.slices.front().is_some_and(|s| s.number <= number - SLICES) {
                    self.slices.pop_front();
                }
                self.slices.len() - 1
            }
        };
        self.slices.get_mut(at)
    }

    /// Sums over the slices that hold `from_ms` to `to_ms`, both included: whole slices, so a little more than asked.
    pub(crate) fn between(&self, from_ms: i64, to_ms: i64) -> StratumCounts {
        let (first, last) = (from_ms.div_euclid(self.width_ms), to_ms.div_euclid(self.width_ms));
        let start = self.slices.partition_point(|s| s.number < first);
        let mut counts = StratumCounts::default();
        for slice in self.slices.range(start..).take_while(|s| s.number <= last) {
            for s in 0..STRATA {
                counts.observations[s] += u64::from(slice.observations[s]);
                counts.labels[s] += u64::from(slice.labels[s]);
            }
        }
        counts
    }
}

impl State for StratumLog {
    fn write(&self, out: &mut Writer) {
        out.put(&self.slices);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.slices = from.take()?;
        let numbers = i64::MIN / SHORTEST_MS - 1..=i64::MAX / SHORTEST_MS;
        let fits = self.slices.iter().all(|s| numbers.contains(&s.number))
            && self.slices.iter().is_sorted_by(|a, b| a.number < b.number);
        ensure(fits, "its counts by time are not in order")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_cut_the_reference_in_four() {
        let confidence: Vec<f32> = (0..100_u8)
            .map(|i| f32::from(i) / 100.0)
            .chain([f32::NAN])
            .collect();
        let edges = quartiles(&confidence);
        let got = [0.0, 0.24, 0.25, 0.6, 0.99, f64::NAN].map(|c| stratum(&edges, c));
        assert_eq!(got, [0, 0, 1, 2, 3, 4]);
        assert_eq!(
            stratum(&quartiles(&[]), 0.1),
            3,
            "without a reference all are alike"
        );
    }

    #[test]
    fn counts_are_those_of_the_time_asked_for() {
        let mut log = StratumLog::new(SLICES * 1000);
        for at in 0..10 {
            log.observe(at * 1000, 0);
        }
        log.label(3500, 0);
        log.label(9999, 0);
        let counts = log.between(2000, 5999);
        assert_eq!((counts.observations[0], counts.labels[0]), (4, 1));
        assert_eq!(log.between(-5, 1_000_000).labels[0], 2);
        assert_eq!(log.between(50_000, 60_000), StratumCounts::default());
    }

    #[test]
    fn what_is_older_than_the_retention_is_forgotten_and_the_late_is_put_in_place() {
        let mut log = StratumLog::new(SLICES * 1000);
        log.observe(0, 1);
        log.observe(5000, 1);
        log.observe(2000, 1);
        assert_eq!(log.between(1000, 3000).observations[1], 1);
        log.observe(SLICES * 1000, 1);
        assert_eq!(log.between(0, 0).observations[1], 0);
        log.observe(0, 1);
        assert_eq!(log.between(0, 0).observations[1], 0, "too late");
        assert_eq!(log.between(0, i64::MAX).observations[1], 3);
    }
}
