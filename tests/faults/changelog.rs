//! The machine is lost with all that is on it: the state comes from Kafka.

use crate::fixture::Fixture;
use crate::http::get;
use crate::monitor::{Monitor, PATIENCE};
use crate::report;
use crate::stream::Stream;
use bellwether_tests::{RealKafka, Topics, wait_until};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::time::Duration;

const EVENTS: usize = 4000;
/// Points at which the process is killed.
const POINTS: usize = 8;
/// Longest time between listening and the end.
const LONGEST: Duration = Duration::from_millis(2500);

/// The value of a metric without labels; `None` before there is one.
fn metric(url: &str, name: &str) -> Option<f64> {
    let text = get(url, "/metrics").body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")))?;
    line.parse().ok()
}

/// Kills the process after so long.
fn cut_short(monitor: &Monitor<'_>, after: Duration) {
    let (run, _) = monitor.start();
    std::thread::sleep(after);
    run.crash();
    drop(run.wait(PATIENCE));
}

fn stream(topics: &Topics, name: &str, seed: u64) -> Stream {
    let stream = Stream::new(topics, name, EVENTS, seed);
    stream.write(topics);
    stream
}

#[test]
fn a_new_machine_goes_on_from_the_changelog() {
    let Some(kafka) = RealKafka::shared() else { return };
    let fixture = Fixture::shared();
    let stream = stream(&kafka.topics(), "changelog", 5);
    let of = |name, interval| Monitor::with_changelog(kafka, &fixture, &stream, name, interval);
    let undisturbed = of("changelog-undisturbed", "1h").undisturbed();
    let counts = &undisturbed.model["counts"];
    assert!(
        counts["pending_observations_on_disk"].as_u64() > Some(0),
        "the store on disk is used: {counts}"
    );

    let monitor = of("changelog-new", "50ms");
    let (run, url) = monitor.start();
    wait_until("a line", PATIENCE, || {
        let timeline = fs::metadata(monitor.path("timeline.jsonl")).ok()?;
        (timeline.len() > 0).then_some(())
    });
    // One that began after the line: the numbers may be a quarter of a second old.
    let taken = || metric(&url, "bellwether_checkpoints_total{outcome=\"taken\"}");
    let before = taken().unwrap_or(0.0);
    wait_until("a checkpoint", PATIENCE, || {
        (taken()? > before + 8.0).then_some(())
    });
    run.crash();
    drop(run.wait(PATIENCE));
    fs::remove_dir_all(monitor.path("state")).expect("it is there");
    fs::remove_file(monitor.path("timeline.jsonl")).expect("it is there");
    let (run, url) = monitor.start();
    wait_until("the state to come from the changelog", PATIENCE, || {
        (metric(&url, "bellwether_state_from_changelog")? > 0.0).then_some(())
    });
    let mut outcome = monitor.finish(run, &url, |counts| *counts == undisturbed.model["counts"]);
    // The file of this machine begins with what was said on it.
    assert!(
        undisturbed.timeline.ends_with(&outcome.timeline)
            && outcome.timeline.len() < undisturbed.timeline.len(),
        "{}",
        outcome.timeline
    );
    outcome.timeline.clone_from(&undisturbed.timeline);
    outcome.check(&undisturbed, "the machine is gone");
}

#[test]
fn a_process_that_is_killed_and_loses_its_directory_leaves_no_trace() {
    let Some(kafka) = RealKafka::shared() else { return };
    let fixture = Fixture::shared();
    let stream = stream(&kafka.topics(), "changelog-kills", 6);
    let of = |name, interval| Monitor::with_changelog(kafka, &fixture, &stream, name, interval);
    let undisturbed = of("changelog-kills-undisturbed", "1h").undisturbed();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let monitor = of("changelog-kills-0", "50ms");
    let mut ends = Vec::new();
    for _ in 0..POINTS {
        let (after, lost) = (LONGEST.mul_f64(random.random()), random.random_bool(0.5));
        cut_short(&monitor, after);
        // It may have been killed before it had one.
        if lost && monitor.path("state").exists() {
            fs::remove_dir_all(monitor.path("state")).expect("removed");
        }
        let what = if lost { "!" } else { "" };
        ends.push(format!("{what}{} ms", after.as_millis()));
    }
    let story = format!("killed after {}; ! where the directory was lost", ends.join(", "));
    monitor.complete(&undisturbed).check(&undisturbed, &story);
    report(&format!("changelog: {story}: lost 0, duplicated 0"));
}
