//! Recorded data: the same input says the same.

use crate::fixture::{Fixture, directory, events, labels};
use crate::reader;
use std::collections::BTreeSet;

#[test]
fn replay_is_the_same_on_one_thread_and_on_two() {
    let (fixture, directory) = (Fixture::shared(), directory());
    let one = fixture.replay(&directory.path().join("one.jsonl"), &["--threads", "1"]);
    let two = fixture.replay(&directory.path().join("two.jsonl"), &["--threads", "2"]);
    assert!(one == two, "the timelines differ");

    let lines = reader::parse(&one);
    let judged: BTreeSet<&str> = lines.iter().filter_map(|line| line["task"].as_str()).collect();
    let tasks: BTreeSet<&str> = events().iter().map(|event| event.task.as_str()).collect();
    assert_eq!(judged, tasks, "every task has its say");
    let moved = lines.iter().any(|line| line["verdict"] == "watch");
    assert!(moved, "the first days have a change in them");
}

#[test]
fn replay_counts_every_observation_and_label_once() {
    let (fixture, directory) = (Fixture::shared(), directory());
    let timeline = directory.path().join("timeline.jsonl");
    let finished = crate::fixture::run(&[
        "replay",
        "--reference",
        crate::fixture::text(&fixture.path("model.ref")),
        "--observations",
        crate::fixture::text(&fixture.path("events.jsonl")),
        "--labels",
        crate::fixture::text(&fixture.path("labels.jsonl")),
        "--timeline",
        crate::fixture::text(&timeline),
        "--output",
        "json",
    ]);
    assert!(finished.success(), "{finished:?}");
    let status: serde_json::Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    let counts = &status["counts"];
    assert_eq!(counts["observations"], events().len(), "{counts}");
    assert_eq!(counts["labels"], labels(events()).len(), "{counts}");
    for zero in [
        "late_observations",
        "duplicate_observations",
        "duplicate_labels",
        "orphan_labels",
        "buffered",
    ] {
        assert_eq!(counts[zero], 0, "{zero} in {counts}");
    }
}

/// The report of a recording holds no clock, no name of an output and nothing of threads or of work at the same time.
#[test]
fn a_report_is_the_same_twice_and_the_timeline_is_that_without() {
    let (fixture, directory) = (Fixture::shared(), directory());
    let path = |name: &str| directory.path().join(name);
    let reported = |name: &str, threads: &str| {
        let report = path(&format!("{name}.html"));
        let arguments = ["--threads", threads, "--report", crate::fixture::text(&report)];
        let timeline = fixture.replay(&path(&format!("{name}.jsonl")), &arguments);
        (
            timeline,
            std::fs::read_to_string(report).expect("the report is there"),
        )
    };
    let plain = fixture.replay(&path("plain.jsonl"), &[]);
    let (first, report) = reported("first", "1");
    let (second, again) = reported("second", "2");
    assert!(first == plain && second == plain, "a report changes what is said");
    assert!(report == again, "the reports differ");

    assert!(report.starts_with("<!DOCTYPE html>") && report.ends_with("</html>"));
    assert!(report.len() < 2_000_000, "{}", report.len());
    for part in [
        "Verdicts over time",
        "Incidents and changes",
        "Input drift",
        "Shift of each task",
        "What was counted",
        "How to read this",
        "Made by <code>bellwether replay --reference ",
    ] {
        assert!(report.contains(part), "{part}");
    }
    for never in ["<script", "http://", "https://", "first.html", "first.jsonl"] {
        assert!(!report.contains(never), "{never}");
    }
    // The course has points through the whole of the recording, not one a turn.
    let lines = report.split(" d=\"M").map(|path| path.matches('L').count());
    assert!(
        lines.max().is_some_and(|points| points > 60),
        "the courses are short"
    );
    for event in events() {
        assert!(report.contains(&event.task), "{} is missing", event.task);
    }
}

#[test]
fn a_report_that_cannot_be_written_is_said_before_the_replay() {
    let (fixture, directory) = (Fixture::shared(), directory());
    let path = |name: &str| directory.path().join(name);
    let timeline = path("timeline.jsonl");
    let report = path("nowhere/report.html");
    let finished = crate::fixture::run(&[
        "replay",
        "--reference",
        crate::fixture::text(&fixture.path("model.ref")),
        "--observations",
        crate::fixture::text(&fixture.path("events.jsonl")),
        "--timeline",
        crate::fixture::text(&timeline),
        "--report",
        crate::fixture::text(&report),
    ]);
    assert!(!finished.success());
    assert!(
        finished.stderr.contains("cannot write the report"),
        "{finished:?}"
    );
    assert!(!timeline.exists(), "nothing was begun");
}
