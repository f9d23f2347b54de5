//! Stage one: one observation against the reference. Stateless, parallel, and the only stage that touches full vectors
//! of every observation.

use crate::reference::{Form, Reference};
use bellwether_events::{ObservationBatch, Prediction, TaskId};
use bellwether_stats::{DIRECTIONS, FixedVector, NearestMemory, SpaceMemory, TOGETHER};
use rayon::prelude::*;

/// p-values of novelty below this make an observation far: it may belong to a novel group.
pub(crate) const FAR_P: f64 = 0.03;

/// Observations with what the reference says about each.
#[derive(Debug)]
pub(crate) struct ScoredBatch {
    /// The observations, embeddings scaled to unit length.
    pub(crate) observations: ObservationBatch,
    /// Conformal p-value of the similarity to the task's own reference, `[n]`.
    pub(crate) p_similarity: Vec<f64>,
    /// Conformal p-value of similarity and confidence together, `[n]`.
    pub(crate) p_novelty: Vec<f64>,
    /// Conformal p-value of the text's form, NaN without, `[n]`.
    pub(crate) p_text_form: Vec<f64>,
    /// Along the leading directions of the task's reference, zero where it has fewer, `[n, 96]`.
    coordinates: Vec<f32>,
}

impl ScoredBatch {
    /// Scores a batch. A row's result depends on the row alone, however batches are cut and whatever the number of threads.
    pub(crate) fn new(mut observations: ObservationBatch, reference: &Reference) -> Self {
        let dim = observations.dim();
        bellwether_stats::normalise(observations.embeddings_mut(), dim);
        let n = observations.len();
        let (mut p_similarity, mut p_novelty) = (vec![1.0; n], vec![1.0; n]);
        let mut p_text_form = vec![f64::NAN; n];
        let mut coordinates = vec![0.0; n * DIRECTIONS];
        let scored: Vec<ScoredRows> = reference
            .schema()
            .tasks()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|task| score_task(task, &observations, reference))
            .collect();
        for task in scored {
            let along = task.coordinates.chunks_exact(task.directions.max(1));
            for (scored, along) in task.rows.iter().zip(along) {
                p_similarity[scored.row] = scored.p_similarity;
                p_novelty[scored.row] = scored.p_novelty;
                p_text_form[scored.row] = scored.p_text_form;
                coordinates[scored.row * DIRECTIONS..][..along.len()].copy_from_slice(along);
            }
        }
        Self {
            observations,
            p_similarity,
            p_novelty,
            p_text_form,
            coordinates,
        }
    }

    /// Where a row lies along the leading directions of its task's reference, `[96]`.
    pub(crate) fn coordinates(&self, row: usize) -> &[f32] {
        &self.coordinates[row * DIRECTIONS..(row + 1) * DIRECTIONS]
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
struct ScoredRows {
    rows: Vec<ScoredRow>,
    /// `[rows, directions]`.
    coordinates: Vec<f32>,
    directions: usize,
}

/// What it says about one row.
struct ScoredRow {
    row: usize,
    p_similarity: f64,
    p_novelty: f64,
    p_text_form: f64,
}

/// Scores the rows of one task, some at a time: its reference stays in the cache.
fn score_task(task: TaskId, batch: &ObservationBatch, reference: &Reference) -> ScoredRows {
    let rows: Vec<usize> = (0..batch.len())
        .filter(|&row| batch.tasks()[row] == task)
        .collect();
    let task = reference.task(task);
    let space = task.nearest.space();
    let mut out = ScoredRows {
        rows: Vec::with_capacity(rows.len()),
        coordinates: Vec::with_capacity(rows.len() * space.len()),
        directions: space.len(),
    };
    let (mut vectors, mut memory) = (Vec::with_capacity(TOGETHER), SpaceMemory::default());
    let (mut nearest, mut similarities) = (NearestMemory::default(), Vec::with_capacity(TOGETHER));
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
        for (&row, &similarity) in rows.iter().zip(&similarities) {
            let (p_similarity, p_novelty) = task.p_values(similarity, batch.confidences()[row]);
            out.rows.push(ScoredRow {
                row,
                p_similarity,
                p_novelty,
                p_text_form: p_text_form(batch, row, reference),
            });
        }
    }
    out
}
