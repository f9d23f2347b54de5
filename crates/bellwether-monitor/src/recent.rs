//! The newest observations of one task, bounded, with their vectors.

use crate::forgetting::VersionId;
use crate::reference::Reference;
use crate::score::ScoredBatch;
use crate::slices::SliceSet;
use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use bellwether_stats::Steps;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// Observations kept. Labels arrive hours later and must still find the vectors of what they call unknown.
pub(crate) const CAPACITY: usize = 768;

/// Where an observation stands in its task, for its label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) step: u64,
    /// A copy that is no evidence of its own.
    pub(crate) repeated: bool,
    /// Stratum of confidence; `None` without confidence.
    pub(crate) stratum: Option<u8>,
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
    /// Unit vectors in whole steps, `[rows, dim]`, and the size of a step of each, `[rows]`.
    steps: Vec<i16>,
    scales: Vec<f32>,
    rows: Vec<RecentRow>,
}

/// What is kept of one observation beside its vector.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    /// What may be kept of its text.
    text: Option<Box<str>>,
    /// Similarities to every task, once asked for.
    #[serde(skip)]
    similarities: OnceLock<Box<[f32]>>,
}

impl RecentRow {
    /// The text, while it may be kept.
    pub(crate) fn text_at(&self, now_ms: i64, retention_ms: i64) -> Option<&str> {
        let is_young = self.timestamp_ms >= now_ms.saturating_sub(retention_ms);
        self.text.as_deref().filter(|_| is_young)
    }

    /// Forgets the text of an observation from before that time.
    pub(crate) fn forget_text(&mut self, before_ms: i64) {
        if self.timestamp_ms < before_ms {
            self.text = None;
        }
    }
}

impl RecentObservations {
    pub(crate) fn new(dim: usize) -> Self {
        Self {
            dim,
            next: 0,
            steps: Vec::new(),
            scales: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Whether all are predicted to be of one of so many classes.
    pub(crate) fn fits(&self, classes: usize) -> bool {
        self.rows.iter().all(|row| row.class < classes)
    }

    /// The step that comes next; also the number of observations seen.
    pub(crate) fn next_step(&self) -> u64 {
        self.next
    }

    /// The oldest step that is kept.
    pub(crate) fn first_step(&self) -> u64 {
        self.next - self.rows.len() as u64
    }

    /// The observation that the next one takes the place of, when the ring is full.
    pub(crate) fn leaving(&self) -> Option<(u64, &RecentRow, Steps<'_>)> {
        let slot = Self::slot(self.next);
        let row = self.rows.get(slot)?;
        let vector = Steps {
            steps: &self.steps[slot * self.dim..(slot + 1) * self.dim],
            scale: self.scales[slot],
        };
        Some((self.next - CAPACITY as u64, row, vector))
    }

    /// Forgets texts of observations from before that time.
    pub(crate) fn forget_texts(&mut self, before_ms: i64) {
        for row in &mut self.rows {
            row.forget_text(before_ms);
        }
    }

    /// Adds a row of a batch; slots are reused, so that a full ring allocates nothing but a text where it is kept.
    pub(crate) fn push(&mut self, batch: &ScoredBatch, row: usize, expected_quality: f64, repeated: bool) {
        let slot = Self::slot(self.next);
        if slot == self.rows.len() {
            self.rows.push(RecentRow::default());
            self.steps.resize(self.steps.len() + self.dim, 0);
            self.scales.push(0.0);
        }
        let Steps { steps, scale } = batch.vector(row);
        self.steps[slot * self.dim..(slot + 1) * self.dim].copy_from_slice(steps);
        self.scales[slot] = scale;
        let kept = &mut self.rows[slot];
        kept.event_id.clear();
        kept.event_id.push_str(batch.observations.event_id(row));
        kept.timestamp_ms = batch.observations.timestamps_ms()[row];
        kept.class = batch.class(row);
        kept.confidence = f64::from(batch.observations.confidences()[row]);
        kept.p_similarity = batch.score(row).p_similarity;
        kept.p_novelty = batch.score(row).p_novelty;
        kept.p_text_form = batch.score(row).p_text_form;
        kept.repeated = repeated;
        kept.expected_quality = expected_quality;
        kept.text = batch.observations.text(row).map(Into::into);
        kept.similarities = OnceLock::new();
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
        let vector = Steps {
            steps: &self.steps[slot * self.dim..(slot + 1) * self.dim],
            scale: self.scales[slot],
        };
        out.extend(vector.components());
    }

    /// Unit vectors `[steps, dim]` of kept observations and their similarities to every task, `[steps, tasks]`: computed
    /// at the first time of asking, together for those that lack them, and remembered.
    pub(crate) fn vectors_and_similarities(
        &self,
        steps: &[u64],
        reference: &Reference,
    ) -> (Vec<f32>, Vec<f32>) {
        let (dim, tasks) = (self.dim, reference.schema().len());
        let (mut unit, mut lacking) = (Vec::with_capacity(steps.len() * dim), Vec::new());
        let mut unknown = Vec::new();
        for &step in steps {
            let at = unit.len();
            self.vector(step, &mut unit);
            let row = &self.rows[Self::slot(step)];
            if row.similarities.get().is_none() {
                lacking.extend_from_slice(&unit[at..]);
                unknown.push(row);
            }
        }
        let computed = reference.similarities(&lacking);
        for (row, similarities) in unknown.into_iter().zip(computed.chunks_exact(tasks)) {
            row.similarities.get_or_init(|| similarities.into());
        }
        let known = |&step: &u64| self.rows[Self::slot(step)].similarities.get();
        let similarities = steps.iter().filter_map(known).flatten().copied().collect();
        (unit, similarities)
    }

    /// The kept observations from `step` on, oldest first.
    pub(crate) fn since(&self, step: u64) -> impl Iterator<Item = (u64, &RecentRow)> {
        (step.max(self.first_step())..self.next).map(|s| (s, &self.rows[Self::slot(s)]))
    }
}

impl State for RecentObservations {
    fn write(&self, out: &mut Writer) {
        out.put_steps(&self.steps);
        out.put(&(self.next, &self.scales, &self.rows));
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.steps = from.take_steps()?;
        (self.next, self.scales, self.rows) = from.take()?;
        let rows = self.rows.len();
        let fits = self.steps.len() == rows * self.dim
            && self.scales.len() == rows
            && rows as u64 == self.next.min(CAPACITY as u64);
        ensure(fits, "its recent observations are not as many as there should be")
    }
}
