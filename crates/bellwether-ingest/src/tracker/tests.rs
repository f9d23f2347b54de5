use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

const IDLE: Duration = Duration::from_secs(10);
const A: TopicPartition = TopicPartition {
    kind: crate::TopicKind::Observations,
    partition: 0,
};
const B: TopicPartition = TopicPartition {
    kind: crate::TopicKind::Observations,
    partition: 1,
};
/// The same number as `A`, of the other topic.
const L: TopicPartition = TopicPartition {
    kind: crate::TopicKind::Labels,
    partition: 0,
};

fn tracker(partitions: &[TopicPartition]) -> (PartitionTracker, Instant) {
    let start = Instant::now();
    let mut tracker = PartitionTracker::new(IDLE);
    tracker.assign(partitions, start);
    (tracker, start)
}

#[test]
fn watermark_is_the_minimum_of_the_newest_event_times() {
    let (mut tracker, now) = tracker(&[A, B]);
    tracker.record(A, NextOffset(5), Some(500), now);
    tracker.record(B, NextOffset(5), Some(300), now);
    assert_eq!(tracker.watermark(now), Watermark::At(300));
    tracker.observe_event_time(B, 400);
    assert_eq!(tracker.watermark(now), Watermark::At(400));
}

#[test]
fn nothing_assigned_gives_no_watermark() {
    let (mut tracker, now) = tracker(&[]);
    assert_eq!(tracker.watermark(now), Watermark::None);
    assert_eq!(Watermark::None.released_up_to_ms(), i64::MIN);
}

#[test]
fn silent_partition_that_is_not_at_its_end_holds_the_watermark_for_ever() {
    let (mut tracker, now) = tracker(&[A, L]);
    tracker.record(A, NextOffset(5), Some(500), now);
    assert_eq!(tracker.watermark(now + IDLE * 100), Watermark::None);
}

#[test]
fn empty_partition_stops_holding_once_it_was_at_its_end_for_the_timeout() {
    let (mut tracker, now) = tracker(&[A, L]);
    tracker.record(A, NextOffset(5), Some(500), now);
    tracker.end_reached(L, None, now);
    assert_eq!(tracker.watermark(now + IDLE / 2), Watermark::None);
    assert_eq!(tracker.watermark(now + IDLE), Watermark::At(500));
}

#[test]
fn all_partitions_idle_drain_and_wake_up_again() {
    let (mut tracker, now) = tracker(&[A, B]);
    tracker.record(A, NextOffset(5), Some(500), now);
    tracker.record(B, NextOffset(5), Some(300), now);
    tracker.end_reached(A, Some(NextOffset(5)), now);
    tracker.end_reached(B, Some(NextOffset(5)), now);
    assert_eq!(tracker.watermark(now), Watermark::At(300));
    let later = now + IDLE;
    assert_eq!(tracker.watermark(later), Watermark::Drained);
    assert!(tracker.partitions(later).all(|(_, idle)| idle));
    // B wakes up behind what was released: the watermark does not go back.
    tracker.record(B, NextOffset(6), Some(350), later);
    assert_eq!(tracker.watermark(later), Watermark::At(500));
    tracker.record(B, NextOffset(7), Some(700), later);
    assert_eq!(tracker.watermark(later), Watermark::At(700));
}

#[test]
fn end_that_was_reached_before_newer_records_does_not_count() {
    let (mut tracker, now) = tracker(&[A]);
    tracker.end_reached(A, None, now);
    tracker.record(A, NextOffset(3), Some(100), now);
    assert_eq!(tracker.watermark(now + IDLE), Watermark::At(100));
    // Events are applied before the records of the same batch, so the end may come first.
    tracker.end_reached(A, Some(NextOffset(6)), now);
    tracker.record(A, NextOffset(6), Some(200), now);
    assert_eq!(tracker.watermark(now + IDLE), Watermark::Drained);
}

#[test]
fn same_number_of_another_topic_is_another_partition() {
    let (mut tracker, now) = tracker(&[A, L]);
    tracker.record(A, NextOffset(5), Some(500), now);
    tracker.end_reached(A, Some(NextOffset(5)), now);
    tracker.record(L, NextOffset(1), Some(100), now);
    assert_eq!(tracker.watermark(now + IDLE), Watermark::At(100));
}

#[test]
fn added_partition_holds_the_watermark_and_never_moves_it_back() {
    let (mut tracker, now) = tracker(&[A]);
    tracker.record(A, NextOffset(5), Some(500), now);
    assert_eq!(tracker.watermark(now), Watermark::At(500));
    tracker.assign(&[B], now);
    assert_eq!(tracker.watermark(now), Watermark::None);
    tracker.record(B, NextOffset(1), Some(200), now);
    assert_eq!(tracker.watermark(now), Watermark::At(500));
}

#[test]
fn revoked_partition_commits_nothing_and_holds_for_a_while() {
    let (mut tracker, now) = tracker(&[A, B]);
    tracker.record(A, NextOffset(5), Some(500), now);
    tracker.record(B, NextOffset(5), Some(100), now);
    tracker.revoke(&[B], now);
    assert_eq!(tracker.watermark(now), Watermark::At(100), "it may come back");
    assert_eq!(tracker.watermark(now + AWAY_TIMEOUT), Watermark::At(500));
    assert_eq!(tracker.committable(i64::MAX), [(A, NextOffset(5))]);
    tracker.record(B, NextOffset(9), Some(900), now);
    assert_eq!(tracker.committable(i64::MAX), [(A, NextOffset(5))]);
}

#[test]
fn what_comes_back_goes_on_where_it_was_left() {
    let (mut tracker, now) = tracker(&[A, B]);
    tracker.record(A, NextOffset(5), Some(500), now);
    tracker.record(B, NextOffset(3), Some(100), now);
    tracker.record(B, NextOffset(7), Some(300), now);
    tracker.committable(200);
    let left = Progress {
        delivered: NextOffset(7),
        released: Some(NextOffset(3)),
        newest_ms: Some(300),
    };
    tracker.revoke(&[B], now);
    assert_eq!(tracker.progress()[&B], left);
    tracker.assign(&[B], now);
    assert_eq!(tracker.progress()[&B], left);
    assert_eq!(tracker.watermark(now), Watermark::At(300));

    // The same in another process, which finds nothing new.
    let mut other = PartitionTracker::resume(IDLE, tracker.progress(), now);
    other.assign(&[A, B], now);
    assert_eq!(other.progress(), tracker.progress());
    assert_eq!(
        other.delivered().count(),
        0,
        "where it begins is for the kept state to say"
    );
    assert_eq!(other.watermark(now), Watermark::At(300));
    assert_eq!(other.committable(300), [(B, NextOffset(3))]);
    other.end_reached(A, None, now);
    other.end_reached(B, None, now);
    assert_eq!(other.watermark(now + IDLE), Watermark::Drained);
    assert_eq!(
        other.committable(i64::MAX),
        [(A, NextOffset(5)), (B, NextOffset(7))]
    );
    other.record(B, NextOffset(8), Some(400), now);
    assert_eq!(other.progress()[&B].delivered, NextOffset(8));
    assert_eq!(other.delivered().collect::<Vec<_>>(), [(B, NextOffset(8))]);
}

#[test]
fn offset_waits_for_every_record_before_it() {
    let (mut tracker, now) = tracker(&[A]);
    tracker.record(A, NextOffset(10), Some(1000), now);
    tracker.record(A, NextOffset(20), Some(400), now);
    tracker.record(A, NextOffset(30), Some(2000), now);
    assert!(
        tracker.committable(1000).is_empty(),
        "a record at 1000 is not strictly below"
    );
    assert_eq!(tracker.committable(1001), [(A, NextOffset(20))]);
    assert_eq!(
        tracker.committable(1001),
        [(A, NextOffset(20))],
        "given again until acknowledged"
    );
    tracker.committed(&[(A, NextOffset(20))]);
    assert!(tracker.committable(1001).is_empty());
    assert_eq!(
        tracker.committable(Watermark::Drained.released_up_to_ms()),
        [(A, NextOffset(30))]
    );
    assert_eq!(tracker.waiting(), 0);
}

#[test]
fn unusable_records_are_committed_with_what_is_before_them() {
    let (mut tracker, now) = tracker(&[A]);
    tracker.record(A, NextOffset(3), None, now);
    assert_eq!(tracker.committable(i64::MIN), [(A, NextOffset(3))]);
    tracker.record(A, NextOffset(5), Some(100), now);
    tracker.record(A, NextOffset(9), None, now);
    assert_eq!(tracker.committable(100), [(A, NextOffset(3))]);
    assert_eq!(tracker.committable(101), [(A, NextOffset(9))]);
}

#[test]
fn partition_far_ahead_of_a_silent_one_is_named_before_the_first_watermark() {
    let (mut tracker, now) = tracker(&[A, B]);
    tracker.record(A, NextOffset(1), Some(1_000), now);
    assert!(tracker.ahead_of(500).is_empty());
    tracker.record(A, NextOffset(2), Some(1_501), now);
    assert_eq!(tracker.ahead_of(500), [A]);
    tracker.record(B, NextOffset(2), Some(1_200), now);
    assert_eq!(tracker.watermark(now), Watermark::At(1_200));
    assert!(tracker.ahead_of(500).is_empty(), "B caught up");
}

#[test]
fn held_partition_is_let_go_when_the_slow_one_turns_idle() {
    let (mut tracker, now) = tracker(&[A, B]);
    tracker.record(A, NextOffset(1), Some(10_000), now);
    tracker.record(B, NextOffset(1), Some(1_000), now);
    tracker.watermark(now);
    assert_eq!(tracker.ahead_of(500), [A]);
    tracker.end_reached(B, Some(NextOffset(1)), now);
    assert_eq!(tracker.watermark(now + IDLE), Watermark::At(10_000));
    assert!(tracker.ahead_of(500).is_empty());
}

/// One thing that may happen to a tracker.
#[derive(Debug, Clone)]
enum Step {
    Record {
        partition: i32,
        event_times: Vec<Option<i64>>,
    },
    End {
        partition: i32,
    },
    Assign {
        partition: i32,
    },
    Revoke {
        partition: i32,
    },
    Wait {
        seconds: u64,
    },
    Commit,
}

fn step() -> impl Strategy<Value = Step> {
    let partition = 0..3_i32;
    let event_times = prop::collection::vec(prop::option::weighted(0.9, 0_i64..1000), 1..4);
    prop_oneof![
        5 => (partition.clone(), event_times)
            .prop_map(|(partition, event_times)| Step::Record { partition, event_times }),
        2 => partition.clone().prop_map(|partition| Step::End { partition }),
        1 => partition.clone().prop_map(|partition| Step::Assign { partition }),
        1 => partition.prop_map(|partition| Step::Revoke { partition }),
        2 => (0_u64..15).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Commit),
    ]
}

/// The partition's records as event times, and how many of them, from the first on, were released at some time.
#[derive(Debug, Default)]
struct Naive {
    records: Vec<Option<i64>>,
    released: usize,
}

impl Naive {
    fn release(&mut self, up_to_ms: i64) {
        let rest = self.records[self.released..].iter();
        self.released += rest
            .take_while(|time| time.is_none_or(|ms| ms < up_to_ms))
            .count();
    }

    fn len(&self) -> i64 {
        i64::try_from(self.records.len()).unwrap()
    }
}

fn released_only(tracker: &mut PartitionTracker, model: &mut HashMap<TopicPartition, Naive>, up_to_ms: i64) {
    for partition in model.values_mut() {
        partition.release(up_to_ms);
    }
    let offsets = tracker.committable(up_to_ms);
    for (partition, next) in &offsets {
        let released = model[partition].released;
        assert!(
            usize::try_from(next.0).unwrap() <= released,
            "{partition} at {next}, released {released}"
        );
    }
    tracker.committed(&offsets);
}

proptest! {
    /// Against a naive model that keeps every record: the watermark never goes back, no committable offset has an
    /// unreleased record before it, and everything is committable in the end.
    #[test]
    fn watermark_is_monotone_and_no_unreleased_record_is_committed(steps in prop::collection::vec(step(), 1..60)) {
        let mut now = Instant::now();
        let mut tracker = PartitionTracker::new(IDLE);
        let mut model: HashMap<TopicPartition, Naive> = HashMap::new();
        let mut left: HashMap<TopicPartition, Naive> = HashMap::new();
        let mut highest = i64::MIN;
        let mut watermark = Watermark::None;
        for step in steps {
            match step {
                Step::Record { partition, event_times } => {
                    let partition = TopicPartition::observations(partition);
                    let Some(naive) = model.get_mut(&partition) else { continue };
                    naive.records.extend(&event_times);
                    let newest = event_times.iter().copied().flatten().max();
                    tracker.record(partition, NextOffset(naive.len()), newest, now);
                }
                Step::End { partition } => {
                    let partition = TopicPartition::observations(partition);
                    let next = model.get(&partition).map(Naive::len).filter(|&next| next > 0);
                    tracker.end_reached(partition, next.map(NextOffset), now);
                }
                Step::Assign { partition } => {
                    let partition = TopicPartition::observations(partition);
                    model.entry(partition).or_insert_with(|| {
                        tracker.assign(&[partition], now);
                        left.remove(&partition).unwrap_or_default()
                    });
                }
                Step::Revoke { partition } => {
                    let partition = TopicPartition::observations(partition);
                    left.extend(model.remove_entry(&partition));
                    tracker.revoke(&[partition], now);
                }
                Step::Wait { seconds } => now += Duration::from_secs(seconds),
                Step::Commit => released_only(&mut tracker, &mut model, watermark.released_up_to_ms()),
            }
            watermark = tracker.watermark(now);
            if let Watermark::At(ms) = watermark {
                prop_assert!(ms >= highest, "went back from {highest} to {ms}");
                highest = ms;
            }
        }
        released_only(&mut tracker, &mut model, i64::MAX);
        for (partition, naive) in &model {
            if let Some(state) = tracker.partitions.get(partition).filter(|_| naive.len() > 0) {
                prop_assert_eq!(state.committed, Some(NextOffset(naive.len())));
            }
        }
    }

    /// The watermark of partitions that are not idle is the minimum, computed anew from all records, or a higher one
    /// that was given before.
    #[test]
    fn watermark_agrees_with_the_minimum_over_all_records(
        records in prop::collection::vec((0..3_i32, 0_i64..1000), 1..60),
    ) {
        let now = Instant::now();
        let mut tracker = PartitionTracker::new(IDLE);
        tracker.assign(&[0, 1, 2].map(TopicPartition::observations), now);
        let mut newest: [Option<i64>; 3] = [None; 3];
        for (index, &(partition, ms)) in records.iter().enumerate() {
            let slot = usize::try_from(partition).unwrap();
            newest[slot] = newest[slot].max(Some(ms));
            let next = NextOffset(i64::try_from(index).unwrap() + 1);
            tracker.record(TopicPartition::observations(partition), next, Some(ms), now);
            let expected = newest.iter().copied().collect::<Option<Vec<i64>>>().and_then(|all| all.into_iter().min());
            prop_assert_eq!(tracker.watermark(now), expected.map_or(Watermark::None, Watermark::At));
        }
    }
}
