//! When a stream goes over to an encoder that another reference is of.

use crate::engine::Engine;
use crate::sequencer::Item;

/// Observations of the new encoder in a row, none of the old one's among them, that make a change of it: while instances are
/// replaced one after the other both arrive, and which of them a single event belongs to says nothing.
const IN_A_ROW: usize = 100;
/// So long after its first one, in milliseconds of event time, fewer of them are enough.
const SETTLED_MS: i64 = 600_000;

/// A change of encoder that the stream has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The version whose reference judges from here.
    pub version: String,
    /// The first event of it, in milliseconds of event time: what is older was judged by the reference in force.
    pub at_ms: i64,
}

impl Engine {
    /// How far the watermark may be passed on: `watermark_ms`, or less where observations of an encoder of another reference
    /// may be the beginning of a change, which is then judged by that one.
    #[must_use]
    pub fn releasable(&self, watermark_ms: i64) -> i64 {
        match self.turn(watermark_ms) {
            Some((at_ms, _)) => at_ms,
            None => watermark_ms,
        }
    }

    /// The change of encoder that the stream has made before `watermark_ms`, if it has made one.
    #[must_use]
    pub fn switch(&self, watermark_ms: i64) -> Option<Switch> {
        let (at_ms, version) = self.turn(watermark_ms)?;
        Some(Switch {
            version: version?,
            at_ms,
        })
    }

    /// Where judging has to stop, and the new version where it is settled that the stream has gone over to it. The answer is
    /// one of the order of events alone, wherever the watermark stands when it is asked.
    fn turn(&self, watermark_ms: i64) -> Option<(i64, Option<String>)> {
        let due = self.with_awaited(watermark_ms);
        for (at, item) in due.iter().enumerate() {
            let Some(version) = item.awaited() else { continue };
            let at_ms = item.timestamp_ms();
            let mut in_a_row = 0;
            let mut is_broken = false;
            for later in &due[at..] {
                if later.timestamp_ms() > at_ms.saturating_add(SETTLED_MS) || in_a_row >= IN_A_ROW {
                    break;
                }
                match later {
                    Item::Observation { .. } => is_broken = true,
                    Item::Note(note) if note.awaited() == Some(version) => in_a_row += 1,
                    Item::Note(_) | Item::Label(_) => {}
                }
                if is_broken {
                    break;
                }
            }
            if is_broken {
                continue;
            }
            let is_settled = in_a_row >= IN_A_ROW || watermark_ms > at_ms.saturating_add(SETTLED_MS);
            return Some((at_ms, is_settled.then(|| version.to_owned())));
        }
        None
    }
}
