//! The directory: whose it is, which format it has, and whether it was ever completed.

use super::StateError;
use super::engine_file;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: &str = "format";
/// What the format file says.
const FORMAT_TEXT: &str = "bellwether state 1\n";
const PARTIAL: &str = "format.partial";
const LOCK: &str = "lock";
const DATABASE: &str = "database";
/// What waits here for the store of the history, which is another's to write.
const HISTORY: &str = "history";

/// A directory that no other process has open.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Directory {
    /// Makes it if need be and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        let io = |source| StateError::io(path, source);
        fs::create_dir_all(path).map_err(io)?;
        if !is_ours(path).map_err(io)? {
            return Err(StateError::NotAState {
                directory: path.to_owned(),
            });
        }
        let at = path.join(LOCK);
        let options = &mut File::options();
        let options = options.create(true).truncate(false).write(true);
        let lock = options.open(&at).map_err(|source| StateError::io(&at, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StateError::Locked {
                directory: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(StateError::io(&at, source)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Whether it was never completed.
    pub(super) fn is_new(&self) -> Result<bool, StateError> {
        let path = self.path.join(FORMAT);
        match fs::read(&path) {
            Ok(text) if text == FORMAT_TEXT.as_bytes() => Ok(false),
            Ok(text) => Err(StateError::OtherFormat {
                directory: self.path.clone(),
                found: String::from_utf8_lossy(&text[..text.len().min(80)])
                    .trim()
                    .to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(source) => Err(StateError::io(&path, source)),
        }
    }

    /// Removes everything but the lock. Begins with the format, so that what is left over after a crash is removed then.
    pub(super) fn clear(&self) -> Result<(), StateError> {
        let missing_is_fine = |path: &Path, removed: io::Result<()>| match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StateError::io(path, source)),
            _ => Ok(()),
        };
        let format = self.path.join(FORMAT);
        missing_is_fine(&format, fs::remove_file(&format))?;
        sync(&self.path)?;
        engine_file::remove_others(&self.path, 0)?;
        let database = self.database();
        missing_is_fine(&database, fs::remove_dir_all(&database))
    }

    /// States that all is there.
    pub(super) fn complete(&self) -> Result<(), StateError> {
        write(
            &self.path.join(FORMAT),
            &self.path.join(PARTIAL),
            FORMAT_TEXT.as_bytes(),
        )
    }
}

/// Whether all that is there is a monitor's.
fn is_ours(directory: &Path) -> io::Result<bool> {
    if directory.join(FORMAT).is_file() {
        return Ok(true);
    }
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let known = [PARTIAL, LOCK, DATABASE, HISTORY]
            .iter()
            .any(|known| name == *known);
        if !known && !engine_file::is_one(&name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes a file whole or not at all, durably.
pub(super) fn write(path: &Path, partial: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let written = File::create(partial).and_then(|mut file| {
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    });
    if let Err(source) = written.and_then(|()| fs::rename(partial, path)) {
        // Half a file takes room that may be what is missing; if it cannot be removed now, it is when the store is opened.
        let _left_over = fs::remove_file(partial);
        return Err(StateError::io(path, source));
    }
    match path.parent() {
        Some(directory) => sync(directory),
        None => Ok(()),
    }
}

/// Makes the names in a directory durable.
fn sync(directory: &Path) -> Result<(), StateError> {
    let synced = File::open(directory).and_then(|file| file.sync_all());
    synced.map_err(|source| StateError::io(directory, source))
}
