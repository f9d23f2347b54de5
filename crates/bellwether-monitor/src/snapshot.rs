//! The whole state as bytes, from which a monitor goes on as if it had never stopped.
//!
//! What changes as events come is written; what follows from reference and configuration is made anew. Little-endian: a
//! mark, the version of the format, the length of the body, the body, and XXH3 of all of it. The body begins with
//! the identity of the reference and a fingerprint of the configuration. Its values are in the postcard format.

mod codec;
mod fingerprint;

pub(crate) use codec::{Reader, State, Writer, append, ensure, state};

use crate::config::MonitorConfig;
use crate::engine::Engine;
use crate::join::{JoinTable, PendingStore};
use crate::reference::Reference;
use fingerprint::fingerprint;
use std::ops::Range;
use std::sync::Arc;

/// The first bytes of every snapshot.
const MARK: [u8; 8] = *b"BWSTATE\n";
/// Version of the body's meaning; a reader refuses another.
pub(crate) const FORMAT_VERSION: u32 = 5;
/// Mark, version and length.
const HEADER: usize = 8 + 4 + 8;
/// The checksum behind the body.
const CHECKSUM: usize = 8;

/// Why a snapshot cannot be gone on from. In each case a monitor may start without it, with detectors that have seen nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The bytes begin otherwise.
    #[error("this is no snapshot of a monitor; look at the path, or start without a snapshot")]
    NotASnapshot,
    /// Written by another version of the program.
    #[error(
        "the snapshot has format {found}, this version reads format {supported}; start once without it, or with the version that wrote it"
    )]
    OtherFormat {
        /// Of the snapshot.
        found: u32,
        /// Of this program.
        supported: u32,
    },
    /// The end is missing.
    #[error("the snapshot is cut off: {found} of {expected} bytes; take an earlier one, or start without")]
    Truncated {
        /// Bytes that it says it has.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// The checksum is another.
    #[error("the snapshot is damaged: its checksum does not fit; take an earlier one, or start without")]
    Damaged,
    /// Its detectors compared with something else.
    #[error(
        "the snapshot was made beside reference {snapshot}, this is {running}; go on with that reference, or start without the snapshot"
    )]
    OtherReference {
        /// Identity of the reference of the snapshot.
        snapshot: String,
        /// Identity of the reference given.
        running: String,
    },
    /// Its detectors went by other settings.
    #[error(
        "the snapshot was made with other tolerances, half-lives, seasons, slices or label retention; go on with those, or start without the snapshot"
    )]
    OtherConfiguration,
    /// Its older observations lie in another store of pending observations than the one at hand, if there is one.
    #[error(
        "the snapshot goes with observations {} to {} in a store on disk, at hand are {} to {}; go on with the store it was written with, or start without both",
        snapshot.start, snapshot.end, store.start, store.end
    )]
    OtherPendingStore {
        /// Numbers in the store of the snapshot; the last is that of the next.
        snapshot: Range<u64>,
        /// Numbers in the store at hand; empty without one.
        store: Range<u64>,
    },
    /// Sound by its checksum, and yet no state of a monitor.
    #[error("the snapshot contradicts itself: {0}; take an earlier one, or start without")]
    Inconsistent(&'static str),
}

impl Engine {
    /// The whole state, for [`Engine::restore`]. Equal states give equal bytes. Of observations in a store only the numbers.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.put(&self.reference().manifest().id);
        out.put(&fingerprint(self.config()));
        self.write(&mut out);
        seal(&out.into_bytes())
    }

    /// The engine whose snapshot `bytes` is: given the same events it says what that one would have said.
    ///
    /// # Errors
    /// [`SnapshotError`] when `bytes` is no snapshot, is damaged, or was made with another reference, with settings under
    /// which its state means something else, or with observations in a store.
    pub fn restore(
        reference: Arc<Reference>,
        config: MonitorConfig,
        bytes: &[u8],
    ) -> Result<Self, SnapshotError> {
        Self::restore_with(reference, config, JoinTable::default(), bytes)
    }

    /// The same for an engine whose older observations lie in a store, which is as it was when the snapshot was taken.
    ///
    /// # Errors
    /// [`SnapshotError`] as for [`restore`](Self::restore), and when the snapshot goes with other contents of the store.
    pub fn restore_with_pending_store(
        reference: Arc<Reference>,
        config: MonitorConfig,
        store: Box<dyn PendingStore>,
        bytes: &[u8],
    ) -> Result<Self, SnapshotError> {
        Self::restore_with(reference, config, JoinTable::with_store(store), bytes)
    }

    fn restore_with(
        reference: Arc<Reference>,
        config: MonitorConfig,
        joins: JoinTable,
        bytes: &[u8],
    ) -> Result<Self, SnapshotError> {
        let (kept, settings) = (Arc::clone(&reference), config.clone());
        let mut from = Reader {
            bytes: open(bytes)?,
            reference: &kept,
            config: &settings,
        };
        let id: String = from.take()?;
        if id != reference.manifest().id {
            return Err(SnapshotError::OtherReference {
                snapshot: id,
                running: reference.manifest().id.clone(),
            });
        }
        if from.take::<u64>()? != fingerprint(&config) {
            return Err(SnapshotError::OtherConfiguration);
        }
        let mut engine = Self::with_joins(reference, config, joins);
        engine.read(&mut from)?;
        ensure(from.bytes.is_empty(), "there is more than a state")?;
        Ok(engine)
    }
}

/// Puts a body between header and checksum.
fn seal(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len() + CHECKSUM);
    bytes.extend(MARK);
    bytes.extend(FORMAT_VERSION.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(body);
    bytes.extend(twox_hash::XxHash3_64::oneshot(&bytes).to_le_bytes());
    bytes
}

/// The body of a sound snapshot.
fn open(bytes: &[u8]) -> Result<&[u8], SnapshotError> {
    let truncated = |expected: u64| SnapshotError::Truncated {
        expected,
        found: bytes.len() as u64,
    };
    let Some(rest) = bytes.strip_prefix(&MARK) else {
        let is_start = !bytes.is_empty() && MARK.starts_with(bytes);
        return Err(if is_start {
            truncated((HEADER + CHECKSUM) as u64)
        } else {
            SnapshotError::NotASnapshot
        });
    };
    let header = rest.split_first_chunk::<4>();
    let header = header.and_then(|(version, rest)| Some((version, rest.split_first_chunk::<8>()?)));
    let Some((version, (length, rest))) = header else {
        return Err(truncated((HEADER + CHECKSUM) as u64));
    };
    let found = u32::from_le_bytes(*version);
    if found != FORMAT_VERSION {
        return Err(SnapshotError::OtherFormat {
            found,
            supported: FORMAT_VERSION,
        });
    }
    let expected = u64::from_le_bytes(*length).saturating_add((HEADER + CHECKSUM) as u64);
    if (bytes.len() as u64) < expected {
        return Err(truncated(expected));
    }
    let Some((body, checksum)) = rest.split_last_chunk::<CHECKSUM>() else {
        return Err(truncated(expected));
    };
    let sum = twox_hash::XxHash3_64::oneshot(&bytes[..bytes.len() - CHECKSUM]);
    if bytes.len() as u64 != expected || sum != u64::from_le_bytes(*checksum) {
        return Err(SnapshotError::Damaged);
    }
    Ok(body)
}
