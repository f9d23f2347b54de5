//! From bounds as a user says them to offsets of every partition.

use super::{ANSWER, RangeClient, probe};
use crate::error::Error;
use crate::position::NextOffset;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::Range;

/// Where a stretch begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// The oldest record that is kept.
    Earliest,
    /// The end, as it is when the reader opens.
    Latest,
    /// In each partition the first record whose Kafka timestamp, in milliseconds since the epoch, is this or newer.
    Time(i64),
    /// Offsets by topic and partition; others are read from their oldest record, or to their end.
    Offsets(BTreeMap<(String, i32), i64>),
}

/// What one partition is read from and to: the end is not part of it.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Records before this time are passed over until the first that is not: for brokers that know no times.
    skip_before_ms: Option<i64>,
    /// The first record of this time or newer is the end.
    stop_at_ms: Option<i64>,
}

impl Stretch {
    pub(super) fn stops_at(&self, time_ms: Option<i64>) -> bool {
        matches!((self.stop_at_ms, time_ms), (Some(stop), Some(time)) if time >= stop)
    }

    /// Whether the record is before the first of the time that is looked for.
    pub(super) fn is_before(&mut self, time_ms: Option<i64>) -> bool {
        let before = matches!((self.skip_before_ms, time_ms), (Some(from), Some(time)) if time < from);
        if !before {
            self.skip_before_ms = None;
        }
        before
    }
}

/// The partitions of the topics, each with its oldest offset and the offset that is written next.
pub(super) struct Ends(BTreeMap<(String, i32), (i64, i64)>);

impl Ends {
    pub(super) fn of(client: &RangeClient, topics: &[&str]) -> Result<Self, Error> {
        let mut ends = BTreeMap::new();
        for &topic in topics {
            let failed = |source| Error::Metadata {
                topic: topic.to_owned(),
                source,
            };
            let metadata = client.fetch_metadata(Some(topic), ANSWER).map_err(failed)?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            let missing = || Error::NoSuchTopic {
                topic: topic.to_owned(),
            };
            let found = found.ok_or_else(missing)?;
            match found.error().map(RDKafkaErrorCode::from) {
                None => {}
                Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                    return Err(missing());
                }
                // Not to be allowed to read is not that there is nothing.
                Some(code) => return Err(failed(KafkaError::MetadataFetch(code))),
            }
            if found.partitions().is_empty() {
                return Err(missing());
            }
            for partition in found.partitions() {
                let marks = client
                    .fetch_watermarks(topic, partition.id(), ANSWER)
                    .map_err(failed)?;
                ends.insert((topic.to_owned(), partition.id()), marks);
            }
        }
        Ok(Self(ends))
    }
}

impl Ends {
    /// By partition, where one topic was asked for.
    pub(super) fn next_offsets(&self) -> impl Iterator<Item = (i32, NextOffset)> {
        self.0
            .iter()
            .map(|((_, partition), (_, high))| (*partition, NextOffset(*high)))
    }
}

/// The stretch of every partition.
pub(super) fn stretches(
    client: &RangeClient,
    ends: &Ends,
    from: &Bound,
    to: &Bound,
) -> Result<Vec<Stretch>, Error> {
    for bound in [from, to] {
        if let Bound::Offsets(offsets) = bound {
            let unknown = offsets.keys().find(|named| !ends.0.contains_key(*named));
            if let Some((topic, partition)) = unknown {
                return Err(Error::NoSuchPartition {
                    topic: topic.clone(),
                    partition: *partition,
                });
            }
        }
    }
    let first_from = times(client, ends, from)?;
    let first_to = times(client, ends, to)?;
    let mut out = Vec::with_capacity(ends.0.len());
    for (at, &(low, high)) in &ends.0 {
        let mut skip_before_ms = None;
        let start = match from {
            Bound::Earliest => low,
            Bound::Latest => high,
            Bound::Offsets(offsets) => offsets.get(at).copied().unwrap_or(low),
            Bound::Time(ms) => match first_from.get(at) {
                Some(&offset) => offset,
                None if probe::last_is_at_or_after(client, at, (low, high), *ms)? => {
                    skip_before_ms = Some(*ms);
                    low
                }
                None => high,
            },
        };
        let mut stop_at_ms = None;
        let end = match to {
            Bound::Earliest => low,
            Bound::Latest => high,
            Bound::Offsets(offsets) => offsets.get(at).copied().unwrap_or(high),
            Bound::Time(ms) => first_to.get(at).copied().unwrap_or_else(|| {
                stop_at_ms = Some(*ms);
                high
            }),
        };
        out.push(Stretch {
            topic: at.0.clone(),
            partition: at.1,
            start: start.clamp(low, high),
            end: end.clamp(low, high),
            skip_before_ms,
            stop_at_ms,
        });
    }
    Ok(out)
}

/// One stretch of one partition.
pub(super) fn stretch_of(
    ends: &Ends,
    topic: &str,
    partition: i32,
    offsets: &Range<i64>,
) -> Result<Stretch, Error> {
    let at = (topic.to_owned(), partition);
    let Some(&(low, high)) = ends.0.get(&at) else {
        return Err(Error::NoSuchPartition {
            topic: at.0,
            partition: at.1,
        });
    };
    Ok(Stretch {
        topic: at.0,
        partition: at.1,
        start: offsets.start.clamp(low, high),
        end: offsets.end.clamp(low, high),
        skip_before_ms: None,
        stop_at_ms: None,
    })
}

/// By partition the first record of a time; partitions for which the brokers name none are left out.
fn times(client: &RangeClient, ends: &Ends, bound: &Bound) -> Result<BTreeMap<(String, i32), i64>, Error> {
    let Bound::Time(ms) = *bound else {
        return Ok(BTreeMap::new());
    };
    let failed = |source: KafkaError| {
        let mut topics: Vec<&str> = ends.0.keys().map(|(topic, _)| topic.as_str()).collect();
        topics.dedup();
        Error::Metadata {
            topic: topics.join(", "),
            source,
        }
    };
    let mut list = TopicPartitionList::with_capacity(ends.0.len());
    for (topic, partition) in ends.0.keys() {
        // Negative times mean ends and beginnings to the protocol.
        list.add_partition_offset(topic, *partition, Offset::Offset(ms.max(0)))
            .map_err(failed)?;
    }
    let found = client.offsets_for_times(list, ANSWER).map_err(failed)?;
    let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let at = (element.topic().to_owned(), element.partition());
        match element.offset() {
            Offset::Offset(offset) => Some((at, offset)),
            _ => None,
        }
    };
    Ok(found.elements().iter().filter_map(offset).collect())
}
