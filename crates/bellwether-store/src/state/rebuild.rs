//! A directory is built again from a changelog.

use super::changelog::{LogHead, Name, Part};
use super::database::{Database, Record};
use super::{StateError, StateStore, engine_file};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Changes that are written at once, bytes: what is read takes no more memory than this, the checkpoint's own bytes aside.
const BATCH_BYTES: usize = 4 << 20;
/// What a change takes beside its value.
const PER_CHANGE: usize = 64;

/// Changes on their way to the database, the newest of each key: within one batch it knows no order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: BTreeMap<u64, Option<Vec<u8>>>,
    pub(super) numbers: HashMap<[u8; 16], Option<u64>>,
    bytes: usize,
}

/// One bit for each number of a span.
#[derive(Debug)]
struct Marks {
    start: u64,
    bits: Vec<u64>,
}

impl Marks {
    fn new(span: &Range<u64>) -> Option<Self> {
        let words = usize::try_from((span.end.checked_sub(span.start)?).div_ceil(64)).ok()?;
        let mut bits = Vec::new();
        bits.try_reserve_exact(words).ok()?;
        bits.resize(words, 0);
        let start = span.start;
        Some(Self { start, bits })
    }

    fn set(&mut self, number: u64, is_there: bool) {
        let at = number - self.start;
        let bit = 1 << (at % 64);
        let word = usize::try_from(at / 64).ok().and_then(|at| self.bits.get_mut(at));
        if let Some(word) = word {
            *word = if is_there { *word | bit } else { *word & !bit };
        }
    }

    fn count(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// A directory that is being built again. Until it is finished it counts as one that was never completed, so that after a
/// crash all begins anew.
#[derive(Debug)]
pub struct Rebuild<'a> {
    store: &'a mut StateStore,
    head: LogHead,
    engine: BTreeMap<u32, Vec<u8>>,
    source: BTreeMap<u32, Vec<u8>>,
    batch: Batch,
    entries: Marks,
    keys: Marks,
}

impl StateStore {
    /// Empties the directory to build it again from a changelog with this head. [`PendingTier`](super::PendingTier)s of before
    /// are empty then.
    ///
    /// # Errors
    /// [`StateError`] when the directory cannot be emptied, or the head makes no sense.
    pub fn rebuild(&mut self, head: LogHead) -> Result<Rebuild<'_>, StateError> {
        let marks = || Marks::new(&head.span).ok_or(StateError::changelog("its span makes no sense"));
        let (entries, keys) = (marks()?, marks()?);
        self.go_beyond(head.number);
        let current = {
            let mut tier = self.tier();
            tier.close();
            self.directory.clear()?;
            tier.begin()?
        };
        self.current = current;
        Ok(Rebuild {
            store: self,
            head,
            engine: BTreeMap::new(),
            source: BTreeMap::new(),
            batch: Batch::default(),
            entries,
            keys,
        })
    }
}

impl Rebuild<'_> {
    /// Takes a record, in the order of the log. An empty value says that the key is gone.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be written.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        match Name::parse(key) {
            Some(Name::Engine(number)) => chunk(&mut self.engine, &self.head.engine, number, value),
            Some(Name::Source(number)) => chunk(&mut self.source, &self.head.source, number, value),
            Some(Name::Entry(number)) if self.head.span.contains(&number) => {
                let value = (!value.is_empty()).then(|| value.to_vec());
                self.entries.set(number, value.is_some());
                self.batch.bytes += PER_CHANGE + value.as_ref().map_or(0, Vec::len);
                self.batch.entries.insert(number, value);
            }
            Some(Name::Key(key)) => {
                let number = value.try_into().ok().map(u64::from_be_bytes);
                let number = number.filter(|number| self.head.span.contains(number));
                if let Some(number) = number {
                    self.keys.set(number, true);
                }
                self.batch.bytes += PER_CHANGE;
                self.batch.numbers.insert(key, number);
            }
            // What no checkpoint counts any more, or somebody else's.
            Some(Name::Entry(_)) | None => {}
        }
        if self.batch.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.write_batch()
    }

    fn write_batch(&mut self) -> Result<(), StateError> {
        let batch = std::mem::take(&mut self.batch);
        self.store.tier().database().apply(batch)
    }

    /// Makes the checkpoint durable, once all records were given.
    ///
    /// # Errors
    /// [`StateError::Changelog`] when something is missing or is not what was written: then nothing is there to go on from.
    /// [`StateError`] when it cannot be written.
    pub fn finish(mut self) -> Result<(), StateError> {
        let waiting = self.head.waiting();
        if self.entries.count() != waiting || self.keys.count() != waiting {
            return Err(StateError::changelog(
                "observations that wait are missing from it",
            ));
        }
        self.write_batch()?;
        let engine = joined(&self.engine, &self.head.engine)?;
        let record = Record {
            number: self.head.number,
            length: self.head.engine.length,
            checksum: engine_file::checksum(&engine),
            source: joined(&self.source, &self.head.source)?,
            span: self.head.span.clone(),
        };
        engine_file::write(self.store.directory.path(), record.number, &engine)?;
        self.store.tier().rebuilt(&record)?;
        self.store.directory.complete()?;
        self.store.current = record;
        Ok(())
    }
}

/// Chunks beyond those that count are a remainder of a checkpoint that was larger.
fn chunk(chunks: &mut BTreeMap<u32, Vec<u8>>, part: &Part, number: u32, value: &[u8]) {
    if number < part.chunks {
        chunks.insert(number, value.to_vec());
    }
}

fn joined(chunks: &BTreeMap<u32, Vec<u8>>, part: &Part) -> Result<Vec<u8>, StateError> {
    let bytes: Vec<u8> = chunks.values().flatten().copied().collect();
    if part.is_of(&bytes) {
        Ok(bytes)
    } else {
        Err(StateError::changelog("its checkpoint is not what was written"))
    }
}

impl Database {
    /// Writes changes without waiting for the disk: they count once a checkpoint is committed.
    fn apply(&mut self, batch: Batch) -> Result<(), StateError> {
        self.batch(|open, writes| {
            for (number, value) in batch.entries {
                match value {
                    Some(value) => writes.insert(&open.entries, number.to_be_bytes(), value),
                    None => writes.remove(&open.entries, number.to_be_bytes()),
                }
            }
            for (key, number) in batch.numbers {
                match number {
                    Some(number) => writes.insert(&open.numbers, key, number.to_be_bytes()),
                    None => writes.remove(&open.numbers, key),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
