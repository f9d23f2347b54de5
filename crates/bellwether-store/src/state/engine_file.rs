//! The engine's bytes, in a file of their own for each checkpoint: they are too many for a database's journal.

use super::StateError;
use super::database::Record;
use super::directory;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "engine-";
const PARTIAL: &str = "engine.partial";

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{PREFIX}{number}"))
}

/// The number of an engine's file.
fn number(name: &OsStr) -> Option<u64> {
    name.to_str()?.strip_prefix(PREFIX)?.parse().ok()
}

/// Whether a file of this name is an engine's, or the beginning of one.
pub(super) fn is_one(name: &OsStr) -> bool {
    name == PARTIAL || number(name).is_some()
}

pub(super) fn checksum(bytes: &[u8]) -> u64 {
    twox_hash::XxHash3_64::oneshot(bytes)
}

/// Writes it durably.
pub(super) fn write(directory: &Path, number: u64, bytes: &[u8]) -> Result<(), StateError> {
    directory::write(&path(directory, number), &directory.join(PARTIAL), bytes)
}

/// The bytes that a record names.
pub(super) fn read(directory: &Path, record: &Record) -> Result<Vec<u8>, StateError> {
    let path = path(directory, record.number);
    let damaged = |problem| StateError::DamagedEngine {
        path: path.clone(),
        problem,
    };
    match fs::read(&path) {
        Ok(bytes) if bytes.len() as u64 != record.length => Err(damaged("it has another length")),
        Ok(bytes) if checksum(&bytes) != record.checksum => Err(damaged("its checksum does not fit")),
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(damaged("it is not there")),
        Err(source) => Err(StateError::io(&path, source)),
    }
}

/// Removes all but the one of this number.
pub(super) fn remove_others(directory: &Path, kept: u64) -> Result<(), StateError> {
    let io = |source| StateError::io(directory, source);
    for entry in fs::read_dir(directory).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        if is_one(&name) && number(&name) != Some(kept) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|source| StateError::io(&path, source))?;
        }
    }
    Ok(())
}
