//! Files that people give, and the state of a monitor.

use crate::formats;
use crate::{Input, input};
use arrow::array::RecordBatch;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use bellwether_events::{ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId};
use bellwether_fuzz::targets::state;
use bellwether_monitor::build;
use bellwether_payloads::Format;
use bellwether_store::write_reference;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

/// Rows of a task at the least.
const ROWS: usize = 100;

pub(crate) fn inputs() -> Vec<Input> {
    let mut inputs = references();
    let arrow = |seeds: Vec<formats::Seed>| {
        let found = seeds.into_iter().find(|seed| seed.format == Format::Arrow);
        found.expect("there is one").payload
    };
    for (kind, stream) in [
        ("observation", arrow(formats::observations())),
        ("label", arrow(formats::labels())),
    ] {
        let batch = StreamReader::try_new(&stream[..], None).expect("a stream").next();
        let batch = batch.expect("one batch").expect("of rows");
        inputs.push(input("arrow", &format!("{kind}-file"), ipc_file(&batch)));
        inputs.push(input("arrow", &format!("{kind}-zstd"), ipc_zstd(&batch)));
        inputs.push(input(
            "files",
            &format!("{kind}-parquet"),
            chosen(0, &parquet(&batch, None)),
        ));
        inputs.push(input(
            "files",
            &format!("{kind}-arrow"),
            chosen(1, &ipc_file(&batch)),
        ));
        inputs.push(input("files", &format!("{kind}-stream"), chosen(1, &stream)));
    }
    let lines = b"{\"event_id\": \"e\", \"task\": \"mood\", \"timestamp\": 1, \"embedding\": [1, 2], \"prediction\": \"good\", \
                  \"label\": \"bad\"}\n\nnothing\n[]\n";
    inputs.push(input("files", "lines", chosen(2, lines)));
    for steps in [0, 1, 6] {
        let bytes = state::after(steps);
        inputs.push(input("snapshot", &format!("after-{steps}"), chosen(1, &bytes)));
        inputs.push(input("evidence", &format!("rows-{steps}"), state::message(steps)));
    }
    inputs
}

fn chosen(choice: u8, bytes: &[u8]) -> Vec<u8> {
    [&[choice], bytes].concat()
}

fn ipc_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).expect("a writer");
    writer.write(batch).expect("it is written");
    writer.into_inner().expect("the bytes")
}

fn ipc_zstd(batch: &RecordBatch) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options.expect("known"));
    let writer = writer.as_mut().expect("a writer");
    writer.write(batch).expect("it is written");
    writer.finish().expect("it ends");
    writer.get_ref().clone()
}

/// Uncompressed, so that a changed byte changes a value.
fn parquet(batch: &RecordBatch, metadata: Option<Vec<KeyValue>>) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_key_value_metadata(metadata)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("a writer");
    writer.write(batch).expect("it is written");
    writer.close().expect("it ends");
    bytes
}

/// The smallest reference there may be, as it is written, and with its columns uncompressed.
fn references() -> Vec<Input> {
    let schema = ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]}}"#,
        2,
    );
    let schema = schema.expect("a schema");
    let mut builder = ObservationBatch::builder(&schema, ROWS);
    let mut truths = Vec::new();
    for (row, time) in (0..ROWS).zip(0..) {
        let class = u32::from(row % 2 == 1);
        let side = if class == 0 { 1.0 } else { -1.0 };
        let angle = row as f32;
        builder.push(&ObservationRow {
            event_id: &row.to_string(),
            task: TaskId(0),
            timestamp_ms: time,
            text: None,
            embedding: &[side + 0.1 * angle.sin(), 0.1 * angle.cos()],
            prediction: Prediction::Class(class),
            probabilities: if class == 0 { &[0.9, 0.1] } else { &[0.2, 0.8] },
            attributes: &[],
            model_version: None,
        });
        truths.push(if row % 10 == 0 { "bad" } else { "good" }.to_owned());
    }
    let (manifest, rows) = build(&schema, &builder.finish(), &truths, None).expect("a sound reference");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.ref");
    write_reference(&path, &manifest, &rows).expect("written");
    let written = std::fs::read(&path).expect("read");
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).expect("opened"));
    let reader = reader.expect("Parquet");
    let metadata = reader.metadata().file_metadata().key_value_metadata().cloned();
    let batch = reader
        .build()
        .expect("a reader")
        .next()
        .expect("one batch")
        .expect("of rows");
    vec![
        input("reference", "written", written),
        input("reference", "uncompressed", parquet(&batch, metadata)),
    ]
}
