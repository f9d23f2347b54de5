//! Observations, labels and reference rows from a file.

use crate::column_map::ColumnMap;
use crate::error::Error;
use crate::source::{CHUNK_ROWS, Chunk, Source};
use arrow::array::RecordBatch;
use bellwether_events::arrow::{self as contract, ColumnError};
use bellwether_events::{JsonDecoder, LabelRow, ModelSchema, ObservationBatch, Reject};
use std::fmt;
use std::path::{Path, PathBuf};

/// JSON rows that may lack an embedding before the search for its width ends.
const MAX_ROWS_WITHOUT_EMBEDDING: usize = 10 * CHUNK_ROWS;

/// Reads the observations of a Parquet, Arrow IPC or JSON file in batches of about a thousand, in the order of the file.
///
/// Only the columns of the contract are loaded, and only what the file has as one piece: a batch of an Arrow file, a page
/// of each column of a Parquet file, the whole of a JSON file that is one array (which then comes as one batch). Each item carries the rows that can be used and a [`Reject`]
/// for each that cannot; their `row` is the index within the file, blank lines not counted. After an error the
/// reader is at its end.
pub struct ObservationReader {
    path: PathBuf,
    schema: ModelSchema,
    source: Source,
    json: JsonDecoder,
    rows_read: usize,
    failed: bool,
}

impl ObservationReader {
    /// Opens a file of observations of `schema`. The extension says the format (`.parquet`, `.arrow`, `.ipc`, `.feather`,
    /// `.jsonl`, `.ndjson`, `.json`) and the first bytes confirm it.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be opened, is not in its format, or lacks a column.
    pub fn open(path: impl AsRef<Path>, schema: &ModelSchema) -> Result<Self, Error> {
        Self::open_mapped(path, schema, None)
    }

    /// The same for a file whose columns may have other names.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_mapped(
        path: impl AsRef<Path>,
        schema: &ModelSchema,
        columns: Option<&ColumnMap>,
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        let source = Source::open(path, &contract::OBSERVATION_COLUMNS, columns)?;
        check_columns(path, &source, |empty, rejects| {
            contract::decode_observations(schema, empty, &mut ObservationBatch::builder(schema, 0), rejects)
        })?;
        Ok(Self {
            path: path.to_owned(),
            schema: schema.clone(),
            source,
            json: JsonDecoder::default(),
            rows_read: 0,
            failed: false,
        })
    }

    /// Rows in the file, refused ones included, as its metadata or its lines count them.
    #[must_use]
    pub fn total_rows(&self) -> usize {
        self.source.total_rows()
    }

    fn read(&mut self) -> Result<Option<(ObservationBatch, Vec<Reject>)>, Error> {
        let Some(chunk) = self.source.next_chunk()? else {
            return Ok(None);
        };
        let mut builder = ObservationBatch::builder(&self.schema, CHUNK_ROWS);
        let mut rejects = Vec::new();
        let rows = match chunk {
            Chunk::Columns(batch) => {
                contract::decode_observations(&self.schema, &batch, &mut builder, &mut rejects).map_err(
                    |source| Error::Columns {
                        path: self.path.clone(),
                        source,
                    },
                )?;
                batch.num_rows()
            }
            Chunk::Json(lines) => self
                .json
                .observations(&self.schema, lines, &mut builder, &mut rejects),
        };
        shift(&mut rejects, self.rows_read);
        self.rows_read += rows;
        Ok(Some((builder.finish(), rejects)))
    }
}

impl Iterator for ObservationReader {
    type Item = Result<(ObservationBatch, Vec<Reject>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.read().transpose();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}

impl fmt::Debug for ObservationReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservationReader")
            .field("path", &self.path)
            .field("rows_read", &self.rows_read)
            .field("total_rows", &self.total_rows())
            .finish_non_exhaustive()
    }
}

/// All labels of a file, in its order, and a [`Reject`] for each row that cannot be used. Formats as for
/// [`ObservationReader`].
///
/// # Errors
/// [`Error`] when the file cannot be read to its end or lacks a column.
pub fn read_labels(path: impl AsRef<Path>) -> Result<(Vec<LabelRow>, Vec<Reject>), Error> {
    read_labels_mapped(path, None)
}

/// The same for a file whose columns may have other names.
///
/// # Errors
/// As [`read_labels`].
pub fn read_labels_mapped(
    path: impl AsRef<Path>,
    columns: Option<&ColumnMap>,
) -> Result<(Vec<LabelRow>, Vec<Reject>), Error> {
    let path = path.as_ref();
    let mut source = Source::open(path, &contract::LABEL_COLUMNS, columns)?;
    check_columns(path, &source, |empty, rejects| {
        contract::decode_labels(empty, &mut Vec::new(), rejects)
    })?;
    let mut json = JsonDecoder::default();
    let mut labels = Vec::new();
    let rejects = read_all(path, &mut source, |chunk, rejects| match chunk {
        Chunk::Columns(batch) => {
            contract::decode_labels(batch, &mut labels, rejects).map(|()| batch.num_rows())
        }
        Chunk::Json(lines) => Ok(json.labels(lines, &mut labels, rejects)),
    })?;
    Ok((labels, rejects))
}

/// The usable rows of a reference input in one batch, the truth of each row beside it, and a [`Reject`] for each
/// other row. Formats as for [`ObservationReader`], with `label` as one more column. Memory: the whole file's embeddings
/// as `f32`.
///
/// # Errors
/// [`Error`] when the file cannot be read to its end or lacks a column.
pub fn read_reference_input(
    path: impl AsRef<Path>,
    schema: &ModelSchema,
) -> Result<(ObservationBatch, Vec<String>, Vec<Reject>), Error> {
    read_reference_input_mapped(path, schema, None, |_, _| {})
}

/// The same for a file whose columns may have other names. `on_rows` hears after each part how many rows are read, and of how
/// many.
///
/// # Errors
/// As [`read_reference_input`].
pub fn read_reference_input_mapped(
    path: impl AsRef<Path>,
    schema: &ModelSchema,
    columns: Option<&ColumnMap>,
    mut on_rows: impl FnMut(usize, usize),
) -> Result<(ObservationBatch, Vec<String>, Vec<Reject>), Error> {
    let path = path.as_ref();
    let mut source = Source::open(path, &contract::REFERENCE_COLUMNS, columns)?;
    check_columns(path, &source, |empty, rejects| {
        let mut builder = ObservationBatch::builder(schema, 0);
        contract::decode_reference(schema, empty, &mut builder, &mut Vec::new(), rejects)
    })?;
    let mut json = JsonDecoder::default();
    // The file's own count may be wrong in a damaged file, so the first chunk is all that is reserved on its word.
    let mut builder = ObservationBatch::builder(schema, source.total_rows().min(CHUNK_ROWS));
    let mut labels = Vec::new();
    let total_rows = source.total_rows();
    let mut rows_read = 0;
    let rejects = read_all(path, &mut source, |chunk, rejects| {
        let rows = match chunk {
            Chunk::Columns(batch) => {
                contract::decode_reference(schema, batch, &mut builder, &mut labels, rejects)?;
                batch.num_rows()
            }
            Chunk::Json(lines) => json.reference(schema, lines, &mut builder, &mut labels, rejects),
        };
        rows_read += rows;
        on_rows(rows_read, total_rows);
        Ok(rows)
    })?;
    Ok((builder.finish(), labels, rejects))
}

/// The width of the embeddings in a file of observations: that of the column where it is fixed, otherwise of the first
/// embedding that is neither null nor empty.
///
/// # Errors
/// [`Error::NoEmbedding`] when no row tells (base64 in JSON does not); other [`Error`]s when the file cannot be read.
pub fn embedding_width(path: impl AsRef<Path>) -> Result<usize, Error> {
    embedding_width_mapped(path, None)
}

/// The same for a file whose columns may have other names.
///
/// # Errors
/// As [`embedding_width`].
pub fn embedding_width_mapped(path: impl AsRef<Path>, columns: Option<&ColumnMap>) -> Result<usize, Error> {
    let path = path.as_ref();
    let mut source = Source::open(path, &["embedding"], columns)?;
    let unfit = |source| Error::Columns {
        path: path.to_owned(),
        source,
    };
    if let Some(schema) = source.schema()
        && let Some(width) = contract::fixed_embedding_width(schema).map_err(unfit)?
    {
        return Ok(width);
    }
    let mut json = JsonDecoder::default();
    let mut searched = 0;
    while let Some(chunk) = source.next_chunk()? {
        let found = match chunk {
            Chunk::Columns(batch) => contract::embedding_width(&batch).map_err(unfit)?,
            Chunk::Json(_) if searched >= MAX_ROWS_WITHOUT_EMBEDDING => break,
            Chunk::Json(lines) => json.embedding_width(lines),
        };
        if let Some(width) = found {
            return Ok(width);
        }
        searched += CHUNK_ROWS;
    }
    Err(Error::NoEmbedding {
        path: path.to_owned(),
    })
}

/// Tries the columns on no rows, so that a file that cannot be used is refused when it is opened.
fn check_columns(
    path: &Path,
    source: &Source,
    decode: impl FnOnce(&RecordBatch, &mut Vec<Reject>) -> Result<(), ColumnError>,
) -> Result<(), Error> {
    let Some(schema) = source.schema() else {
        return Ok(());
    };
    let empty = RecordBatch::new_empty(schema.clone());
    decode(&empty, &mut Vec::new()).map_err(|source| Error::Columns {
        path: path.to_owned(),
        source,
    })
}

/// Decodes every chunk; `decode` returns how many rows it had.
fn read_all(
    path: &Path,
    source: &mut Source,
    mut decode: impl FnMut(&Chunk<'_>, &mut Vec<Reject>) -> Result<usize, ColumnError>,
) -> Result<Vec<Reject>, Error> {
    let mut rejects = Vec::new();
    let mut rows = 0;
    while let Some(chunk) = source.next_chunk()? {
        let before = rejects.len();
        let read = decode(&chunk, &mut rejects).map_err(|source| Error::Columns {
            path: path.to_owned(),
            source,
        })?;
        shift(&mut rejects[before..], rows);
        rows += read;
    }
    Ok(rejects)
}

/// Turns indices within a chunk into indices within the file.
fn shift(rejects: &mut [Reject], rows_before: usize) {
    for reject in rejects {
        reject.row += rows_before;
    }
}
