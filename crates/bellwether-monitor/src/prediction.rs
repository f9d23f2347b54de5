//! A prediction without borrowing its batch.

use crate::reference::Reference;
use bellwether_events::{Prediction, TaskId, TaskKind};
use serde::{Deserialize, Serialize};

/// What a head said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum StoredPrediction {
    Class(u32),
    Tags(Box<str>),
    Value(f64),
}

impl StoredPrediction {
    pub(crate) fn of(prediction: Prediction<'_>) -> Self {
        match prediction {
            Prediction::Class(class) => Self::Class(class),
            Prediction::Tags(tags) => Self::Tags(tags.into()),
            Prediction::Value(value) => Self::Value(value),
        }
    }

    pub(crate) fn get(&self) -> Prediction<'_> {
        match self {
            Self::Class(class) => Prediction::Class(*class),
            Self::Tags(tags) => Prediction::Tags(tags),
            Self::Value(value) => Prediction::Value(*value),
        }
    }

    /// Whether the head of `task` can say it.
    pub(crate) fn fits(&self, task: TaskId, reference: &Reference) -> bool {
        task.index() < reference.schema().len()
            && match (self, reference.schema().spec(task).kind) {
                (Self::Class(class), TaskKind::Classification) => {
                    (*class as usize) < reference.task(task).classes
                }
                (Self::Tags(_), TaskKind::SequenceLabelling) | (Self::Value(_), TaskKind::Regression) => true,
                _ => false,
            }
    }
}
