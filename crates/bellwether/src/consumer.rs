//! Turns from Kafka: take what a feed delivers, watermark, pipeline, checkpoint, commit.

use crate::config::Payloads;
use crate::failure::Failure;
use crate::feed::{Delivered, Feed, TopicFeed, cannot_consume};
use crate::letters::Letters;
use crate::pipeline::{Pipeline, Refused, Release, SourceMetrics, Turn};
use crate::state::{Bookmark, Checkpoints};
use bellwether_ingest::{Config, NextOffset, PartitionTracker, Progress, TopicPartition, Topics, Watermark};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the state is shown to whoever looks.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// How far, in event time, one partition may run ahead of the slowest before it is held: what is buffered stays bounded.
pub(crate) const AHEAD_LIMIT_MS: i64 = 6 * 3_600_000;

/// How long the last commit may take: without brokers it would use up all the time that a stop has.
const LAST_COMMIT: Duration = Duration::from_secs(5);

/// Everything that takes part in consuming one model's topics.
pub(crate) struct KafkaSource<F> {
    topics: Topics,
    feed: F,
    tracker: PartitionTracker,
    letters: Letters,
    checkpoints: Option<Checkpoints>,
    others_from_oldest: bool,
    max_buffered_bytes: u64,
    /// Event time before which everything was released.
    released_ms: i64,
    metrics: SourceMetrics,
    published: Option<Instant>,
    silence: Option<Silence>,
    /// The newest event time that was read.
    newest_ms: Option<i64>,
}

/// A time in which every partition was at its end.
struct Silence {
    since: Instant,
    newest_ms: i64,
}

impl KafkaSource<TopicFeed> {
    /// Connects and subscribes, with nothing to go on from.
    pub(crate) async fn start(config: &Config, payloads: &Payloads) -> Result<Self, Failure> {
        let bookmark = Bookmark::default();
        let feed = TopicFeed::start(config, payloads, &bookmark).await?;
        Self::resume(config, feed, None, &bookmark).await
    }
}

impl<F: Feed> KafkaSource<F> {
    /// Goes on with a feed where the bookmark says. Waits for brokers that are away where it has to know what was written after
    /// the bookmark.
    pub(crate) async fn resume(
        config: &Config,
        feed: F,
        checkpoints: Option<Checkpoints>,
        bookmark: &Bookmark,
    ) -> Result<Self, Failure> {
        let mut letters = Letters::new(config).map_err(|error| cannot_consume(config, &error))?;
        if checkpoints.is_some() {
            letters.resume(config, bookmark.dead_letters.as_ref()).await?;
        }
        let topics = Topics::new(config);
        let progress = bookmark.progress(&topics);
        let newest_ms = progress.values().filter_map(|progress| progress.newest_ms).max();
        Ok(Self {
            topics,
            feed,
            others_from_oldest: bookmark.others_from_oldest,
            max_buffered_bytes: config.max_buffered_bytes,
            tracker: PartitionTracker::resume(config.idle_timeout, progress, Instant::now()),
            letters,
            checkpoints,
            released_ms: bookmark.released_ms.unwrap_or(i64::MIN),
            metrics: SourceMetrics::default(),
            published: None,
            newest_ms,
            silence: newest_ms.map(|newest_ms| Silence {
                since: Instant::now(),
                newest_ms,
            }),
        })
    }

    /// Before the first turn: a state that is new is kept before anything is written, so that a crash finds where to begin.
    pub(crate) async fn begin(&mut self, pipeline: &mut Pipeline) -> Result<(), Failure> {
        match &self.checkpoints {
            Some(checkpoints) if !checkpoints.any() => {
                self.checkpoint(pipeline, Instant::now()).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// One turn of the loop. Returns what was read, and whether every partition is at its end.
    pub(crate) async fn turn(&mut self, pipeline: &mut Pipeline) -> Result<TurnReport, Failure> {
        let delivered = self.feed.next(pipeline.engine().reference()).await?;
        let wall = Instant::now();
        let Some(delivered) = delivered else {
            self.publish(pipeline, wall);
            return Ok(TurnReport::default());
        };
        let now = delivered.now;
        self.tracker.apply(&delivered.events, now);
        for &(partition, next, event_time_ms) in &delivered.read {
            self.tracker.record(partition, next, event_time_ms, now);
        }
        let rejects = self.reject(&delivered).await?;
        let watermark = self.tracker.watermark(now);
        let release = self.release(watermark, &delivered, pipeline.engine().allowed_lateness_ms());
        let report = TurnReport {
            messages: delivered.messages,
            bytes: delivered.bytes,
            drained: watermark == Watermark::Drained,
        };
        let turn = Turn {
            observations: Some(delivered.observations),
            evidence: delivered.evidence,
            labels: delivered.labels,
            rejects,
            release,
        };
        let release = pipeline.turn(turn).await?;
        self.released_ms = release.before_ms().max(self.released_ms);
        self.feed.read_to(self.tracker.delivered());
        self.settle(pipeline, wall).await?;
        let ahead_ms = if pipeline.engine().buffered_bytes() > self.max_buffered_bytes {
            0
        } else {
            AHEAD_LIMIT_MS
        };
        self.feed.hold(&self.tracker.ahead_of(ahead_ms));
        self.publish(pipeline, wall);
        Ok(report)
    }

    /// Commits and shows the final state. With a state directory what is buffered waits there for the next process; without
    /// one it is judged now.
    pub(crate) async fn finish(&mut self, pipeline: &mut Pipeline) -> Result<(), Failure> {
        if self.checkpoints.is_some() {
            self.checkpoint(pipeline, Instant::now()).await?;
        } else {
            pipeline.turn(Turn::last()).await?;
            self.released_ms = i64::MAX;
        }
        self.commit_for_the_last_time().await;
        self.published = None;
        self.publish(pipeline, Instant::now());
        Ok(())
    }

    async fn commit_for_the_last_time(&mut self) {
        if tokio::time::timeout(LAST_COMMIT, self.commit()).await.is_err() {
            tracing::warn!("The last offsets were not committed: the brokers do not answer");
        }
    }

    /// Keeps the state for a monitor with another reference, which begins with what was not judged. Returns false where it cannot
    /// be kept for now.
    pub(crate) async fn hand_over(&mut self, pipeline: &mut Pipeline) -> Result<bool, Failure> {
        // So that the checkpoint says how far it was released as of now, not as of the last commit.
        self.tracker.committable(self.released_ms);
        if !self.checkpoint(pipeline, Instant::now()).await? {
            return Ok(false);
        }
        self.commit_for_the_last_time().await;
        Ok(true)
    }

    /// How far event time may go: the slowest partition's, less what may come late. In a silence of all partitions event
    /// time goes on as the clock does, so that what is buffered does not wait for ever.
    fn release(&mut self, watermark: Watermark, delivered: &Delivered, lateness_ms: i64) -> Release {
        let now = delivered.now;
        let newest = delivered
            .read
            .iter()
            .filter_map(|(_, _, event_time_ms)| *event_time_ms);
        // Also of what came before there was a watermark.
        self.newest_ms = self.newest_ms.max(newest.max());
        match watermark {
            Watermark::None => Release::Hold,
            Watermark::At(ms) => {
                self.silence = Some(Silence {
                    since: now,
                    newest_ms: self.newest_ms.map_or(ms, |newest| newest.max(ms)),
                });
                Release::Before(ms.saturating_sub(lateness_ms))
            }
            Watermark::Drained => {
                // All may have come and gone silent before there was a watermark.
                let begun = self.newest_ms.map(|newest_ms| Silence {
                    since: now,
                    newest_ms,
                });
                self.silence = self.silence.take().or(begun);
                let Some(silence) = &self.silence else {
                    return Release::Hold;
                };
                let passed = now.saturating_duration_since(silence.since).as_millis();
                let passed = i64::try_from(passed).unwrap_or(i64::MAX);
                let newest_ms = self.newest_ms.unwrap_or(i64::MIN).max(silence.newest_ms);
                Release::Before(newest_ms.saturating_add(passed).saturating_sub(lateness_ms))
            }
        }
    }

    /// Keeps what was refused; returns it to be counted.
    async fn reject(&mut self, delivered: &Delivered) -> Result<Vec<Refused>, Failure> {
        let mut counted = Vec::new();
        for (message, kind, reject) in &delivered.refused {
            self.letters.keep(message, reject).await?;
            counted.push(Refused::of_record(message, *kind, reject.clone()));
        }
        Ok(counted)
    }

    /// Takes a checkpoint when it is time, and commits what it holds as released; without a state directory, what the sinks
    /// have accepted.
    async fn settle(&mut self, pipeline: &mut Pipeline, now: Instant) -> Result<(), Failure> {
        match &self.checkpoints {
            None => self.commit().await,
            Some(checkpoints) if checkpoints.due(now) => {
                if self.checkpoint(pipeline, now).await? {
                    self.commit_in_background();
                }
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Keeps the state with what belongs to it. Where that fails, the checkpoint before counts. Returns whether it is kept.
    async fn checkpoint(&mut self, pipeline: &mut Pipeline, now: Instant) -> Result<bool, Failure> {
        let mut bookmark = self.bookmark();
        if !pipeline.settle(&mut bookmark).await? {
            return Ok(false);
        }
        self.checkpoints.as_mut().map_or(Ok(false), |checkpoints| {
            tokio::task::block_in_place(|| checkpoints.take(pipeline.engine(), &bookmark, now))
        })
    }

    /// Commits what has been released and does not wait: with a state that is kept, the group's offsets are for others to see.
    fn commit_in_background(&mut self) {
        let offsets = self.tracker.committable(self.released_ms);
        let done = self.feed.commit_in_background(&offsets);
        self.committed(&offsets, done);
    }

    /// Commits what has been released.
    async fn commit(&mut self) {
        let offsets = self.tracker.committable(self.released_ms);
        let done = self.feed.commit(&offsets).await;
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

    /// Where reading stands, and the dead letters.
    fn bookmark(&mut self) -> Bookmark {
        let progress = self.tracker.progress();
        let halves = self.feed.halves();
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
            released_ms: (self.released_ms > i64::MIN).then_some(self.released_ms),
            ..Bookmark::default()
        };
        self.feed.mark(&mut bookmark);
        bookmark
    }

    fn publish(&mut self, pipeline: &mut Pipeline, now: Instant) {
        if self.published.is_some_and(|last| now - last < PUBLISH_EVERY) {
            return;
        }
        self.published = Some(now);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.metrics.last_poll_ms = i64::try_from(wall.as_millis()).ok();
        (
            self.metrics.dead_letters_published,
            self.metrics.dead_letters_failed,
        ) = self.letters.totals();
        self.metrics.buffered_bytes_limit = Some(self.max_buffered_bytes);
        self.metrics.checkpoints = self.checkpoints.as_ref().map(Checkpoints::metrics);
        self.feed.show(&mut self.metrics);
        pipeline.publish_status(self.metrics.clone());
    }

    /// Share of a finite stream that has been played.
    pub(crate) fn set_progress(&mut self, ratio: f64) {
        self.metrics.progress_ratio = Some(ratio);
    }

    /// Leaves the brokers.
    pub(crate) async fn close(self) {
        self.feed.close().await;
    }
}

/// What one turn did.
#[derive(Debug, Default)]
pub(crate) struct TurnReport {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) drained: bool,
}
