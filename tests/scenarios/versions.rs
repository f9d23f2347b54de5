//! A new version of the model that silently harms one task, on recorded data.

use crate::fixture::{Fixture, directory, events, labels, recording, run, text};
use crate::reader;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Left alone by the update, and harmed by it.
const HARMED: &str = "account_access";

/// The values of a JSON lines file.
fn values(bytes: &[u8]) -> Vec<Value> {
    bytes
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("a line is JSON"))
        .collect()
}

fn write(path: &Path, values: &[Value]) {
    let lines: Vec<String> = values.iter().map(ToString::to_string).collect();
    std::fs::write(path, lines.join("\n")).expect("writable");
}

/// Answers something else, as sure as before.
fn answer_wrong(row: &mut Value) {
    let schema = &recording().schema;
    let task = schema
        .task(row["task"].as_str().expect("a string"))
        .expect("a known task");
    let known = &schema.spec(task).labels;
    let answer = row["prediction"].as_str().expect("a string");
    let other = known.iter().find(|label| *label != answer).expect("two labels");
    let at = |label: &str| known.iter().position(|l| l == label).expect("a known label");
    let (from, to) = (at(answer), at(other));
    let probabilities = row["probabilities"].as_array_mut().expect("an array");
    probabilities.swap(from, to);
    row["prediction"] = json!(other);
}

#[test]
fn an_update_that_harms_a_task_it_left_alone_is_named_in_the_timeline() {
    let (fixture, directory) = (Fixture::shared(), directory());
    let start = events()[0].timestamp_ms;
    // The change comes after 30 of 93 hours, within two hours of versions side by side.
    let (from, to) = (start + 30 * 3_600_000, start + 32 * 3_600_000);
    let rows: Vec<Value> = events()
        .iter()
        .enumerate()
        .map(|(n, event)| {
            let mut row: Value = serde_json::from_slice(&event.observation_json()).expect("JSON");
            let new = event.timestamp_ms >= to || event.timestamp_ms >= from && n % 2 == 0;
            row["model_version"] = json!(if new { "2026-03-b" } else { "2026-03-a" });
            if new && event.task == HARMED && n % 3 == 0 {
                answer_wrong(&mut row);
            }
            row
        })
        .collect();
    let observations = directory.path().join("events.jsonl");
    write(&observations, &rows);
    // Somebody labels everything within the hour.
    let truth: Vec<Value> = events()
        .iter()
        .map(|event| {
            let row: Value = serde_json::from_slice(&event.reference_json()).expect("JSON");
            json!({"event_id": event.event_id, "timestamp": event.timestamp_ms + 3_600_000, "label": row["label"]})
        })
        .collect();
    assert!(truth.len() > labels(events()).len());
    let labels = directory.path().join("labels.jsonl");
    write(&labels, &truth);
    let timeline = directory.path().join("timeline.jsonl");
    let finished = run(&[
        "replay",
        "--reference",
        text(&fixture.path("model.ref")),
        "--observations",
        text(&observations),
        "--labels",
        text(&labels),
        "--timeline",
        text(&timeline),
    ]);
    assert!(finished.success(), "{finished:?}");
    let lines = reader::parse(&std::fs::read(&timeline).expect("the timeline was written"));
    let forgotten: BTreeSet<&str> = lines
        .iter()
        .filter(|line| line["evidence"]["forgetting"]["forgotten"] == true)
        .filter_map(|line| line["task"].as_str())
        .collect();
    assert_eq!(forgotten, BTreeSet::from([HARMED]));
    let line = lines
        .iter()
        .find(|line| line["task"] == HARMED && line["evidence"]["forgetting"]["forgotten"] == true)
        .expect("it is there");
    assert_eq!(line["verdict"], "retrain");
    let summary = line["summary"].as_str().expect("a sentence");
    assert!(
        summary.contains("forgotten under model_version 2026-03-b"),
        "{summary}"
    );
    let costs = &line["evidence"]["costs"];
    assert!(
        costs["remedies"]["retrain"]["probability"].as_f64() > Some(0.4),
        "{costs}"
    );
}

#[test]
fn two_references_tell_what_a_retraining_did_to_each_task() {
    let (fixture, directory) = (Fixture::shared(), directory());
    let mut rows = values(&std::fs::read(fixture.path("reference.jsonl")).expect("readable"));
    for (n, row) in rows.iter_mut().enumerate() {
        row["model_version"] = json!("after");
        if row["task"] == HARMED && n % 3 == 0 {
            answer_wrong(row);
        }
    }
    let (input, after) = (
        directory.path().join("after.jsonl"),
        directory.path().join("after.ref"),
    );
    write(&input, &rows);
    let built = run(&[
        "reference",
        "build",
        "--observations",
        text(&input),
        "--tasks",
        text(&fixture.path("tasks.json")),
        "--output",
        text(&after),
    ]);
    assert!(built.success(), "{built:?}");
    let inspected = run(&["reference", "inspect", text(&after)]);
    assert!(
        inspected.stdout.contains("model version    after"),
        "{}",
        inspected.stdout
    );
    let compared = run(&[
        "reference",
        "compare",
        text(&fixture.path("model.ref")),
        text(&after),
        "--output",
        "json",
    ]);
    assert!(compared.success(), "{compared:?}");
    let document: Value = serde_json::from_str(&compared.stdout).expect("one JSON document");
    for task in document["tasks"].as_array().expect("an array") {
        let outcome = task["outcome"].as_str().expect("a string");
        if task["task"] == HARMED {
            assert_eq!(outcome, "worse", "{task}");
        } else {
            assert!(matches!(outcome, "kept" | "undecided"), "{task}");
            assert_eq!(task["loss_before"], task["loss_after"], "{task}");
        }
    }
    let words = run(&[
        "reference",
        "compare",
        text(&fixture.path("model.ref")),
        text(&after),
    ]);
    assert!(words.stdout.contains("1 worse"), "{}", words.stdout);
}

#[test]
fn a_weight_for_a_task_that_is_not_there_is_an_error_with_a_fix() {
    let (fixture, directory) = (Fixture::shared(), directory());
    let config = directory.path().join("bellwether.toml");
    std::fs::write(&config, "[costs.task_weights]\nbankng = 2\n").expect("writable");
    let timeline = directory.path().join("timeline.jsonl");
    let finished = run(&[
        "replay",
        "--reference",
        text(&fixture.path("model.ref")),
        "--observations",
        text(&fixture.path("events.jsonl")),
        "--timeline",
        text(&timeline),
        "--config",
        text(&config),
    ]);
    assert_eq!(finished.code(), Some(2), "{finished:?}");
    assert!(
        finished
            .stderr
            .contains("costs.task_weights names the task `bankng`")
            && finished.stderr.contains("account_access"),
        "{}",
        finished.stderr
    );
}
