//! What a task takes in memory, its reference included: heap in use after two rings' worth of traffic with labels, over the
//! number of tasks. Observations that wait for labels are the joins', not a task's: few are let wait here. Then the same as
//! a snapshot, and how long that takes.

mod traffic;

use bellwether_monitor::{Engine, MonitorConfig};
use cap::Cap;
use std::alloc::System;
use std::sync::Arc;
use std::time::Instant;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Observations a task: the ring holds 768.
const OBSERVATIONS: usize = 2048;
const BATCH: usize = 512;
const WAITING: usize = 1000;

#[expect(clippy::print_stdout, reason = "a bench reports")]
fn main() {
    let config = MonitorConfig {
        max_pending: WAITING,
        ..MonitorConfig::default()
    };
    let schema = traffic::schema();
    let before = HEAP.allocated();
    let (reference, mut traffic) = traffic::reference(&config);
    let in_reference = HEAP.allocated() - before;
    let reference = Arc::new(reference);
    let mut engine = Engine::new(Arc::clone(&reference), config.clone());
    for _ in 0..OBSERVATIONS * usize::from(traffic::TASKS) / BATCH {
        let (batch, labels) = traffic.batch(&schema, BATCH);
        let now_ms = traffic.sent * 1000;
        engine.push_labels(traffic::labels(&batch, &labels, now_ms));
        engine.push_observations(batch);
        engine.advance(now_ms).expect("in memory");
    }
    engine.drain().expect("in memory");
    let in_all = HEAP.allocated() - before;
    let of_task = |bytes: usize| bytes as f64 / f64::from(traffic::TASKS) / f64::from(1 << 20);
    println!(
        "state per task: {:.2} MiB, of which reference {:.2} MiB ({} rows of {} dimensions)",
        of_task(in_all),
        of_task(in_reference),
        traffic::ROWS,
        traffic::DIM,
    );
    println!("{:?}", engine.counts());

    let begin = Instant::now();
    let snapshot = engine.snapshot();
    let written = begin.elapsed();
    let begin = Instant::now();
    let restored = Engine::restore(reference, config, &snapshot);
    println!(
        "snapshot per task: {:.2} MiB, written in {written:.1?}, restored in {:.1?}: {}",
        of_task(snapshot.len()),
        begin.elapsed(),
        restored.is_ok(),
    );
}
