//! A file as a sequence of chunks, whichever format it has.

use crate::column_map::ColumnMap;
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

/// A file whose rows come with the contract's names.
pub(crate) struct Source {
    file: Opened,
    columns: Vec<&'static str>,
    map: Option<ColumnMap>,
    /// The schema with the contract's names, of a columnar file.
    schema: Option<SchemaRef>,
    /// The last chunk, of JSON whose names were others.
    mapped: Vec<u8>,
}

enum Opened {
    Columns(Batches),
    Json(JsonLines),
}

impl Source {
    /// Opens a file. Of a columnar one, only the columns named are loaded.
    pub(crate) fn open(
        path: &Path,
        columns: &[&'static str],
        map: Option<&ColumnMap>,
    ) -> Result<Self, Error> {
        let (file, format) = open(path)?;
        let file = match format {
            Format::Json => Opened::Json(JsonLines::new(path, file)?),
            format => {
                let roots = map.map_or_else(|| columns.to_vec(), |map| map.roots(columns));
                Opened::Columns(Batches::new(path, file, format, Some(&roots))?)
            }
        };
        let schema = match (&file, map) {
            (Opened::Columns(batches), None) => Some(batches.schema().clone()),
            (Opened::Columns(batches), Some(map)) => {
                let empty = RecordBatch::new_empty(batches.schema().clone());
                Some(map.batch(&empty, columns).schema())
            }
            (Opened::Json(_), _) => None,
        };
        Ok(Self {
            file,
            columns: columns.to_vec(),
            map: map.cloned(),
            schema,
            mapped: Vec::new(),
        })
    }

    /// The columns that were found, of a columnar file.
    pub(crate) fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }

    pub(crate) fn total_rows(&self) -> usize {
        match &self.file {
            Opened::Columns(batches) => batches.total_rows(),
            Opened::Json(lines) => lines.total_rows(),
        }
    }

    /// The next rows; none at the end.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        match (&mut self.file, &self.map) {
            (Opened::Columns(batches), None) => Ok(batches.next_batch()?.map(Chunk::Columns)),
            (Opened::Columns(batches), Some(map)) => {
                let batch = batches.next_batch()?;
                Ok(batch.map(|batch| Chunk::Columns(map.batch(&batch, &self.columns))))
            }
            (Opened::Json(lines), None) => Ok(lines.next_lines()?.map(Chunk::Json)),
            (Opened::Json(lines), Some(map)) => {
                let Some(chunk) = lines.next_lines()? else {
                    return Ok(None);
                };
                self.mapped = map.json(chunk, &self.columns);
                Ok(Some(Chunk::Json(&self.mapped)))
            }
        }
    }
}
