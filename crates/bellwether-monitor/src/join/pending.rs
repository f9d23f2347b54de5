//! What is kept of an observation until its label comes.

use crate::outcome::{TagIndex, facts};
use crate::prediction::StoredPrediction;
use crate::quality::{Facts, StoredProbabilities};
use crate::recent::Place;
use crate::reference::Reference;
use crate::selection::STRATA;
use bellwether_events::{ModelSchema, ObservationBatch, TaskId};
use serde::{Deserialize, Serialize};

/// 128 bits of an `event_id`: two of a billion events share them with probability below 10⁻²⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "[u8; 16]", from = "[u8; 16]")]
pub(crate) struct EventKey(pub(super) u128);

impl From<EventKey> for [u8; 16] {
    fn from(key: EventKey) -> Self {
        key.0.to_le_bytes()
    }
}

impl From<[u8; 16]> for EventKey {
    fn from(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }
}

impl EventKey {
    pub(crate) fn of(event_id: &str) -> Self {
        Self(twox_hash::XxHash3_128::oneshot(event_id.as_bytes()))
    }

    /// They are a hash already.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of the bits are enough to find a bucket"
    )]
    pub(super) fn bucket(self) -> u64 {
        self.0 as u64
    }
}

/// What a label needs of its observation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingObservation {
    pub(crate) task: TaskId,
    /// Place within the task; `None` when it came late and the detectors did not see it.
    pub(crate) place: Option<Place>,
    pub(crate) timestamp_ms: i64,
    pub(crate) p_novelty: f64,
    prediction: StoredPrediction,
    /// Of the prediction; NaN without.
    confidence: f32,
    /// Of a classification whose task has few enough classes, until the label comes: two bytes a class.
    probabilities: Option<StoredProbabilities>,
    pub(super) labelled: bool,
}

impl PendingObservation {
    pub(crate) fn new(
        batch: &ObservationBatch,
        row: usize,
        place: Option<Place>,
        p_novelty: f64,
        probabilities: Option<StoredProbabilities>,
    ) -> Self {
        Self {
            task: batch.tasks()[row],
            place,
            timestamp_ms: batch.timestamps_ms()[row],
            p_novelty,
            prediction: StoredPrediction::of(batch.prediction(row)),
            confidence: batch.confidences()[row],
            probabilities,
            labelled: false,
        }
    }

    /// It as it is; from now on it has a label, another is a duplicate, and nobody will ask for the probabilities.
    pub(super) fn label(&mut self) -> Self {
        let before = self.clone();
        self.labelled = true;
        self.probabilities = None;
        before
    }

    /// Whether it is of this reference; `slices` tells how many slices a task has.
    pub(crate) fn fits(&self, reference: &Reference, slices: impl Fn(TaskId) -> usize) -> bool {
        self.prediction.fits(self.task, reference)
            && self
                .probabilities
                .as_ref()
                .is_none_or(|p| p.classes() == reference.task(self.task).classes)
            && self.place.is_none_or(|place| {
                place.stratum.is_none_or(|stratum| stratum < STRATA) && place.slices.fits(slices(self.task))
            })
    }

    /// It beside its label; `None` when the label cannot be read for the task.
    pub(crate) fn facts(&self, schema: &ModelSchema, tags: &[TagIndex], label: &str) -> Option<Facts> {
        let tags = &tags[self.task.index()];
        let probabilities = self.probabilities.clone();
        facts(
            schema,
            self.task,
            tags,
            self.prediction.get(),
            label,
            self.confidence,
            probabilities,
        )
    }
}
