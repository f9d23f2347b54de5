//! Stage one apart from stage two: scored observations as bytes, from processes that score to the one that judges.
//!
//! A row is what is needed of an observation from then on, in the postcard format: what it says, its p-values, and its unit
//! vector in whole steps of two bytes. Of its text there is what may be kept, by default nothing; its
//! embedding as it came is not in it.

use crate::reference::Reference;
use crate::score::{KeptRow, ScoredBatch};
use crate::snapshot::{FORMAT_VERSION, SnapshotError, append};
use crate::texts::KeepText;
use bellwether_events::ObservationBatch;

/// Observations with what the reference says about each.
#[derive(Debug)]
pub struct Evidence(ScoredBatch);

/// Why bytes are no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The bytes are no rows, or are cut off.
    #[error("the bytes are no rows of evidence")]
    NotRows,
    /// A row is none of the reference's tasks, or of another width.
    #[error("a row of evidence does not fit the reference: {0}")]
    OtherReference(&'static str),
}

impl Evidence {
    /// Version of the rows' meaning, which is that of snapshots: rows of another version cannot be read.
    pub const FORMAT_VERSION: u32 = FORMAT_VERSION;

    /// Scores a batch, and keeps of its texts what `texts` makes of them. A row's result depends on the row alone, however batches are cut and whatever the number of threads.
    #[must_use]
    pub fn score(observations: ObservationBatch, reference: &Reference, texts: &dyn KeepText) -> Self {
        Self(ScoredBatch::new(observations, reference, texts))
    }

    /// Number of observations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Appends a row's bytes: some 100, two for each of the embedding's dimensions, and four for each probability.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn write_row(&self, row: usize, out: &mut Vec<u8>) {
        append(&self.0.kept(row), out);
    }

    /// The rows that [`write_row`](Self::write_row) has written one behind the other, scored against this reference.
    ///
    /// # Errors
    /// [`EvidenceError`] when they are no rows, or rows of another reference.
    pub fn read_rows<'a>(
        written: impl IntoIterator<Item = &'a [u8]>,
        reference: &Reference,
    ) -> Result<Self, EvidenceError> {
        let mut rows: Vec<KeptRow<'a>> = Vec::new();
        for mut bytes in written {
            while !bytes.is_empty() {
                let (row, rest) = postcard::take_from_bytes(bytes).map_err(|_| EvidenceError::NotRows)?;
                rows.push(row);
                bytes = rest;
            }
        }
        match ScoredBatch::of_kept(&rows, reference) {
            Ok(batch) => Ok(Self(batch)),
            Err(SnapshotError::Inconsistent(why)) => Err(EvidenceError::OtherReference(why)),
            Err(_) => Err(EvidenceError::NotRows),
        }
    }

    pub(crate) fn into_batch(self) -> ScoredBatch {
        self.0
    }
}
