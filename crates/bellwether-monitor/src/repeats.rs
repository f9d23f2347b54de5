//! The same message again and again is one message.
//!
//! A client that retries, a script or a replayed batch sends one text hundreds of times within an hour. Taken as so many
//! independent observations it would make any detector raise, so what comes more often than the reference's most frequent
//! message is evidence once only.

use crate::hashed::AlreadyHashed;
use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use bellwether_stats::Steps;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

/// Newest observations among which copies are sought.
const WINDOW: usize = 256;
/// How many times as often as in the reference a message may come before its copies stop to count.
const SLACK: f64 = 2.0;
/// Steps of a component that are told apart: rounding in the encoder must not make two messages of one.
const STEPS: f32 = 1000.0;
/// Added to a number, leaves it rounded in the lowest bits: no call, and no look at its range.
const ROUNDS: f32 = 12_582_912.0;

/// A message by its vector, rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub(crate) struct MessageKey(u64);

impl MessageKey {
    /// Of a unit vector; `bytes` serves one after the other.
    pub(crate) fn of(unit: Steps<'_>, bytes: &mut Vec<u8>) -> Self {
        bytes.resize(2 * unit.steps.len(), 0);
        let scale = unit.scale * STEPS;
        for (&step, out) in unit.steps.iter().zip(bytes.chunks_exact_mut(2)) {
            #[expect(clippy::cast_possible_truncation, reason = "at most 1,000 in magnitude")]
            let step = (f32::from(step) * scale + ROUNDS).to_bits() as u16;
            out.copy_from_slice(&step.to_le_bytes());
        }
        Self(twox_hash::XxHash3_64::oneshot(bytes))
    }
}

/// Copies among the newest observations of one task. The map is only looked up, never walked.
#[derive(Debug, Clone)]
pub(crate) struct Repeats {
    allowed: u32,
    newest: VecDeque<MessageKey>,
    counts: HashMap<MessageKey, u32, BuildHasherDefault<AlreadyHashed>>,
}

impl Repeats {
    /// `most_frequent` is the share of the reference's most frequent message, zero when each came once.
    pub(crate) fn new(most_frequent: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small window"
        )]
        let more = (SLACK * WINDOW as f64 * most_frequent) as u32;
        Self {
            allowed: 1 + more,
            newest: VecDeque::with_capacity(WINDOW),
            counts: HashMap::with_capacity_and_hasher(WINDOW + 1, BuildHasherDefault::default()),
        }
    }

    /// Whether a message has come too often lately to be evidence of its own.
    pub(crate) fn observe(&mut self, key: MessageKey) -> bool {
        if self.newest.len() == WINDOW
            && let Some(oldest) = self.newest.pop_front()
            && let Some(count) = self.counts.get_mut(&oldest)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&oldest);
            }
        }
        self.newest.push_back(key);
        let count = self.counts.entry(key).or_insert(0);
        *count += 1;
        *count > self.allowed
    }
}

impl State for Repeats {
    fn write(&self, out: &mut Writer) {
        out.put(&self.newest);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let newest: Vec<MessageKey> = from.take()?;
        ensure(newest.len() <= WINDOW, "more messages than are remembered")?;
        for key in newest {
            self.observe(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_stats::FixedVector;

    fn key(unit: &[f32]) -> MessageKey {
        let mut vector = FixedVector::default();
        vector.set(unit);
        MessageKey::of(vector.as_steps(), &mut Vec::new())
    }

    #[test]
    fn copies_count_once_until_the_window_has_passed() {
        let mut repeats = Repeats::new(0.0);
        let other = |i: usize| key(&[0.6, 0.001 * i as f32]);
        assert!(!repeats.observe(key(&[0.6, 0.8])));
        assert!(
            repeats.observe(key(&[0.6, 0.800_000_1])),
            "rounding makes no new message"
        );
        for i in 0..WINDOW {
            assert!(!repeats.observe(other(i)), "{i}");
        }
        assert!(!repeats.observe(key(&[0.6, 0.8])), "long ago");
        assert!(repeats.counts.len() <= WINDOW && repeats.newest.len() == WINDOW);
    }

    #[test]
    fn what_the_reference_repeats_may_repeat() {
        let mut repeats = Repeats::new(0.1);
        let copies = (0..WINDOW).filter(|_| repeats.observe(key(&[1.0, 0.0]))).count();
        assert_eq!(copies, WINDOW - 52);
    }
}
