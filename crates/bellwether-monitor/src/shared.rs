//! Is the shift common to the tasks?
//!
//! A fault of the shared encoder, or of what feeds it, moves many tasks in one direction; causes of single tasks point
//! their own ways. Needs at least three moved tasks: two can agree by chance.

use crate::config::MonitorConfig;
use crate::task::TaskState;
use serde::{Deserialize, Serialize};

/// Fewest moved tasks whose agreement means anything.
const MINIMUM_TASKS: usize = 3;
/// A standing flag falls at half of what raised it.
const RELEASE: f64 = 0.5;

/// A time in which a common shift stood, in milliseconds of event time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Eclipse {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

impl Eclipse {
    /// Whether an observation of that time says nothing about its task alone.
    pub(crate) fn covers(self, timestamp_ms: i64) -> bool {
        (self.from_ms..=self.to_ms).contains(&timestamp_ms)
    }
}

/// The state of the common shift.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommonShift {
    /// Because the tasks moved together, or because the encoder is known to be another.
    pub(crate) stands: bool,
    /// The tasks moved together.
    pub(crate) moved_together: bool,
    /// Share of the active tasks that moved.
    pub(crate) moved_ratio: f64,
    /// Median pairwise cosine of their drift; NaN with fewer than three.
    pub(crate) cosine: f64,
}

impl Default for CommonShift {
    fn default() -> Self {
        Self {
            stands: false,
            moved_together: false,
            moved_ratio: 0.0,
            cosine: f64::NAN,
        }
    }
}

impl CommonShift {
    /// Looks again. O(moved² · dim) when at least three tasks moved. `is_known`: the encoder is known to be another.
    #[must_use]
    pub(crate) fn update(self, tasks: &[TaskState], config: &MonitorConfig, is_known: bool) -> Self {
        let active = tasks
            .iter()
            .filter(|t| t.seen() >= config.min_observations)
            .count();
        let moved: Vec<&TaskState> = tasks.iter().filter(|t| has_moved(t, config)).collect();
        if moved.len() < MINIMUM_TASKS {
            let moved_ratio = if active == 0 {
                0.0
            } else {
                moved.len() as f64 / active as f64
            };
            return Self {
                stands: is_known,
                moved_together: false,
                moved_ratio,
                cosine: f64::NAN,
            };
        }
        let moved_ratio = moved.len() as f64 / active as f64;
        let cosine = median_cosine(&moved);
        let ease = if self.moved_together { RELEASE } else { 1.0 };
        let enough = moved_ratio >= config.shared_ratio * ease;
        let moved_together = enough && cosine > config.shared_cosine * ease;
        Self {
            stands: moved_together || is_known,
            moved_together,
            moved_ratio,
            cosine,
        }
    }
}

/// Cosine of each task's drift with the mean direction of the other tasks that moved, `[tasks]`: 1 where it goes the common way
/// alone, 0 where none of it is common. NaN where fewer than two others moved. O(tasks · dim).
pub(crate) fn common_cosines(tasks: &[TaskState], config: &MonitorConfig) -> Vec<f64> {
    let Some(dim) = tasks.first().map(|t| t.drift.sum().len()) else {
        return Vec::new();
    };
    let mut unit: Vec<f32> = tasks.iter().flat_map(|t| t.drift.sum().iter().copied()).collect();
    bellwether_stats::normalise(&mut unit, dim);
    let counts: Vec<bool> = tasks.iter().map(|t| has_moved(t, config)).collect();
    let mut total = vec![0.0_f64; dim];
    for (own, _) in unit.chunks_exact(dim).zip(&counts).filter(|(_, counts)| **counts) {
        total
            .iter_mut()
            .zip(own)
            .for_each(|(sum, x)| *sum += f64::from(*x));
    }
    let moved = counts.iter().filter(|counts| **counts).count();
    let cosine = |(own, counted): (&[f32], &bool)| {
        if moved - usize::from(*counted) < MINIMUM_TASKS - 1 {
            return f64::NAN;
        }
        let (mut product, mut length) = (0.0, 0.0);
        for (&x, sum) in own.iter().zip(&total) {
            let x = f64::from(x);
            let others = sum - if *counted { x } else { 0.0 };
            product += x * others;
            length += others * others;
        }
        product / length.sqrt().max(1e-12)
    };
    unit.chunks_exact(dim).zip(&counts).map(cosine).collect()
}

/// Whether a task that has seen enough has moved.
fn has_moved(task: &TaskState, config: &MonitorConfig) -> bool {
    task.seen() >= config.min_observations
        && (task.signals.movement.is_active() || task.signals.novelty.is_active())
}

fn median_cosine(moved: &[&TaskState]) -> f64 {
    let dim = moved[0].drift.sum().len();
    let mut unit: Vec<f32> = moved.iter().flat_map(|t| t.drift.sum().iter().copied()).collect();
    bellwether_stats::normalise(&mut unit, dim);
    let all = bellwether_stats::pairwise_cosines(&unit, dim);
    let n = moved.len();
    let mut pairs: Vec<f32> = (0..n)
        .flat_map(|i| all[i * n + i + 1..(i + 1) * n].iter().copied())
        .collect();
    pairs.sort_unstable_by(f32::total_cmp);
    let middle = pairs.len() / 2;
    if pairs.len().is_multiple_of(2) {
        f64::from(pairs[middle - 1] + pairs[middle]) / 2.0
    } else {
        f64::from(pairs[middle])
    }
}
