//! A JSON file in chunks of lines, or whole when it is one array.

use crate::error::Error;
use crate::source::CHUNK_ROWS;
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// Chosen: a hundred times the largest record that a broker lets through by default.
const MAX_LINE_BYTES: usize = 128 << 20;

pub(crate) struct JsonLines {
    path: PathBuf,
    reader: BufReader<File>,
    chunk: Vec<u8>,
    is_array: bool,
    total_rows: usize,
}

impl JsonLines {
    pub(crate) fn new(path: &Path, file: File) -> Result<Self, Error> {
        let reader = BufReader::with_capacity(1 << 18, file);
        let mut lines = Self {
            path: path.to_owned(),
            reader,
            chunk: Vec::new(),
            is_array: false,
            total_rows: 0,
        };
        // The first pass counts rows for the progress bar; it costs a fraction of decoding them.
        let mut total_rows = 0;
        while let Some(line) = lines.next_line()? {
            if total_rows == 0 {
                let start = line
                    .strip_prefix(b"\xef\xbb\xbf")
                    .unwrap_or(line)
                    .trim_ascii_start();
                if start.starts_with(b"[") {
                    lines.is_array = true;
                    break;
                }
            }
            total_rows += 1;
        }
        lines.total_rows = total_rows;
        lines.rewind()?;
        if lines.is_array {
            let whole = lines.read_whole()?;
            let bytes = whole.strip_prefix(b"\xef\xbb\xbf").unwrap_or(whole);
            // What does not parse is reported when it is decoded.
            let items: Vec<IgnoredAny> = serde_json::from_slice(bytes).unwrap_or_default();
            lines.total_rows = items.len();
            lines.rewind()?;
        }
        Ok(lines)
    }

    pub(crate) fn total_rows(&self) -> usize {
        self.total_rows
    }

    /// Up to [`CHUNK_ROWS`] lines that are not blank, or the whole array.
    pub(crate) fn next_lines(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.is_array {
            let whole = self.read_whole()?;
            return Ok((!whole.is_empty()).then_some(whole));
        }
        self.chunk.clear();
        let mut rows = 0;
        while rows < CHUNK_ROWS && self.append_line()? {
            rows += 1;
        }
        Ok((rows > 0).then_some(&self.chunk[..]))
    }

    fn next_line(&mut self) -> Result<Option<&[u8]>, Error> {
        self.chunk.clear();
        Ok(self.append_line()?.then_some(&self.chunk[..]))
    }

    /// Appends the next line that is not blank to the chunk; false at the end of the file.
    fn append_line(&mut self) -> Result<bool, Error> {
        loop {
            let start = self.chunk.len();
            // One byte more than allowed, so that a line at the limit is told from one beyond it.
            let mut limited = (&mut self.reader).take(MAX_LINE_BYTES as u64 + 1);
            let read = limited
                .read_until(b'\n', &mut self.chunk)
                .map_err(|source| Error::Read {
                    path: self.path.clone(),
                    source,
                })?;
            if read > MAX_LINE_BYTES {
                return Err(Error::LongLine {
                    path: self.path.clone(),
                    limit_bytes: MAX_LINE_BYTES,
                });
            }
            if read == 0 {
                return Ok(false);
            }
            if !self.chunk[start..].trim_ascii().is_empty() {
                return Ok(true);
            }
            self.chunk.truncate(start);
        }
    }

    fn read_whole(&mut self) -> Result<&[u8], Error> {
        self.chunk.clear();
        self.reader
            .read_to_end(&mut self.chunk)
            .map_err(|source| Error::Read {
                path: self.path.clone(),
                source,
            })?;
        Ok(&self.chunk)
    }

    fn rewind(&mut self) -> Result<(), Error> {
        self.reader.rewind().map_err(|source| Error::Read {
            path: self.path.clone(),
            source,
        })
    }
}
