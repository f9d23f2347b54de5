//! The disk with the state is full for a while.
//!
//! `mount -t tmpfs -o size=48M tmpfs DIRECTORY`, then
//! `BELLWETHER_SMALL_DISK=DIRECTORY cargo test -p bellwether-tests --test faults disk -- --ignored --nocapture`.

use crate::fixture::Fixture;
use crate::http::get;
use crate::monitor::{Monitor, PATIENCE};
use crate::report;
use crate::stream::Stream;
use bellwether_tests::{RealKafka, wait_until};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

const EVENTS: usize = 3000;
/// How long the stream takes, and within it the disk is full for a while, twice.
const TIME: Duration = Duration::from_secs(20);
const FULL: Duration = Duration::from_secs(4);
const FAILED: &str = "bellwether_checkpoints_total{outcome=\"failed\"} ";

/// Checkpoints that failed so far.
fn failed(url: &str) -> f64 {
    let text = get(url, "/metrics").body;
    let value = text.lines().find_map(|line| line.strip_prefix(FAILED));
    value.and_then(|value| value.parse().ok()).expect("it is shown")
}

#[test]
#[ignore = "BELLWETHER_SMALL_DISK names an empty directory on a disk of some 50 MB, as this file's head says"]
fn a_disk_that_is_full_for_a_while_leaves_no_trace() {
    let Some(kafka) = RealKafka::shared() else { return };
    let disk = std::env::var_os("BELLWETHER_SMALL_DISK").expect("a directory");
    let (fixture, topics) = (Fixture::shared(), kafka.topics());
    let stream = Stream::new(&topics, "disk", EVENTS, 9);
    let monitor = Monitor::new(kafka, &fixture, &stream, "disk-full", "300ms");
    let state = Path::new(&disk).join("state");
    std::fs::create_dir(&state).expect("an empty disk");
    symlink(&state, monitor.path("state")).expect("a new directory");
    let ballast = Path::new(&disk).join("ballast");
    std::thread::scope(|scope| {
        scope.spawn(|| stream.write_over(&topics, TIME));
        let (run, url) = monitor.start();
        for round in 0..2 {
            let before = failed(&url);
            std::thread::sleep(Duration::from_secs(2));
            let mut file = std::fs::File::create(&ballast).expect("a file");
            while file.write_all(&[1; 4096]).is_ok() {}
            std::thread::sleep(FULL);
            wait_until("checkpoints fail", PATIENCE, || {
                (failed(&url) > before).then_some(())
            });
            if round == 1 {
                // What it could not keep is read again.
                run.crash();
                drop(run.wait(PATIENCE));
                std::fs::remove_file(&ballast).expect("it is there");
                return;
            }
            std::fs::remove_file(&ballast).expect("it is there");
        }
    });
    let undisturbed = Monitor::new(kafka, &fixture, &stream, "disk-undisturbed", "1h").undisturbed();
    monitor.complete(&undisturbed).check(
        &undisturbed,
        "the disk was full twice, and the process killed the second time",
    );
    report(&format!(
        "{} observations while the disk was full twice: lost 0, duplicated 0",
        stream.observations
    ));
    std::fs::remove_dir_all(&state).expect("it is there");
}
