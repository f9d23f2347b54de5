//! Rows as Parquet and back.

use crate::error::Error;
use crate::rows::Row;
use crate::schema::{SCHEMA_VERSION, fields};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::WriterProperties;

/// Where a file says which columns it has.
const SCHEMA_KEY: &str = "bellwether.history.schema";
/// Where a file says what its rows are.
const KIND_KEY: &str = "bellwether.history.kind";

/// A whole file of rows. The same rows give the same bytes.
pub(crate) fn encode<R: Row>(rows: &[R], path: &str) -> Result<Bytes, Error> {
    let fields = fields(R::TABLE);
    let batch = serde_arrow::to_record_batch(&fields, &rows).map_err(|source| Error::Columns {
        path: path.to_owned(),
        source,
    })?;
    let told = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(format!("bellwether {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![
            told(SCHEMA_KEY, SCHEMA_VERSION.to_string()),
            told(KIND_KEY, R::KIND.to_owned()),
        ]))
        .build();
    let mut bytes = Vec::new();
    let written =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).and_then(|mut writer| {
            writer.write(&batch)?;
            writer.close()
        });
    written.map_err(|source| not_parquet(path, source))?;
    Ok(bytes.into())
}

/// The rows of a file of this or an earlier version.
pub(crate) fn decode<R: Row>(bytes: Bytes, path: &str) -> Result<Vec<R>, Error> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|source| not_parquet(path, source))?;
    let metadata = reader.metadata();
    if told(metadata, KIND_KEY) != Some(R::KIND) {
        let what = ParquetError::General(format!("it holds no rows of kind {}", R::KIND));
        return Err(not_parquet(path, what));
    }
    let schema = told(metadata, SCHEMA_KEY).and_then(|text| text.parse().ok());
    let found = schema.ok_or_else(|| {
        let what = ParquetError::General(format!("it does not say its {SCHEMA_KEY}"));
        not_parquet(path, what)
    })?;
    if found > SCHEMA_VERSION {
        return Err(Error::Newer {
            path: path.to_owned(),
            found,
            supported: SCHEMA_VERSION,
        });
    }
    let batches = reader.build().map_err(|source| not_parquet(path, source))?;
    let mut rows = Vec::new();
    for batch in batches {
        let batch = batch.map_err(|error| not_parquet(path, error.into()))?;
        let more: Vec<R> = serde_arrow::from_record_batch(&batch).map_err(|source| Error::Columns {
            path: path.to_owned(),
            source,
        })?;
        rows.extend(more);
    }
    Ok(rows)
}

fn told<'a>(metadata: &'a ParquetMetaData, key: &str) -> Option<&'a str> {
    let all = metadata.file_metadata().key_value_metadata()?;
    all.iter().find(|told| told.key == key)?.value.as_deref()
}

fn not_parquet(path: &str, source: ParquetError) -> Error {
    Error::Parquet {
        path: path.to_owned(),
        source,
    }
}
