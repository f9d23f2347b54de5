//! What a labelled observation tells about quality.

use super::probabilities::StoredProbabilities;
use crate::outcome::Outcome;
use bellwether_events::TaskKind;
use bellwether_stats::{SpanCounts, TokenCounts};
use serde::{Deserialize, Serialize};

/// A prediction beside its label, with all that any metric of its kind needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Facts {
    /// Classes; `truth` is `None` when the label is outside the label set.
    Class {
        predicted: u32,
        truth: Option<u32>,
        /// NaN without.
        confidence: f32,
        probabilities: Option<StoredProbabilities>,
    },
    /// Tag sequences.
    Tags {
        exact: bool,
        tokens: TokenCounts,
        spans: SpanCounts,
        /// NaN without.
        confidence: f32,
    },
    /// Numbers.
    Number { predicted: f64, truth: f64 },
}

impl Facts {
    /// Whether a task of this kind and of so many classes can have them.
    pub(crate) fn fits(&self, kind: TaskKind, classes: usize) -> bool {
        let of_kind = match self {
            Self::Class { probabilities, .. } => {
                kind == TaskKind::Classification
                    && probabilities.as_ref().is_none_or(|p| p.classes() == classes)
            }
            Self::Tags { .. } => kind == TaskKind::SequenceLabelling,
            Self::Number { .. } => kind == TaskKind::Regression,
        };
        of_kind && self.outcome().fits(classes)
    }

    /// How it turned out.
    pub(crate) fn outcome(&self) -> Outcome {
        match *self {
            Self::Class { predicted, truth, .. } => Outcome::Class { predicted, truth },
            Self::Tags { exact, spans, .. } => Outcome::Tags { exact, spans },
            Self::Number { predicted, truth } => Outcome::Number {
                absolute_error: (predicted - truth).abs(),
            },
        }
    }

    /// Whether class or whole sequence is right; `None` for numbers.
    pub(crate) fn is_right(&self) -> Option<bool> {
        match *self {
            Self::Class { predicted, truth, .. } => Some(truth == Some(predicted)),
            Self::Tags { exact, .. } => Some(exact),
            Self::Number { .. } => None,
        }
    }

    /// The head's probability of its answer; NaN without.
    pub(crate) fn confidence(&self) -> f64 {
        match *self {
            Self::Class { confidence, .. } | Self::Tags { confidence, .. } => f64::from(confidence),
            Self::Number { .. } => f64::NAN,
        }
    }

    /// The predicted class with the distribution it was taken from.
    pub(crate) fn distribution(&self) -> Option<(usize, &StoredProbabilities)> {
        match self {
            Self::Class {
                predicted,
                probabilities: Some(p),
                ..
            } => Some((*predicted as usize, p)),
            _ => None,
        }
    }
}
