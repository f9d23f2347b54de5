//! A line over time as the path of an SVG.

use super::words::{DAY_MS, clock, day};
use std::fmt::Write;

const MINUTE_MS: i64 = 60_000;
/// Steps of a time axis, in minutes.
const STEPS: [i64; 18] = [
    1, 5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 4320, 7200, 14_400, 43_200, 129_600, 525_600, 5_256_000,
];

/// A rectangle of the drawing, and which times and values its sides stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) times: (i64, i64),
    pub(super) values: (f64, f64),
}

impl Frame {
    pub(super) fn x(&self, at_ms: i64) -> f64 {
        let (from, to) = self.times;
        let span = (to - from).max(1) as f64;
        self.left + (self.right - self.left) * (at_ms - from) as f64 / span
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        let span = if high > low { high - low } else { 1.0 };
        self.bottom - (self.bottom - self.top) * (value - low) / span
    }

    /// A line that is interrupted where there is no value.
    pub(super) fn line(&self, times: &[i64], values: &[f64]) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for (&at, &value) in times.iter().zip(values) {
            if !value.is_finite() {
                pen = 'M';
                continue;
            }
            add(&mut path, pen, self.x(at), self.y(value));
            pen = 'L';
        }
        path
    }

    /// A value's place, at the edge where it lies beyond.
    fn y_within(&self, value: f64) -> f64 {
        self.y(value.clamp(self.values.0, self.values.1))
    }

    /// The area between two lines, cut at the edges, one closed shape for each stretch with values.
    pub(super) fn band(&self, times: &[i64], lows: &[f64], highs: &[f64]) -> String {
        let mut path = String::new();
        let is_there = |at: usize| {
            let both = lows.get(at).zip(highs.get(at));
            both.is_some_and(|(low, high)| low.is_finite() && high.is_finite())
        };
        let mut start = None;
        for at in 0..=times.len() {
            match (start, at < times.len() && is_there(at)) {
                (None, true) => start = Some(at),
                (Some(first), false) => {
                    for i in first..at {
                        let pen = if i == first { 'M' } else { 'L' };
                        add(&mut path, pen, self.x(times[i]), self.y_within(highs[i]));
                    }
                    for i in (first..at).rev() {
                        add(&mut path, 'L', self.x(times[i]), self.y_within(lows[i]));
                    }
                    path.push('Z');
                    start = None;
                }
                _ => {}
            }
        }
        path
    }
}

/// To a tenth of a unit, which is finer than a printer's dot.
fn add(path: &mut String, pen: char, x: f64, y: f64) {
    // Writing to a text does not fail.
    let _ = write!(path, "{pen}{} {}", tenth(x), tenth(y));
}

/// `12.3`, and no minus before zero.
pub(super) fn tenth(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // The sum turns minus zero into zero.
    format!("{}", rounded + 0.0)
}

/// The range of all values, widened to hold `always` and a little air.
pub(super) fn extent(values: impl Iterator<Item = f64>, always: &[f64]) -> (f64, f64) {
    let (low, high) = values
        .chain(always.iter().copied())
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    if low > high {
        return (0.0, 1.0);
    }
    let span = if high > low {
        high - low
    } else {
        high.abs().max(1.0)
    };
    let air = 0.06 * span;
    let is_pinned = |end: f64| always.iter().any(|value| value.total_cmp(&end).is_eq());
    (
        if is_pinned(low) { low } else { low - air },
        if is_pinned(high) { high } else { high + air },
    )
}

/// Round values within a range, about `most` of them.
pub(super) fn value_ticks((low, high): (f64, f64), most: usize) -> Vec<f64> {
    let rough = (high - low) / most.max(1) as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return Vec::new();
    }
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.7)
        .unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil();
    (0..=2 * most)
        .map(|at| (first + at as f64) * step)
        .take_while(|value| *value <= high + step * 1e-9)
        .collect()
}

/// Round UTC times within a range with their words, at most `most` of them.
pub(super) fn time_ticks((from, to): (i64, i64), most: usize) -> Vec<(i64, String)> {
    let most = i64::try_from(most.max(1)).unwrap_or(i64::MAX);
    let step = STEPS
        .into_iter()
        .map(|minutes| minutes * MINUTE_MS)
        .find(|step| (to - from) / step <= most)
        .unwrap_or((to - from).max(1));
    let first = from.div_euclid(step) + i64::from(from.rem_euclid(step) > 0);
    let label = |at: i64| {
        if step >= DAY_MS || at.rem_euclid(DAY_MS) == 0 {
            day(at)
        } else {
            clock(at)
        }
    };
    (first..)
        .map(|at| at.saturating_mul(step))
        .take_while(|at| *at <= to)
        .map(|at| (at, label(at)))
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Frame, extent, tenth, time_ticks, value_ticks};

    #[test]
    fn ticks_are_round_and_within() {
        let halves: Vec<f64> = value_ticks((-1.0, 1.0), 4);
        assert_eq!(halves, [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(value_ticks((0.71, 0.93), 4).len(), 4);
        assert_eq!(value_ticks((1.0, 1.0), 4), [0.0; 0]);
        assert_eq!(value_ticks((f64::NAN, 1.0), 4), [0.0; 0]);
        let day = 86_400_000;
        let labels: Vec<String> = time_ticks((day / 4, 3 * day), 4)
            .into_iter()
            .map(|t| t.1)
            .collect();
        assert_eq!(labels, ["2 Jan", "3 Jan", "4 Jan"]);
        let labels: Vec<String> = time_ticks((0, 3 * 3_600_000), 4)
            .into_iter()
            .map(|t| t.1)
            .collect();
        assert_eq!(labels, ["1 Jan", "01:00", "02:00", "03:00"]);
        assert!(time_ticks((i64::MIN / 4, i64::MAX / 4), 4).len() <= 64);
    }

    #[test]
    fn a_line_is_interrupted_where_there_is_no_value() {
        let frame = Frame {
            left: 0.0,
            right: 100.0,
            top: 0.0,
            bottom: 10.0,
            times: (0, 10),
            values: (0.0, 1.0),
        };
        let times = [0, 2, 4, 6, 8];
        let values = [0.0, 1.0, f64::NAN, 0.5, 0.25];
        assert_eq!(frame.line(&times, &values), "M0 10L20 0M60 5L80 7.5");
        let high = [0.5, 1.0, f64::NAN, 1.0, 1.0];
        assert_eq!(
            frame.band(&times, &values, &high),
            "M0 5L20 0L20 0L0 10ZM60 0L80 0L80 7.5L60 5Z"
        );
        assert_eq!(tenth(-0.01), "0");
    }

    #[test]
    fn a_range_holds_what_it_must_and_has_air_elsewhere() {
        assert_eq!(extent([].into_iter(), &[]), (0.0, 1.0));
        assert_eq!(extent([f64::NAN, 0.05].into_iter(), &[0.0, 0.1]), (0.0, 0.1));
        let (low, high) = extent([0.5, 1.0].into_iter(), &[]);
        assert!(low < 0.5 && high > 1.0);
    }
}
