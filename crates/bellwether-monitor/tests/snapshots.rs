//! A monitor that goes on from a snapshot says what it would have said.

#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
mod synthetic;

mod mixed;
mod stream;

use bellwether_monitor::{Engine, MonitorConfig, Reference, TimelineLine, Verdict};
use rand::seq::SliceRandom;
use std::sync::Arc;
use stream::{Step, config, eventful, steps_of};
use synthetic::World;

fn restored(engine: &Engine, reference: &Arc<Reference>) -> Engine {
    let bytes = engine.snapshot();
    let again = Engine::restore(Arc::clone(reference), config(), &bytes).expect("a sound snapshot");
    assert!(again.snapshot() == bytes, "equal states give equal bytes");
    again
}

/// Lines, final status and final state.
type End = (String, String, Vec<u8>);

fn end(mut engine: Engine, mut lines: Vec<TimelineLine>) -> End {
    lines.extend(engine.drain().expect("in memory"));
    let text = |lines| serde_json::to_string(lines).expect("lines");
    let status = serde_json::to_string(&engine.status()).expect("a status");
    (text(&lines), status, engine.snapshot())
}

/// Steps that are played undisturbed, cut after every `stride`-th step, and cut once at each of 60 places.
fn goes_on(
    reference: &Arc<Reference>,
    steps: &[Step],
    stride: usize,
    happens: impl Fn(&Engine, &[TimelineLine]),
) {
    let mut engine = Engine::new(Arc::clone(reference), config());
    let mut cuts: Vec<usize> = (0..steps.len()).collect();
    cuts.shuffle(&mut World::new(77).rng);
    cuts.truncate(60);
    let (mut lines, mut snapshots, mut buffered) = (Vec::new(), Vec::new(), 0);
    for (at, step) in steps.iter().enumerate() {
        lines.extend(step.take(&mut engine));
        if cuts.contains(&at) {
            buffered += usize::from(engine.counts().buffered > 0);
            snapshots.push((at, lines.clone(), engine.snapshot()));
        }
    }
    assert!(buffered >= 40, "most cuts have something buffered: {buffered}");
    happens(&engine, &lines);
    let undisturbed = end(engine, lines);

    let (mut engine, mut lines) = (Engine::new(Arc::clone(reference), config()), Vec::new());
    for (at, step) in steps.iter().enumerate() {
        lines.extend(step.take(&mut engine));
        if at % stride == 0 {
            engine = restored(&engine, reference);
        }
    }
    assert!(end(engine, lines) == undisturbed, "cut every {stride} steps");

    for (at, mut lines, snapshot) in snapshots {
        let restored = Engine::restore(Arc::clone(reference), config(), &snapshot);
        let mut engine = restored.expect("a sound snapshot");
        for step in &steps[at + 1..] {
            lines.extend(step.take(&mut engine));
        }
        let (lines, status, state) = end(engine, lines);
        assert_eq!(lines, undisturbed.0, "cut after step {at}");
        assert_eq!(status, undisturbed.1, "cut after step {at}");
        assert!(state == undisturbed.2, "cut after step {at}");
    }
}

#[test]
fn a_monitor_of_classes_goes_on_from_any_cut() {
    let reference = synthetic::reference();
    let steps = steps_of(&eventful(3000));
    goes_on(&reference, &steps, 7, |engine, lines| {
        let (status, counts) = (engine.status(), engine.counts());
        let said = |verdict| lines.iter().any(|l| l.verdict == Some(verdict));
        assert!(said(Verdict::Retrain) && (said(Verdict::NewTask) || said(Verdict::ContinualUpdate)));
        assert!(lines.iter().any(|l| l.shared_encoder), "a common shift");
        assert!(status.forgetting.is_some(), "a new version");
        assert!(status.tasks.iter().any(|t| t.unwatched_slice_values > 0));
        assert!(counts.duplicate_observations > 0 && counts.late_observations > 0);
        assert!(counts.duplicate_labels + counts.orphan_labels + counts.pending_labels > 0);
        assert_eq!(counts.pending_observations, 900, "given up beyond the bound");
    });
}

#[test]
fn a_monitor_of_tags_and_numbers_with_texts_goes_on_from_any_cut() {
    let (reference, steps) = mixed::stream(1500);
    goes_on(&reference, &steps, 5, |engine, lines| {
        assert!(lines.iter().any(|l| l.verdict == Some(Verdict::Retrain)));
        assert!(engine.status().tasks.iter().all(|t| t.labels > 100));
    });
}

#[test]
fn an_observation_that_waits_takes_few_bytes() {
    let reference = synthetic::reference();
    let mut engine = Engine::new(Arc::clone(&reference), MonitorConfig::default());
    let schema = engine.schema().clone();
    let inputs = eventful(6000);
    let (some, rest) = inputs.split_at(5000);
    let mut play = |inputs: &[synthetic::Input], start: usize| {
        engine.push_observations(synthetic::batch(&schema, inputs, start));
        engine.drain().expect("in memory");
        engine.snapshot().len()
    };
    let (before, after) = (play(some, 0), play(rest, 5000));
    // The rings are full, so that only what waits has grown.
    let waiting = (after - before) as f64 / rest.len() as f64;
    assert!(waiting < 75.0, "{waiting}");
}
