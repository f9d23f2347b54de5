//! The disk tier: the older observations, as bytes in a store that someone else keeps.

use super::pending::{EventKey, PendingObservation};
use std::fmt;
use std::io;
use std::ops::Range;

/// Keeps observations that wait for their labels outside of memory: a queue whose entries are also found by key.
///
/// Entries have running numbers, from the oldest to the newest without a gap. What a call changes, the next call sees.
/// [`Engine::snapshot`](crate::Engine::snapshot) holds the span of the store and not its entries: whoever keeps snapshots
/// makes both durable at once.
pub trait PendingStore: fmt::Debug + Send {
    /// Numbers of the oldest entry and of the next that will be added.
    fn span(&self) -> Range<u64>;

    /// The number of the entry with this key.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn find(&self, key: &[u8; 16]) -> io::Result<Option<u64>>;

    /// The value of the entry with this number, which is in the span.
    ///
    /// # Errors
    /// When the store cannot be read, or does not have the entry.
    fn get(&self, number: u64) -> io::Result<Vec<u8>>;

    /// Adds the newest entry; no other has this key.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn push(&mut self, key: &[u8; 16], value: Vec<u8>) -> io::Result<()>;

    /// Gives the entry with this number, which is in the span, another value.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn replace(&mut self, number: u64, value: Vec<u8>) -> io::Result<()>;

    /// Takes out the oldest entry, which has this key.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn pop(&mut self, key: &[u8; 16]) -> io::Result<()>;
}

/// The store of pending observations failed. The engine stands amid a step and is not used further: a monitor goes on from
/// the newest snapshot. An engine without a store never fails so.
#[derive(Debug, thiserror::Error)]
#[error("observations that wait for their labels cannot be read or written")]
pub struct PendingError {
    #[from]
    source: io::Error,
}

impl PendingError {
    /// The store gave what it never got.
    pub(crate) fn foreign() -> Self {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "an entry is no observation of this model; start without the snapshot and its store",
        )
        .into()
    }
}

/// What is asked of the oldest after every event.
#[derive(Debug, Clone, Copy)]
struct Oldest {
    key: EventKey,
    timestamp_ms: i64,
    labelled: bool,
}

/// Observations in a store.
#[derive(Debug)]
pub(super) struct DiskTier {
    store: Box<dyn PendingStore>,
    /// Read at most once; `None` when not read yet.
    oldest: Option<Oldest>,
}

impl DiskTier {
    pub(super) fn new(store: Box<dyn PendingStore>) -> Self {
        Self { store, oldest: None }
    }

    pub(super) fn span(&self) -> Range<u64> {
        self.store.span()
    }

    pub(super) fn len(&self) -> usize {
        let span = self.span();
        usize::try_from(span.end - span.start).unwrap_or(usize::MAX)
    }

    pub(super) fn contains(&self, key: EventKey) -> Result<bool, PendingError> {
        Ok(self.find(key)?.is_some())
    }

    fn find(&self, key: EventKey) -> Result<Option<u64>, PendingError> {
        if self.span().is_empty() {
            return Ok(None);
        }
        Ok(self.store.find(&key.into())?)
    }

    fn get(&self, number: u64) -> Result<(EventKey, PendingObservation), PendingError> {
        postcard::from_bytes(&self.store.get(number)?).map_err(|_| PendingError::foreign())
    }

    /// The observation of a key as it was before a label came for it; from now on it has one.
    pub(super) fn label(&mut self, key: EventKey) -> Result<Option<PendingObservation>, PendingError> {
        let Some(number) = self.find(key)? else {
            return Ok(None);
        };
        let (found, mut observation) = self.get(number)?;
        if found != key {
            return Err(PendingError::foreign());
        }
        let before = observation.label();
        if !before.labelled {
            self.store.replace(number, bytes(key, &observation)?)?;
            if let Some(oldest) = self.oldest.as_mut().filter(|oldest| oldest.key == key) {
                oldest.labelled = true;
            }
        }
        Ok(Some(before))
    }

    /// Adds the newest.
    pub(super) fn push(
        &mut self,
        key: EventKey,
        observation: &PendingObservation,
    ) -> Result<(), PendingError> {
        Ok(self.store.push(&key.into(), bytes(key, observation)?)?)
    }

    /// Time of the oldest, and whether it has a label.
    pub(super) fn oldest(&mut self) -> Result<Option<(i64, bool)>, PendingError> {
        if self.oldest.is_none() && !self.span().is_empty() {
            let (key, observation) = self.get(self.span().start)?;
            self.oldest = Some(Oldest {
                key,
                timestamp_ms: observation.timestamp_ms,
                labelled: observation.labelled,
            });
        }
        Ok(self.oldest.map(|oldest| (oldest.timestamp_ms, oldest.labelled)))
    }

    /// Takes out the oldest, which was asked for.
    pub(super) fn pop(&mut self) -> Result<(), PendingError> {
        if let Some(oldest) = self.oldest.take() {
            self.store.pop(&oldest.key.into())?;
        }
        Ok(())
    }
}

fn bytes(key: EventKey, observation: &PendingObservation) -> Result<Vec<u8>, PendingError> {
    postcard::to_allocvec(&(key, observation)).map_err(|_| PendingError::foreign())
}
