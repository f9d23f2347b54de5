//! The commands of the documents do what they say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
#[path = "support/tiny_encoder.rs"]
mod tiny_encoder;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use support::START_MS;
use tempfile::TempDir;

const ROWS: usize = 1200;

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
    let write = |name: &str, columns: Vec<(&str, ArrayRef)>| {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = File::create(directory.join(name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    let observations = vec![
        ("event_id", strings(&id)),
        ("task", strings(&|_| "parcels".to_owned())),
        ("timestamp", times(0)),
        ("text", strings(&text)),
        ("prediction", strings(&class)),
        ("label", strings(&class)),
    ];
    write("events.parquet", observations);
    write(
        "labels.parquet",
        vec![
            ("event_id", strings(&id)),
            ("timestamp", times(3_600_000)),
            ("label", strings(&class)),
        ],
    );
    let lines: Vec<String> = (0..ROWS)
        .map(|at| {
            format!(
                "{{\"request\": {{\"id\": \"e{at}\", \"utterance\": \"{}\"}}}}\n",
                text(at)
            )
        })
        .collect();
    fs::write(directory.join("events.jsonl"), lines.concat()).unwrap();
    tiny_encoder::write_encoder(&directory.join("all-MiniLM-L6-v2"), 7);
}

/// Runs every block of shell commands of a document in a directory.
fn execute(directory: &Path, document: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let text = fs::read_to_string(root.join("docs").join(document)).unwrap();
    let blocks: Vec<&str> = text
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!blocks.is_empty(), "{document} has commands");
    let programs = Path::new(env!("CARGO_BIN_EXE_bellwether")).parent().unwrap();
    let path = format!(
        "{}:{}",
        programs.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for block in blocks {
        let mut shell = Command::new("sh");
        shell
            .args(["-e", "-c", block])
            .env("PATH", &path)
            .current_dir(directory);
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{document}: {block}\n{output:?}");
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
