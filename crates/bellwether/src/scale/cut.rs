//! From a batch of records to messages of the evidence topic.

use super::message::{Content, Label, Message, Part, Record, Rows};
use crate::wire::{Decoded, OfMessage};
use bellwether_ingest::{Batch, RawMessage, TopicPartition, Topics};
use bellwether_monitor::Evidence;
use std::collections::{BTreeMap, BTreeSet};

/// A part ends at this many bytes of rows and labels, and so does a message: well below the largest that brokers take unless
/// told otherwise, which is 1 MiB.
const BYTES: usize = 256 << 10;

/// Cuts what a batch came to into messages, those of one partition in order.
pub(crate) struct Cutter<'a> {
    pub(crate) topics: &'a Topics,
    /// Identity of the reference that rows were scored against.
    pub(crate) reference: &'a str,
    pub(crate) batch: &'a Batch,
    pub(crate) decoded: &'a Decoded,
    /// Appends the evidence of a row of the decoded observations.
    pub(crate) write_row: &'a dyn Fn(usize, &mut Vec<u8>),
    /// Appends what one of the decoded events says that are beside the observations.
    pub(crate) write_encoder_event: &'a dyn Fn(usize, &mut Vec<u8>),
}

/// Parts of one partition on their way into a message.
#[derive(Default)]
struct Gathered<'a> {
    parts: Vec<Part<'a>>,
    bytes: usize,
}

impl<'a> Cutter<'a> {
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        // What is refused in a record is the judge's business, with all that is in the record.
        let refused: BTreeSet<usize> = self.decoded.rejects.iter().map(|(at, ..)| *at).collect();
        let mut gathered: BTreeMap<TopicPartition, Gathered<'a>> = BTreeMap::new();
        let mut messages = Vec::new();
        let records = self.batch.messages.iter().zip(&self.decoded.of_message);
        for (at, (message, of_message)) in records.enumerate() {
            let of_partition = gathered.entry(message.partition).or_default();
            let mut add = |part: Part<'a>, bytes: usize| {
                of_partition.parts.push(part);
                of_partition.bytes += bytes;
                if of_partition.bytes >= BYTES {
                    messages.push(self.message(message.partition, std::mem::take(of_partition)));
                }
            };
            if of_message.is_half || refused.contains(&at) {
                add(whole(message), message.payload.len());
            } else {
                self.scored(message.offset, of_message, &mut add);
            }
        }
        for (partition, rest) in gathered {
            if !rest.parts.is_empty() {
                messages.push(self.message(partition, rest));
            }
        }
        messages
    }

    fn message(&self, partition: TopicPartition, gathered: Gathered<'_>) -> Vec<u8> {
        let rows = Rows {
            topic: self.topics.name(partition.kind).unwrap_or_default().into(),
            partition: partition.partition,
            reference: self.reference.into(),
            version: Evidence::FORMAT_VERSION,
            parts: gathered.parts,
        };
        Message::Rows(rows).to_bytes()
    }

    fn scored(&self, offset: i64, of_message: &OfMessage, add: &mut impl FnMut(Part<'a>, usize)) {
        let mut number = 0;
        let (mut rows, mut labels, mut label_bytes) = (Vec::new(), Vec::new(), 0);
        let part = |number, is_last, rows: Vec<u8>, labels| Part {
            offset,
            number,
            is_last,
            event_time_ms: of_message.event_time_ms,
            content: Content::Scored {
                rows: rows.into(),
                labels,
            },
        };
        for row in of_message.observations.clone() {
            if rows.len() >= BYTES {
                let full = std::mem::take(&mut rows);
                let bytes = full.len();
                add(part(number, false, full, Vec::new()), bytes);
                number += 1;
            }
            (self.write_row)(row, &mut rows);
        }
        for event in of_message.encoder_events.clone() {
            (self.write_encoder_event)(event, &mut rows);
        }
        for label in &self.decoded.labels[of_message.labels.clone()] {
            if rows.len() + label_bytes >= BYTES {
                let bytes = rows.len() + std::mem::take(&mut label_bytes);
                let full = part(
                    number,
                    false,
                    std::mem::take(&mut rows),
                    std::mem::take(&mut labels),
                );
                add(full, bytes);
                number += 1;
            }
            label_bytes += label.event_id.len() + label.label.len() + size_of::<i64>();
            labels.push(Label::of(label));
        }
        let bytes = rows.len() + label_bytes;
        add(part(number, true, rows, labels), bytes);
    }
}

fn whole(message: &RawMessage) -> Part<'_> {
    Part {
        offset: message.offset,
        number: 0,
        is_last: true,
        event_time_ms: None,
        content: Content::Record(Record::of(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Payloads;
    use crate::wire::WireDecoder;
    use bellwether_events::ModelSchema;
    use bellwether_ingest::{Config, TopicKind};

    /// Characters of an event id.
    const WIDTH: usize = 1000;

    /// One record with so many labels.
    fn labels(offset: i64, labels: usize) -> RawMessage {
        let line = |number| {
            format!("{{\"event_id\": \"{number:0>WIDTH$}\", \"timestamp\": {number}, \"label\": \"a\"}}")
        };
        let payload = (0..labels).map(line).collect::<Vec<_>>().join("\n");
        let partition = TopicPartition {
            kind: TopicKind::Labels,
            partition: 1,
        };
        RawMessage::new(partition, offset, payload.into_bytes().into())
    }

    fn cut(messages: Vec<RawMessage>) -> Vec<Vec<u8>> {
        let topics = Topics::new(&Config {
            labels_topic: Some("labels".to_owned()),
            ..Config::default()
        });
        let tasks = r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]}}"#;
        let schema = ModelSchema::from_json(tasks, 2).expect("a schema");
        let mut decoder = WireDecoder::new(&Payloads::default(), &topics).expect("no registry");
        let batch = Batch {
            messages,
            ..Batch::default()
        };
        let decoded = decoder.decode(&schema, &batch).expect("no registry");
        let cutter = Cutter {
            topics: &topics,
            reference: "one",
            batch: &batch,
            decoded: &decoded,
            write_row: &|_, _| unreachable!("there are no observations"),
            write_encoder_event: &|_, _| unreachable!("there are no canaries"),
        };
        cutter.messages()
    }

    /// Offset, number, whether it is the last, and labels of each part.
    fn parts(messages: &[Vec<u8>]) -> Vec<(i64, u32, bool, usize)> {
        let mut parts = Vec::new();
        for message in messages {
            let Ok(Message::Rows(rows)) = Message::from_bytes(message) else {
                panic!("rows")
            };
            assert_eq!((&*rows.topic, rows.partition), ("labels", 1));
            parts.extend(rows.parts.iter().map(|part| {
                let labels = match &part.content {
                    Content::Scored { labels, .. } => labels.len(),
                    Content::Record(_) => 0,
                };
                (part.offset, part.number, part.is_last, labels)
            }));
        }
        parts
    }

    #[test]
    fn a_large_record_is_cut_where_it_would_be_cut_alone() {
        let alone = cut(vec![labels(7, 600)]);
        assert!(alone.iter().all(|message| message.len() < 2 * BYTES));
        let of_large = parts(&alone);
        assert!(of_large.len() > 2, "{of_large:?}");
        for (at, &(offset, number, is_last, _)) in of_large.iter().enumerate() {
            let expected = (7, at, at + 1 == of_large.len());
            assert_eq!((offset, number as usize, is_last), expected);
        }
        assert_eq!(of_large.iter().map(|part| part.3).sum::<usize>(), 600);
        let among_others = parts(&cut(vec![labels(6, 3), labels(7, 600), labels(8, 1)]));
        assert_eq!(among_others.first(), Some(&(6, 0, true, 3)));
        assert_eq!(among_others[1..=of_large.len()], of_large);
        assert_eq!(among_others.last(), Some(&(8, 0, true, 1)));
    }

    #[test]
    fn a_record_in_which_something_is_refused_goes_as_it_came() {
        let mut broken = labels(5, 2);
        broken.payload = [&broken.payload[..], b"\n{"].concat().into();
        let messages = cut(vec![broken.clone()]);
        let Ok(Message::Rows(rows)) = Message::from_bytes(&messages[0]) else {
            panic!("rows")
        };
        let [
            Part {
                content: Content::Record(record),
                ..
            },
        ] = &rows.parts[..]
        else {
            panic!("one record")
        };
        let again = record.to_message(broken.partition, 5);
        assert_eq!(again.payload, broken.payload);
    }
}
