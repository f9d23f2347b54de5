//! The state on disk is lost or damaged: it is built again from the topics.

use crate::fixture::Fixture;
use crate::monitor::{Monitor, PATIENCE};
use crate::stream::Stream;
use bellwether_tests::{RealKafka, wait_until};
use std::fs;
use std::path::Path;
use std::time::Duration;

const EVENTS: usize = 4000;

/// Runs for a while and kills the process, so that there is a state in the middle of the stream.
fn cut_short(monitor: &Monitor<'_>) {
    let (run, _) = monitor.start();
    wait_until("a checkpoint", PATIENCE, || {
        let mut files = fs::read_dir(monitor.path("state")).ok()?.flatten();
        files
            .any(|file| file.file_name().to_string_lossy().starts_with("engine-"))
            .then_some(())
    });
    std::thread::sleep(Duration::from_millis(1200));
    run.crash();
    drop(run.wait(PATIENCE));
}

/// Changes a byte in the middle of every file whose name begins so.
fn damage(directory: &Path, prefix: &str) {
    let mut damaged = 0;
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name.starts_with(prefix) {
            let mut bytes = fs::read(&path).expect("readable");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            fs::write(&path, bytes).expect("writable");
            damaged += 1;
        }
    }
    assert!(
        damaged > 0,
        "nothing in {} begins with {prefix}",
        directory.display()
    );
}

#[test]
fn a_state_that_is_lost_or_damaged_is_built_again_from_the_topics() {
    let Some(kafka) = RealKafka::shared() else { return };
    let fixture = Fixture::shared();
    let stream = Stream::new(&kafka.topics(), "state", EVENTS, 2);
    stream.write(&kafka.topics());
    let undisturbed = Monitor::new(kafka, &fixture, &stream, "state-undisturbed", "1h").undisturbed();

    let lost = Monitor::new(kafka, &fixture, &stream, "state-lost", "50ms");
    cut_short(&lost);
    fs::remove_dir_all(lost.path("state")).expect("it is there");
    lost.complete(&undisturbed)
        .check(&undisturbed, "the directory is gone");

    let damaged = Monitor::new(kafka, &fixture, &stream, "state-damaged", "50ms");
    cut_short(&damaged);
    damage(&damaged.path("state"), "engine-");
    damaged
        .complete(&undisturbed)
        .check(&undisturbed, "the engine is damaged");
    assert!(
        damaged.path("state.damaged-1").is_dir(),
        "it is kept for whoever wants to look"
    );
}
