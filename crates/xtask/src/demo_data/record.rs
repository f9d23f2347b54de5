//! The one Parquet file: reference rows, then the stream in order of arrival; tasks, story and provenance as metadata.

use super::Answered;
use super::story;
use super::tasks::Task;
use anyhow::{Context, Result};
use arrow::array::{
    ArrayRef, FixedSizeListArray, Float16Array, ListBuilder, PrimitiveBuilder, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Float32Type, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde::Serialize;
use std::sync::Arc;

/// Hours of computing are not at stake: the file is made once and downloaded with every clone.
const ZSTD_LEVEL: i32 = 19;

/// Where the file comes from.
#[derive(Debug, Serialize)]
pub(super) struct Provenance {
    pub(super) generator: &'static str,
    pub(super) seed: u64,
    /// SHA-256 of the encoder's configuration, tokenizer and weights.
    pub(super) encoder_sha256: String,
}

/// `tasks.json` of the demo's model.
pub(super) fn tasks_json(tasks: &[Task]) -> serde_json::Value {
    let one = |t: &Task| {
        (
            t.name.to_owned(),
            serde_json::json!({"kind": t.kind.as_str(), "labels": t.labels}),
        )
    };
    serde_json::Value::Object(tasks.iter().map(one).collect())
}

/// The file's bytes.
pub(super) fn to_parquet(
    tasks: &[Task],
    reference: &[Answered],
    stream: &[Answered],
    provenance: &Provenance,
) -> Result<Vec<u8>> {
    let batch = batch(tasks, reference, stream)?;
    let metadata = [
        ("bellwether.tasks", tasks_json(tasks).to_string()),
        (
            "bellwether.story",
            serde_json::to_string(&story::intervals(tasks))?,
        ),
        ("bellwether.provenance", serde_json::to_string(provenance)?),
    ];
    let plain = |properties: parquet::file::properties::WriterPropertiesBuilder, column: &[&str]| {
        let path = ColumnPath::new(column.iter().map(|c| (*c).to_owned()).collect());
        properties
            .set_column_dictionary_enabled(path.clone(), false)
            // High and low bytes of floats apart: the high ones compress.
            .set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT)
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_key_value_metadata(Some(
            metadata
                .into_iter()
                .map(|(key, value)| KeyValue::new(key.to_owned(), value))
                .collect(),
        ));
    let properties = plain(properties, &["embedding", "list", "item"]);
    let properties = plain(properties, &["probabilities", "list", "item"]).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}

fn batch(tasks: &[Task], reference: &[Answered], stream: &[Answered]) -> Result<RecordBatch> {
    let rows: Vec<(&str, usize, &Answered)> = reference
        .iter()
        .enumerate()
        .map(|(i, row)| ("reference", i, row))
        .chain(stream.iter().enumerate().map(|(i, row)| ("stream", i, row)))
        .collect();
    let dim = reference
        .first()
        .context("the reference is empty")?
        .embedding
        .len();
    let strings = |of: &dyn Fn(&(&str, usize, &Answered)) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let timestamps =
        TimestampMillisecondArray::from_iter_values(rows.iter().map(|r| r.2.example.timestamp_ms));
    let label_times: TimestampMillisecondArray =
        rows.iter().map(|r| r.2.example.label_timestamp_ms).collect();

    let half = Arc::new(Field::new("item", DataType::Float16, false));
    let values: Float16Array = rows
        .iter()
        .flat_map(|r| r.2.embedding.iter().copied())
        .map(Some)
        .collect();
    let width = i32::try_from(dim).context("embedding width")?;
    let embeddings = FixedSizeListArray::try_new(half.clone(), width, Arc::new(values), None)?;

    let single = Arc::new(Field::new("item", DataType::Float32, false));
    let mut probabilities =
        ListBuilder::new(PrimitiveBuilder::<Float32Type>::new()).with_field(single.clone());
    for (_, _, row) in &rows {
        probabilities.values().append_slice(&row.probabilities);
        probabilities.append(true);
    }

    let schema = Schema::new(vec![
        Field::new("part", DataType::Utf8, false),
        Field::new("event_id", DataType::Utf8, false),
        Field::new("task", DataType::Utf8, false),
        Field::new("timestamp", time.clone(), false),
        Field::new("text", DataType::Utf8, false),
        Field::new("embedding", DataType::FixedSizeList(half, width), false),
        Field::new("prediction", DataType::Utf8, false),
        Field::new("probabilities", DataType::List(single), false),
        Field::new("label", DataType::Utf8, false),
        Field::new("label_timestamp", time, true),
        Field::new("cause", DataType::Utf8, false),
    ]);
    let columns: Vec<ArrayRef> = vec![
        strings(&|r| r.0.to_owned()),
        strings(&|r| format!("{}{:05}", &r.0[..1], r.1)),
        strings(&|r| tasks[r.2.example.task].name.to_owned()),
        Arc::new(timestamps.with_timezone("UTC")),
        strings(&|r| r.2.example.text.clone()),
        Arc::new(embeddings),
        strings(&|r| r.2.prediction.clone()),
        Arc::new(probabilities.finish()),
        strings(&|r| r.2.example.label.clone()),
        Arc::new(label_times.with_timezone("UTC")),
        strings(&|r| r.2.example.cause.as_str().to_owned()),
    ];
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Corpus;
    use super::super::tasks;
    use super::*;
    use arrow::array::{Array, AsArray};
    use bellwether_events::ModelSchema;
    use half::f16;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    const WIDTH: usize = 4;

    fn answered(tasks: &[Task], examples: Vec<super::super::Example>) -> Vec<Answered> {
        let answer = |example: super::super::Example| Answered {
            embedding: vec![f16::from_f32(0.5); WIDTH],
            prediction: example.label.clone(),
            probabilities: vec![0.25; tasks[example.task].labels.len()],
            example,
        };
        examples.into_iter().map(answer).collect()
    }

    #[test]
    fn the_file_holds_the_documented_columns_and_the_same_bytes_each_time() {
        let tasks = tasks::all().unwrap();
        let mut corpus = Corpus::compose(&tasks, 3).unwrap();
        corpus.reference.truncate(40);
        corpus.stream.truncate(60);
        let (reference, stream) = (
            answered(&tasks, corpus.reference),
            answered(&tasks, corpus.stream),
        );
        let provenance = Provenance {
            generator: "test",
            seed: 3,
            encoder_sha256: "0".to_owned(),
        };
        let bytes = to_parquet(&tasks, &reference, &stream, &provenance).unwrap();
        assert_eq!(
            bytes,
            to_parquet(&tasks, &reference, &stream, &provenance).unwrap()
        );

        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        let metadata = reader
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .unwrap()
            .clone();
        let value = |key: &str| {
            metadata
                .iter()
                .find(|kv| kv.key == key)
                .and_then(|kv| kv.value.clone())
                .unwrap()
        };
        let schema = ModelSchema::from_json(&value("bellwether.tasks"), WIDTH).unwrap();
        assert_eq!(schema.len(), 6);
        assert!(
            serde_json::from_str::<Vec<serde_json::Value>>(&value("bellwether.story"))
                .unwrap()
                .len()
                > 6
        );
        assert!(value("bellwether.provenance").contains("\"seed\":3"));

        let batch = reader.build().unwrap().next().unwrap().unwrap();
        assert_eq!(batch.num_rows(), 100);
        let parts = batch.column_by_name("part").unwrap().as_string::<i32>();
        assert_eq!(
            (parts.value(0), parts.value(39), parts.value(40)),
            ("reference", "reference", "stream")
        );
        let embedding = batch.column_by_name("embedding").unwrap();
        assert!(
            matches!(embedding.data_type(), DataType::FixedSizeList(f, 4) if f.data_type() == &DataType::Float16)
        );
        let at = batch.column_by_name("timestamp").unwrap();
        assert_eq!(
            at.data_type(),
            &DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
        );
        let label_at = batch.column_by_name("label_timestamp").unwrap();
        assert!(label_at.null_count() > 20 && label_at.slice(0, 40).null_count() == 0);
    }
}
