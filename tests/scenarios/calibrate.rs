//! What silence is worth, on the recording's own quiet days.

use crate::fixture::{self, Fixture, directory, events, labels, run, text};
use bellwether_store::RecordedEvent;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Hours before anything happens in the recording.
const QUIET_HOURS: i64 = 48;

/// Writes the quiet days' observations and labels.
fn quiet_files(directory: &Path) -> (PathBuf, PathBuf) {
    let until = events()[0].timestamp_ms + QUIET_HOURS * 3_600_000;
    let quiet = events().partition_point(|event| event.timestamp_ms < until);
    let (quiet, known) = (&events()[..quiet], labels(&events()[..quiet]));
    let (observed, labelled) = (directory.join("quiet.jsonl"), directory.join("labels.jsonl"));
    let lines = fixture::lines(quiet.iter().map(RecordedEvent::observation_json));
    std::fs::write(&observed, lines).expect("writable");
    let lines = fixture::lines(known.iter().filter_map(|event| event.label_json()));
    std::fs::write(&labelled, lines).expect("writable");
    (observed, labelled)
}

/// Little of everything: the claims are about the program, not about its statistics.
const SMALL: [&str; 8] = [
    "--streams",
    "4",
    "--events",
    "1500",
    "--runs",
    "2",
    "--within",
    "150",
];

#[test]
fn calibrate_finds_a_large_shift_and_nothing_on_quiet_days() {
    let (fixture, directory) = (Fixture::shared(), directory());
    let (observed, labelled) = quiet_files(directory.path());
    let (report, picture) = (
        directory.path().join("power.json"),
        directory.path().join("power.svg"),
    );
    let reference = fixture.path("model.ref");
    let mut arguments = vec!["calibrate", "--reference", text(&reference)];
    arguments.extend(["--observations", text(&observed), "--labels", text(&labelled)]);
    arguments.extend(["--report", text(&report), "--picture", text(&picture)]);
    arguments.extend(["--output", "json"]);
    arguments.extend(SMALL);
    let finished = run(&arguments);
    assert!(finished.success(), "{finished:?}");
    let printed = finished.stdout;
    let document: Value = serde_json::from_str(&printed).expect("one JSON document");
    let written = std::fs::read_to_string(&report).expect("the report was written");
    assert_eq!(
        printed.trim_end(),
        written.trim_end(),
        "one document, printed and written"
    );

    let quiet = &document["quiet"];
    assert_eq!(quiet["model"]["events"], 6000, "{quiet}");
    assert_eq!(quiet["model"]["alarms"], 0, "{quiet}");
    let low = quiet["model"]["low"].as_f64().expect("a bound");
    assert!(
        (low - 6000.0 / 3.688_879_454).abs() < 1e-3,
        "the rule of three: {low}"
    );
    assert_eq!(
        quiet["model"]["finding"], "not_shown",
        "6,000 events show no million"
    );
    for variant in ["independent", "daily", "bursts", "duplicates"] {
        assert_eq!(quiet["by_variant"][variant]["events"], 1500, "{variant}");
    }
    let tasks = document["power"]["tasks"]
        .as_object()
        .expect("an object of tasks");
    assert_eq!(tasks.len(), quiet["tasks"].as_object().expect("an object").len());
    for (task, curves) in tasks {
        let shift = &curves[0];
        assert_eq!(
            (&shift["change"], &shift["delay_in"]),
            (&"shift".into(), &"events".into())
        );
        let points = shift["points"].as_array().expect("a list");
        let largest = &points[points.len() - 1];
        assert_eq!(largest["found"], largest["runs"], "{task}: {largest}");
        let smallest = shift["smallest"]["size"].as_f64().expect("a size");
        assert!(
            smallest < largest["size"].as_f64().expect("a size"),
            "{task}: {shift}"
        );
    }
    let svg = std::fs::read_to_string(&picture).expect("the picture was written");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(tasks.keys().all(|task| svg.contains(task.as_str())));
}

#[test]
fn calibrate_is_the_same_on_one_thread_and_on_two() {
    let directory = directory();
    let fixture = Fixture::shared();
    let (observed, labelled) = quiet_files(directory.path());
    let calibrate = |threads| {
        let reference = fixture.path("model.ref");
        let mut arguments = vec!["calibrate", "--reference", text(&reference)];
        arguments.extend(["--observations", text(&observed), "--labels", text(&labelled)]);
        arguments.extend(["--streams", "4", "--events", "500", "--runs", "0"]);
        arguments.extend(["--output", "json", "--threads", threads]);
        run(&arguments).stdout
    };
    let one = calibrate("1");
    assert!(one.len() > 1000, "{one}");
    assert_eq!(one, calibrate("2"));
}

#[test]
fn calibrate_refuses_what_the_reference_was_built_from() {
    let fixture = Fixture::shared();
    let finished = run(&[
        "calibrate",
        "--reference",
        text(&fixture.path("model.ref")),
        "--observations",
        text(&fixture.path("reference.jsonl")),
    ]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(
        finished
            .stderr
            .contains("100 % of the quiet period's observations are the reference's own")
            && finished.stderr.contains("--split"),
        "{finished:?}"
    );
}

#[test]
fn calibrate_parts_the_only_labelled_period_that_there_is() {
    let fixture = Fixture::shared();
    let finished = run(&[
        "calibrate",
        "--split",
        "--reference-input",
        text(&fixture.path("reference.jsonl")),
        "--tasks",
        text(&fixture.path("tasks.json")),
        "--streams",
        "4",
        "--events",
        "500",
        "--runs",
        "0",
    ]);
    assert!(finished.success(), "{finished:?}");
    assert!(
        finished.stdout.contains("not shown by this many events"),
        "{finished:?}"
    );
}
