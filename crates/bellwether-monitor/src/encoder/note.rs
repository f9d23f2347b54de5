//! What an event says about the encoder, once it is held to the reference.

use super::difference::{self, Difference};
use super::reading::Reading;
use super::reference::EncoderReference;
use super::watch::CheckSource;
use crate::reference::Reference;
use bellwether_events::{EncoderEvent, EncoderEventKind, ObservationBatch, SpotCheck};
use serde::{Deserialize, Serialize};

/// One thing that was learnt of the encoder, with its place in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) event_id: Box<str>,
    pub(crate) timestamp_ms: i64,
    pub(crate) kind: NoteKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum NoteKind {
    /// A canary came back: its place in the reference.
    Canary {
        canary: u32,
        source: CheckSource,
        reading: Reading,
    },
    /// A canary that the reference does not have.
    UnknownCanary,
    /// An observation was held to a known encoder.
    Spot(Reading),
    /// An observation of another encoder.
    Other(OtherNote),
}

/// An observation of another encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OtherNote {
    pub(crate) version: Option<Box<str>>,
    pub(crate) width: u32,
    pub(crate) waits: bool,
}

/// Of a row that is held to a known encoder.
pub(crate) fn spot_note(
    observations: &ObservationBatch,
    check: &SpotCheck,
    embedding: &[f32],
) -> Option<Note> {
    let reading = Reading::of_row(check, embedding, observations.text(check.row)?)?;
    Some(Note {
        event_id: observations.event_id(check.row).into(),
        timestamp_ms: observations.timestamps_ms()[check.row],
        kind: NoteKind::Spot(reading),
    })
}

/// In what checked rows and canaries of a batch differ from what is known of the encoder, where most of them do: a text may
/// have been altered before it was logged. Nothing where they agree.
#[must_use]
pub fn differences(
    known: &EncoderReference,
    observations: &ObservationBatch,
    checks: &[SpotCheck],
) -> Vec<Difference> {
    let rows = checks.iter().filter_map(|check| {
        let text = observations.text(check.row)?;
        Reading::of_row(check, observations.embedding(check.row), text)
    });
    let canaries = observations
        .encoder_events()
        .iter()
        .filter_map(|event| match &event.kind {
            EncoderEventKind::Canary { name, embedding, .. } if !embedding.is_empty() => {
                let canary = known.canaries.iter().find(|canary| canary.name == *name)?;
                Some(Reading::of_canary(canary, embedding))
            }
            _ => None,
        });
    for readings in [rows.collect::<Vec<_>>(), canaries.collect()] {
        let differing = readings.iter().filter(|reading| !reading.agrees()).count();
        if 2 * differing > readings.len() {
            return difference::differences(readings.iter());
        }
    }
    Vec::new()
}

impl Note {
    /// Of an event beside the rows; `None` where it says nothing.
    pub(crate) fn of(event: &EncoderEvent, reference: &Reference) -> Option<Self> {
        let kind = match &event.kind {
            EncoderEventKind::Canary { embedding, .. } if embedding.is_empty() => return None,
            EncoderEventKind::Canary {
                name,
                embedding,
                by_monitor,
                ..
            } => {
                let canaries = reference.canaries();
                match canaries.iter().position(|canary| canary.name == *name) {
                    None => NoteKind::UnknownCanary,
                    Some(at) => NoteKind::Canary {
                        canary: u32::try_from(at).unwrap_or(u32::MAX),
                        source: if *by_monitor {
                            CheckSource::Monitor
                        } else {
                            CheckSource::Canary
                        },
                        reading: Reading::of_canary(&canaries[at], embedding),
                    },
                }
            }
            EncoderEventKind::Other {
                version,
                width,
                waits,
            } => NoteKind::Other(OtherNote {
                version: version.as_deref().map(Into::into),
                width: u32::try_from(*width).unwrap_or(u32::MAX),
                waits: *waits,
            }),
        };
        Some(Self {
            event_id: event.event_id.as_str().into(),
            timestamp_ms: event.timestamp_ms,
            kind,
        })
    }

    /// Whether it can be of this reference.
    pub(crate) fn fits(&self, reference: &Reference) -> bool {
        match self.kind {
            NoteKind::Canary { canary, .. } => (canary as usize) < reference.canaries().len(),
            _ => true,
        }
    }

    /// The version whose reference this observation waits for.
    pub(crate) fn awaited(&self) -> Option<&str> {
        match &self.kind {
            NoteKind::Other(OtherNote {
                version: Some(version),
                waits: true,
                ..
            }) => Some(version),
            _ => None,
        }
    }

    /// Tells apart what two notes of one event say, for the order.
    pub(crate) fn source(&self) -> &'static str {
        match self.kind {
            NoteKind::Canary { source, .. } => source.as_str(),
            NoteKind::UnknownCanary => "unknown",
            NoteKind::Spot(_) => "spot_check",
            NoteKind::Other(_) => "other",
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let readings = match &self.kind {
            NoteKind::Canary { reading, .. } | NoteKind::Spot(reading) => reading.to_variants.len(),
            NoteKind::UnknownCanary | NoteKind::Other(_) => 0,
        };
        size_of::<Self>() + self.event_id.len() + 48 * readings
    }
}
