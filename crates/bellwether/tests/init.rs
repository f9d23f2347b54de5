//! From a file or topic with names of its own to a configuration, a reference and a replay.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
#[path = "../../bellwether-encoder/tests/support/tiny_encoder.rs"]
mod tiny_encoder;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bellwether_tests::{Finished, Message, Running};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::process::Command;
use std::sync::Arc;
use support::{PATIENCE, START_MS, Site, lines, traffic};
use tempfile::TempDir;

/// Runs the program in a directory.
fn run(directory: &TempDir, arguments: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
    command.args(arguments).current_dir(directory.path());
    Running::start(command).wait(PATIENCE)
}

fn good(directory: &TempDir, arguments: &[&str]) -> String {
    let finished = run(directory, arguments);
    assert!(finished.success(), "{arguments:?}: {finished:?}");
    finished.stdout
}

fn json(directory: &TempDir, arguments: &[&str]) -> Value {
    serde_json::from_str(&good(directory, arguments)).unwrap()
}

fn text(directory: &TempDir, name: &str) -> String {
    fs::read_to_string(directory.path().join(name)).unwrap()
}

/// What `check` finds wrong: its keys.
fn problems(directory: &TempDir) -> Vec<String> {
    let checked = run(
        directory,
        &["check", "--config", "bellwether.toml", "--output", "json"],
    );
    let document: Value = serde_json::from_str(&checked.stdout).unwrap();
    let problems = document["problems"].as_array().unwrap().iter();
    problems
        .map(|problem| problem["key"].as_str().unwrap().to_owned())
        .collect()
}

/// An event of the contract under a service's own names.
fn foreign(event: &Value, with_truth: bool) -> Value {
    let ms = event["timestamp"].as_i64().unwrap();
    let mut row = json!({
        "request": {"id": event["event_id"], "utterance": format!("what is {}", event["event_id"])},
        "head": event["task"],
        "ts": ms as f64 / 1000.0,
        "vec": event["embedding"],
        "intent": event["prediction"],
        "scores": {"good": event["probabilities"][0], "bad": event["probabilities"][1]},
        "lang": if ms % 7 == 0 { "en" } else { "de" },
        "latency_ms": 12.5,
    });
    if with_truth {
        row["ground truth"] = event["prediction"].clone();
    }
    row
}

#[test]
fn a_file_with_names_of_its_own_becomes_a_reference_and_is_replayed() {
    let directory = TempDir::with_prefix("bellwether-init-").unwrap();
    let write = |name: &str, rows: &[Value]| fs::write(directory.path().join(name), lines(rows)).unwrap();
    let events = traffic(2400);
    let labelled: Vec<Value> = events[..1200].iter().map(|event| foreign(event, true)).collect();
    write("past.jsonl", &labelled);
    let later: Vec<Value> = events[1200..].iter().map(|event| foreign(event, false)).collect();
    write("later.jsonl", &later);
    let known: Vec<Value> = events[1200..]
        .iter()
        .step_by(3)
        .map(|event| {
            let seconds = event["timestamp"].as_i64().unwrap() / 1000 + 3600;
            json!({"request_id": event["event_id"], "known_at": seconds, "gold": event["prediction"]})
        })
        .collect();
    write("known.jsonl", &known);

    let told = json(
        &directory,
        &[
            "init",
            "--from-file",
            "past.jsonl",
            "--labels",
            "known.jsonl",
            "--output-format",
            "json",
        ],
    );
    let expected = json!({
        "event_id": "request.id", "task": "head", "timestamp": "ts", "text": "request.utterance", "embedding": "vec",
        "prediction": "intent", "probabilities": "scores", "model_version": null, "attributes": null,
        "label": "[\"ground truth\"]",
    });
    assert_eq!(told["columns"], expected);
    assert_eq!(told["rows"], 1200);
    let tasks: Value = serde_json::from_str(&text(&directory, "tasks.json")).unwrap();
    let spec = json!({"kind": "classification", "labels": ["bad", "good"]});
    assert_eq!(tasks, json!({"mood": spec, "topic": spec}));
    let written = text(&directory, "bellwether.toml");
    for line in [
        "timestamp_unit = \"s\"",
        "embedding = \"vec\"",
        "# in 1200 of 1200 rows; 8 numbers",
        "\"lang\" = \"lang\"   # 2 different",
        "event_id = \"request_id\"",
        "label = 'gold | [\"ground truth\"]'",
        "DECIDE",
    ] {
        assert!(written.contains(line), "{line}: {written}");
    }
    assert_eq!(problems(&directory), ["reference"], "nothing else is missing");

    let next = told["next"][0].as_str().unwrap();
    assert_eq!(
        next,
        "bellwether reference build --observations past.jsonl --tasks tasks.json --config bellwether.toml --output model.ref"
    );
    let built: Vec<&str> = next
        .split(' ')
        .skip(1)
        .chain(["--output-format", "json"])
        .collect();
    let built = json(&directory, &built);
    assert_eq!(
        (&built["observations"], &built["left_out"]),
        (&json!(1200), &json!(0))
    );
    assert_eq!(problems(&directory), [""; 0]);

    let replayed = run(
        &directory,
        &[
            "replay",
            "--reference",
            "model.ref",
            "--config",
            "bellwether.toml",
            "--observations",
            "later.jsonl",
            "--labels",
            "known.jsonl",
            "--timeline",
            "timeline.jsonl",
        ],
    );
    assert!(replayed.success(), "{replayed:?}");
    assert!(
        replayed
            .stderr
            .contains("1200 observations and 400 labels judged; 0 rejected"),
        "{replayed:?}"
    );
    assert!(
        replayed.stderr.contains("0 labels without observation"),
        "{replayed:?}"
    );
    assert!(text(&directory, "timeline.jsonl").contains("\"task\":\"mood\""));
}

#[test]
fn a_parquet_file_of_texts_goes_by_way_of_the_encoder() {
    let directory = TempDir::with_prefix("bellwether-init-").unwrap();
    tiny_encoder::write_encoder(&directory.path().join("encoder"), 7);
    let words = ["where", "is", "my", "parcel", "two", "lost", "refund"];
    let rows = 1500;
    let strings = |of: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..rows).map(of)))
    };
    let times = Int64Array::from_iter_values(
        (0..i64::try_from(rows).unwrap()).map(|at| (START_MS / 1000 + 60 * at) * 1_000_000),
    );
    let class = |at: usize| ["lost", "found"][at % 2].to_owned();
    let batch = RecordBatch::try_from_iter([
        ("Request ID", strings(&|at| format!("r{at}"))),
        ("logged_at", Arc::new(times) as ArrayRef),
        (
            "query",
            strings(&|at| {
                (0..3)
                    .map(|word| words[(at / 2 + at % 2 + 3 * word) % 7])
                    .collect::<Vec<_>>()
                    .join(" ")
            }),
        ),
        ("predicted_label", strings(&class)),
        ("label", strings(&class)),
    ])
    .unwrap();
    let file = File::create(directory.path().join("parcels.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let told = json(
        &directory,
        &[
            "init",
            "--from-file",
            "parcels.parquet",
            "--output-format",
            "json",
        ],
    );
    let place = |part: &str| told["columns"][part].as_str().unwrap_or("-").to_owned();
    assert_eq!(
        ["event_id", "timestamp", "text", "prediction", "label"].map(place),
        [
            "[\"Request ID\"]",
            "logged_at",
            "query",
            "predicted_label",
            "label"
        ]
    );
    let written = text(&directory, "bellwether.toml");
    assert!(written.contains("task = \"constant:parcels\""), "{written}");
    assert!(written.contains("timestamp_unit = \"us\""), "{written}");
    assert_eq!(problems(&directory), ["reference"]);
    for command in told["next"].as_array().unwrap() {
        let command = command.as_str().unwrap().replace("ENCODER", "encoder");
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        good(&directory, &arguments);
    }
    assert_eq!(problems(&directory), [""; 0]);
    let replayed = good(
        &directory,
        &[
            "replay",
            "--reference",
            "model.ref",
            "--config",
            "bellwether.toml",
            "--observations",
            "encoded.parquet",
            "--timeline",
            "timeline.jsonl",
            "--output",
            "json",
        ],
    );
    let status: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(status["tasks"][0]["task"], "parcels");
    assert_eq!(status["tasks"][0]["observations"], 1500);
}

#[test]
fn a_topic_is_looked_at_and_left_alone() {
    let site = Site::new(&[("calls", 2), ("truths", 1), ("silent", 1)]);
    let events = traffic(600);
    let records: Vec<Message> = events
        .iter()
        .enumerate()
        .map(|(at, event)| {
            Message::new(foreign(event, false).to_string())
                .partition(i32::try_from(at % 2).unwrap())
                .header("content-type", "application/json")
        })
        .collect();
    site.topics().produce("calls", &records);
    let known: Vec<Message> = events
        .iter()
        .map(|event| {
            Message::new(
                json!({"request_id": event["event_id"], "at": "2026-03-03T00:00:00Z", "truth": "good"})
                    .to_string(),
            )
        })
        .collect();
    site.topics().produce("truths", &known);
    let brokers = site.broker.brokers().to_owned();
    let init = |topic: &str, more: &[&str]| {
        let arguments = ["init", "--from-topic", topic, "--brokers", &brokers];
        run(&site.directory, &[&arguments, more].concat())
    };
    let finished = init("calls", &["--labels-topic", "truths", "--tasks", "seen.json"]);
    assert!(finished.success(), "{finished:?}");
    assert!(finished.stdout.contains("request.utterance"), "{finished:?}");
    let written = text(&site.directory, "bellwether.toml");
    for line in [
        "observations_topic = \"calls\"",
        "labels_topic = \"truths\"",
        "format = \"json\"",
        "of 600 records: 600 json",
        "label = \"truth\"",
        "mood: classification, 300 rows",
    ] {
        assert!(written.contains(line), "{line}: {written}");
    }
    // The site's reference has the same tasks: the live topics can be judged by what was written.
    assert_eq!(problems(&site.directory), [""; 0]);
    let replayed = run(
        &site.directory,
        &[
            "replay",
            "--from-kafka",
            "--config",
            "bellwether.toml",
            "--timeline",
            "timeline.jsonl",
        ],
    );
    assert!(
        replayed
            .stderr
            .contains("600 observations and 600 labels judged; 0 rejected"),
        "{replayed:?}"
    );
    assert!(
        site.topics()
            .committed("bellwether", "calls")
            .iter()
            .all(|(_, offset)| *offset < 0),
        "nothing is committed"
    );

    let again = init("calls", &[]);
    assert_eq!(again.code(), Some(2));
    assert!(
        again.stderr.contains("bellwether.toml is there already"),
        "{again:?}"
    );
    assert!(again.stderr.contains("--force"), "{again:?}");
    let silent = init("silent", &["--force"]);
    assert_eq!(silent.code(), Some(1));
    assert!(
        silent.stderr.contains("the topic silent holds no record"),
        "{silent:?}"
    );
    let unknown = init("nowhere", &["--force"]);
    assert!(
        unknown.stderr.contains("cannot read the topic nowhere"),
        "{unknown:?}"
    );
    assert!(unknown.stderr.contains("fix:"), "{unknown:?}");
}

#[test]
fn what_cannot_be_looked_at_is_named() {
    let directory = TempDir::with_prefix("bellwether-init-").unwrap();
    fs::write(directory.path().join("none.jsonl"), "no JSON\n").unwrap();
    let refused = run(&directory, &["init", "--from-file", "none.jsonl"]);
    assert!(
        refused
            .stderr
            .contains("none.jsonl holds no rows that can be read"),
        "{refused:?}"
    );
    let refused = run(&directory, &["init", "--from-file", "absent.parquet"]);
    assert!(
        refused.stderr.contains("cannot open absent.parquet"),
        "{refused:?}"
    );
    assert_eq!(run(&directory, &["init"]).code(), Some(2));
    assert_eq!(
        run(&directory, &["init", "--from-topic", "calls"]).code(),
        Some(2),
        "the brokers are missing"
    );
    // A file that tells little gives a configuration that says what is to be decided.
    fs::write(
        directory.path().join("few.jsonl"),
        "{\"value\": 1}\n{\"value\": 1}\n",
    )
    .unwrap();
    let told = good(&directory, &["init", "--from-file", "few.jsonl"]);
    assert!(
        told.contains("decide: event_id: no column differs in every row"),
        "{told}"
    );
    assert_eq!(problems(&directory), ["reference"]);
}
