//! The commands of the documents do what they say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
#[path = "support/tiny_encoder.rs"]
mod tiny_encoder;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use bellwether_ingest::EmbeddedBroker;
use bellwether_tests::{Answer, Hooks};
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use support::{START_MS, traffic};
use tempfile::TempDir;

const ROWS: usize = 1200;

/// Writes a Parquet file.
fn write(file: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(file).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Texts with predictions and the truth, and the truth once more as it came later.
fn data(directory: &Path) {
    let words = ["where", "is", "my", "parcel", "two", "lost", "refund"];
    let strings = |of: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..ROWS).map(of)))
    };
    let times = |later: i64| -> ArrayRef {
        let all = (0..ROWS).map(|at| START_MS + later + 60_000 * i64::try_from(at).unwrap());
        Arc::new(TimestampMillisecondArray::from_iter_values(all).with_timezone("UTC"))
    };
    let text = |at: usize| [words[at % 7], words[(at / 7 + 3) % 7], words[(at + 2) % 7]].join(" ");
    let class = |at: usize| ["lost", "found"][at % 2].to_owned();
    let id = |at: usize| format!("e{at}");
    let observations = vec![
        ("event_id", strings(&id)),
        ("task", strings(&|_| "parcels".to_owned())),
        ("timestamp", times(0)),
        ("text", strings(&text)),
        ("prediction", strings(&class)),
        ("label", strings(&class)),
    ];
    write(&directory.join("events.parquet"), observations);
    write(
        &directory.join("labels.parquet"),
        vec![
            ("event_id", strings(&id)),
            ("timestamp", times(3_600_000)),
            ("label", strings(&class)),
        ],
    );
    let lines: String = (0..ROWS)
        .map(|at| {
            format!(
                "{{\"request\": {{\"id\": \"e{at}\", \"utterance\": \"{}\"}}}}\n",
                text(at)
            )
        })
        .collect();
    fs::write(directory.join("events.jsonl"), lines).unwrap();
    tiny_encoder::write_encoder(&directory.join("all-MiniLM-L6-v2"), 7);
}

/// Every block of shell commands of a document.
fn blocks(document: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let text = fs::read_to_string(root.join("docs").join(document)).unwrap();
    let blocks: Vec<String> = text
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "{document} has commands");
    blocks
}

/// Runs a block in a directory; gives what it printed.
fn run(directory: &Path, block: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_bellwether")).parent().unwrap();
    let path = format!(
        "{}:{}",
        programs.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-e", "-c", block])
        .env("PATH", &path)
        .current_dir(directory);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{block}\n{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn execute(directory: &Path, document: &str) {
    for block in blocks(document) {
        run(directory, &block);
    }
}

#[test]
fn the_commands_of_the_documents_work() {
    let directory = TempDir::with_prefix("bellwether-documents-").unwrap();
    data(directory.path());
    execute(directory.path(), "ENCODE.md");
    // The page on the command line begins where the texts are encoded.
    fs::rename(
        directory.path().join("encoded.parquet"),
        directory.path().join("events.parquet"),
    )
    .unwrap();
    execute(directory.path(), "CLI.md");
    for written in [
        "encoded.jsonl",
        "bellwether.toml",
        "model.ref",
        "bellwether.bash",
        "man1/bellwether.1",
    ] {
        assert!(directory.path().join(written).exists(), "{written}");
    }
}

/// The past, in which the head is right, and what came after it: from its middle on every other answer of the head is wrong.
fn past_and_recent(directory: &Path) {
    let strings = |all: Vec<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(String::as_str)))
    };
    let times = |all: &[Value], later: i64| -> ArrayRef {
        let all = all.iter().map(|row| row["timestamp"].as_i64().unwrap() + later);
        Arc::new(TimestampMillisecondArray::from_iter_values(all).with_timezone("UTC"))
    };
    let field = |all: &[Value], name: &str| {
        strings(
            all.iter()
                .map(|row| row[name].as_str().unwrap().to_owned())
                .collect(),
        )
    };
    let rows = traffic(4800);
    let truth = |row: &Value| usize::from(row["prediction"] == "good");
    let texts = |all: &[Value], from: usize| {
        let words = ["where", "is", "parcels", "two", "lost"];
        let text = |(at, row): (usize, &Value)| {
            let at = at + from;
            [words[at % 5], ["refund", "my"][truth(row)], words[(at / 5) % 5]].join(" ")
        };
        strings(all.iter().enumerate().map(text).collect())
    };
    let answers = |all: &[Value], wrong: &dyn Fn(usize) -> bool| {
        let answer =
            |(at, row): (usize, &Value)| ["bad", "good"][truth(row) ^ usize::from(wrong(at))].to_owned();
        strings(all.iter().enumerate().map(answer).collect())
    };
    let (past, recent) = rows.split_at(2400);
    let columns = |all: &[Value], from: usize, wrong: &dyn Fn(usize) -> bool| {
        vec![
            ("event_id", field(all, "event_id")),
            ("task", field(all, "task")),
            ("timestamp", times(all, 0)),
            ("text", texts(all, from)),
            ("prediction", answers(all, wrong)),
        ]
    };
    let mut labelled = columns(past, 0, &|_| false);
    labelled.push(("label", field(past, "prediction")));
    write(&directory.join("past-texts.parquet"), labelled);
    // Both tasks take turns.
    let wrong = |at: usize| at > 1200 && (at / 2) % 2 == 0;
    write(
        &directory.join("recent-texts.parquet"),
        columns(recent, 2400, &wrong),
    );
    let labels = vec![
        ("event_id", field(recent, "event_id")),
        ("timestamp", times(recent, 3_600_000)),
        ("label", field(recent, "prediction")),
    ];
    write(&directory.join("recent-labels.parquet"), labels);
    tiny_encoder::write_encoder(&directory.join("all-MiniLM-L6-v2"), 7);
}

/// From files to a verdict, to Kafka and to an alert, as the quick start says; only its addresses are others.
#[test]
fn the_quick_start_goes_from_files_to_an_alert() {
    let directory = TempDir::with_prefix("bellwether-quickstart-").unwrap();
    let at = directory.path();
    past_and_recent(at);
    let broker = EmbeddedBroker::start(&[("predictions", 1), ("labels", 1)]).unwrap();
    let hooks = Hooks::start(|_| Answer::TAKEN);
    let page = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut alerted = false;
    for block in blocks("QUICKSTART.md") {
        let block = block
            .replace("127.0.0.1:8177", &page.to_string())
            .replace("http://127.0.0.1:9099", &format!("http://{}", hooks.address()));
        if block.contains("bellwether check") {
            // What the reader is told to put in.
            let written = fs::read_to_string(at.join("bellwether.toml")).unwrap();
            let mut config: toml::Table = toml::from_str(&written).unwrap();
            let listen = toml::Table::from_iter([("address".to_owned(), page.to_string().into())]);
            config.insert("listen".to_owned(), listen.into());
            let kafka = config["kafka"].as_table_mut().unwrap();
            kafka.insert("brokers".to_owned(), broker.brokers().into());
            kafka.insert("observations_topic".to_owned(), "predictions".into());
            kafka.insert("labels_topic".to_owned(), "labels".into());
            fs::write(at.join("bellwether.toml"), config.to_string()).unwrap();
        }
        let printed = run(at, &block);
        if block.contains("/api/v1/model") {
            let (_, model) = printed.split_once('{').unwrap();
            let model: Value = serde_json::from_str(&format!("{{{model}")).unwrap();
            assert_eq!(model["tasks"].as_array().unwrap().len(), 2, "{model}");
        }
        if block.contains("bellwether replay") {
            let timeline = fs::read_to_string(at.join("timeline.jsonl")).unwrap();
            let lines: Vec<Value> = timeline
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let retrain = |line: &&Value| line["verdict"] == "retrain";
            assert!(lines.iter().any(|line| retrain(&line)), "{timeline}");
        }
        alerted |= block.contains("bellwether alert test");
    }
    assert!(alerted);
    assert_eq!(hooks.calls().len(), 2, "an alert and its end");
    for written in ["past.parquet", "tasks.json", "model.ref", "power.json", "alerts"] {
        assert!(at.join(written).exists(), "{written}");
    }
}
