//! The newest observations of one task, bounded, with their vectors.

use crate::forgetting::VersionId;
use crate::score::ScoredBatch;
use crate::slices::SliceSet;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Observations kept. Labels arrive hours later and must still find the vectors of what they call unknown.
pub(crate) const CAPACITY: usize = 1024;

/// Where an observation stands in its task, for its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub(crate) step: u64,
    /// A copy that is no evidence of its own.
    pub(crate) repeated: bool,
    /// Stratum of confidence; `None` without confidence.
    pub(crate) stratum: Option<usize>,
    /// The slices it falls in.
    pub(crate) slices: SliceSet,
    /// The version of the model that predicted.
    pub(crate) version: VersionId,
}

/// A ring of observations by step: the number of the observation within its task, from 0.
#[derive(Debug, Clone)]
pub(crate) struct RecentObservations {
    dim: usize,
    next: u64,
    unit: Vec<f16>,
    rows: Vec<RecentRow>,
}

/// What is kept of one observation beside its vector.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecentRow {
    pub(crate) event_id: String,
    pub(crate) timestamp_ms: i64,
    pub(crate) class: usize,
    pub(crate) confidence: f64,
    pub(crate) p_similarity: f64,
    pub(crate) p_novelty: f64,
    /// NaN without a text.
    pub(crate) p_text_form: f64,
    /// A copy that is no evidence of its own.
    pub(crate) repeated: bool,
    /// Calibrated probability that the prediction is right; NaN without.
    pub(crate) expected_quality: f64,
    /// Similarities to every task, where known; empty otherwise.
    pub(crate) similarities: Vec<f32>,
}

impl RecentObservations {
    pub(crate) fn new(dim: usize) -> Self {
        Self {
            dim,
            next: 0,
            unit: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The step that comes next; also the number of observations seen.
    pub(crate) fn next_step(&self) -> u64 {
        self.next
    }

    /// The oldest step that is kept.
    pub(crate) fn first_step(&self) -> u64 {
        self.next - self.rows.len() as u64
    }

    /// Adds a row of a batch; slots are reused, so that a full ring allocates nothing.
    pub(crate) fn push(&mut self, batch: &ScoredBatch, row: usize, expected_quality: f64, repeated: bool) {
        let slot = Self::slot(self.next);
        if slot == self.rows.len() {
            self.rows.push(RecentRow::default());
            self.unit.resize(self.unit.len() + self.dim, f16::ZERO);
        }
        self.unit[slot * self.dim..(slot + 1) * self.dim]
            .convert_from_f32_slice(batch.observations.embedding(row));
        let kept = &mut self.rows[slot];
        kept.event_id.clear();
        kept.event_id.push_str(batch.observations.event_id(row));
        kept.timestamp_ms = batch.observations.timestamps_ms()[row];
        kept.class = batch.class(row);
        kept.confidence = f64::from(batch.observations.confidences()[row]);
        kept.p_similarity = batch.p_similarity[row];
        kept.p_novelty = batch.p_novelty[row];
        kept.p_text_form = batch.p_text_form[row];
        kept.repeated = repeated;
        kept.expected_quality = expected_quality;
        kept.similarities.clear();
        kept.similarities
            .extend_from_slice(batch.similarities(row).unwrap_or_default());
        self.next += 1;
    }

    fn slot(step: u64) -> usize {
        usize::try_from(step % CAPACITY as u64).unwrap_or(0)
    }

    /// A kept observation.
    pub(crate) fn get(&self, step: u64) -> Option<&RecentRow> {
        (step < self.next && step >= self.first_step()).then(|| &self.rows[Self::slot(step)])
    }

    /// Writes the unit vector of a kept observation after what is in `out`.
    pub(crate) fn vector(&self, step: u64, out: &mut Vec<f32>) {
        let slot = Self::slot(step);
        let at = out.len();
        out.resize(at + self.dim, 0.0);
        self.unit[slot * self.dim..(slot + 1) * self.dim].convert_to_f32_slice(&mut out[at..]);
    }

    /// The kept observations from `step` on, oldest first.
    pub(crate) fn since(&self, step: u64) -> impl Iterator<Item = (u64, &RecentRow)> {
        (step.max(self.first_step())..self.next).map(|s| (s, &self.rows[Self::slot(s)]))
    }
}
