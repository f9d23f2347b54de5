//! Turns from Kafka: poll, decode, watermark, pipeline, checkpoint, commit.

use crate::config::Payloads;
use crate::failure::Failure;
use crate::letters::Letters;
use crate::pipeline::{Pipeline, Release, SourceMetrics, Turn};
use crate::state::{Bookmark, Checkpoints};
use crate::wire::{Decoded, WireDecoder};
use bellwether_api::{BrokerMetrics, PartitionLag, TopicKind as Kind};
use bellwether_events::Reject;
use bellwether_ingest::{
    Batch, Config, Consumer, NextOffset, PartitionTracker, Progress, TopicPartition, Topics, Watermark,
};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the state is shown to whoever looks.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// How far, in event time, one partition may run ahead of the slowest before it is held: what is buffered stays bounded.
pub(crate) const AHEAD_LIMIT_MS: i64 = 6 * 3_600_000;

/// How long the last commit may take: without brokers it would use up all the time that a stop has.
const LAST_COMMIT: Duration = Duration::from_secs(5);

/// Between attempts to fetch a schema.
const REGISTRY_PAUSE: Duration = Duration::from_secs(1);

/// Everything that takes part in consuming one model's topics.
pub(crate) struct KafkaSource {
    topics: Topics,
    consumer: Consumer,
    tracker: PartitionTracker,
    decoder: WireDecoder,
    /// A batch whose schemas could not be fetched yet.
    undecoded: Option<Batch>,
    letters: Letters,
    checkpoints: Option<Checkpoints>,
    others_from_oldest: bool,
    max_buffered_bytes: u64,
    /// Event time before which everything was released.
    released_ms: i64,
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
    /// Connects and subscribes, with nothing to go on from.
    pub(crate) async fn start(config: &Config, payloads: &Payloads) -> Result<Self, Failure> {
        Self::resume(config, payloads, None, &Bookmark::default()).await
    }

    /// Connects and subscribes; reading goes on where the bookmark says. Waits for brokers that are away where it has to know
    /// what was written after the bookmark.
    pub(crate) async fn resume(
        config: &Config,
        payloads: &Payloads,
        checkpoints: Option<Checkpoints>,
        bookmark: &Bookmark,
    ) -> Result<Self, Failure> {
        let failed = |error: bellwether_ingest::Error| {
            Failure::at_work(format!("cannot consume from {}", config.brokers))
                .because(&error)
                .fix("check kafka.brokers, the topics and kafka.properties")
        };
        let mut letters = Letters::new(config).map_err(failed)?;
        if checkpoints.is_some() {
            letters.resume(config, bookmark.dead_letters.as_ref()).await?;
        }
        let topics = Topics::new(config);
        let mut decoder = WireDecoder::new(payloads, &topics).map_err(|error| {
            Failure::at_work("cannot ask the schema registry")
                .because(&error)
                .fix("correct payloads.registry")
        })?;
        if let Some(halves) = &bookmark.halves {
            decoder.resume(halves);
        }
        let progress = bookmark.progress(&topics);
        let offsets = progress.iter().map(|(&at, progress)| (at, progress.delivered));
        let newest_ms = progress.values().filter_map(|progress| progress.newest_ms).max();
        Ok(Self {
            topics,
            consumer: Consumer::start_from(config, offsets.collect(), bookmark.others())
                .await
                .map_err(failed)?,
            others_from_oldest: bookmark.others_from_oldest,
            max_buffered_bytes: config.max_buffered_bytes,
            tracker: PartitionTracker::resume(config.idle_timeout, progress, Instant::now()),
            decoder,
            undecoded: None,
            letters,
            checkpoints,
            released_ms: i64::MIN,
            metrics: SourceMetrics::default(),
            published: None,
            silence: newest_ms.map(|newest_ms| Silence {
                since: Instant::now(),
                newest_ms,
            }),
        })
    }

    /// Before the first turn: a state that is new is kept before anything is written, so that a crash finds where to begin.
    pub(crate) fn begin(&mut self, pipeline: &mut Pipeline) -> Result<(), Failure> {
        match &self.checkpoints {
            Some(checkpoints) if !checkpoints.any() => self.checkpoint(pipeline, Instant::now()).map(drop),
            _ => Ok(()),
        }
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
        self.released_ms = release.before_ms().max(self.released_ms);
        self.consumer.read_to(self.tracker.delivered());
        self.settle(pipeline, now).await?;
        let ahead_ms = if pipeline.engine().buffered_bytes() > self.max_buffered_bytes {
            0
        } else {
            AHEAD_LIMIT_MS
        };
        self.consumer.hold(&self.tracker.ahead_of(ahead_ms));
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

    /// Commits and shows the final state. With a state directory what is buffered waits there for the next process; without
    /// one it is judged now.
    pub(crate) async fn finish(&mut self, pipeline: &mut Pipeline) -> Result<(), Failure> {
        if self.checkpoints.is_some() {
            self.checkpoint(pipeline, Instant::now())?;
        } else {
            pipeline.turn(Turn::last()).await?;
            self.released_ms = i64::MAX;
        }
        if tokio::time::timeout(LAST_COMMIT, self.commit()).await.is_err() {
            tracing::warn!("The last offsets were not committed: the brokers do not answer");
        }
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

    /// Keeps what was refused; returns it to be counted.
    async fn reject(&mut self, batch: &Batch, decoded: &Decoded) -> Result<Vec<(Kind, Reject)>, Failure> {
        let mut counted = Vec::new();
        for (message, kind, reject) in decoded.refused(batch) {
            self.letters.keep(message, reject).await?;
            counted.push((kind, reject.clone()));
        }
        Ok(counted)
    }

    /// Takes a checkpoint when it is time, and commits what it holds as released; without a state directory, what the sinks
    /// have accepted.
    async fn settle(&mut self, pipeline: &mut Pipeline, now: Instant) -> Result<(), Failure> {
        match &self.checkpoints {
            None => self.commit().await,
            Some(checkpoints) if checkpoints.due(now) => {
                if self.checkpoint(pipeline, now)? {
                    self.commit_in_background();
                }
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Keeps the state with what belongs to it. Where that fails, the checkpoint before counts. Returns whether it is kept.
    fn checkpoint(&mut self, pipeline: &mut Pipeline, now: Instant) -> Result<bool, Failure> {
        let bookmark = self.bookmark(pipeline)?;
        self.checkpoints.as_mut().map_or(Ok(false), |checkpoints| {
            tokio::task::block_in_place(|| checkpoints.take(pipeline.engine(), &bookmark, now))
        })
    }

    /// Commits what has been released and does not wait: with a state that is kept, the group's offsets are for others to see.
    fn commit_in_background(&mut self) {
        let offsets = self.tracker.committable(self.released_ms);
        let done = self.consumer.commit_in_background(&offsets);
        self.committed(&offsets, done);
    }

    /// Commits what has been released.
    async fn commit(&mut self) {
        let offsets = self.tracker.committable(self.released_ms);
        let done = self.consumer.commit(&offsets).await;
        self.committed(&offsets, done);
    }

    /// A commit that failed is tried again with the next one.
    fn committed(
        &mut self,
        offsets: &[(TopicPartition, NextOffset)],
        done: Result<(), bellwether_ingest::Error>,
    ) {
        match done {
            Ok(()) => self.tracker.committed(offsets),
            Err(error) => {
                tracing::warn!(%error, "Offsets were not committed; they will be with the next ones");
            }
        }
    }

    /// Where reading and writing stand.
    fn bookmark(&mut self, pipeline: &mut Pipeline) -> Result<Bookmark, Failure> {
        let progress = self.tracker.progress();
        let halves = self.decoder.halves();
        let topics = &self.topics;
        let dead_letters = self.letters.settle(|origin| {
            let at = topics.partition(&origin.topic, origin.partition);
            let progress = at.and_then(|at| progress.get(&at));
            progress.is_none_or(|progress| progress.delivered.0 <= origin.offset)
                || halves.holds(&origin.topic, origin.partition, origin.offset)
        });
        let named = |(&at, &progress): (&TopicPartition, &Progress)| {
            Some((topics.name(at.kind)?.to_owned(), at.partition, progress))
        };
        let partitions = progress.iter().filter_map(named);
        let mut bookmark = Bookmark {
            partitions: partitions.collect(),
            others_from_oldest: self.others_from_oldest,
            halves: Some(halves),
            dead_letters,
            ..Bookmark::default()
        };
        pipeline.settle(&mut bookmark)?;
        Ok(bookmark)
    }

    fn publish(&mut self, pipeline: &mut Pipeline, now: Instant) {
        if self.published.is_some_and(|last| now - last < PUBLISH_EVERY) {
            return;
        }
        self.published = Some(now);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.metrics.last_poll_ms = i64::try_from(wall.as_millis()).ok();
        self.metrics.waiting = self.decoder.waiting();
        self.metrics.held_partitions = self.consumer.held().len() as u64;
        (
            self.metrics.dead_letters_published,
            self.metrics.dead_letters_failed,
        ) = self.letters.totals();
        self.metrics.checkpoints = self.checkpoints.as_ref().map(Checkpoints::metrics);
        let health = self.consumer.health();
        self.metrics.brokers = Some(BrokerMetrics {
            up: health.brokers_up as u64,
            rebalances: health.rebalances_total,
            faults: health.faults_total,
        });
        self.metrics.lag = self
            .consumer
            .lag()
            .into_iter()
            .map(|lag| PartitionLag {
                topic: self
                    .topics
                    .name(lag.partition.kind)
                    .unwrap_or_default()
                    .to_owned(),
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
