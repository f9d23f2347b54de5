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
