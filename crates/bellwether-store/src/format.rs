//! Which format a file is in: its extension says it, its first bytes confirm it.

use crate::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

/// A file format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC, file format (also called Feather version 2).
    ArrowFile,
    /// Arrow IPC, stream format.
    ArrowStream,
    /// One JSON object a line, or one array of objects.
    Json,
}

impl Format {
    pub(crate) const NAMES: &str =
        ".parquet (Parquet), .arrow, .ipc or .feather (Arrow IPC), .jsonl, .ndjson or .json (JSON)";

    /// The extension to give a file of this format.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::ArrowFile | Self::ArrowStream => "arrow",
            Self::Json => "jsonl",
        }
    }

    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "arrows" | "ipc" | "feather" => Some(Self::ArrowFile),
            "jsonl" | "ndjson" | "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn of_content(start: &[u8]) -> Option<Self> {
        let text = start
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(start)
            .trim_ascii_start();
        if start.starts_with(b"PAR1") {
            Some(Self::Parquet)
        } else if start.starts_with(b"ARROW1") {
            Some(Self::ArrowFile)
        } else if start.starts_with(&[0xff; 4]) {
            Some(Self::ArrowStream)
        } else if text.starts_with(b"{") || text.starts_with(b"[") {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// True when a file of this content may have a name of that format: both forms of Arrow IPC share their extensions.
    pub(crate) fn may_be_named(self, name: Self) -> bool {
        self == name || (self == Self::ArrowStream && name == Self::ArrowFile)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "Parquet",
            Self::ArrowFile => "an Arrow IPC file",
            Self::ArrowStream => "an Arrow IPC stream",
            Self::Json => "JSON",
        })
    }
}

/// Opens a file and tells its format; the file is at its start.
pub(crate) fn open(path: &Path) -> Result<(File, Format), Error> {
    let failed = |source| Error::Open {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Error::Directory {
            path: path.to_owned(),
        });
    }
    let read = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut start = Vec::with_capacity(64);
    (&mut file).take(64).read_to_end(&mut start).map_err(read)?;
    file.rewind().map_err(read)?;
    if start.is_empty() {
        return Err(Error::Empty {
            path: path.to_owned(),
        });
    }
    let format = match (Format::of_name(path), Format::of_content(&start)) {
        (Some(name), Some(content)) if content.may_be_named(name) => content,
        // A line that is not JSON is a record to refuse, not a reason to refuse the file.
        (Some(Format::Json), None) if is_text(&start) => Format::Json,
        (Some(expected), found) => {
            return Err(Error::WrongContent {
                path: path.to_owned(),
                expected,
                found,
            });
        }
        (None, Some(content)) => content,
        (None, None) => {
            return Err(Error::UnknownFormat {
                path: path.to_owned(),
            });
        }
    };
    Ok((file, format))
}

/// True for the start of a text; the cut may have split its last character.
fn is_text(start: &[u8]) -> bool {
    let valid = std::str::from_utf8(start).map_or_else(|e| e.error_len().is_none(), |_| true);
    valid && !start.contains(&0)
}
