//! What can go wrong.

use std::path::PathBuf;

/// What can go wrong with alerts, apart from their delivery: that is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory of what is still to be delivered is in use.
    #[error("{} is in use by another process", directory.display())]
    Locked {
        /// Where.
        directory: PathBuf,
    },
    /// The directory cannot be read or written.
    #[error("cannot read or write {}", directory.display())]
    Io {
        /// Where.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is in the directory cannot be read.
    #[error("{} is damaged: {problem}", directory.display())]
    Damaged {
        /// Where.
        directory: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A receiver cannot be used as it is configured.
    #[error("receiver `{receiver}`: {problem}")]
    Receiver {
        /// Which.
        receiver: String,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "stop the other process, or choose another directory in alerts.directory",
            Self::Io { .. } => {
                "choose a directory in alerts.directory that can be read and written, and look whether the disk is full"
            }
            Self::Damaged { .. } => {
                "move the directory away; alerts begin anew, and some may be delivered again"
            }
            Self::Receiver { .. } => "correct the keys of the receiver; `bellwether alert test` tries it",
        }
    }
}
