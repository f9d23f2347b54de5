//! A long stream whose labels come a week late: memory stays bounded while what waits lies on disk.
//!
//! `BELLWETHER_SOAK=2000000 cargo test --release -p bellwether-tests --test faults soak -- --ignored --nocapture` writes so many
//! observations over twelve days of event time, with labels seven days later, and reports what the process took.

use crate::fixture::{Fixture, arrow_ipc, directory, recording, text};
use crate::http::try_json;
use crate::monitor::PATIENCE;
use crate::report;
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bellwether_store::RecordedEvent;
use bellwether_tests::{Binary, Message, RealKafka, Topics, wait_until};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

const OBSERVATIONS: i32 = 4;
const DAY_MS: i64 = 86_400_000;
const DAYS: i64 = 12;
const LABEL_DELAY_MS: i64 = 7 * DAY_MS;
const START_MS: i64 = 1_772_000_000_000;
/// Rows of a message, and messages that are written at once.
const ROWS: usize = 64;
const MESSAGES: usize = 256;
/// Observations in memory; the others that wait lie on disk.
const IN_MEMORY: usize = 100_000;
/// What the process may take, whatever the length of the stream.
const BOUND_BYTES: u64 = 1 << 30;

/// The recorded events, over and over, with identifiers and times of their own.
struct Source {
    templates: Vec<RecordBatch>,
    labels: Vec<Vec<String>>,
    total: usize,
}

impl Source {
    fn new(total: usize) -> Self {
        let chunks: Vec<_> = recording().events.chunks_exact(ROWS).collect();
        let template = |bytes: Vec<u8>| {
            let mut reader = StreamReader::try_new(bytes.as_slice(), None).expect("a stream");
            reader.next().expect("a batch").expect("a sound batch")
        };
        let label = |event: &RecordedEvent| {
            let row: Value = serde_json::from_slice(&event.reference_json()).expect("JSON");
            row["label"].as_str().expect("a label").to_owned()
        };
        Self {
            labels: chunks
                .iter()
                .map(|chunk| chunk.iter().map(label).collect())
                .collect(),
            templates: chunks.iter().map(|chunk| template(arrow_ipc(chunk))).collect(),
            total: total / ROWS,
        }
    }

    /// When a message's observations were made.
    fn time_ms(&self, message: usize) -> i64 {
        let count = |messages: usize| i64::try_from(messages).expect("a count");
        START_MS + DAYS * DAY_MS * count(message) / count(self.total)
    }

    fn observations(&self, message: usize) -> Message {
        let template = &self.templates[message % self.templates.len()];
        let ids: StringArray = (0..ROWS).map(|row| Some(format!("{message}-{row}"))).collect();
        let times = TimestampMillisecondArray::from_iter_values((0..ROWS).map(|_| self.time_ms(message)));
        let mut columns: Vec<ArrayRef> = template.columns().to_vec();
        for (name, column) in [
            ("event_id", Arc::new(ids) as ArrayRef),
            ("timestamp", Arc::new(times.with_timezone("UTC"))),
        ] {
            let at = template.schema().index_of(name).expect("a column");
            columns[at] = column;
        }
        let batch = RecordBatch::try_new(template.schema(), columns).expect("the same types");
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a writer");
        writer.write(&batch).expect("memory takes it");
        Message::new(writer.into_inner().expect("memory takes it"))
            .header("content-type", "application/vnd.apache.arrow.stream")
    }

    fn labels(&self, message: usize) -> Message {
        let timestamp = self.time_ms(message) + LABEL_DELAY_MS;
        let labels = &self.labels[message % self.labels.len()];
        let label = |(row, label): (usize, &String)| json!({"event_id": format!("{message}-{row}"), "timestamp": timestamp, "label": label});
        let all: Vec<_> = labels.iter().enumerate().map(label).collect();
        Message::new(serde_json::to_vec(&all).expect("JSON"))
    }

    /// Writes observations and, of those that are seven days old by the end, the labels; returns how many.
    fn write(&self, topics: &Topics, observations: &str, labels: &str) -> usize {
        let end_ms = START_MS + DAYS * DAY_MS;
        let mut labelled = 0;
        for first in (0..self.total).step_by(MESSAGES) {
            let messages = first..self.total.min(first + MESSAGES);
            let observed: Vec<Message> = messages.clone().map(|m| self.observations(m)).collect();
            topics.produce(observations, &observed);
            let known: Vec<Message> = messages
                .filter(|&m| self.time_ms(m) + LABEL_DELAY_MS < end_ms)
                .map(|m| self.labels(m))
                .collect();
            labelled += known.len() * ROWS;
            topics.produce(labels, &known);
        }
        labelled
    }
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn soak_with_labels_a_week_late() {
    let Some(kafka) = RealKafka::start() else { return };
    let asked = std::env::var("BELLWETHER_SOAK")
        .ok()
        .and_then(|text| text.parse().ok());
    let source = Source::new(asked.unwrap_or(500_000));
    let (fixture, directory, topics) = (Fixture::shared(), directory(), kafka.topics());
    topics.create("soak-predictions", OBSERVATIONS);
    topics.create("soak-labels", 1);
    let labelled = source.write(&topics, "soak-predictions", "soak-labels");
    let config = directory.path().join("bellwether.toml");
    let written = format!(
        "reference = \"{}\"\n[listen]\naddress = \"127.0.0.1:0\"\n[state]\ndirectory = \"state\"\n\
         [kafka]\nbrokers = {:?}\nobservations_topic = \"soak-predictions\"\nlabels_topic = \"soak-labels\"\n\
         idle_timeout = \"5s\"\n[monitor]\nmax_pending = 100000000\nmax_pending_in_memory = {IN_MEMORY}\n",
        fixture.path("model.ref").display(),
        kafka.brokers(),
    );
    std::fs::write(&config, written).expect("writable");
    let run = Binary::locate().spawn(&["run", "--config", text(&config)]);
    let url = run.listening_url(PATIENCE);
    let began = Instant::now();
    let rows = (source.total * ROWS) as u64;
    let (mut most_on_disk, mut counts) = (0, json!(null));
    wait_until("all to be read", Duration::from_secs(3000), || {
        std::thread::sleep(Duration::from_millis(500));
        let model = try_json(&url, "/api/v1/model")?;
        counts = model["counts"].clone();
        most_on_disk = most_on_disk.max(counts["pending_observations_on_disk"].as_u64()?);
        (counts["observations"].as_u64()? + counts["buffered"].as_u64()? >= rows
            && counts["labels"].as_u64()? + counts["buffered"].as_u64()? >= labelled as u64)
            .then_some(())
    });
    let (time, peak) = (began.elapsed(), run.peak_resident_bytes());
    run.terminate();
    assert_eq!(run.wait(PATIENCE).code(), Some(0));
    report(&format!(
        "{rows} observations over {DAYS} days, {labelled} labels seven days late, in {:.0} s: at most {most_on_disk} on disk, \
         peak resident memory {} MiB (bound {} MiB); {counts}",
        time.as_secs_f64(),
        peak >> 20,
        BOUND_BYTES >> 20
    ));
    assert!(peak < BOUND_BYTES, "{peak} bytes");
    assert_eq!(counts["evicted_observations_by_number"], 0);
}
