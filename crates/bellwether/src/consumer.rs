//! Turns from Kafka: poll, decode, watermark, pipeline, commit.

use crate::config::Payloads;
use crate::failure::Failure;
use crate::pipeline::{Pipeline, Release, SourceMetrics, Turn};
use crate::wire::{Decoded, WireDecoder};
use bellwether_api::{PartitionLag, TopicKind as Kind};
use bellwether_events::Reject;
use bellwether_ingest::{Batch, Config, Consumer, DeadLetters, PartitionTracker, TopicKind, Watermark};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the state is shown to whoever looks.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// How far, in event time, one partition may run ahead of the slowest before it is held: what is buffered stays bounded.
pub(crate) const AHEAD_LIMIT_MS: i64 = 6 * 3_600_000;

/// Between attempts to keep a refused record.
const DEAD_LETTER_PAUSE: Duration = Duration::from_secs(1);

/// Between attempts to fetch a schema.
const REGISTRY_PAUSE: Duration = Duration::from_secs(1);

/// Everything that takes part in consuming one model's topics.
pub(crate) struct KafkaSource {
    topics: [String; 2],
    consumer: Consumer,
    tracker: PartitionTracker,
    decoder: WireDecoder,
    /// A batch whose schemas could not be fetched yet.
    undecoded: Option<Batch>,
    dead_letters: Option<DeadLetters>,
    metrics: SourceMetrics,
    published: Option<Instant>,
    silence: Option<Silence>,
}

/// A time in which every partition was at its end.
struct Silence {
    since: Instant,
    newest_ms: i64,
}

impl KafkaSource {
    /// Connects and subscribes.
    pub(crate) async fn start(config: &Config, payloads: &Payloads) -> Result<Self, Failure> {
        let failed = |error: bellwether_ingest::Error| {
            Failure::at_work(format!("cannot consume from {}", config.brokers))
                .because(&error)
                .fix("check kafka.brokers, the topics and kafka.properties")
        };
        let dead_letters = match &config.dead_letter_topic {
            Some(_) => Some(DeadLetters::new(config).map_err(failed)?),
            None => None,
        };
        let topics = [
            config.observations_topic.clone(),
            config.labels_topic.clone().unwrap_or_default(),
        ];
        let decoder = WireDecoder::new(payloads, &topics[0], &topics[1]).map_err(|error| {
            Failure::at_work("cannot ask the schema registry")
                .because(&error)
                .fix("correct payloads.registry")
        })?;
        Ok(Self {
            topics,
            consumer: Consumer::start(config).await.map_err(failed)?,
            tracker: PartitionTracker::new(config.idle_timeout),
            decoder,
            undecoded: None,
            dead_letters,
            metrics: SourceMetrics::default(),
            published: None,
            silence: None,
        })
    }

    /// One turn of the loop. Returns what was read, and whether every partition is at its end.
    pub(crate) async fn turn(&mut self, pipeline: &mut Pipeline) -> Result<TurnReport, Failure> {
        let batch = self.next_batch().await?;
        let now = Instant::now();
        let schema = pipeline.engine().schema();
        let decoded = match tokio::task::block_in_place(|| self.decoder.decode(schema, &batch)) {
            Ok(decoded) => decoded,
            Err(error) => {
                tracing::warn!(%error, records = batch.messages.len(), "Records wait for their schema; trying again");
                self.metrics.schema_fetches_failed += 1;
                self.undecoded = Some(batch);
                self.publish(pipeline, now);
                return Ok(TurnReport {
                    messages: 0,
                    bytes: 0,
                    drained: false,
                });
            }
        };
        self.tracker.apply(&batch.events, now);
        decoded.track(&batch, &mut self.tracker, now);
        let rejects = self.reject(&batch, &decoded).await?;
        let watermark = self.tracker.watermark(now);
        let release = self.release(watermark, &decoded, pipeline.engine().allowed_lateness_ms(), now);
        let read = (batch.messages.len(), batch.size_bytes);
        let turn = Turn {
            observations: Some(decoded.observations),
            labels: decoded.labels,
            rejects,
            release,
        };
        pipeline.turn(turn).await?;
        self.commit(release).await;
        self.consumer.hold(&self.tracker.ahead_of(AHEAD_LIMIT_MS));
        self.publish(pipeline, now);
        Ok(TurnReport {
            messages: read.0,
            bytes: read.1,
            drained: watermark == Watermark::Drained,
        })
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
            .map_err(|error| Failure::at_work("cannot go on consuming").because(&error))?;
        Ok(match waiting {
            Some(mut waiting) => {
                waiting.append(batch);
                waiting
            }
            None => batch,
        })
    }

    /// Judges what is still buffered, commits, and shows the final state.
    pub(crate) async fn finish(&mut self, pipeline: &mut Pipeline) -> Result<(), Failure> {
        pipeline.turn(Turn::last()).await?;
        self.commit(Release::All).await;
        self.published = None;
        self.publish(pipeline, Instant::now());
        Ok(())
    }

    /// How far event time may go: the slowest partition's, less what may come late. In a silence of all partitions event
    /// time goes on as the clock does, so that what is buffered does not wait for ever.
    fn release(
        &mut self,
        watermark: Watermark,
        decoded: &Decoded,
        lateness_ms: i64,
        now: Instant,
    ) -> Release {
        let newest = decoded.event_times.iter().flatten().copied().max();
        match watermark {
            Watermark::None => Release::Hold,
            Watermark::At(ms) => {
                let known = self.silence.as_ref().map_or(i64::MIN, |s| s.newest_ms);
                self.silence = Some(Silence {
                    since: now,
                    newest_ms: newest.unwrap_or(ms).max(ms).max(known),
                });
                Release::Before(ms.saturating_sub(lateness_ms))
            }
            Watermark::Drained => match &self.silence {
                Some(silence) => {
                    let passed = i64::try_from((now - silence.since).as_millis()).unwrap_or(i64::MAX);
                    let newest_ms = newest.unwrap_or(i64::MIN).max(silence.newest_ms);
                    Release::Before(newest_ms.saturating_add(passed).saturating_sub(lateness_ms))
                }
                None => Release::Hold,
            },
        }
    }

    /// Sends refused records to the dead-letter topic, or logs them where there is none. Waits for a topic that is away:
    /// a record must not be forgotten before it is kept.
    async fn reject(&mut self, batch: &Batch, decoded: &Decoded) -> Result<Vec<(Kind, Reject)>, Failure> {
        let mut counted = Vec::new();
        for (message, kind, reject) in decoded.refused(batch) {
            counted.push((kind, reject.clone()));
            let Some(dead_letters) = &self.dead_letters else {
                tracing::warn!(
                    topic = self.topics[usize::from(message.partition.kind == TopicKind::Labels)],
                    partition = message.partition.partition,
                    offset = message.offset,
                    reason = reject.reason.as_str(),
                    detail = reject.detail,
                    "Record refused; no dead-letter topic is configured"
                );
                continue;
            };
            while let Err(error) = dead_letters
                .publish(message, reject.reason.as_str(), &reject.detail)
                .await
            {
                self.metrics.dead_letters_failed += 1;
                if !error.is_retryable() {
                    return Err(Failure::at_work("cannot keep a refused record")
                        .because(&error)
                        .fix("make the topic kafka.dead_letter_topic writable"));
                }
                tracing::warn!(%error, offset = message.offset, "Refused record could not be kept; trying again");
                tokio::time::sleep(DEAD_LETTER_PAUSE).await;
            }
            self.metrics.dead_letters_published += 1;
        }
        Ok(counted)
    }

    /// Commits what the sinks have accepted. A commit that fails is tried again with the next one.
    async fn commit(&mut self, release: Release) {
        let released_ms = match release {
            Release::Hold => return,
            Release::Before(ms) => ms,
            Release::All => i64::MAX,
        };
        let offsets = self.tracker.committable(released_ms);
        if offsets.is_empty() {
            return;
        }
        match self.consumer.commit(&offsets).await {
            Ok(()) => self.tracker.committed(&offsets),
            Err(error) => {
                tracing::warn!(%error, "Offsets were not committed; they will be with the next ones");
            }
        }
    }

    fn publish(&mut self, pipeline: &mut Pipeline, now: Instant) {
        if self.published.is_some_and(|last| now - last < PUBLISH_EVERY) {
            return;
        }
        self.published = Some(now);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.metrics.last_poll_ms = i64::try_from(wall.as_millis()).ok();
        self.metrics.waiting = self.decoder.waiting();
        self.metrics.lag = self
            .consumer
            .lag()
            .into_iter()
            .map(|lag| PartitionLag {
                topic: self.topics[usize::from(lag.partition.kind == TopicKind::Labels)].clone(),
                partition: lag.partition.partition,
                records: lag.lag,
            })
            .collect();
        pipeline.publish_status(self.metrics.clone());
    }

    /// Share of a finite stream that has been played.
    pub(crate) fn set_progress(&mut self, ratio: f64) {
        self.metrics.progress_ratio = Some(ratio);
    }

    /// Leaves the group.
    pub(crate) async fn close(self) {
        self.consumer.close().await;
    }
}

/// What one turn did.
#[derive(Debug)]
pub(crate) struct TurnReport {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) drained: bool,
}
