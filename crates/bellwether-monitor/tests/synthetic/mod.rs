//! A small model in a made-up embedding space: three tasks of four classes each, every class a cloud of its own.

use bellwether_events::{
    Attribute, LabelRow, ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId, TaskKind,
    TaskSpec,
};
use bellwether_monitor::{
    Engine, MonitorConfig, Reference, ReferenceManifest, ReferenceRows, TimelineLine, build,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const DIM: usize = 48;
const CLASSES: u32 = 4;
const ROWS_PER_TASK: usize = 320;
/// A task's cloud, a class's place in it, and the spread of single inputs.
const TASK_PULL: f32 = 1.0;
const CLASS_PULL: f32 = 0.7;
const SPREAD: f32 = 0.9;
pub(crate) const TASKS: [&str; 4] = ["alpha", "beta", "delta", "gamma"];

/// The start of a minute, in milliseconds.
fn minute(n: usize) -> i64 {
    60_000 * i64::try_from(n).expect("a short stream")
}

/// One input of the model.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) task: u16,
    pub(crate) embedding: Vec<f32>,
    pub(crate) predicted: u32,
    pub(crate) confidence: f32,
    pub(crate) label: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) version: Option<&'static str>,
}

/// Draws inputs.
pub(crate) struct World {
    pub(crate) rng: ChaCha8Rng,
}

fn direction(seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let raw: Vec<f32> = (0..DIM).map(|_| gauss(&mut rng)).collect();
    let norm = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.into_iter().map(|x| x / norm).collect()
}

/// Sum of twelve uniforms less six: near enough to a Gaussian.
fn gauss(rng: &mut ChaCha8Rng) -> f32 {
    (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// An input at a place of a task's cloud: classes beyond the known ones are new.
    pub(crate) fn at(&mut self, task: u16, class: u64) -> Vec<f32> {
        let (pull, place) = (
            direction(100 + u64::from(task)),
            direction(1000 + 50 * u64::from(task) + class),
        );
        (0..DIM)
            .map(|j| {
                TASK_PULL * pull[j]
                    + CLASS_PULL * place[j]
                    + SPREAD * gauss(&mut self.rng) / (DIM as f32).sqrt()
            })
            .collect()
    }

    /// An ordinary input: nearly always predicted right.
    pub(crate) fn ordinary(&mut self, task: u16) -> Input {
        let class = self.rng.random_range(0..CLASSES);
        self.of_class(task, class)
    }

    /// An ordinary input of a class.
    pub(crate) fn of_class(&mut self, task: u16, class: u32) -> Input {
        let wrong = self.rng.random_bool(0.03);
        let predicted = if wrong { (class + 1) % CLASSES } else { class };
        let confidence = if wrong {
            0.6
        } else {
            self.rng.random_range(0.85..1.0)
        };
        Input {
            task,
            embedding: self.at(task, u64::from(class)),
            predicted,
            confidence,
            label: format!("c{class}"),
            attributes: Vec::new(),
            version: None,
        }
    }

    /// An input of something the heads do not know, taken for any class with little confidence.
    pub(crate) fn unknown(&mut self, task: u16, embedding: Vec<f32>) -> Input {
        let predicted = self.rng.random_range(0..CLASSES);
        let confidence = self.rng.random_range(0.3..0.7);
        Input {
            task,
            embedding,
            predicted,
            confidence,
            label: "__other__".to_owned(),
            attributes: Vec::new(),
            version: None,
        }
    }

    pub(crate) fn any_task(&mut self) -> u16 {
        self.rng.random_range(0..4)
    }
}

pub(crate) fn schema() -> ModelSchema {
    let labels: Vec<String> = (0..CLASSES).map(|c| format!("c{c}")).collect();
    let spec = TaskSpec {
        kind: TaskKind::Classification,
        labels,
    };
    let tasks: BTreeMap<String, TaskSpec> = TASKS
        .iter()
        .map(|name| ((*name).to_owned(), spec.clone()))
        .collect();
    ModelSchema::new(tasks, DIM).expect("a sound schema")
}

/// A batch of inputs, one a minute from `start`.
pub(crate) fn batch(schema: &ModelSchema, inputs: &[Input], start: usize) -> ObservationBatch {
    batch_every(schema, inputs, start, 1)
}

/// A batch of inputs, one in `step` minutes from minute `start`; events are named by their minute.
pub(crate) fn batch_every(
    schema: &ModelSchema,
    inputs: &[Input],
    start: usize,
    step: usize,
) -> ObservationBatch {
    let mut builder = ObservationBatch::builder(schema, inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        let at = start + i * step;
        let rest = (1.0 - input.confidence) / (CLASSES - 1) as f32;
        let mut probabilities = [rest; CLASSES as usize];
        probabilities[input.predicted as usize] = input.confidence;
        let pair = |(name, value): &(String, String)| (name.clone().into(), value.clone().into());
        let attributes: Vec<Attribute<'_>> = input.attributes.iter().map(pair).collect();
        builder.push(&ObservationRow {
            event_id: &format!("e{at:06}"),
            task: TaskId(input.task),
            timestamp_ms: minute(at),
            text: None,
            embedding: &input.embedding,
            prediction: Prediction::Class(input.predicted),
            probabilities: &probabilities,
            attributes: &attributes,
            model_version: input.version,
        });
    }
    builder.finish()
}

/// A label for every third input, an hour later.
pub(crate) fn labels(inputs: &[Input], start: usize) -> Vec<LabelRow> {
    let every_third = inputs
        .iter()
        .enumerate()
        .filter(|(i, _)| (start + i).is_multiple_of(3));
    every_third
        .map(|(i, input)| LabelRow {
            event_id: format!("e{:06}", start + i),
            timestamp_ms: minute(start + i + 60),
            label: input.label.clone(),
        })
        .collect()
}

/// A reference of ordinary inputs.
pub(crate) fn reference() -> Arc<Reference> {
    reference_of(|_, _| {})
}

/// A reference of ordinary inputs, each changed by `dress`.
pub(crate) fn reference_of(dress: impl Fn(&mut World, &mut Input)) -> Arc<Reference> {
    let (manifest, rows) = parts_of(dress, None);
    Arc::new(Reference::assemble(manifest, &rows, &MonitorConfig::default()).expect("a sound reference"))
}

/// What such a reference is made of.
pub(crate) fn parts_of(
    dress: impl Fn(&mut World, &mut Input),
    encoder_version: Option<&str>,
) -> (ReferenceManifest, ReferenceRows) {
    let (schema, mut world) = (schema(), World::new(1));
    let inputs: Vec<Input> = (0..4)
        .flat_map(|task| (0..ROWS_PER_TASK).map(move |_| task))
        .map(|task| {
            let mut input = world.ordinary(task);
            dress(&mut world, &mut input);
            input
        })
        .collect();
    let truth: Vec<String> = inputs.iter().map(|input| input.label.clone()).collect();
    let version = encoder_version.map(str::to_owned);
    build(&schema, &batch(&schema, &inputs, 0), &truth, version).expect("a sound reference")
}

/// Plays inputs in batches of `cut`; returns the lines.
pub(crate) fn play(
    reference: &Arc<Reference>,
    inputs: &[Input],
    cut: usize,
    with_labels: bool,
) -> (Engine, Vec<TimelineLine>) {
    play_with(reference, MonitorConfig::default(), inputs, cut, with_labels)
}

/// The same with a configuration.
pub(crate) fn play_with(
    reference: &Arc<Reference>,
    config: MonitorConfig,
    inputs: &[Input],
    cut: usize,
    with_labels: bool,
) -> (Engine, Vec<TimelineLine>) {
    let mut engine = Engine::new(Arc::clone(reference), config);
    let schema = engine.schema().clone();
    let mut lines = Vec::new();
    for (n, chunk) in inputs.chunks(cut).enumerate() {
        engine.push_observations(batch(&schema, chunk, n * cut));
        if with_labels {
            engine.push_labels(labels(chunk, n * cut));
        }
        lines.extend(
            engine
                .advance(minute((n + 1) * cut) - minute(10))
                .expect("in memory"),
        );
    }
    lines.extend(engine.drain().expect("in memory"));
    (engine, lines)
}
