//! A stream in which everything happens, as steps.

use crate::synthetic::{self, Input, World};
use bellwether_events::{LabelRow, ModelSchema, ObservationBatch, ObservationRow};
use bellwether_monitor::{Engine, MonitorConfig, TimelineLine};
use rand::Rng;

/// What is done to an engine.
pub(crate) enum Step {
    Observations(Box<ObservationBatch>),
    Labels(Vec<LabelRow>),
    Advance(i64),
}

impl Step {
    pub(crate) fn take(&self, engine: &mut Engine) -> Vec<TimelineLine> {
        match self {
            Self::Observations(batch) => engine.push_observations((**batch).clone()),
            Self::Labels(labels) => engine.push_labels(labels.clone()),
            Self::Advance(watermark_ms) => return engine.advance(*watermark_ms).expect("in memory"),
        }
        Vec::new()
    }
}

/// Short memories and few places, so that all of them are full.
pub(crate) fn config() -> MonitorConfig {
    MonitorConfig {
        max_pending: 900,
        label_retention_ms: 3 * 24 * 3_600_000,
        max_slices: 9,
        work_sets: true,
        ..MonitorConfig::default()
    }
}

fn minute(n: usize) -> i64 {
    60_000 * i64::try_from(n).expect("a short stream")
}

/// A class mix that shifts and comes back, an encoder that fails for a while, a new version that harms a task, a new
/// capability, copies, a slice that gets worse.
pub(crate) fn eventful(n: usize) -> Vec<Input> {
    let mut world = World::new(42);
    let mut copy = None;
    (0..n)
        .map(|i| {
            let task = world.any_task();
            let mut input = world.ordinary(task);
            if (100..420).contains(&i) && task == 3 {
                input = world.of_class(task, 0);
            }
            if (900..1300).contains(&i) {
                for x in &mut input.embedding[..16] {
                    *x += 0.5;
                }
                if world.rng.random_bool(0.4) {
                    input.predicted = (input.predicted + 1) % 4;
                    input.confidence = 0.5;
                }
            }
            if i > 2000 && task == 2 && i % 3 == 0 {
                let embedding = world.at(9, 1);
                input = world.unknown(task, embedding);
            }
            input.version = Some(if i > 1500 && world.rng.random_bool(0.7) {
                "v2"
            } else {
                "v1"
            });
            if input.version == Some("v2") && task == 1 && world.rng.random_bool(0.5) {
                input.predicted = (input.predicted + 1) % 4;
            }
            let language = ["de", "en", "es", "fr"][world.rng.random_range(0..4)];
            if i > 1400 && task == 0 && language == "de" && world.rng.random_bool(0.8) {
                input.predicted = (input.predicted + 1) % 4;
            }
            let client = format!("client {}", world.rng.random_range(0..6));
            input.attributes = vec![
                ("language".to_owned(), language.to_owned()),
                ("client".to_owned(), client),
            ];
            if i % 40 == 0 {
                copy = Some(input.clone());
            }
            match &copy {
                Some(copy) if i % 11 == 0 => copy.clone(),
                _ => input,
            }
        })
        .collect()
}

/// Batches of ten with their labels before or behind them, some twice, some late, some labels without an observation.
pub(crate) fn steps_of(inputs: &[Input]) -> Vec<Step> {
    let (schema, mut world) = (synthetic::schema(), World::new(5));
    let mut steps = Vec::new();
    for (n, chunk) in inputs.chunks(10).enumerate() {
        let start = n * 10;
        let observations = || Step::Observations(Box::new(synthetic::batch(&schema, chunk, start)));
        let mut labels = synthetic::labels(chunk, start);
        for label in &mut labels {
            // Some labels are known before the prediction, some after a day.
            label.timestamp_ms += minute(world.rng.random_range(0..120)) - minute(80);
            if world.rng.random_bool(0.1) {
                label.timestamp_ms += minute(1440);
            }
            if world.rng.random_bool(0.05) {
                label.event_id.push('?');
            }
        }
        if n % 2 == 0 {
            steps.extend([Step::Labels(labels), observations()]);
        } else {
            steps.extend([observations(), Step::Labels(labels)]);
        }
        if n % 17 == 3 {
            steps.push(observations());
        }
        if n % 23 == 5 {
            let late = synthetic::batch(&schema, &chunk[..2], 1_000_000 + n);
            steps.push(Step::Observations(Box::new(late_by(
                &late,
                &schema,
                minute(1_000_000),
            ))));
        }
        steps.push(Step::Advance(minute(start + 10) - minute(15)));
    }
    steps
}

/// The same observations so much earlier.
fn late_by(batch: &ObservationBatch, schema: &ModelSchema, by_ms: i64) -> ObservationBatch {
    let mut builder = ObservationBatch::builder(schema, batch.len());
    for row in 0..batch.len() {
        builder.push(&ObservationRow {
            event_id: batch.event_id(row),
            task: batch.tasks()[row],
            timestamp_ms: batch.timestamps_ms()[row] - by_ms,
            text: None,
            embedding: batch.embedding(row),
            prediction: batch.prediction(row),
            probabilities: batch.class_probabilities(row),
            attributes: &[],
            model_version: None,
        });
    }
    builder.finish()
}
