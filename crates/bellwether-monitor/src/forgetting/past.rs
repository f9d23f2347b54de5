//! What one task did lately, by version: where the quality before a change is taken from.

use super::versions::VersionId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Losses, and observations, that are kept of a task: an interval of some ±4 points at an accuracy of 90 %.
const KEPT: usize = 500;
/// Older ones are not the recent past.
const PAST_MS: i64 = 30 * 24 * 3_600_000;

/// The loss of one labelled observation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct LabelledLoss {
    pub(crate) version: VersionId,
    pub(crate) observed_ms: i64,
    /// In `[0, 1]`.
    pub(crate) loss: f64,
    /// In `(0, 1]`: less where its kind is labelled often.
    pub(crate) weight: f64,
}

/// What is known of an observation without its label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unlabelled {
    pub(crate) version: VersionId,
    pub(crate) observed_ms: i64,
    /// One minus confidence.
    pub(crate) doubt: f64,
    /// Calibrated probability that the prediction is right; NaN without.
    pub(crate) expected_quality: f64,
}

/// The newest of both, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Past {
    labelled: VecDeque<LabelledLoss>,
    unlabelled: VecDeque<Unlabelled>,
}

impl Past {
    pub(crate) fn label(&mut self, loss: LabelledLoss) {
        push(&mut self.labelled, loss);
    }

    pub(crate) fn observe(&mut self, seen: Unlabelled) {
        push(&mut self.unlabelled, seen);
    }

    /// Losses of observations within a month before `now_ms`.
    pub(crate) fn labelled(&self, now_ms: i64) -> impl Iterator<Item = &LabelledLoss> {
        self.labelled
            .iter()
            .filter(move |l| l.observed_ms >= now_ms.saturating_sub(PAST_MS))
    }

    /// Observations within a month before `now_ms`.
    pub(crate) fn unlabelled(&self, now_ms: i64) -> impl Iterator<Item = &Unlabelled> {
        self.unlabelled
            .iter()
            .filter(move |u| u.observed_ms >= now_ms.saturating_sub(PAST_MS))
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == KEPT {
        queue.pop_front();
    }
    queue.push_back(item);
}
