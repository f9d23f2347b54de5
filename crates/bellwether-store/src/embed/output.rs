//! The finished file: the rows of the input with the vectors of the log.

use super::EmbedError;
use super::input::{EMBEDDING, objects};
use super::log::{RowState, Rows};
use crate::columnar::Batches;
use crate::format::{Format, open};
use crate::json_lines::JsonLines;
use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float16Array, Float32Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float16Type, Float32Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use half::f16;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Chosen: what a row group may take in memory before it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// The encoder's fingerprint in the metadata of a columnar file.
const ENCODER_KEY: &str = "bellwether.encoder";

/// How the numbers of an embedding are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Half precision: enough for the monitor, and half the size.
    Float16,
    /// Single precision.
    Float32,
}

impl Precision {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Float16 => 2,
            Self::Float32 => 4,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Float16 => DataType::Float16,
            Self::Float32 => DataType::Float32,
        }
    }

    /// Appends a vector as little-endian bytes; false when a number does not fit.
    pub(super) fn append(self, vector: &[f32], out: &mut Vec<u8>) -> bool {
        match self {
            Self::Float16 => vector.iter().all(|x| {
                let half = f16::from_f32(*x);
                out.extend_from_slice(&half.to_le_bytes());
                half.is_finite()
            }),
            Self::Float32 => vector.iter().all(|x| {
                out.extend_from_slice(&x.to_le_bytes());
                x.is_finite()
            }),
        }
    }

    /// The numbers of stored bytes.
    fn numbers(self, bytes: &[u8]) -> impl Iterator<Item = f32> {
        bytes
            .chunks_exact(self.bytes())
            .map(move |bytes| match (self, bytes) {
                (Self::Float16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
                (Self::Float32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
                _ => f32::NAN,
            })
    }
}

/// What is put together.
#[derive(Debug)]
pub(super) struct Assembly<'a> {
    pub(super) input: &'a Path,
    /// Where to write.
    pub(super) whole: &'a Path,
    pub(super) format: Format,
    pub(super) precision: Precision,
    pub(super) dim: usize,
    pub(super) base64: bool,
    pub(super) encoder: &'a str,
}

impl Assembly<'_> {
    pub(super) fn write(&self, mut rows: Rows<'_>) -> Result<(), EmbedError> {
        let file = File::create(self.whole).map_err(EmbedError::partial(self.whole))?;
        if self.format == Format::Json {
            self.write_json(file, &mut rows)?;
        } else {
            self.write_columns(file, &mut rows)?;
        }
        if rows.next()?.is_some() {
            return Err(self.changed());
        }
        Ok(())
    }

    fn changed(&self) -> EmbedError {
        EmbedError::Changed {
            path: self.input.to_owned(),
        }
    }

    fn write_json(&self, file: File, rows: &mut Rows<'_>) -> Result<(), EmbedError> {
        let failed = EmbedError::write(self.whole);
        let (input, _) = open(self.input)?;
        let mut lines = JsonLines::new(self.input, input)?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        let (mut text, mut value) = (String::new(), String::new());
        let mut done = 0;
        while let Some(chunk) = lines.next_lines()? {
            done += objects(self.input, chunk, done, |_, object| {
                let (state, vector) = rows.next()?.ok_or_else(|| self.changed())?;
                value.clear();
                match state {
                    RowState::Missing => value.push_str("null"),
                    RowState::Encoded => self.json_vector(vector, &mut value),
                    RowState::Kept => {
                        value.push_str(object.get(EMBEDDING).ok_or_else(|| self.changed())?.get());
                    }
                }
                text.clear();
                object.write_with(EMBEDDING, &value, &mut text);
                out.write_all(text.as_bytes()).map_err(&failed)
            })?;
        }
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)
    }

    fn json_vector(&self, vector: &[u8], out: &mut String) {
        if self.base64 {
            let _infallible = write!(out, "\"{}\"", STANDARD.encode(vector));
            return;
        }
        out.push('[');
        for (at, x) in self.precision.numbers(vector).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _infallible = write!(out, "{comma}{x}");
        }
        out.push(']');
    }

    fn write_columns(&self, file: File, rows: &mut Rows<'_>) -> Result<(), EmbedError> {
        let (input, format) = open(self.input)?;
        let mut batches = Batches::new(self.input, input, format, None)?;
        let schema = self.schema(batches.schema());
        let mut writer = self.writer(file, &schema)?;
        while let Some(batch) = batches.next_batch()? {
            let whole = self.batch(&batch, &schema, rows)?;
            writer.write(&whole).map_err(|error| self.failed(error))?;
        }
        writer.finish().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: ArrowError) -> EmbedError {
        EmbedError::write(self.whole)(error)
    }

    fn item(&self) -> FieldRef {
        Arc::new(Field::new("item", self.precision.data_type(), false))
    }

    /// The input's columns with the embedding in its place, or at the end.
    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        let width = i32::try_from(self.dim).unwrap_or(i32::MAX);
        let embedding: FieldRef = Arc::new(Field::new_fixed_size_list(EMBEDDING, self.item(), width, true));
        let mut fields: Vec<FieldRef> = input.fields().iter().cloned().collect();
        match fields.iter_mut().find(|field| field.name() == EMBEDDING) {
            Some(field) => *field = embedding,
            None => fields.push(embedding),
        }
        let mut metadata = input.metadata().clone();
        metadata.insert(ENCODER_KEY.to_owned(), self.encoder.to_owned());
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }

    fn batch(
        &self,
        batch: &RecordBatch,
        schema: &SchemaRef,
        rows: &mut Rows<'_>,
    ) -> Result<RecordBatch, EmbedError> {
        let embedding = self.vectors(batch, rows)?;
        let input = batch.schema();
        let columns = schema
            .fields()
            .iter()
            .map(|field| match input.column_with_name(field.name()) {
                _ if field.name() == EMBEDDING => embedding.clone(),
                Some((at, _)) => batch.column(at).clone(),
                None => embedding.clone(),
            });
        RecordBatch::try_new(schema.clone(), columns.collect()).map_err(|error| self.failed(error))
    }

    fn vectors(&self, batch: &RecordBatch, rows: &mut Rows<'_>) -> Result<ArrayRef, EmbedError> {
        let width = i32::try_from(self.dim).unwrap_or(i32::MAX);
        let kind = DataType::FixedSizeList(self.item(), width);
        let there = batch.column_by_name(EMBEDDING);
        let mut kept: Option<ArrayRef> = None;
        let mut halves = Vec::new();
        let mut singles = Vec::new();
        let mut valid = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let (state, vector) = rows.next()?.ok_or_else(|| self.changed())?;
            valid.push(state != RowState::Missing);
            let mut push = |numbers: &mut dyn Iterator<Item = f32>| match self.precision {
                Precision::Float16 => halves.extend(numbers.map(f16::from_f32)),
                Precision::Float32 => singles.extend(numbers),
            };
            match state {
                RowState::Missing => push(&mut std::iter::repeat_n(0.0, self.dim)),
                RowState::Encoded => push(&mut self.precision.numbers(vector)),
                RowState::Kept => {
                    let kept = if let Some(kept) = &kept {
                        kept
                    } else {
                        let there = there.ok_or_else(|| self.changed())?;
                        // Widths were checked; what is null or empty becomes null.
                        kept.insert(cast(there, &kind).map_err(|error| self.failed(error))?)
                    };
                    let values = kept.as_fixed_size_list().value(row);
                    match self.precision {
                        Precision::Float16 => {
                            halves.extend_from_slice(values.as_primitive::<Float16Type>().values());
                        }
                        Precision::Float32 => {
                            singles.extend_from_slice(values.as_primitive::<Float32Type>().values());
                        }
                    }
                }
            }
        }
        let values: ArrayRef = match self.precision {
            Precision::Float16 => Arc::new(Float16Array::from(halves)),
            Precision::Float32 => Arc::new(Float32Array::from(singles)),
        };
        let nulls = NullBuffer::from(valid);
        let array = FixedSizeListArray::try_new(self.item(), width, values, Some(nulls));
        Ok(Arc::new(array.map_err(|error| self.failed(error))?))
    }

    fn writer(&self, file: File, schema: &SchemaRef) -> Result<Writer, EmbedError> {
        Ok(match self.format {
            Format::Parquet => {
                // Vectors do not repeat, and floats of a model hardly compress.
                let vectors = [EMBEDDING, "list", "item"].map(str::to_owned).to_vec();
                let metadata = schema.metadata().iter();
                let mut metadata: Vec<KeyValue> = metadata
                    .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
                    .collect();
                metadata.sort_by(|a, b| a.key.cmp(&b.key));
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_column_dictionary_enabled(ColumnPath::new(vectors), false)
                    .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
                    .set_key_value_metadata(Some(metadata))
                    .build();
                let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(|error| self.failed(error.into()))?))
            }
            Format::ArrowStream => Writer::Stream(
                StreamWriter::try_new_buffered(file, schema).map_err(|error| self.failed(error))?,
            ),
            Format::ArrowFile | Format::Json => {
                Writer::File(FileWriter::try_new_buffered(file, schema).map_err(|error| self.failed(error))?)
            }
        })
    }
}

enum Writer {
    Parquet(Box<ArrowWriter<File>>),
    File(FileWriter<BufWriter<File>>),
    Stream(StreamWriter<BufWriter<File>>),
}

impl Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Self::Parquet(writer) => writer.write(batch).map_err(Into::into),
            Self::File(writer) => writer.write(batch),
            Self::Stream(writer) => writer.write(batch),
        }
    }

    fn finish(self) -> Result<(), ArrowError> {
        let file = match self {
            Self::Parquet(mut writer) => {
                writer.finish()?;
                return Ok(writer.inner().sync_all()?);
            }
            Self::File(writer) => writer.into_inner()?,
            Self::Stream(writer) => writer.into_inner()?,
        };
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(file.sync_all()?)
    }
}
