//! The course of one task over event time, in a bounded number of points.
//!
//! Event time is cut into intervals of equal length and each interval keeps one point: the last state seen in it, with
//! the highest evidence each signal reached, so that a crossing of a threshold never disappears. When the points become
//! too many, the interval doubles and neighbours merge. Intervals are aligned to the epoch, hence nested: the result is
//! the same as if the final interval had been used from the start.

use bellwether_monitor::{TaskStatus, Verdict};
use std::borrow::Cow;

/// The first interval: finer than any stream's windows move.
const FINEST_INTERVAL_MS: i64 = 1000;

/// The years 0 to 9999, as far as timestamps can be written. Beyond them doubling the interval might never end.
const WRITABLE_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// An estimate with the ends of its interval; NaN where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Band {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Band {
    fn from_estimate(estimate: Option<&bellwether_monitor::Estimate>) -> Self {
        estimate.map_or(
            Self {
                value: f64::NAN,
                low: f64::NAN,
                high: f64::NAN,
            },
            |e| Self {
                value: e.value,
                low: e.interval.low,
                high: e.interval.high,
            },
        )
    }
}

/// One task at one moment, as much of it as a chart shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) timestamp_ms: i64,
    pub(crate) verdict: Verdict,
    pub(crate) observations: u64,
    pub(crate) label_coverage: f64,
    pub(crate) drift_within_class: f64,
    pub(crate) drift_mix: f64,
    pub(crate) far_ratio: f64,
    pub(crate) quality: Band,
    pub(crate) estimated: Band,
    /// In the order of [`Series::signals`]; shorter than it when signals were added later.
    pub(crate) log_e_values: Vec<f64>,
}

impl Point {
    /// Replaces this point by a later one of the same interval, keeping the highest evidence of the two.
    fn absorb(&mut self, mut later: Self) {
        for (later, earlier) in later.log_e_values.iter_mut().zip(&self.log_e_values) {
            *later = later.max(*earlier);
        }
        *self = later;
    }
}

/// One task at one moment of the past, as the history has it; NaN where there was no value.
#[derive(Debug, Clone, PartialEq)]
pub struct PastPoint {
    /// Event time, in milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// What stood.
    pub verdict: Verdict,
    /// Observations judged by then.
    pub observations: u64,
    /// Share of the recent observations that had a label.
    pub label_coverage: f64,
    /// Squared distance within classes.
    pub drift_within_class: f64,
    /// Distance of the class proportions.
    pub drift_mix: f64,
    /// Share of the recent observations that were far.
    pub far_ratio: f64,
    /// Quality by labels with the ends of its interval.
    pub quality: [f64; 3],
    /// Quality without labels with the ends of its interval.
    pub estimated: [f64; 3],
    /// The detectors by name, each with the logarithm of its value.
    pub log_e_values: Vec<(String, f64)>,
}

/// The points of one task.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    capacity: usize,
    interval_ms: i64,
    signals: Vec<Cow<'static, str>>,
    points: Vec<Point>,
}

impl Series {
    /// At most `capacity` points, at least two.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(2),
            interval_ms: FINEST_INTERVAL_MS,
            signals: Vec::new(),
            points: Vec::new(),
        }
    }

    /// Length of an interval, in milliseconds of event time.
    pub(crate) fn interval_ms(&self) -> i64 {
        self.interval_ms
    }

    /// Names of the signals, in the order of each point's evidence.
    pub(crate) fn signals(&self) -> &[Cow<'static, str>] {
        &self.signals
    }

    /// The points in order of event time.
    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    /// Takes the task's state at `timestamp_ms`, event time. A state older than the newest is ignored: event time does
    /// not run backwards.
    pub(crate) fn observe(&mut self, timestamp_ms: i64, status: &TaskStatus) {
        let log_e_values = self.evidence(status);
        self.push(Point {
            timestamp_ms,
            verdict: status.verdict,
            observations: status.observations,
            label_coverage: status.label_coverage,
            drift_within_class: status.drift_within_class,
            drift_mix: status.drift_mix,
            far_ratio: status.novelty.far_ratio,
            quality: Band::from_estimate(status.quality.current.as_ref()),
            estimated: Band::from_estimate(status.estimated.as_ref()),
            log_e_values,
        });
    }

    /// Takes a point of the past, which is ignored if it is older than the newest.
    pub(crate) fn restore(&mut self, past: &PastPoint) {
        for (name, _) in &past.log_e_values {
            if !self.signals.iter().any(|known| known == name) {
                self.signals.push(Cow::Owned(name.clone()));
            }
        }
        let value = |signal: &Cow<'static, str>| {
            let found = past.log_e_values.iter().find(|(name, _)| name == signal);
            found.map_or(f64::NAN, |(_, value)| *value)
        };
        let log_e_values = self.signals.iter().map(value).collect();
        let band = |[value, low, high]: [f64; 3]| Band { value, low, high };
        self.push(Point {
            timestamp_ms: past.timestamp_ms,
            verdict: past.verdict,
            observations: past.observations,
            label_coverage: past.label_coverage,
            drift_within_class: past.drift_within_class,
            drift_mix: past.drift_mix,
            far_ratio: past.far_ratio,
            quality: band(past.quality),
            estimated: band(past.estimated),
            log_e_values,
        });
    }

    fn evidence(&mut self, status: &TaskStatus) -> Vec<f64> {
        for signal in &status.signals {
            if !self.signals.iter().any(|name| name == signal.signal) {
                self.signals.push(Cow::Borrowed(signal.signal));
            }
        }
        let value = |name: &Cow<'static, str>| {
            status
                .signals
                .iter()
                .find(|s| name == s.signal)
                .map_or(f64::NAN, |s| s.log_e_value)
        };
        self.signals.iter().map(value).collect()
    }

    fn push(&mut self, mut point: Point) {
        point.timestamp_ms = point.timestamp_ms.clamp(*WRITABLE_MS.start(), *WRITABLE_MS.end());
        if self
            .points
            .last()
            .is_some_and(|last| point.timestamp_ms < last.timestamp_ms)
        {
            return;
        }
        self.append(point);
        while self.points.len() > self.capacity {
            // Ends, because at last there are two intervals alone: before and after the epoch.
            self.interval_ms *= 2;
            for point in std::mem::take(&mut self.points) {
                self.append(point);
            }
        }
    }

    fn append(&mut self, point: Point) {
        let interval = |p: &Point| p.timestamp_ms.div_euclid(self.interval_ms);
        match self.points.last_mut() {
            Some(last) if interval(last) == interval(&point) => last.absorb(point),
            _ => self.points.push(point),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Band, Point, Series};
    use bellwether_monitor::Verdict;
    use proptest::prelude::*;

    fn point(timestamp_ms: i64, evidence: f64) -> Point {
        let none = Band {
            value: 0.0,
            low: 0.0,
            high: 0.0,
        };
        Point {
            timestamp_ms,
            verdict: Verdict::Healthy,
            observations: 0,
            label_coverage: 0.0,
            drift_within_class: timestamp_ms as f64,
            drift_mix: 0.0,
            far_ratio: 0.0,
            quality: none,
            estimated: none,
            log_e_values: vec![evidence],
        }
    }

    /// From the definition: the last state of each interval, with the interval's highest evidence.
    fn naive(points: &[(i64, f64)], interval_ms: i64) -> Vec<(i64, f64)> {
        let mut out: Vec<(i64, f64)> = Vec::new();
        for &(timestamp, evidence) in points {
            match out.last_mut() {
                Some(last) if last.0.div_euclid(interval_ms) == timestamp.div_euclid(interval_ms) => {
                    *last = (timestamp, last.1.max(evidence));
                }
                _ => out.push((timestamp, evidence)),
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_series_equals_cutting_the_whole_stream_at_its_final_interval(
            start in -1_000_000_000_000_i64..1_000_000_000_000,
            steps in prop::collection::vec((0_i64..10_000_000, -20.0..20.0_f64), 0..400),
            capacity in 2_usize..40,
        ) {
            let mut timestamp = start;
            let points: Vec<(i64, f64)> = steps
                .into_iter()
                .map(|(step, evidence)| { timestamp += step; (timestamp, evidence) })
                .collect();
            let mut series = Series::new(capacity);
            for &(timestamp, evidence) in &points {
                series.push(point(timestamp, evidence));
            }
            prop_assert!(series.points().len() <= capacity);
            let kept: Vec<_> = series.points().iter().map(|p| (p.timestamp_ms, p.log_e_values[0])).collect();
            prop_assert_eq!(kept, naive(&points, series.interval_ms()));
            // The interval is no longer than it has to be: at half of it the points would not have fitted.
            if series.interval_ms() > super::FINEST_INTERVAL_MS {
                prop_assert!(naive(&points, series.interval_ms() / 2).len() > capacity);
            }
        }

        #[test]
        fn any_timestamps_whatever_keep_the_series_bounded(
            timestamps in prop::collection::vec(any::<i64>(), 0..60),
            capacity in 0_usize..8,
        ) {
            let mut series = Series::new(capacity);
            for timestamp in timestamps {
                series.push(point(timestamp, 0.0));
            }
            prop_assert!(series.points().len() <= capacity.max(2));
            prop_assert!(series.points().windows(2).all(|p| p[0].timestamp_ms <= p[1].timestamp_ms));
        }
    }

    #[test]
    fn event_time_that_runs_backwards_is_ignored() {
        let mut series = Series::new(10);
        series.push(point(20_000, 1.0));
        series.push(point(10_000, 9.0));
        assert_eq!(series.points(), [point(20_000, 1.0)]);
    }
}
