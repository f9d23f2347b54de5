//! The six answers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a task needs, at every moment exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not enough data to say.
    Unknown,
    /// As in the reference.
    Healthy,
    /// Inputs or mix moved, quality holds: look, perhaps filter or re-route.
    Watch,
    /// A known task whose distribution or concept moved and whose quality falls: joint re-training.
    Retrain,
    /// New classes inside an existing task: extend that task's head.
    ContinualUpdate,
    /// A coherent new capability that no head covers: add a task.
    NewTask,
}

impl Verdict {
    /// All six, in order of the contract.
    pub const ALL: [Self; 6] = [
        Self::Unknown,
        Self::Healthy,
        Self::Watch,
        Self::Retrain,
        Self::ContinualUpdate,
        Self::NewTask,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Watch => "watch",
            Self::Retrain => "retrain",
            Self::ContinualUpdate => "continual_update",
            Self::NewTask => "new_task",
        }
    }

    /// Whether the owner has to act: `retrain`, `continual_update` or `new_task`.
    #[must_use]
    pub fn is_alarm(self) -> bool {
        matches!(self, Self::Retrain | Self::ContinualUpdate | Self::NewTask)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
