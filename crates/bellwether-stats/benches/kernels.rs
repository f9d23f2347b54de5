//! The two kernels that every observation passes: nearest similarities (the heaviest) and a detector's step.

use bellwether_stats::{EDetector, NearestSimilarity, normalise};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

const DIM: usize = 384;
const QUERIES: usize = 512;
const REFERENCE: usize = 700;
const NEAREST: usize = 5;
const STEPS: u32 = 4096;

fn unit_rows(rng: &mut ChaCha8Rng, rows: usize) -> Vec<f32> {
    let mut values: Vec<f32> = (0..rows * DIM).map(|_| rng.random_range(-1.0..1.0)).collect();
    normalise(&mut values, DIM);
    values
}

fn nearest_similarity(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let index = NearestSimilarity::new(&unit_rows(&mut rng, REFERENCE), DIM, NEAREST);
    let queries = unit_rows(&mut rng, QUERIES);
    let mut out = vec![0.0; QUERIES];
    let mut group = c.benchmark_group("nearest_similarity");
    group.throughput(Throughput::Elements(QUERIES as u64));
    group.bench_function("query 512 x 700 x 384", |b| {
        b.iter(|| index.query(black_box(&queries), black_box(&mut out)));
    });
    group.finish();
}

fn detector_step(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let values: Vec<f64> = (0..STEPS).map(|_| f64::from(rng.random_bool(0.1))).collect();
    let mut group = c.benchmark_group("e_detector");
    group.throughput(Throughput::Elements(u64::from(STEPS)));
    group.bench_function("observe", |b| {
        b.iter_batched_ref(
            || EDetector::bounded(0.1),
            |detector| {
                for (step, &value) in values.iter().enumerate() {
                    detector.observe(black_box(value), step as u64, 0);
                }
                detector.log_e_value()
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(kernels, nearest_similarity, detector_step);
criterion_main!(kernels);
