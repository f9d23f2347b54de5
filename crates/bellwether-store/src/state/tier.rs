//! Observations that wait for their labels, as the engine sees them: the database under what is staged.

use super::StateError;
use super::changelog::{Write, entry_name, key_name};
use super::database::{Database, Record};
use super::staged::{Change, Staged};
use bellwether_monitor::PendingStore;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

/// The database with the changes since the last checkpoint.
#[derive(Debug)]
pub(super) struct Tier {
    database: Database,
    staged: Staged,
    /// Numbers of the oldest entry and of the next.
    span: Range<u64>,
    /// Numbers that may be in the database: the start of the newest checkpoint's, and the end of the newest attempt's.
    written: Range<u64>,
    /// Up to which number a changelog may have entries.
    logged: u64,
}

impl Tier {
    pub(super) fn new(database: Database, span: Range<u64>) -> Self {
        Self {
            database,
            staged: Staged::default(),
            written: span.clone(),
            logged: span.end,
            span,
        }
    }

    pub(super) fn span(&self) -> Range<u64> {
        self.span.clone()
    }

    pub(super) fn staged_bytes(&self) -> u64 {
        self.staged.bytes()
    }

    pub(super) fn disk_bytes(&mut self) -> Result<u64, StateError> {
        self.database.disk_bytes()
    }

    /// Writes what is staged with a checkpoint's record; on an error it stays staged.
    pub(super) fn commit(&mut self, record: &Record) -> Result<(), StateError> {
        let gone = self.written.start..self.span.start.min(self.written.end);
        self.written.end = self.span.end;
        self.database.commit(record, &self.staged, gone)?;
        self.written.start = self.span.start;
        self.staged = Staged::default();
        Ok(())
    }

    /// Gives a changelog what is staged, and takes back what is gone since the last checkpoint.
    pub(super) fn log_changes<E: From<StateError>>(&mut self, write: &mut Write<'_, E>) -> Result<(), E> {
        let known = self.written.end.max(self.logged);
        self.logged = self.span.end;
        for number in self.written.start..self.span.start.min(known) {
            write(&entry_name(number), None)?;
        }
        for (number, value) in self.staged.values() {
            write(&entry_name(number), Some(value))?;
        }
        for (key, change) in self.staged.changes() {
            match change {
                Change::Known(number) => write(&key_name(key), Some(&number.to_be_bytes()))?,
                Change::Gone => write(&key_name(key), None)?,
            }
        }
        Ok(())
    }

    /// Gives a changelog that has nothing all that waits.
    pub(super) fn log_all<E: From<StateError>>(&mut self, write: &mut Write<'_, E>) -> Result<(), E> {
        self.logged = self.span.end;
        for number in self.span() {
            write(&entry_name(number), Some(&self.get(number)?))?;
        }
        let staged = &self.staged;
        self.database
            .each_number(|key, number| match staged.change(key) {
                None => write(&key_name(key), Some(&number.to_be_bytes())),
                Some(_) => Ok(()),
            })?;
        for (key, change) in self.staged.changes() {
            if let Change::Known(number) = change {
                write(&key_name(key), Some(&number.to_be_bytes()))?;
            }
        }
        Ok(())
    }

    /// The database, for whoever fills it anew.
    pub(super) fn database(&mut self) -> &mut Database {
        &mut self.database
    }

    /// States that the database holds what waits at this checkpoint.
    pub(super) fn rebuilt(&mut self, record: &Record) -> Result<(), StateError> {
        self.database.commit(record, &Staged::default(), 0..0)?;
        self.span = record.span.clone();
        (self.written, self.logged) = (self.span.clone(), self.span.end);
        Ok(())
    }

    /// Stages that nothing waits any more.
    pub(super) fn forget(&mut self) -> Result<(), StateError> {
        let mut staged = Staged::default();
        self.database.each_number::<StateError>(|key, number| {
            staged.remove(key, number);
            Ok(())
        })?;
        // Those that were never in the database are gone with what was staged, but a changelog may have them.
        for (key, _) in self.staged.changes() {
            staged.remove(key, self.span.end);
        }
        self.staged = staged;
        self.span.start = self.span.end;
        Ok(())
    }

    /// Lets go of the database, so that its files can be removed.
    pub(super) fn close(&mut self) {
        self.database.close();
        (self.staged, self.span, self.written) = (Staged::default(), 0..0, 0..0);
        self.logged = 0;
    }

    /// Begins with an empty database.
    pub(super) fn begin(&mut self) -> Result<Record, StateError> {
        self.database.create()?;
        self.database.record()
    }

    fn find(&mut self, key: &[u8; 16]) -> Result<Option<u64>, StateError> {
        match self.staged.change(key) {
            Some(Change::Known(number)) => Ok(Some(number)),
            Some(Change::Gone) => Ok(None),
            None => self.database.find(key),
        }
    }

    fn get(&mut self, number: u64) -> Result<Vec<u8>, StateError> {
        match self.staged.value(number) {
            Some(value) => Ok(value.to_vec()),
            None => self.database.get(number),
        }
    }

    fn push(&mut self, key: &[u8; 16], value: Vec<u8>) {
        self.staged.push(key, self.span.end, value);
        self.span.end += 1;
    }

    fn pop(&mut self, key: &[u8; 16]) {
        self.staged.remove(key, self.span.start);
        self.span.start += 1;
    }
}

/// The one who holds it never panics but in the database, after which nothing here is half-done.
pub(super) fn lock(tier: &Mutex<Tier>) -> MutexGuard<'_, Tier> {
    tier.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The observations of a [`StateStore`](super::StateStore) on disk, for the engine.
#[derive(Debug)]
pub struct PendingTier(Arc<Mutex<Tier>>);

impl PendingTier {
    pub(super) fn new(tier: Arc<Mutex<Tier>>) -> Self {
        Self(tier)
    }
}

impl PendingStore for PendingTier {
    fn span(&self) -> Range<u64> {
        lock(&self.0).span()
    }

    fn find(&self, key: &[u8; 16]) -> io::Result<Option<u64>> {
        Ok(lock(&self.0).find(key)?)
    }

    fn get(&self, number: u64) -> io::Result<Vec<u8>> {
        Ok(lock(&self.0).get(number)?)
    }

    fn push(&mut self, key: &[u8; 16], value: Vec<u8>) -> io::Result<()> {
        lock(&self.0).push(key, value);
        Ok(())
    }

    fn replace(&mut self, number: u64, value: Vec<u8>) -> io::Result<()> {
        lock(&self.0).staged.replace(number, value);
        Ok(())
    }

    fn pop(&mut self, key: &[u8; 16]) -> io::Result<()> {
        lock(&self.0).pop(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateOptions;

    fn record(number: u64) -> Record {
        Record {
            number,
            length: 0,
            checksum: 0,
            source: Vec::new(),
            span: 0..0,
        }
    }

    /// What such a batch brought is written once more or taken back by the next.
    #[test]
    fn a_batch_that_was_written_though_it_seemed_to_fail_does_no_harm() {
        let folder = tempfile::tempdir().expect("a directory");
        let options = StateOptions::default();
        let mut database = Database::at(folder.path().join("database"), &options);
        database.create().expect("a new database");
        let mut tier = Tier::new(database, 0..0);
        let push = |tier: &mut Tier, n: u8| tier.push(&[n; 16], vec![n]);
        (0..2).for_each(|n| push(&mut tier, n));
        tier.commit(&record(1)).expect("written");
        tier.pop(&[0; 16]);
        (2..4).for_each(|n| push(&mut tier, n));
        tier.written.end = tier.span.end;
        let seeming = tier.database.commit(&record(2), &tier.staged, 0..1);
        seeming.expect("written");
        tier.database.close();

        (1..4).for_each(|n| tier.pop(&[n; 16]));
        push(&mut tier, 4);
        tier.commit(&record(3)).expect("written");
        for n in 0..4_u8 {
            assert_eq!(tier.find(&[n; 16]).expect("read"), None);
            assert!(tier.database.get(n.into()).is_err(), "{n} is gone from the disk");
        }
        assert_eq!(tier.find(&[4; 16]).expect("read"), Some(4));
        assert_eq!(tier.get(4).expect("read"), [4]);
        assert_eq!(tier.database.record().expect("read"), record(3));
    }
}
