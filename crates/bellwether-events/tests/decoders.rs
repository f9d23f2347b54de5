//! Laws of the decoders: the wire format makes no difference, and no bytes make them panic.
#![expect(clippy::unwrap_used, reason = "a test may stop at what cannot fail")]

use arrow::array::{ArrayRef, Float32Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use bellwether_events::arrow::{decode_ipc_labels, decode_ipc_observations, decode_observations};
use bellwether_events::{JsonDecoder, ModelSchema, ObservationBatch, Prediction, Reject};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Write;
use std::sync::Arc;

const DIM: usize = 4;

fn schema() -> ModelSchema {
    ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]},
            "slots": {"kind": "sequence_labelling", "labels": ["O", "B-x"]},
            "score": {"kind": "regression"}}"#,
        DIM,
    )
    .unwrap()
}

/// One row as a producer may send it, right or wrong.
#[derive(Debug, Clone)]
struct Row {
    event_id: Option<String>,
    task: Option<&'static str>,
    timestamp: Option<i64>,
    text: Option<String>,
    embedding: Option<Vec<f32>>,
    prediction: Option<&'static str>,
    probabilities: Option<Vec<f32>>,
}

prop_compose! {
    fn component()(value in prop_oneof![9 => any::<f32>().prop_filter("finite", |v| v.is_finite()), 1 => Just(f32::NAN)])
        -> f32 { value }
}

prop_compose! {
    fn row()(
        event_id in proptest::option::weighted(0.95, "[a-z\"\\\\\u{e9}\n]{0,6}"),
        task in proptest::option::weighted(0.95, proptest::sample::select(vec!["mood", "mood", "slots", "score", "other"])),
        timestamp in proptest::option::weighted(0.95, prop_oneof![9 => -1_000_000..4_000_000_000_000_i64, 1 => any::<i64>()]),
        text in proptest::option::of(".{0,12}"),
        embedding in proptest::option::weighted(0.9, prop_oneof![8 => vec(-1e3_f32..1e3, DIM), 1 => vec(component(), DIM), 1 => vec(component(), 0..6)]),
        prediction in proptest::option::weighted(0.95, proptest::sample::select(vec!["good", "bad", "O B-x", " O  O ", "1.5", "-2e3", "nan", ""])),
        probabilities in proptest::option::of(prop_oneof![vec(0.0_f32..=1.0, 2), vec(0.0_f32..=1.0, 4), vec(-0.1_f32..1.1, 0..5)]),
    ) -> Row {
        Row { event_id, task, timestamp, text, embedding, prediction, probabilities }
    }
}

/// The rows as JSON lines; NaN is written as null, as most encoders do.
fn json_lines(rows: &[Row]) -> Vec<u8> {
    let mut out = String::new();
    for row in rows {
        let field = |value: serde_json::Result<String>| value.unwrap();
        writeln!(
            out,
            r#"{{"probabilities":{},"embedding":{},"event_id":{},"task":{},"timestamp":{},"text":{},"extra":[{{}}],"prediction":{}}}"#,
            field(serde_json::to_string(&row.probabilities)),
            field(serde_json::to_string(&row.embedding)),
            field(serde_json::to_string(&row.event_id)),
            field(serde_json::to_string(&row.task)),
            field(serde_json::to_string(&row.timestamp)),
            field(serde_json::to_string(&row.text)),
            field(serde_json::to_string(&row.prediction)),
        )
        .unwrap();
    }
    out.into_bytes()
}

fn lists<'a>(rows: &(impl Iterator<Item = Option<&'a Vec<f32>>> + Clone)) -> ArrayRef {
    let values: Vec<f32> = rows.clone().flatten().flatten().copied().collect();
    let lengths = rows.clone().map(|row| row.map_or(0, Vec::len));
    let field = Arc::new(Field::new_list_field(DataType::Float32, true));
    let nulls = rows
        .clone()
        .map(|row| row.is_some())
        .collect::<Vec<bool>>()
        .into();
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(
        field,
        offsets,
        Arc::new(Float32Array::from(values)),
        Some(nulls),
    ))
}

fn record_batch(rows: &[Row]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 7] = [
        (
            "event_id",
            Arc::new(
                rows.iter()
                    .map(|r| r.event_id.as_deref())
                    .collect::<StringArray>(),
            ),
        ),
        (
            "task",
            Arc::new(rows.iter().map(|r| r.task).collect::<StringArray>()),
        ),
        (
            "timestamp",
            Arc::new(rows.iter().map(|r| r.timestamp).collect::<Int64Array>()),
        ),
        (
            "text",
            Arc::new(rows.iter().map(|r| r.text.as_deref()).collect::<StringArray>()),
        ),
        ("embedding", lists(&rows.iter().map(|r| r.embedding.as_ref()))),
        (
            "prediction",
            Arc::new(rows.iter().map(|r| r.prediction).collect::<StringArray>()),
        ),
        (
            "probabilities",
            lists(&rows.iter().map(|r| r.probabilities.as_ref())),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// Everything a batch says, with floats as bits so that NaN equals NaN.
fn contents(batch: &ObservationBatch) -> Vec<String> {
    (0..batch.len())
        .map(|row| {
            let prediction = match batch.prediction(row) {
                Prediction::Value(value) => format!("{}", value.to_bits()),
                other => format!("{other:?}"),
            };
            let embedding: Vec<u32> = batch.embedding(row).iter().map(|v| v.to_bits()).collect();
            format!(
                "{:?} {:?} {} {:?} {prediction} {embedding:?} {}",
                batch.event_id(row),
                batch.tasks()[row],
                batch.timestamps_ms()[row],
                batch.text(row),
                batch.confidences()[row].to_bits(),
            )
        })
        .collect()
}

fn from_json(message: &[u8]) -> (ObservationBatch, Vec<Reject>, usize) {
    let schema = schema();
    let mut builder = ObservationBatch::builder(&schema, 8);
    let mut rejects = Vec::new();
    let records = JsonDecoder::default().observations(&schema, message, &mut builder, &mut rejects);
    (builder.finish(), rejects, records)
}

fn ipc(batch: &RecordBatch, compression: Option<CompressionType>, file: bool) -> Vec<u8> {
    let options = IpcWriteOptions::default()
        .try_with_compression(compression)
        .unwrap();
    if file {
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        writer.write(batch).unwrap();
        writer.into_inner().unwrap()
    } else {
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        writer.write(batch).unwrap();
        writer.into_inner().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn json_and_arrow_decode_equally(rows in vec(row(), 1..8)) {
        let schema = schema();
        let (json, json_rejects, records) = from_json(&json_lines(&rows));
        prop_assert_eq!(records, rows.len());
        let mut builder = ObservationBatch::builder(&schema, rows.len());
        let mut rejects = Vec::new();
        decode_observations(&schema, &record_batch(&rows), &mut builder, &mut rejects).unwrap();
        prop_assert_eq!(contents(&json), contents(&builder.finish()));
        prop_assert_eq!(json_rejects, rejects);
    }

    #[test]
    fn mutated_json_never_panics_and_every_record_is_taken_or_refused(
        rows in vec(row(), 1..4),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..3), 0..6),
    ) {
        let mut message = json_lines(&rows);
        for (at, byte, kind) in edits {
            let at = at.index(message.len().max(1));
            match kind {
                0 if at < message.len() => message[at] = byte,
                1 => message.truncate(at),
                _ => message.insert(at.min(message.len()), byte),
            }
        }
        let (batch, rejects, records) = from_json(&message);
        prop_assert_eq!(batch.len() + rejects.len(), records);
        let (mut labels, mut rejects) = (Vec::new(), Vec::new());
        let records = JsonDecoder::default().labels(&message, &mut labels, &mut rejects);
        prop_assert_eq!(labels.len() + rejects.len(), records);
    }

    #[test]
    fn random_bytes_as_ipc_are_one_fault(bytes in vec(any::<u8>(), 0..256), marked in any::<bool>()) {
        let mut payload = if marked { vec![0xff; 4] } else { Vec::new() };
        payload.extend(bytes);
        let schema = schema();
        let mut builder = ObservationBatch::builder(&schema, 1);
        // Four zero bytes in the right place are a complete, empty stream, but never one with a schema.
        prop_assert!(decode_ipc_observations(&schema, &payload, &mut builder, &mut Vec::new()).is_err());
        prop_assert!(builder.is_empty());
        prop_assert!(decode_ipc_labels(&payload, &mut Vec::new(), &mut Vec::new()).is_err());
    }

    #[test]
    fn mutated_ipc_never_panics(
        rows in vec(row(), 1..4),
        compression in proptest::sample::select(vec![None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)]),
        file in any::<bool>(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut payload = ipc(&record_batch(&rows), compression, file);
        for (at, byte) in edits {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let schema = schema();
        let mut builder = ObservationBatch::builder(&schema, 1);
        let mut rejects = Vec::new();
        match decode_ipc_observations(&schema, &payload, &mut builder, &mut rejects) {
            Ok(records) => prop_assert_eq!(builder.len() + rejects.len(), records),
            Err(_) => prop_assert!(builder.is_empty()),
        }
    }
}

/// Every single byte of a payload set to each of a few treacherous values.
#[test]
fn ipc_survives_treacherous_bytes_everywhere() {
    let rows = [Row {
        event_id: Some("e".to_owned()),
        task: Some("mood"),
        timestamp: Some(1),
        text: None,
        embedding: Some(vec![1.0; DIM]),
        prediction: Some("good"),
        probabilities: Some(vec![0.5, 0.5]),
    }];
    let schema = schema();
    for compression in [None, Some(CompressionType::ZSTD)] {
        let payload = ipc(&record_batch(&rows), compression, false);
        for at in 0..payload.len() {
            for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut payload = payload.clone();
                payload[at] = byte;
                let mut builder = ObservationBatch::builder(&schema, 1);
                let mut rejects = Vec::new();
                if let Ok(records) = decode_ipc_observations(&schema, &payload, &mut builder, &mut rejects) {
                    assert_eq!(builder.len() + rejects.len(), records);
                }
            }
        }
    }
}
