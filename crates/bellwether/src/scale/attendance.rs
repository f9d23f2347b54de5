//! Which source partitions somebody reads, by the clock of the evidence topic.

use bellwether_ingest::{NextOffset, PartitionEvent, TopicPartition};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A partition of which nothing was heard for so long is nobody's: its reader tells of it once a second.
const ABSENT: Duration = Duration::from_secs(5);

/// The time that the records of a log tell. It never goes back.
#[derive(Debug)]
pub(crate) struct LogClock {
    base: Instant,
    origin_ms: Option<i64>,
    now: Instant,
}

impl LogClock {
    pub(crate) fn start(base: Instant) -> Self {
        Self {
            base,
            origin_ms: None,
            now: base,
        }
    }

    /// A record of this time was read.
    pub(crate) fn tick(&mut self, timestamp_ms: Option<i64>) {
        let Some(ms) = timestamp_ms else { return };
        let origin_ms = *self.origin_ms.get_or_insert(ms);
        let passed = u64::try_from(ms.saturating_sub(origin_ms)).unwrap_or(0);
        if let Some(then) = self.base.checked_add(Duration::from_millis(passed)) {
            self.now = self.now.max(then);
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }
}

/// What is known of who reads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Nobody has told yet.
    Unheard,
    Heard(Instant),
    Gone,
}

#[derive(Debug)]
struct Attended {
    reader: Reader,
    /// The end that was told of last.
    end: Option<NextOffset>,
}

/// Follows who reads what, and turns it into what a tracker of partitions is told.
///
/// A partition of whose reader nothing is heard counts as one that went in a rebalance: what comes of it when it has a reader
/// again must not be late.
#[derive(Debug)]
pub(crate) struct Attendance {
    partitions: BTreeMap<TopicPartition, Attended>,
    events: Vec<PartitionEvent>,
}

impl Attendance {
    /// Of these partitions something is to be heard before event time goes on.
    pub(crate) fn new(expected: Vec<TopicPartition>) -> Self {
        let unheard = |partition: &TopicPartition| {
            let attended = Attended {
                reader: Reader::Unheard,
                end: None,
            };
            (*partition, attended)
        };
        Self {
            partitions: expected.iter().map(unheard).collect(),
            events: vec![PartitionEvent::Assigned(expected)],
        }
    }

    /// Somebody reads the partition.
    pub(crate) fn heard_of(&mut self, partition: TopicPartition, now: Instant) {
        let attended = self.partitions.entry(partition).or_insert(Attended {
            reader: Reader::Gone,
            end: None,
        });
        if attended.reader == Reader::Gone {
            attended.end = None;
            self.events.push(PartitionEvent::Assigned(vec![partition]));
        }
        attended.reader = Reader::Heard(now);
    }

    /// Whoever reads the partition has read it to its end. That it still is at its end is no news.
    pub(crate) fn end_of(&mut self, partition: TopicPartition, next: NextOffset) {
        if let Some(attended) = self.partitions.get_mut(&partition)
            && attended.end != Some(next)
        {
            attended.end = Some(next);
            self.events.push(PartitionEvent::EndReached {
                partition,
                next_offset: Some(next),
            });
        }
    }

    /// Looks who has gone by now.
    pub(crate) fn look(&mut self, now: Instant) {
        let mut gone = Vec::new();
        for (&partition, attended) in &mut self.partitions {
            if let Reader::Heard(at) = attended.reader
                && now.saturating_duration_since(at) > ABSENT
            {
                attended.reader = Reader::Gone;
                gone.push(partition);
            }
        }
        if !gone.is_empty() {
            self.events.push(PartitionEvent::Revoked(gone));
        }
    }

    /// What happened since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<PartitionEvent> {
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_by_the_records_and_never_back() {
        let base = Instant::now();
        let mut clock = LogClock::start(base);
        for (ms, passed) in [
            (Some(1000), 0),
            (Some(3000), 2000),
            (Some(500), 2000),
            (None, 2000),
        ] {
            clock.tick(ms);
            assert_eq!(clock.now() - base, Duration::from_millis(passed));
        }
    }

    #[test]
    fn a_partition_without_a_reader_goes_and_comes_back() {
        let (a, b) = (TopicPartition::observations(0), TopicPartition::labels(0));
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let end = |next| PartitionEvent::EndReached {
            partition: a,
            next_offset: Some(NextOffset(next)),
        };
        let mut attendance = Attendance::new(vec![a, b]);
        assert_eq!(attendance.take_events(), [PartitionEvent::Assigned(vec![a, b])]);

        for second in 0..4 {
            attendance.heard_of(a, after(second));
            attendance.end_of(a, NextOffset(5));
        }
        assert_eq!(attendance.take_events(), [end(5)], "told once");
        attendance.look(after(8));
        assert!(attendance.take_events().is_empty());
        attendance.look(after(9));
        let gone = PartitionEvent::Revoked(vec![a]);
        assert_eq!(
            attendance.take_events(),
            [gone],
            "of the other nothing was heard yet: it is waited for"
        );

        attendance.heard_of(a, after(20));
        attendance.end_of(a, NextOffset(5));
        let back = PartitionEvent::Assigned(vec![a]);
        assert_eq!(attendance.take_events(), [back, end(5)]);
    }

    #[test]
    fn a_partition_that_is_new_is_one_more() {
        let mut attendance = Attendance::new(Vec::new());
        attendance.take_events();
        let new = TopicPartition::observations(7);
        attendance.heard_of(new, Instant::now());
        assert_eq!(attendance.take_events(), [PartitionEvent::Assigned(vec![new])]);
    }
}
