//! The commands of the documents do what they say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
#[path = "../../bellwether-encoder/tests/support/tiny_encoder.rs"]
mod tiny_encoder;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use bellwether_ingest::EmbeddedBroker;
use bellwether_tests::{Answer, Hooks, Topics, wait_until};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use support::{PATIENCE, START_MS, lines, records, traffic};
use tempfile::TempDir;

const ROWS: usize = 1200;
/// Observations of the quick start's trusted period, and as many after it.
const PAST: usize = 2400;

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
    let utterances: Vec<Value> = (0..ROWS)
        .map(|at| json!({"request": {"id": id(at), "utterance": text(at)}}))
        .collect();
    fs::write(directory.join("events.jsonl"), lines(&utterances)).unwrap();
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

/// Rows as columns of a Parquet file: times, and else texts.
fn write_rows(file: &Path, rows: &[Value], names: &[&'static str]) {
    let column = |name: &str| -> ArrayRef {
        if name == "timestamp" {
            let all = rows.iter().map(|row| row[name].as_i64().unwrap());
            return Arc::new(TimestampMillisecondArray::from_iter_values(all).with_timezone("UTC"));
        }
        let all = rows.iter().map(|row| row[name].as_str().unwrap());
        Arc::new(StringArray::from_iter_values(all))
    };
    write(file, names.iter().map(|name| (*name, column(name))).collect());
}

/// The past, in which the head is right, and what came after it: from its middle on every other answer of the head is wrong.
/// Gives what came after it, and its labels.
fn past_and_recent(directory: &Path) -> (Vec<Value>, Vec<Value>) {
    let words = ["where", "is", "parcels", "two", "lost"];
    let mut rows = traffic(2 * PAST);
    for (at, row) in rows.iter_mut().enumerate() {
        let truth = row["prediction"].clone();
        let subject = if truth == "good" { "my" } else { "refund" };
        // Both tasks take turns.
        if at > PAST + PAST / 2 && (at / 2) % 2 == 0 {
            row["prediction"] = if truth == "good" { "bad" } else { "good" }.into();
        }
        row["label"] = truth;
        row["text"] = [words[at % 5], subject, words[(at / 5) % 5]].join(" ").into();
        let fields = row.as_object_mut().unwrap();
        fields.retain(|name, _| !["embedding", "probabilities"].contains(&name.as_str()));
    }
    let observed = ["event_id", "task", "timestamp", "text", "prediction", "label"];
    let mut recent = rows.split_off(PAST);
    let labels: Vec<Value> = recent
        .iter_mut()
        .map(|row| {
            let label = row.as_object_mut().unwrap().remove("label").unwrap();
            let known = row["timestamp"].as_i64().unwrap() + 3_600_000;
            json!({"event_id": row["event_id"], "timestamp": known, "label": label})
        })
        .collect();
    write_rows(&directory.join("past-texts.parquet"), &rows, &observed);
    write_rows(&directory.join("recent-texts.parquet"), &recent, &observed[..5]);
    write_rows(
        &directory.join("recent-labels.parquet"),
        &labels,
        &["event_id", "timestamp", "label"],
    );
    tiny_encoder::write_encoder(&directory.join("all-MiniLM-L6-v2"), 7);
    (recent, labels)
}

/// What the reader is told to put into the configuration: where Kafka is, and here also a port that is free.
fn fill_in(file: &Path, brokers: &str, page: SocketAddr) {
    let mut config: toml::Table = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let listen = toml::Table::from_iter([("address".to_owned(), page.to_string().into())]);
    config.insert("listen".to_owned(), listen.into());
    let kafka = config["kafka"].as_table_mut().unwrap();
    kafka.insert("brokers".to_owned(), brokers.into());
    kafka.insert("observations_topic".to_owned(), "predictions".into());
    kafka.insert("labels_topic".to_owned(), "labels".into());
    fs::write(file, config.to_string()).unwrap();
}

/// Ends what the document has started in the background, should the test fail before it does.
struct Background<'a>(&'a Path);

impl Drop for Background<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && self.0.exists() {
            let mut kill = Command::new("sh");
            kill.args(["-c", "kill \"$(cat \"$0\")\""]).arg(self.0);
            let _it_may_have_ended = kill.output();
        }
    }
}

/// From files to a verdict, to Kafka and to an alert, as the quick start says; only its addresses are others.
#[test]
fn the_quick_start_goes_from_files_to_an_alert() {
    let directory = TempDir::with_prefix("bellwether-quickstart-").unwrap();
    let at = directory.path();
    let (recent, labels) = past_and_recent(at);
    let broker = EmbeddedBroker::start(&[("predictions", 1), ("labels", 1)]).unwrap();
    let topics = Topics::at(broker.brokers());
    topics.produce("predictions", &records(&recent, 1));
    topics.produce("labels", &records(&labels, 1));
    let hooks = Hooks::start(|_| Answer::TAKEN);
    let page = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pid = at.join("bellwether.pid");
    let _background = Background(&pid);
    let (mut replayed, mut judged) = (false, false);
    for block in blocks("QUICKSTART.md") {
        let block = block
            .replace("127.0.0.1:8177", &page.to_string())
            .replace("http://127.0.0.1:9099", &format!("http://{}", hooks.address()));
        if block.contains("bellwether check") {
            fill_in(&at.join("bellwether.toml"), broker.brokers(), page);
        }
        let printed = run(at, &block);
        if block.contains("bellwether replay") {
            let timeline = fs::read_to_string(at.join("timeline.jsonl")).unwrap();
            assert!(timeline.contains("\"verdict\":\"retrain\""), "{timeline}");
            replayed = true;
        }
        if block.contains("/api/v1/model") {
            // The page follows within seconds.
            wait_until("the recent traffic is judged", PATIENCE, || {
                let answers = serde_json::Deserializer::from_str(&run(at, &block))
                    .into_iter::<Value>()
                    .last()?;
                let model = answers.ok()?;
                let tasks = model["tasks"].as_array()?;
                let all = tasks.len() == 2 && tasks.iter().all(|task| task["verdict"] == "retrain");
                all.then_some(())
            });
            assert!(printed.contains("\"tasks\""), "{printed}");
            judged = true;
        }
    }
    assert!(replayed && judged);
    assert_eq!(hooks.calls().len(), 2, "a test alert and its end");
    for written in ["past.parquet", "tasks.json", "model.ref", "power.json"] {
        assert!(at.join(written).exists(), "{written}");
    }
}
