//! The judge's feed: all evidence, in the order of its log.

use super::attendance::{Attendance, LogClock};
use super::control::HoldTeller;
use super::member::Shown;
use super::message::{Content, Label, Message, MessageError, Part, Rows};
use super::{LOG, PARTITION, cannot_read, reader_of};
use crate::config::Payloads;
use crate::failure::Failure;
use crate::feed::{Delivered, Feed, REGISTRY_PAUSE, cannot_go_on, decoder, show_consumer};
use crate::patience::until_answered;
use crate::pipeline::SourceMetrics;
use crate::state::{Bookmark, EvidencePlace, SourcePlace};
use crate::wire::{Decoded, WireDecoder};
use bellwether_events::{LabelBatch, ModelSchema};
use bellwether_ingest::{
    Batch, Config, Consumer, NextOffset, Others, RangeReader, RawMessage, TopicPartition, Topics,
};
use bellwether_monitor::{Evidence, Reference};
use bellwether_payloads::Halves;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Reads the evidence topic.
#[derive(Debug)]
pub(super) struct EvidenceFeed {
    config: Config,
    topic: String,
    topics: Topics,
    consumer: Consumer,
    /// What `consumer` reads.
    read: Topics,
    /// Of records that scorers passed on as they came.
    decoder: WireDecoder,
    clock: LogClock,
    attendance: Attendance,
    holds: HoldTeller,
    /// The offset of the log that is read next; `None` before the first.
    next: Option<NextOffset>,
    /// What of each source partition is taken next: offset and part.
    expected: BTreeMap<TopicPartition, (i64, u32)>,
    schema_fetches_failed: u64,
    shown: Arc<Shown>,
}

impl EvidenceFeed {
    /// Reads on where the bookmark says. Waits for brokers to name the partitions of all topics.
    pub(super) async fn start(
        config: &Config,
        topic: &str,
        payloads: &Payloads,
        bookmark: &Bookmark,
        shown: Arc<Shown>,
    ) -> Result<Self, Failure> {
        let topics = Topics::new(config);
        let mut decoder = decoder(payloads, &topics)?;
        if let Some(halves) = &bookmark.halves {
            decoder.resume(halves);
        }
        let place = bookmark.evidence.as_ref().filter(|place| place.topic == topic);
        let next = place.map(|place| place.next);
        let beginning: BTreeMap<_, _> = next.map(|next| (LOG, next)).into_iter().collect();
        let reader = reader_of(config, topic);
        let consumer = until_answered("find the evidence topic", || {
            Consumer::start_from(&reader, beginning.clone(), Others::Oldest)
        });
        let consumer = consumer.await;
        // Of a state that was kept by an instance of its own: the log is read from its beginning, what was read before is passed.
        let mut expected: BTreeMap<_, _> = bookmark
            .progress(&topics)
            .into_iter()
            .map(|(partition, progress)| (partition, (progress.delivered.0, 0)))
            .collect();
        for source in place.iter().flat_map(|place| &place.sources) {
            if let Some(partition) = topics.partition(&source.topic, source.partition) {
                expected.insert(partition, (source.offset, source.part));
            }
        }
        let base = Instant::now();
        Ok(Self {
            consumer: consumer.map_err(|error| cannot_read(topic, &error))?,
            attendance: Attendance::new(partitions(config, &topics).await?),
            holds: HoldTeller::new(config, topic)?,
            clock: LogClock::start(base),
            read: Topics::new(&reader),
            config: config.clone(),
            topic: topic.to_owned(),
            topics,
            decoder,
            next,
            expected,
            schema_fetches_failed: 0,
            shown,
        })
    }

    /// Takes the parts of a message that were not taken before.
    fn take<'a>(
        &mut self,
        rows: Rows<'a>,
        reference: &Reference,
        taken: &mut Taken<'a>,
    ) -> Result<(), Failure> {
        let Some(partition) = self.topics.partition(&rows.topic, rows.partition) else {
            // Of a topic that is not configured any more.
            return Ok(());
        };
        self.attendance.heard_of(partition, self.clock.now());
        let is_ours = rows.reference == reference.manifest().id && rows.version == Evidence::FORMAT_VERSION;
        let expected = self.expected.entry(partition).or_insert((0, 0));
        let mut others = Vec::new();
        for part in rows.parts {
            if (part.offset, part.number) < *expected {
                continue;
            }
            *expected = if part.is_last || !is_ours {
                (part.offset + 1, 0)
            } else {
                (part.offset, part.number + 1)
            };
            if is_ours {
                taken.part(partition, part);
            } else {
                others.push(part.offset);
            }
        }
        if let (Some(&first), Some(&last)) = (others.first(), others.last()) {
            // As while instances are given a new reference one after the other.
            tracing::info!(
                topic = %rows.topic, partition = rows.partition, first, last,
                "Evidence of another reference; its records are read again"
            );
            for message in self.read_again(partition, first, last)? {
                taken.record(message);
            }
        }
        Ok(())
    }

    /// The records of a source partition between two offsets, both included, as far as they are still there.
    fn read_again(
        &self,
        partition: TopicPartition,
        first: i64,
        last: i64,
    ) -> Result<Vec<RawMessage>, Failure> {
        let topic = self.topics.name(partition.kind).unwrap_or_default();
        let failed = |error| {
            Failure::at_work(format!(
                "cannot read again {topic}/{} from {first} to {last}, which was scored against another reference",
                partition.partition
            ))
            .because(&error)
        };
        let stretch = (topic, partition.partition, first..last + 1);
        let records = tokio::task::block_in_place(|| RangeReader::stretch(&self.config, stretch));
        let records = records.map_err(failed)?;
        Ok(records
            .into_iter()
            .map(|record| record.into_message(partition))
            .collect())
    }

    /// Decodes the records that were passed on. Waits for a registry that is away.
    async fn decode(&mut self, schema: &ModelSchema, records: &Batch) -> Decoded {
        loop {
            match tokio::task::block_in_place(|| self.decoder.decode(schema, records)) {
                Ok(decoded) => return decoded,
                Err(error) => {
                    tracing::warn!(%error, records = records.messages.len(), "Records wait for their schema; trying again");
                    self.schema_fetches_failed += 1;
                    tokio::time::sleep(REGISTRY_PAUSE).await;
                }
            }
        }
    }

    /// Notes where the log is read, and whether something of it is missing.
    fn pass(&mut self, offset: i64) {
        if let Some(next) = self.next.filter(|next| next.0 < offset) {
            tracing::error!(
                topic = self.topic,
                from = next.0,
                to = offset,
                "Evidence was deleted before it was judged: keep the topic for longer (retention.ms)"
            );
        }
        self.next = Some(NextOffset::after(offset));
    }
}

/// What is taken of a batch of messages.
#[derive(Default)]
struct Taken<'a> {
    rows: Vec<Cow<'a, [u8]>>,
    labels: LabelBatch,
    /// Records that are decoded here.
    records: Batch,
    /// How far each partition was read: with its newest event time, or with the index of the record that has it.
    read: Vec<(TopicPartition, NextOffset, Result<Option<i64>, usize>)>,
}

impl<'a> Taken<'a> {
    fn part(&mut self, partition: TopicPartition, part: Part<'a>) {
        match part.content {
            Content::Scored { rows, labels } => {
                self.rows.push(rows);
                self.labels.extend(labels.into_iter().map(Label::into_row));
                if part.is_last {
                    let next = NextOffset::after(part.offset);
                    self.read.push((partition, next, Ok(part.event_time_ms)));
                }
            }
            Content::Record(record) => self.record(record.to_message(partition, part.offset)),
        }
    }

    fn record(&mut self, message: RawMessage) {
        let next = NextOffset::after(message.offset);
        self.read
            .push((message.partition, next, Err(self.records.messages.len())));
        self.records.size_bytes += message.payload.len();
        self.records.messages.push(message);
    }
}

impl Feed for EvidenceFeed {
    async fn next(&mut self, reference: &Reference) -> Result<Option<Delivered>, Failure> {
        self.holds.tell(Instant::now()).await?;
        let batch = self
            .consumer
            .next_batch()
            .await
            .map_err(|error| cannot_go_on(&error))?;
        let mut taken = Taken::default();
        for message in &batch.messages {
            self.pass(message.offset);
            self.clock.tick(message.timestamp_ms);
            match Message::from_bytes(&message.payload) {
                Ok(Message::Rows(rows)) => self.take(rows, reference, &mut taken)?,
                Ok(Message::Present(present)) => {
                    for present in present {
                        let Some(partition) = present.source.among(&self.topics) else {
                            continue;
                        };
                        self.attendance.heard_of(partition, self.clock.now());
                        if present.at_end {
                            self.attendance.end_of(partition, NextOffset(present.next));
                        }
                    }
                }
                Ok(Message::Hold(_)) => {}
                Err(error @ MessageError::OtherFormat(_)) => {
                    return Err(Failure::at_work(format!(
                        "cannot read the evidence at {}/{PARTITION}/{}",
                        self.topic, message.offset
                    ))
                    .because(&error)
                    .fix("run one version of bellwether in all instances of the group"));
                }
                Err(error @ MessageError::NotOurs) => {
                    tracing::warn!(%error, topic = self.topic, offset = message.offset, "A record of the evidence topic is passed over");
                }
            }
        }
        let decoded = self.decode(reference.schema(), &taken.records).await;
        let evidence = if taken.rows.is_empty() {
            None
        } else {
            let rows = taken.rows.iter().map(|rows| &**rows);
            let read = tokio::task::block_in_place(|| Evidence::read_rows(rows, reference));
            Some(read.map_err(|error| {
                Failure::at_work(format!("cannot use the evidence in {}", self.topic))
                    .because(&error)
                    .fix("let nothing but bellwether write to the topic")
            })?)
        };
        let refused = decoded.refused(&taken.records);
        let refused = refused.map(|(message, kind, reject)| (message.clone(), kind, reject.clone()));
        let read = taken.read.iter().map(|(partition, next, event_time_ms)| {
            let of_record = |at: usize| decoded.of_message[at].event_time_ms;
            (*partition, *next, event_time_ms.unwrap_or_else(of_record))
        });
        let (refused, read) = (refused.collect(), read.collect());
        let events = self.attendance.take_events();
        // For the next turn, whose records are read after it.
        self.attendance.look(self.clock.now());
        taken.labels.extend(decoded.labels);
        Ok(Some(Delivered {
            events,
            observations: decoded.observations,
            evidence,
            labels: taken.labels,
            refused,
            read,
            now: self.clock.now(),
            messages: batch.messages.len(),
            bytes: batch.size_bytes,
        }))
    }

    fn hold(&mut self, partitions: &[TopicPartition]) {
        self.holds.hold(partitions);
    }

    fn read_to(&self, _: impl Iterator<Item = (TopicPartition, NextOffset)>) {}

    /// The scorers commit what they have read; where the judge reads on is in its state.
    async fn commit(&self, _: &[(TopicPartition, NextOffset)]) -> Result<(), bellwether_ingest::Error> {
        Ok(())
    }

    fn commit_in_background(
        &self,
        _: &[(TopicPartition, NextOffset)],
    ) -> Result<(), bellwether_ingest::Error> {
        Ok(())
    }

    fn halves(&self) -> Halves {
        self.decoder.halves()
    }

    fn mark(&self, bookmark: &mut Bookmark) {
        let source = |(partition, &(offset, part)): (&TopicPartition, &(i64, u32))| {
            Some(SourcePlace {
                topic: self.topics.name(partition.kind)?.to_owned(),
                partition: partition.partition,
                offset,
                part,
            })
        };
        bookmark.evidence = self.next.map(|next| EvidencePlace {
            topic: self.topic.clone(),
            next,
            sources: self.expected.iter().filter_map(source).collect(),
        });
    }

    fn show(&self, metrics: &mut SourceMetrics) {
        metrics.waiting = self.decoder.waiting();
        metrics.schema_fetches_failed = self.schema_fetches_failed;
        show_consumer(&self.consumer, &self.read, metrics);
        self.shown.add_to(metrics);
    }

    async fn close(self) {
        self.consumer.close().await;
    }
}

/// Every partition of the topics that are read.
async fn partitions(config: &Config, topics: &Topics) -> Result<Vec<TopicPartition>, Failure> {
    let mut partitions = Vec::new();
    for name in topics.names() {
        let found = until_answered("find the partitions of a topic", || async {
            tokio::task::block_in_place(|| RangeReader::ends(config, name))
        });
        let found = found.await.map_err(|error| cannot_read(name, &error))?;
        partitions.extend(
            found
                .into_keys()
                .filter_map(|number| topics.partition(name, number)),
        );
    }
    Ok(partitions)
}
