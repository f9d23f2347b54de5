//! What one quiet observation costs, on one core, with every signal on: ten tasks of fifteen classes, 700 reference rows
//! each, 384 dimensions.

use bellwether_events::{
    ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId, TaskKind, TaskSpec,
};
use bellwether_monitor::{Engine, MonitorConfig, Reference, build};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

const DIM: usize = 384;
const TASKS: u16 = 10;
const CLASSES: u32 = 15;
const ROWS: usize = 700;
const BATCH: usize = 512;

fn schema() -> ModelSchema {
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
struct Traffic {
    rng: ChaCha8Rng,
    tasks: Vec<Vec<f32>>,
    classes: Vec<Vec<f32>>,
    sent: i64,
}

impl Traffic {
    fn new() -> Self {
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
    fn batch(&mut self, schema: &ModelSchema, size: usize) -> (ObservationBatch, Vec<String>) {
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

fn quiet_observation(c: &mut Criterion) {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()
        .expect("the first pool");
    let schema = schema();
    let mut traffic = Traffic::new();
    let (rows, labels) = traffic.batch(&schema, ROWS * usize::from(TASKS));
    let (manifest, rows) = build(&schema, &rows, &labels, None).expect("a sound reference");
    let config = MonitorConfig::default();
    let reference = Reference::assemble(manifest, &rows, &config).expect("a sound reference");
    let mut engine = Engine::new(Arc::new(reference), config);
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("quiet observations, every signal, one core", |b| {
        b.iter_batched(
            || (traffic.batch(&schema, BATCH).0, traffic.sent * 1000),
            |(batch, newest)| {
                engine.push_observations(batch);
                engine.advance(newest)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, quiet_observation);
criterion_main!(benches);
