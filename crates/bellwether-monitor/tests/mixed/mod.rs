//! A small model of three kinds of tasks: classes, numbers and tags, with texts and a season.

use crate::stream::Step;
use bellwether_events::{
    LabelRow, ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId, TaskKind, TaskSpec,
};
use bellwether_monitor::{MonitorConfig, Reference, build};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

const DIM: usize = 24;
const WORDS: [&str; 8] = [
    "order", "refund", "late", "parcel", "please", "where", "invoice", "thanks",
];

struct Event {
    task: u16,
    minute: usize,
    text: String,
    embedding: Vec<f32>,
    predicted: String,
    sure: f32,
    label: String,
}

fn schema() -> ModelSchema {
    let spec = |kind, labels: &[&str]| TaskSpec {
        kind,
        labels: labels.iter().map(|l| (*l).to_owned()).collect(),
    };
    let tasks = BTreeMap::from([
        ("amount".to_owned(), spec(TaskKind::Regression, &[])),
        (
            "entities".to_owned(),
            spec(TaskKind::SequenceLabelling, &["O", "B-x", "I-x"]),
        ),
        (
            "topic".to_owned(),
            spec(TaskKind::Classification, &["day", "night"]),
        ),
    ]);
    ModelSchema::new(tasks, DIM).expect("a sound schema")
}

/// An event of a minute; `harm` is the share of answers that are wrong.
fn event(rng: &mut ChaCha8Rng, minute: usize, harm: f64) -> Event {
    let task = rng.random_range(0..3);
    let text: Vec<&str> = (0..5).map(|_| WORDS[rng.random_range(0..WORDS.len())]).collect();
    let night = (6 * 60..18 * 60).contains(&(minute % 1440)) == rng.random_bool(0.1);
    let embedding = (0..DIM)
        .map(|at| {
            let pull = f32::from(u8::from(at % 3 == usize::from(task)));
            pull + f32::from(u8::from(night)) * 0.3 * (at as f32).sin() + rng.random_range(-0.6..0.6)
        })
        .collect();
    let wrong = rng.random_bool(harm);
    let number = rng.random_range(0.0..10.0_f64);
    let (predicted, label) = match task {
        0 => {
            let off = rng.random_range(-0.5..0.5) * if wrong { 20.0 } else { 1.0 };
            (format!("{}", number + off), format!("{number}"))
        }
        1 => {
            let tags = if wrong { "O O B-x O O" } else { "O B-x I-x O O" };
            (tags.to_owned(), "O B-x I-x O O".to_owned())
        }
        _ => {
            let class = |night| if night { "night" } else { "day" };
            (class(night != wrong).to_owned(), class(night).to_owned())
        }
    };
    Event {
        task,
        minute,
        text: text.join(" "),
        embedding,
        predicted,
        sure: if wrong { 0.7 } else { rng.random_range(0.8..0.99) },
        label,
    }
}

fn batch(schema: &ModelSchema, events: &[Event]) -> ObservationBatch {
    let mut builder = ObservationBatch::builder(schema, events.len());
    for event in events {
        let prediction = match event.task {
            0 => Prediction::Value(event.predicted.parse().expect("a number")),
            1 => Prediction::Tags(&event.predicted),
            _ => Prediction::Class(u32::from(event.predicted == "night")),
        };
        let rest = 1.0 - event.sure;
        let probabilities = match prediction {
            Prediction::Value(_) => Vec::new(),
            Prediction::Tags(_) => [event.sure, rest / 2.0, rest / 2.0].repeat(5),
            Prediction::Class(0) => vec![event.sure, rest],
            Prediction::Class(_) => vec![rest, event.sure],
        };
        builder.push(&ObservationRow {
            event_id: &format!("m{:06}", event.minute),
            task: TaskId(event.task),
            timestamp_ms: 60_000 * i64::try_from(event.minute).expect("few minutes"),
            text: Some(&event.text),
            embedding: &event.embedding,
            prediction,
            probabilities: &probabilities,
            attributes: &[],
            model_version: None,
        });
    }
    builder.finish()
}

/// A reference of a week, and the steps of a stream whose answers become worse half-way.
pub(crate) fn stream(n: usize) -> (Arc<Reference>, Vec<Step>) {
    let (schema, mut rng) = (schema(), ChaCha8Rng::seed_from_u64(6));
    let week: Vec<Event> = (0..7 * 1440)
        .step_by(8)
        .map(|minute| event(&mut rng, minute, 0.05))
        .collect();
    let truth: Vec<String> = week.iter().map(|event| event.label.clone()).collect();
    let (manifest, rows) = build(&schema, &batch(&schema, &week), &truth, None).expect("a sound reference");
    let reference = Reference::assemble(manifest, &rows, &MonitorConfig::default());
    let mut steps = Vec::new();
    for from in (0..n).step_by(12) {
        let harm = if from > n / 2 { 0.5 } else { 0.05 };
        let events: Vec<Event> = (from..from + 12)
            .map(|at| event(&mut rng, 20_000 + at * 7, harm))
            .collect();
        let labels = events.iter().filter(|e| e.minute % 2 == 0).map(|e| LabelRow {
            event_id: format!("m{:06}", e.minute),
            timestamp_ms: 60_000 * i64::try_from(e.minute + 200).expect("few minutes"),
            label: e.label.clone(),
        });
        steps.push(Step::Labels(labels.collect()));
        steps.push(Step::Observations(Box::new(batch(&schema, &events))));
        let newest = events.last().map_or(0, |e| e.minute);
        steps.push(Step::Advance(
            60_000 * i64::try_from(newest - 20).expect("few minutes"),
        ));
    }
    (Arc::new(reference.expect("a sound reference")), steps)
}
