//! What one quiet observation costs, on one core, with every signal on: ten tasks of fifteen classes, 700 reference rows
//! each, 384 dimensions, labels for one in five. All of it in one process, and what falls to the scorers and to the judge
//! where several instances work as one.

mod traffic;

use bellwether_monitor::{Engine, Evidence, MonitorConfig};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::sync::Arc;
use std::time::Duration;

const BATCH: usize = 2048;

fn one_core() {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()
        .expect("the first pool");
}

fn quiet_observation(c: &mut Criterion) {
    one_core();
    let config = MonitorConfig::default();
    let (schema, (reference, mut traffic)) = (traffic::schema(), traffic::reference(&config));
    let reference = Arc::new(reference);
    let mut engine = Engine::new(Arc::clone(&reference), config);
    let mut next = || {
        let (batch, labels) = traffic.batch(&schema, BATCH);
        let now_ms = traffic.sent * 1000;
        let labels = traffic::labels(&batch, &labels, now_ms);
        (batch, labels, now_ms)
    };
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("scored and written for a judge, one core", |b| {
        b.iter_batched(
            || next().0,
            |batch| {
                rows_of(&Evidence::score(
                    batch,
                    &reference,
                    &bellwether_monitor::KeepNoText,
                ))
            },
            BatchSize::PerIteration,
        );
    });
    // Until as many observations wait for their labels as may: what a monitor that has run for long has.
    group.warm_up_time(Duration::from_secs(20));
    group.bench_function("quiet observations, every signal, one core", |b| {
        b.iter_batched(
            &mut next,
            |(batch, labels, now_ms)| {
                engine.push_observations(batch);
                engine.push_labels(labels);
                engine.advance(now_ms).expect("in memory")
            },
            BatchSize::PerIteration,
        );
    });
    group.warm_up_time(Duration::from_secs(3));
    group.bench_function("judged from evidence, one core", |b| {
        b.iter_batched(
            || {
                let (batch, labels, now_ms) = next();
                (
                    rows_of(&Evidence::score(
                        batch,
                        &reference,
                        &bellwether_monitor::KeepNoText,
                    )),
                    labels,
                    now_ms,
                )
            },
            |(rows, labels, now_ms)| {
                let evidence = Evidence::read_rows([&rows[..]], &reference).expect("they are rows");
                engine.push_evidence(evidence);
                engine.push_labels(labels);
                engine.advance(now_ms).expect("in memory")
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn rows_of(evidence: &Evidence) -> Vec<u8> {
    let mut rows = Vec::new();
    for row in 0..evidence.len() {
        evidence.write_row(row, &mut rows);
    }
    rows
}

criterion_group!(benches, quiet_observation);
criterion_main!(benches);
