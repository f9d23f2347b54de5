//! What may happen to one task, in measured doses.

use crate::held_out::Newcomers;
use crate::pass::Pass;
use crate::player::Event;
use crate::pool::Pool;
use crate::traffic::{arrivals, label_time};
use bellwether_events::{Prediction, TaskId, TaskKind};
use bellwether_monitor::Verdict;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde::Serialize;
use std::borrow::Cow;

/// Events of a task before anything happens to it.
pub(crate) const WARM_UP: usize = 200;
/// Messages whose residuals span the directions of a shift.
const RESIDUALS: usize = 1000;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Every message moves one way. Size: the way, in standard deviations of a message around the mean of its class.
    Shift,
    /// Some messages are half another message of the model. Size: their share.
    Damage,
    /// Some messages belong to a task that the reference does not know. Size: their share.
    Novelty,
    /// Some messages belong to classes of the task that the reference does not know. Size: their share.
    NewClasses,
    /// Inputs stay and answers become wrong. Size: the fall of the share of right answers; of numbers, the relative
    /// growth of the absolute error.
    QualityFall,
}

impl Change {
    /// All five.
    pub const ALL: [Self; 5] = [
        Self::Shift,
        Self::Damage,
        Self::Novelty,
        Self::NewClasses,
        Self::QualityFall,
    ];

    /// The name in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shift => "shift",
            Self::Damage => "damage",
            Self::Novelty => "novelty",
            Self::NewClasses => "new_classes",
            Self::QualityFall => "quality_fall",
        }
    }

    /// Sizes that are tried, in order: roughly geometric from what nobody would act on to what nobody could miss.
    #[must_use]
    pub fn sizes(self, kind: TaskKind) -> [f64; 6] {
        match (self, kind) {
            (Self::Shift, _) => [0.03, 0.05, 0.08, 0.12, 0.2, 0.4],
            (Self::Damage, _) => [0.05, 0.1, 0.2, 0.35, 0.6, 1.0],
            (Self::Novelty | Self::NewClasses, _) => [0.02, 0.04, 0.07, 0.12, 0.25, 0.5],
            (Self::QualityFall, TaskKind::Regression) => [0.1, 0.2, 0.35, 0.6, 1.0, 2.0],
            (Self::QualityFall, _) => [0.03, 0.05, 0.08, 0.12, 0.2, 0.35],
        }
    }

    /// Whether a verdict calls for the owner as the change deserves: anything unusual for moved inputs, an alarm for
    /// novelty and lost quality.
    #[must_use]
    pub fn is_found_by(self, verdict: Verdict) -> bool {
        verdict.is_alarm() || !self.needs_alarm() && verdict == Verdict::Watch
    }

    fn needs_alarm(self) -> bool {
        matches!(self, Self::Novelty | Self::NewClasses | Self::QualityFall)
    }

    /// Whether that verdict also names the change: another task as `new_task`, new classes as `continual_update`, lost
    /// quality as `retrain`. Of moved inputs alone any is right.
    #[must_use]
    pub fn is_named_by(self, verdict: Verdict) -> bool {
        match self {
            Self::Shift | Self::Damage => self.is_found_by(verdict),
            Self::Novelty => verdict == Verdict::NewTask,
            Self::NewClasses => verdict == Verdict::ContinualUpdate,
            Self::QualityFall => verdict == Verdict::Retrain,
        }
    }

    /// Whether its delay is counted in labels rather than in events.
    #[must_use]
    pub fn counts_labels(self) -> bool {
        self == Self::QualityFall
    }
}

/// How one task's messages lie around their classes.
#[derive(Debug)]
pub(crate) struct Shape {
    dim: usize,
    /// Differences of messages from the mean of their kind, `[n, dim]`.
    residuals: Vec<f32>,
    /// Root of their mean squared length.
    spread: f64,
}

impl Shape {
    pub(crate) fn new(pool: &Pool, task: TaskId) -> Self {
        let dim = pool.schema().dim();
        let rows = &pool.tasks()[task.index()].rows;
        let groups = rows.iter().map(|&row| pool.row(row).group + 1).max().unwrap_or(0);
        let mut sums = vec![0.0_f32; groups * dim];
        let mut counts = vec![0.0_f32; groups];
        for &row in rows {
            let group = pool.row(row).group;
            counts[group] += 1.0;
            for (sum, x) in sums[group * dim..].iter_mut().zip(pool.embedding(row)) {
                *sum += x;
            }
        }
        let mut residuals = Vec::new();
        let step = rows.len().div_ceil(RESIDUALS).max(1);
        for &row in rows.iter().step_by(step) {
            let group = pool.row(row).group;
            let n = counts[group];
            if n < 2.0 {
                continue;
            }
            // The row is part of its own mean: the factor gives back the variance that this takes.
            let stretch = (n / (n - 1.0)).sqrt();
            let mean = &sums[group * dim..];
            residuals.extend(
                pool.embedding(row)
                    .iter()
                    .zip(mean)
                    .map(|(x, sum)| (x - sum / n) * stretch),
            );
        }
        let squares: f64 = residuals.iter().map(|&r| f64::from(r) * f64::from(r)).sum();
        let n = (residuals.len() / dim.max(1)).max(1) as f64;
        Self {
            dim,
            residuals,
            spread: (squares / n).sqrt(),
        }
    }

    /// A step of `size` standard deviations in a direction of the residuals' own law: a Gaussian with their covariance,
    /// scaled to one length. So the principal directions come most often. Zeros without residuals.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a step within the unit ball fits f32"
    )]
    fn step(&self, size: f64, rng: &mut impl Rng) -> Vec<f32> {
        let mut step = vec![0.0_f32; self.dim];
        for residual in self.residuals.chunks_exact(self.dim) {
            let weight = gaussian(rng) as f32;
            for (sum, x) in step.iter_mut().zip(residual) {
                *sum += weight * x;
            }
        }
        bellwether_stats::normalise(&mut step, self.dim);
        let length = (size * self.spread) as f32;
        step.into_iter().map(|x| x * length).collect()
    }
}

/// A task to which something happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) task: TaskId,
    pub(crate) shape: &'a Shape,
    /// Its ordinary rows.
    pub(crate) rows: &'a [usize],
    /// Rows with a label that can be compared with their prediction.
    pub(crate) labelled: &'a [usize],
    /// Mean loss of those.
    pub(crate) loss: f64,
    /// Messages that the reference does not know, and the head's answers to them.
    pub(crate) newcomers: Option<&'a Newcomers>,
}

/// The events of one run: [`WARM_UP`] quiet ones, then `within` with the change. Quality is counted in labels, so
/// there each event has one.
pub(crate) fn scene<'a>(
    subject: Subject<'a>,
    change: Change,
    size: f64,
    within: usize,
    rng: &mut impl Rng,
) -> Vec<Event<'a>> {
    let pool = subject.pool;
    let mut pass = Pass::new(if change.counts_labels() {
        subject.labelled
    } else {
        subject.rows
    });
    let newcomers = subject.newcomers.map_or(&[][..], Newcomers::messages);
    let mut strangers = Pass::new(&(0..newcomers.len()).collect::<Vec<_>>());
    let step = match change {
        Change::Shift => subject.shape.step(size, rng),
        Change::Damage | Change::Novelty | Change::NewClasses | Change::QualityFall => Vec::new(),
    };
    let times = arrivals(pool, subject.task, WARM_UP + within, rng);
    let mut events = Vec::with_capacity(times.len());
    for (number, at_ms) in times.into_iter().enumerate() {
        let Some(row) = pass.draw(rng) else { break };
        let mut event = plain(pool, row, at_ms, rng);
        // The coin is tossed at every size, so that runs of one number differ in the size alone.
        let coin: f64 = rng.random();
        if number >= WARM_UP {
            match change {
                Change::Shift => move_by(&mut event, &step),
                Change::Damage if coin < size => damage(&mut event, pool, rng),
                Change::Novelty | Change::NewClasses if coin < size => {
                    if let Some(at) = strangers.draw(rng) {
                        event = newcomer(pool, newcomers[at], at_ms);
                    }
                }
                Change::QualityFall => spoil(&mut event, subject, row, size, coin, rng),
                Change::Damage | Change::Novelty | Change::NewClasses => {}
            }
        }
        events.push(event);
    }
    events
}

fn plain<'a>(pool: &'a Pool, row: usize, at_ms: i64, rng: &mut impl Rng) -> Event<'a> {
    let label = pool.row(row).label.as_deref();
    Event {
        task: pool.task(row),
        at_ms,
        text: pool.text(row),
        embedding: Cow::Borrowed(pool.embedding(row)),
        prediction: pool.prediction(row),
        confidence: pool.confidence(row),
        label: label.map(|label| (label_time(pool, row, at_ms, rng), Cow::Borrowed(label))),
    }
}

fn move_by(event: &mut Event<'_>, step: &[f32]) {
    for (x, s) in event.embedding.to_mut().iter_mut().zip(step) {
        *x += s;
    }
}

/// Half its own meaning, half that of any other message of the model; the head's answer stays.
fn damage(event: &mut Event<'_>, pool: &Pool, rng: &mut impl Rng) {
    let other = rng.random_range(0..pool.len());
    move_by(event, pool.embedding(other));
}

/// A message of the unknown task, with the answer the head gave to the nearest message that it knows. No annotator
/// has seen it.
fn newcomer(pool: &Pool, (row, answered): (usize, usize), at_ms: i64) -> Event<'_> {
    Event {
        task: pool.task(answered),
        at_ms,
        text: pool.text(row),
        embedding: Cow::Borrowed(pool.embedding(row)),
        prediction: pool.prediction(answered),
        confidence: pool.confidence(answered),
        label: None,
    }
}

/// Turns enough right answers wrong for the share of right ones to fall by `size`; stretches the errors of numbers.
fn spoil(event: &mut Event<'_>, subject: Subject<'_>, row: usize, size: f64, coin: f64, rng: &mut impl Rng) {
    let Some((_, label)) = &mut event.label else {
        return;
    };
    let labels = &subject.pool.schema().spec(subject.task).labels;
    let right = subject.pool.loss(row).is_some_and(|loss| loss <= 0.0);
    let wrong = right && coin < size / (1.0 - subject.loss).max(f64::MIN_POSITIVE);
    match event.prediction {
        Prediction::Class(class) if wrong => {
            let others: Vec<&String> = (0_u32..)
                .zip(labels)
                .filter(|(c, _)| *c != class)
                .map(|(_, l)| l)
                .collect();
            if let Some(other) = others.choose(rng) {
                *label = Cow::Owned((*other).clone());
            }
        }
        Prediction::Tags(tags) if wrong => {
            let mut tags: Vec<&str> = tags.split_whitespace().collect();
            let at = rng.random_range(0..tags.len().max(1));
            let others: Vec<&String> = labels
                .iter()
                .filter(|l| tags.get(at) != Some(&l.as_str()))
                .collect();
            if let (Some(tag), Some(other)) = (tags.get_mut(at), others.choose(rng)) {
                *tag = other;
                *label = Cow::Owned(tags.join(" "));
            }
        }
        Prediction::Value(value) => {
            if let Ok(truth) = label.trim().parse::<f64>() {
                *label = Cow::Owned((value + (truth - value) * (1.0 + size)).to_string());
            }
        }
        Prediction::Class(_) | Prediction::Tags(_) => {}
    }
}

/// Marsaglia and Bray's polar method (1964).
fn gaussian(rng: &mut impl Rng) -> f64 {
    loop {
        let (u, v) = (rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
        let s: f64 = u * u + v * v;
        if s > 0.0 && s < 1.0 {
            return u * (-2.0 * s.ln() / s).sqrt();
        }
    }
}

#[cfg(test)]
mod tests;
