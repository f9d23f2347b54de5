//! Stage one apart from stage two: scored observations as bytes, from processes that score to the one that judges.
//!
//! A row is what is needed of an observation from then on, in the postcard format: what it says, its p-values, and its unit
//! vector in whole steps of two bytes. Of its text there is what may be kept, by default nothing; its
//! embedding as it came is not in it.

use crate::encoder::Note;
use crate::reference::Reference;
use crate::score::{KeptRow, Origin, ScoredBatch};
use crate::snapshot::{FORMAT_VERSION, SnapshotError, append};
use crate::texts::KeepText;
use bellwether_events::ObservationBatch;
use serde::{Deserialize, Serialize};

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

/// What bytes of evidence are.
#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
enum KeptPart<'a> {
    Row(Box<KeptRow<'a>>),
    Note(Box<Note>),
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

    /// Appends what an event beside the rows says of the encoder, by its place among them.
    pub fn write_encoder_event(&self, event: usize, out: &mut Vec<u8>) {
        self.write_notes(Origin::Event(event), out);
    }

    fn write_notes(&self, of: Origin, out: &mut Vec<u8>) {
        for (origin, note) in &self.0.notes {
            if *origin == of {
                append(&KeptPart::Note(Box::new(note.clone())), out);
            }
        }
    }

    /// Appends a row's bytes: some 100, two for each of the embedding's dimensions, and four for each probability; and what
    /// the row says of the encoder.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn write_row(&self, row: usize, out: &mut Vec<u8>) {
        append(&KeptPart::Row(Box::new(self.0.kept(row))), out);
        self.write_notes(Origin::Row(row), out);
    }

    /// The rows that [`write_row`](Self::write_row) has written one behind the other, scored against this reference.
    ///
    /// # Errors
    /// [`EvidenceError`] when they are no rows, or rows of another reference.
    pub fn read_rows<'a>(
        written: impl IntoIterator<Item = &'a [u8]>,
        reference: &Reference,
    ) -> Result<Self, EvidenceError> {
        let (mut rows, mut notes) = (Vec::<KeptRow<'a>>::new(), Vec::new());
        for mut bytes in written {
            while !bytes.is_empty() {
                let (part, rest) = postcard::take_from_bytes(bytes).map_err(|_| EvidenceError::NotRows)?;
                match part {
                    KeptPart::Row(row) => rows.push(*row),
                    KeptPart::Note(note) if note.fits(reference) => {
                        notes.push((Origin::Event(notes.len()), *note));
                    }
                    KeptPart::Note(_) => {
                        return Err(EvidenceError::OtherReference(
                            "a canary is none of the reference's",
                        ));
                    }
                }
                bytes = rest;
            }
        }
        match ScoredBatch::of_kept(&rows, reference) {
            Ok(mut batch) => {
                batch.notes = notes;
                Ok(Self(batch))
            }
            Err(SnapshotError::Inconsistent(why)) => Err(EvidenceError::OtherReference(why)),
            Err(_) => Err(EvidenceError::NotRows),
        }
    }

    pub(crate) fn into_batch(self) -> ScoredBatch {
        self.0
    }
}
