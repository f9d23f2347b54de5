//! The reference file: one Parquet file, its rows as columns and its manifest in the metadata.

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray, UInt16Array, UInt32Array,
};
use arrow::datatypes::{
    DataType, Field, Float16Type, Float32Type, Float64Type, Int64Type, Schema, UInt16Type, UInt32Type,
};
use bellwether_events::TaskId;
use bellwether_monitor::{ReferenceManifest, ReferenceRows};
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

/// Why a reference file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceFileError {
    /// The file cannot be opened, written or moved into place.
    #[error("{} cannot be accessed", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not one that was written as a reference.
    #[error("{} is not a reference", path.display())]
    NotAReference {
        /// The file.
        path: PathBuf,
    },
    /// Its manifest is not of a form that this version knows.
    #[error("the manifest of {} cannot be read", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Its columns cannot be encoded or decoded.
    #[error("the columns of {} cannot be processed", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// What the codec met.
        source: ParquetError,
    },
    /// Its bytes are not those that were written.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// Key of the manifest in the file's metadata.
const MANIFEST_KEY: &str = "bellwether.reference";
const BATCH_ROWS: usize = 4096;

/// Writes a reference to `path`, whole or not at all.
///
/// # Errors
/// [`ReferenceFileError`] when the file cannot be written.
pub fn write_reference(
    path: &Path,
    manifest: &ReferenceManifest,
    rows: &ReferenceRows,
) -> Result<(), ReferenceFileError> {
    let partial = path.with_extension("partial");
    let io = |source| ReferenceFileError::Io {
        path: path.to_owned(),
        source,
    };
    let parquet = |source| ReferenceFileError::Columns {
        path: path.to_owned(),
        source,
    };
    let batch = to_batch(rows, manifest.dim).map_err(|source| parquet(source.into()))?;
    let text = serde_json::to_string(manifest).map_err(|e| io(e.into()))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![KeyValue::new(MANIFEST_KEY.to_owned(), text)]))
        .build();
    let file = File::create(&partial).map_err(io)?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(parquet)?;
    writer.write(&batch).map_err(parquet)?;
    writer.finish().map_err(parquet)?;
    writer.inner().sync_all().map_err(io)?;
    std::fs::rename(&partial, path).map_err(io)
}

/// Reads a reference from `path`.
///
/// # Errors
/// [`ReferenceFileError`] when the file is missing, is no reference, or is damaged.
pub fn read_reference(path: &Path) -> Result<(ReferenceManifest, ReferenceRows), ReferenceFileError> {
    let file = File::open(path).map_err(|source| ReferenceFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    // The decoder checks most of what it reads and panics on some of the rest. It is not used again after that.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(path, file)));
    decoded.unwrap_or_else(|_| {
        Err(ReferenceFileError::Damaged {
            path: path.to_owned(),
        })
    })
}

fn decode(path: &Path, file: File) -> Result<(ReferenceManifest, ReferenceRows), ReferenceFileError> {
    let not_reference = || ReferenceFileError::NotAReference {
        path: path.to_owned(),
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|_| not_reference())?;
    let text = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|p| p.key == MANIFEST_KEY))
        .and_then(|pair| pair.value.clone())
        .ok_or_else(not_reference)?;
    let manifest: ReferenceManifest =
        serde_json::from_str(&text).map_err(|source| ReferenceFileError::Manifest {
            path: path.to_owned(),
            source,
        })?;
    let parquet = |source| ReferenceFileError::Columns {
        path: path.to_owned(),
        source,
    };
    let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(parquet)?;
    let mut rows = ReferenceRows::default();
    for batch in reader {
        let batch = batch.map_err(|source| parquet(source.into()))?;
        append(&mut rows, &batch, manifest.dim).ok_or_else(not_reference)?;
    }
    Ok((manifest, rows))
}

fn to_batch(rows: &ReferenceRows, dim: usize) -> Result<RecordBatch, arrow::error::ArrowError> {
    let item = Arc::new(Field::new("item", DataType::Float16, false));
    let width =
        i32::try_from(dim).map_err(|_| arrow::error::ArrowError::InvalidArgumentError("dim".to_owned()))?;
    let embedding = FixedSizeListArray::try_new(
        item,
        width,
        Arc::new(Float16Array::from(rows.embedding.clone())),
        None,
    )?;
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (
            "task",
            Arc::new(UInt16Array::from_iter_values(rows.task.iter().map(|t| t.0))),
        ),
        ("embedding", Arc::new(embedding)),
        ("class", Arc::new(UInt32Array::from(rows.class.clone()))),
        ("truth", Arc::new(UInt32Array::from(rows.truth.clone()))),
        (
            "confidence",
            Arc::new(Float32Array::from(rows.confidence.clone())),
        ),
        ("loss", Arc::new(Float64Array::from(rows.loss.clone()))),
        (
            "own_similarity",
            Arc::new(Float32Array::from(rows.own_similarity.clone())),
        ),
        ("surprise", Arc::new(Float32Array::from(rows.surprise.clone()))),
        (
            "text_length",
            Arc::new(Float32Array::from(rows.text_length.clone())),
        ),
    ];
    // Files of earlier versions have neither, and stay without.
    if !rows.timestamp_ms.is_empty() {
        let times = Int64Array::from(rows.timestamp_ms.clone());
        columns.push(("timestamp_ms", Arc::new(times)));
    }
    if !rows.event_id.is_empty() {
        let ids = StringArray::from_iter_values(&rows.event_id);
        columns.push(("event_id", Arc::new(ids)));
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), false))
        .collect();
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, array)| array).collect(),
    )
}

/// Adds a batch's rows; `None` when a column is missing or of another type.
fn append(rows: &mut ReferenceRows, batch: &RecordBatch, dim: usize) -> Option<()> {
    let column = |name: &str| batch.column_by_name(name);
    let embedding = column("embedding")?.as_fixed_size_list_opt()?;
    if usize::try_from(embedding.value_length()) != Ok(dim) {
        return None;
    }
    let at = embedding.value_offset_at(0);
    let values = embedding.values().as_primitive_opt::<Float16Type>()?.values();
    rows.embedding
        .extend_from_slice(&values[at..at + batch.num_rows() * dim]);
    rows.task.extend(
        column("task")?
            .as_primitive_opt::<UInt16Type>()?
            .values()
            .iter()
            .map(|&t| TaskId(t)),
    );
    rows.class
        .extend_from_slice(column("class")?.as_primitive_opt::<UInt32Type>()?.values());
    rows.truth
        .extend_from_slice(column("truth")?.as_primitive_opt::<UInt32Type>()?.values());
    rows.confidence
        .extend_from_slice(column("confidence")?.as_primitive_opt::<Float32Type>()?.values());
    rows.loss
        .extend_from_slice(column("loss")?.as_primitive_opt::<Float64Type>()?.values());
    let floats = |name: &str| Some(column(name)?.as_primitive_opt::<Float32Type>()?.values().clone());
    rows.own_similarity.extend_from_slice(&floats("own_similarity")?);
    rows.surprise.extend_from_slice(&floats("surprise")?);
    rows.text_length.extend_from_slice(&floats("text_length")?);
    if let Some(times) = column("timestamp_ms") {
        rows.timestamp_ms
            .extend_from_slice(times.as_primitive_opt::<Int64Type>()?.values());
    }
    if let Some(ids) = column("event_id") {
        let ids = ids.as_string_opt::<i32>()?.iter();
        rows.event_id
            .extend(ids.map(|id| id.unwrap_or_default().to_owned()));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_events::{TaskKind, TaskSpec};
    use bellwether_monitor::{Score, SelfPlay};
    use half::f16;
    use std::collections::BTreeMap;

    fn score() -> Score {
        Score {
            mean: vec![0.1],
            scale: vec![2.0],
            weights: vec![0.5, -1.0 / 3.0],
            training_accuracy: None,
        }
    }

    fn manifest() -> ReferenceManifest {
        let spec = TaskSpec {
            kind: TaskKind::Regression,
            labels: Vec::new(),
        };
        ReferenceManifest {
            format_version: 1,
            id: "0123".to_owned(),
            dim: 2,
            encoder_version: Some("v1".to_owned()),
            model_version: Some("v1".to_owned()),
            from_ms: 1,
            to_ms: 2,
            tasks: BTreeMap::from([("size".to_owned(), spec)]),
            quality: BTreeMap::new(),
            measured: BTreeMap::new(),
            own_nearest_ratio: BTreeMap::from([("size".to_owned(), 0.875)]),
            coupling: BTreeMap::from([("size".to_owned(), BTreeMap::from([("other".to_owned(), 0.5)]))]),
            alien_similarity: 0.25,
            encoder: None,
            trigrams: vec![(3, 7), (16_383, 1)],
            self_play: SelfPlay {
                affinity: score(),
                coherence: score(),
                class_cosine: 0.375,
            },
            slices: BTreeMap::new(),
        }
    }

    #[test]
    fn a_reference_is_read_as_it_was_written() {
        let rows = ReferenceRows {
            task: vec![TaskId(0); 3],
            embedding: [0.1, 0.2, -0.3, 0.4, 0.5, 0.6].map(f16::from_f64).to_vec(),
            class: vec![0, 1, 2],
            truth: vec![u32::MAX, 1, 2],
            confidence: vec![0.5, 0.25, 1.0],
            loss: vec![0.0, 1.0 / 3.0, 1e-9],
            own_similarity: vec![0.9, 0.8, 0.7],
            surprise: vec![-3.0, -2.5, 0.25],
            text_length: vec![12.0, 3.0, 0.0],
            timestamp_ms: vec![1, 1_773_500_400_000, -7],
            event_id: vec!["a".to_owned(), "b".to_owned(), "ü".to_owned()],
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.ref");
        write_reference(&path, &manifest(), &rows).expect("written");
        assert_eq!(read_reference(&path).expect("read"), (manifest(), rows.clone()));
        let earlier = ReferenceRows {
            timestamp_ms: Vec::new(),
            event_id: Vec::new(),
            ..rows
        };
        write_reference(&path, &manifest(), &earlier).expect("written");
        assert_eq!(read_reference(&path).expect("read").1, earlier);
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("listed").count(),
            1,
            "nothing partial is left"
        );
    }

    #[test]
    fn other_files_are_no_references() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.ref");
        assert!(matches!(
            read_reference(&path),
            Err(ReferenceFileError::Io { .. })
        ));
        std::fs::write(&path, b"PAR1 and nothing else").expect("written");
        assert!(matches!(
            read_reference(&path),
            Err(ReferenceFileError::NotAReference { .. })
        ));
    }
}
