//! How far event time has come over all partitions, and which offsets may be committed.
//!
//! Partitions interleave differently on every run, so nothing may be decided on the order of arrival. The watermark is
//! the event time up to which every partition has delivered: the minimum over partitions of the newest event time of
//! each. A partition that is idle (read to its end, and nothing newer for a while) would hold the others back for ever
//! and is left out; when it speaks again, records of it older than the watermark are late.
//!
//! What it does not know: whether records are in order inside a partition (subtract the lateness you allow from the
//! watermark), whether an event time is plausible (one record dated in the far future moves the watermark there:
//! refuse such records when decoding), and whether a broker that says nothing is away: a partition that was read to its
//! end before counts as idle then as well.

use crate::batch::PartitionEvent;
use crate::position::{NextOffset, TopicPartition};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Up to where event time is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watermark {
    /// Not known yet: a partition has neither delivered a record nor been idle.
    None,
    /// Every partition that is not idle has delivered a record of this event time, in milliseconds, or a newer one.
    At(i64),
    /// All partitions are idle: there is nothing to wait for, release everything.
    Drained,
}

impl Watermark {
    /// Records with an event time strictly below this may be released: the lowest number for [`None`](Self::None), the
    /// highest for [`Drained`](Self::Drained).
    #[must_use]
    pub fn released_up_to_ms(self) -> i64 {
        match self {
            Self::None => i64::MIN,
            Self::At(ms) => ms,
            Self::Drained => i64::MAX,
        }
    }
}

/// Follows the partitions that are assigned. Pure: time comes in as an argument.
#[derive(Debug, Clone)]
pub struct PartitionTracker {
    idle_timeout: Duration,
    partitions: BTreeMap<TopicPartition, State>,
    /// Partitions that are not ours now and were once, or by a state that is gone on from; and since when.
    left: BTreeMap<TopicPartition, (Progress, Instant)>,
    /// The highest watermark given so far: what was released can't be taken back.
    floor_ms: Option<i64>,
}

/// A partition that went holds back the watermark for this long, in case it comes back: as records of it would be late then.
/// As long as the group waits for a member that does not poll (`max.poll.interval.ms`).
const AWAY_TIMEOUT: Duration = Duration::from_secs(300);

/// How far one partition was read: what has to be known to go on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Everything before it was delivered.
    pub delivered: NextOffset,
    /// Everything before it was released; `None` where nothing was yet.
    pub released: Option<NextOffset>,
    /// The newest event time delivered, in milliseconds since the epoch.
    pub newest_ms: Option<i64>,
}

/// Where the end of a partition was met, in order of what is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    NotMet,
    BeforeAnyRecord,
    At(NextOffset),
}

/// One partition.
#[derive(Debug, Clone)]
struct State {
    next_offset: Option<NextOffset>,
    /// Whether a record came since the partition was assigned.
    recorded: bool,
    end: End,
    oldest_ms: Option<i64>,
    newest_ms: Option<i64>,
    active_at: Instant,
    /// Offsets that wait for their records' release, with strictly increasing event times.
    waiting: VecDeque<Waiting>,
    /// Everything before it has been released.
    released: Option<NextOffset>,
    committed: Option<NextOffset>,
}

/// Everything before `next` is released once event time is beyond `newest_ms`.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    next: NextOffset,
    newest_ms: i64,
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            next_offset: None,
            recorded: false,
            end: End::NotMet,
            oldest_ms: None,
            newest_ms: None,
            active_at: now,
            waiting: VecDeque::new(),
            released: None,
            committed: None,
        }
    }

    /// Goes on where the partition was left. What had been delivered by then may wait for its release still.
    fn resumed(progress: &Progress, now: Instant) -> Self {
        let waiting = progress.newest_ms.map(|newest_ms| Waiting {
            next: progress.delivered,
            newest_ms,
        });
        Self {
            next_offset: Some(progress.delivered),
            oldest_ms: progress.newest_ms,
            newest_ms: progress.newest_ms,
            waiting: waiting.into_iter().collect(),
            released: progress.released,
            ..Self::new(now)
        }
    }

    /// `None` where nothing was delivered.
    fn progress(&self) -> Option<Progress> {
        self.next_offset.map(|delivered| Progress {
            delivered,
            released: self.released,
            newest_ms: self.newest_ms,
        })
    }

    /// Whether everything that the partition holds was delivered. An end that was reached before newer records came
    /// counts no more.
    fn at_end(&self) -> bool {
        match self.end {
            End::NotMet => false,
            End::BeforeAnyRecord => !self.recorded,
            End::At(end) => self.next_offset.is_none_or(|next| end >= next),
        }
    }

    fn is_idle(&self, now: Instant, timeout: Duration) -> bool {
        self.at_end() && now.saturating_duration_since(self.active_at) >= timeout
    }

    fn observe(&mut self, event_time_ms: i64) {
        self.oldest_ms = Some(
            self.oldest_ms
                .map_or(event_time_ms, |oldest| oldest.min(event_time_ms)),
        );
        self.newest_ms = self.newest_ms.max(Some(event_time_ms));
    }

    fn wait_for(&mut self, next: NextOffset, event_time_ms: Option<i64>) {
        match (self.waiting.back_mut(), event_time_ms) {
            // Nothing newer than what is waited for already: the later offset waits for the same.
            (Some(last), time) if time.is_none_or(|ms| ms <= last.newest_ms) => last.next = next,
            (_, Some(newest_ms)) => self.waiting.push_back(Waiting { next, newest_ms }),
            (_, None) => self.released = Some(next),
        }
    }

    fn release(&mut self, up_to_ms: i64) {
        while let Some(first) = self.waiting.front().filter(|first| first.newest_ms < up_to_ms) {
            self.released = Some(first.next);
            self.waiting.pop_front();
        }
    }
}

impl PartitionTracker {
    /// Follows nothing yet. A partition is idle when it has been at its end for `idle_timeout`.
    #[must_use]
    pub fn new(idle_timeout: Duration) -> Self {
        Self {
            idle_timeout,
            partitions: BTreeMap::new(),
            left: BTreeMap::new(),
            floor_ms: None,
        }
    }

    /// A tracker that goes on from the [`progress`](Self::progress) of another. Where a partition is read from when it is
    /// assigned is the consumer's business: see [`Consumer::start_from`](crate::Consumer::start_from).
    #[must_use]
    pub fn resume(
        idle_timeout: Duration,
        progress: BTreeMap<TopicPartition, Progress>,
        now: Instant,
    ) -> Self {
        let left = progress.into_iter();
        Self {
            left: left
                .map(|(partition, progress)| (partition, (progress, now)))
                .collect(),
            ..Self::new(idle_timeout)
        }
    }

    /// How far every partition was read that is ours or was.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<TopicPartition, Progress> {
        let ours = self.partitions.iter();
        let ours = ours.filter_map(|(&partition, state)| Some((partition, state.progress()?)));
        self.left
            .iter()
            .map(|(&p, &(progress, _))| (p, progress))
            .chain(ours)
            .collect()
    }

    /// The partitions of ours that delivered something since they were assigned, each with the offset up to which.
    pub fn delivered(&self) -> impl Iterator<Item = (TopicPartition, NextOffset)> + '_ {
        let ours = self.partitions.iter().filter(|(_, state)| state.recorded);
        ours.filter_map(|(&partition, state)| Some((partition, state.next_offset?)))
    }

    /// Takes note of a batch's events. Call it before recording the batch's messages.
    pub fn apply(&mut self, events: &[PartitionEvent], now: Instant) {
        for event in events {
            match event {
                PartitionEvent::Assigned(partitions) => self.assign(partitions, now),
                PartitionEvent::Revoked(partitions) => self.revoke(partitions, now),
                &PartitionEvent::EndReached {
                    partition,
                    next_offset,
                } => {
                    self.end_reached(partition, next_offset, now);
                }
            }
        }
    }

    /// These partitions are ours from here on. One that was known already goes on where it was left.
    pub fn assign(&mut self, partitions: &[TopicPartition], now: Instant) {
        self.revoke(partitions, now);
        for &partition in partitions {
            let left = self.left.remove(&partition);
            let state = left.map_or_else(|| State::new(now), |(progress, _)| State::resumed(&progress, now));
            self.partitions.insert(partition, state);
        }
    }

    /// These partitions are no longer ours: how far they were read is remembered, in case they come back.
    pub fn revoke(&mut self, partitions: &[TopicPartition], now: Instant) {
        for partition in partitions {
            let progress = self
                .partitions
                .remove(partition)
                .and_then(|state| state.progress());
            self.left
                .extend(progress.map(|progress| (*partition, (progress, now))));
        }
    }

    /// The partition has nothing beyond `next_offset` (`None`: nothing at all since it was assigned).
    pub fn end_reached(&mut self, partition: TopicPartition, next_offset: Option<NextOffset>, now: Instant) {
        if let Some(state) = self.partitions.get_mut(&partition) {
            state.end = state.end.max(next_offset.map_or(End::BeforeAnyRecord, End::At));
            state.active_at = now;
        }
    }

    /// A record of this event time was decoded from the partition. [`record`](Self::record) does the same for the newest
    /// of a batch, so this is for callers that learn event times earlier.
    pub fn observe_event_time(&mut self, partition: TopicPartition, event_time_ms: i64) {
        if let Some(state) = self.partitions.get_mut(&partition) {
            state.observe(event_time_ms);
        }
    }

    /// All records of the partition before `next_offset` were delivered, and `newest_event_time_ms` is the newest event
    /// time among those since the call before; `None` if none of them could be used. Partitions that are not ours are
    /// passed over.
    pub fn record(
        &mut self,
        partition: TopicPartition,
        next_offset: NextOffset,
        newest_event_time_ms: Option<i64>,
        now: Instant,
    ) {
        let Some(state) = self.partitions.get_mut(&partition) else {
            return;
        };
        // Not the maximum: a topic that was made anew begins at 0 again.
        state.next_offset = Some(next_offset);
        state.recorded = true;
        state.active_at = now;
        if let Some(event_time_ms) = newest_event_time_ms {
            state.observe(event_time_ms);
        }
        state.wait_for(next_offset, newest_event_time_ms);
    }

    /// The watermark at `now`. The event times it names never go down; after a partition was added it may be
    /// [`Watermark::None`] for a while, and after [`Watermark::Drained`] new records lead back to [`Watermark::At`].
    pub fn watermark(&mut self, now: Instant) -> Watermark {
        if self.partitions.is_empty() {
            return Watermark::None;
        }
        let mut lowest = self.lowest_away(now);
        let mut all_idle = lowest.is_none();
        for state in self
            .partitions
            .values()
            .filter(|state| !state.is_idle(now, self.idle_timeout))
        {
            let Some(newest) = state.newest_ms else {
                return Watermark::None;
            };
            all_idle = false;
            lowest = Some(lowest.map_or(newest, |lowest| lowest.min(newest)));
        }
        if all_idle {
            let newest = self.partitions.values().filter_map(|state| state.newest_ms).max();
            self.floor_ms = self.floor_ms.max(newest);
            return Watermark::Drained;
        }
        self.floor_ms = self.floor_ms.max(lowest);
        self.floor_ms.map_or(Watermark::None, Watermark::At)
    }

    /// The lowest newest event time of partitions that went not long ago.
    fn lowest_away(&self, now: Instant) -> Option<i64> {
        let away = self.left.values();
        let away = away.filter(|(_, since)| now.saturating_duration_since(*since) < AWAY_TIMEOUT);
        away.filter_map(|(progress, _)| progress.newest_ms).min()
    }

    /// Partitions whose newest event time is more than `limit_ms` ahead of the watermark last given. Give them to
    /// [`Consumer::hold`](crate::Consumer::hold) after every batch: a fast partition then cannot fill the memory while a
    /// slow one catches up. Before the first watermark the oldest event time seen stands in for it.
    #[must_use]
    pub fn ahead_of(&self, limit_ms: i64) -> Vec<TopicPartition> {
        let oldest = || self.partitions.values().filter_map(|state| state.oldest_ms).min();
        let Some(base) = self.floor_ms.or_else(oldest) else {
            return Vec::new();
        };
        let limit = base.saturating_add(limit_ms);
        let ahead = |state: &State| state.newest_ms.is_some_and(|newest| newest > limit);
        self.partitions
            .iter()
            .filter(|(_, state)| ahead(state))
            .map(|(&partition, _)| partition)
            .collect()
    }

    /// Offsets that may be committed when everything with an event time strictly below `released_up_to_ms` has been
    /// released and its results are safe: those before which every record is released. They are given again until they
    /// are acknowledged with [`committed`](Self::committed).
    pub fn committable(&mut self, released_up_to_ms: i64) -> Vec<(TopicPartition, NextOffset)> {
        let mut offsets = Vec::new();
        for (&partition, state) in &mut self.partitions {
            state.release(released_up_to_ms);
            if let Some(released) = state.released.filter(|_| state.released > state.committed) {
                offsets.push((partition, released));
            }
        }
        offsets
    }

    /// These offsets are committed.
    pub fn committed(&mut self, offsets: &[(TopicPartition, NextOffset)]) {
        for (partition, next) in offsets {
            if let Some(state) = self.partitions.get_mut(partition) {
                state.committed = state.committed.max(Some(*next));
            }
        }
    }

    /// The partitions that are ours, each with whether it is idle at `now`.
    pub fn partitions(&self, now: Instant) -> impl Iterator<Item = (TopicPartition, bool)> + '_ {
        self.partitions
            .iter()
            .map(move |(&partition, state)| (partition, state.is_idle(now, self.idle_timeout)))
    }

    /// Offsets that wait for the release of their records: the size of the bookkeeping, for a metric.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.partitions.values().map(|state| state.waiting.len()).sum()
    }
}
