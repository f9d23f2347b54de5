//! What a monitor needs to go on after a restart, on disk: its engine, its place in its source, and the observations that
//! wait for labels and have no room in memory.
//!
//! A checkpoint is written together or not at all, so that a crash at any moment leaves either the one before or the new one,
//! with the joins that belong to it:
//!
//! ```text
//! directory/
//!   format           which format this is; written last when a directory is new
//!   lock             held by the process that has it open
//!   engine-<n>       the engine of checkpoint n: written, synced and renamed before it is named
//!   database/        observations by number, numbers by key, and the record that names n
//!   history/         what waits for the store of the history; not touched here
//! ```
//!
//! Changes of waiting observations are staged in memory, where reads look first, and reach the database with the next
//! checkpoint, in one atomic and synced batch with the record. Then the older engine file is removed.

mod changelog;
mod database;
mod directory;
mod engine_file;
mod error;
mod rebuild;
mod staged;
mod tier;

pub use changelog::{Draft, LogHead, Standing};
pub use error::StateError;
pub use rebuild::Rebuild;
pub use tier::PendingTier;

use database::{Database, Record};
use directory::Directory;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use tier::Tier;

/// What a monitor needs to go on: written together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The engine's snapshot.
    pub engine: Vec<u8>,
    /// How far the source has been read, in its own words; small.
    pub source: Vec<u8>,
}

/// How much memory the store may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOptions {
    /// Memory for blocks that were read, in bytes. Filters and indices (some 3 bytes an observation) and write buffers (up
    /// to some 200 MiB while much is written) come on top.
    pub cache_bytes: u64,
}

impl Default for StateOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
        }
    }
}

/// The state of one monitor in a directory of its own. One process has it open at a time.
#[derive(Debug)]
pub struct StateStore {
    directory: Directory,
    tier: Arc<Mutex<Tier>>,
    /// The committed checkpoint; number 0 before the first.
    current: Record,
    /// Number of the next attempt. An attempt that failed may have been written, so none is used twice.
    next: u64,
}

impl StateStore {
    /// Opens the state in a directory, which is made if it does not exist.
    ///
    /// # Errors
    /// [`StateError`] when the directory cannot be used, is another process's, is of another format, or is damaged.
    pub fn open(directory: &Path, options: &StateOptions) -> Result<Self, StateError> {
        let directory = Directory::open(directory)?;
        let is_new = directory.is_new()?;
        if is_new {
            directory.clear()?;
        }
        let mut database = Database::at(directory.database(), options);
        if is_new {
            database.create()?;
            directory.complete()?;
        }
        let current = database.record()?;
        let (number, span) = (current.number, current.span.clone());
        engine_file::remove_others(directory.path(), number)?;
        Ok(Self {
            directory,
            tier: Arc::new(Mutex::new(Tier::new(database, span))),
            current,
            next: number + 1,
        })
    }

    /// The checkpoint that was committed last; `None` before the first.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read or is damaged.
    pub fn load(&self) -> Result<Option<Checkpoint>, StateError> {
        if self.current.number == 0 {
            return Ok(None);
        }
        let engine = engine_file::read(self.directory.path(), &self.current)?;
        let source = self.current.source.clone();
        Ok(Some(Checkpoint { engine, source }))
    }

    /// Makes a checkpoint and all staged changes durable. When it returns, they are on disk.
    ///
    /// # Errors
    /// [`StateError`] when they cannot be written, such as on a full disk. What was staged stays staged: a later commit can
    /// succeed. After a crash in between, either this checkpoint or the one before is there.
    pub fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), StateError> {
        let draft = self.draft(checkpoint);
        self.keep(draft)
    }

    /// Makes a drafted checkpoint and all staged changes durable, as [`commit`](Self::commit) does. Nothing may have been staged
    /// since it was drafted.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn keep(&mut self, draft: Draft<'_>) -> Result<(), StateError> {
        self.write_engine(&draft)?;
        self.write_record(draft.record)?;
        self.remove_older()
    }

    fn write_engine(&self, draft: &Draft<'_>) -> Result<(), StateError> {
        engine_file::write(self.directory.path(), draft.record.number, draft.engine)
    }

    fn write_record(&mut self, record: Record) -> Result<(), StateError> {
        self.tier().commit(&record)?;
        self.current = record;
        Ok(())
    }

    /// What is left over does no harm: it is removed with the next checkpoint, or when the store is opened.
    fn remove_older(&self) -> Result<(), StateError> {
        engine_file::remove_others(self.directory.path(), self.current.number)
    }

    /// The observations on disk, for the engine.
    #[must_use]
    pub fn pending(&self) -> PendingTier {
        PendingTier::new(Arc::clone(&self.tier))
    }

    /// Memory that staged changes take, bytes: a reason to commit earlier.
    #[must_use]
    pub fn staged_bytes(&self) -> u64 {
        self.tier().staged_bytes()
    }

    /// Bytes of the database on disk.
    ///
    /// # Errors
    /// [`StateError`] when the database cannot be read.
    pub fn disk_bytes(&self) -> Result<u64, StateError> {
        self.tier().disk_bytes()
    }

    /// Starts with nothing, after a checkpoint that cannot be used. [`PendingTier`]s of before are empty then.
    ///
    /// # Errors
    /// [`StateError`] when the directory cannot be emptied.
    pub fn reset(&mut self) -> Result<(), StateError> {
        let mut tier = self.tier();
        tier.close();
        self.directory.clear()?;
        let current = tier.begin()?;
        self.directory.complete()?;
        drop(tier);
        // Numbers go on: a changelog holds the checkpoint with the greatest for the newest.
        self.current = current;
        Ok(())
    }

    /// Lets go of all observations that wait, for an engine that begins anew. Until the next checkpoint they stay on disk with the
    /// one before, so that a crash in between leaves that as it was. Takes some 50 bytes of memory for each of them.
    ///
    /// # Errors
    /// [`StateError`] when the database cannot be read.
    pub fn forget_pending(&mut self) -> Result<(), StateError> {
        self.tier().forget()
    }

    fn tier(&self) -> MutexGuard<'_, Tier> {
        tier::lock(&self.tier)
    }
}

#[cfg(test)]
mod tests;
