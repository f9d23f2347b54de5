//! Stage one: one observation against the reference. Stateless, parallel, and the only stage that touches full vectors
//! of every observation.

use crate::reference::{Form, Reference};
use bellwether_events::{ObservationBatch, Prediction, TaskId};
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
}

impl ScoredBatch {
    /// Scores a batch. A row's result depends on the row alone, however batches are cut and whatever the number of threads.
    pub(crate) fn new(mut observations: ObservationBatch, reference: &Reference) -> Self {
        let dim = observations.dim();
        bellwether_stats::normalise(observations.embeddings_mut(), dim);
        let n = observations.len();
        let (mut p_similarity, mut p_novelty) = (vec![1.0; n], vec![1.0; n]);
        let scored: Vec<Vec<ScoredRow>> = reference
            .schema()
            .tasks()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|task| score_task(task, &observations, reference))
            .collect();
        for scored in scored.into_iter().flatten() {
            p_similarity[scored.row] = scored.p_similarity;
            p_novelty[scored.row] = scored.p_novelty;
        }
        let p_text_form = (0..n)
            .into_par_iter()
            .map(|row| p_text_form(&observations, row, reference));
        Self {
            p_text_form: p_text_form.collect(),
            observations,
            p_similarity,
            p_novelty,
        }
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

/// What the reference says about one row.
struct ScoredRow {
    row: usize,
    p_similarity: f64,
    p_novelty: f64,
}

/// The rows of one task, scored by one matrix product.
fn score_task(task: TaskId, batch: &ObservationBatch, reference: &Reference) -> Vec<ScoredRow> {
    let rows: Vec<usize> = (0..batch.len()).filter(|&r| batch.tasks()[r] == task).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let task = reference.task(task);
    let mut vectors = Vec::with_capacity(rows.len() * batch.dim());
    for &row in &rows {
        vectors.extend_from_slice(batch.embedding(row));
    }
    let mut similarity = vec![0.0; rows.len()];
    task.nearest.query(&vectors, &mut similarity);
    let score = |(row, similarity): (usize, f32)| {
        let (p_similarity, p_novelty) = task.p_values(similarity, batch.confidences()[row]);
        ScoredRow {
            row,
            p_similarity,
            p_novelty,
        }
    };
    rows.into_iter().zip(similarity).map(score).collect()
}
