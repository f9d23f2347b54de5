//! A class mix that follows the hour is normal where the reference has it so.

#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
mod synthetic;

use bellwether_monitor::{Engine, MonitorConfig, Reference, Seasons, Verdict, build};
use rand::Rng;
use std::sync::Arc;
use synthetic::{Input, World, batch, batch_every, schema};

const MINUTES_A_DAY: usize = 24 * 60;
/// Minutes between two events of the stream.
const STEP: usize = 5;

/// By day mostly the first class of alpha, by night mostly the last.
fn of_hour(world: &mut World, night: bool) -> Input {
    let common = if night { 3 } else { 0 };
    let class = if world.rng.random_bool(0.85) {
        common
    } else {
        world.rng.random_range(0..4)
    };
    world.of_class(0, class)
}

fn is_night(minute: usize) -> bool {
    !(6 * 60..18 * 60).contains(&(minute % MINUTES_A_DAY))
}

/// A week of alpha by its hours, and the other tasks as ever.
fn seasonal_reference(config: &MonitorConfig) -> Arc<Reference> {
    let (schema, mut world) = (schema(), World::new(1));
    let minutes = 7 * MINUTES_A_DAY;
    let inputs: Vec<Input> = (0..minutes)
        .step_by(6)
        .map(|minute| match minute / 6 % 4 {
            0 => of_hour(&mut world, is_night(minute)),
            task => world.ordinary(u16::try_from(task).expect("one of four")),
        })
        .collect();
    let truth: Vec<String> = inputs.iter().map(|input| input.label.clone()).collect();
    let batch = batch_every(&schema, &inputs, 0, 6);
    let (manifest, rows) = build(&schema, &batch, &truth, None).expect("a sound reference");
    Arc::new(Reference::assemble(manifest, &rows, config).expect("a sound reference"))
}

/// Verdicts of alpha on `days` of traffic by its hours, day and night turned round from minute `swap` on.
fn verdicts(config: &MonitorConfig, seed: u64, days: usize, swap: usize) -> (Engine, Vec<Verdict>) {
    let mut world = World::new(seed);
    let mut engine = Engine::new(seasonal_reference(config), config.clone());
    let schema = engine.schema().clone();
    let mut seen = Vec::new();
    for day in 0..days {
        let start = day * MINUTES_A_DAY;
        let inputs: Vec<Input> = (start..start + MINUTES_A_DAY)
            .step_by(STEP)
            .map(|minute| of_hour(&mut world, is_night(minute) != (minute >= swap)))
            .collect();
        engine.push_observations(batch_every(&schema, &inputs, start, STEP));
        let lines = engine.drain().expect("in memory");
        seen.extend(
            lines
                .iter()
                .filter(|l| l.task.is_some())
                .filter_map(|l| l.verdict),
        );
    }
    (engine, seen)
}

#[test]
fn the_regular_night_is_no_alarm_and_its_mix_at_noon_is() {
    let config = MonitorConfig::default();
    for seed in 0..3 {
        let (engine, quiet) = verdicts(&config, 300 + seed, 10, usize::MAX);
        assert!(
            quiet.iter().all(|&v| v == Verdict::Healthy),
            "seed {seed}: {quiet:?}"
        );
        assert_eq!(engine.status().tasks[0].drift.season, Some("quarters of the day"));
        let (_, swapped) = verdicts(&config, 310 + seed, 10, 6 * MINUTES_A_DAY);
        assert!(swapped.contains(&Verdict::Watch), "seed {seed}: {swapped:?}");
        assert_eq!(swapped[0], Verdict::Healthy, "not before it happens");
    }
}

#[test]
fn without_seasons_the_night_is_a_change_of_mix() {
    let off = MonitorConfig {
        seasons: Seasons::Off,
        ..MonitorConfig::default()
    };
    let (engine, seen) = verdicts(&off, 320, 4, usize::MAX);
    assert!(seen.contains(&Verdict::Watch), "{seen:?}");
    assert_eq!(engine.status().tasks[0].drift.season, None);
}

#[test]
fn a_reference_of_an_earlier_version_has_no_seasons_and_no_event_ids() {
    let (schema, mut world) = (schema(), World::new(2));
    let inputs: Vec<Input> = (0..1600).map(|i| world.ordinary(i % 4)).collect();
    let truth: Vec<String> = inputs.iter().map(|input| input.label.clone()).collect();
    let (manifest, mut rows) =
        build(&schema, &batch(&schema, &inputs, 0), &truth, None).expect("a sound reference");
    rows.timestamp_ms.clear();
    rows.event_id.clear();
    let config = MonitorConfig::default();
    let reference = Arc::new(Reference::assemble(manifest.clone(), &rows, &config).expect("still read"));
    let inputs: Vec<Input> = (0..400).map(|_| world.ordinary(0)).collect();
    let (engine, _) = synthetic::play(&reference, &inputs, 100, false);
    let report = engine.status().tasks.swap_remove(0).drift;
    assert_eq!(report.season, None);
    assert!(
        report
            .direction
            .expect("a direction")
            .reference_examples
            .is_empty()
    );
    rows.timestamp_ms = vec![0; 3];
    assert!(
        Reference::assemble(manifest, &rows, &config).is_err(),
        "columns of other lengths"
    );
}
