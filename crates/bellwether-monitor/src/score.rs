//! Stage one: one observation against the reference. Stateless, parallel, and the only stage that touches full vectors
//! of every observation.

mod kept;

pub(crate) use kept::KeptRow;

use crate::encoder::{Note, spot_note};
use crate::reference::{Form, Reference};
use crate::repeats::MessageKey;
use crate::texts::KeepText;
use bellwether_events::{ObservationBatch, Prediction, TaskId};
use bellwether_stats::{FixedVector, NearestMemory, SpaceMemory, Steps, TOGETHER};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// p-values of novelty below this make an observation far: it may belong to a novel group.
pub(crate) const FAR_P: f64 = 0.03;

/// Observations with what the reference says about each.
#[derive(Debug)]
pub(crate) struct ScoredBatch {
    /// The observations, without their embeddings, and of their texts what may be kept.
    pub(crate) observations: ObservationBatch,
    scores: Vec<Score>,
    /// Of each task.
    vectors: Vec<Vectors>,
    row_bytes: usize,
    /// What its events say about the encoder.
    pub(crate) notes: Vec<(Origin, Note)>,
}

/// What a note was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An event beside the rows, by its place.
    Event(usize),
    /// A row.
    Row(usize),
}

/// The vectors of one task's rows, scaled to unit length.
#[derive(Debug, Default)]
struct Vectors {
    /// In whole steps, `[rows, dim]`, and the size of a step of each, `[rows]`.
    steps: Vec<i16>,
    scales: Vec<f32>,
    /// Along the leading directions of the task's reference, `[rows, directions]`.
    coordinates: Vec<f32>,
}

/// What the reference says about one observation.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Score {
    /// Conformal p-value of the similarity to the task's own reference.
    pub(crate) p_similarity: f64,
    /// Conformal p-value of similarity and confidence together.
    pub(crate) p_novelty: f64,
    /// Conformal p-value of the text's form, NaN without.
    pub(crate) p_text_form: f64,
    /// The same for copies of one message.
    pub(crate) message: MessageKey,
    /// Which of the task's rows it is.
    #[serde(skip)]
    row_of_task: usize,
}

impl ScoredBatch {
    /// Scores a batch. A row's result depends on the row alone, however batches are cut and whatever the number of threads.
    /// Of the texts there is afterwards what `texts` keeps.
    pub(crate) fn new(
        mut observations: ObservationBatch,
        reference: &Reference,
        texts: &dyn KeepText,
    ) -> Self {
        let embeddings = observations.take_embeddings();
        let mut rows = vec![Vec::new(); reference.schema().len()];
        for (row, task) in observations.tasks().iter().enumerate() {
            rows[task.index()].push(row);
        }
        let tasks: Vec<TaskId> = reference.schema().tasks().collect();
        let scored: Vec<(Vec<Score>, Vectors)> = tasks
            .into_par_iter()
            .map(|task| score_task(task, &rows[task.index()], &observations, &embeddings, reference))
            .collect();
        let mut scores = vec![Score::default(); observations.len()];
        let mut vectors = Vec::with_capacity(scored.len());
        for (rows, (of_task, of_rows)) in rows.iter().zip(scored) {
            for (&row, score) in rows.iter().zip(of_task) {
                scores[row] = score;
            }
            vectors.push(of_rows);
        }
        let notes = notes(&mut observations, &embeddings, reference);
        observations.keep_texts(|text| texts.keep(text));
        Self {
            notes,
            ..Self::of_parts(observations, scores, vectors)
        }
    }

    fn of_parts(observations: ObservationBatch, scores: Vec<Score>, vectors: Vec<Vectors>) -> Self {
        let of_task = |v: &Vectors| 2 * v.steps.len() + 4 * (v.scales.len() + v.coordinates.len());
        let bytes = observations.size_bytes() + vectors.iter().map(of_task).sum::<usize>();
        Self {
            row_bytes: bytes / observations.len().max(1) + size_of::<Score>(),
            observations,
            scores,
            vectors,
            notes: Vec::new(),
        }
    }

    /// What the reference says about a row.
    pub(crate) fn score(&self, row: usize) -> &Score {
        &self.scores[row]
    }

    /// The unit vector of a row, `[dim]`.
    pub(crate) fn vector(&self, row: usize) -> Steps<'_> {
        let (vectors, at) = self.of_task(row);
        let dim = self.observations.dim();
        Steps {
            steps: &vectors.steps[at * dim..(at + 1) * dim],
            scale: vectors.scales[at],
        }
    }

    /// Where a row lies along the leading directions of its task's reference, `[directions]`.
    pub(crate) fn coordinates(&self, row: usize) -> &[f32] {
        let (vectors, at) = self.of_task(row);
        let directions = vectors.coordinates.len() / vectors.scales.len();
        &vectors.coordinates[at * directions..(at + 1) * directions]
    }

    fn of_task(&self, row: usize) -> (&Vectors, usize) {
        let task = self.observations.tasks()[row].index();
        (&self.vectors[task], self.scores[row].row_of_task)
    }

    /// What a row takes in memory until it is judged, near enough for a bound.
    pub(crate) fn row_bytes(&self) -> usize {
        self.row_bytes
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

/// What canaries, checked rows and observations of other encoders say, before the texts are let go of.
fn notes(
    observations: &mut ObservationBatch,
    embeddings: &[f32],
    reference: &Reference,
) -> Vec<(Origin, Note)> {
    let dim = observations.dim();
    let events = std::mem::take(observations.encoder_events_mut());
    let spots = observations.spot_checks().iter().filter_map(|check| {
        let embedding = &embeddings[check.row * dim..(check.row + 1) * dim];
        Some((Origin::Row(check.row), spot_note(observations, check, embedding)?))
    });
    let events = events.iter().enumerate();
    let events = events.filter_map(|(at, event)| Some((Origin::Event(at), Note::of(event, reference)?)));
    events.chain(spots).collect()
}

fn p_text_form(observations: &ObservationBatch, row: usize, reference: &Reference) -> f64 {
    let scale = &reference.task(observations.tasks()[row]).text_form;
    match (scale, reference.trigrams()) {
        (Some(scale), Some(trigrams)) => scale.p_value(Form::of(observations.text(row), trigrams)),
        _ => f64::NAN,
    }
}

/// Scores the rows of one task, some at a time: its reference stays in the cache.
fn score_task(
    task: TaskId,
    rows: &[usize],
    batch: &ObservationBatch,
    embeddings: &[f32],
    reference: &Reference,
) -> (Vec<Score>, Vectors) {
    let task = reference.task(task);
    let (space, dim) = (task.nearest.space(), batch.dim());
    let mut scores = Vec::with_capacity(rows.len());
    let mut out = Vectors {
        steps: Vec::with_capacity(rows.len() * dim),
        scales: Vec::with_capacity(rows.len()),
        coordinates: Vec::with_capacity(rows.len() * space.len()),
    };
    let (mut vectors, mut memory) = (Vec::with_capacity(TOGETHER), SpaceMemory::default());
    let (mut nearest, mut similarities) = (NearestMemory::default(), Vec::with_capacity(TOGETHER));
    let mut bytes = Vec::new();
    for rows in rows.chunks(TOGETHER) {
        vectors.resize_with(rows.len(), FixedVector::default);
        for (vector, &row) in vectors.iter_mut().zip(rows) {
            vector.set_unit(&embeddings[row * dim..(row + 1) * dim]);
            let Steps { steps, scale } = vector.as_steps();
            out.steps.extend_from_slice(steps);
            out.scales.push(scale);
        }
        let from = out.coordinates.len();
        space.coordinates(&vectors, &mut memory, &mut out.coordinates);
        similarities.clear();
        let along = &out.coordinates[from..];
        task.nearest
            .similarities(&vectors, along, &mut nearest, &mut similarities);
        let of_rows = rows.iter().zip(&similarities).zip(&vectors);
        for ((&row, &similarity), vector) in of_rows {
            let (p_similarity, p_novelty) = task.p_values(similarity, batch.confidences()[row]);
            scores.push(Score {
                p_similarity,
                p_novelty,
                p_text_form: p_text_form(batch, row, reference),
                message: MessageKey::of(vector.as_steps(), &mut bytes),
                row_of_task: scores.len(),
            });
        }
    }
    (scores, out)
}
