//! Adding embeddings to a file of texts: in chunks, resumable, and whole or not at all.
//!
//! The vectors are gathered beside the output (`log.rs`); when all are there, the input is read once more and written with them
//! (`output.rs`). So the output is a function of input and vectors alone: a run that was killed and went on gives the same bytes.

mod error;
mod input;
mod log;
mod output;
#[cfg(test)]
mod tests;

pub use error::EmbedError;
pub use output::Precision;

use crate::format::Format;
use input::{RowText, TextReader, Wanted};
use log::{Manifest, RowState, VectorLog};
use output::Assembly;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What is done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedOptions {
    /// The column of the texts.
    pub text_column: String,
    /// How numbers are stored. Where embeddings of more precision are kept, it is theirs.
    pub precision: Precision,
    /// In JSON, vectors as base64 of their little-endian bytes, not as arrays.
    pub base64: bool,
    /// Whether embeddings that are there are replaced, and removed where there is no text.
    pub overwrite: bool,
    /// Whether what an earlier run left behind is thrown away.
    pub restart: bool,
}

/// What became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EmbedTally {
    /// All of them.
    pub rows: u64,
    /// Rows whose text was encoded.
    pub encoded: u64,
    /// Rows whose embedding stayed as it was.
    pub kept: u64,
    /// Rows with neither text nor embedding.
    pub without_text: u64,
    /// Texts that were longer than the encoder takes.
    pub truncated: u64,
}

impl std::ops::AddAssign for EmbedTally {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.encoded += other.encoded;
        self.kept += other.kept;
        self.without_text += other.without_text;
        self.truncated += other.truncated;
    }
}

/// A file on its way to embeddings: ask for [`texts`](Self::next_texts), give their vectors, and so on to the end, then
/// [`finish`](Self::finish).
pub struct Embedding {
    input: PathBuf,
    output: PathBuf,
    reader: TextReader,
    log: VectorLog,
    precision: Precision,
    dim: usize,
    base64: bool,
    encoder: String,
    /// Rows of the chunk whose vectors are awaited.
    awaited: Vec<RowState>,
    tally: EmbedTally,
    resumed_rows: u64,
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedding")
            .field("input", &self.input)
            .field("output", &self.output)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

impl Embedding {
    /// Opens a Parquet, Arrow IPC or JSON file whose texts an encoder with this fingerprint and width is to encode.
    ///
    /// Until [`finish`](Self::finish) the vectors lie in the directory `OUTPUT.partial`. Where one is there, of the same
    /// input, encoder and options, the work goes on behind it.
    ///
    /// # Errors
    /// [`EmbedError`] when the input cannot be read or has no texts, when what is there is of another run, or when nothing can
    /// be written beside the output.
    pub fn open(
        input: &Path,
        output: &Path,
        options: &EmbedOptions,
        encoder: &str,
        dim: usize,
    ) -> Result<Self, EmbedError> {
        let wanted = Wanted {
            text_column: options.text_column.clone(),
            keep: !options.overwrite,
            dim,
        };
        let mut reader = TextReader::open(input, wanted)?;
        check_output(input, output, reader.format())?;
        let precision = if reader.keeps_wide_floats() {
            Precision::Float32
        } else {
            options.precision
        };
        let described = format!(
            "text column {:?}, {precision:?}, overwrite {}, base64 {}",
            options.text_column, options.overwrite, options.base64
        );
        let manifest = Manifest::of(input, encoder, dim, described)?;
        let directory = partial(output);
        let (log, tally) = VectorLog::open(&directory, &manifest, dim * precision.bytes(), options.restart)?;
        let mut skipped = 0;
        while skipped < tally.rows {
            let rows = reader.next_rows()?.ok_or_else(|| EmbedError::Changed {
                path: input.to_owned(),
            })?;
            skipped += rows.len() as u64;
        }
        Ok(Self {
            input: input.to_owned(),
            output: output.to_owned(),
            reader,
            log,
            precision,
            dim,
            base64: options.base64,
            encoder: encoder.to_owned(),
            awaited: Vec::new(),
            tally,
            resumed_rows: tally.rows,
        })
    }

    /// Rows of the file.
    #[must_use]
    pub fn total_rows(&self) -> usize {
        self.reader.total_rows()
    }

    /// Rows that an earlier run had done.
    #[must_use]
    pub fn resumed_rows(&self) -> u64 {
        self.resumed_rows
    }

    /// What became of the rows so far, those of earlier runs included.
    #[must_use]
    pub fn tally(&self) -> EmbedTally {
        self.tally
    }

    /// The texts of the next chunk of about a thousand rows, perhaps none of them with a text; none at the end of the file.
    ///
    /// # Errors
    /// [`EmbedError`] when the file cannot be read further or a row cannot be used.
    pub fn next_texts(&mut self) -> Result<Option<Vec<String>>, EmbedError> {
        let Some(rows) = self.reader.next_rows()? else {
            return Ok(None);
        };
        let mut texts = Vec::new();
        self.awaited.clear();
        for row in rows {
            self.awaited.push(match row {
                RowText::Encode(text) => {
                    texts.push(text);
                    RowState::Encoded
                }
                RowText::Keep => RowState::Kept,
                RowText::Missing => RowState::Missing,
            });
        }
        Ok(Some(texts))
    }

    /// Takes the vectors of the texts last asked for, `[texts, dim]`, row-major, and how many texts were cut.
    ///
    /// # Errors
    /// [`EmbedError::Overflow`] for a number that does not fit, [`EmbedError::Partial`] when they cannot be written.
    ///
    /// # Panics
    /// When there are more or fewer vectors than texts.
    pub fn add(&mut self, vectors: &[f32], truncated: u32) -> Result<(), EmbedError> {
        let states = std::mem::take(&mut self.awaited);
        let encoded = states.iter().filter(|state| **state == RowState::Encoded).count();
        assert_eq!(vectors.len(), encoded * self.dim, "a vector a text is needed");
        let mut bytes = Vec::with_capacity(vectors.len() * self.precision.bytes());
        for (at, vector) in vectors.chunks_exact(self.dim).enumerate() {
            if !self.precision.append(vector, &mut bytes) {
                let mut of_texts = states
                    .iter()
                    .enumerate()
                    .filter(|(_, state)| **state == RowState::Encoded);
                let row = of_texts.nth(at).map_or(0, |(row, _)| row);
                return Err(EmbedError::Overflow {
                    path: self.input.clone(),
                    row: usize::try_from(self.tally.rows).unwrap_or(usize::MAX) + row + 1,
                });
            }
        }
        self.tally += self.log.append(states, bytes, truncated)?;
        Ok(())
    }

    /// Writes the output, moves it into place as a whole, and removes what was beside it.
    ///
    /// # Errors
    /// [`EmbedError`] when the input cannot be read again or the output cannot be written; what was encoded is kept.
    pub fn finish(mut self) -> Result<EmbedTally, EmbedError> {
        let whole = partial(&self.output).join("output");
        let assembly = Assembly {
            input: &self.input,
            whole: &whole,
            format: self.reader.format(),
            precision: self.precision,
            dim: self.dim,
            base64: self.base64,
            encoder: &self.encoder,
        };
        assembly.write(self.log.rows()?)?;
        std::fs::rename(&whole, &self.output).map_err(EmbedError::write(&self.output))?;
        if let Some(parent) = self.output.parent()
            && let Ok(directory) = File::open(if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            })
        {
            // Where directories cannot be synced the rename is as safe as it can be.
            let _unsupported = directory.sync_all();
        }
        self.log.remove()?;
        Ok(self.tally)
    }
}

/// The directory in which vectors wait for the output.
fn partial(output: &Path) -> PathBuf {
    let mut name = OsString::from(output);
    name.push(".partial");
    PathBuf::from(name)
}

fn check_output(input: &Path, output: &Path, format: Format) -> Result<(), EmbedError> {
    if let (Ok(a), Ok(b)) = (input.canonicalize(), output.canonicalize())
        && a == b
    {
        return Err(EmbedError::SameFile {
            path: output.to_owned(),
        });
    }
    match Format::of_name(output) {
        Some(named) if !format.may_be_named(named) => Err(EmbedError::OtherFormat {
            path: output.to_owned(),
            output: named,
            input: format,
        }),
        _ => Ok(()),
    }
}
