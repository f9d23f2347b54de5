//! The file of a work set: one Parquet file, its rows as columns and its header in the metadata.

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Float32Type, Schema, TimestampMillisecondType, UInt32Type};
use arrow::error::ArrowError;
use bellwether_monitor::WorkRow;
use bellwether_worksets::{Header, Reason, SetRow, WorkSet, known_as_str, known_of_str};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the file of a work set cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum WorkSetFileError {
    /// The file cannot be opened, written or moved into place.
    #[error("{} cannot be accessed", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not one that was written as a work set, or is damaged.
    #[error("{} is not a work set, or is damaged", path.display())]
    NotAWorkSet {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a later version.
    #[error("{} has format {found}, this version reads format {} and older", path.display(), bellwether_worksets::FORMAT_VERSION)]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Its columns cannot be encoded.
    #[error("the columns of {} cannot be written", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// What the codec met.
        source: ParquetError,
    },
}

/// Key of the header in the file's metadata.
const HEADER_KEY: &str = "bellwether.work_set";
/// Rows of a file at most: beyond it is no work set.
const MAX_ROWS: i64 = 1_000_000;

/// Columns of the file by name, type and whether they may be null; `vector` is a fixed-size list of the header's width.
pub const WORK_SET_COLUMNS: [(&str, &str, bool); 16] = [
    ("rank", "uint32", true),
    ("chosen", "bool", false),
    ("event_id", "string", false),
    ("task", "string", false),
    ("timestamp", "timestamp[ms, UTC]", false),
    ("reason", "string", true),
    ("novelty", "float32", false),
    ("group", "uint32", true),
    ("copies", "uint32", false),
    ("known", "string", false),
    ("predicted", "string", true),
    ("confidence", "float32", true),
    ("p_similarity", "float32", false),
    ("p_novelty", "float32", false),
    ("text", "string", true),
    ("vector", "fixed_size_list<float32>", false),
];

/// Writes a work set to `path`, whole or not at all. Equal sets give equal bytes.
///
/// # Errors
/// [`WorkSetFileError`] when the file cannot be written.
pub fn write_work_set(path: &Path, set: &WorkSet) -> Result<(), WorkSetFileError> {
    let io = |source| WorkSetFileError::Io {
        path: path.to_owned(),
        source,
    };
    let parquet = |source| WorkSetFileError::Columns {
        path: path.to_owned(),
        source,
    };
    let batch = to_batch(set).map_err(|source| parquet(source.into()))?;
    let text = serde_json::to_string(&set.header).map_err(|e| io(e.into()))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![KeyValue::new(HEADER_KEY.to_owned(), text)]))
        .build();
    let partial = path.with_extension("parquet.partial");
    let file = File::create(&partial).map_err(io)?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(parquet)?;
    writer.write(&batch).map_err(parquet)?;
    writer.finish().map_err(parquet)?;
    writer.inner().sync_all().map_err(io)?;
    drop(writer);
    std::fs::rename(&partial, path).map_err(io)?;
    // The name is durable with its directory.
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty());
    let directory = File::open(directory.unwrap_or(Path::new("."))).map_err(io)?;
    directory.sync_all().map_err(io)
}

/// Reads a work set from `path`.
///
/// # Errors
/// [`WorkSetFileError`] when the file is missing, is no work set, is damaged, or is of a later version.
pub fn read_work_set(path: &Path) -> Result<WorkSet, WorkSetFileError> {
    guarded(path, |file| {
        let (header, builder) = open(path, file)?;
        let mut set = WorkSet {
            header,
            rows: Vec::new(),
            vectors: Vec::new(),
        };
        let damaged = || WorkSetFileError::NotAWorkSet {
            path: path.to_owned(),
        };
        for batch in builder.build().map_err(|_| damaged())? {
            let batch = batch.map_err(|_| damaged())?;
            append(&mut set, &batch).ok_or_else(damaged)?;
        }
        Ok(set)
    })
}

/// Reads only the header of a work set, and how many rows it has.
///
/// # Errors
/// As [`read_work_set`].
pub fn read_work_set_header(path: &Path) -> Result<(Header, u64), WorkSetFileError> {
    guarded(path, |file| {
        let (header, builder) = open(path, file)?;
        let rows: i64 = builder.metadata().file_metadata().num_rows();
        Ok((header, u64::try_from(rows).unwrap_or(0)))
    })
}

/// The decoder checks most of what it reads and panics on some of the rest. It is not used again after that.
fn guarded<T>(
    path: &Path,
    read: impl FnOnce(File) -> Result<T, WorkSetFileError>,
) -> Result<T, WorkSetFileError> {
    let file = File::open(path).map_err(|source| WorkSetFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    catch_unwind(AssertUnwindSafe(|| read(file))).unwrap_or_else(|_| {
        Err(WorkSetFileError::NotAWorkSet {
            path: path.to_owned(),
        })
    })
}

fn open(
    path: &Path,
    file: File,
) -> Result<(Header, ParquetRecordBatchReaderBuilder<File>), WorkSetFileError> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    let not_a_set = || WorkSetFileError::NotAWorkSet {
        path: path.to_owned(),
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|_| not_a_set())?;
    let metadata = builder.metadata().file_metadata();
    let pairs = metadata.key_value_metadata();
    let text = pairs.and_then(|pairs| pairs.iter().find(|p| p.key == HEADER_KEY));
    let text = text
        .and_then(|pair| pair.value.as_deref())
        .ok_or_else(not_a_set)?;
    let Format { format } = serde_json::from_str(text).map_err(|_| not_a_set())?;
    if format > bellwether_worksets::FORMAT_VERSION {
        return Err(WorkSetFileError::OtherFormat {
            path: path.to_owned(),
            found: format,
        });
    }
    if !(0..=MAX_ROWS).contains(&metadata.num_rows()) {
        return Err(not_a_set());
    }
    let header = serde_json::from_str(text).map_err(|_| not_a_set())?;
    Ok((header, builder))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "p-values and shares are written as f32"
)]
fn to_batch(set: &WorkSet) -> Result<RecordBatch, ArrowError> {
    let rows = &set.rows;
    let budget = u32::try_from(set.header.budget).unwrap_or(u32::MAX);
    let width = i32::try_from(set.header.dim)
        .map_err(|_| ArrowError::InvalidArgumentError("the embedding is too wide".to_owned()))?;
    let strings = |of: &dyn Fn(&SetRow) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let optional = |of: &dyn Fn(&SetRow) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let floats = |of: &dyn Fn(&SetRow) -> f64| -> ArrayRef {
        Arc::new(Float32Array::from_iter_values(
            rows.iter().map(|row| of(row) as f32),
        ))
    };
    let times = rows.iter().map(|row| row.observation.timestamp_ms);
    let confidence = rows.iter().map(|row| row.observation.confidence as f32);
    let vector = FixedSizeListArray::try_new(
        Arc::new(Field::new("item", DataType::Float32, false)),
        width,
        Arc::new(Float32Array::from(set.vectors.clone())),
        None,
    )?;
    let columns: [ArrayRef; WORK_SET_COLUMNS.len()] = [
        Arc::new(rows.iter().map(|row| row.rank).collect::<UInt32Array>()),
        Arc::new(
            rows.iter()
                .map(|row| Some(row.rank.is_some_and(|rank| rank <= budget)))
                .collect::<arrow::array::BooleanArray>(),
        ),
        strings(&|row| row.observation.event_id.clone()),
        strings(&|row| row.observation.task.clone()),
        Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC")),
        optional(&|row| row.reason.map(|reason| reason.as_str().to_owned())),
        floats(&|row| row.novelty),
        Arc::new(rows.iter().map(|row| row.group).collect::<UInt32Array>()),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.copies))),
        strings(&|row| known_as_str(row.observation.known).to_owned()),
        optional(&|row| row.observation.predicted.clone()),
        Arc::new(
            confidence
                .map(|c| c.is_finite().then_some(c))
                .collect::<Float32Array>(),
        ),
        floats(&|row| row.observation.p_similarity),
        floats(&|row| row.observation.p_novelty),
        optional(&|row| row.observation.text.clone()),
        Arc::new(vector),
    ];
    let fields: Vec<Field> = WORK_SET_COLUMNS
        .iter()
        .zip(&columns)
        .map(|((name, _, nullable), array)| Field::new(*name, array.data_type().clone(), *nullable))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.to_vec())
}

fn append(set: &mut WorkSet, batch: &RecordBatch) -> Option<()> {
    let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let whole = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<UInt32Type>();
    let float = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float32Type>();
    let (ranks, groups, copies) = (whole("rank")?, whole("group")?, whole("copies")?);
    let (ids, tasks, reasons) = (text("event_id")?, text("task")?, text("reason")?);
    let (known, predicted, texts) = (text("known")?, text("predicted")?, text("text")?);
    let (novelty, confidence) = (float("novelty")?, float("confidence")?);
    let (similarity, p_novelty) = (float("p_similarity")?, float("p_novelty")?);
    let time = batch.column_by_name("timestamp")?;
    let time = time.as_primitive_opt::<TimestampMillisecondType>()?;
    let vectors = batch.column_by_name("vector")?.as_fixed_size_list_opt()?;
    let components = vectors.values().as_primitive_opt::<Float32Type>()?;
    if usize::try_from(vectors.value_length()).ok()? != set.header.dim || components.null_count() > 0 {
        return None;
    }
    let start = vectors.value_offset_at(0);
    let values = components
        .values()
        .get(start..start + batch.num_rows() * set.header.dim)?;
    if !values.iter().all(|x| x.is_finite()) {
        return None;
    }
    set.vectors.extend_from_slice(values);
    let some = |array: &StringArray, row: usize| array.is_valid(row).then(|| array.value(row).to_owned());
    for row in 0..batch.num_rows() {
        let reason = match some(reasons, row).as_deref() {
            None => None,
            Some(text) => Some(
                [Reason::Novel, Reason::Uncertain, Reason::Representative]
                    .into_iter()
                    .find(|reason| reason.as_str() == text)?,
            ),
        };
        set.rows.push(SetRow {
            rank: ranks.is_valid(row).then(|| ranks.value(row)),
            reason,
            novelty: f64::from(novelty.value(row)),
            group: groups.is_valid(row).then(|| groups.value(row)),
            copies: copies.value(row),
            observation: WorkRow {
                event_id: ids.value(row).to_owned(),
                task: tasks.value(row).to_owned(),
                timestamp_ms: time.value(row),
                predicted: some(predicted, row),
                confidence: if confidence.is_valid(row) {
                    f64::from(confidence.value(row))
                } else {
                    f64::NAN
                },
                p_similarity: f64::from(similarity.value(row)),
                p_novelty: f64::from(p_novelty.value(row)),
                known: known_of_str(known.value(row))?,
                text: some(texts, row),
            },
        });
    }
    Some(())
}
