//! The material of work sets: the same however the stream is cut, bounded, and without texts that may not be kept.

#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
mod synthetic;

use bellwether_events::{LabelRow, ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId};
use bellwether_monitor::{Engine, KeepText, Known, MonitorConfig, Verdict, WorkMaterial};
use std::sync::Arc;
use synthetic::{Input, World, labels, reference};

const HOUR_MS: i64 = 3_600_000;

fn config() -> MonitorConfig {
    MonitorConfig {
        work_sets: true,
        text_retention_ms: 12 * HOUR_MS,
        ..MonitorConfig::default()
    }
}

/// Keeps the text as it is.
#[derive(Debug)]
struct All;

impl KeepText for All {
    fn keep(&self, text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

/// Ordinary traffic, then a new class in one task.
fn inputs(before: usize, after: usize) -> Vec<Input> {
    let mut world = World::new(5);
    (0..before + after)
        .map(|at| {
            let task = world.any_task();
            if at >= before && task == 1 && at.is_multiple_of(2) {
                let embedding = world.at(1, 7);
                world.unknown(1, embedding)
            } else {
                world.ordinary(task)
            }
        })
        .collect()
}

fn text(at: usize) -> String {
    format!("secret of {at:06}")
}

/// One input a minute, each with a text.
fn batch(schema: &ModelSchema, inputs: &[Input], start: usize) -> ObservationBatch {
    let mut builder = ObservationBatch::builder(schema, inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        let rest = (1.0 - input.confidence) / 3.0;
        let mut probabilities = [rest; 4];
        probabilities[input.predicted as usize] = input.confidence;
        builder.push(&ObservationRow {
            event_id: &format!("e{:06}", start + i),
            task: TaskId(input.task),
            timestamp_ms: minute(start + i),
            text: Some(&text(start + i)),
            embedding: &input.embedding,
            prediction: Prediction::Class(input.predicted),
            probabilities: &probabilities,
            attributes: &[],
            model_version: None,
        });
    }
    builder.finish()
}

fn minute(n: usize) -> i64 {
    60_000 * i64::try_from(n).expect("a short stream")
}

/// Plays in turns of `cut`, and takes a snapshot and goes on from it after each turn where `restarts`.
fn play(inputs: &[Input], cut: usize, keeps: bool, restarts: bool) -> (Engine, Vec<WorkMaterial>) {
    let reference = reference();
    let mut engine = Engine::new(Arc::clone(&reference), config());
    let schema = engine.schema().clone();
    let mut work = Vec::new();
    for (n, chunk) in inputs.chunks(cut).enumerate() {
        if restarts {
            let snapshot = engine.snapshot();
            engine = Engine::restore(Arc::clone(&reference), config(), &snapshot).expect("a sound snapshot");
        }
        if keeps {
            engine.keep_texts(Arc::new(All));
        }
        engine.push_observations(batch(&schema, chunk, n * cut));
        engine.push_labels(labels(chunk, n * cut));
        engine
            .advance(minute((n + 1) * cut) - minute(10))
            .expect("in memory");
        work.extend(engine.take_work());
    }
    engine.drain().expect("in memory");
    work.extend(engine.take_work());
    (engine, work)
}

/// For comparison: NaN is equal to itself as text.
fn told(work: &[WorkMaterial]) -> Vec<String> {
    work.iter().map(|material| format!("{material:?}")).collect()
}

#[test]
fn quiet_streams_have_no_material() {
    let (_, work) = play(&inputs(1500, 0), 60, false, false);
    assert_eq!(work, []);
}

#[test]
fn material_does_not_depend_on_turns_nor_on_restarts() {
    let inputs = inputs(600, 1800);
    let (_, work) = play(&inputs, 60, true, false);
    assert!(work.len() >= 2, "{}", work.len());
    for (cut, restarts) in [(7, false), (1000, false), (60, true), (133, true)] {
        let (_, again) = play(&inputs, cut, true, restarts);
        assert!(
            told(&again) == told(&work),
            "turns of {cut}, restarts: {restarts}"
        );
    }
}

#[test]
fn material_holds_what_is_new_and_grows_by_revisions() {
    let inputs = inputs(600, 4000);
    let (_, work) = play(&inputs, 60, false, false);
    let of_novelty = |m: &&WorkMaterial| matches!(m.verdict, Verdict::ContinualUpdate | Verdict::NewTask);
    let sets: Vec<&WorkMaterial> = work.iter().filter(of_novelty).collect();
    assert!(
        sets.iter().all(|m| m.task.as_deref() == Some("beta")),
        "only there is anything new"
    );
    let last = sets.last().expect("something new");
    let is_new = |id: &str| {
        let at: usize = id[1..].parse().expect("a number");
        inputs[at].label == "__other__"
    };
    let far = |m: &WorkMaterial| {
        m.rows
            .iter()
            .filter(|row| row.p_novelty < 0.03 && is_new(&row.event_id))
            .count()
    };
    let of_alarm: Vec<&&WorkMaterial> = sets.iter().filter(|m| m.said_ms == last.said_ms).collect();
    let revisions: Vec<u32> = of_alarm.iter().map(|m| m.revision).collect();
    assert_eq!(
        revisions,
        (0..u32::try_from(revisions.len()).expect("few")).collect::<Vec<_>>()
    );
    assert!(revisions.len() >= 3, "{revisions:?}");
    for pair in of_alarm.windows(2) {
        assert!(pair[1].taken_ms > pair[0].taken_ms && far(pair[1]) > far(pair[0]));
    }
    // More than the ring has room for: what is far outlasts it.
    assert!(last.rows.len() > 768, "{}", last.rows.len());
    assert!(last.rows.len() <= 768 + 512);
    assert_eq!(last.vectors.len(), last.rows.len() * last.dim);
    for vector in last.vectors.chunks_exact(last.dim) {
        let norm: f32 = vector.iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-3, "{norm}");
    }
    assert!(
        last.rows
            .windows(2)
            .all(|pair| pair[0].timestamp_ms <= pair[1].timestamp_ms)
    );
    let labelled = |known: Known| last.rows.iter().filter(move |row| row.known == known);
    assert!(labelled(Known::OutOfScope).count() > 20 && labelled(Known::InScope).count() > 20);
    assert!(labelled(Known::OutOfScope).all(|row| is_new(&row.event_id)));
    assert!(labelled(Known::InScope).all(|row| !is_new(&row.event_id)));
    assert!(
        last.rows.iter().all(|row| row.text.is_none()),
        "nobody keeps texts"
    );
    assert_eq!(last.tasks.len(), 3);
    assert!(last.tasks.iter().all(|task| task.task != "beta" && !task.moved));
}

#[test]
fn a_fault_of_all_tasks_is_one_set_of_the_model() {
    let mut world = World::new(6);
    let inputs: Vec<Input> = (0..2000)
        .map(|at| {
            let task = world.any_task();
            let mut input = world.ordinary(task);
            if at >= 900 {
                for x in &mut input.embedding[..16] {
                    *x += 0.5;
                }
                if at % 5 < 2 {
                    input.predicted = (input.predicted + 1) % 4;
                    input.confidence = 0.5;
                }
            }
            input
        })
        .collect();
    let (_, work) = play(&inputs, 60, false, false);
    let model = work.iter().find(|m| m.task.is_none()).expect("a common fault");
    assert!(model.shared_encoder && model.verdict == Verdict::Retrain);
    let tasks: std::collections::BTreeSet<&str> = model.rows.iter().map(|row| row.task.as_str()).collect();
    assert_eq!(tasks.len(), 4, "{tasks:?}");
    let later = work.iter().filter(|m| m.said_ms > model.said_ms);
    assert!(
        later.into_iter().all(|m| m.task.is_none()),
        "one cause is one set"
    );
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[test]
fn state_has_a_text_only_where_it_is_kept_and_only_for_so_long() {
    let inputs = inputs(600, 1800);
    let (engine, _) = play(&inputs, 60, false, false);
    assert!(
        !holds(&engine.snapshot(), "secret of"),
        "nothing is kept by default"
    );

    let (engine, work) = play(&inputs, 60, true, false);
    let snapshot = engine.snapshot();
    let last = inputs.len() - 1;
    assert!(holds(&snapshot, &text(last)));
    // Forgotten once an hour: thirteen hours are the longest that a text stays.
    for at in 0..last - 13 * 60 {
        assert!(!holds(&snapshot, &text(at)), "{at} is older than the retention");
    }
    for material in &work {
        for row in &material.rows {
            let is_young = row.timestamp_ms >= material.taken_ms - 12 * HOUR_MS;
            assert_eq!(row.text.is_some(), is_young, "{}", row.event_id);
        }
    }
    // Also what waits behind the watermark.
    let mut engine = Engine::new(reference(), config());
    let schema = engine.schema().clone();
    engine.push_observations(batch(&schema, &inputs[..5], 0));
    assert!(!holds(&engine.snapshot(), "secret of"));
    engine.keep_texts(Arc::new(All));
    engine.push_observations(batch(&schema, &inputs[5..10], 5));
    assert!(holds(&engine.snapshot(), &text(7)) && !holds(&engine.snapshot(), &text(3)));
    engine.push_labels(Vec::<LabelRow>::new());
}

#[test]
fn a_map_has_texts_only_where_they_are_kept_and_no_longer_than_they_may() {
    let inputs = inputs(600, 600);
    let texts = |engine: &Engine| -> Vec<(i64, String)> {
        let tasks = engine.status().tasks;
        let points = tasks
            .iter()
            .flat_map(|t| t.drift.map.iter().flat_map(|m| m.now.clone()));
        points.filter_map(|p| Some((p.timestamp_ms, p.text?))).collect()
    };
    let (engine, _) = play(&inputs, 60, false, false);
    assert!(texts(&engine).is_empty(), "nothing is kept by default");
    let (mut engine, _) = play(&inputs, 60, true, false);
    let shown = texts(&engine);
    assert!(shown.len() > 100);
    for (at_ms, shown) in &shown {
        assert_eq!(*shown, text(usize::try_from(at_ms / 60_000).expect("a minute")));
    }
    // One task goes on for longer than texts may be kept; the reports at hand of the others are made anew.
    let mut reports = bellwether_monitor::TaskReports::new();
    engine.status_reusing(&mut reports);
    let mut world = World::new(6);
    let more: Vec<Input> = (0..900).map(|_| world.ordinary(0)).collect();
    let schema = engine.schema().clone();
    engine.push_observations(batch(&schema, &more, inputs.len()));
    engine.drain().expect("in memory");
    let mut status = engine.status_reusing(&mut reports);
    for _ in 0..4 {
        status = engine.status_reusing(&mut reports);
    }
    for task in &status.tasks[1..] {
        let map = task.drift.map.as_ref().expect("a map");
        assert!(
            map.now.iter().all(|p| p.text.is_none()),
            "{} keeps texts too long",
            task.task
        );
    }
}
