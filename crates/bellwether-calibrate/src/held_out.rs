//! References from which a task is left out, and its messages as newcomers.

use crate::error::Error;
use crate::pass::Pass;
use crate::pool::{Pool, dot};
use bellwether_events::{
    Attribute, ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId, TaskKind,
};
use bellwether_monitor::{MonitorConfig, Reference, ReferenceError, ReferenceManifest, ReferenceRows, build};
use half::slice::HalfFloatSliceExt;
use rand::Rng;
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Newcomers kept of a task that is left out.
const NEWCOMERS: usize = 400;
/// Messages of a task among which the nearest to a newcomer is sought.
const ANSWERS: usize = 500;

/// Classes of a task of which one is left out.
const FEWEST_CLASSES: usize = 4;
/// Rows of a task that a reference without some classes must have: what a reference needs.
const FEWEST_LEFT: usize = 100;

/// What a reference is built from: observations, and the label of each.
#[derive(Debug)]
pub struct ReferenceInput {
    /// The observations.
    pub observations: ObservationBatch,
    /// Their labels, `[n]`.
    pub labels: Vec<String>,
    /// Version of the encoder that made the embeddings.
    pub encoder_version: Option<String>,
}

impl ReferenceInput {
    /// The input that gives the same reference as stored rows do: same embeddings, classes, confidences and losses.
    /// Texts, and which tags or numbers were wrong, are not stored, so they are made up: one tag or number a row.
    ///
    /// # Errors
    /// [`ReferenceError`] when the manifest's tasks are unusable or the rows damaged.
    pub fn from_rows(manifest: &ReferenceManifest, rows: &ReferenceRows) -> Result<Self, ReferenceError> {
        let schema = ModelSchema::new(manifest.tasks.clone(), manifest.dim)?;
        let n = rows.len();
        let columns = [
            rows.class.len(),
            rows.truth.len(),
            rows.confidence.len(),
            rows.loss.len(),
        ];
        if columns.iter().any(|&len| len != n) || rows.embedding.len() != n * manifest.dim {
            return Err(ReferenceError::Damaged("its columns differ in length"));
        }
        if rows.task.iter().any(|task| task.index() >= schema.len()) {
            return Err(ReferenceError::Damaged("a row is of no task"));
        }
        let embeddings = rows.embedding.to_f32_vec();
        let mut builder = ObservationBatch::builder(&schema, rows.len());
        let mut labels = Vec::with_capacity(rows.len());
        for (row, embedding) in embeddings.chunks_exact(manifest.dim.max(1)).enumerate() {
            let task = rows.task[row];
            let spec = schema.spec(task);
            let name = |at: usize| spec.labels.get(at).map_or("", String::as_str);
            let prediction = match spec.kind {
                TaskKind::Classification => Prediction::Class(rows.class[row]),
                TaskKind::SequenceLabelling => Prediction::Tags(name(0)),
                TaskKind::Regression => Prediction::Value(0.0),
            };
            labels.push(match spec.kind {
                // An index outside the labels gives a name that is none of them.
                TaskKind::Classification => name(rows.truth[row] as usize).to_owned(),
                TaskKind::SequenceLabelling => name(usize::from(rows.loss[row] > 0.0)).to_owned(),
                TaskKind::Regression => rows.loss[row].to_string(),
            });
            let confidence = [rows.confidence[row]];
            builder.push(&ObservationRow {
                event_id: &format!("reference-{row:010}"),
                task,
                timestamp_ms: manifest.from_ms,
                text: None,
                embedding,
                prediction,
                probabilities: if confidence[0].is_finite() {
                    &confidence
                } else {
                    &[]
                },
                attributes: &[],
                model_version: None,
            });
        }
        Ok(Self {
            observations: builder.finish(),
            labels,
            encoder_version: manifest.encoder_version.clone(),
        })
    }

    /// The rows that `keep` takes, of the tasks of `schema`; tasks are matched by name.
    #[must_use]
    pub(crate) fn select(
        &self,
        own: &ModelSchema,
        schema: &ModelSchema,
        keep: impl Fn(usize) -> bool,
    ) -> Self {
        let rows = &self.observations;
        let mut builder = ObservationBatch::builder(schema, rows.len());
        let mut labels = Vec::new();
        for row in (0..rows.len()).filter(|&row| keep(row)) {
            let Some(task) = schema.task(own.name(rows.tasks()[row])) else {
                continue;
            };
            let attributes: Vec<Attribute<'_>> = rows
                .attributes(row)
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            let confidence = [rows.confidences()[row]];
            builder.push(&ObservationRow {
                event_id: rows.event_id(row),
                task,
                timestamp_ms: rows.timestamps_ms()[row],
                text: rows.text(row),
                embedding: rows.embedding(row),
                prediction: rows.prediction(row),
                probabilities: if confidence[0].is_finite() {
                    &confidence
                } else {
                    &[]
                },
                attributes: &attributes,
                model_version: None,
            });
            labels.push(self.labels[row].clone());
        }
        Self {
            observations: builder.finish(),
            labels,
            encoder_version: self.encoder_version.clone(),
        }
    }

    /// Builds the reference and makes it ready.
    ///
    /// # Errors
    /// As [`bellwether_monitor::build`].
    pub fn build(&self, schema: &ModelSchema, config: &MonitorConfig) -> Result<Reference, ReferenceError> {
        let (manifest, rows) = build(
            schema,
            &self.observations,
            &self.labels,
            self.encoder_version.clone(),
        )?;
        Reference::assemble(manifest, &rows, config)
    }
}

/// A reference that does not know one of the model's tasks.
#[derive(Debug)]
pub(crate) struct HeldOut {
    pub(crate) task: TaskId,
    pub(crate) reference: Arc<Reference>,
}

impl HeldOut {
    /// Builds the reference of all tasks but `task`.
    pub(crate) fn new(
        task: TaskId,
        own: &ModelSchema,
        input: &ReferenceInput,
        config: &MonitorConfig,
    ) -> Result<Self, Error> {
        let failed = |source| Error::HeldOut {
            held_out: own.name(task).to_owned(),
            source,
        };
        let rest: BTreeMap<_, _> = own
            .tasks()
            .filter(|&t| t != task)
            .map(|t| (own.name(t).to_owned(), own.spec(t).clone()))
            .collect();
        let schema = ModelSchema::new(rest, own.dim()).map_err(|e| failed(e.into()))?;
        let reference = input
            .select(own, &schema, |_| true)
            .build(&schema, config)
            .map_err(failed)?;
        Ok(Self {
            task,
            reference: Arc::new(reference),
        })
    }
}

/// A reference that does not know some classes of each classification task.
#[derive(Debug)]
pub(crate) struct ClassesHeldOut {
    pub(crate) reference: Arc<Reference>,
    /// The classes, `[tasks]`; none where too little would be left.
    classes: Vec<BTreeSet<u32>>,
}

impl ClassesHeldOut {
    /// Leaves out a quarter of the classes of each task; `None` when no task has enough classes and rows.
    pub(crate) fn new(
        own: &ModelSchema,
        input: &ReferenceInput,
        config: &MonitorConfig,
        rng: &mut impl Rng,
    ) -> Result<Option<Self>, ReferenceError> {
        let mut classes: Vec<BTreeSet<u32>> = own
            .tasks()
            .map(|task| {
                let labels = own.spec(task).labels.len();
                let mut all: Vec<u32> = (0_u32..).take(labels).collect();
                all.shuffle(rng);
                let several = own.spec(task).kind == TaskKind::Classification && labels >= FEWEST_CLASSES;
                all.truncate(if several { labels / FEWEST_CLASSES } else { 0 });
                all.into_iter().collect()
            })
            .collect();
        let knows = |classes: &[BTreeSet<u32>], row: usize| {
            let task = input.observations.tasks()[row];
            let truth = own.label_index(task, &input.labels[row]);
            is_known(&classes[task.index()], input.observations.prediction(row), truth)
        };
        let mut left = vec![0; own.len()];
        for row in (0..input.labels.len()).filter(|&row| knows(&classes, row)) {
            left[input.observations.tasks()[row].index()] += 1;
        }
        for (classes, left) in classes.iter_mut().zip(left) {
            if left < FEWEST_LEFT {
                classes.clear();
            }
        }
        if classes.iter().all(BTreeSet::is_empty) {
            return Ok(None);
        }
        let reference = input
            .select(own, own, |row| knows(&classes, row))
            .build(own, config)?;
        Ok(Some(Self {
            reference: Arc::new(reference),
            classes,
        }))
    }

    /// A task's quiet rows that this reference knows, and those of the classes left out.
    pub(crate) fn part(&self, pool: &Pool, task: TaskId) -> (Vec<usize>, Vec<usize>) {
        let held_out = &self.classes[task.index()];
        let truth = |row: usize| {
            let label = pool.row(row).label.as_deref();
            label.and_then(|label| pool.schema().label_index(task, label))
        };
        let rows = &pool.tasks()[task.index()].rows;
        let known = rows.iter().copied();
        let known = known.filter(|&row| is_known(held_out, pool.prediction(row), truth(row)));
        let new = rows.iter().copied().filter(|&row| {
            let class = match pool.prediction(row) {
                Prediction::Class(class) => Some(class),
                Prediction::Tags(_) | Prediction::Value(_) => None,
            };
            truth(row)
                .or(class)
                .is_some_and(|class| held_out.contains(&class))
        });
        (known.collect(), new.collect())
    }
}

/// Whether neither the answer nor the truth is of a class left out.
fn is_known(held_out: &BTreeSet<u32>, prediction: Prediction<'_>, truth: Option<u32>) -> bool {
    let answered = matches!(prediction, Prediction::Class(class) if held_out.contains(&class));
    !answered && !truth.is_some_and(|class| held_out.contains(&class))
}

/// Messages left out, each with a message whose answer it gets.
#[derive(Debug)]
pub(crate) struct Newcomers {
    messages: Vec<(usize, usize)>,
}

impl Newcomers {
    /// Messages `from` on their way to the head that knows messages `to`, which answers as it does to the nearest message of its own:
    /// a head is smooth, and what it is unsure of it is often less sure of than that, so that novelty looks no
    /// stranger than it is. O(newcomers · answers · dim).
    pub(crate) fn new(pool: &Pool, from: &[usize], to: &[usize], rng: &mut impl Rng) -> Self {
        let mut sample = |rows: &[usize], most: usize| -> Vec<usize> {
            let mut pass = Pass::new(rows);
            (0..rows.len().min(most)).filter_map(|_| pass.draw(rng)).collect()
        };
        let (strangers, known) = (sample(from, NEWCOMERS), sample(to, ANSWERS));
        let messages = strangers
            .into_iter()
            .filter_map(|row| {
                let nearness = |other: usize| dot(pool.embedding(row), pool.embedding(other));
                known
                    .iter()
                    .map(|&other| (other, nearness(other)))
                    .max_by(|a, b| a.1.total_cmp(&b.1))
                    .map(|(nearest, _)| (row, nearest))
            })
            .collect();
        Self { messages }
    }

    /// Pool rows: the message, and the one whose answer it gets.
    pub(crate) fn messages(&self) -> &[(usize, usize)] {
        &self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::{input, schema};

    #[test]
    fn stored_rows_give_back_the_reference_they_are_of() {
        let (schema, input) = (schema(), input(480));
        let (manifest, rows) =
            build(&schema, &input.observations, &input.labels, None).expect("a sound reference");
        let again = ReferenceInput::from_rows(&manifest, &rows).expect("sound tasks");
        let (rebuilt, same) = build(&schema, &again.observations, &again.labels, None).expect("sound");
        assert_eq!(same.class, rows.class);
        assert_eq!((same.truth, same.loss), (rows.truth, rows.loss));
        assert_eq!(rebuilt.quality, manifest.quality);
        // A unit vector in float16 is not quite of unit length: scaling it anew may move a component by one step.
        for (a, b) in same.embedding.iter().zip(&rows.embedding) {
            assert!((a.to_f32() - b.to_f32()).abs() < 1e-3, "{a} and {b}");
        }
    }

    #[test]
    fn a_selection_follows_names_into_another_schema() {
        let (own, input) = (schema(), input(60));
        let alone = ModelSchema::new(
            BTreeMap::from([("second".to_owned(), own.spec(TaskId(1)).clone())]),
            own.dim(),
        )
        .expect("a sound schema");
        let selected = input.select(&own, &alone, |row| row < 30);
        assert_eq!((selected.observations.len(), selected.labels.len()), (10, 10));
        assert!(selected.observations.tasks().iter().all(|t| *t == TaskId(0)));
        assert!(
            selected
                .observations
                .confidences()
                .iter()
                .all(|&c| (c - 0.9).abs() < 1e-6)
        );
    }
}
