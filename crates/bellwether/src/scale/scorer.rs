//! A scorer: its share of the partitions, each record's evidence to the log.
//!
//! It keeps nothing. What it has read is committed when the brokers have its evidence; what it had read beyond that when it
//! ended is read and written again, by whoever has the partition then, and the judge takes it once.

use super::control::Holds;
use super::cut::Cutter;
use super::member::Shown;
use super::message::{Message, Present, Source};
use super::{PARTITION, cannot_write};
use crate::config::Payloads;
use crate::encoder::Embedder;
use crate::failure::Failure;
use crate::feed::{Feed, TopicFeed, cannot_consume};
use crate::pipeline::SourceMetrics;
use crate::state::Bookmark;
use crate::stop::Stop;
use crate::wire::Decoded;
use bellwether_ingest::{Batch, Config, LogWriter, NextOffset, TopicPartition, Topics, Underway};
use bellwether_monitor::{Evidence, KeepText, Reference};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it tells which partitions are its own.
const PRESENT_EVERY: Duration = Duration::from_secs(1);
/// How long the last commit may take.
const LAST_COMMIT: Duration = Duration::from_secs(5);

pub(super) struct Scorer {
    feed: TopicFeed,
    topics: Topics,
    reference: Arc<Reference>,
    texts: Arc<dyn KeepText>,
    embedder: Option<Arc<Embedder>>,
    log: LogWriter,
    holds: Holds,
    /// Evidence that the brokers may not have yet.
    underway: Batched,
    /// Whether a batch waits that is not in the log.
    is_waiting: bool,
    told: Option<Instant>,
    metrics: SourceMetrics,
    shown: Arc<Shown>,
}

/// Messages of one batch, and the offsets to commit once they have arrived.
#[derive(Default)]
struct Batched {
    messages: Vec<Underway>,
    offsets: Vec<(TopicPartition, NextOffset)>,
}

impl Batched {
    async fn arrived(self) -> Result<Vec<(TopicPartition, NextOffset)>, Failure> {
        for message in self.messages {
            message.arrived().await.map_err(|error| cannot_write(&error))?;
        }
        Ok(self.offsets)
    }
}

impl Scorer {
    pub(super) async fn start(
        config: &Config,
        topic: &str,
        payloads: &Payloads,
        reference: Arc<Reference>,
        texts: Arc<dyn KeepText>,
        embedder: Option<Arc<Embedder>>,
        shown: Arc<Shown>,
    ) -> Result<Self, Failure> {
        let feed = TopicFeed::start(config, payloads, &Bookmark::default()).await?;
        Ok(Self {
            feed: feed.leaving_halves(),
            topics: Topics::new(config),
            reference,
            texts,
            embedder,
            log: LogWriter::new(config, topic).map_err(|error| cannot_consume(config, &error))?,
            holds: Holds::listen(config, topic).await?,
            underway: Batched::default(),
            is_waiting: false,
            told: None,
            metrics: SourceMetrics::default(),
            shown,
        })
    }

    /// Scores until it is told to stop, and leaves the group.
    pub(super) async fn run(mut self, stop: &Stop) -> Result<(), Failure> {
        while !stop.requested() {
            self.turn().await?;
        }
        let offsets = std::mem::take(&mut self.underway).arrived().await?;
        match tokio::time::timeout(LAST_COMMIT, self.feed.commit(&offsets)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "The last offsets were not committed; records are read again");
            }
            Err(_) => tracing::warn!("The last offsets were not committed: the brokers do not answer"),
        }
        self.holds.close().await;
        self.feed.close().await;
        Ok(())
    }

    /// One batch: the evidence of the batch before travels while this one is scored.
    async fn turn(&mut self) -> Result<(), Failure> {
        let held = self.holds.now(Instant::now()).await?;
        self.feed.hold(held);
        let next = self.feed.next_decoded(&self.reference).await?;
        self.is_waiting = next.is_none();
        if let Some((batch, mut decoded)) = next {
            let batched = self.write(&batch, &mut decoded).await?;
            let before = std::mem::replace(&mut self.underway, batched);
            let offsets = before.arrived().await?;
            self.feed.read_to(offsets.iter().copied());
            if let Err(error) = self.feed.commit_in_background(&offsets) {
                tracing::warn!(%error, "Offsets were not committed; they will be with later ones");
            }
        }
        self.feed.show(&mut self.metrics);
        self.shown.scorer(&self.metrics);
        self.tell().await
    }

    /// Scores a batch and hands its evidence over.
    async fn write(&mut self, batch: &Batch, decoded: &mut Decoded) -> Result<Batched, Failure> {
        let mut observations = decoded.take_observations(self.reference.schema());
        if let Some(embedder) = &self.embedder {
            tokio::task::block_in_place(|| embedder.embed(&mut observations, &self.reference))?;
        }
        let scored = (observations.len(), decoded.labels.len());
        let messages = tokio::task::block_in_place(|| {
            let evidence = Evidence::score(observations, &self.reference, &*self.texts);
            let cutter = Cutter {
                topics: &self.topics,
                reference: &self.reference.manifest().id,
                batch,
                decoded,
                write_row: &|row, out| evidence.write_row(row, out),
                write_encoder_event: &|event, out| evidence.write_encoder_event(event, out),
            };
            cutter.messages()
        });
        let mut underway = Vec::with_capacity(messages.len());
        let mut bytes = 0;
        for message in &messages {
            bytes += message.len();
            let written = self.log.write(PARTITION, message).await;
            underway.push(written.map_err(|error| cannot_write(&error))?);
        }
        self.shown.scored(scored, bytes);
        let mut offsets = BTreeMap::new();
        for message in &batch.messages {
            offsets.insert(message.partition, NextOffset::after(message.offset));
        }
        Ok(Batched {
            messages: underway,
            offsets: offsets.into_iter().collect(),
        })
    }

    /// Tells which partitions are ours, and how far they were read.
    async fn tell(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if self
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < PRESENT_EVERY)
        {
            return Ok(());
        }
        let present = self
            .feed
            .positions()
            .into_iter()
            .map(|(partition, next, at_end)| Present {
                source: Source::of(partition, &self.topics),
                next: next.0,
                at_end: at_end && !self.is_waiting,
            });
        let message = Message::Present(present.collect()).to_bytes();
        let written = self.log.write(PARTITION, &message).await;
        drop(written.map_err(|error| cannot_write(&error))?);
        self.told = Some(now);
        Ok(())
    }
}
