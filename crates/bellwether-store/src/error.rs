//! What can go wrong with a file, and what to do about it.

use crate::format::Format;
use bellwether_events::arrow::ColumnError;
use std::io;
use std::path::PathBuf;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The path is a directory.
    #[error("{} is a directory, not a file", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// The file has no bytes.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Neither name nor content tell the format.
    #[error("cannot tell the format of {}", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The name says one format, the first bytes another or none.
    #[error(
        "{} is named as {expected} but holds {}",
        path.display(),
        found.map_or_else(|| "something else".to_owned(), |format| format.to_string())
    )]
    WrongContent {
        /// The file.
        path: PathBuf,
        /// The format of the name.
        expected: Format,
        /// The format of the content, if it is a known one.
        found: Option<Format>,
    },
    /// The file cannot be read to its end.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file breaks the Parquet format.
    #[error("{} is not a complete Parquet file", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the decoder met.
        source: parquet::errors::ParquetError,
    },
    /// The content breaks its columnar format.
    #[error("cannot decode {} as {format}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// The format it is in.
        format: Format,
        /// What the decoder met.
        source: arrow::error::ArrowError,
    },
    /// The content breaks its columnar format in a way that the decoder has no words for.
    #[error("{} is damaged: its {format} decoder gave up", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The format it is in.
        format: Format,
    },
    /// A line is longer than any record can be.
    #[error("{} has a line of more than {limit_bytes} bytes", path.display())]
    LongLine {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit_bytes: usize,
    },
    /// A column of the contract is absent or of a type that is not read.
    #[error("{} does not have the columns that are needed", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// Which column, and what is wrong with it.
        source: ColumnError,
    },
    /// No row tells how wide an embedding is.
    #[error("{} has no embedding to take the width from", path.display())]
    NoEmbedding {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// What the user can do about it, as one imperative sentence without a full stop; none where the cause says it all.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        let fix = match self {
            Self::Open { source, path } => match source.kind() {
                io::ErrorKind::NotFound => {
                    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                        Some(parent) if !parent.is_dir() => {
                            format!("there is no directory {}; correct the path", parent.display())
                        }
                        _ => "correct the path; a relative path starts at the working directory".to_owned(),
                    }
                }
                io::ErrorKind::PermissionDenied => "make the file readable for this user".to_owned(),
                _ => return None,
            },
            Self::Directory { .. } => "name one file in it".to_owned(),
            Self::Empty { .. } => {
                "write the file again; the program that made it may not have finished".to_owned()
            }
            Self::UnknownFormat { .. } => format!("name the file after its format: {}", Format::NAMES),
            Self::WrongContent {
                found: Some(found), ..
            } => {
                format!("rename the file to end in .{}", found.extension())
            }
            Self::WrongContent {
                found: None,
                expected,
                ..
            } => {
                format!(
                    "write the file as {expected}; other formats that are read: {}",
                    Format::NAMES
                )
            }
            Self::Parquet { .. } | Self::Decode { .. } | Self::Damaged { .. } => {
                "write or copy the file again; it may be cut off or damaged".to_owned()
            }
            Self::LongLine { .. } => "write one JSON object per line".to_owned(),
            Self::Columns {
                source: ColumnError::Missing {
                    column: "embedding", ..
                },
                ..
            } => "add the shared encoder's embedding of each text with `bellwether encode`, or name the encoder with --encoder"
                .to_owned(),
            Self::Columns {
                source: ColumnError::Missing { column, .. },
                ..
            } => {
                format!("add the column `{column}`, or rename the one that holds it")
            }
            Self::Columns {
                source: ColumnError::Type { column, expected, .. },
                ..
            } => {
                format!("write the column `{column}` as {expected}")
            }
            Self::NoEmbedding { .. } => {
                "write `embedding` as an array of numbers or as a list column, not null".to_owned()
            }
            Self::Read { .. } => return None,
        };
        Some(fix)
    }
}
