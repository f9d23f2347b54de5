//! Puts observations and labels in one order of event time, whatever their order of arrival.
//!
//! What is buffered is released up to a watermark in the order (time, observations before labels, `event_id`). As long
//! as nothing arrives later than the watermark, every interleaving of the sources gives the same order.

use crate::encoder::Note;
use crate::score::{KeptRow, ScoredBatch};
use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use bellwether_events::LabelRow;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One thing to judge.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Observation {
        batch: Arc<ScoredBatch>,
        row: usize,
    },
    /// Apart, so that what is put in order stays small.
    Label(Box<LabelRow>),
    /// What was learnt of the encoder.
    Note(Box<Note>),
}

impl Item {
    pub(crate) fn timestamp_ms(&self) -> i64 {
        match self {
            Self::Observation { batch, row } => batch.observations.timestamps_ms()[*row],
            Self::Label(label) => label.timestamp_ms,
            Self::Note(note) => note.timestamp_ms,
        }
    }

    /// The version of encoder whose reference an observation waits for.
    pub(crate) fn awaited(&self) -> Option<&str> {
        match self {
            Self::Note(note) => note.awaited(),
            Self::Observation { .. } | Self::Label(_) => None,
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Observation { batch, .. } => batch.row_bytes(),
                Self::Label(label) => size_of::<LabelRow>() + label.event_id.len() + label.label.len(),
                Self::Note(note) => note.bytes(),
            }
    }

    fn key(&self) -> (i64, u8, &str, &str) {
        match self {
            Self::Observation { batch, row } => {
                (self.timestamp_ms(), 1, batch.observations.event_id(*row), "")
            }
            Self::Label(label) => (label.timestamp_ms, 2, &label.event_id, &label.label),
            Self::Note(note) => (note.timestamp_ms, 0, &note.event_id, note.source()),
        }
    }
}

/// The buffer behind the watermark.
#[derive(Debug)]
pub(crate) struct Sequencer {
    buffered: Vec<Item>,
    /// What they take in memory.
    bytes: usize,
    released_to_ms: i64,
}

impl Default for Sequencer {
    fn default() -> Self {
        Self {
            buffered: Vec::new(),
            bytes: 0,
            released_to_ms: i64::MIN,
        }
    }
}

impl Sequencer {
    pub(crate) fn push(&mut self, item: Item) {
        self.bytes += item.bytes();
        self.buffered.push(item);
    }

    /// What is buffered takes so much memory, near enough for a bound.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.buffered.len()
    }

    /// What is buffered strictly before `watermark_ms` and in time, in order; empty unless an observation among it waits for
    /// the reference of another encoder.
    pub(crate) fn with_awaited(&self, watermark_ms: i64) -> Vec<&Item> {
        let in_time = self.released_to_ms..watermark_ms;
        let is_due = |item: &&Item| in_time.contains(&item.timestamp_ms());
        // First what costs nothing: nearly always nothing is awaited.
        let mut awaited = self.buffered.iter().filter(|item| item.awaited().is_some());
        if !awaited.any(|item| is_due(&item)) {
            return Vec::new();
        }
        let mut due: Vec<&Item> = self.buffered.iter().filter(is_due).collect();
        due.sort_by(|a, b| a.key().cmp(&b.key()));
        due
    }

    /// Newest time in the buffer.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        self.buffered.iter().map(Item::timestamp_ms).max()
    }

    /// Oldest time in the buffer that is strictly before `watermark_ms`.
    pub(crate) fn oldest_before(&self, watermark_ms: i64) -> Option<i64> {
        let times = self.buffered.iter().map(Item::timestamp_ms);
        times.filter(|&at| at < watermark_ms).min()
    }

    /// Items strictly before `watermark_ms` in order, each with whether it came after its time had been released.
    pub(crate) fn release(&mut self, watermark_ms: i64) -> Vec<(Item, bool)> {
        let (mut due, rest): (Vec<Item>, Vec<Item>) = std::mem::take(&mut self.buffered)
            .into_iter()
            .partition(|item| item.timestamp_ms() < watermark_ms);
        self.buffered = rest;
        self.bytes -= due.iter().map(Item::bytes).sum::<usize>();
        due.sort_by(|a, b| a.key().cmp(&b.key()));
        let released = self.released_to_ms;
        self.released_to_ms = released.max(watermark_ms);
        due.into_iter()
            .map(|item| {
                let late = item.timestamp_ms() < released;
                (item, late)
            })
            .collect()
    }
}

/// One buffered thing in a snapshot. Things of one time and name are judged in the order in which they came.
#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
enum KeptItem<'a> {
    Observation(Box<KeptRow<'a>>),
    Label {
        event_id: &'a str,
        timestamp_ms: i64,
        label: &'a str,
    },
    Note(Box<Note>),
}

impl State for Sequencer {
    fn write(&self, out: &mut Writer) {
        out.put(&(self.released_to_ms, self.buffered.len()));
        for item in &self.buffered {
            out.put(&match item {
                Item::Observation { batch, row } => KeptItem::Observation(Box::new(batch.kept(*row))),
                Item::Label(label) => KeptItem::Label {
                    event_id: &label.event_id,
                    timestamp_ms: label.timestamp_ms,
                    label: &label.label,
                },
                Item::Note(note) => KeptItem::Note(note.clone()),
            });
        }
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let (released_to_ms, buffered): (i64, usize) = from.take()?;
        self.released_to_ms = released_to_ms;
        let (mut rows, mut others) = (Vec::new(), Vec::new());
        for at in 0..buffered {
            match from.take()? {
                KeptItem::Observation(row) => rows.push(*row),
                KeptItem::Label {
                    event_id,
                    timestamp_ms,
                    label,
                } => {
                    let label = LabelRow {
                        event_id: event_id.to_owned(),
                        timestamp_ms,
                        label: label.to_owned(),
                    };
                    others.push((at, Item::Label(Box::new(label))));
                }
                KeptItem::Note(note) => {
                    ensure(note.fits(from.reference), "a canary is none of the reference's")?;
                    others.push((at, Item::Note(note)));
                }
            }
        }
        let batch = Arc::new(ScoredBatch::of_kept(&rows, from.reference)?);
        let observation = |row| Item::Observation {
            batch: Arc::clone(&batch),
            row,
        };
        let (mut rows, mut others) = (0.., others.into_iter().peekable());
        for at in 0..buffered {
            let other = others.next_if(|(place, _)| *place == at).map(|(_, item)| item);
            if let Some(item) = other.or_else(|| rows.next().map(observation)) {
                self.push(item);
            }
        }
        Ok(())
    }
}
