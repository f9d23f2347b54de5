//! Which source partitions run too far ahead: told by the judge, heeded by the scorers.
//!
//! The judge buffers what is ahead of the slowest partition. It cannot hold partitions that others read, so it tells them.

use super::message::{Message, Source};
use super::{PARTITION, reader_of};
use crate::config::control_topic;
use crate::failure::Failure;
use crate::feed::{cannot_consume, cannot_go_on};
use crate::patience::until_answered;
use bellwether_ingest::{Config, Consumer, LogWriter, Others, TopicPartition, Topics};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What holds is told anew so often, and at once when it changes.
const RENEWED: Duration = Duration::from_secs(1);
/// What was told so long ago holds no more: there may be no judge.
const EXPIRES: Duration = Duration::from_secs(10);

/// The judge's side.
#[derive(Debug)]
pub(super) struct HoldTeller {
    topics: Topics,
    writer: LogWriter,
    wanted: Vec<TopicPartition>,
    told: Option<(Vec<TopicPartition>, Instant)>,
}

impl HoldTeller {
    /// Of the judge of this evidence.
    pub(super) fn new(config: &Config, evidence: &str) -> Result<Self, Failure> {
        Ok(Self {
            topics: Topics::new(config),
            writer: LogWriter::new(config, &control_topic(evidence))
                .map_err(|error| cannot_consume(config, &error))?,
            wanted: Vec::new(),
            told: None,
        })
    }

    /// These partitions, and no others, are to be held.
    pub(super) fn hold(&mut self, partitions: &[TopicPartition]) {
        self.wanted.clear();
        self.wanted.extend_from_slice(partitions);
    }

    /// Tells what is to be held, when there is something to tell. Does not wait until it is known.
    pub(super) async fn tell(&mut self, now: Instant) -> Result<(), Failure> {
        if let Some((told, at)) = &self.told
            && *told == self.wanted
            && now.saturating_duration_since(*at) < RENEWED
        {
            return Ok(());
        }
        let source = |partition: &TopicPartition| Source::of(*partition, &self.topics);
        let message = Message::Hold(self.wanted.iter().map(source).collect()).to_bytes();
        let written = self.writer.write(PARTITION, &message).await;
        drop(written.map_err(|error| super::cannot_write(&error))?);
        self.told = Some((self.wanted.clone(), now));
        Ok(())
    }
}

/// A scorer's side.
#[derive(Debug)]
pub(super) struct Holds {
    topics: Topics,
    consumer: Consumer,
    held: Vec<TopicPartition>,
    told: Option<Instant>,
}

impl Holds {
    /// Of the judge of this evidence. Waits for brokers to name the partitions of its control topic.
    pub(super) async fn listen(config: &Config, evidence: &str) -> Result<Self, Failure> {
        let topic = control_topic(evidence);
        let mut reader = reader_of(config, &topic);
        reader.max_batch_wait = Duration::ZERO;
        // What was told before is of no use.
        let consumer = until_answered("find the control topic", || {
            Consumer::start_from(&reader, BTreeMap::new(), Others::Newest)
        });
        let consumer = consumer.await;
        Ok(Self {
            topics: Topics::new(config),
            consumer: consumer.map_err(|error| super::cannot_read(&topic, &error))?,
            held: Vec::new(),
            told: None,
        })
    }

    /// What is to be held now.
    pub(super) async fn now(&mut self, now: Instant) -> Result<&[TopicPartition], Failure> {
        let batch = self
            .consumer
            .next_batch()
            .await
            .map_err(|error| cannot_go_on(&error))?;
        for message in &batch.messages {
            if let Ok(Message::Hold(sources)) = Message::from_bytes(&message.payload) {
                let known = sources.iter().filter_map(|source| source.among(&self.topics));
                self.held = known.collect();
                self.told = Some(now);
            }
        }
        if self
            .told
            .is_some_and(|told| now.saturating_duration_since(told) > EXPIRES)
        {
            self.held.clear();
        }
        Ok(&self.held)
    }

    pub(super) async fn close(self) {
        self.consumer.close().await;
    }
}
