//! What a window's summary says depends on the events, and not on how they came.

#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
mod synthetic;

mod stream;

use bellwether_monitor::{
    ClosedWindow, Engine, KeptWindows, Reference, StoredLine, TaskCounts, TimelineLine, WindowCutter,
};
use rand::Rng;
use std::sync::Arc;
use stream::{Step, config, eventful, steps_of};
use synthetic::World;

const HOUR_MS: i64 = 3_600_000;
const EVENTS: usize = 2600;

/// An engine and its cutter, with what they have said.
struct Run {
    engine: Engine,
    cutter: WindowCutter,
    lines: Vec<TimelineLine>,
    closed: Vec<ClosedWindow>,
}

impl Run {
    fn new(reference: &Arc<Reference>) -> Self {
        Self {
            engine: Engine::new(Arc::clone(reference), config()),
            cutter: WindowCutter::new(HOUR_MS),
            lines: Vec::new(),
            closed: Vec::new(),
        }
    }

    fn advance(&mut self, watermark_ms: i64) {
        let said = self
            .cutter
            .advance(&mut self.engine, watermark_ms, &mut self.closed);
        self.lines.extend(said.expect("in memory"));
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Advance(watermark_ms) => self.advance(*watermark_ms),
            other => self.lines.extend(other.take(&mut self.engine)),
        }
    }

    fn end(mut self) -> (Vec<TimelineLine>, Vec<ClosedWindow>) {
        let rest = self.cutter.drain(&mut self.engine, &mut self.closed);
        self.lines.extend(rest.expect("in memory"));
        (self.lines, self.closed)
    }
}

/// Every value, missing ones too, which are not equal to themselves.
fn written(windows: &[ClosedWindow]) -> Vec<String> {
    windows.iter().map(|window| format!("{window:?}")).collect()
}

#[test]
fn windows_change_nothing_that_is_said_and_hold_all_of_it() {
    let (reference, steps) = (synthetic::reference(), steps_of(&eventful(EVENTS)));
    let mut plain = Engine::new(Arc::clone(&reference), config());
    let mut said: Vec<TimelineLine> = steps.iter().flat_map(|step| step.take(&mut plain)).collect();
    said.extend(plain.drain().expect("in memory"));

    let mut run = Run::new(&reference);
    for step in &steps {
        run.take(step);
    }
    let (lines, closed) = run.end();
    assert_eq!(lines, said);
    assert!(lines.len() > 20, "something happens in it: {}", lines.len());
    let held: Vec<TimelineLine> = closed
        .iter()
        .flat_map(|w| w.lines.iter().map(StoredLine::line))
        .collect();
    assert_eq!(held, said);

    let (last, complete) = closed.split_last().expect("many windows");
    assert!(!last.is_complete && complete.iter().all(|window| window.is_complete));
    for window in &closed {
        assert_eq!(window.start_ms % HOUR_MS, 0);
        assert_eq!(window.end_ms - window.start_ms, HOUR_MS);
    }
    assert!(closed.windows(2).all(|pair| pair[0].end_ms <= pair[1].start_ms));

    let counts = plain.counts();
    let sum = |of: fn(&ClosedWindow) -> u64| closed.iter().map(of).sum::<u64>();
    assert_eq!(sum(|w| w.counts.observations), counts.observations);
    assert_eq!(sum(|w| w.counts.late_observations), counts.late_observations);
    assert_eq!(
        sum(|w| w.counts.duplicate_observations),
        counts.duplicate_observations
    );
    assert_eq!(sum(|w| w.counts.labels), counts.labels);
    assert_eq!(sum(|w| w.counts.duplicate_labels), counts.duplicate_labels);
    let of_tasks = |window: &ClosedWindow| window.tasks.iter().map(|t| t.observations).sum::<u64>();
    assert!(closed.iter().all(|w| of_tasks(w) == w.counts.observations));

    // Those in which something happened are reported on, the others not.
    for (task, counts) in closed.iter().flat_map(|w| w.status.tasks.iter().zip(&w.tasks)) {
        assert_eq!(
            task.report.as_of_ms > 0,
            *counts != TaskCounts::default(),
            "{task:?}"
        );
    }
}

#[test]
fn turns_may_be_cut_anywhere() {
    let (reference, inputs) = (synthetic::reference(), eventful(EVENTS));
    let schema = synthetic::schema();
    let play = |cut: usize, lateness: usize| {
        let mut run = Run::new(&reference);
        for (n, chunk) in inputs.chunks(cut).enumerate() {
            let start = n * cut;
            run.engine
                .push_observations(synthetic::batch(&schema, chunk, start));
            run.engine.push_labels(synthetic::labels(chunk, start));
            let behind = i64::try_from((start + chunk.len()).saturating_sub(lateness)).expect("short");
            run.advance(behind * 60_000);
        }
        let (lines, closed) = run.end();
        (lines, written(&closed))
    };
    let whole = play(EVENTS, 0);
    assert!(whole.1.len() > 40);
    for (cut, lateness) in [(1, 0), (7, 3), (250, 90), (60, 0)] {
        assert!(
            play(cut, lateness) == whole,
            "turns of {cut}, {lateness} minutes behind"
        );
    }
}

#[test]
fn a_window_goes_on_over_a_restart() {
    let (reference, steps) = (synthetic::reference(), steps_of(&eventful(EVENTS)));
    let mut undisturbed = Run::new(&reference);
    let mut run = Run::new(&reference);
    let mut world = World::new(3);
    for step in &steps {
        undisturbed.take(step);
        run.take(step);
        if world.rng.random_bool(0.1) {
            let kept = postcard::to_allocvec(&run.cutter.kept(&run.engine)).expect("plain values");
            let kept: KeptWindows = postcard::from_bytes(&kept).expect("as written");
            let snapshot = run.engine.snapshot();
            run.engine =
                Engine::restore(Arc::clone(&reference), config(), &snapshot).expect("a sound snapshot");
            run.cutter = WindowCutter::resume(HOUR_MS, &kept, &run.engine);
        }
    }
    let (undisturbed, run) = (undisturbed.end(), run.end());
    assert_eq!(undisturbed.0, run.0);
    assert_eq!(written(&undisturbed.1), written(&run.1));
}

#[test]
fn detectors_that_begin_anew_go_on_counting_in_their_window() {
    let (reference, inputs) = (synthetic::reference(), eventful(50));
    let schema = synthetic::schema();
    let mut run = Run::new(&reference);
    run.engine
        .push_observations(synthetic::batch(&schema, &inputs[..30], 0));
    run.advance(30 * 60_000);
    let kept = run.cutter.kept(&run.engine);
    assert_eq!(kept.closed_to_ms(), None);

    run.engine = Engine::new(Arc::clone(&reference), config());
    run.cutter = WindowCutter::resume(HOUR_MS / 4, &kept, &run.engine);
    run.engine
        .push_observations(synthetic::batch(&schema, &inputs[30..], 30));
    // What is too late for its window is judged in the one that is open.
    run.advance(60 * 60_000);
    run.engine
        .push_observations(synthetic::batch(&schema, &inputs[..1], 1_000_000));
    let (_, closed) = run.end();
    let of = |at: usize| {
        (
            closed[at].start_ms,
            closed[at].end_ms,
            closed[at].counts.observations,
        )
    };
    assert_eq!(of(0), (0, HOUR_MS, 50), "it keeps its end");
    assert_eq!(
        of(1),
        (60_000_000_000 / 900_000 * 900_000, 60_000_300_000, 1),
        "then the new length holds"
    );
}
