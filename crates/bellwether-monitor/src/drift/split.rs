//! The mix, the movement within classes, and who and what accounts for it.

use super::report::{DriftReport, DriftSources, Window, highest};
use crate::status::{Estimate, Interval};
use bellwether_events::TaskKind;
use bellwether_stats::{ClassMoments, ClassMovement, MeanSplit, WithError, mean_split, wilson_interval};
use serde::Serialize;

/// Classes that are told.
const TOLD_CLASSES: usize = 16;
/// 97.5 % quantile of the normal.
const Z: f64 = 1.959_964;
/// Standard errors that a movement must have before its parts are told as shares of it: below, they are noise.
const SHARED_SE: f64 = 2.0;
/// Standard errors from which the spread is said to have changed.
const SPREAD_SE: f64 = 4.0;
/// Change of the spread that is worth a word.
const SPREAD_CHANGE: f64 = 0.1;

/// The movement of the mean input, taken apart: `total = mix + within + interaction`. Squared lengths over the reference's
/// variance within classes, unbiased, hence slightly negative at times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftSplit {
    /// Of the whole movement.
    pub total: Estimate,
    /// Of what the class proportions account for.
    pub mix: Estimate,
    /// Of what moved within classes.
    pub within: Estimate,
    /// Twice the product of both parts: below zero where they pull against each other.
    pub interaction: f64,
    /// The mix's share of the movement, half of the interaction included; `None` where the movement itself is in doubt.
    pub mix_ratio: Option<f64>,
    /// The share of what moved within classes; both add up to one.
    pub within_ratio: Option<f64>,
    /// Variance within classes over what the reference has for the same classes: below one where messages have become
    /// alike; `None` where no class has two rows.
    pub spread_ratio: Option<Estimate>,
}

/// One class of the window beside the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassDrift {
    /// Its label.
    pub class: String,
    /// Observations of the window that were predicted so.
    pub observations: usize,
    /// Rows of the reference.
    pub reference_rows: usize,
    /// Share of the window.
    pub share: Estimate,
    /// Share of the reference.
    pub reference_share: f64,
    /// Squared distance of its mean from the reference's, over the reference's variance in it; `None` with fewer than two
    /// rows on either side.
    pub moved: Option<Estimate>,
    /// Its share of the movement within classes, along its direction; all classes add up to one.
    pub within_share: f64,
}

/// The direction in which inputs moved within their classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftDirection {
    /// How far, in standard deviations of the reference along it. Each half of the window is measured along the direction
    /// of the other, so that noise has no direction.
    pub shift_deviations: f64,
    /// Event ids of the window that lie furthest along it.
    pub examples: Vec<String>,
    /// Event ids of the reference that lie furthest the other way; empty where its file names none.
    pub reference_examples: Vec<String>,
}

impl DriftSplit {
    fn new(split: &MeanSplit, unit: f64, size: usize) -> Self {
        let estimate = |e: WithError| estimate(e, unit, size);
        let (total, half) = (split.total, 0.5 * split.interaction);
        let told = total.value > SHARED_SE * total.standard_error;
        Self {
            total: estimate(split.total),
            mix: estimate(split.mix),
            within: estimate(split.within),
            interaction: split.interaction / unit,
            mix_ratio: told.then(|| (split.mix.value + half) / total.value),
            within_ratio: told.then(|| (split.within.value + half) / total.value),
            spread_ratio: split
                .spread
                .value
                .is_finite()
                .then(|| self::estimate(split.spread, 1.0, size)),
        }
    }

    /// That inputs have become more or less alike, where that is beyond chance and worth a word.
    pub(super) fn spread_words(&self) -> Option<String> {
        let spread = self.spread_ratio.as_ref()?;
        let error = (spread.interval.high - spread.interval.low) / (2.0 * Z);
        let change = spread.value - 1.0;
        (change.abs() > SPREAD_CHANGE && change.abs() > SPREAD_SE * error).then(|| {
            let how = if change < 0.0 { "more alike" } else { "more varied" };
            format!("messages of one class are {how} (spread {:.2})", spread.value)
        })
    }
}

fn estimate(e: WithError, unit: f64, size: usize) -> Estimate {
    let half = Z * e.standard_error;
    Estimate {
        value: e.value / unit,
        interval: Interval {
            low: (e.value - half) / unit,
            high: (e.value + half) / unit,
        },
        size,
    }
}

/// Adds the split, the classes and the direction to a report.
pub(super) fn report(sources: &DriftSources<'_>, window: &Window<'_>, sample: &[f32], out: &mut DriftReport) {
    let task = sources.task;
    let class: Vec<usize> = window.rows.iter().map(|row| row.class).collect();
    let dim = sample.len() / sources.reference.len();
    let split = ClassMoments::new(&task.class_counts, &task.plain_class_means(), dim)
        .and_then(|moments| mean_split(&window.vectors, &class, &moments));
    let Ok(split) = split else { return };
    out.split = Some(DriftSplit::new(&split, task.residual_variance, class.len()));
    if task.kind == TaskKind::Classification {
        out.classes = classes(sources, &split, class.len());
    }
    out.direction = direction(sources, window, sample, &class, &split.direction);
}

/// The classes with the largest part in the movement: of the mix by the change of their proportion, within by their share.
fn classes(sources: &DriftSources<'_>, split: &MeanSplit, n: usize) -> Vec<ClassDrift> {
    let counts = &sources.task.class_counts;
    let total: f64 = counts.iter().sum();
    let of_window = |class: usize| split.classes.iter().find(|c| c.class == class);
    let rows = |c: Option<&ClassMovement>| c.map_or(0, |c| c.rows);
    let change = |class: usize| rows(of_window(class)) as f64 / n as f64 - counts[class] / total;
    let changes: f64 = (0..counts.len()).map(|c| change(c).abs()).sum();
    let weight = |class: usize| {
        let within = of_window(class).map_or(0.0, |c| c.share_of_within);
        split.mix.value.max(0.0) * change(class).abs() / changes.max(f64::MIN_POSITIVE)
            + split.within.value.max(0.0) * within.abs()
    };
    let mut order: Vec<(f64, usize)> = (0..counts.len())
        .filter(|&c| counts[c] > 0.0 || of_window(c).is_some())
        .map(|c| (weight(c), c))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let told = order.into_iter().take(TOLD_CLASSES).map(|(_, class)| {
        let found = of_window(class);
        let k = rows(found);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of rows"
        )]
        let reference_rows = counts[class] as usize;
        ClassDrift {
            class: sources.spec.labels.get(class).cloned().unwrap_or_default(),
            observations: k,
            reference_rows,
            share: Estimate {
                value: k as f64 / n as f64,
                interval: wilson_interval(k as f64, n as f64).into(),
                size: n,
            },
            reference_share: counts[class] / total,
            moved: found.and_then(|c| c.moved).map(|moved| estimate(moved, 1.0, k)),
            within_share: found.map_or(0.0, |c| c.share_of_within),
        }
    });
    told.collect()
}

/// Where the residuals went; `None` when they did not move at all.
fn direction(
    sources: &DriftSources<'_>,
    window: &Window<'_>,
    sample: &[f32],
    class: &[usize],
    whole: &[f64],
) -> Option<DriftDirection> {
    let dim = whole.len();
    let residual = |vectors: &[f32], row: usize, class: usize| -> Vec<f64> {
        let mean = sources.task.class_mean(class);
        let vector = &vectors[row * dim..(row + 1) * dim];
        vector
            .iter()
            .zip(mean)
            .map(|(x, m)| f64::from(*x) - f64::from(*m))
            .collect()
    };
    let now: Vec<Vec<f64>> = class
        .iter()
        .enumerate()
        .map(|(row, &c)| residual(&window.vectors, row, c))
        .collect();
    let then: Vec<Vec<f64>> = sources
        .reference
        .class
        .iter()
        .enumerate()
        .map(|(row, &c)| residual(sample, row, c))
        .collect();
    let half_mean = |odd: usize| {
        let mut mean = vec![0.0; dim];
        let rows = now.iter().skip(odd).step_by(2);
        for row in rows.clone() {
            for (m, x) in mean.iter_mut().zip(row) {
                *m += x / rows.len() as f64;
            }
        }
        mean
    };
    let halves = [half_mean(0), half_mean(1)];
    let mut shift = 0.0;
    for (learnt, measured) in [(&halves[0], &halves[1]), (&halves[1], &halves[0])] {
        let along: Vec<f64> = then.iter().map(|row| dot(row, learnt)).collect();
        let mean = along.iter().sum::<f64>() / along.len() as f64;
        let variance = along.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / along.len() as f64;
        shift += 0.5 * (dot(measured, learnt) - mean) / variance.sqrt();
    }
    if !shift.is_finite() {
        return None;
    }
    let along: Vec<f64> = now.iter().map(|row| dot(row, whole)).collect();
    let against: Vec<f64> = then.iter().map(|row| -dot(row, whole)).collect();
    Some(DriftDirection {
        shift_deviations: shift,
        examples: highest(&along)
            .map(|row| window.rows[row].event_id.clone())
            .collect(),
        reference_examples: highest(&against)
            .filter_map(|row| sources.reference.event_id.get(row).cloned())
            .collect(),
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
