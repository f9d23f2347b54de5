//! The demo's recording: reference and stream of real embeddings in one Parquet file.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Float16Type, Float32Type, TimestampMillisecondType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bellwether_events::arrow::decode_reference;
use bellwether_events::{ModelSchema, ObservationBatch, SchemaError};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The bytes are no Parquet file.
    #[error("it is no Parquet file")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A part of the file cannot be decoded.
    #[error("a part of it cannot be decoded")]
    Decode(#[from] arrow::error::ArrowError),
    /// The metadata lacks an entry.
    #[error("its metadata lacks `{0}`")]
    Metadata(&'static str),
    /// The tasks are unusable.
    #[error("its tasks are unusable")]
    Schema(#[from] SchemaError),
    /// A column is missing or of another type.
    #[error("its column `{0}` is missing or of another type")]
    Column(&'static str),
    /// A reference row was refused.
    #[error("its reference is unusable: {0}")]
    Reference(String),
}

/// A model's reference and a stream of its observations with their labels.
#[derive(Debug)]
pub struct Recording {
    /// The model's tasks.
    pub schema: ModelSchema,
    /// Reference observations.
    pub reference: ObservationBatch,
    /// Their labels.
    pub labels: Vec<String>,
    /// The stream, in order of arrival.
    pub events: Vec<RecordedEvent>,
    /// What happens in it, as its maker wrote it: JSON.
    pub story: String,
}

/// One recorded observation with its truth.
#[derive(Debug, Clone)]
pub struct RecordedEvent {
    /// Unique within the recording.
    pub event_id: String,
    /// The task.
    pub task: String,
    /// When the prediction was made, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The input's text.
    pub text: String,
    /// Little-endian float16, `[dim]`.
    embedding: Vec<u8>,
    prediction: String,
    probabilities: Vec<f32>,
    label: String,
    /// When the label became known; `None` when it never does.
    pub label_timestamp_ms: Option<i64>,
}

impl RecordedEvent {
    /// The message of the observations topic.
    #[must_use]
    pub fn observation_json(&self) -> Vec<u8> {
        self.observation().to_string().into_bytes()
    }

    /// The line of a reference's input: the observation with its label.
    #[must_use]
    pub fn reference_json(&self) -> Vec<u8> {
        let mut line = self.observation();
        line["label"] = json!(self.label);
        line.to_string().into_bytes()
    }

    fn observation(&self) -> Value {
        json!({
            "event_id": self.event_id,
            "task": self.task,
            "timestamp": self.timestamp_ms,
            "text": self.text,
            "embedding": STANDARD.encode(&self.embedding),
            "prediction": self.prediction,
            "probabilities": self.probabilities,
        })
    }

    /// The message of the labels topic, if a label ever comes.
    #[must_use]
    pub fn label_json(&self) -> Option<Vec<u8>> {
        let timestamp = self.label_timestamp_ms?;
        let message = json!({"event_id": self.event_id, "timestamp": timestamp, "label": self.label});
        Some(message.to_string().into_bytes())
    }
}

impl Recording {
    /// Reads a recording from the bytes of its file.
    ///
    /// # Errors
    /// [`RecordingError`] when the bytes are not a recording.
    pub fn parse(file: &'static [u8]) -> Result<Self, RecordingError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from_static(file))?;
        let metadata = |key: &'static str| {
            let pairs = builder.metadata().file_metadata().key_value_metadata();
            let pair = pairs.and_then(|pairs| pairs.iter().find(|p| p.key == key));
            pair.and_then(|p| p.value.clone())
                .ok_or(RecordingError::Metadata(key))
        };
        let (tasks, story) = (metadata("bellwether.tasks")?, metadata("bellwether.story")?);
        let width = bellwether_events::arrow::fixed_embedding_width(builder.schema())
            .ok()
            .flatten()
            .ok_or(RecordingError::Column("embedding"))?;
        let schema = ModelSchema::from_json(&tasks, width)?;
        let mut reference = ObservationBatch::builder(&schema, 0);
        let (mut labels, mut rejects, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for batch in builder.build()? {
            let batch = batch?;
            let split = reference_rows(&batch)?;
            decode_reference(
                &schema,
                &batch.slice(0, split),
                &mut reference,
                &mut labels,
                &mut rejects,
            )
            .map_err(|error| RecordingError::Reference(error.to_string()))?;
            append_events(&batch.slice(split, batch.num_rows() - split), &mut events)?;
        }
        match rejects.first() {
            Some(reject) => Err(RecordingError::Reference(reject.to_string())),
            None => Ok(Self {
                schema,
                reference: reference.finish(),
                labels,
                events,
                story,
            }),
        }
    }

    /// The reference's rows of a recording one by one, for a program that writes them elsewhere.
    ///
    /// # Errors
    /// [`RecordingError`] when the bytes are not a recording.
    pub fn reference_events(file: &'static [u8]) -> Result<Vec<RecordedEvent>, RecordingError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from_static(file))?;
        let mut events = Vec::new();
        for batch in builder.build()? {
            let batch = batch?;
            append_events(&batch.slice(0, reference_rows(&batch)?), &mut events)?;
        }
        Ok(events)
    }
}

/// How many rows of a batch belong to the reference, which comes before the stream.
fn reference_rows(batch: &RecordBatch) -> Result<usize, RecordingError> {
    let part = strings(batch, "part")?;
    Ok((0..batch.num_rows())
        .take_while(|&row| part.value(row) == "reference")
        .count())
}

fn strings<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, RecordingError> {
    batch
        .column_by_name(name)
        .and_then(|c| c.as_string_opt::<i32>())
        .ok_or(RecordingError::Column(name))
}

fn append_events(batch: &RecordBatch, events: &mut Vec<RecordedEvent>) -> Result<(), RecordingError> {
    let column = |name: &'static str| batch.column_by_name(name).ok_or(RecordingError::Column(name));
    let times = |name: &'static str| {
        column(name)?
            .as_primitive_opt::<TimestampMillisecondType>()
            .ok_or(RecordingError::Column(name))
    };
    let (event_id, task, text) = (
        strings(batch, "event_id")?,
        strings(batch, "task")?,
        strings(batch, "text")?,
    );
    let (prediction, label) = (strings(batch, "prediction")?, strings(batch, "label")?);
    let (timestamp, label_timestamp) = (times("timestamp")?, times("label_timestamp")?);
    let embedding = column("embedding")?
        .as_fixed_size_list_opt()
        .ok_or(RecordingError::Column("embedding"))?;
    let probabilities = column("probabilities")?
        .as_list_opt::<i32>()
        .ok_or(RecordingError::Column("probabilities"))?;
    for row in 0..batch.num_rows() {
        let vector = embedding.value(row);
        let vector = vector
            .as_primitive_opt::<Float16Type>()
            .ok_or(RecordingError::Column("embedding"))?;
        let mut bytes = Vec::with_capacity(vector.len() * 2);
        for x in vector.values() {
            bytes.extend_from_slice(&x.to_le_bytes());
        }
        let row_probabilities = probabilities.value(row);
        let row_probabilities = row_probabilities
            .as_primitive_opt::<Float32Type>()
            .ok_or(RecordingError::Column("probabilities"))?;
        events.push(RecordedEvent {
            event_id: event_id.value(row).to_owned(),
            task: task.value(row).to_owned(),
            timestamp_ms: timestamp.value(row),
            text: text.value(row).to_owned(),
            embedding: bytes,
            prediction: prediction.value(row).to_owned(),
            probabilities: row_probabilities.values().to_vec(),
            label: label.value(row).to_owned(),
            label_timestamp_ms: label_timestamp.is_valid(row).then(|| label_timestamp.value(row)),
        });
    }
    Ok(())
}
