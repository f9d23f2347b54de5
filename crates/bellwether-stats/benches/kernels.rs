//! The kernels that every observation may pass: nearest similarities, a detector's step, random features and
//! Mahalanobis distances; and a quality window's metric with its interval.

use bellwether_stats::{
    ClassMetric, Confusion, EDetector, Mahalanobis, NearestSimilarity, OrthogonalFeatures, normalise,
};
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

fn random_features(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let features = OrthogonalFeatures::new(DIM, 128, 1.0, 1).expect("a width and a bandwidth are given");
    let rows = unit_rows(&mut rng, QUERIES);
    let mut group = c.benchmark_group("orthogonal_features");
    group.throughput(Throughput::Elements(QUERIES as u64));
    group.bench_function("mean 512 x 384, 128 frequencies", |b| {
        b.iter(|| features.mean(black_box(&rows)));
    });
    group.finish();
}

fn mahalanobis(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let fit = Mahalanobis::fit(&unit_rows(&mut rng, REFERENCE), DIM).expect("the rows vary");
    let rows = unit_rows(&mut rng, QUERIES);
    let mut group = c.benchmark_group("mahalanobis");
    group.throughput(Throughput::Elements(QUERIES as u64));
    group.bench_function("squared_distances 512 x 384", |b| {
        b.iter(|| fit.squared_distances(black_box(&rows)));
    });
    group.finish();
}

fn macro_f1_with_interval(c: &mut Criterion) {
    let mut table = Confusion::new(77);
    for i in 0..1000 {
        table.add(Some(i % 77), Some((i * i) % 77));
    }
    c.bench_function("macro-F1 and interval, 77 classes", |b| {
        b.iter(|| ClassMetric::MacroF1.measure(black_box(&table)));
    });
}

criterion_group!(
    kernels,
    nearest_similarity,
    detector_step,
    random_features,
    mahalanobis,
    macro_f1_with_interval
);
criterion_main!(kernels);
