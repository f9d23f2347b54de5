//! A file as a sequence of chunks, whichever format it has.

use crate::columnar::Batches;
use crate::error::Error;
use crate::format::{Format, open};
use crate::json_lines::JsonLines;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::path::Path;

/// Rows of a chunk: enough to amortise what is done per batch, few enough that a batch of wide embeddings stays in cache.
pub(crate) const CHUNK_ROWS: usize = 1024;

/// Up to [`CHUNK_ROWS`] rows of a file.
pub(crate) enum Chunk<'a> {
    Columns(RecordBatch),
    /// JSON lines, or a whole array of objects.
    Json(&'a [u8]),
}

pub(crate) enum Source {
    Columns(Batches),
    Json(JsonLines),
}

impl Source {
    /// Opens a file. Of a columnar one, only the columns named are loaded.
    pub(crate) fn open(path: &Path, columns: &[&str]) -> Result<Self, Error> {
        let (file, format) = open(path)?;
        match format {
            Format::Json => Ok(Self::Json(JsonLines::new(path, file)?)),
            format => Ok(Self::Columns(Batches::new(path, file, format, Some(columns))?)),
        }
    }

    /// The columns that were found, of a columnar file.
    pub(crate) fn schema(&self) -> Option<&SchemaRef> {
        match self {
            Self::Columns(batches) => Some(batches.schema()),
            Self::Json(_) => None,
        }
    }

    pub(crate) fn total_rows(&self) -> usize {
        match self {
            Self::Columns(batches) => batches.total_rows(),
            Self::Json(lines) => lines.total_rows(),
        }
    }

    /// The next rows; none at the end.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        match self {
            Self::Columns(batches) => Ok(batches.next_batch()?.map(Chunk::Columns)),
            Self::Json(lines) => Ok(lines.next_lines()?.map(Chunk::Json)),
        }
    }
}
