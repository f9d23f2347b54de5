//! Observations and labels as Arrow record batches, and as Arrow IPC.

mod attributes;
mod columns;
mod ipc;

#[cfg(test)]
mod tests;

use crate::batch::{LabelRow, ObservationBatchBuilder};
use crate::check::{self, listed};
use crate::encoder::canary_name;
use crate::floats::Floats;
use crate::raw::{RawPrediction, RawProbabilities, RawRow};
use crate::reject::{Fault, Reject, RejectReason};
use crate::schema::ModelSchema;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use attributes::AttributeColumn;
use columns::{FLOAT_LIST, STRING, Strings, TIMESTAMP, Times, Vectors, find, require};

/// Why no row of a record batch can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// A column of the contract is absent.
    #[error(
        "column `{column}` is missing; expected {expected}; the columns are {}",
        listed(present.iter().map(String::as_str))
    )]
    Missing {
        /// The column.
        column: &'static str,
        /// The types it may have.
        expected: &'static str,
        /// The columns that are there.
        present: Vec<String>,
    },
    /// A column has a type that is not read.
    #[error("column `{column}` is {found}; expected {expected}")]
    Type {
        /// The column.
        column: &'static str,
        /// Its Arrow type.
        found: String,
        /// The types it may have.
        expected: &'static str,
    },
}

impl From<ColumnError> for Fault {
    fn from(error: ColumnError) -> Self {
        let reason = match error {
            ColumnError::Missing { .. } => RejectReason::MissingField,
            ColumnError::Type { .. } => RejectReason::InvalidField,
        };
        Self::new(reason, error.to_string())
    }
}

/// The columns of an observation: what [`decode_observations`] looks at, so that a reader need not load others.
pub const OBSERVATION_COLUMNS: [&str; 10] = [
    "event_id",
    "task",
    "timestamp",
    "text",
    "embedding",
    "prediction",
    "probabilities",
    "attributes",
    "model_version",
    "encoder_version",
];

/// The columns of a reference row, for [`decode_reference`].
pub const REFERENCE_COLUMNS: [&str; 11] = [
    "event_id",
    "task",
    "timestamp",
    "text",
    "embedding",
    "prediction",
    "probabilities",
    "attributes",
    "model_version",
    "encoder_version",
    "label",
];

/// The columns of a label, for [`decode_labels`].
pub const LABEL_COLUMNS: [&str; 3] = ["event_id", "timestamp", "label"];

/// Adds the batch's observations to `builder`. Rows that cannot be used go to `rejects`, with their index in the batch.
///
/// Accepted types: strings as utf8, `large_utf8`, `utf8_view` or a dictionary of these; times as a timestamp of any unit and
/// zone (UTC without one) or int64 milliseconds; vectors as lists, large lists or fixed-size lists of float16, float32 or
/// float64. `attributes` as a map or a struct of strings, `model_version` and `encoder_version` as strings (of another type they are
/// ignored). `text`, `probabilities`, `attributes` and the versions may be absent, and `embedding` where texts are embedded
/// later; other columns are ignored. Copies each embedding
/// once, into the builder; allocates nothing per row without attributes.
///
/// # Errors
/// [`ColumnError`] when a column is missing or of another type; then nothing was added.
pub fn decode_observations(
    schema: &ModelSchema,
    batch: &RecordBatch,
    builder: &mut ObservationBatchBuilder,
    rejects: &mut Vec<Reject>,
) -> Result<(), ColumnError> {
    let columns = Observations::new(schema, batch)?;
    let mut scratch = Vec::new();
    for row in 0..batch.num_rows() {
        if let Err(fault) = columns.push(schema, row, &mut scratch, builder) {
            rejects.push(fault.at(row));
        }
    }
    Ok(())
}

/// As [`decode_observations`], with the truth of each row from the column `label`: `labels` grows by one wherever `builder`
/// does.
///
/// # Errors
/// [`ColumnError`] when a column is missing or of another type; then nothing was added.
pub fn decode_reference(
    schema: &ModelSchema,
    batch: &RecordBatch,
    builder: &mut ObservationBatchBuilder,
    labels: &mut Vec<String>,
    rejects: &mut Vec<Reject>,
) -> Result<(), ColumnError> {
    let columns = Observations::new(schema, batch)?;
    let truth = Strings::new("label", require(batch, "label", STRING)?)?;
    let mut scratch = Vec::new();
    for row in 0..batch.num_rows() {
        let is_canary = columns
            .event_id
            .get(row)
            .is_some_and(|id| canary_name(id).is_some());
        if is_canary {
            if let Err(fault) = columns.push(schema, row, &mut scratch, builder) {
                rejects.push(fault.at(row));
            }
            continue;
        }
        let outcome = check::label(truth.get(row)).and_then(|label| {
            if let Some(task) = columns.task.get(row) {
                check::reference_label(schema, task, label)?;
            }
            let before = builder.len();
            columns.push(schema, row, &mut scratch, builder)?;
            labels.extend((builder.len() > before).then(|| label.to_owned()));
            Ok(())
        });
        if let Err(fault) = outcome {
            rejects.push(fault.at(row));
        }
    }
    Ok(())
}

/// Adds the batch's labels to `labels`. Rows that cannot be used go to `rejects`, with their index in the batch.
///
/// # Errors
/// [`ColumnError`] when `event_id`, `timestamp` or `label` is missing or of another type; then nothing was added.
pub fn decode_labels(
    batch: &RecordBatch,
    labels: &mut Vec<LabelRow>,
    rejects: &mut Vec<Reject>,
) -> Result<(), ColumnError> {
    let event_id = Strings::new("event_id", require(batch, "event_id", STRING)?)?;
    let timestamp = Times::new("timestamp", require(batch, "timestamp", TIMESTAMP)?)?;
    let label = Strings::new("label", require(batch, "label", STRING)?)?;
    for row in 0..batch.num_rows() {
        let read = || {
            Ok(LabelRow {
                event_id: check::event_id(event_id.get(row))?.to_owned(),
                timestamp_ms: check::timestamp(timestamp.get(row))?,
                label: check::label(label.get(row))?.to_owned(),
            })
        };
        match read() {
            Ok(row) => labels.push(row),
            Err(fault) => rejects.push(Fault::at(fault, row)),
        }
    }
    Ok(())
}

/// Adds the observations of an Arrow IPC payload (stream or file format) to `builder` and returns how many rows it had,
/// refused ones included. The [`Reject`]s carry the row's index within the payload.
///
/// # Errors
/// A [`Fault`] for the whole payload when the bytes are not Arrow IPC or a column is missing or of another type; then nothing
/// was added.
pub fn decode_ipc_observations(
    schema: &ModelSchema,
    payload: &[u8],
    builder: &mut ObservationBatchBuilder,
    rejects: &mut Vec<Reject>,
) -> Result<usize, Fault> {
    let batches = ipc::read(payload)?;
    each(&batches, rejects, |batch, rejects| {
        decode_observations(schema, batch, builder, rejects)
    })
}

/// Adds the labels of an Arrow IPC payload to `labels`; otherwise as [`decode_ipc_observations`].
///
/// # Errors
/// As [`decode_ipc_observations`].
pub fn decode_ipc_labels(
    payload: &[u8],
    labels: &mut Vec<LabelRow>,
    rejects: &mut Vec<Reject>,
) -> Result<usize, Fault> {
    let batches = ipc::read(payload)?;
    each(&batches, rejects, |batch, rejects| {
        decode_labels(batch, labels, rejects)
    })
}

/// The width of a fixed-size `embedding` column; none when there is no such column or its rows have a length each.
///
/// # Errors
/// [`ColumnError`] when the column is missing or not a list of floats.
pub fn fixed_embedding_width(schema: &Schema) -> Result<Option<usize>, ColumnError> {
    let empty = RecordBatch::new_empty(schema.clone().into());
    let column = require(&empty, "embedding", FLOAT_LIST)?;
    Vectors::new("embedding", column)?;
    Ok(match column.data_type() {
        DataType::FixedSizeList(_, width) => usize::try_from(*width).ok(),
        _ => None,
    })
}

/// The width of the first embedding in the batch that is neither null nor empty.
///
/// # Errors
/// [`ColumnError`] when the column is missing or not a list of floats.
pub fn embedding_width(batch: &RecordBatch) -> Result<Option<usize>, ColumnError> {
    let vectors = Vectors::new("embedding", require(batch, "embedding", FLOAT_LIST)?)?;
    Ok((0..batch.num_rows())
        .filter_map(|row| vectors.get(row))
        .map(Floats::len)
        .find(|width| *width > 0))
}

/// Decodes the batches of one payload. They share one schema, so only the first can fail, before anything is added.
fn each(
    batches: &[RecordBatch],
    rejects: &mut Vec<Reject>,
    mut decode: impl FnMut(&RecordBatch, &mut Vec<Reject>) -> Result<(), ColumnError>,
) -> Result<usize, Fault> {
    let mut rows = 0;
    for batch in batches {
        let before = rejects.len();
        decode(batch, rejects)?;
        rejects[before..].iter_mut().for_each(|reject| reject.row += rows);
        rows += batch.num_rows();
    }
    Ok(rows)
}

/// The columns of an observation.
struct Observations<'a> {
    event_id: Strings<'a>,
    task: Strings<'a>,
    timestamp: Times<'a>,
    text: Option<Strings<'a>>,
    embedding: Option<Vectors<'a>>,
    prediction: Strings<'a>,
    probabilities: Option<Vectors<'a>>,
    attributes: AttributeColumn<'a>,
    model_version: Option<Strings<'a>>,
    encoder_version: Option<Strings<'a>>,
}

impl<'a> Observations<'a> {
    fn new(schema: &ModelSchema, batch: &'a RecordBatch) -> Result<Self, ColumnError> {
        let embedding = match find(batch, "embedding") {
            None if schema.encoder().embeds_text => None,
            _ => Some(Vectors::new(
                "embedding",
                require(batch, "embedding", FLOAT_LIST)?,
            )?),
        };
        // Of another type it says nothing, and refuses no data either.
        let version = |name| find(batch, name).and_then(|column| Strings::new(name, column).ok());
        Ok(Self {
            event_id: Strings::new("event_id", require(batch, "event_id", STRING)?)?,
            task: Strings::new("task", require(batch, "task", STRING)?)?,
            timestamp: Times::new("timestamp", require(batch, "timestamp", TIMESTAMP)?)?,
            text: find(batch, "text")
                .map(|column| Strings::new("text", column))
                .transpose()?,
            embedding,
            prediction: Strings::new("prediction", require(batch, "prediction", STRING)?)?,
            probabilities: find(batch, "probabilities")
                .map(|column| Vectors::new("probabilities", column))
                .transpose()?,
            attributes: find(batch, "attributes").map_or(AttributeColumn::Absent, AttributeColumn::new),
            model_version: version("model_version"),
            encoder_version: version("encoder_version"),
        })
    }

    fn push(
        &self,
        schema: &ModelSchema,
        row: usize,
        scratch: &mut Vec<f32>,
        builder: &mut ObservationBatchBuilder,
    ) -> Result<(), Fault> {
        let probabilities = match self.probabilities.as_ref().and_then(|column| column.get(row)) {
            None => &[],
            Some(Floats::F32(values)) => values,
            Some(other) => {
                scratch.clear();
                other.append_to(scratch);
                scratch.as_slice()
            }
        };
        let attributes = self.attributes.get(row);
        let row = RawRow {
            event_id: self.event_id.get(row),
            task: self.task.get(row),
            timestamp_ms: self.timestamp.get(row),
            text: self.text.as_ref().and_then(|column| column.get(row)),
            prediction: self.prediction.get(row).map(RawPrediction::Text),
            probabilities: RawProbabilities {
                values: probabilities,
                width: None,
            },
            embedding: self.embedding.as_ref().and_then(|column| column.get(row)),
            attributes: &attributes,
            model_version: self.model_version.as_ref().and_then(|column| column.get(row)),
            encoder_version: self.encoder_version.as_ref().and_then(|column| column.get(row)),
        };
        check::push(schema, &row, builder)
    }
}
