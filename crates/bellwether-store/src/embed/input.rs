//! The texts of a file, chunk by chunk, and which rows have an embedding already.

use super::EmbedError;
use crate::columnar::Batches;
use crate::error::Error;
use crate::format::{Format, open};
use crate::json_lines::JsonLines;
use crate::object::Object;
use crate::source::CHUNK_ROWS;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The column that is added.
pub(super) const EMBEDDING: &str = "embedding";

/// What is to be done with a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowText {
    Encode(String),
    Keep,
    Missing,
}

/// What is read of a file.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) text_column: String,
    /// Whether embeddings that are there stay.
    pub(super) keep: bool,
    pub(super) dim: usize,
}

pub(super) struct TextReader {
    path: PathBuf,
    format: Format,
    source: Source,
    wanted: Wanted,
    rows_read: usize,
    keeps_wide_floats: bool,
}

enum Source {
    Columns(Batches),
    Json {
        lines: JsonLines,
        /// An array is read as a whole.
        pending: VecDeque<RowText>,
        text_seen: bool,
    },
}

impl TextReader {
    pub(super) fn open(path: &Path, wanted: Wanted) -> Result<Self, EmbedError> {
        let (file, format) = open(path)?;
        let mut keeps_wide_floats = false;
        let source = if format == Format::Json {
            Source::Json {
                lines: JsonLines::new(path, file)?,
                pending: VecDeque::new(),
                text_seen: false,
            }
        } else {
            let root = wanted.text_column.split('.').next().unwrap_or_default();
            let columns = [wanted.text_column.as_str(), root, EMBEDDING];
            let batches = Batches::new(path, file, format, Some(&columns))?;
            if texts(
                &RecordBatch::new_empty(batches.schema().clone()),
                &wanted.text_column,
            )
            .is_none()
            {
                return Err(no_texts(path, &wanted.text_column, format));
            }
            keeps_wide_floats = check_types(path, batches.schema(), &wanted)?;
            Source::Columns(batches)
        };
        Ok(Self {
            path: path.to_owned(),
            format,
            source,
            wanted,
            rows_read: 0,
            keeps_wide_floats,
        })
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Whether embeddings that stay have more than half precision.
    pub(super) fn keeps_wide_floats(&self) -> bool {
        self.keeps_wide_floats
    }

    pub(super) fn total_rows(&self) -> usize {
        match &self.source {
            Source::Columns(batches) => batches.total_rows(),
            Source::Json { lines, .. } => lines.total_rows(),
        }
    }

    /// The next rows, at most [`CHUNK_ROWS`]; none at the end. Chunks are the same whenever the file is read.
    pub(super) fn next_rows(&mut self) -> Result<Option<Vec<RowText>>, EmbedError> {
        let rows = match &mut self.source {
            Source::Columns(batches) => match batches.next_batch()? {
                Some(batch) => of_columns(&self.path, &batch, &self.wanted, self.rows_read)?,
                None => return Ok(None),
            },
            Source::Json {
                lines,
                pending,
                text_seen,
            } => {
                if pending.is_empty()
                    && let Some(chunk) = lines.next_lines()?
                {
                    objects(&self.path, chunk, self.rows_read, |row, object| {
                        *text_seen |= object.find(&self.wanted.text_column).is_some();
                        pending.push_back(of_object(&self.path, object, &self.wanted, row)?);
                        Ok(())
                    })?;
                }
                if pending.is_empty() {
                    if !*text_seen && self.rows_read > 0 {
                        return Err(EmbedError::NoTextField {
                            path: self.path.clone(),
                            column: self.wanted.text_column.clone(),
                        });
                    }
                    return Ok(None);
                }
                pending.drain(..pending.len().min(CHUNK_ROWS)).collect()
            }
        };
        self.rows_read += rows.len();
        Ok(Some(rows))
    }
}

fn no_texts(path: &Path, column: &str, format: Format) -> EmbedError {
    let all = || -> Result<Vec<String>, Error> {
        let (file, _) = open(path)?;
        let batches = Batches::new(path, file, format, None)?;
        Ok(batches
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect())
    };
    EmbedError::NoTexts {
        path: path.to_owned(),
        column: column.to_owned(),
        present: all().unwrap_or_default(),
    }
}

/// The column of this name, or a field of one, their names joined by points.
fn texts(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    if let Some(column) = batch.column_by_name(name) {
        return Some(column.clone());
    }
    let mut names = name.split('.');
    let mut column = batch.column_by_name(names.next()?)?.clone();
    for name in names {
        column = column.as_struct_opt()?.column_by_name(name)?.clone();
    }
    Some(column)
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// The type of the numbers of a column of vectors.
fn item(kind: &DataType) -> Option<&DataType> {
    match kind {
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item) => {
            let kind = item.data_type();
            matches!(kind, DataType::Float16 | DataType::Float32 | DataType::Float64).then_some(kind)
        }
        _ => None,
    }
}

/// Whether the embeddings that stay have more than half precision.
fn check_types(path: &Path, schema: &Schema, wanted: &Wanted) -> Result<bool, EmbedError> {
    let empty = RecordBatch::new_empty(Arc::new(schema.clone()));
    if let Some(texts) = texts(&empty, &wanted.text_column)
        && !is_text(texts.data_type())
    {
        return Err(EmbedError::TextType {
            path: path.to_owned(),
            column: wanted.text_column.clone(),
            found: texts.data_type().to_string(),
        });
    }
    let there = schema.field_with_name(EMBEDDING);
    let there = there.ok().filter(|_| wanted.keep).map(Field::data_type);
    let Some(kind) = there.filter(|kind| **kind != DataType::Null) else {
        return Ok(false);
    };
    let Some(item) = item(kind) else {
        return Err(EmbedError::EmbeddingType {
            path: path.to_owned(),
            found: kind.to_string(),
        });
    };
    Ok(*item != DataType::Float16)
}

/// How many numbers the vector of a row has; none without a vector.
fn width(column: &ArrayRef, row: usize) -> Option<usize> {
    if !column.is_valid(row) || *column.data_type() == DataType::Null {
        return None;
    }
    let width = match column.data_type() {
        DataType::FixedSizeList(_, width) => usize::try_from(*width).unwrap_or(0),
        DataType::List(_) => column.as_list::<i32>().value(row).len(),
        _ => column.as_list::<i64>().value(row).len(),
    };
    (width > 0).then_some(width)
}

fn of_columns(
    path: &Path,
    batch: &RecordBatch,
    wanted: &Wanted,
    rows_before: usize,
) -> Result<Vec<RowText>, EmbedError> {
    let changed = || EmbedError::Changed {
        path: path.to_owned(),
    };
    let texts = batch.column_by_name(&wanted.text_column).ok_or_else(changed)?;
    let texts = cast(texts, &DataType::Utf8).map_err(|source| Error::Decode {
        path: path.to_owned(),
        format: Format::Parquet,
        source,
    })?;
    let texts = texts.as_string::<i32>();
    let kept = batch.column_by_name(EMBEDDING).filter(|_| wanted.keep);
    (0..batch.num_rows())
        .map(|row| match kept.and_then(|column| width(column, row)) {
            Some(found) => checked_width(path, found, wanted.dim, rows_before + row),
            None if texts.is_valid(row) => Ok(RowText::Encode(texts.value(row).to_owned())),
            None => Ok(RowText::Missing),
        })
        .collect()
}

fn checked_width(path: &Path, found: usize, dim: usize, row: usize) -> Result<RowText, EmbedError> {
    if found == dim {
        return Ok(RowText::Keep);
    }
    Err(EmbedError::EmbeddingWidth {
        path: path.to_owned(),
        row: row + 1,
        found,
        dim,
    })
}

fn of_object(path: &Path, object: &Object<'_>, wanted: &Wanted, row: usize) -> Result<RowText, EmbedError> {
    if let Some(kept) = object.get(EMBEDDING).filter(|_| wanted.keep) {
        let base64 = || {
            let text: String = serde_json::from_str(kept.get()).ok()?;
            let bytes = STANDARD.decode(text).ok()?.len();
            // Of bytes, twice as many as the width are float16.
            Some(if bytes == 2 * wanted.dim {
                wanted.dim
            } else {
                bytes / 4
            })
        };
        let numbers = serde_json::from_str::<Vec<IgnoredAny>>(kept.get()).map(|all| all.len());
        let found = numbers.ok().or_else(base64).unwrap_or(0);
        return checked_width(path, found, wanted.dim, row);
    }
    let Some(text) = object.find(&wanted.text_column) else {
        return Ok(RowText::Missing);
    };
    serde_json::from_str(text.get())
        .map(RowText::Encode)
        .map_err(|_| EmbedError::TextValue {
            path: path.to_owned(),
            column: wanted.text_column.clone(),
            row: row + 1,
        })
}

/// Hands out each object of a chunk of lines, or of a whole array, with the row's index.
pub(super) fn objects(
    path: &Path,
    chunk: &[u8],
    rows_before: usize,
    mut take: impl FnMut(usize, &Object<'_>) -> Result<(), EmbedError>,
) -> Result<usize, EmbedError> {
    let chunk = chunk.strip_prefix(b"\xef\xbb\xbf").unwrap_or(chunk);
    let not_json = |row: usize| {
        move |source| EmbedError::Json {
            path: path.to_owned(),
            row: row + 1,
            source,
        }
    };
    let mut row = rows_before;
    if chunk.trim_ascii_start().starts_with(b"[") {
        let all: Vec<Object<'_>> = serde_json::from_slice(chunk).map_err(not_json(row))?;
        for object in &all {
            take(row, object)?;
            row += 1;
        }
    } else {
        for object in serde_json::Deserializer::from_slice(chunk).into_iter::<Object<'_>>() {
            take(row, &object.map_err(not_json(row))?)?;
            row += 1;
        }
    }
    Ok(row - rows_before)
}
