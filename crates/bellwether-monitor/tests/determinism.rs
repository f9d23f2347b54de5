//! The same history gives the same lines, however it arrives.

mod synthetic;

use bellwether_monitor::{Engine, Evidence, EvidenceError, MonitorConfig, Verdict};
use rand::seq::SliceRandom;
use std::sync::Arc;
use synthetic::{Input, World, batch, labels, play, reference};

fn history() -> Vec<Input> {
    let mut world = World::new(42);
    (0..3000)
        .map(|i| {
            let task = world.any_task();
            if i > 1500 && task == 2 && i % 3 == 0 {
                let embedding = world.at(9, 1);
                world.unknown(task, embedding)
            } else {
                world.ordinary(task)
            }
        })
        .collect()
}

#[test]
fn batches_may_be_cut_anywhere() {
    let (reference, inputs) = (reference(), history());
    let (_, whole) = play(&reference, &inputs, 1000, true);
    assert!(
        whole.iter().any(|l| l.verdict.is_some_and(Verdict::is_alarm)),
        "something happens in it"
    );
    for cut in [1, 7, 250, 3000] {
        let (_, lines) = play(&reference, &inputs, cut, true);
        assert_eq!(lines, whole, "cut at {cut}");
    }
}

#[test]
fn arrival_may_be_in_any_order_within_the_lateness() {
    let (reference, inputs) = (reference(), history());
    let (_, in_order) = play(&reference, &inputs, 500, true);
    let mut engine = Engine::new(Arc::clone(&reference), MonitorConfig::default());
    let schema = engine.schema().clone();
    let mut pieces: Vec<(usize, &[Input])> =
        inputs.chunks(10).enumerate().map(|(n, c)| (n * 10, c)).collect();
    pieces.shuffle(&mut World::new(5).rng);
    for (start, piece) in &pieces {
        engine.push_labels(labels(piece, *start));
        engine.push_observations(batch(&schema, piece, *start));
    }
    assert_eq!(engine.drain().expect("in memory"), in_order);
}

#[test]
fn what_another_process_has_scored_is_judged_alike() {
    let (reference, inputs) = (reference(), history());
    let (_, whole) = play(&reference, &inputs, 500, true);
    let mut engine = Engine::new(Arc::clone(&reference), MonitorConfig::default());
    let schema = engine.schema().clone();
    for (number, piece) in inputs.chunks(100).enumerate() {
        let evidence = Evidence::score(
            batch(&schema, piece, number * 100),
            &reference,
            &bellwether_monitor::KeepNoText,
        );
        let (mut rows, mut ends) = (Vec::new(), vec![0]);
        for row in 0..evidence.len() {
            evidence.write_row(row, &mut rows);
            ends.push(rows.len());
        }
        let halves = [&rows[..ends[40]], &rows[ends[40]..]];
        let read = Evidence::read_rows(halves, &reference).expect("they are rows");
        assert_eq!(read.len(), piece.len());
        engine.push_evidence(read);
        engine.push_labels(labels(piece, number * 100));
        let cut = Evidence::read_rows([&rows[..ends[40] - 1]], &reference);
        assert_eq!(cut.err(), Some(EvidenceError::NotRows));
    }
    assert_eq!(engine.drain().expect("in memory"), whole);
}

#[test]
fn repeats_and_strays_are_counted_once() {
    let (reference, inputs) = (reference(), history());
    let mut engine = Engine::new(Arc::clone(&reference), MonitorConfig::default());
    let schema = engine.schema().clone();
    engine.push_observations(batch(&schema, &inputs[..300], 0));
    engine.push_observations(batch(&schema, &inputs[..100], 0));
    engine.push_labels(labels(&inputs[..300], 0));
    engine.push_labels(labels(&inputs[..30], 0));
    engine.push_labels(labels(&inputs[300..330], 900_000));
    engine.drain().expect("in memory");
    let counts = engine.counts();
    assert_eq!((counts.observations, counts.duplicate_observations), (300, 100));
    assert_eq!(
        (counts.labels, counts.duplicate_labels, counts.pending_labels),
        (100, 10, 10)
    );

    // Not newer than what has been released: joined with its label, but no evidence.
    engine.push_observations(batch(&schema, &inputs[300..310], 0));
    engine.push_observations(batch(&schema, &inputs[310..320], 900_000));
    engine.drain().expect("in memory");
    let counts = engine.counts();
    assert_eq!(
        (
            counts.observations,
            counts.late_observations,
            counts.duplicate_observations
        ),
        (300, 10, 110)
    );
    assert_eq!((counts.labels, counts.pending_labels), (104, 6));
}
