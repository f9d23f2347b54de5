//! How long and how carefully a new version of the model is watched.

/// Settings of the forgetting watch; the reasons stand in `docs/decisions/0007-forgetting-watch.md`.
#[derive(Debug, Clone, PartialEq)]
pub struct ForgettingConfig {
    /// Event time after which a watch ends, in milliseconds; 0 for no watch at all.
    pub watch_for_ms: i64,
    /// Labels under the new version after which nothing more is collected of a task.
    pub max_labels: u64,
    /// Probability that a new version that harms no task has any task called worse.
    pub false_rate: f64,
    /// Rise of a task's mean loss that is tolerated.
    pub tolerance: f64,
    /// Rise whose exclusion shows that a task has kept its quality.
    pub margin: f64,
}

impl ForgettingConfig {
    /// Logarithm at which one task is called worse: the rate is shared by `tasks`.
    pub(crate) fn threshold(&self, tasks: usize) -> f64 {
        (tasks.max(1) as f64 / self.false_rate).ln()
    }
}

impl Default for ForgettingConfig {
    fn default() -> Self {
        Self {
            watch_for_ms: 14 * 24 * 3_600_000,
            max_labels: 500,
            false_rate: 0.01,
            tolerance: 0.03,
            margin: 0.1,
        }
    }
}
