//! Scored rows one by one, as a snapshot keeps those that are buffered.

use super::{Score, ScoredBatch, Vectors};
use crate::prediction::StoredPrediction;
use crate::reference::Reference;
use crate::snapshot::{SnapshotError, ensure};
use bellwether_events::{Attribute, ObservationBatch, ObservationRow, TaskId};
use bellwether_stats::Steps;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An observation without its embedding, with what may be kept of its text and what the reference says about it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptRow<'a> {
    event_id: Cow<'a, str>,
    task: TaskId,
    timestamp_ms: i64,
    prediction: StoredPrediction,
    confidence: f32,
    probabilities: Cow<'a, [f32]>,
    attributes: Vec<Attribute<'a>>,
    model_version: Option<Cow<'a, str>>,
    text: Option<Cow<'a, str>>,
    score: Score,
    /// Two bytes each, little-endian: as most of a row, several times as fast as one by one.
    #[serde(borrow, with = "serde_bytes")]
    steps: Cow<'a, [u8]>,
    scale: f32,
    coordinates: Cow<'a, [f32]>,
}

impl KeptRow<'_> {
    fn fits(&self, reference: &Reference) -> bool {
        self.prediction.fits(self.task, reference) && {
            let task = reference.task(self.task);
            (self.probabilities.is_empty() || self.probabilities.len() == task.classes)
                && self.steps.len() == size_of::<i16>() * reference.schema().dim()
                && self.coordinates.len() == task.nearest.space().len()
        }
    }
}

impl ScoredBatch {
    /// All that is needed of a row from now on.
    pub(crate) fn kept(&self, row: usize) -> KeptRow<'_> {
        let observations = &self.observations;
        let Steps { steps, scale } = self.vector(row);
        let version = observations.model_version(row);
        KeptRow {
            event_id: observations.event_id(row).into(),
            task: observations.tasks()[row],
            timestamp_ms: observations.timestamps_ms()[row],
            prediction: StoredPrediction::of(observations.prediction(row)),
            confidence: observations.confidences()[row],
            probabilities: observations.class_probabilities(row).into(),
            attributes: observations
                .attributes(row)
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            model_version: version
                .and_then(|at| observations.model_versions().get(at as usize))
                .map(|name| Cow::Borrowed(&**name)),
            text: observations.text(row).map(Cow::Borrowed),
            score: *self.score(row),
            steps: steps.iter().flat_map(|step| step.to_le_bytes()).collect(),
            scale,
            coordinates: self.coordinates(row).into(),
        }
    }

    /// A batch of rows that were kept.
    pub(crate) fn of_kept(rows: &[KeptRow<'_>], reference: &Reference) -> Result<Self, SnapshotError> {
        let mut builder = ObservationBatch::builder(reference.schema(), rows.len());
        let mut vectors: Vec<Vectors> = reference.schema().tasks().map(|_| Vectors::default()).collect();
        let mut scores = Vec::with_capacity(rows.len());
        for row in rows {
            ensure(
                row.fits(reference),
                "a buffered observation is none of the reference's tasks",
            )?;
            builder.push_kept(
                &ObservationRow {
                    event_id: &row.event_id,
                    task: row.task,
                    timestamp_ms: row.timestamp_ms,
                    text: row.text.as_deref(),
                    embedding: &[],
                    prediction: row.prediction.get(),
                    probabilities: &row.probabilities,
                    attributes: &row.attributes,
                    model_version: row.model_version.as_deref(),
                },
                row.confidence,
            );
            let of_task = &mut vectors[row.task.index()];
            scores.push(Score {
                row_of_task: of_task.scales.len(),
                ..row.score
            });
            let (steps, _) = row.steps.as_chunks();
            of_task
                .steps
                .extend(steps.iter().map(|&step| i16::from_le_bytes(step)));
            of_task.scales.push(row.scale);
            of_task.coordinates.extend_from_slice(&row.coordinates);
        }
        Ok(Self::of_parts(builder.finish(), scores, vectors))
    }
}
