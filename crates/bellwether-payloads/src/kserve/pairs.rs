//! Halves of calls that wait for each other.

use super::GivenBack;
use super::event::{Event, Half};
use crate::record::{OwnedRecord, Position, Record};
use bellwether_events::raw::quote;
use bellwether_events::{Fault, RejectReason};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// What an entry takes beside its record.
const ENTRY_BYTES: usize = 256;

/// How much may wait, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairLimits {
    /// Most halves.
    pub max_records: usize,
    /// Most bytes of them.
    pub max_bytes: usize,
    /// Longest time, in event time, that a half waits behind the newest event of its partition, in milliseconds.
    pub max_age_ms: i64,
}

impl Default for PairLimits {
    fn default() -> Self {
        Self {
            max_records: 100_000,
            max_bytes: 64 << 20,
            max_age_ms: 10 * 60_000,
        }
    }
}

/// Halves of calls that wait for their other half, to go on from after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halves {
    newest_ms: BTreeMap<i32, i64>,
    records: Vec<OwnedRecord>,
}

impl Halves {
    /// Whether the record at this place is one of them.
    #[must_use]
    pub fn holds(&self, topic: &str, partition: i32, offset: i64) -> bool {
        let position = Position { partition, offset };
        let mut records = self.records.iter();
        records.any(|record| record.position == position && *record.topic == *topic)
    }
}

/// What a half meets.
#[derive(Debug)]
pub(super) enum Met {
    /// Nothing: it waits.
    Waits,
    /// Its other half.
    Other(OwnedRecord),
}

/// The halves that wait, in memory, oldest event time first.
///
/// A half goes when its other half comes, or when one of the limits is met; then it is given back as refused.
#[derive(Debug)]
pub(super) struct Pairs {
    limits: PairLimits,
    waiting: HashMap<String, Waiting>,
    /// Of each partition: event time and number of arrival, to the call.
    order: BTreeMap<i32, BTreeMap<(i64, u64), String>>,
    arrivals: u64,
    bytes: usize,
    /// Newest event time of each partition. While a backlog is read partitions are hours apart: another's time is not ours.
    newest_ms: BTreeMap<i32, i64>,
}

#[derive(Debug)]
struct Waiting {
    half: Half,
    record: OwnedRecord,
    place: (i64, u64),
    bytes: usize,
}

impl Pairs {
    pub(super) fn new(limits: PairLimits) -> Self {
        Self {
            limits,
            waiting: HashMap::new(),
            order: BTreeMap::new(),
            arrivals: 0,
            bytes: 0,
            newest_ms: BTreeMap::new(),
        }
    }

    /// Takes a half: hands out its other half, or keeps it. The same half again, as delivery at least once brings it, takes the
    /// place of the first.
    pub(super) fn meet(
        &mut self,
        event: &Event,
        record: &Record<'_>,
        given_back: &mut Vec<GivenBack>,
    ) -> Met {
        let call = event.call();
        let time_ms = Self::time_ms(event, record);
        let met = match self.remove(&call) {
            Some(other) if other.half != event.half => Met::Other(other.record),
            _ => {
                self.keep(call, event.half, time_ms, record);
                Met::Waits
            }
        };
        let partition = record.position.partition;
        let newest_ms = self.newest_ms.entry(partition).or_insert(time_ms);
        *newest_ms = time_ms.max(*newest_ms);
        self.evict(partition, given_back);
        met
    }

    /// A clock that is far ahead must neither age all the others nor outlive them: no event is later than its record.
    fn time_ms(event: &Event, record: &Record<'_>) -> i64 {
        record
            .timestamp_ms
            .map_or(event.time_ms, |ms| event.time_ms.min(ms))
    }

    fn keep(&mut self, call: String, half: Half, time_ms: i64, record: &Record<'_>) {
        let record = OwnedRecord::from(record);
        let bytes = record.size_bytes() + 2 * call.len() + ENTRY_BYTES;
        let place = (time_ms, self.arrivals);
        self.arrivals += 1;
        self.bytes += bytes;
        let order = self.order.entry(record.position.partition).or_default();
        order.insert(place, call.clone());
        self.waiting.insert(
            call,
            Waiting {
                half,
                record,
                place,
                bytes,
            },
        );
    }

    fn remove(&mut self, call: &str) -> Option<Waiting> {
        let waiting = self.waiting.remove(call)?;
        if let Some(order) = self.order.get_mut(&waiting.record.position.partition) {
            order.remove(&waiting.place);
        }
        self.bytes -= waiting.bytes;
        Some(waiting)
    }

    /// The half that has to go next, and the limit that is met: what is too old in this partition, or too much in all of them.
    fn beyond(&self, partition: i32) -> Option<(String, String)> {
        let PairLimits {
            max_records,
            max_bytes,
            max_age_ms,
        } = self.limits;
        let oldest_here = self.order.get(&partition)?.first_key_value();
        let newest_ms = self.newest_ms.get(&partition).copied().unwrap_or(i64::MIN);
        if let Some((&(time_ms, _), call)) = oldest_here
            && newest_ms.saturating_sub(time_ms) > max_age_ms
        {
            let limit = format!("payloads.kserve.max_age ({} s of event time)", max_age_ms / 1000);
            return Some((call.clone(), limit));
        }
        let limit = if self.waiting.len() > max_records {
            format!("payloads.kserve.max_records ({max_records})")
        } else if self.bytes > max_bytes {
            format!("payloads.kserve.max_bytes ({max_bytes})")
        } else {
            return None;
        };
        let (_, call) = self.order.values().filter_map(BTreeMap::first_key_value).min()?;
        Some((call.clone(), limit))
    }

    /// Gives back what is beyond a limit.
    fn evict(&mut self, partition: i32, given_back: &mut Vec<GivenBack>) {
        while let Some((call, limit)) = self.beyond(partition) {
            let Some(waiting) = self.remove(&call) else { return };
            let id = call.split('\0').next().unwrap_or_default();
            let fault = Fault::new(
                RejectReason::Unpaired,
                format!(
                    "the {} of call {} did not come within {limit}; let the logger send both (`mode: all`), or raise the limit",
                    waiting.half.other_name(),
                    quote(id)
                ),
            );
            given_back.push(GivenBack {
                record: waiting.record,
                reject: fault.at(0),
            });
        }
    }

    /// What waits, in the order in which it came.
    pub(super) fn halves(&self) -> Halves {
        let mut waiting: Vec<&Waiting> = self.waiting.values().collect();
        waiting.sort_unstable_by_key(|waiting| waiting.place.1);
        Halves {
            newest_ms: self.newest_ms.clone(),
            records: waiting
                .into_iter()
                .map(|waiting| waiting.record.clone())
                .collect(),
        }
    }

    /// Goes on from what waited, having met nothing itself.
    pub(super) fn resume(&mut self, halves: &Halves) {
        for half in &halves.records {
            half.with(|record| {
                // It was read when it came, so this succeeds again.
                if let Ok(event) = Event::read(record) {
                    let time_ms = Self::time_ms(&event, record);
                    self.keep(event.call(), event.half, time_ms, record);
                }
            });
        }
        self.newest_ms.clone_from(&halves.newest_ms);
    }

    /// How many wait, and their bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.waiting.len(), self.bytes)
    }
}
