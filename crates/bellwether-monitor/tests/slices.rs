//! A fall in one slice is seen and named, and slices cry no wolf.

mod synthetic;

use bellwether_monitor::{Engine, MonitorConfig, SliceStatus, TaskStatus, TimelineLine, Verdict};
use rand::Rng;
use synthetic::{Input, World, play, play_with, reference, reference_of};

/// One of five languages, each a fifth of the traffic.
const LANGUAGES: [&str; 5] = ["de", "en", "es", "fr", "it"];

fn speak(world: &mut World, input: &mut Input) {
    let language = LANGUAGES[world.rng.random_range(0..LANGUAGES.len())];
    input.attributes = vec![("language".to_owned(), language.to_owned())];
}

/// Labels one input as the class beyond the true one: the prediction is wrong now.
fn mislabel(input: &mut Input) {
    let truth: u32 = input.label[1..].parse().expect("a class");
    input.label = format!("c{}", (truth + 1) % 4);
}

fn is_german(input: &Input) -> bool {
    input.attributes.iter().any(|(_, value)| value == "de")
}

/// Ordinary traffic of task `alpha` and the others, each input changed by `dress` with its number.
fn stream(seed: u64, n: usize, dress: impl Fn(&mut World, &mut Input, usize)) -> Vec<Input> {
    let mut world = World::new(seed);
    (0..n)
        .map(|i| {
            let task = world.any_task();
            let mut input = world.ordinary(task);
            dress(&mut world, &mut input, i);
            input
        })
        .collect()
}

fn alpha(engine: &Engine) -> TaskStatus {
    engine.status().tasks.swap_remove(0)
}

fn standing(task: &TaskStatus) -> Vec<(&str, &str)> {
    let active = |slice: &&SliceStatus| slice.signals.iter().any(|s| s.active);
    task.slices
        .iter()
        .filter(active)
        .map(|slice| (slice.attribute.as_str(), slice.value.as_str()))
        .collect()
}

/// A quarter of the German answers of `alpha` become wrong after 3,000 inputs.
fn german_falls(seed: u64) -> Vec<Input> {
    stream(seed, 12_000, |world, input, i| {
        speak(world, input);
        if i >= 3000 && input.task == 0 && is_german(input) && world.rng.random_bool(0.25) {
            mislabel(input);
        }
    })
}

fn alarms(lines: &[TimelineLine]) -> Vec<&TimelineLine> {
    lines
        .iter()
        .filter(|l| l.verdict.is_some_and(Verdict::is_alarm))
        .collect()
}

#[test]
fn a_fall_in_one_slice_is_found_and_named_while_the_task_hardly_moves() {
    let (engine, lines) = play(&reference_of(speak), &german_falls(41), 500, true);
    let alarms = alarms(&lines);
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    let line = alarms[0];
    assert_eq!(line.task.as_deref(), Some("alpha"));
    assert_eq!(line.verdict, Some(Verdict::Retrain));
    assert!(
        line.summary.contains("accuracy falls where language = de: 0."),
        "{}",
        line.summary
    );
    let slices = line.evidence["slices"]
        .as_array()
        .expect("slices in the evidence");
    assert_eq!(slices.len(), 1, "{slices:?}");
    assert_eq!(slices[0]["value"], "de");
    assert_eq!(slices[0]["signal"], "loss");
    let (now, then) = (&slices[0]["current"], &slices[0]["reference"]);
    assert!(
        now.as_f64().expect("a number") > then.as_f64().expect("a number") + 0.08,
        "{now} {then}"
    );

    let task = alpha(&engine);
    assert_eq!(standing(&task), [("language", "de")]);
    assert!(
        task.signals
            .iter()
            .all(|s| !s.active || s.signal == "loss_warning"),
        "the task as a whole hardly moves"
    );
    assert!(task.quality.current.expect("labels").value > 0.85);
}

#[test]
fn without_its_slices_the_same_fall_is_not_found() {
    let config = MonitorConfig {
        max_slices: 0,
        ..MonitorConfig::default()
    };
    let (engine, lines) = play_with(&reference_of(speak), config, &german_falls(41), 500, true);
    assert!(alarms(&lines).is_empty());
    assert!(alpha(&engine).slices.is_empty());
}

#[test]
fn null_streams_of_three_attributes_of_ten_values_raise_no_slice() {
    let dress = |world: &mut World, input: &mut Input| {
        input.attributes = ["channel", "client", "language"]
            .into_iter()
            .map(|name| (name.to_owned(), format!("v{}", world.rng.random_range(0..10))))
            .collect();
    };
    // Once with a reference that knows no attribute, once with one in which some values are large enough.
    for (reference, seeds) in [(reference(), 50..53), (reference_of(dress), 53..56)] {
        for seed in seeds {
            let inputs = stream(seed, 8000, |world, input, _| dress(world, input));
            let (engine, lines) = play(&reference, &inputs, 500, true);
            assert!(
                lines.iter().all(|l| l.verdict == Some(Verdict::Healthy)),
                "seed {seed}: {lines:?}"
            );
            for task in engine.status().tasks {
                assert_eq!(task.slices.len(), 30, "seed {seed}");
                assert!(standing(&task).is_empty(), "seed {seed}: {:?}", standing(&task));
            }
        }
    }
}

#[test]
fn a_slice_that_was_always_worse_raises_nothing_and_one_new_and_worse_does() {
    let worse = |world: &mut World, input: &mut Input| {
        speak(world, input);
        if is_german(input) && world.rng.random_bool(0.3) {
            mislabel(input);
            input.confidence = 0.55;
        }
    };
    let inputs = stream(60, 8000, |world, input, _| worse(world, input));
    let (engine, lines) = play(&reference_of(worse), &inputs, 500, true);
    assert!(alarms(&lines).is_empty(), "{lines:?}");
    assert!(standing(&alpha(&engine)).is_empty());

    let (engine, lines) = play(&reference_of(speak), &inputs, 500, true);
    assert!(!alarms(&lines).is_empty());
    assert_eq!(standing(&alpha(&engine)), [("language", "de")]);
}

#[test]
fn what_is_watched_is_bounded_and_what_is_not_is_counted() {
    let inputs = stream(70, 3000, |_, input, i| {
        input.attributes = (0..6)
            .map(|a| (format!("a{a}"), format!("v{}", i % 97)))
            .collect();
        input.attributes.push(("a0".to_owned(), "x".repeat(1000)));
    });
    let (engine, _) = play(&reference(), &inputs, 500, false);
    let task = alpha(&engine);
    assert_eq!(task.slices.len(), 30, "ten values of each of the first three");
    assert!(
        task.slices
            .iter()
            .all(|s| ["a0", "a1", "a2"].contains(&s.attribute.as_str()))
    );
    assert!(task.unwatched_slice_values > 0);

    let config = MonitorConfig {
        slice_attributes: vec!["a5".to_owned()],
        max_slices: 7,
        ..MonitorConfig::default()
    };
    let (engine, _) = play_with(&reference(), config, &inputs, 500, false);
    let task = alpha(&engine);
    assert_eq!(task.slices.len(), 7);
    assert!(task.slices.iter().all(|s| s.attribute == "a5"));
}

#[test]
fn slices_do_not_depend_on_how_the_stream_is_cut() {
    let (reference, inputs) = (reference_of(speak), german_falls(41));
    let (one, lines) = play(&reference, &inputs, 500, true);
    let (other, again) = play(&reference, &inputs, 12_000, true);
    assert_eq!(lines, again);
    assert_eq!(alpha(&one).slices, alpha(&other).slices);
}

#[test]
fn strange_inputs_in_one_slice_are_watched() {
    let inputs = stream(80, 12_000, |world, input, i| {
        speak(world, input);
        if i >= 3000 && input.task == 0 && is_german(input) && world.rng.random_bool(0.2) {
            // Each from a place of its own: no new kind of request.
            let place = world.rng.random_range(100..10_000);
            let embedding = world.at(9, place);
            let attributes = std::mem::take(&mut input.attributes);
            *input = world.unknown(0, embedding);
            input.attributes = attributes;
        }
    });
    let (engine, lines) = play(&reference_of(speak), &inputs, 500, false);
    assert!(alarms(&lines).is_empty(), "{lines:?}");
    assert_eq!(alpha(&engine).verdict, Verdict::Watch);
    assert_eq!(standing(&alpha(&engine)), [("language", "de")]);
}

#[test]
fn slices_say_nothing_under_a_common_shift_nor_after_it() {
    let shift = World::new(77).at(20, 0);
    let inputs = stream(8, 6000, |world, input, i| {
        speak(world, input);
        if (2000..3500).contains(&i) {
            for (x, s) in input.embedding.iter_mut().zip(&shift) {
                *x += 0.9 * s;
            }
        }
    });
    let (engine, lines) = play(&reference_of(speak), &inputs, 500, true);
    assert!(lines.iter().any(|l| l.shared_encoder), "the shift is common");
    let at_shift = lines.iter().filter(|l| l.shared_encoder);
    assert!({ at_shift }.all(|l| l.evidence.get("slices").is_none()));
    for task in engine.status().tasks {
        assert_eq!(task.verdict, Verdict::Healthy, "{}", task.task);
        assert!(standing(&task).is_empty(), "{:?}", standing(&task));
    }
}
