//! Files of texts through `bellwether encode`: killed and resumed, in every format, and on to a reference and a replay.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../bellwether-encoder/tests/support/tiny_encoder.rs"]
mod tiny_encoder;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Float16Type, Float32Type, Schema};
use bellwether_tests::{Finished, Running};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tiny_encoder::{DIM, write_encoder};

const PATIENCE: Duration = Duration::from_secs(240);
/// 2026-03-02T00:00:00Z.
const START_MS: i64 = 1_772_409_600_000;
/// Enough that a run can be killed in the middle.
const ROWS: usize = 60_000;
/// Longer than what the model takes.
const LONG: &str = "where is my lost refund where is my lost refund two parcels ?";

struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(TempDir::with_prefix("bellwether-encode-").unwrap());
        write_encoder(&site.path("model"), 7);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        command.args(arguments).current_dir(self.0.path());
        Running::start(command)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).wait(PATIENCE)
    }

    fn good(&self, arguments: &[&str]) -> String {
        let finished = self.run(arguments);
        assert!(finished.success(), "{finished:?}");
        finished.stdout
    }

    fn encode(&self, input: &str, output: &str, more: &[&str]) -> Value {
        let arguments = [
            "encode",
            "--encoder",
            "model",
            input,
            "-o",
            output,
            "--output-format",
            "json",
        ];
        let printed = self.good(&[&arguments, more].concat());
        serde_json::from_str(&printed).unwrap()
    }

    /// The report of a command that fails.
    fn refusal(&self, arguments: &[&str]) -> String {
        let finished = self.run(arguments);
        assert_eq!(finished.code(), Some(1), "{finished:?}");
        finished.stderr
    }
}

fn text(at: usize) -> Option<String> {
    let words = ["where", "is", "my", "parcel", "parcels", "two", "lost", "refund"];
    match at % 50 {
        7 => None,
        8 => Some(LONG.to_owned()),
        9 => Some(String::new()),
        _ => Some(
            (0..=at % 5)
                .map(|word| words[(at / 3 + word * 5) % 8])
                .collect::<Vec<_>>()
                .join(" "),
        ),
    }
}

fn time_ms(at: usize) -> i64 {
    START_MS + 60_000 * i64::try_from(at).unwrap()
}

fn json_rows(rows: usize) -> String {
    let rows: Vec<String> = (0..rows)
        .map(|at| {
            let class = ["good", "bad"][at % 2];
            let row = json!({
                "event_id": format!("e{at}"), "task": "mood", "timestamp": time_ms(at),
                "text": text(at), "prediction": class, "label": class, "odd": {"x": at},
            });
            format!("{row}\n")
        })
        .collect();
    rows.concat()
}

fn write_parquet(path: &std::path::Path, rows: usize) {
    let ids: Vec<String> = (0..rows).map(|at| format!("e{at}")).collect();
    let texts: Vec<Option<String>> = (0..rows).map(text).collect();
    let classes: Vec<&str> = (0..rows).map(|at| ["good", "bad"][at % 2]).collect();
    let times: Vec<i64> = (0..rows).map(time_ms).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("event_id", Arc::new(StringArray::from(ids))),
        ("task", Arc::new(StringArray::from(vec!["mood"; rows]))),
        (
            "timestamp",
            Arc::new(TimestampMillisecondArray::from(times).with_timezone("UTC")),
        ),
        ("utterance", Arc::new(StringArray::from(texts))),
        ("prediction", Arc::new(StringArray::from(classes.clone()))),
        ("label", Arc::new(StringArray::from(classes))),
        (
            "weight",
            Arc::new(Float64Array::from_iter_values(
                (0..rows).map(|at| at as f64 / 3.0),
            )),
        ),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let batch = RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, a)| a).collect(),
    )
    .unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn read_parquet(path: &std::path::Path) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    arrow::compute::concat_batches(&Arc::new(Schema::new(schema.fields().clone())), &batches).unwrap()
}

/// Kills a run once it has written some vectors; false when it was done before.
fn kill_in_the_middle(site: &Site, arguments: &[&str], vectors: &str) -> bool {
    let mut running = site.start(arguments);
    let deadline = Instant::now() + PATIENCE;
    let log = site.path(vectors);
    loop {
        assert!(Instant::now() < deadline, "nothing was encoded");
        if fs::metadata(&log).is_ok_and(|log| log.len() > 20_000) {
            running.crash();
            assert!(!running.wait(PATIENCE).success());
            return log.exists();
        }
        if !running.is_running() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn json_lines_killed_and_resumed_are_what_they_would_have_been() {
    let site = Site::new();
    fs::write(site.path("in.jsonl"), json_rows(ROWS)).unwrap();
    let unit = ["--normalise", "true"];
    let summary = site.encode("in.jsonl", "whole.jsonl", &unit);
    let without = ROWS / 50;
    assert_eq!(summary["rows"], ROWS);
    assert_eq!(summary["encoded"], ROWS - without);
    assert_eq!(summary["without_text"], without);
    assert_eq!(summary["truncated"], without, "one text in fifty is long");
    assert_eq!(summary["resumed_rows"], 0);
    assert!(summary["texts_per_second"].as_f64().unwrap() > 0.0);

    let arguments = [
        "encode",
        "--encoder",
        "model",
        "in.jsonl",
        "-o",
        "out.jsonl",
        "--normalise",
        "true",
    ];
    assert!(
        kill_in_the_middle(&site, &arguments, "out.jsonl.partial/vectors"),
        "it was to be killed before its end"
    );
    assert!(
        !site.path("out.jsonl").exists(),
        "nothing half done is in its place"
    );
    let resumed = site.encode("in.jsonl", "out.jsonl", &unit);
    assert!(resumed["resumed_rows"].as_u64().unwrap() >= 1024, "{resumed}");
    assert_eq!(resumed["encoded"], summary["encoded"]);
    assert_eq!(resumed["truncated"], summary["truncated"]);
    let (whole, out) = (
        fs::read(site.path("whole.jsonl")).unwrap(),
        fs::read(site.path("out.jsonl")).unwrap(),
    );
    assert!(whole == out, "the same bytes");
    assert!(!site.path("out.jsonl.partial").exists());

    let first: Vec<Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .take(50)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(first[3]["odd"], json!({"x": 3}));
    assert!(first[7]["embedding"].is_null());
    let vector: Vec<f64> = first[3]["embedding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect();
    assert_eq!(vector.len(), DIM);
    let length: f64 = vector.iter().map(|x| x * x).sum();
    assert!(
        (length - 1.0).abs() < 1e-2,
        "half precision of unit length: {length}"
    );
}

#[test]
fn a_run_that_is_asked_to_stop_says_how_to_go_on() {
    let site = Site::new();
    fs::write(site.path("in.jsonl"), json_rows(200_000)).unwrap();
    let arguments = ["encode", "--encoder", "model", "in.jsonl", "-o", "out.jsonl"];
    let running = site.start(&arguments);
    let deadline = Instant::now() + PATIENCE;
    while fs::metadata(site.path("out.jsonl.partial/vectors")).map_or(0, |log| log.len()) == 0 {
        assert!(Instant::now() < deadline, "nothing was encoded");
        std::thread::sleep(Duration::from_millis(1));
    }
    running.interrupt();
    let finished = running.wait(PATIENCE);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("of 200000 rows"), "{finished:?}");
    assert!(
        finished.stderr.contains("fix:   give the same command again"),
        "{finished:?}"
    );

    // Another encoder cannot go on with it, and says what can be done.
    write_encoder(&site.path("model"), 8);
    let refusal = site.refusal(&arguments);
    assert!(
        refusal.contains("out.jsonl.partial holds vectors of a run with another encoder"),
        "{refusal}"
    );
    assert!(refusal.contains("--restart"), "{refusal}");
}

#[test]
fn parquet_keeps_its_columns_and_resumes_to_the_same_bytes() {
    let site = Site::new();
    write_parquet(&site.path("in.parquet"), ROWS);
    let column = ["--text-column", "utterance"];
    site.encode("in.parquet", "whole.parquet", &column);
    let arguments = [
        "encode",
        "--encoder",
        "model",
        "in.parquet",
        "-o",
        "out.parquet",
        "--text-column",
        "utterance",
    ];
    assert!(kill_in_the_middle(
        &site,
        &arguments,
        "out.parquet.partial/vectors"
    ));
    // The contract's form of the command, and what it tells people.
    let told = site.good(&[
        "encode",
        "--model",
        "model",
        "--input",
        "in.parquet",
        "--output",
        "out.parquet",
        "--text-column",
        "utterance",
    ]);
    assert!(
        told.contains(
            "60000 rows, 58800 encoded, 0 kept as they were, 1200 without text, 1200 texts cut at 12 tokens"
        ),
        "{told}"
    );
    let bytes = |name: &str| fs::read(site.path(name)).unwrap();
    assert!(bytes("whole.parquet") == bytes("out.parquet"), "the same bytes");

    let (before, after) = (
        read_parquet(&site.path("in.parquet")),
        read_parquet(&site.path("out.parquet")),
    );
    for (at, field) in before.schema().fields().iter().enumerate() {
        assert_eq!(after.schema().field(at), field.as_ref());
        assert_eq!(after.column(at), before.column(at), "{}", field.name());
    }
    let embedding = after.column_by_name("embedding").unwrap().as_fixed_size_list();
    assert_eq!(*embedding.values().data_type(), DataType::Float16);
    assert_eq!(embedding.null_count(), ROWS / 50);
    assert!(embedding.is_null(7));

    // Single precision of the same vectors, over those that are there.
    site.encode(
        "out.parquet",
        "single.parquet",
        &["--text-column", "utterance", "--float32", "--overwrite"],
    );
    let single = read_parquet(&site.path("single.parquet"));
    let single = single.column_by_name("embedding").unwrap().as_fixed_size_list();
    let (a, b) = (embedding.value(11), single.value(11));
    let halves = a.as_primitive::<Float16Type>().values();
    for (half, single) in halves.iter().zip(b.as_primitive::<Float32Type>().values()) {
        assert_eq!(*half, half::f16::from_f32(*single));
    }
    // Without --overwrite all that are there stay.
    let kept = site.encode("single.parquet", "kept.parquet", &column);
    assert_eq!(
        (&kept["kept"], &kept["encoded"]),
        (&json!(ROWS - ROWS / 50), &json!(0))
    );
    assert_eq!(
        read_parquet(&site.path("kept.parquet")).column_by_name("embedding"),
        read_parquet(&site.path("single.parquet")).column_by_name("embedding")
    );
}

#[test]
fn the_monitors_own_encoder_is_that_of_its_configuration() {
    let site = Site::new();
    fs::write(site.path("in.jsonl"), json_rows(200)).unwrap();
    let encoder = "[encoder]\ndirectory = \"model\"\npooling = \"cls\"\nmax_tokens = 6\n";
    fs::write(site.path("bellwether.toml"), encoder).unwrap();
    let arguments = |output| ["encode", "in.jsonl", "-o", output, "--output-format", "json"];
    let own = site.good(&[&arguments("own.jsonl")[..], &["--config", "bellwether.toml"]].concat());
    let said = ["--model", "model", "--pooling", "cls", "--max-tokens", "6"];
    let said = site.good(&[&arguments("said.jsonl")[..], &said].concat());
    let [own, said] = [own, said].map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(own["encoder"], said["encoder"]);
    assert!(
        own["truncated"].as_u64().unwrap() > 4,
        "six tokens hold four words: {own}"
    );
    let file = |name: &str| fs::read(site.path(name)).unwrap();
    assert!(file("own.jsonl") == file("said.jsonl"));
    site.encode("in.jsonl", "mean.jsonl", &[]);
    assert!(file("own.jsonl") != file("mean.jsonl"));
    fs::write(site.path("bellwether.toml"), "").unwrap();
    let finished = site.run(&[&arguments("x.jsonl")[..], &["--config", "bellwether.toml"]].concat());
    assert_eq!(finished.code(), Some(2));
    assert!(
        finished.stderr.contains("bellwether.toml has no [encoder]"),
        "{finished:?}"
    );
}

#[test]
fn an_encoded_file_makes_a_reference_and_is_replayed() {
    let site = Site::new();
    fs::write(site.path("in.jsonl"), json_rows(1500)).unwrap();
    fs::write(
        site.path("tasks.json"),
        json!({"mood": {"kind": "classification", "labels": ["good", "bad"]}}).to_string(),
    )
    .unwrap();
    site.encode("in.jsonl", "arrays.jsonl", &[]);
    site.encode("in.jsonl", "base64.jsonl", &["--base64"]);
    let mut timelines = Vec::new();
    for (input, width) in [
        ("arrays.jsonl", &[][..]),
        ("base64.jsonl", &["--embedding-width", "8"]),
    ] {
        let build = [
            "reference",
            "build",
            "--observations",
            input,
            "--tasks",
            "tasks.json",
            "--output",
            "model.ref",
        ];
        site.good(&[&build, width].concat());
        let told = site.good(&[
            "replay",
            "--reference",
            "model.ref",
            "--observations",
            input,
            "--timeline",
            "timeline.jsonl",
        ]);
        assert!(told.contains("mood"), "{told}");
        timelines.push(fs::read(site.path("timeline.jsonl")).unwrap());
    }
    assert!(!timelines[0].is_empty());
    assert!(timelines[0] == timelines[1], "both forms are the same vectors");
}

#[test]
fn what_cannot_be_encoded_is_named_with_a_remedy() {
    let site = Site::new();
    fs::write(site.path("in.jsonl"), "{\"text\": \"lost\"}\n{\"text\": 7}\n").unwrap();
    write_parquet(&site.path("in.parquet"), 10);
    let encode = |more: &[&str]| site.refusal(&[&["encode", "--encoder", "model"], more].concat());
    let refusal = encode(&["in.jsonl", "-o", "out.jsonl"]);
    assert!(
        refusal.contains("`text` in row 2 of in.jsonl is neither a string nor null"),
        "{refusal}"
    );
    let refusal = encode(&["in.parquet", "-o", "out.parquet"]);
    assert!(
        refusal.contains("in.parquet has no column `text`; it has event_id, task, timestamp, utterance"),
        "{refusal}"
    );
    assert!(
        refusal.contains("fix:   name the column that holds the texts with --text-column"),
        "{refusal}"
    );
    let refusal = encode(&["in.parquet", "-o", "out.parquet", "--text-column", "weight"]);
    assert!(
        refusal.contains("the column `weight` of in.parquet is Float64, not text"),
        "{refusal}"
    );
    let refusal = encode(&["in.parquet", "-o", "out.jsonl", "--text-column", "utterance"]);
    assert!(
        refusal.contains("name the output to end in .parquet"),
        "{refusal}"
    );
    let refusal = encode(&["absent.parquet", "-o", "out.parquet"]);
    assert!(refusal.contains("cannot open absent.parquet"), "{refusal}");
    let nowhere = site.run(&["encode", "--encoder", "nowhere", "in.jsonl", "-o", "out.jsonl"]);
    assert_eq!(nowhere.code(), Some(2));
    let refusal = nowhere.stderr;
    assert!(
        refusal.contains("cannot load the encoder in nowhere"),
        "{refusal}"
    );
    assert!(
        refusal.contains("fix:   name a directory with config.json"),
        "{refusal}"
    );
    assert_eq!(
        site.run(&["encode", "--encoder", "model", "-o", "out.jsonl"])
            .code(),
        Some(2)
    );
}
