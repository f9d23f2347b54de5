//! Parquet and Arrow IPC files as record batches of a bounded number of rows.

use crate::error::Error;
use crate::format::Format;
use crate::source::CHUNK_ROWS;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::root_as_message;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The file format is its magic, zeros up to the writer's alignment, which is a multiple of this, and a complete stream
/// before the footer.
const IPC_ALIGNMENT_BYTES: usize = 8;

/// Chosen: a schema of thousands of columns takes a hundredth of it.
const MAX_IPC_METADATA_BYTES: usize = 64 << 20;

type BatchIterator = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

pub(crate) struct Batches {
    path: PathBuf,
    format: Format,
    inner: BatchIterator,
    schema: SchemaRef,
    total_rows: usize,
    /// What is left of the batch last read: a writer may have put the whole file into one.
    rest: Option<RecordBatch>,
}

impl Batches {
    /// Opens a file; only the columns named are loaded, or all of them.
    pub(crate) fn new(
        path: &Path,
        file: File,
        format: Format,
        columns: Option<&[&str]>,
    ) -> Result<Self, Error> {
        let open = || match format {
            Format::Parquet => parquet(path, file, columns),
            _ => ipc(path, file, format, columns),
        };
        let (inner, schema, total_rows) = guard(path, format, open)??;
        Ok(Self {
            path: path.to_owned(),
            format,
            inner,
            schema,
            total_rows,
            rest: None,
        })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn total_rows(&self) -> usize {
        self.total_rows
    }

    /// The next rows, at most [`CHUNK_ROWS`]; none at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            let batch = match self.rest.take() {
                Some(batch) => batch,
                None => match guard(&self.path, self.format, || self.inner.next())? {
                    None => return Ok(None),
                    Some(batch) => batch.map_err(|source| Error::Decode {
                        path: self.path.clone(),
                        format: self.format,
                        source,
                    })?,
                },
            };
            if batch.num_rows() > CHUNK_ROWS {
                self.rest = Some(batch.slice(CHUNK_ROWS, batch.num_rows() - CHUNK_ROWS));
                return Ok(Some(batch.slice(0, CHUNK_ROWS)));
            }
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
    }
}

/// Runs a decoder. Decoders of both formats check most of what they read and panic on some of the rest; a damaged file must
/// end in an error all the same.
fn guard<T>(path: &Path, format: Format, decode: impl FnOnce() -> T) -> Result<T, Error> {
    // The decoder is not used again after a panic: its error ends the reading.
    catch_unwind(AssertUnwindSafe(decode)).map_err(|_| Error::Damaged {
        path: path.to_owned(),
        format,
    })
}

fn parquet(
    path: &Path,
    file: File,
    columns: Option<&[&str]>,
) -> Result<(BatchIterator, SchemaRef, usize), Error> {
    let failed = |source| Error::Parquet {
        path: path.to_owned(),
        source,
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
    let roots = builder.parquet_schema().root_schema().get_fields();
    let mask = match columns {
        Some(columns) => {
            let wanted = (0..roots.len()).filter(|&at| columns.contains(&roots[at].name()));
            ProjectionMask::roots(builder.parquet_schema(), wanted)
        }
        None => ProjectionMask::all(),
    };
    let whole = columns.is_none().then(|| builder.schema().clone());
    let total_rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let reader = builder
        .with_projection(mask)
        .with_batch_size(CHUNK_ROWS)
        .build()
        .map_err(failed)?;
    // Of all columns, with what else the file says about itself.
    let schema = whole.unwrap_or_else(|| arrow::array::RecordBatchReader::schema(&reader));
    Ok((Box::new(reader), schema, total_rows))
}

fn ipc(
    path: &Path,
    mut file: File,
    format: Format,
    columns: Option<&[&str]>,
) -> Result<(BatchIterator, SchemaRef, usize), Error> {
    let read = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let decode = |source| Error::Decode {
        path: path.to_owned(),
        format,
        source,
    };
    let start = if format == Format::ArrowFile {
        stream_start(&mut file).map_err(read)?
    } else {
        0
    };
    let total_rows = count_ipc_rows(&mut file, start).map_err(read)?;
    file.seek(SeekFrom::Start(start)).map_err(read)?;
    let schema = StreamReader::try_new(&file, None).map_err(decode)?.schema();
    let fields = schema.fields();
    let wanted = columns.map(|columns| {
        (0..fields.len())
            .filter(|&at| columns.contains(&fields[at].name().as_str()))
            .collect()
    });
    file.seek(SeekFrom::Start(start)).map_err(read)?;
    let reader = StreamReader::try_new(BufReader::new(file), wanted).map_err(decode)?;
    let schema = reader.schema();
    Ok((Box::new(reader), schema, total_rows))
}

/// Where the stream begins in the file format.
fn stream_start(file: &mut File) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    let mut word = [0; IPC_ALIGNMENT_BYTES];
    reader.read_exact(&mut word)?;
    let mut start = IPC_ALIGNMENT_BYTES as u64;
    while reader.read_exact(&mut word).is_ok() && word == [0; IPC_ALIGNMENT_BYTES] {
        start += IPC_ALIGNMENT_BYTES as u64;
    }
    Ok(start)
}

/// Sums the rows that the messages' headers state, without reading their bodies. What is not a message ends the count: it is
/// the decoder that reports it.
fn count_ipc_rows(file: &mut File, start: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(file);
    let mut rows = 0_usize;
    let mut metadata = Vec::new();
    let mut word = [0; 4];
    while reader.read_exact(&mut word).is_ok() {
        if word == [0xff; 4] && reader.read_exact(&mut word).is_err() {
            break;
        }
        let length = usize::try_from(i32::from_le_bytes(word)).unwrap_or(0);
        if length == 0 || length > MAX_IPC_METADATA_BYTES {
            break;
        }
        metadata.clear();
        (&mut reader).take(length as u64).read_to_end(&mut metadata)?;
        let Ok(message) = root_as_message(&metadata) else {
            break;
        };
        if let Some(batch) = message.header_as_record_batch() {
            rows = rows.saturating_add(usize::try_from(batch.length()).unwrap_or(0));
        }
        if message.bodyLength() < 0 {
            break;
        }
        reader.seek_relative(message.bodyLength())?;
    }
    Ok(rows)
}
