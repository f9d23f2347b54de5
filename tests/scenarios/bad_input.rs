//! Input that cannot be used: what is said, what to do about it, and the exit code.

use crate::fixture::{Fixture, PATIENCE, directory, events, lines, text};
use bellwether_store::RecordedEvent;
use bellwether_tests::{Binary, Finished};
use serde_json::{Value, json};
use std::path::Path;

/// Runs in a directory, so that messages name files as the user did.
fn run_in(directory: &Path, arguments: &[&str]) -> Finished {
    let mut command = Binary::locate().command();
    command.current_dir(directory).args(arguments);
    bellwether_tests::Running::start(command).wait(PATIENCE)
}

fn write(directory: &Path, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(directory.join(name), content).expect("writable");
}

#[test]
fn a_file_that_is_missing_or_something_else_is_named_with_cause_and_fix() {
    let directory = directory();
    let here = directory.path();
    write(here, "other.ref", "no reference\n");
    write(here, "rows.jsonl", "{\"embedding\": [1, 2]}\n");
    write(
        here,
        "tasks.json",
        r#"{"a": {"kind": "classification", "labels": ["x"]}}"#,
    );
    write(here, "labelless.json", r#"{"a": {"kind": "classification"}}"#);
    let replay = "replay --observations e.jsonl --timeline t.jsonl --reference";
    let build = "reference build --output o.ref --observations";
    for (arguments, code, said) in [
        (
            format!("{replay} gone.ref"),
            1,
            "error: cannot load the reference gone.ref\n\
             cause: gone.ref cannot be accessed: No such file or directory (os error 2)\n\
             fix:   build one with `bellwether reference build`, and name it in `reference`\n",
        ),
        (
            format!("{replay} other.ref"),
            1,
            "error: cannot load the reference other.ref\n\
             cause: other.ref is not a reference\n\
             fix:   build one with `bellwether reference build`, and name it in `reference`\n",
        ),
        (
            "reference inspect other.ref".to_owned(),
            1,
            "error: cannot load the reference other.ref\n\
             cause: other.ref is not a reference\n\
             fix:   name a file that `bellwether reference build` wrote\n",
        ),
        (
            format!("{build} gone.jsonl --tasks tasks.json"),
            1,
            "error: cannot open gone.jsonl\n\
             cause: No such file or directory (os error 2)\n\
             fix:   correct the path; a relative path starts at the working directory\n",
        ),
        (
            format!("{build} rows.jsonl --tasks gone.json"),
            1,
            "error: cannot read gone.json\n\
             cause: No such file or directory (os error 2)\n\
             fix:   name the file that describes the model's tasks with --tasks\n",
        ),
        (
            format!("{build} rows.jsonl --tasks labelless.json"),
            2,
            "error: cannot use labelless.json\n\
             cause: task `a` needs labels\n\
             fix:   write {\"<task>\": {\"kind\": \"classification\" | \"sequence_labelling\" | \"regression\", \"labels\": [..]}}\n",
        ),
        (
            format!("{build} rows.jsonl --tasks tasks.json"),
            1,
            "left out: rows.jsonl: row 0: missing_field: `label` is missing or null\n\
             error: cannot build a reference from rows.jsonl\n\
             cause: task `a` has 0 labelled observations in the reference, at least 100 are needed\n\
             fix:   give every task of the tasks file enough labelled observations, or leave the task out\n",
        ),
    ] {
        let finished = run_in(here, &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(finished.stderr, said, "{arguments}");
        assert_eq!(
            (finished.code(), finished.stdout.as_str()),
            (Some(code), ""),
            "{arguments}"
        );
    }
    for absent in ["o.ref", "o.partial", "t.jsonl"] {
        assert!(!here.join(absent).exists(), "{absent} was written");
    }
}

#[test]
fn a_timeline_that_cannot_be_written_is_found_before_the_work() {
    let fixture = Fixture::shared();
    let directory = directory();
    let (reference, observations) = (fixture.path("model.ref"), fixture.path("events.jsonl"));
    let mut arguments = vec!["replay", "--reference", text(&reference)];
    arguments.extend([
        "--observations",
        text(&observations),
        "--timeline",
        "no/where.jsonl",
    ]);
    let finished = run_in(directory.path(), &arguments);
    assert_eq!(
        finished.stderr,
        "error: cannot write the timeline no/where.jsonl\n\
         cause: No such file or directory (os error 2)\n\
         fix:   choose a file in a directory that exists and can be written\n"
    );
    assert_eq!(finished.code(), Some(1));
}

#[test]
fn rows_that_replay_refuses_are_named_and_counted_and_the_rest_is_judged() {
    let fixture = Fixture::shared();
    let directory = directory();
    let change = |event: &RecordedEvent, field: &str, value: Value| {
        let mut row: Value = serde_json::from_slice(&event.observation_json()).expect("a record is JSON");
        row[field] = value;
        row.to_string().into_bytes()
    };
    let good = &events()[..300];
    let mut rows: Vec<Vec<u8>> = good.iter().map(RecordedEvent::observation_json).collect();
    let spare = &events()[300..303];
    rows.insert(3, change(&spare[0], "task", json!("astrology")));
    rows.insert(10, change(&spare[1], "embedding", json!([1.0, 2.0])));
    rows.insert(20, b"{cut off".to_vec());
    rows.push(change(&spare[2], "prediction", Value::Null));
    write(directory.path(), "events.jsonl", lines(rows));
    write(directory.path(), "labels.jsonl", "{\"event_id\": \"x\"}\n");
    let reference = fixture.path("model.ref");
    let mut arguments = vec![
        "replay",
        "--reference",
        text(&reference),
        "--observations",
        "events.jsonl",
    ];
    arguments.extend(["--labels", "labels.jsonl", "--timeline", "t.jsonl"]);
    let finished = run_in(directory.path(), &arguments);
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    let refused: Vec<&str> = finished
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("rejected: "))
        .collect();
    for (file, row, reason) in [
        ("labels.jsonl", 0, "missing_field"),
        ("events.jsonl", 3, "unknown_task"),
        ("events.jsonl", 10, "embedding_width"),
        ("events.jsonl", 20, "malformed"),
        ("events.jsonl", 303, "missing_field"),
    ] {
        let start = format!("{file}: row {row}: {reason}: ");
        assert!(
            refused.iter().any(|line| line.starts_with(&start)),
            "no `{start}` in {refused:#?}"
        );
    }
    assert_eq!(refused.len(), 5, "{refused:#?}");
    let summary = finished.stderr.lines().last().unwrap_or_default();
    assert_eq!(
        summary,
        "300 observations and 0 labels judged; 5 rejected, 0 late, 0 duplicate observations, 0 duplicate labels, \
         0 labels without observation; timeline in t.jsonl"
    );
    assert!(
        !crate::reader::parse(&std::fs::read(directory.path().join("t.jsonl")).expect("written")).is_empty()
    );
}

#[test]
fn check_names_every_problem_with_line_key_and_fix() {
    let directory = directory();
    let here = directory.path();
    write(
        here,
        "bellwether.toml",
        "[kafka]\nbroker = \"x\"\nidle_timeout = \"soon\"\n[listen]\naddress = \"0.0.0.0:80\"\n",
    );
    let problems = "bellwether.toml: line 2: kafka.broker: there is no such key; did you mean `brokers`?\n\
        bellwether.toml: line 3: kafka.idle_timeout: \"soon\" is not a duration; write a number and a unit, such as \"30s\", \"5m\", \"12h\" or \"30d\"\n\
        bellwether.toml: line 5: listen.address: 0.0.0.0:80 can be reached from other machines, and whoever asks need not be known; write listen.token = \"file:PATH\" or \"env:NAME\", or listen on 127.0.0.1 or [::1]\n\
        bellwether.toml: line 5: listen.address: 0.0.0.0:80 can be reached from other machines, and nothing is encrypted; name listen.certificate and listen.key; or write listen.encryption = \"elsewhere\" where a proxy or a mesh in front encrypts\n\
        error: bellwether.toml has 4 problem(s)\n\
        fix:   correct the keys named above; docs/CONFIG.md lists them all\n";
    for command in ["check", "run"] {
        let finished = run_in(here, &[command, "--config", "bellwether.toml"]);
        assert_eq!(finished.stderr, problems, "{command}");
        assert_eq!(
            (finished.code(), finished.stdout.as_str()),
            (Some(2), ""),
            "{command}"
        );
    }
    let finished = run_in(
        here,
        &["check", "--config", "bellwether.toml", "--output", "json"],
    );
    let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    let listed = document["problems"].as_array().expect("an array");
    let places: Vec<_> = listed
        .iter()
        .map(|p| (p["line"].as_u64(), p["key"].as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (Some(2), Some("kafka.broker")),
            (Some(3), Some("kafka.idle_timeout")),
            (Some(5), Some("listen.address")),
            (Some(5), Some("listen.address"))
        ]
    );
    assert_eq!(finished.code(), Some(2));
}

#[test]
fn check_looks_at_the_reference_too() {
    let fixture = Fixture::shared();
    let directory = directory();
    let here = directory.path();
    write(here, "gone.toml", "reference = \"gone.ref\"\n");
    write(here, "empty.toml", "");
    write(
        here,
        "good.toml",
        format!("reference = {:?}\n", fixture.path("model.ref")),
    );
    let check = |file| run_in(here, &["check", "--config", file]);
    let gone = check("gone.toml");
    assert!(gone.stderr.starts_with("gone.toml: reference: "), "{gone:?}");
    assert!(gone.stderr.contains("cannot be accessed"), "{gone:?}");
    assert!(gone.stderr.contains("bellwether reference build"), "{gone:?}");
    assert_eq!(gone.code(), Some(2));
    let empty = check("empty.toml");
    assert!(
        empty.stderr.starts_with("empty.toml: reference: it is missing"),
        "{empty:?}"
    );
    assert_eq!(empty.code(), Some(2));
    let good = check("good.toml");
    assert_eq!((good.code(), good.stderr.as_str()), (Some(0), ""), "{good:?}");
    assert_eq!(good.stdout, "good.toml: no problem found\n");
}

#[test]
fn bad_usage_exits_with_two() {
    let directory = directory();
    for arguments in [
        &["replay"][..],
        &["fly"],
        &["demo", "--speed", "0"],
        &["check", "--config", "gone.toml"],
    ] {
        let finished = run_in(directory.path(), arguments);
        assert_eq!(finished.code(), Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.stderr.contains("error: "), "{arguments:?}: {finished:?}");
    }
}
