//! Stage one: one observation against the reference. Stateless, parallel, and the only stage that touches full vectors
//! of every observation.

use crate::reference::{Form, Reference};
use crate::repeats::MessageKey;
use bellwether_events::{ObservationBatch, Prediction, TaskId};
use bellwether_stats::{FixedVector, NearestMemory, SpaceMemory, TOGETHER};
use rayon::prelude::*;

/// p-values of novelty below this make an observation far: it may belong to a novel group.
pub(crate) const FAR_P: f64 = 0.03;

/// Observations with what the reference says about each.
#[derive(Debug)]
pub(crate) struct ScoredBatch {
    /// The observations, embeddings scaled to unit length.
    pub(crate) observations: ObservationBatch,
    scores: Vec<Score>,
    /// Along the leading directions of each task's reference, `[tasks]` of `[rows of the task, directions]`.
    coordinates: Vec<Vec<f32>>,
}

/// What the reference says about one observation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Score {
    /// Conformal p-value of the similarity to the task's own reference.
    pub(crate) p_similarity: f64,
    /// Conformal p-value of similarity and confidence together.
    pub(crate) p_novelty: f64,
    /// Conformal p-value of the text's form, NaN without.
    pub(crate) p_text_form: f64,
    /// The same for copies of one message.
    pub(crate) message: MessageKey,
    /// Where its coordinates begin and how many there are.
    coordinates: (usize, usize),
}

impl ScoredBatch {
    /// Scores a batch. A row's result depends on the row alone, however batches are cut and whatever the number of threads.
    pub(crate) fn new(mut observations: ObservationBatch, reference: &Reference) -> Self {
        let dim = observations.dim();
        bellwether_stats::normalise(observations.embeddings_mut(), dim);
        let mut rows = vec![Vec::new(); reference.schema().len()];
        for (row, task) in observations.tasks().iter().enumerate() {
            rows[task.index()].push(row);
        }
        let tasks: Vec<TaskId> = reference.schema().tasks().collect();
        let scored: Vec<ScoredRows> = tasks
            .into_par_iter()
            .map(|task| score_task(task, &rows[task.index()], &observations, reference))
            .collect();
        let mut scores = vec![Score::default(); observations.len()];
        let mut coordinates = Vec::with_capacity(scored.len());
        for (rows, of_task) in rows.iter().zip(scored) {
            for (&row, score) in rows.iter().zip(of_task.scores) {
                scores[row] = score;
            }
            coordinates.push(of_task.coordinates);
        }
        Self {
            observations,
            scores,
            coordinates,
        }
    }

    /// What the reference says about a row.
    pub(crate) fn score(&self, row: usize) -> &Score {
        &self.scores[row]
    }

    /// Where a row lies along the leading directions of its task's reference, `[directions]`.
    pub(crate) fn coordinates(&self, row: usize) -> &[f32] {
        let (from, directions) = self.scores[row].coordinates;
        let task = self.observations.tasks()[row].index();
        &self.coordinates[task][from..from + directions]
    }

    /// Number of observations.
    pub(crate) fn len(&self) -> usize {
        self.observations.len()
    }

    /// Index of the predicted class among the task's class means: 0 for tasks without classes.
    pub(crate) fn class(&self, row: usize) -> usize {
        match self.observations.prediction(row) {
            Prediction::Class(class) => class as usize,
            Prediction::Tags(_) | Prediction::Value(_) => 0,
        }
    }
}

fn p_text_form(observations: &ObservationBatch, row: usize, reference: &Reference) -> f64 {
    let scale = &reference.task(observations.tasks()[row]).text_form;
    match (scale, reference.trigrams()) {
        (Some(scale), Some(trigrams)) => scale.p_value(Form::of(observations.text(row), trigrams)),
        _ => f64::NAN,
    }
}

/// What the reference says about the rows of one task.
#[derive(Default)]
struct ScoredRows {
    scores: Vec<Score>,
    /// `[rows, directions]`.
    coordinates: Vec<f32>,
}

/// Scores the rows of one task, some at a time: its reference stays in the cache.
fn score_task(task: TaskId, rows: &[usize], batch: &ObservationBatch, reference: &Reference) -> ScoredRows {
    let task = reference.task(task);
    let space = task.nearest.space();
    let mut out = ScoredRows {
        scores: Vec::with_capacity(rows.len()),
        coordinates: Vec::with_capacity(rows.len() * space.len()),
    };
    let (mut vectors, mut memory) = (Vec::with_capacity(TOGETHER), SpaceMemory::default());
    let (mut nearest, mut similarities) = (NearestMemory::default(), Vec::with_capacity(TOGETHER));
    let mut bytes = Vec::new();
    for rows in rows.chunks(TOGETHER) {
        vectors.resize_with(rows.len(), FixedVector::default);
        for (vector, &row) in vectors.iter_mut().zip(rows) {
            vector.set(batch.embedding(row));
        }
        let from = out.coordinates.len();
        space.coordinates(&vectors, &mut memory, &mut out.coordinates);
        similarities.clear();
        let along = &out.coordinates[from..];
        task.nearest
            .similarities(&vectors, along, &mut nearest, &mut similarities);
        for (at, (&row, &similarity)) in rows.iter().zip(&similarities).enumerate() {
            let (p_similarity, p_novelty) = task.p_values(similarity, batch.confidences()[row]);
            out.scores.push(Score {
                p_similarity,
                p_novelty,
                p_text_form: p_text_form(batch, row, reference),
                message: MessageKey::of(batch.embedding(row), &mut bytes),
                coordinates: (from + at * space.len(), space.len()),
            });
        }
    }
    out
}
