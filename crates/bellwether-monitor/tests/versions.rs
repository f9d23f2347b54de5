//! An update of the model that helps one task and harms another is seen, by labels, in whom it harms and in nobody else.

mod synthetic;

use bellwether_monitor::{
    Engine, ForgettingConfig, MonitorConfig, Reference, TaskForgetting, TaskStatus, TimelineLine, Verdict,
};
use rand::Rng;
use std::sync::Arc;
use synthetic::{Input, TASKS, World, batch, labels, play, play_with, reference};

/// Ordinary traffic of a version.
fn of_version(world: &mut World, version: &'static str) -> Input {
    let task = world.any_task();
    Input {
        version: Some(version),
        ..world.ordinary(task)
    }
}

/// The head answers wrong with an even chance where it was nearly always right, as sure of itself as ever.
fn harmed(world: &mut World, mut input: Input) -> Input {
    if world.rng.random_bool(0.5) {
        input.predicted = (input.predicted + 1) % 4;
    }
    input
}

/// Traffic of `v1`, then of `v2`, whose share grows to one within `rollout` inputs and which harms the tasks of `harm`.
fn deployment(seed: u64, before: usize, rollout: usize, after: usize, harm: &[u16]) -> Vec<Input> {
    let mut world = World::new(seed);
    (0..before + after)
        .map(|at| {
            let share = ((at as f64 - before as f64) / rollout.max(1) as f64).clamp(0.0, 1.0);
            let new = at >= before && world.rng.random_bool(share);
            let input = of_version(&mut world, if new { "v2" } else { "v1" });
            if new && harm.contains(&input.task) {
                harmed(&mut world, input)
            } else {
                input
            }
        })
        .collect()
}

fn task(engine: &Engine, name: &str) -> TaskStatus {
    let status = engine.status();
    status
        .tasks
        .into_iter()
        .find(|t| t.task == name)
        .expect("a known task")
}

fn watch(engine: &Engine, name: &str) -> TaskForgetting {
    task(engine, name).forgetting.expect("a watch is there")
}

fn lines_of<'a>(lines: &'a [TimelineLine], name: &str) -> Vec<&'a TimelineLine> {
    lines.iter().filter(|l| l.task.as_deref() == Some(name)).collect()
}

#[test]
fn an_update_that_silently_harms_another_task_is_found_there_and_only_there() {
    let inputs = deployment(40, 3000, 300, 3000, &[1]);
    let (engine, lines) = play(&reference(), &inputs, 500, true);
    assert_eq!(task(&engine, "beta").verdict, Verdict::Retrain);
    let found = watch(&engine, "beta");
    assert!(
        found.forgotten && found.left_alone && found.outcome == "worse",
        "{found:?}"
    );
    assert_eq!(found.baseline, "past");
    let last = lines_of(&lines, "beta").last().copied().expect("a line");
    assert!(
        last.summary.contains("forgotten under model_version v2"),
        "{}",
        last.summary
    );
    assert_eq!(last.evidence["forgetting"]["previous_version"], "v1");
    let alarms = lines_of(&lines, "beta")
        .into_iter()
        .filter(|l| l.verdict == Some(Verdict::Retrain));
    assert!(alarms.count() <= 2, "said once by each of two causes at most");
    for other in ["alpha", "delta", "gamma"] {
        assert_eq!(task(&engine, other).verdict, Verdict::Healthy, "{other}");
        assert!(!watch(&engine, other).forgotten, "{other}");
    }
    let status = engine.status().forgetting.expect("a watch is there");
    assert_eq!(
        (
            status.model_version.as_str(),
            status.previous_version.as_deref(),
            status.ended
        ),
        ("v2", Some("v1"), None)
    );
    assert!(status.summary.contains("forgotten: beta"), "{}", status.summary);
    assert!(status.share > 0.8 && status.share < 1.0, "{}", status.share);
}

#[test]
fn a_canary_that_harms_is_found_while_the_task_as_a_whole_looks_well() {
    // A tenth of the traffic: the task's loss rises by a twentieth, the canary's by a half.
    let mut world = World::new(41);
    let inputs: Vec<Input> = (0..9000)
        .map(|at| {
            let new = at > 3000 && world.rng.random_bool(0.1);
            let input = of_version(&mut world, if new { "v2" } else { "v1" });
            if new && input.task == 2 {
                harmed(&mut world, input)
            } else {
                input
            }
        })
        .collect();
    let (engine, _) = play(&reference(), &inputs, 500, true);
    assert!(watch(&engine, "delta").forgotten);
    assert_eq!(task(&engine, "delta").verdict, Verdict::Retrain);
    for signal in task(&engine, "delta").signals {
        assert!(!signal.active, "{} stands by itself", signal.signal);
    }
}

#[test]
fn a_harmless_update_is_called_harmless_once_there_are_labels_enough() {
    let inputs = deployment(42, 3000, 200, 5000, &[]);
    let (engine, lines) = play(&reference(), &inputs, 500, true);
    for name in TASKS {
        let found = watch(&engine, name);
        assert!(matches!(found.outcome, "kept" | "better"), "{name}: {found:?}");
        assert_eq!((found.labels_missing, found.forgotten), (None, false), "{name}");
        assert_eq!(task(&engine, name).verdict, Verdict::Healthy, "{name}");
    }
    assert!(lines.iter().all(|l| l.verdict.is_none_or(|v| !v.is_alarm())));
}

#[test]
fn without_labels_it_says_how_many_are_missing_and_a_fall_of_confidence_is_watched() {
    let mut world = World::new(43);
    let inputs: Vec<Input> = (0..6000)
        .map(|at| {
            let mut input = of_version(&mut world, if at < 3000 { "v1" } else { "v2" });
            if at >= 3000 && input.task == 0 {
                input.confidence -= 0.1;
            }
            input
        })
        .collect();
    // So long a run length that the detectors are silent: what is said is the watch's.
    let config = MonitorConfig {
        average_run_length: 1e30,
        watch_run_length: 1e30,
        ..MonitorConfig::default()
    };
    let (engine, lines) = play_with(&reference(), config, &inputs, 500, false);
    let found = watch(&engine, "alpha");
    assert!(found.doubtful && found.outcome == "undecided", "{found:?}");
    assert_eq!(found.baseline, "reference", "there is no label of its own");
    assert!(found.labels_missing.is_some_and(|n| n > 20), "{found:?}");
    let (alpha, beta) = (task(&engine, "alpha"), task(&engine, "beta"));
    assert_eq!((alpha.verdict, beta.verdict), (Verdict::Watch, Verdict::Healthy));
    let said = lines_of(&lines, "alpha").last().map(|l| l.summary.clone());
    assert!(
        said.as_ref()
            .is_some_and(|s| s.contains("less confident under model_version v2")),
        "{said:?}"
    );
}

#[test]
fn the_task_that_the_update_was_for_is_told_from_those_left_alone() {
    // Labels of beta change their meaning, v2 puts that right and harms gamma.
    let mut world = World::new(44);
    let inputs: Vec<Input> = (0..10_000)
        .map(|at| {
            let new = at >= 6000;
            let mut input = of_version(&mut world, if new { "v2" } else { "v1" });
            if at >= 2000 && input.task == 1 && input.label == "c0" {
                input.label = "c1".to_owned();
                if new {
                    input.predicted = 1;
                }
            }
            if new && input.task == 3 {
                harmed(&mut world, input)
            } else {
                input
            }
        })
        .collect();
    let (engine, _) = play(&reference(), &inputs, 500, true);
    let (aim, forgotten) = (watch(&engine, "beta"), watch(&engine, "gamma"));
    assert!(!aim.left_alone && aim.outcome == "better", "{aim:?}");
    assert!(forgotten.left_alone && forgotten.forgotten, "{forgotten:?}");
    let status = engine.status().forgetting.expect("a watch is there");
    assert!(
        status.summary.contains("forgotten: gamma") && status.summary.contains("better: beta"),
        "{}",
        status.summary
    );
}

#[test]
fn a_version_that_is_withdrawn_takes_its_finding_with_it() {
    let mut inputs = deployment(45, 3000, 100, 2000, &[0]);
    let mut world = World::new(46);
    inputs.extend((0..3000).map(|_| of_version(&mut world, "v1")));
    let (engine, lines) = play(&reference(), &inputs, 500, true);
    assert!(
        lines_of(&lines, "alpha")
            .iter()
            .any(|l| l.verdict == Some(Verdict::Retrain)),
        "it was found"
    );
    let status = engine.status().forgetting.expect("a watch is there");
    assert_eq!(status.ended, Some("withdrawn"), "{status:?}");
    assert_eq!(task(&engine, "alpha").verdict, Verdict::Healthy);

    // What comes next is measured against the version that stayed.
    inputs.extend((0..400).map(|_| of_version(&mut world, "v3")));
    let status = play(&reference(), &inputs, 500, true)
        .0
        .status()
        .forgetting
        .expect("a watch is there");
    assert_eq!(
        (status.model_version.as_str(), status.previous_version.as_deref()),
        ("v3", Some("v1"))
    );
}

#[test]
fn a_task_with_versions_of_its_own_is_split_at_the_time_of_the_change() {
    let mut world = World::new(47);
    let inputs: Vec<Input> = (0..7000)
        .map(|at| {
            let new = at >= 3000;
            let mut input = of_version(&mut world, "");
            input.version = Some(match (input.task, new) {
                (0, false) => "alpha-1",
                (0, true) => "alpha-2",
                (1, _) => "beta-7",
                (2, _) => "delta-4",
                _ => "gamma-1",
            });
            if new && input.task == 2 {
                harmed(&mut world, input)
            } else {
                input
            }
        })
        .collect();
    let (engine, _) = play(&reference(), &inputs, 500, true);
    let status = engine.status().forgetting.expect("a watch is there");
    assert_eq!(status.model_version, "alpha-2");
    assert!(watch(&engine, "delta").forgotten);
    assert!(!watch(&engine, "beta").forgotten && !watch(&engine, "alpha").forgotten);
}

#[test]
fn the_first_version_and_streams_without_versions_open_no_watch() {
    let mut world = World::new(48);
    let first: Vec<Input> = (0..2000).map(|_| of_version(&mut world, "v1")).collect();
    let none: Vec<Input> = (0..2000)
        .map(|_| {
            let task = world.any_task();
            world.ordinary(task)
        })
        .collect();
    // Fewer than are needed to be in force.
    let mut stray = first.clone();
    for input in stray.iter_mut().skip(1000).step_by(100) {
        input.version = Some("typo");
    }
    for inputs in [first, none, stray] {
        let (engine, _) = play(&reference(), &inputs, 500, true);
        assert_eq!(engine.status().forgetting, None);
        assert!(engine.status().tasks.iter().all(|t| t.forgetting.is_none()));
    }
}

#[test]
fn a_name_for_every_event_opens_nothing_and_stays_bounded() {
    let mut world = World::new(49);
    let names: Vec<&'static str> = (0..1500).map(|i| &*format!("build-{i}").leak()).collect();
    let inputs: Vec<Input> = names
        .into_iter()
        .map(|name| of_version(&mut world, name))
        .collect();
    let (engine, _) = play(&reference(), &inputs, 500, true);
    assert_eq!(engine.status().forgetting, None);
}

#[test]
fn a_reference_of_another_version_is_what_the_first_version_is_measured_against() {
    let of_v1 = synthetic::reference_of(|_, input| input.version = Some("v1"));
    assert_eq!(of_v1.manifest().model_version.as_deref(), Some("v1"));
    let mut world = World::new(50);
    let inputs: Vec<Input> = (0..4000)
        .map(|_| {
            let input = of_version(&mut world, "v2");
            if input.task == 1 {
                harmed(&mut world, input)
            } else {
                input
            }
        })
        .collect();
    let (engine, _) = play(&of_v1, &inputs, 500, true);
    let found = watch(&engine, "beta");
    assert!(found.forgotten && found.baseline == "reference", "{found:?}");
    let same: Vec<Input> = inputs
        .iter()
        .cloned()
        .map(|i| Input {
            version: Some("v1"),
            ..i
        })
        .collect();
    assert_eq!(play(&of_v1, &same, 500, true).0.status().forgetting, None);
}

#[test]
fn labels_that_no_head_could_give_are_not_the_updates_fault() {
    let mut world = World::new(53);
    let inputs: Vec<Input> = (0..6000)
        .map(|at| {
            let new = at >= 3000;
            let mut input = of_version(&mut world, "v1");
            if new && input.task == 0 && world.rng.random_bool(0.3) {
                let embedding = world.at(0, 21);
                input = world.unknown(0, embedding);
            }
            input.version = Some(if new { "v2" } else { "v1" });
            input
        })
        .collect();
    let (engine, _) = play(&reference(), &inputs, 500, true);
    let found = watch(&engine, "alpha");
    assert!(found.outcome != "worse", "{found:?}");
}

#[test]
fn the_watch_ends_after_its_time_and_can_be_turned_off() {
    let inputs = deployment(51, 3000, 100, 3000, &[1]);
    let with = |watch_for_ms| MonitorConfig {
        forgetting: ForgettingConfig {
            watch_for_ms,
            ..ForgettingConfig::default()
        },
        ..MonitorConfig::default()
    };
    let (engine, _) = play_with(&reference(), with(12 * 3_600_000), &inputs, 500, true);
    let status = engine.status().forgetting.expect("a watch is there");
    assert_eq!(status.ended, Some("time"), "{status:?}");
    let (engine, _) = play_with(&reference(), with(0), &inputs, 500, true);
    assert_eq!(engine.status().forgetting, None);
}

#[test]
fn how_the_stream_is_cut_into_batches_does_not_matter() {
    let reference = reference();
    let inputs = deployment(52, 2500, 400, 2000, &[3]);
    let once = play(&reference, &inputs, 500, true).1;
    assert_eq!(once, play(&reference, &inputs, 37, true).1);
    assert!(once.iter().any(|l| l.verdict == Some(Verdict::Retrain)));
}

/// One watch a seed: with no harm, how often is any task called worse, and with harm, how soon is the right one?
fn watches(
    reference: &Arc<Reference>,
    seeds: std::ops::Range<u64>,
    harm: &[u16],
) -> Vec<Vec<TaskForgetting>> {
    seeds
        .map(|seed| {
            let inputs = deployment(seed, 1600, 100, 1400, harm);
            let mut engine = Engine::new(Arc::clone(reference), MonitorConfig::default());
            let schema = engine.schema().clone();
            engine.push_observations(batch(&schema, &inputs, 0));
            engine.push_labels(labels(&inputs, 0));
            engine.drain().expect("in memory");
            let status = engine.status();
            status.tasks.into_iter().filter_map(|t| t.forgetting).collect()
        })
        .collect()
}

#[test]
fn an_update_without_harm_is_rarely_called_harmful_60_updates() {
    let reference = reference();
    let found = watches(&reference, 1000..1060, &[]);
    let worse = found
        .iter()
        .filter(|tasks| tasks.iter().any(|t| t.outcome == "worse"))
        .count();
    // At a rate of 0.01 an update, three or more of sixty have a probability of 2 %.
    assert!(worse <= 2, "{worse} of 60");
}

#[test]
fn an_update_that_makes_half_of_a_tasks_answers_wrong_is_found_12_updates() {
    let reference = reference();
    let found = watches(&reference, 2000..2012, &[2]);
    for tasks in &found {
        assert_eq!(tasks[2].outcome, "worse", "{:?}", tasks[2]);
    }
}
