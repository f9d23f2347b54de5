//! A small model for the tests of this crate: two tasks of three classes, a message a minute.

use crate::held_out::ReferenceInput;
use crate::pool::{KnownLabel, Period, Pool};
use crate::traffic::START_MS;
use bellwether_events::{
    ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId, TaskKind, TaskSpec,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

pub(crate) const HOUR: i64 = 3_600_000;
const DIM: usize = 8;
const LABELS: [&str; 3] = ["a", "b", "c"];

pub(crate) fn schema() -> ModelSchema {
    let spec = TaskSpec {
        kind: TaskKind::Classification,
        labels: LABELS.map(str::to_owned).to_vec(),
    };
    let tasks = BTreeMap::from([("first".to_owned(), spec.clone()), ("second".to_owned(), spec)]);
    ModelSchema::new(tasks, DIM).expect("a sound schema")
}

/// Two messages of the first task, then one of the second, a minute apart; one in ten is wrong; all are labelled.
pub(crate) fn period(messages: usize) -> Period {
    let schema = schema();
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let mut builder = ObservationBatch::builder(&schema, messages);
    let mut labels = BTreeMap::new();
    for n in 0..messages {
        let task = usize::from(n % 3 == 2);
        let class = rng.random_range(0..3_usize);
        let mut embedding: Vec<f32> = (0..DIM).map(|_| rng.random_range(-0.3..0.3)).collect();
        embedding[4 * task + class] += 1.0;
        let id = format!("m{n}");
        builder.push(&ObservationRow {
            event_id: &id,
            task: TaskId(u16::from(task == 1)),
            timestamp_ms: START_MS + 60_000 * i64::try_from(n).expect("few"),
            text: None,
            embedding: &embedding,
            prediction: Prediction::Class(u32::try_from(class).expect("few")),
            probabilities: &[0.9],
            attributes: &[],
            model_version: None,
        });
        let truth = if n % 10 == 0 { (class + 1) % 3 } else { class };
        labels.insert(
            id,
            KnownLabel {
                label: LABELS[truth].to_owned(),
                known_ms: None,
            },
        );
    }
    Period {
        batches: vec![builder.finish()],
        labels,
    }
}

pub(crate) fn pool(messages: usize) -> Pool {
    Pool::new(&schema(), vec![period(messages)], 1.0).expect("a pool")
}

/// The same messages as a reference's input.
pub(crate) fn input(messages: usize) -> ReferenceInput {
    let Period { mut batches, labels } = period(messages);
    let observations = batches.remove(0);
    let labels = (0..observations.len())
        .map(|row| labels[observations.event_id(row)].label.clone())
        .collect();
    ReferenceInput {
        observations,
        labels,
        encoder_version: None,
    }
}
