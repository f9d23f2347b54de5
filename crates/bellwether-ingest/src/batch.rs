//! A batch of raw records, and how one is put together without an allocation a record.

use crate::headers::{self, Headers};
use crate::position::{NextOffset, TopicPartition};
use bytes::{Bytes, BytesMut};
use rdkafka::message::{BorrowedMessage, Headers as _, Message};
use std::ops::Range;

/// Records and changes of the assignment, in the order to take them: events first, then messages.
///
/// Within a partition messages are in order of offset. Messages of a partition that was revoked while the batch was put
/// together are not in it: its new owner reads them.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// What happened to partitions.
    pub events: Vec<PartitionEvent>,
    /// The records.
    pub messages: Vec<RawMessage>,
    /// Bytes of payloads, keys and headers together.
    pub size_bytes: usize,
}

impl Batch {
    /// Whether it holds neither events nor messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.messages.is_empty()
    }

    /// Adds a later batch. Messages of partitions that it says were revoked go, as their new owner reads them.
    pub fn append(&mut self, later: Self) {
        for event in &later.events {
            if let PartitionEvent::Revoked(revoked) = event {
                self.messages
                    .retain(|message| !revoked.contains(&message.partition));
            }
        }
        self.events.extend(later.events);
        self.messages.extend(later.messages);
        self.size_bytes += later.size_bytes;
    }
}

/// Something that happened to partitions of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionEvent {
    /// They are ours from here on.
    Assigned(Vec<TopicPartition>),
    /// They are no longer ours: forget them, commit nothing for them.
    Revoked(Vec<TopicPartition>),
    /// The partition was read to its end.
    EndReached {
        /// Which partition.
        partition: TopicPartition,
        /// The next offset at the end; `None` if nothing was delivered since the assignment.
        next_offset: Option<NextOffset>,
    },
}

/// One record as it came from the broker.
///
/// The bytes of all records of a batch share one buffer: a message that is kept for long keeps all of it in memory.
#[derive(Debug, Clone)]
pub struct RawMessage {
    /// Where it was read.
    pub partition: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// The record's Kafka timestamp in milliseconds since the epoch, if it has one.
    pub timestamp_ms: Option<i64>,
    /// Its key, if it has one.
    pub key: Option<Bytes>,
    /// Its value; empty for a record without one.
    pub payload: Bytes,
    headers: Headers,
}

impl RawMessage {
    /// A message made by hand, as tests need it.
    #[must_use]
    pub fn new(partition: TopicPartition, offset: i64, payload: Bytes) -> Self {
        Self {
            partition,
            offset,
            timestamp_ms: None,
            key: None,
            payload,
            headers: Headers::default(),
        }
    }

    /// The same message with these headers.
    #[must_use]
    pub fn with_headers<'h>(mut self, headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Self {
        let mut block = BytesMut::new();
        for (name, value) in headers {
            headers::append(&mut block, 0, name, value);
        }
        self.headers = Headers::new(block.freeze());
        self
    }

    /// Its headers, in order. Of a record with more than 64 KiB of them, those that fit.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter()
    }

    /// The header `content-type`, if it is present and text.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        let found = self
            .headers()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }
}

/// Collects records into one buffer until a bound is met.
#[derive(Debug)]
pub(crate) struct BatchBuilder {
    max_records: usize,
    max_bytes: usize,
    events: Vec<PartitionEvent>,
    entries: Vec<Entry>,
    buffer: BytesMut,
}

/// A record whose bytes are ranges of the buffer.
#[derive(Debug)]
struct Entry {
    partition: TopicPartition,
    offset: i64,
    timestamp_ms: Option<i64>,
    key: Option<Range<usize>>,
    payload: Range<usize>,
    headers: Range<usize>,
}

impl BatchBuilder {
    pub(crate) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self {
            max_records: max_records.max(1),
            max_bytes,
            events: Vec::new(),
            entries: Vec::new(),
            buffer: BytesMut::new(),
        }
    }

    /// Whether the next record belongs to the next batch. A batch always takes one record, whatever its size.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.max_records
            || (!self.entries.is_empty() && self.buffer.len() >= self.max_bytes)
    }

    pub(crate) fn push_event(&mut self, event: PartitionEvent) {
        self.events.push(event);
    }

    pub(crate) fn push_message(&mut self, partition: TopicPartition, message: &BorrowedMessage<'_>) {
        let entry = Entry {
            partition,
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key().map(|key| self.append(key)),
            payload: self.append(message.payload().unwrap_or_default()),
            headers: self.append_headers(message),
        };
        self.entries.push(entry);
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        start..self.buffer.len()
    }

    fn append_headers(&mut self, message: &BorrowedMessage<'_>) -> Range<usize> {
        let start = self.buffer.len();
        for header in message.headers().iter().flat_map(|headers| headers.iter()) {
            headers::append(
                &mut self.buffer,
                start,
                header.key,
                header.value.unwrap_or_default(),
            );
        }
        start..self.buffer.len()
    }

    /// Takes the records of partitions that are no longer ours out again.
    pub(crate) fn forget(&mut self, revoked: &[TopicPartition]) {
        self.entries.retain(|entry| !revoked.contains(&entry.partition));
        let gone = |event: &PartitionEvent| matches!(event, PartitionEvent::EndReached { partition, .. } if revoked.contains(partition));
        self.events.retain(|event| !gone(event));
    }

    /// Hands out what was collected and starts anew.
    pub(crate) fn finish(&mut self) -> Batch {
        let buffer = self.buffer.split().freeze();
        let messages = self.entries.drain(..).map(|entry| RawMessage {
            partition: entry.partition,
            offset: entry.offset,
            timestamp_ms: entry.timestamp_ms,
            key: entry.key.map(|range| buffer.slice(range)),
            payload: buffer.slice(entry.payload),
            headers: Headers::new(buffer.slice(entry.headers)),
        });
        Batch {
            messages: messages.collect(),
            events: std::mem::take(&mut self.events),
            size_bytes: buffer.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::TopicKind;

    #[test]
    fn a_later_batch_takes_along_what_was_revoked() {
        let partition = |partition| TopicPartition {
            kind: TopicKind::Observations,
            partition,
        };
        let batch = |messages: &[(i32, i64)], events| Batch {
            messages: messages
                .iter()
                .map(|(of, offset)| RawMessage::new(partition(*of), *offset, Bytes::new()))
                .collect(),
            events,
            size_bytes: 1,
        };
        let mut first = batch(&[(0, 1), (1, 1), (0, 2)], Vec::new());
        let revoked = PartitionEvent::Revoked(vec![partition(0)]);
        first.append(batch(&[(0, 1), (2, 5)], vec![revoked.clone()]));
        let left: Vec<(i32, i64)> = first
            .messages
            .iter()
            .map(|message| (message.partition.partition, message.offset))
            .collect();
        assert_eq!(
            left,
            [(1, 1), (0, 1), (2, 5)],
            "partition 0 came back and is read anew"
        );
        assert_eq!((first.events, first.size_bytes), (vec![revoked], 2));
    }

    #[test]
    fn headers_of_a_message_are_found_by_name() {
        let message = RawMessage::new(
            TopicPartition {
                kind: TopicKind::Labels,
                partition: 0,
            },
            0,
            Bytes::new(),
        )
        .with_headers([("ce_id", &b"1"[..]), ("Content-Type", b"application/json")]);
        assert_eq!(message.content_type(), Some("application/json"));
        assert_eq!(message.headers().next(), Some(("ce_id", &b"1"[..])));
    }
}
