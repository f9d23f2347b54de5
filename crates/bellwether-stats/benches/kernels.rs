//! The kernels that every observation may pass: nearest similarities, a detector's step, random features and
//! Mahalanobis distances; and a quality window's metric with its interval.

use bellwether_stats::{
    ClassMetric, Confusion, EDetector, Mahalanobis, NearestSimilarity, OrthogonalFeatures, Shuffles,
    StructuredFeatures, domain_classifier_auc, normalise,
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

/// Dense against structured random features, one row at a time in a batch: which is faster at which width?
fn features_by_width(c: &mut Criterion) {
    let mut group = c.benchmark_group("random_features");
    group.throughput(Throughput::Elements(64));
    for (dim, frequencies) in [
        (384, 128),
        (384, 256),
        (768, 128),
        (1024, 128),
        (1024, 512),
        (4096, 128),
        (4096, 512),
    ] {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let rows: Vec<f32> = (0..64 * dim).map(|_| rng.random_range(-0.1..0.1)).collect();
        let dense =
            OrthogonalFeatures::new(dim, frequencies, 1.0, 1).expect("a width and a bandwidth are given");
        let structured =
            StructuredFeatures::new(dim, frequencies, 1.0, 1).expect("a width and a bandwidth are given");
        let name = format!("{dim} to {frequencies}");
        group.bench_function(format!("dense {name}"), |b| {
            b.iter(|| dense.features(black_box(&rows)));
        });
        group.bench_function(format!("structured {name}"), |b| {
            b.iter(|| structured.features(black_box(&rows)));
        });
    }
    group.finish();
}

/// The parts of a drift report: 400 observations against 300 reference rows.
fn drift_report(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (n, m) = (400, 300);
    let rows = unit_rows(&mut rng, n + m);
    let features = OrthogonalFeatures::new(DIM, 128, 1.0, 1).expect("a width and a bandwidth are given");
    let z = features.features(&rows).expect("whole rows");
    let shuffles = Shuffles::new(n, n + m, 199, 1).expect("two samples");
    let few = Shuffles::new(200, 400, 199, 1).expect("two samples");
    let mut group = c.benchmark_group("drift_report");
    group.sample_size(20);
    group.bench_function("features", |b| b.iter(|| features.features(black_box(&rows))));
    group.bench_function("kernel", |b| {
        b.iter(|| shuffles.mean_distance(black_box(&z), 256));
    });
    group.bench_function("linear", |b| {
        b.iter(|| shuffles.mean_distance(black_box(&rows), DIM));
    });
    group.bench_function("energy", |b| {
        b.iter(|| few.energy_distance(black_box(&rows[..400 * DIM]), DIM));
    });
    group.bench_function("classifier", |b| {
        b.iter(|| domain_classifier_auc(black_box(&[(&rows, DIM), (&z, 256)]), n, 10, 1));
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
    features_by_width,
    drift_report,
    mahalanobis,
    macro_f1_with_interval
);
criterion_main!(kernels);
