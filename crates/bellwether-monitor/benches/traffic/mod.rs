//! Quiet traffic of ten tasks of fifteen classes, 384 dimensions, with labels.

use bellwether_events::{
    LabelRow, ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId, TaskKind, TaskSpec,
};
use bellwether_monitor::{MonitorConfig, Reference, build};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

pub(crate) const DIM: usize = 384;
pub(crate) const TASKS: u16 = 10;
const CLASSES: u32 = 15;
pub(crate) const ROWS: usize = 700;
/// One in this many observations has a label.
const LABELLED: usize = 5;

pub(crate) fn schema() -> ModelSchema {
    let labels: Vec<String> = (0..CLASSES).map(|c| format!("class {c}")).collect();
    let task = |t| {
        let spec = TaskSpec {
            kind: TaskKind::Classification,
            labels: labels.clone(),
        };
        (format!("task {t}"), spec)
    };
    ModelSchema::new((0..TASKS).map(task).collect::<BTreeMap<_, _>>(), DIM).expect("a sound schema")
}

/// Directions of tasks and classes, and inputs scattered about them.
pub(crate) struct Traffic {
    rng: ChaCha8Rng,
    tasks: Vec<Vec<f32>>,
    classes: Vec<Vec<f32>>,
    pub(crate) sent: i64,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut directions = |n: usize| -> Vec<Vec<f32>> {
            (0..n)
                .map(|_| (0..DIM).map(|_| rng.random_range(-1.0..1.0)).collect())
                .collect()
        };
        let (tasks, classes) = (
            directions(usize::from(TASKS)),
            directions(usize::from(TASKS) * CLASSES as usize),
        );
        Self {
            rng,
            tasks,
            classes,
            sent: 0,
        }
    }

    /// Observations in turn over the tasks, with the labels that they have.
    pub(crate) fn batch(&mut self, schema: &ModelSchema, size: usize) -> (ObservationBatch, Vec<String>) {
        let mut builder = ObservationBatch::builder(schema, size);
        let mut labels = Vec::with_capacity(size);
        for i in 0..size {
            let task = u16::try_from(i).map_or(0, |i| i % TASKS);
            let class = self.rng.random_range(0..CLASSES);
            let mean = &self.classes[usize::from(task) * CLASSES as usize + class as usize];
            let embedding: Vec<f32> = self.tasks[usize::from(task)]
                .iter()
                .zip(mean)
                .map(|(t, c)| t + 0.8 * c + 1.2 * self.rng.random_range(-1.0..1.0))
                .collect();
            let mut probabilities = vec![0.1 / (CLASSES - 1) as f32; CLASSES as usize];
            probabilities[class as usize] = 0.9;
            let subject = self.rng.random_range(0..1000);
            self.sent += 1;
            builder.push(&ObservationRow {
                event_id: &format!("event {}", self.sent),
                task: TaskId(task),
                timestamp_ms: self.sent * 1000,
                text: Some(&format!(
                    "please show me the state of my order number {subject} in class {class}"
                )),
                embedding: &embedding,
                prediction: Prediction::Class(class),
                probabilities: &probabilities,
                attributes: &[],
                model_version: None,
            });
            labels.push(format!("class {class}"));
        }
        (builder.finish(), labels)
    }
}

/// A reference of the traffic, and the traffic that comes after it.
pub(crate) fn reference(config: &MonitorConfig) -> (Reference, Traffic) {
    let (schema, mut traffic) = (schema(), Traffic::new());
    let (rows, labels) = traffic.batch(&schema, ROWS * usize::from(TASKS));
    let (manifest, rows) = build(&schema, &rows, &labels, None).expect("a sound reference");
    let reference = Reference::assemble(manifest, &rows, config).expect("a sound reference");
    (reference, traffic)
}

/// Labels of one in five observations of a batch, at the batch's end.
pub(crate) fn labels(batch: &ObservationBatch, labels: &[String], now_ms: i64) -> Vec<LabelRow> {
    let label = |row: usize| LabelRow {
        event_id: batch.event_id(row).to_owned(),
        timestamp_ms: now_ms,
        label: labels[row].clone(),
    };
    (0..batch.len()).step_by(LABELLED).map(label).collect()
}
