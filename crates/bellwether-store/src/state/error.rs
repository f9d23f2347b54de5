//! What can go wrong with the state on disk, and what to do about it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Why the state of a monitor cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process has it open.
    #[error("the state in {} is in use by another process", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory holds something else.
    #[error("{} holds something else than the state of a monitor", directory.display())]
    NotAState {
        /// The directory.
        directory: PathBuf,
    },
    /// Written by another version of the program.
    #[error("the state in {} is of another format: {found}", directory.display())]
    OtherFormat {
        /// The directory.
        directory: PathBuf,
        /// What it says of itself.
        found: String,
    },
    /// There is no room.
    #[error("{} cannot be written: there is no room on its disk", path.display())]
    Full {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read, written or moved into place.
    #[error("{} cannot be accessed", path.display())]
    Access {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database contradicts itself.
    #[error("the database {} is damaged", path.display())]
    DamagedDatabase {
        /// Its directory.
        path: PathBuf,
        /// What it met.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A changelog does not hold what it says that it holds.
    #[error("the changelog cannot be gone on from: {problem}")]
    Changelog {
        /// In which way.
        problem: &'static str,
    },
    /// The engine's file is not what was written.
    #[error("{} is damaged: {problem}", path.display())]
    DamagedEngine {
        /// The file.
        path: PathBuf,
        /// In which way.
        problem: &'static str,
    },
}

impl StateError {
    /// What the user can do about it, as one imperative sentence without a full stop; none where the cause says it all.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        let fix = match self {
            Self::Locked { .. } => {
                "stop the other process, or give each monitor a directory of its own".to_owned()
            }
            Self::NotAState { .. } => {
                "name a directory that is empty or does not exist yet, or one that a monitor has written"
                    .to_owned()
            }
            Self::OtherFormat { directory, .. } => format!(
                "go on with the version that wrote it, or move {} away to start without",
                directory.display()
            ),
            Self::Full { .. } => "make room; nothing that was written before is lost".to_owned(),
            Self::Access { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "make the directory and all in it writable for this user".to_owned()
            }
            Self::Changelog { .. } => {
                "see that its topic is compacted and nothing else: cleanup.policy=compact".to_owned()
            }
            Self::Access { .. } => return None,
            Self::DamagedDatabase { path, .. } | Self::DamagedEngine { path, .. } => format!(
                "look after the disk, and move {} away: the monitor then starts with nothing",
                path.parent().unwrap_or(path).display()
            ),
        };
        Some(fix)
    }

    /// Whether what was written is there no more as it was: with the directory out of the way a monitor can begin anew.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        matches!(self, Self::DamagedDatabase { .. } | Self::DamagedEngine { .. })
    }

    /// A changelog that contradicts itself.
    pub(super) fn changelog(problem: &'static str) -> Self {
        Self::Changelog { problem }
    }

    /// A file or directory that the system refuses.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, source },
            _ => Self::Access { path, source },
        }
    }

    /// A database that cannot go on.
    pub(super) fn database(path: &Path, error: fjall::Error) -> Self {
        use fjall::{Error as Fjall, LsmError};
        let damaged = |source| Self::DamagedDatabase {
            path: path.to_owned(),
            source,
        };
        match error {
            Fjall::Locked => Self::Locked {
                directory: path.parent().unwrap_or(path).to_owned(),
            },
            Fjall::InvalidVersion(version) => Self::OtherFormat {
                directory: path.parent().unwrap_or(path).to_owned(),
                found: format!("database {version:?}"),
            },
            Fjall::Io(source) | Fjall::Storage(LsmError::Io(source)) => match source.kind() {
                // A file that is gone or cut off, where the system itself works.
                io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                    damaged(source.into())
                }
                _ => Self::io(path, source),
            },
            // A write in the background failed: it is told by the log, and is over once there is room.
            Fjall::Poisoned => Self::io(path, io::Error::other("it stopped after a write that failed")),
            other => damaged(other.into()),
        }
    }
}

impl From<StateError> for io::Error {
    fn from(error: StateError) -> Self {
        let kind = match &error {
            StateError::Full { source, .. } | StateError::Access { source, .. } => source.kind(),
            StateError::DamagedDatabase { .. } | StateError::DamagedEngine { .. } => {
                io::ErrorKind::InvalidData
            }
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
