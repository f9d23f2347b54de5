//! What the monitor is fed with: records of the topics, or what others have made of them.

use crate::config::Payloads;
use crate::failure::Failure;
use crate::pipeline::SourceMetrics;
use crate::state::Bookmark;
use crate::wire::{Decoded, WireDecoder};
use bellwether_api::{BrokerMetrics, PartitionLag, TopicKind as Kind};
use bellwether_events::{LabelBatch, ObservationBatch, Reject};
use bellwether_ingest::{
    Batch, Config, Consumer, NextOffset, PartitionEvent, RawMessage, TopicPartition, Topics,
};
use bellwether_monitor::{Evidence, Reference};
use bellwether_payloads::Halves;
use std::time::{Duration, Instant};

/// Between attempts to fetch a schema.
pub(crate) const REGISTRY_PAUSE: Duration = Duration::from_secs(1);

/// What came in one turn.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// What happened to partitions; to be taken note of before `read`.
    pub(crate) events: Vec<PartitionEvent>,
    pub(crate) observations: ObservationBatch,
    /// Observations that others have scored.
    pub(crate) evidence: Option<Evidence>,
    pub(crate) labels: LabelBatch,
    /// Records that cannot be used.
    pub(crate) refused: Vec<(RawMessage, Kind, Reject)>,
    /// How far this takes each partition, and the newest event time on the way.
    pub(crate) read: Vec<(TopicPartition, NextOffset, Option<i64>)>,
    /// The time by which partitions are idle or away.
    pub(crate) now: Instant,
    /// Records, and their bytes.
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// Where a monitor's turns come from.
pub(crate) trait Feed {
    /// The next turn; `None` while what was read waits for something and nothing else is taken.
    async fn next(&mut self, reference: &Reference) -> Result<Option<Delivered>, Failure>;

    /// These partitions, and no others, are to deliver nothing for now.
    fn hold(&mut self, partitions: &[TopicPartition]);

    /// What was delivered before these offsets has been worked on.
    fn read_to(&self, offsets: impl Iterator<Item = (TopicPartition, NextOffset)>);

    /// Commits offsets for others to see, and waits for the brokers' answer.
    async fn commit(&self, offsets: &[(TopicPartition, NextOffset)]) -> Result<(), bellwether_ingest::Error>;

    /// Commits offsets for others to see.
    fn commit_in_background(
        &self,
        offsets: &[(TopicPartition, NextOffset)],
    ) -> Result<(), bellwether_ingest::Error>;

    /// Halves of calls that wait for each other.
    fn halves(&self) -> Halves;

    /// Notes where it stands, beside the partitions themselves.
    fn mark(&self, bookmark: &mut Bookmark);

    /// What is shown of it.
    fn show(&self, metrics: &mut SourceMetrics);

    /// Leaves the brokers.
    async fn close(self);
}

/// The topics themselves.
#[derive(Debug)]
pub(crate) struct TopicFeed {
    topics: Topics,
    consumer: Consumer,
    decoder: WireDecoder,
    /// A batch whose schemas could not be fetched yet.
    undecoded: Option<Batch>,
    schema_fetches_failed: u64,
}

impl TopicFeed {
    /// Connects and subscribes; reading goes on where the bookmark says.
    pub(crate) async fn start(
        config: &Config,
        payloads: &Payloads,
        bookmark: &Bookmark,
    ) -> Result<Self, Failure> {
        let topics = Topics::new(config);
        let mut decoder = decoder(payloads, &topics)?;
        if let Some(halves) = &bookmark.halves {
            decoder.resume(halves);
        }
        let progress = bookmark.progress(&topics);
        let offsets = progress.iter().map(|(&at, progress)| (at, progress.delivered));
        let consumer = Consumer::start_from(config, offsets.collect(), bookmark.others())
            .await
            .map_err(|error| cannot_consume(config, &error))?;
        Ok(Self {
            topics,
            consumer,
            decoder,
            undecoded: None,
            schema_fetches_failed: 0,
        })
    }

    /// The same, but halves of calls are left to whoever reads all partitions.
    pub(crate) fn leaving_halves(self) -> Self {
        Self {
            decoder: self.decoder.leaving_halves(),
            ..self
        }
    }

    /// Of each partition that is ours, how far it was read, and whether nothing lay beyond as of a second ago.
    pub(crate) fn positions(&self) -> Vec<(TopicPartition, NextOffset, bool)> {
        let lag = self.consumer.lag().into_iter();
        lag.map(|lag| (lag.partition, lag.position, lag.lag == 0))
            .collect()
    }

    /// The next batch with what it holds; `None` while it waits for its schemas.
    pub(crate) async fn next_decoded(
        &mut self,
        reference: &Reference,
    ) -> Result<Option<(Batch, Decoded)>, Failure> {
        let batch = self.next_batch().await?;
        let decoded = tokio::task::block_in_place(|| self.decoder.decode(reference.schema(), &batch));
        match decoded {
            Ok(decoded) => Ok(Some((batch, decoded))),
            Err(error) => {
                tracing::warn!(%error, records = batch.messages.len(), "Records wait for their schema; trying again");
                self.schema_fetches_failed += 1;
                self.undecoded = Some(batch);
                Ok(None)
            }
        }
    }

    /// What to decode next. While a batch waits for its schemas nothing new is taken, but membership of the group is kept up,
    /// and what the batch holds of partitions that went is dropped: their new owner reads it.
    async fn next_batch(&mut self) -> Result<Batch, Failure> {
        let waiting = self.undecoded.take();
        if waiting.is_some() {
            self.consumer.hold(&self.consumer.assignment());
            tokio::time::sleep(REGISTRY_PAUSE).await;
        }
        let batch = self
            .consumer
            .next_batch()
            .await
            .map_err(|error| cannot_go_on(&error))?;
        Ok(match waiting {
            Some(mut waiting) => {
                waiting.append(batch);
                waiting
            }
            None => batch,
        })
    }
}

impl Feed for TopicFeed {
    async fn next(&mut self, reference: &Reference) -> Result<Option<Delivered>, Failure> {
        let Some((batch, decoded)) = self.next_decoded(reference).await? else {
            return Ok(None);
        };
        let refused = decoded.refused(&batch);
        let refused = refused.map(|(message, kind, reject)| (message.clone(), kind, reject.clone()));
        Ok(Some(Delivered {
            refused: refused.collect(),
            read: decoded.read(&batch).collect(),
            events: batch.events,
            observations: decoded.observations,
            evidence: None,
            labels: decoded.labels,
            now: Instant::now(),
            messages: batch.messages.len(),
            bytes: batch.size_bytes,
        }))
    }

    fn hold(&mut self, partitions: &[TopicPartition]) {
        self.consumer.hold(partitions);
    }

    fn read_to(&self, offsets: impl Iterator<Item = (TopicPartition, NextOffset)>) {
        self.consumer.read_to(offsets);
    }

    async fn commit(&self, offsets: &[(TopicPartition, NextOffset)]) -> Result<(), bellwether_ingest::Error> {
        self.consumer.commit(offsets).await
    }

    fn commit_in_background(
        &self,
        offsets: &[(TopicPartition, NextOffset)],
    ) -> Result<(), bellwether_ingest::Error> {
        self.consumer.commit_in_background(offsets)
    }

    fn halves(&self) -> Halves {
        self.decoder.halves()
    }

    fn mark(&self, _: &mut Bookmark) {}

    fn show(&self, metrics: &mut SourceMetrics) {
        metrics.waiting = self.decoder.waiting();
        metrics.schema_fetches_failed = self.schema_fetches_failed;
        show_consumer(&self.consumer, &self.topics, metrics);
    }

    async fn close(self) {
        self.consumer.close().await;
    }
}

/// A decoder of the records of the topics.
pub(crate) fn decoder(payloads: &Payloads, topics: &Topics) -> Result<WireDecoder, Failure> {
    WireDecoder::new(payloads, topics).map_err(|error| {
        Failure::at_work("cannot ask the schema registry")
            .because(&error)
            .fix("correct payloads.registry")
    })
}

/// What is shown of a consumer: its connection, and how far it is behind.
pub(crate) fn show_consumer(consumer: &Consumer, topics: &Topics, metrics: &mut SourceMetrics) {
    metrics.held_partitions = consumer.held().len() as u64;
    let health = consumer.health();
    metrics.brokers = Some(BrokerMetrics {
        up: health.brokers_up as u64,
        rebalances: health.rebalances_total,
        faults: health.faults_total,
    });
    let lag = consumer.lag().into_iter().map(|lag| PartitionLag {
        topic: topics.name(lag.partition.kind).unwrap_or_default().to_owned(),
        partition: lag.partition.partition,
        records: lag.lag,
    });
    metrics.lag = lag.collect();
}

pub(crate) fn cannot_consume(config: &Config, error: &bellwether_ingest::Error) -> Failure {
    Failure::at_work(format!("cannot consume from {}", config.brokers))
        .because(error)
        .fix("check kafka.brokers, the topics and kafka.properties")
}

pub(crate) fn cannot_go_on(error: &bellwether_ingest::Error) -> Failure {
    Failure::at_work("cannot go on consuming").because(error)
}
