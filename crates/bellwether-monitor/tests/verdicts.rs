//! Every verdict can be reached, by the cause it stands for, and by no other.

mod synthetic;

use bellwether_monitor::{Engine, Verdict};
use rand::Rng;
use synthetic::{Input, TASKS, World, play, reference};

/// What stands for a task at the end.
fn verdict(engine: &Engine, task: &str) -> Verdict {
    engine
        .status()
        .tasks
        .iter()
        .find(|t| t.task == task)
        .map(|t| t.verdict)
        .expect("a known task")
}

/// Ordinary traffic, then traffic whose cause `change` makes.
fn stream(seed: u64, before: usize, after: usize, change: impl Fn(&mut World) -> Input) -> Vec<Input> {
    let mut world = World::new(seed);
    let mut inputs: Vec<Input> = (0..before)
        .map(|_| {
            let task = world.any_task();
            world.ordinary(task)
        })
        .collect();
    inputs.extend((0..after).map(|_| change(&mut world)));
    inputs
}

fn ordinary_but(task: u16, world: &mut World, change: impl Fn(&mut World) -> Input) -> Input {
    let drawn = world.any_task();
    if drawn == task {
        change(world)
    } else {
        world.ordinary(drawn)
    }
}

fn others_stay_healthy(engine: &Engine, but: &str) {
    for task in TASKS.into_iter().filter(|t| *t != but) {
        assert_eq!(verdict(engine, task), Verdict::Healthy, "{task}");
    }
}

#[test]
fn few_observations_are_unknown() {
    let (engine, lines) = play(&reference(), &stream(2, 60, 0, |w| w.ordinary(0)), 60, true);
    assert!(
        TASKS
            .into_iter()
            .all(|task| verdict(&engine, task) == Verdict::Unknown)
    );
    assert!(lines.is_empty());
}

#[test]
fn quiet_streams_stay_healthy() {
    let reference = reference();
    for seed in 10..14 {
        let (engine, lines) = play(&reference, &stream(seed, 8000, 0, |w| w.ordinary(0)), 500, true);
        assert!(
            TASKS
                .into_iter()
                .all(|task| verdict(&engine, task) == Verdict::Healthy),
            "seed {seed}"
        );
        assert!(
            lines
                .iter()
                .all(|l| l.verdict == Some(Verdict::Healthy) && !l.shared_encoder),
            "seed {seed}"
        );
    }
}

#[test]
fn a_change_of_mix_alone_is_watched() {
    let inputs = stream(3, 2000, 3000, |w| {
        ordinary_but(0, w, |w| {
            let class = u32::from(w.rng.random_bool(0.2));
            w.of_class(0, class)
        })
    });
    let (engine, _) = play(&reference(), &inputs, 500, true);
    assert_eq!(verdict(&engine, "alpha"), Verdict::Watch);
    others_stay_healthy(&engine, "alpha");
}

#[test]
fn labels_that_change_their_meaning_ask_for_retraining() {
    let inputs = stream(4, 2000, 3000, |w| {
        ordinary_but(1, w, |w| {
            let mut input = w.ordinary(1);
            if input.label == "c0" {
                input.label = "c1".to_owned();
            }
            input
        })
    });
    let (engine, _) = play(&reference(), &inputs, 500, true);
    assert_eq!(verdict(&engine, "beta"), Verdict::Retrain);
    others_stay_healthy(&engine, "beta");
}

#[test]
fn new_classes_in_a_task_ask_for_a_continual_update() {
    let inputs = stream(5, 2000, 4000, |w| {
        ordinary_but(2, w, |w| {
            if w.rng.random_bool(0.25) {
                let class = w.rng.random_range(20..22);
                let embedding = w.at(2, class);
                w.unknown(2, embedding)
            } else {
                w.ordinary(2)
            }
        })
    });
    let (engine, _) = play(&reference(), &inputs, 500, true);
    assert_eq!(verdict(&engine, "delta"), Verdict::ContinualUpdate);
    others_stay_healthy(&engine, "delta");
}

#[test]
fn a_new_kind_of_request_asks_for_a_new_task() {
    let inputs = stream(6, 2000, 4000, |w| {
        ordinary_but(3, w, |w| {
            if w.rng.random_bool(0.3) {
                // The cloud of a task that does not exist.
                let class = w.rng.random_range(0..3);
                let embedding = w.at(9, class);
                w.unknown(3, embedding)
            } else {
                w.ordinary(3)
            }
        })
    });
    let (engine, lines) = play(&reference(), &inputs, 500, true);
    assert_eq!(verdict(&engine, "gamma"), Verdict::NewTask);
    others_stay_healthy(&engine, "gamma");
    assert!(
        lines
            .iter()
            .any(|l| l.task.is_none() && l.verdict == Some(Verdict::NewTask)),
        "the model says so too"
    );
}

#[test]
fn traffic_of_another_task_is_misrouted_and_only_watched() {
    let inputs = stream(7, 2000, 4000, |w| {
        ordinary_but(0, w, |w| {
            if w.rng.random_bool(0.25) {
                let class = w.rng.random_range(0..4);
                let embedding = w.at(1, class);
                w.unknown(0, embedding)
            } else {
                w.ordinary(0)
            }
        })
    });
    let (engine, _) = play(&reference(), &inputs, 500, false);
    assert_eq!(verdict(&engine, "alpha"), Verdict::Watch);
    let status = engine.status();
    assert_eq!(status.tasks[0].novelty.misrouted_to.as_deref(), Some("beta"));
}

#[test]
fn a_shift_common_to_all_tasks_is_one_incident_and_ends() {
    let shift: Vec<f32> = World::new(77).at(20, 0);
    let mut inputs = stream(8, 2000, 1500, |w| {
        let task = w.any_task();
        let mut input = w.ordinary(task);
        for (x, s) in input.embedding.iter_mut().zip(&shift) {
            *x += 0.9 * s;
        }
        input
    });
    let (engine, lines) = play(&reference(), &inputs, 500, true);
    assert!(engine.status().shared_encoder);
    assert_eq!(
        lines
            .iter()
            .filter(|l| l.task.is_none() && l.shared_encoder)
            .count(),
        1,
        "one incident"
    );
    assert!(
        lines.iter().all(|l| l.verdict.is_none_or(|v| !v.is_alarm())),
        "quality holds"
    );

    inputs.extend(stream(9, 2500, 0, |w| w.ordinary(0)));
    let (engine, _) = play(&reference(), &inputs, 500, true);
    assert!(!engine.status().shared_encoder);
    assert!(
        TASKS
            .into_iter()
            .all(|task| verdict(&engine, task) == Verdict::Healthy)
    );
}
