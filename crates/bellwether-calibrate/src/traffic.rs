//! Quiet traffic, resampled: what may come in which order without anything having changed.

use crate::pass::Pass;
use crate::pool::{Pool, hour_of};
use bellwether_events::TaskId;
use rand::Rng;
use rand::distr::weighted::WeightedIndex;
use rand::prelude::Distribution;
use serde::Serialize;
use std::f64::consts::TAU;

/// Start of every resampled stream, a midnight in UTC: 2026-01-01.
pub(crate) const START_MS: i64 = 1_767_225_600_000;
const HOUR_MS: f64 = 3_600_000.0;
/// Volume of the daily cycle between `1 - x` and `1 + x`, on top of the owner's own hours.
const DAILY_VOLUME: f64 = 0.6;
/// Share of a kind of message between `1 - x` and `1 + x` in the course of a day: each kind has its own best hour.
const DAILY_MIX: f64 = 0.3;
/// Messages of a pass looked at for one that suits the hour.
const DAILY_LOOK_AHEAD: usize = 16;
/// Probability that a message begins a run of its kind.
const BURST_RATE: f64 = 0.02;
/// Further messages of a run.
const BURST_SIZES: std::ops::RangeInclusive<usize> = 5..=15;
/// Mean pause within a run.
const BURST_PAUSE_MS: f64 = 60_000.0;
/// Probability that a message is sent again.
const REPEAT_RATE: f64 = 0.01;
/// Copies of a message that is sent again; they come within the hour.
const REPEAT_SIZES: std::ops::RangeInclusive<usize> = 2..=12;
/// Least share of the known labels that arrive in a stream.
const LEAST_LABELS: f64 = 0.5;
/// Mean delay of labels whose own delay nobody knows.
const MEAN_DELAY_MS: f64 = 12.0 * HOUR_MS;

/// What quiet traffic is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Messages come independently at a constant rate.
    Independent,
    /// Volume follows the owner's hours and a daily cycle on top, and each kind of message has its own hours.
    Daily,
    /// Some messages begin a run of their kind: 6 to 16 within minutes.
    Bursts,
    /// Some messages are sent 3 to 13 times within an hour, each time as a new event.
    Duplicates,
}

impl Variant {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Independent, Self::Daily, Self::Bursts, Self::Duplicates];

    /// The name in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::Daily => "daily",
            Self::Bursts => "bursts",
            Self::Duplicates => "duplicates",
        }
    }
}

/// One event of a resampled stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draw {
    /// Row in the pool.
    pub(crate) row: usize,
    pub(crate) at_ms: i64,
    /// When its label becomes known, if it ever does.
    pub(crate) label_ms: Option<i64>,
}

/// A stream of `events` events of all tasks, in order of time.
pub(crate) fn null_stream(pool: &Pool, variant: Variant, events: usize, rng: &mut impl Rng) -> Vec<Draw> {
    let rates: Vec<f64> = pool.tasks().iter().map(|t| t.rate).collect();
    let Ok(which) = WeightedIndex::new(&rates) else {
        return Vec::new();
    };
    let total: f64 = rates.iter().sum();
    let mut stream = Stream {
        pool,
        passes: pool.tasks().iter().map(|t| Pass::new(&t.rows)).collect(),
        label_share: rng.random_range(LEAST_LABELS..=1.0),
        draws: Vec::with_capacity(events + 16),
    };
    let peak = peak_volume(pool, variant);
    let mut at_ms = START_MS as f64;
    while stream.draws.len() < events {
        at_ms += exponential(rng) / (total * peak);
        let task = which.sample(rng);
        let now = whole(at_ms);
        if rng.random::<f64>() * peak <= volume(pool, variant, task, now) {
            stream.arrive(variant, task, now, rng);
        }
    }
    let mut draws = stream.draws;
    draws.sort_by_key(|draw| draw.at_ms);
    draws.truncate(events);
    draws
}

/// `events` arrivals of one task at its own constant rate: their times.
pub(crate) fn arrivals(pool: &Pool, task: TaskId, events: usize, rng: &mut impl Rng) -> Vec<i64> {
    let rate = pool.tasks()[task.index()].rate;
    let mut at_ms = START_MS as f64;
    (0..events)
        .map(|_| {
            at_ms += exponential(rng) / rate;
            whole(at_ms)
        })
        .collect()
}

/// When the label of a row that is sent at `at_ms` becomes known: after its own delay, after that of another label of the
/// task, or after about half a day.
pub(crate) fn label_time(pool: &Pool, row: usize, at_ms: i64, rng: &mut impl Rng) -> i64 {
    let known = &pool.tasks()[pool.task(row).index()].delays_ms;
    let delay = match pool.row(row).delay_ms {
        Some(own) => own,
        None if !known.is_empty() => known[rng.random_range(0..known.len())],
        None => whole(exponential(rng) * MEAN_DELAY_MS),
    };
    at_ms.saturating_add(delay)
}

struct Stream<'a> {
    pool: &'a Pool,
    passes: Vec<Pass>,
    label_share: f64,
    draws: Vec<Draw>,
}

impl Stream<'_> {
    fn arrive(&mut self, variant: Variant, task: usize, at_ms: i64, rng: &mut impl Rng) {
        let pool = self.pool;
        let pass = &mut self.passes[task];
        let first = if variant == Variant::Daily {
            let hour = hour_of(at_ms);
            // The pass shuffles with the generator, so the coins are tossed beforehand.
            let coin: f64 = rng.random();
            pass.draw_preferring(rng, DAILY_LOOK_AHEAD, |row| coin < suits(pool, row, hour))
        } else {
            pass.draw(rng)
        };
        let Some(first) = first else { return };
        self.send(first, at_ms, rng);
        match variant {
            Variant::Independent | Variant::Daily => {}
            Variant::Bursts => {
                if rng.random_bool(BURST_RATE) {
                    self.burst(task, first, at_ms, rng);
                }
            }
            Variant::Duplicates => {
                if rng.random_bool(REPEAT_RATE) {
                    for _ in 0..rng.random_range(REPEAT_SIZES) {
                        let later = whole(rng.random::<f64>() * HOUR_MS);
                        self.send(first, at_ms + later, rng);
                    }
                }
            }
        }
    }

    fn burst(&mut self, task: usize, first: usize, at_ms: i64, rng: &mut impl Rng) {
        let pool = self.pool;
        let group = pool.row(first).group;
        let mut later = 0.0;
        for _ in 0..rng.random_range(BURST_SIZES) {
            let Some(row) = self.passes[task].draw_like(rng, |row| pool.row(row).group == group) else {
                break;
            };
            later += exponential(rng) * BURST_PAUSE_MS;
            self.send(row, at_ms + whole(later), rng);
        }
    }

    fn send(&mut self, row: usize, at_ms: i64, rng: &mut impl Rng) {
        let labelled = self.pool.row(row).label.is_some() && rng.random_bool(self.label_share);
        self.draws.push(Draw {
            row,
            at_ms,
            label_ms: labelled.then(|| label_time(self.pool, row, at_ms, rng)),
        });
    }
}

/// How well a message suits an hour, from 0 to 1: by the phase of its kind, and by the hour at which it really came.
fn suits(pool: &Pool, row: usize, hour: usize) -> f64 {
    let row = pool.row(row);
    // The golden ratio spreads the kinds' best hours over the day without two that coincide.
    let phase = row.group as f64 * 0.618_033_988_75 % 1.0;
    let by_kind = 1.0 + DAILY_MIX * (TAU * (hour as f64 / 24.0 - phase)).cos();
    let apart = row.hour.abs_diff(hour);
    let by_hour = if apart.min(24 - apart) <= 6 { 1.0 } else { 0.5 };
    by_kind / (1.0 + DAILY_MIX) * by_hour
}

/// Traffic of a task at a moment, mean about 1.
fn volume(pool: &Pool, variant: Variant, task: usize, at_ms: i64) -> f64 {
    if variant != Variant::Daily {
        return 1.0;
    }
    let hour = hour_of(at_ms);
    pool.tasks()[task].hourly[hour] * (1.0 + DAILY_VOLUME * (TAU * (hour as f64 - 14.0) / 24.0).cos())
}

fn peak_volume(pool: &Pool, variant: Variant) -> f64 {
    if variant != Variant::Daily {
        return 1.0;
    }
    let hours = pool.tasks().iter().flat_map(|t| t.hourly);
    hours.fold(1.0, f64::max) * (1.0 + DAILY_VOLUME)
}

/// Standard exponential.
fn exponential(rng: &mut impl Rng) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds since the epoch of a simulated stream are far below 2^53"
)]
fn whole(ms: f64) -> i64 {
    ms as i64
}

#[cfg(test)]
mod tests;
