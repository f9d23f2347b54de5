//! A small model, its traffic, a broker in this process, and the program.

#![expect(dead_code, reason = "each test file uses a part of it")]

use bellwether_ingest::EmbeddedBroker;
use bellwether_tests::{Finished, Message, Running, Topics};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// 2026-03-02T00:00:00Z.
pub(crate) const START_MS: i64 = 1_772_409_600_000;
const STEP_MS: i64 = 60_000;
const DIM: usize = 8;

pub(crate) fn program(arguments: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
    command.args(arguments);
    Running::start(command)
}

/// Runs the program to its end, which must be good; gives what it printed.
pub(crate) fn output(arguments: &[&str]) -> String {
    let finished: Finished = program(arguments).wait(PATIENCE);
    assert!(finished.success(), "{finished:?}");
    finished.stdout
}

pub(crate) fn json_output(arguments: &[&str]) -> Value {
    let printed = output(&[arguments, &["--output", "json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// A broker with topics, a directory with a reference, and a configuration of both.
pub(crate) struct Site {
    pub(crate) directory: TempDir,
    pub(crate) broker: EmbeddedBroker,
}

impl Site {
    pub(crate) fn new(topics: &[(&str, i32)]) -> Self {
        let site = Self {
            directory: TempDir::with_prefix("bellwether-site-").expect("the temporary directory is writable"),
            broker: EmbeddedBroker::start(topics).expect("a loopback port is free"),
        };
        site.build("model.ref", &["mood", "topic"]);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn topics(&self) -> Topics {
        Topics::at(self.broker.brokers())
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).expect("writable");
    }

    /// Builds a reference of a model with these tasks.
    pub(crate) fn build(&self, name: &str, tasks: &[&str]) {
        self.build_with(name, tasks, &[]);
    }

    /// The same with more arguments of the command.
    pub(crate) fn build_with(&self, name: &str, tasks: &[&str], more: &[&str]) {
        let mut rows = Vec::new();
        let mut noise = Noise(7);
        for at in 0..600 {
            for (task, name) in tasks.iter().enumerate() {
                let id = format!("{name}-{at}");
                let mut row = observation(
                    &mut noise,
                    name,
                    task,
                    &id,
                    START_MS - (600 - at) * STEP_MS,
                    false,
                );
                row["label"] = row["prediction"].clone();
                rows.push(row);
            }
        }
        let spec: serde_json::Map<String, Value> = tasks
            .iter()
            .map(|task| {
                let spec = json!({"kind": "classification", "labels": ["good", "bad"]});
                ((*task).to_owned(), spec)
            })
            .collect();
        self.write("tasks.json", Value::Object(spec).to_string());
        self.write("reference.jsonl", lines(&rows));
        let (rows, tasks, reference) = (
            self.text("reference.jsonl"),
            self.text("tasks.json"),
            self.text(name),
        );
        let build = ["reference", "build", "--observations", &rows, "--tasks", &tasks];
        output(&[&build, &["--output", reference.as_str()][..], more].concat());
    }

    /// Writes a configuration with more keys of `[kafka]`; gives its path.
    pub(crate) fn configure(&self, name: &str, reference: &str, more: &str) -> String {
        // The broker takes a member for dead only after this time.
        let properties = "\"session.timeout.ms\" = 6000\n";
        self.configure_at(self.broker.brokers(), name, reference, more, properties)
    }

    /// The same for other brokers and properties of the client.
    pub(crate) fn configure_at(
        &self,
        brokers: &str,
        name: &str,
        reference: &str,
        more: &str,
        properties: &str,
    ) -> String {
        let mut text = format!(
            "reference = {reference:?}\n[listen]\naddress = \"127.0.0.1:0\"\n[monitor]\nallowed_lateness = \"1s\"\n"
        );
        let _infallible = write!(
            text,
            "[kafka]\nbrokers = {brokers:?}\ngroup_id = \"site\"\nobservations_topic = \"predictions\"\nlabels_topic = \"labels\"\n\
             idle_timeout = \"300ms\"\n{more}\n[kafka.properties]\n{properties}"
        );
        self.write(name, text);
        self.text(name)
    }
}

/// Numbers that look random and are always the same.
struct Noise(u64);

impl Noise {
    /// Between -1 and 1.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

fn observation(noise: &mut Noise, task: &str, index: usize, id: &str, ms: i64, altered: bool) -> Value {
    let good = noise.next() > 0.0;
    let mut embedding: Vec<f64> = (0..DIM).map(|_| 0.2 * noise.next()).collect();
    embedding[index] += 1.0;
    embedding[4] += if good { 0.7 } else { -0.7 };
    if altered {
        embedding[7] += 2.0;
    }
    let sure = 0.9 + 0.05 * noise.next();
    let probabilities = if good {
        [sure, 1.0 - sure]
    } else {
        [1.0 - sure, sure]
    };
    json!({
        "event_id": id, "task": task, "timestamp": ms, "embedding": embedding,
        "prediction": if good { "good" } else { "bad" }, "probabilities": probabilities,
    })
}

/// Traffic in order of time: quiet, then one task's inputs are others.
pub(crate) fn traffic(events: usize) -> Vec<Value> {
    let mut noise = Noise(11);
    (0..events)
        .map(|at| {
            let task = at % 2;
            let ms = START_MS + i64::try_from(at).expect("few") * STEP_MS;
            let altered = task == 0 && at > events / 2;
            observation(
                &mut noise,
                ["mood", "topic"][task],
                task,
                &format!("e{at}"),
                ms,
                altered,
            )
        })
        .collect()
}

/// Says of each event which encoder embedded it.
pub(crate) fn embedded_by(version: &str, mut traffic: Vec<Value>) -> Vec<Value> {
    for event in &mut traffic {
        event["encoder_version"] = version.into();
    }
    traffic
}

/// The truth of every third event, two hours later.
pub(crate) fn labels(traffic: &[Value]) -> Vec<Value> {
    traffic
        .iter()
        .step_by(3)
        .map(|event| {
            json!({
                "event_id": event["event_id"], "label": event["prediction"],
                "timestamp": event["timestamp"].as_i64().expect("a time") + 7_200_000,
            })
        })
        .collect()
}

pub(crate) fn lines(rows: &[Value]) -> String {
    rows.iter().fold(String::new(), |mut text, row| {
        let _infallible = writeln!(text, "{row}");
        text
    })
}

/// As records whose Kafka timestamp is that of the event, round over the partitions.
pub(crate) fn records(rows: &[Value], partitions: i32) -> Vec<Message> {
    (0..partitions)
        .cycle()
        .zip(rows)
        .map(|(partition, row)| {
            Message::new(row.to_string())
                .key(row["event_id"].as_str().expect("a name"))
                .partition(partition)
                .timestamp_ms(row["timestamp"].as_i64().expect("a time"))
                .header("content-type", "application/json")
        })
        .collect()
}

/// The timeline of a replay of files.
pub(crate) fn replay_files(site: &Site, config: &str, observed: &[Value], known: &[Value]) -> Vec<u8> {
    site.write("events.jsonl", lines(observed));
    site.write("labels.jsonl", lines(known));
    let timeline = site.text("from-files.jsonl");
    output(&[
        "replay",
        "--reference",
        &site.text("model.ref"),
        "--observations",
        &site.text("events.jsonl"),
        "--labels",
        &site.text("labels.jsonl"),
        "--config",
        config,
        "--timeline",
        &timeline,
    ]);
    std::fs::read(Path::new(&timeline)).expect("the timeline was written")
}
