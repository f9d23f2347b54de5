//! The course of every task in a few points.

use crate::series::{Point, Series};
use serde::Serialize;
use utoipa::ToSchema;

/// The course of every task, thinned.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sparklines)]
pub(crate) struct SparklinesView<'a> {
    pub(crate) tasks: Vec<SparklineView<'a>>,
}

/// The course of one task in columns of equal length.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sparkline)]
pub(crate) struct SparklineView<'a> {
    task: &'a str,
    timestamp_ms: Vec<i64>,
    observations: Vec<u64>,
    drift_within_class: Vec<f64>,
    drift_mix: Vec<f64>,
    quality: Vec<f64>,
}

impl<'a> SparklineView<'a> {
    /// Of at most `most` points since `from_ms`, evenly, the first and the newest among them.
    pub(crate) fn new(task: &'a str, series: Option<&Series>, from_ms: i64, most: usize) -> Self {
        let all = series.map(Series::points).unwrap_or_default();
        let all = &all[all.partition_point(|point| point.timestamp_ms < from_ms)..];
        let points: Vec<&Point> = evenly(all.len(), most).map(|at| &all[at]).collect();
        let column = |f: fn(&Point) -> f64| points.iter().map(|p| rounded(f(p))).collect();
        Self {
            task,
            timestamp_ms: points.iter().map(|p| p.timestamp_ms).collect(),
            observations: points.iter().map(|p| p.observations).collect(),
            drift_within_class: column(|p| p.drift_within_class),
            drift_mix: column(|p| p.drift_mix),
            quality: column(|p| p.quality.value),
        }
    }
}

/// Places of at most `most` of `all`, at least two, evenly, the first and the last among them.
pub(crate) fn evenly(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = all.min(most.max(2));
    (0..taken).map(move |i| {
        if all == taken {
            i
        } else {
            i * (all - 1) / (taken - 1)
        }
    })
}

/// To four digits behind the point: more cannot be seen, and all tasks are sent at once.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::evenly;

    #[test]
    fn the_ends_stay_and_nothing_is_taken_twice() {
        assert_eq!(evenly(0, 5).count(), 0);
        assert_eq!(evenly(3, 5).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(evenly(10, 4).collect::<Vec<_>>(), [0, 3, 6, 9]);
        assert_eq!(evenly(720, 2).collect::<Vec<_>>(), [0, 719]);
        let many: Vec<usize> = evenly(721, 720).collect();
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
