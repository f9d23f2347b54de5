//! Does the class mix follow the calendar?
//!
//! Messages of the night are not those of noon, nor those of a Sunday those of a Monday. Where the rows of a reference show
//! that, the mix that is normal is that of the hour: the regular night is no alarm, and the night's mix at noon is one.
//!
//! A season must prove itself: with each day (or week) left out in turn, the calendar learnt from the others has to
//! predict its classes better than one mix for all hours does, by a factor of a thousand over the whole reference. So a
//! busy afternoon of one day is none, and a reference without a season is used as if it had no times. Which of the
//! calendars it is, the same figure decides.

use crate::config::Seasons;
use std::collections::BTreeSet;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 1970-01-01 was a Thursday: days from the Monday before.
const EPOCH_WEEKDAY: i64 = 3;
/// Weight of the mix of all hours in that of one part, in observations: a part with as many rows of its own is half its
/// own. Chosen; twice that of a class mean's leaning, as proportions take more rows than a mean does.
const PRIOR: f64 = 10.0;
/// What each class has before any row, as the bet on the mix has it.
const PSEUDO_COUNT: f64 = 0.5;
/// Logarithm of the factor by which a calendar must predict better: a thousand.
const PROOF_NATS: f64 = 6.907_755;
/// Whole cycles that a reference must cover.
const CYCLES: i64 = 2;

/// Which days of the week have a mix of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    Alike,
    WeekendApart,
    Each,
}

/// A division of the week into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Calendar {
    days: Days,
    /// Length of a part, a divisor of 24.
    hours: i64,
}

/// What is tried: parts of a day from six hours down to three, weekends, weekdays.
const CALENDARS: [Calendar; 6] = [
    Calendar::new(Days::Alike, 6),
    Calendar::new(Days::Alike, 3),
    Calendar::new(Days::WeekendApart, 24),
    Calendar::new(Days::WeekendApart, 6),
    Calendar::new(Days::WeekendApart, 3),
    Calendar::new(Days::Each, 24),
];

impl Calendar {
    const fn new(days: Days, hours: i64) -> Self {
        Self { days, hours }
    }

    fn parts(self) -> usize {
        let groups = match self.days {
            Days::Alike => 1,
            Days::WeekendApart => 2,
            Days::Each => 7,
        };
        groups * usize::try_from(24 / self.hours).unwrap_or(1)
    }

    /// The part in which a local time lies.
    fn part(self, local_ms: i64) -> usize {
        let weekday = (local_ms.div_euclid(DAY_MS) + EPOCH_WEEKDAY).rem_euclid(7);
        let group = match self.days {
            Days::Alike => 0,
            Days::WeekendApart => i64::from(weekday >= 5),
            Days::Each => weekday,
        };
        let hour = local_ms.rem_euclid(DAY_MS) / HOUR_MS;
        usize::try_from(group * (24 / self.hours) + hour / self.hours).unwrap_or(0)
    }

    fn cycle_ms(self) -> i64 {
        match self.days {
            Days::Alike => DAY_MS,
            Days::WeekendApart | Days::Each => 7 * DAY_MS,
        }
    }
}

/// The class mix of each part of the calendar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Season {
    calendar: Calendar,
    utc_offset_ms: i64,
    /// Proportions by part, each above zero, `[parts][classes]`.
    proportions: Vec<Vec<f64>>,
}

impl Season {
    /// Of the rows of one task: classes `[n]` below `classes`, and times `[n]`. `None` when there is no season to be seen.
    pub(crate) fn learn(class: &[usize], at_ms: &[i64], classes: usize, seasons: Seasons) -> Option<Self> {
        let Seasons::Learn { utc_offset_ms } = seasons else {
            return None;
        };
        if classes < 2 || class.len() != at_ms.len() {
            return None;
        }
        let local: Vec<i64> = at_ms.iter().map(|t| t.saturating_add(utc_offset_ms)).collect();
        let (first, last) = (*local.iter().min()?, *local.iter().max()?);
        let mut best: Option<(f64, Calendar)> = None;
        for calendar in CALENDARS {
            // The rows are a sample: the first and the last stand a little inside of what they cover.
            if last.saturating_sub(first) < CYCLES * calendar.cycle_ms() - calendar.hours * HOUR_MS {
                continue;
            }
            let table = Table::new(class, &local, classes, calendar);
            let gain = table.gain();
            if gain > PROOF_NATS && best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, calendar));
            }
        }
        let (_, calendar) = best?;
        Some(Self {
            calendar,
            utc_offset_ms,
            proportions: Table::new(class, &local, classes, calendar).proportions(),
        })
    }

    /// What is normal at a moment: proportions `[classes]`, each above zero.
    pub(crate) fn proportions(&self, at_ms: i64) -> &[f64] {
        &self.proportions[self.calendar.part(at_ms.saturating_add(self.utc_offset_ms))]
    }

    /// The calendar in words.
    pub(crate) fn name(&self) -> &'static str {
        match (self.calendar.days, self.calendar.hours) {
            (Days::Alike, 6) => "quarters of the day",
            (Days::Alike, _) => "eighths of the day",
            (Days::WeekendApart, 24) => "weekdays and weekend",
            (Days::WeekendApart, 6) => "quarters of the day, weekend apart",
            (Days::WeekendApart, _) => "eighths of the day, weekend apart",
            (Days::Each, _) => "days of the week",
        }
    }
}

/// Counts by cycle, part and class.
struct Table {
    cycles: usize,
    parts: usize,
    classes: usize,
    /// `[cycles, parts, classes]`
    counts: Vec<f64>,
}

impl Table {
    fn new(class: &[usize], local: &[i64], classes: usize, calendar: Calendar) -> Self {
        let cycle = |t: i64| t.div_euclid(DAY_MS) / (calendar.cycle_ms() / DAY_MS);
        // Weeks are counted from the first row's day on, so that two weeks are two whatever day they begin with.
        let start = local.iter().min().map_or(0, |t| t.div_euclid(DAY_MS) * DAY_MS);
        let numbers: BTreeSet<i64> = local.iter().map(|t| cycle(t - start)).collect();
        let order: Vec<i64> = numbers.into_iter().collect();
        let mut table = Self {
            cycles: order.len(),
            parts: calendar.parts(),
            classes,
            counts: vec![0.0; order.len() * calendar.parts() * classes],
        };
        for (&c, &t) in class.iter().zip(local) {
            let at = order.partition_point(|&o| o < cycle(t - start));
            let slot = (at * table.parts + calendar.part(t)) * classes + c;
            if let Some(count) = table.counts.get_mut(slot) {
                *count += 1.0;
            }
        }
        table
    }

    fn of(&self, cycle: usize, part: usize) -> &[f64] {
        let at = (cycle * self.parts + part) * self.classes;
        &self.counts[at..at + self.classes]
    }

    /// Counts by part without one cycle, `[parts][classes]`.
    fn without(&self, left_out: Option<usize>) -> Vec<Vec<f64>> {
        let mut sums = vec![vec![0.0; self.classes]; self.parts];
        for cycle in (0..self.cycles).filter(|&c| Some(c) != left_out) {
            for (part, sum) in sums.iter_mut().enumerate() {
                for (sum, count) in sum.iter_mut().zip(self.of(cycle, part)) {
                    *sum += count;
                }
            }
        }
        sums
    }

    /// Logarithm of how much better the calendar predicts each cycle, learnt from the others, than one mix does.
    fn gain(&self) -> f64 {
        let mut gain = 0.0;
        for cycle in 0..self.cycles {
            let known = self.without(Some(cycle));
            let all = overall(&known, self.classes);
            for (part, counts) in known.iter().enumerate() {
                let own = leaning(counts, &all);
                let seen = self.of(cycle, part).iter();
                gain += seen
                    .zip(own.iter().zip(&all))
                    .filter(|(n, _)| **n > 0.0)
                    .map(|(n, (p, q))| n * (p / q).ln())
                    .sum::<f64>();
            }
        }
        gain
    }

    /// The mix of each part. One that only a single cycle has shown is taken for the mix of all hours.
    fn proportions(&self) -> Vec<Vec<f64>> {
        let sums = self.without(None);
        let all = overall(&sums, self.classes);
        sums.iter()
            .enumerate()
            .map(|(part, counts)| {
                let shown = (0..self.cycles).filter(|&c| self.of(c, part).iter().any(|&n| n > 0.0));
                if shown.count() < 2 {
                    all.clone()
                } else {
                    leaning(counts, &all)
                }
            })
            .collect()
    }
}

/// Proportions over all parts, each above zero.
fn overall(parts: &[Vec<f64>], classes: usize) -> Vec<f64> {
    let mut sums = vec![PSEUDO_COUNT; classes];
    for counts in parts {
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let total: f64 = sums.iter().sum();
    sums.iter().map(|s| s / total).collect()
}

/// Proportions of one part, leaning on those of all: the mean under a Dirichlet prior of weight [`PRIOR`].
fn leaning(counts: &[f64], all: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().sum::<f64>() + PRIOR;
    counts
        .iter()
        .zip(all)
        .map(|(n, p)| (n + PRIOR * p) / total)
        .collect()
}

#[cfg(test)]
mod tests;
