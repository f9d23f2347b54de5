//! Where the routes find work sets: whoever keeps them hands this in.

use bellwether_worksets::{Header, WorkSet};
use std::fmt;

/// A set without its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkSetEntry {
    /// What it is for, and what was found.
    pub header: Header,
    /// Observations in it.
    pub rows: u64,
}

/// Keeps work sets. Its methods may read files and are called off the threads that serve sockets.
pub trait WorkSetSource: fmt::Debug + Send + Sync {
    /// At most `most` sets, the newest alarm first.
    ///
    /// # Errors
    /// When the sets cannot be looked at: what is wrong, for the log.
    fn list(&self, most: usize) -> Result<Vec<WorkSetEntry>, String>;

    /// The set of that name; `None` where there is none.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    fn read(&self, id: &str) -> Result<Option<WorkSet>, String>;

    /// The bytes of its file, a Parquet file; `None` where there is none.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    fn file(&self, id: &str) -> Result<Option<Vec<u8>>, String>;
}
