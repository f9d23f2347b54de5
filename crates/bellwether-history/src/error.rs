//! What can go wrong with the history.

use std::path::PathBuf;

/// What can go wrong with the history.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address names no store that is built in, or an option of it is wrong.
    #[error("cannot use {url} for the history")]
    Address {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: object_store::Error,
    },
    /// The store did not do what was asked.
    #[error("the store of the history did not {what} {path}")]
    Store {
        /// What was asked, such as `read`.
        what: &'static str,
        /// The object.
        path: String,
        /// Why not.
        #[source]
        source: object_store::Error,
    },
    /// The store did not answer in time.
    #[error("the store of the history did not answer within {seconds} s")]
    Silent {
        /// How long it had.
        seconds: u64,
    },
    /// A file of this machine.
    #[error("cannot {what} {path}")]
    File {
        /// What was tried, such as `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Another process writes to the same directory at this moment.
    #[error("another process writes the history in {path}")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// Another process has changed an object again and again.
    #[error("another process writes {path} at the same time")]
    Contended {
        /// The object.
        path: String,
    },
    /// What should be Parquet of the history is not.
    #[error("{path} is no file of the history")]
    Parquet {
        /// The object or file.
        path: String,
        /// Why not.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Its columns are not those of the history.
    #[error("{path} has not the columns of the history")]
    Columns {
        /// The object or file.
        path: String,
        /// What is wrong with them.
        #[source]
        source: serde_arrow::Error,
    },
    /// A later version of the program wrote it.
    #[error("{path} has schema {found} of the history, and this version reads up to {supported}")]
    Newer {
        /// The object or file.
        path: String,
        /// Its schema.
        found: u32,
        /// The newest that is known.
        supported: u32,
    },
    /// A query that cannot be answered.
    #[error("{cursor:?} is no place in the history")]
    Cursor {
        /// As it was given.
        cursor: String,
    },
}

impl Error {
    /// Whether the world outside is at fault, so that the same may succeed later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Store { .. }
                | Self::Silent { .. }
                | Self::File { .. }
                | Self::Locked { .. }
                | Self::Contended { .. }
        )
    }
}
