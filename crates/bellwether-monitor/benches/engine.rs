//! What one quiet observation costs, on one core, with every signal on: ten tasks of fifteen classes, 700 reference rows
//! each, 384 dimensions, labels for one in five.

mod traffic;

use bellwether_monitor::{Engine, MonitorConfig};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::sync::Arc;
use std::time::Duration;

const BATCH: usize = 2048;

fn quiet_observation(c: &mut Criterion) {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()
        .expect("the first pool");
    let config = MonitorConfig::default();
    let (schema, (reference, mut traffic)) = (traffic::schema(), traffic::reference(&config));
    let mut engine = Engine::new(Arc::new(reference), config);
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(BATCH as u64));
    // Until as many observations wait for their labels as may: what a monitor that has run for long has.
    group.warm_up_time(Duration::from_secs(20));
    group.bench_function("quiet observations, every signal, one core", |b| {
        b.iter_batched(
            || {
                let (batch, labels) = traffic.batch(&schema, BATCH);
                let now_ms = traffic.sent * 1000;
                let labels = traffic::labels(&batch, &labels, now_ms);
                (batch, labels, now_ms)
            },
            |(batch, labels, now_ms)| {
                engine.push_observations(batch);
                engine.push_labels(labels);
                engine.advance(now_ms).expect("in memory")
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, quiet_observation);
criterion_main!(benches);
