//! Puts observations and labels in one order of event time, whatever their order of arrival.
//!
//! What is buffered is released up to a watermark in the order (time, observations before labels, `event_id`). As long
//! as nothing arrives later than the watermark, every interleaving of the sources gives the same order.

use crate::score::ScoredBatch;
use bellwether_events::LabelRow;
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
}

impl Item {
    pub(crate) fn timestamp_ms(&self) -> i64 {
        match self {
            Self::Observation { batch, row } => batch.observations.timestamps_ms()[*row],
            Self::Label(label) => label.timestamp_ms,
        }
    }

    fn key(&self) -> (i64, bool, &str, &str) {
        match self {
            Self::Observation { batch, row } => {
                (self.timestamp_ms(), false, batch.observations.event_id(*row), "")
            }
            Self::Label(label) => (label.timestamp_ms, true, &label.event_id, &label.label),
        }
    }
}

/// The buffer behind the watermark.
#[derive(Debug)]
pub(crate) struct Sequencer {
    buffered: Vec<Item>,
    released_to_ms: i64,
}

impl Default for Sequencer {
    fn default() -> Self {
        Self {
            buffered: Vec::new(),
            released_to_ms: i64::MIN,
        }
    }
}

impl Sequencer {
    pub(crate) fn push(&mut self, item: Item) {
        self.buffered.push(item);
    }

    pub(crate) fn len(&self) -> usize {
        self.buffered.len()
    }

    /// Newest time in the buffer.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        self.buffered.iter().map(Item::timestamp_ms).max()
    }

    /// Items strictly before `watermark_ms` in order, each with whether it came after its time had been released.
    pub(crate) fn release(&mut self, watermark_ms: i64) -> Vec<(Item, bool)> {
        let (mut due, rest): (Vec<Item>, Vec<Item>) = std::mem::take(&mut self.buffered)
            .into_iter()
            .partition(|item| item.timestamp_ms() < watermark_ms);
        self.buffered = rest;
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
