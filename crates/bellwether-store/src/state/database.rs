//! The database: observations by number, numbers by key, and the record of the newest checkpoint.

use super::staged::{Change, Staged};
use super::{StateError, StateOptions};
use fjall::config::{
    BlockSizePolicy, BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy,
    PinningPolicy,
};
use fjall::{Keyspace, KeyspaceCreateOptions, PersistMode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Of each of the two large tables, before it is written out; what it takes in memory is some three times as much.
const WRITE_BUFFER_BYTES: u64 = 16 << 20;
/// Of the journal on disk.
const JOURNAL_BYTES: u64 = 128 << 20;
/// Threads that write buffers out and merge tables.
const WORKERS: usize = 2;
const OPEN_FILES: usize = 256;
/// Bits a key in the filters of keys: a key that is not there costs a read of the disk in one of some 120 look-ups.
const FILTER_BITS: f32 = 10.0;
const RECORD: &[u8] = b"checkpoint";

/// The record of a checkpoint: which engine's file, how far the source was read, which observations are here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) length: u64,
    pub(super) checksum: u64,
    pub(super) source: Vec<u8>,
    pub(super) span: Range<u64>,
}

pub(super) struct Open {
    database: fjall::Database,
    /// Observations by number, in the order in which they come and go.
    pub(super) entries: Keyspace,
    /// Their numbers by key: small and at random, so that only they are merged over and over.
    pub(super) numbers: Keyspace,
    records: Keyspace,
}

/// The database, open or to be opened by whoever uses it next.
pub(super) struct Database {
    path: PathBuf,
    options: StateOptions,
    open: Option<Open>,
    /// After a write that failed fjall reads on, but refuses every other write until it is opened again.
    refuses: bool,
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Database")
            .field("path", &self.path)
            .field("is_open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

impl Database {
    /// A database that is not open yet.
    pub(super) fn at(path: PathBuf, options: &StateOptions) -> Self {
        Self {
            path,
            options: options.clone(),
            open: None,
            refuses: false,
        }
    }

    /// Begins it where nothing is.
    pub(super) fn create(&mut self) -> Result<(), StateError> {
        let open = self.open_now()?;
        self.open = Some(open);
        let record = Record {
            number: 0,
            length: 0,
            checksum: 0,
            source: Vec::new(),
            span: 0..0,
        };
        self.commit(&record, &Staged::default(), 0..0)
    }

    fn damaged(&self, problem: &'static str) -> StateError {
        StateError::DamagedDatabase {
            path: self.path.clone(),
            source: problem.into(),
        }
    }

    fn error(&self, error: fjall::Error) -> StateError {
        StateError::database(&self.path, error)
    }

    fn opened(&mut self) -> Result<&Open, StateError> {
        let open = match self.open.take() {
            Some(open) => open,
            None if !self.path.is_dir() => return Err(self.damaged("it is not there")),
            None => {
                let open = self.open_now()?;
                self.of_one_checkpoint(&open)?;
                open
            }
        };
        Ok(self.open.insert(open))
    }

    fn open_now(&self) -> Result<Open, StateError> {
        // A damaged file may make fjall panic.
        match catch_unwind(AssertUnwindSafe(|| open(&self.path, &self.options))) {
            Ok(opened) => opened.map_err(|error| self.error(error)),
            Err(_) => Err(self.damaged("its decoder gave up")),
        }
    }

    /// fjall begins a table anew whose files are gone: each says of which checkpoint it is.
    fn of_one_checkpoint(&self, open: &Open) -> Result<(), StateError> {
        let number = self.record_in(&open.records)?.number.to_be_bytes();
        for table in [&open.entries, &open.numbers] {
            let found = table.get(RECORD).map_err(|error| self.error(error))?;
            if found.as_deref() != Some(&number[..]) {
                return Err(self.damaged("its tables are of different checkpoints"));
            }
        }
        Ok(())
    }

    fn record_in(&self, records: &Keyspace) -> Result<Record, StateError> {
        let bytes = records.get(RECORD).map_err(|error| self.error(error))?;
        let record = bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok());
        record.ok_or_else(|| self.damaged("its record of the checkpoint cannot be read"))
    }

    /// Closes it.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// The newest checkpoint; number 0 before the first.
    pub(super) fn record(&mut self) -> Result<Record, StateError> {
        let records = self.opened()?.records.clone();
        self.record_in(&records)
    }

    pub(super) fn find(&mut self, key: &[u8; 16]) -> Result<Option<u64>, StateError> {
        let bytes = self.opened()?.numbers.get(key);
        let bytes = bytes.map_err(|error| self.error(error))?;
        let number = bytes.map(|bytes| bytes.as_ref().try_into().map(u64::from_be_bytes));
        number
            .transpose()
            .map_err(|_| self.damaged("an entry has no number"))
    }

    pub(super) fn get(&mut self, number: u64) -> Result<Vec<u8>, StateError> {
        let value = self.opened()?.entries.get(number.to_be_bytes());
        let value = value.map_err(|error| self.error(error))?;
        value
            .map(|value| value.to_vec())
            .ok_or_else(|| self.damaged("an entry is not there"))
    }

    /// Writes a checkpoint's record with what was staged and removes the entries of `gone`: all or nothing, durably.
    pub(super) fn commit(
        &mut self,
        record: &Record,
        staged: &Staged,
        gone: Range<u64>,
    ) -> Result<(), StateError> {
        let mut written = self.write(record, staged, gone.clone())?;
        if matches!(written, Err(fjall::Error::Poisoned)) {
            // A write in the background failed since the last checkpoint, perhaps for want of room that is there again.
            self.refuses = true;
            written = self.write(record, staged, gone)?;
        }
        self.refuses = written.is_err();
        written.map_err(|error| self.error(error))
    }

    fn write(
        &mut self,
        record: &Record,
        staged: &Staged,
        gone: Range<u64>,
    ) -> Result<fjall::Result<()>, StateError> {
        let bytes = postcard::to_allocvec(record);
        let bytes = bytes.map_err(|_| self.damaged("its record of the checkpoint cannot be written"))?;
        if std::mem::take(&mut self.refuses) {
            self.close();
        }
        let open = self.opened()?;
        Ok(wait_for_buffers(open).and_then(|()| {
            let mut batch = open.database.batch().durability(Some(PersistMode::SyncAll));
            for number in gone {
                batch.remove(&open.entries, number.to_be_bytes());
            }
            for (number, value) in staged.values() {
                batch.insert(&open.entries, number.to_be_bytes(), value);
            }
            for (key, change) in staged.changes() {
                match change {
                    Change::Known(number) => batch.insert(&open.numbers, *key, number.to_be_bytes()),
                    Change::Gone => batch.remove(&open.numbers, *key),
                }
            }
            batch.insert(&open.records, RECORD, bytes);
            for table in [&open.entries, &open.numbers] {
                batch.insert(table, RECORD, record.number.to_be_bytes());
            }
            batch.commit()
        }))
    }

    /// Writes whatever is put into a batch, without waiting for the disk.
    pub(super) fn batch(
        &mut self,
        fill: impl FnOnce(&Open, &mut fjall::OwnedWriteBatch),
    ) -> Result<(), StateError> {
        let open = self.opened()?;
        let written = wait_for_buffers(open).and_then(|()| {
            let mut batch = open.database.batch();
            fill(open, &mut batch);
            batch.commit()
        });
        written.map_err(|error| self.error(error))
    }

    /// Every key with its number.
    pub(super) fn each_number<E: From<StateError>>(
        &mut self,
        mut take: impl FnMut(&[u8; 16], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        for pair in self.opened()?.numbers.clone().iter() {
            let (key, number) = pair.into_inner().map_err(|error| self.error(error))?;
            // The record of the checkpoint stands here as well, under a key of another length.
            let Ok(key) = key.as_ref().try_into() else {
                continue;
            };
            let number = number.as_ref().try_into();
            let number = number.map_err(|_| self.damaged("an entry has no number"))?;
            take(key, u64::from_be_bytes(number))?;
        }
        Ok(())
    }

    pub(super) fn disk_bytes(&mut self) -> Result<u64, StateError> {
        let bytes = self.opened()?.database.disk_space();
        bytes.map_err(|error| self.error(error))
    }
}

fn open(path: &Path, options: &StateOptions) -> fjall::Result<Open> {
    let database = fjall::Database::builder(path)
        .cache_size(options.cache_bytes)
        .max_journaling_size(JOURNAL_BYTES)
        .max_cached_files(Some(OPEN_FILES))
        .worker_threads(WORKERS)
        .open()?;
    let of_numbers = || {
        // Every new observation asks whether its key is known, and most are not: the filters stay in memory.
        KeyspaceCreateOptions::default()
            .max_memtable_size(WRITE_BUFFER_BYTES)
            .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(
                BloomConstructionPolicy::BitsPerKey(FILTER_BITS),
            )))
            .filter_block_pinning_policy(PinningPolicy::all(true))
            .filter_block_partitioning_policy(PartitioningPolicy::all(false))
    };
    let of_entries = || {
        // What is asked for is there, so filters would only help to skip the few tables of newer values.
        KeyspaceCreateOptions::default()
            .max_memtable_size(WRITE_BUFFER_BYTES)
            .expect_point_read_hits(true)
            .data_block_size_policy(BlockSizePolicy::all(8 << 10))
    };
    Ok(Open {
        entries: database.keyspace("entries", of_entries)?,
        numbers: database.keyspace("numbers", of_numbers)?,
        records: database.keyspace("records", KeyspaceCreateOptions::default)?,
        database,
    })
}

/// Waits until full write buffers are written out. fjall would wait itself, but without end where writing them has failed.
fn wait_for_buffers(open: &Open) -> fjall::Result<()> {
    let full = |keyspace: &Keyspace| keyspace.sealed_memtable_count() >= 2;
    while full(&open.entries) || full(&open.numbers) {
        open.database.persist(PersistMode::Buffer)?;
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
