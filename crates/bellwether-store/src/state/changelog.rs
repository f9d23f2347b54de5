//! The same state as records of a log that keeps the newest value of each key: a changelog, from which it is built again where
//! the directory is lost.
//!
//! ```text
//! engine/<i>, source/<i>   the checkpoint's bytes in chunks
//! entry/<number>           the value of a waiting observation
//! key/<hex>                its number, by its key
//! checkpoint               what of them counts; the last record of each checkpoint
//! ```
//!
//! A key without a value is gone. What the newest `checkpoint` does not count, such as entries outside of its span, is a
//! remainder of older ones. The records of one checkpoint must reach the log together or not at all.

use super::database::Record;
use super::engine_file::checksum;
use super::{Checkpoint, StateError, StateStore};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Largest value: brokers refuse records beyond 1 MiB unless they are told otherwise.
const CHUNK_BYTES: usize = 512 << 10;
/// Another is not read.
const FORMAT: u32 = 1;
const ENGINE: &str = "engine/";
const SOURCE: &str = "source/";
const ENTRY: &str = "entry/";
const KEY: &str = "key/";

/// Takes a record: a key, and its value or none where it is gone.
pub(super) type Write<'a, E> = dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), E> + 'a;

/// Bytes that are in the log in chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) length: u64,
    checksum: u64,
    pub(super) chunks: u32,
}

impl Part {
    fn of(bytes: &[u8]) -> Self {
        Self {
            length: bytes.len() as u64,
            checksum: checksum(bytes),
            chunks: u32::try_from(bytes.len().div_ceil(CHUNK_BYTES)).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn is_of(&self, bytes: &[u8]) -> bool {
        self.length == bytes.len() as u64 && self.checksum == checksum(bytes)
    }
}

/// What a changelog says of its newest checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    #[serde(skip)]
    pub(super) number: u64,
    pub(super) engine: Part,
    pub(super) source: Part,
    pub(super) span: Range<u64>,
}

impl LogHead {
    /// The key of its record.
    pub const KEY: &'static [u8] = b"checkpoint";

    /// The checkpoint's number, which every format has in the same place.
    #[must_use]
    pub fn number_in(value: &[u8]) -> Option<u64> {
        value.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// Reads the record's value; `None` where it is of another format.
    #[must_use]
    pub fn from_bytes(value: &[u8]) -> Option<Self> {
        let number = Self::number_in(value)?;
        let (format, rest) = value.get(8..)?.split_first_chunk()?;
        if u32::from_le_bytes(*format) != FORMAT {
            return None;
        }
        let head: Self = postcard::from_bytes(rest).ok()?;
        Some(Self { number, ..head })
    }

    /// Whether a record with this key is one of a changelog.
    #[must_use]
    pub fn has(key: &[u8]) -> bool {
        key == Self::KEY || Name::parse(key).is_some()
    }

    fn to_bytes(&self) -> Result<Vec<u8>, StateError> {
        let rest = postcard::to_allocvec(self);
        let rest = rest.map_err(|_| StateError::changelog("its checkpoint cannot be written"))?;
        let mut out = Vec::with_capacity(12 + rest.len());
        out.extend(self.number.to_le_bytes());
        out.extend(FORMAT.to_le_bytes());
        out.extend(rest);
        Ok(out)
    }

    fn of(draft: &Draft<'_>) -> Self {
        Self {
            number: draft.record.number,
            engine: Part::of(draft.engine),
            source: Part::of(&draft.record.source),
            span: draft.record.span.clone(),
        }
    }

    /// The checkpoint's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Observations that wait on disk.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.span.end.saturating_sub(self.span.start)
    }
}

/// How a directory stands to a changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The changelog knows more.
    Behind,
    /// Both have the same checkpoint.
    Equal,
    /// The changelog lacks something.
    Ahead,
}

/// A checkpoint that has its number and is not kept yet.
#[derive(Debug)]
pub struct Draft<'a> {
    pub(super) record: Record,
    pub(super) engine: &'a [u8],
}

impl StateStore {
    /// How the directory stands to what a changelog says of itself.
    #[must_use]
    pub fn standing(&self, head: &LogHead) -> Standing {
        let current = &self.current;
        if current.number > head.number {
            return Standing::Ahead;
        }
        // Two processes that went on apart may have come to the same number.
        let same = current.number == head.number
            && current.span == head.span
            && (current.length, current.checksum) == (head.engine.length, head.engine.checksum)
            && head.source.is_of(&current.source);
        if same { Standing::Equal } else { Standing::Behind }
    }

    /// The checkpoint that was committed last, to be written to a changelog that lacks it.
    #[must_use]
    pub fn committed<'a>(&self, checkpoint: &'a Checkpoint) -> Draft<'a> {
        Draft {
            record: self.current.clone(),
            engine: &checkpoint.engine,
        }
    }

    /// Gives a checkpoint the next number, so that it can be logged before it is kept.
    pub fn draft<'a>(&mut self, checkpoint: &'a Checkpoint) -> Draft<'a> {
        let number = self.next;
        self.next += 1;
        Draft {
            record: Record {
                number,
                length: checkpoint.engine.len() as u64,
                checksum: checksum(&checkpoint.engine),
                source: checkpoint.source.clone(),
                span: self.tier().span(),
            },
            engine: &checkpoint.engine,
        }
    }

    /// Gives all records by which a log of the checkpoint that was kept last, or of one that was logged since, becomes one of
    /// this.
    ///
    /// # Errors
    /// Those of `write`, and [`StateError`] when the state cannot be read.
    pub fn log_changes<E: From<StateError>>(
        &self,
        draft: &Draft<'_>,
        mut write: impl FnMut(&[u8], Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        draft.chunks(&mut write)?;
        self.tier().log_changes(&mut write)?;
        draft.head(&mut write)
    }

    /// Gives all records of a log that has nothing.
    ///
    /// # Errors
    /// As [`log_changes`](Self::log_changes).
    pub fn log_all<E: From<StateError>>(
        &self,
        draft: &Draft<'_>,
        mut write: impl FnMut(&[u8], Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        draft.chunks(&mut write)?;
        self.tier().log_all(&mut write)?;
        draft.head(&mut write)
    }

    /// From here on checkpoints have numbers beyond this one, which is another process's.
    pub fn go_beyond(&mut self, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
    }
}

impl Draft<'_> {
    fn chunks<E>(&self, write: &mut Write<'_, E>) -> Result<(), E> {
        for (name, bytes) in [(ENGINE, self.engine), (SOURCE, &self.record.source)] {
            for (number, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
                write(format!("{name}{number}").as_bytes(), Some(chunk))?;
            }
        }
        Ok(())
    }

    fn head<E: From<StateError>>(&self, write: &mut Write<'_, E>) -> Result<(), E> {
        let head = LogHead::of(self).to_bytes()?;
        write(LogHead::KEY, Some(&head))
    }
}

/// What a record is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    Engine(u32),
    Source(u32),
    Entry(u64),
    Key([u8; 16]),
}

impl Name {
    /// `None` for the key of a checkpoint, and for what is somebody else's.
    pub(super) fn parse(key: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(key).ok()?;
        let of = |name: &str| text.strip_prefix(name);
        if let Some(number) = of(ENTRY) {
            return number.parse().ok().map(Self::Entry);
        }
        if let Some(hex) = of(KEY) {
            let whole = hex.len() == 32 && !hex.starts_with('+');
            let number = whole.then(|| u128::from_str_radix(hex, 16).ok()).flatten()?;
            return Some(Self::Key(number.to_be_bytes()));
        }
        if let Some(number) = of(ENGINE) {
            return number.parse().ok().map(Self::Engine);
        }
        of(SOURCE)?.parse().ok().map(Self::Source)
    }
}

pub(super) fn entry_name(number: u64) -> Vec<u8> {
    format!("{ENTRY}{number}").into_bytes()
}

pub(super) fn key_name(key: &[u8; 16]) -> Vec<u8> {
    format!("{KEY}{:032x}", u128::from_be_bytes(*key)).into_bytes()
}
