//! Reading a stretch of topics that is known beforehand, beside the live consumer.
//!
//! Partitions are assigned, never subscribed to: no group is joined, nothing is committed, and who is live is not
//! touched. The end is fixed when the reader opens, so that reading a topic that is written to comes to an end.

mod bound;
mod client;
mod probe;

pub use bound::Bound;

use crate::batch::RawMessage;
use crate::config::Config;
use crate::error::Error;
use crate::place::Place;
use crate::position::{NextOffset, TopicPartition};
use bound::{Ends, Stretch};
use client::{RangeClient, RangeEvents, client};
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for an answer about topics and offsets.
const ANSWER: Duration = Duration::from_secs(30);
/// Without a record for this long, with records still to come, the brokers count as away.
const STALL: Duration = Duration::from_secs(60);
/// Between looks at queues that are empty.
const PAUSE: Duration = Duration::from_millis(2);
/// Records taken from one partition before the next has its turn.
const TURN: usize = 128;

/// A record as it is stored in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Where it stands.
    pub place: Place,
    /// Its Kafka timestamp in milliseconds since the epoch, if it has one.
    pub timestamp_ms: Option<i64>,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value; empty for a record without one.
    pub payload: Vec<u8>,
    /// Its headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl StoredRecord {
    fn new(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers();
        Self {
            place: Place {
                topic: message.topic().to_owned(),
                partition: message.partition(),
                offset: message.offset(),
            },
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().unwrap_or_default().to_vec(),
            headers: headers.map_or_else(Vec::new, |headers| {
                headers
                    .iter()
                    .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
                    .collect()
            }),
        }
    }
}

impl StoredRecord {
    /// The record as a consumer would have delivered it from this partition.
    #[must_use]
    pub fn into_message(self, partition: TopicPartition) -> RawMessage {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()));
        let message = RawMessage::new(partition, self.place.offset, self.payload.into());
        let mut message = message.with_headers(headers);
        message.key = self.key.map(Into::into);
        message.timestamp_ms = self.timestamp_ms;
        message
    }
}

/// A partition that is being read.
struct Part {
    stretch: Stretch,
    queue: PartitionQueue<RangeEvents>,
    next: i64,
    done: bool,
    held: bool,
    /// We may not read it, and asking again does not help.
    refused: Option<KafkaError>,
}

/// Reads every partition of some topics from one bound to another. Its calls block.
pub struct RangeReader {
    parts: Vec<Part>,
    turn: usize,
    client: Arc<RangeClient>,
}

impl RangeReader {
    /// Finds where to begin and end in every partition of the topics, and starts to fetch. Blocks.
    ///
    /// # Errors
    /// [`Error::ReservedProperty`], [`Error::BadProperty`], [`Error::Client`], [`Error::Metadata`],
    /// [`Error::NoSuchTopic`], [`Error::NoSuchPartition`], [`Error::Subscribe`].
    pub fn open(config: &Config, topics: &[&str], from: &Bound, to: &Bound) -> Result<Self, Error> {
        let client = client(config)?;
        let ends = Ends::of(&client, topics)?;
        let stretches = bound::stretches(&client, &ends, from, to)?;
        Self::start(client, stretches)
    }

    /// The offset that is written next in every partition of a topic; nothing for a topic that does not exist. Blocks.
    ///
    /// # Errors
    /// [`Error::ReservedProperty`], [`Error::BadProperty`], [`Error::Client`], [`Error::Metadata`].
    pub fn ends(config: &Config, topic: &str) -> Result<BTreeMap<i32, NextOffset>, Error> {
        let client = client(config)?;
        match Ends::of(&client, &[topic]) {
            Ok(ends) => Ok(ends.next_offsets().collect()),
            Err(Error::NoSuchTopic { .. }) => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    /// The record at a place; none where there is none or none any more. Blocks.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`next_records`](Self::next_records).
    pub fn record(config: &Config, place: &Place) -> Result<Option<StoredRecord>, Error> {
        let client = client(config)?;
        let ends = Ends::of(&client, &[&place.topic])?;
        let offsets = place.offset..place.offset.saturating_add(1);
        let stretch = bound::stretch_of(&ends, &place.topic, place.partition, &offsets)?;
        let mut records = Self::start(client, vec![stretch])?.next_records(1)?;
        Ok(records.pop().filter(|record| record.place == *place))
    }

    /// All records of one partition from one offset to another, which is not part of it; less where some are gone. Blocks.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`next_records`](Self::next_records).
    pub fn stretch(
        config: &Config,
        (topic, partition, offsets): (&str, i32, Range<i64>),
    ) -> Result<Vec<StoredRecord>, Error> {
        let client = client(config)?;
        let ends = Ends::of(&client, &[topic])?;
        let stretch = bound::stretch_of(&ends, topic, partition, &offsets)?;
        let mut reader = Self::start(client, vec![stretch])?;
        let mut records = Vec::new();
        loop {
            let some = reader.next_records(TURN)?;
            if some.is_empty() {
                return Ok(records);
            }
            records.extend(some);
        }
    }

    fn start(client: Arc<RangeClient>, stretches: Vec<Stretch>) -> Result<Self, Error> {
        let mut list = TopicPartitionList::new();
        let mut parts = Vec::with_capacity(stretches.len());
        for stretch in stretches
            .into_iter()
            .filter(|stretch| stretch.start < stretch.end)
        {
            let begin = Offset::Offset(stretch.start);
            list.add_partition_offset(&stretch.topic, stretch.partition, begin)
                .map_err(|source| subscribe(&stretch.topic, source))?;
            // Each its own queue, before it is assigned: an end of partition says through it whose end it is.
            let queue = client
                .split_partition_queue(&stretch.topic, stretch.partition)
                .ok_or(Error::Interrupted)?;
            parts.push(Part {
                next: stretch.start,
                stretch,
                queue,
                done: false,
                held: false,
                refused: None,
            });
        }
        let all = || {
            parts
                .iter()
                .map(|part| part.stretch.topic.as_str())
                .collect::<BTreeSet<_>>()
        };
        client
            .assign(&list)
            .map_err(|source| subscribe(&Vec::from_iter(all()).join(", "), source))?;
        Ok(Self {
            parts,
            turn: 0,
            client,
        })
    }

    /// The partitions that have anything to read, by topic and number.
    pub fn partitions(&self) -> impl Iterator<Item = (&str, i32)> {
        let of = |part: &'_ Part| part.stretch.partition;
        self.parts
            .iter()
            .map(move |part| (part.stretch.topic.as_str(), of(part)))
    }

    /// Those of them that are read to their end.
    pub fn finished(&self) -> impl Iterator<Item = (&str, i32)> {
        self.parts
            .iter()
            .filter(|part| part.done)
            .map(|part| (part.stretch.topic.as_str(), part.stretch.partition))
    }

    /// Offsets between the bounds: at least as many as there are records.
    #[must_use]
    pub fn total(&self) -> u64 {
        let lengths = self
            .parts
            .iter()
            .map(|part| part.stretch.end - part.stretch.start);
        lengths.map(i64::unsigned_abs).sum()
    }

    /// From here on these partitions deliver nothing, and all others do.
    pub fn hold(&mut self, held: impl Fn(&str, i32) -> bool) {
        for part in &mut self.parts {
            part.held = held(&part.stretch.topic, part.stretch.partition);
        }
    }

    /// Some records, at most `most`; none where every partition is at its end. Blocks until there is one.
    ///
    /// Within a partition they are in order of offset.
    ///
    /// # Errors
    /// [`Error::Stalled`] when nothing came for a minute; [`Error::Read`] when a topic may not be read; [`Error::Fatal`] when the client cannot go on.
    pub fn next_records(&mut self, most: usize) -> Result<Vec<StoredRecord>, Error> {
        let mut records = Vec::new();
        let mut last_progress = (Instant::now(), self.passed());
        loop {
            self.serve_callbacks()?;
            if self.parts.iter().all(|part| part.done) {
                return Ok(records);
            }
            self.fill(&mut records, most);
            if let Some(refused) = self.parts.iter_mut().find(|part| part.refused.is_some()) {
                return Err(refused.refusal());
            }
            if !records.is_empty() {
                return Ok(records);
            }
            if self.passed() > last_progress.1 {
                last_progress = (Instant::now(), self.passed());
            } else if last_progress.0.elapsed() >= STALL {
                return Err(self.stalled());
            } else {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Grows with every record and with every end of a partition.
    fn passed(&self) -> u64 {
        let of = |part: &Part| (part.next - part.stretch.start).unsigned_abs() + u64::from(part.done);
        self.parts.iter().map(of).sum()
    }

    fn fill(&mut self, records: &mut Vec<StoredRecord>, most: usize) {
        // Were all held, nothing would ever go on.
        let all_held = self.parts.iter().all(|part| part.done || part.held);
        for _ in 0..self.parts.len() {
            self.turn = (self.turn + 1) % self.parts.len();
            let part = &mut self.parts[self.turn];
            if part.held && !all_held {
                continue;
            }
            let room = most.saturating_sub(records.len()).min(TURN);
            part.take(records, room);
        }
    }

    fn serve_callbacks(&self) -> Result<(), Error> {
        while let Some(polled) = self.client.poll(Duration::ZERO) {
            if let Err(KafkaError::MessageConsumptionFatal(code)) = polled {
                return Err(Error::Fatal {
                    reason: code.to_string(),
                });
            }
        }
        Ok(())
    }

    fn stalled(&self) -> Error {
        let waiting = self.parts.iter().find(|part| !part.done);
        let fault = self.client.context().last_fault();
        Error::Stalled {
            place: waiting.map_or_else(String::new, |part| part.place().to_string()),
            reason: fault.map_or_else(
                || "the brokers say nothing".to_owned(),
                |fault| format!("{}: {}", fault.code, fault.reason),
            ),
        }
    }
}

impl Part {
    /// The record that comes next.
    fn place(&self) -> Place {
        Place {
            topic: self.stretch.topic.clone(),
            partition: self.stretch.partition,
            offset: self.next,
        }
    }

    fn refusal(&mut self) -> Error {
        let place = self.place().to_string();
        match self.refused.take() {
            Some(source) => Error::Read { place, source },
            None => Error::Interrupted,
        }
    }

    /// Takes up to `most` records that lie between the bounds.
    fn take(&mut self, records: &mut Vec<StoredRecord>, most: usize) {
        for _ in 0..most {
            if self.done {
                return;
            }
            match self.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    self.next = message.offset() + 1;
                    let time = message.timestamp().to_millis();
                    let over = message.offset() >= self.stretch.end || self.stretch.stops_at(time);
                    if !over && !self.stretch.is_before(time) {
                        records.push(StoredRecord::new(&message));
                    }
                    self.done = over || self.next >= self.stretch.end;
                }
                // What lies between here and the end was compacted away or is not a record.
                Some(Err(KafkaError::PartitionEOF(_))) => self.done = true,
                Some(Err(error)) => {
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
                        self.refused = Some(error);
                        return;
                    }
                }
                None => return,
            }
        }
    }
}

impl fmt::Debug for RangeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stretches = self.parts.iter().map(|part| &part.stretch);
        f.debug_list().entries(stretches).finish()
    }
}

fn subscribe(topics: &str, source: KafkaError) -> Error {
    Error::Subscribe {
        topics: topics.to_owned(),
        source,
    }
}
