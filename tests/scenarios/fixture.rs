//! Small files of real embeddings, cut from the demo's recording.

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float16Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Float32Type};
use arrow::ipc::writer::StreamWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bellwether_store::{RecordedEvent, Recording};
use bellwether_tests::{Binary, Finished};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tempfile::TempDir;

static FILE: &[u8] = include_bytes!("../../crates/bellwether/assets/demo.parquet");

/// How long a command has that does work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The demo's recording.
pub(crate) fn recording() -> &'static Recording {
    static RECORDING: OnceLock<Recording> = OnceLock::new();
    RECORDING.get_or_init(|| Recording::parse(FILE).expect("the demo's recording can be read"))
}

/// The first observations of the recorded stream: quiet days, then a change of one task's class mix, then damage.
pub(crate) fn events() -> &'static [RecordedEvent] {
    &recording().events[..4000]
}

/// A command line, from texts and paths alike.
pub(crate) fn run(arguments: &[&str]) -> Finished {
    Binary::locate().run(arguments, PATIENCE)
}

/// A directory that goes away with this.
pub(crate) fn directory() -> TempDir {
    TempDir::with_prefix("bellwether-scenario-").expect("the temporary directory is writable")
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// `tasks.json` of the recording.
pub(crate) fn tasks_json() -> String {
    let schema = &recording().schema;
    let tasks: Map<String, Value> = schema
        .tasks()
        .map(|task| (schema.name(task).to_owned(), json!(schema.spec(task))))
        .collect();
    Value::Object(tasks).to_string()
}

/// Lines of JSON.
pub(crate) fn lines(records: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        out.extend(record);
        out.push(b'\n');
    }
    out
}

/// Labels in the order in which they become known.
pub(crate) fn labels(events: &[RecordedEvent]) -> Vec<&RecordedEvent> {
    let mut labelled: Vec<_> = events.iter().filter(|e| e.label_timestamp_ms.is_some()).collect();
    labelled.sort_by_key(|event| event.label_timestamp_ms);
    labelled
}

/// Files as a user has them, and the reference built from them by the program itself.
#[derive(Debug)]
pub(crate) struct Fixture {
    directory: TempDir,
}

impl Fixture {
    /// The one that all tests under way share; it is gone when the last of them is.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Fixture>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let fixture = Arc::new(Self::write());
            *shared = Arc::downgrade(&fixture);
            fixture
        })
    }

    fn write() -> Self {
        let fixture = Self {
            directory: directory(),
        };
        let rows = Recording::reference_events(FILE).expect("the demo's recording can be read");
        let write = |name, bytes: Vec<u8>| std::fs::write(fixture.path(name), bytes).expect("writable");
        write("reference.jsonl", lines(rows.iter().map(reference_line)));
        write("tasks.json", tasks_json().into_bytes());
        write(
            "events.jsonl",
            lines(events().iter().map(RecordedEvent::observation_json)),
        );
        let known = labels(events());
        write(
            "labels.jsonl",
            lines(known.iter().filter_map(|event| event.label_json())),
        );
        fixture.build_reference("model.ref", 1.0);
        fixture
    }

    /// Builds a reference of this share of the rows.
    pub(crate) fn build_reference(&self, name: &str, share: f64) -> PathBuf {
        let rows = std::fs::read_to_string(self.path("reference.jsonl")).expect("it was written");
        // Spread over all tasks, which lie one behind the other.
        let kept = |at: usize| ((at + 1) as f64 * share).floor() > (at as f64 * share).floor();
        let rows = rows
            .lines()
            .enumerate()
            .filter(|&(at, _)| share >= 1.0 || kept(at));
        let rows = lines(rows.map(|(_, line)| line.as_bytes().to_vec()));
        let (input, output) = (self.path(&format!("{name}.jsonl")), self.path(name));
        std::fs::write(&input, rows).expect("writable");
        let built = run(&[
            "reference",
            "build",
            "--observations",
            text(&input),
            "--tasks",
            text(&self.path("tasks.json")),
            "--output",
            text(&output),
        ]);
        assert!(built.success(), "{built:?}");
        output
    }

    /// A file of it: `reference.jsonl`, `tasks.json`, `events.jsonl`, `labels.jsonl`, `model.ref`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Judges the events and labels of the fixture; gives the timeline's bytes.
    pub(crate) fn replay(&self, timeline: &Path, more: &[&str]) -> Vec<u8> {
        let (reference, events, labels) = (
            self.path("model.ref"),
            self.path("events.jsonl"),
            self.path("labels.jsonl"),
        );
        let mut arguments = vec!["replay", "--reference", text(&reference)];
        arguments.extend(["--observations", text(&events), "--labels", text(&labels)]);
        arguments.extend(["--timeline", text(timeline)]);
        arguments.extend(more);
        let finished = run(&arguments);
        assert!(finished.success(), "{finished:?}");
        std::fs::read(timeline).expect("the timeline was written")
    }
}

/// A reference's line with the embedding as numbers: they say how wide it is, which base64 does not.
fn reference_line(event: &RecordedEvent) -> Vec<u8> {
    let mut line: Value = serde_json::from_slice(&event.reference_json()).expect("a line is JSON");
    let numbers = halves(&line["embedding"]);
    line["embedding"] = numbers.values().iter().map(|x| x.to_f32()).collect();
    line.to_string().into_bytes()
}

/// The float16 of an embedding in base64.
fn halves(embedding: &Value) -> Float16Array {
    let bytes = STANDARD
        .decode(embedding.as_str().expect("base64"))
        .expect("base64");
    Float16Array::new(ScalarBuffer::from(Buffer::from_slice_ref(&bytes)), None)
}

/// Observations as one Arrow IPC stream with one batch.
pub(crate) fn arrow_ipc(events: &[RecordedEvent]) -> Vec<u8> {
    let rows: Vec<Value> = events
        .iter()
        .map(|event| serde_json::from_slice(&event.observation_json()).expect("a record is JSON"))
        .collect();
    let strings = |name: &str| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row[name].as_str()).collect::<StringArray>())
    };
    let floats: Vec<_> = rows
        .iter()
        .flat_map(|row| halves(&row["embedding"]).values().to_vec())
        .collect();
    let floats = Float16Array::new(ScalarBuffer::from(floats), None);
    let width = i32::try_from(recording().schema.dim()).expect("a small width");
    let item = Arc::new(Field::new("item", DataType::Float16, false));
    let probabilities = rows.iter().map(|row| {
        let row = row["probabilities"].as_array().expect("an array");
        #[expect(clippy::cast_possible_truncation, reason = "they were float32 before")]
        let row: Vec<f32> = row.iter().map(|p| p.as_f64().expect("a number") as f32).collect();
        row
    });
    let (lengths, values): (Vec<usize>, Vec<Vec<f32>>) = probabilities.map(|row| (row.len(), row)).unzip();
    let probabilities = ListArray::new(
        Arc::new(Field::new("item", DataType::Float32, false)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(arrow::array::PrimitiveArray::<Float32Type>::from_iter_values(
            values.into_iter().flatten(),
        )),
        None,
    );
    let timestamps = TimestampMillisecondArray::from_iter_values(events.iter().map(|e| e.timestamp_ms));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("event_id", strings("event_id")),
        ("task", strings("task")),
        ("timestamp", Arc::new(timestamps.with_timezone("UTC"))),
        ("text", strings("text")),
        (
            "embedding",
            Arc::new(FixedSizeListArray::new(item, width, Arc::new(floats), None)),
        ),
        ("prediction", strings("prediction")),
        ("probabilities", Arc::new(probabilities)),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let mut writer =
        StreamWriter::try_new(Vec::new(), &batch.schema()).expect("the types have a form in IPC");
    writer.write(&batch).expect("memory takes it");
    writer.into_inner().expect("memory takes it")
}
