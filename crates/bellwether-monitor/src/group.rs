//! What a set of novel observations looks like: whose it is, and whether it is one thing.
//!
//! The same features serve self-play, which trains the two scores, and diagnosis, which asks them.

use crate::reference::Score;
use bellwether_events::TaskId;
use bellwether_stats::{IDENTICAL_COSINE, average_linkage_sizes, effective_clusters, pairwise_cosines};

/// Neighbours inside the group whose mean cosine says how dense it is.
const GROUP_NEIGHBOURS: usize = 3;

/// Rows of a group whose variety is counted at most: evenly taken.
const VARIETY_ROWS: usize = 80;

/// Where a task's texts lie and how far they spread.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Centre {
    /// Mean of unit vectors, `[dim]`.
    pub(crate) mean: Vec<f64>,
    /// Mean cosine of two different rows.
    pub(crate) within: f64,
}

impl Centre {
    /// Of unit vectors, two at least.
    pub(crate) fn of<'a>(rows: impl Iterator<Item = &'a [f32]>, dim: usize) -> Self {
        let mut mean = vec![0.0; dim];
        let n = bellwether_stats::mean_residual(rows, &mut mean) as f64;
        let squared: f64 = mean.iter().map(|x| x * x).sum();
        Self {
            within: (n * squared - 1.0) / (n - 1.0).max(1.0),
            mean,
        }
    }

    /// Cosine of its mean with a unit direction.
    fn toward(&self, direction: &[f64]) -> f64 {
        let norm = self.mean.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-9);
        self.mean.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>() / norm
    }

    /// Squared distance of two populations' means, unbiased (a linear MMD²).
    fn distance(&self, other: &Self) -> f64 {
        let between: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| a * b).sum();
        self.within + other.within - 2.0 * between
    }
}

/// A group under examination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    /// Unit vectors, `[n, dim]`.
    pub unit: &'a [f32],
    /// Similarity to every task's reference, `[n, tasks]`.
    pub similarities: &'a [f32],
    /// Number of tasks.
    pub tasks: usize,
    /// Embedding width.
    pub dim: usize,
}

impl Group<'_> {
    pub(crate) fn len(&self) -> usize {
        self.unit.len() / self.dim
    }

    fn similarity(&self, row: usize, task: usize) -> f64 {
        f64::from(self.similarities[row * self.tasks + task])
    }

    /// Highest similarity of a row over `others`; −1 when there are none.
    pub(crate) fn best_other(&self, row: usize, others: &[TaskId]) -> f64 {
        others
            .iter()
            .map(|t| self.similarity(row, t.index()))
            .fold(-1.0, f64::max)
    }

    /// Share of rows nearer to `own` than to `others`, the mean margin, the margin of the group's mean direction, its distance
    /// from the task's centre, and its variety: the logarithm of the number of things it falls into, over that of its size.
    pub(crate) fn affinity_features(
        &self,
        own: TaskId,
        others: &[TaskId],
        centre: &Centre,
        other_centres: &[&Centre],
        class_cosine: f64,
    ) -> [f64; 5] {
        let n = self.len() as f64;
        let (mut nearer, mut margin) = (0.0, 0.0);
        for row in 0..self.len() {
            let gap = self.similarity(row, own.index()) - self.best_other(row, others);
            nearer += f64::from(u8::from(gap > 0.0));
            margin += gap;
        }
        let direction = self.mean_direction();
        let best_other = other_centres
            .iter()
            .map(|c| c.toward(&direction))
            .fold(-1.0, f64::max);
        let here = Centre::of(self.unit.chunks_exact(self.dim), self.dim);
        [
            nearer / n,
            margin / n,
            centre.toward(&direction) - best_other,
            here.distance(centre),
            self.variety(class_cosine),
        ]
    }

    fn variety(&self, class_cosine: f64) -> f64 {
        let n = self.len().min(VARIETY_ROWS);
        if n < 2 {
            return 0.0;
        }
        let mut rows = Vec::with_capacity(n * self.dim);
        for at in 0..n {
            let row = at * (self.len() - 1) / (n - 1);
            rows.extend_from_slice(&self.unit[row * self.dim..(row + 1) * self.dim]);
        }
        let sizes = average_linkage_sizes(&pairwise_cosines(&rows, self.dim), n, class_cosine);
        effective_clusters(&sizes).ln() / (n as f64).ln()
    }

    /// Mean margin of a row's neighbours inside the group over the reference's, share of rows where it is positive, and
    /// the logarithm of the size.
    pub(crate) fn coherence_features(&self, homes: &[TaskId]) -> [f64; 3] {
        let n = self.len();
        let cosines = pairwise_cosines(self.unit, self.dim);
        let (mut margin, mut nearer) = (0.0, 0.0);
        for row in 0..n {
            let mut top = [-1.0_f32; GROUP_NEIGHBOURS];
            for (other, &cosine) in cosines[row * n..(row + 1) * n].iter().enumerate() {
                if other != row && cosine <= IDENTICAL_COSINE && cosine > top[GROUP_NEIGHBOURS - 1] {
                    top[GROUP_NEIGHBOURS - 1] = cosine;
                    top.sort_by(|a, b| b.total_cmp(a));
                }
            }
            let inside = f64::from(top.iter().sum::<f32>()) / GROUP_NEIGHBOURS as f64;
            let gap = inside - self.best_other(row, homes);
            margin += gap;
            nearer += f64::from(u8::from(gap > 0.0));
        }
        [margin / n as f64, nearer / n as f64, (n as f64).ln()]
    }

    /// Share of rows less similar to every task than `least`.
    pub(crate) fn alien_share(&self, least: f64) -> f64 {
        let alien = |row: &[f32]| row.iter().all(|&s| f64::from(s) < least);
        let count = self
            .similarities
            .chunks_exact(self.tasks)
            .filter(|row| alien(row))
            .count();
        count as f64 / self.len() as f64
    }

    pub(crate) fn mean_direction(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.dim];
        bellwether_stats::mean_residual(self.unit.chunks_exact(self.dim), &mut mean);
        let norm = mean.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-9);
        for x in &mut mean {
            *x /= norm;
        }
        mean
    }
}

impl Score {
    /// Log-odds for `features`, with the indicator of `task` where the score has one weight a task.
    pub(crate) fn log_odds(&self, features: &[f64], task: Option<TaskId>) -> f64 {
        let standardised = features
            .iter()
            .zip(self.mean.iter().zip(&self.scale))
            .map(|(x, (m, s))| (x - m) / s);
        let linear: f64 = standardised.zip(&self.weights[1..]).map(|(x, w)| x * w).sum();
        let own = task
            .and_then(|t| self.weights.get(1 + features.len() + t.index()))
            .copied()
            .unwrap_or(0.0);
        self.weights[0] + linear + own
    }
}
