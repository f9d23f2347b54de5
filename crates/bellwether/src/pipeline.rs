//! The straight walk: what a source delivers in one turn goes in, verdicts go out.
//!
//! `demo`, `run` and `replay` differ in where a turn comes from and in which sinks there are; nothing else.

use crate::course::Course;
use crate::encoder::Embedder;
use crate::failure::Failure;
use crate::history::Windows;
use crate::sinks::Sinks;
use crate::state::Bookmark;
use crate::work_sets::WorkSets;
use bellwether_api::{
    BrokerMetrics, CheckpointMetrics, MemberMetrics, PipelineMetrics, RecordPlace, RejectedRecords, TopicKind,
};
use bellwether_events::{LabelBatch, ObservationBatch, Reject, RejectReason};
use bellwether_ingest::RawMessage;
use bellwether_monitor::{
    Engine, Evidence, KeepText, ModelStatus, PendingError, Switch, TaskReports, TimelineLine, WorkMaterial,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far event time may be released after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// Nothing: a source has not said how far it is.
    Hold,
    /// Everything strictly before, in milliseconds since the epoch.
    Before(i64),
    /// Everything: the stream is over.
    All,
}

impl Release {
    /// Everything strictly before this time, in milliseconds since the epoch, is released.
    pub(crate) fn before_ms(self) -> i64 {
        match self {
            Self::Hold => i64::MIN,
            Self::Before(ms) => ms,
            Self::All => i64::MAX,
        }
    }
}

/// What cannot be used of a record.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) kind: TopicKind,
    pub(crate) reject: Reject,
    /// Where the record lies; `None` outside of Kafka.
    pub(crate) place: Option<RecordPlace>,
}

impl Refused {
    pub(crate) fn of_record(message: &RawMessage, kind: TopicKind, reject: Reject) -> Self {
        Self {
            kind,
            reject,
            place: Some(RecordPlace {
                partition: message.partition.partition,
                offset: message.offset,
            }),
        }
    }

    pub(crate) fn of_row(kind: TopicKind, reject: Reject) -> Self {
        Self {
            kind,
            reject,
            place: None,
        }
    }
}

/// What a source delivers in one turn.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) observations: Option<ObservationBatch>,
    /// Observations that another process has scored.
    pub(crate) evidence: Option<Evidence>,
    pub(crate) labels: LabelBatch,
    pub(crate) rejects: Vec<Refused>,
    pub(crate) release: Release,
}

impl Turn {
    /// The last turn: nothing more comes, and what is buffered is judged.
    pub(crate) fn last() -> Self {
        Self {
            observations: None,
            evidence: None,
            labels: LabelBatch::new(),
            rejects: Vec::new(),
            release: Release::All,
        }
    }
}

/// The monitor with its sinks and the pipeline's own counters.
#[derive(Debug)]
pub(crate) struct Pipeline {
    engine: Engine,
    sinks: Sinks,
    embedder: Option<Arc<Embedder>>,
    switch: Option<Switch>,
    /// The history, where one is kept.
    windows: Option<Windows>,
    metrics: PipelineMetrics,
    /// When the course of a recording has its next point, where it is drawn.
    course: Option<Course>,
    /// What the next status may reuse: it is published several times a second.
    reports: TaskReports,
    /// How many, and where the last of them lies.
    rejected: BTreeMap<(TopicKind, RejectReason), (u64, Option<RecordPlace>)>,
}

impl Pipeline {
    pub(crate) fn new(engine: Engine, sinks: Sinks, windows: Option<Windows>) -> Self {
        sinks.status(engine.status());
        Self {
            engine,
            sinks,
            embedder: None,
            switch: None,
            windows,
            metrics: PipelineMetrics::default(),
            course: None,
            reports: TaskReports::new(),
            rejected: BTreeMap::new(),
        }
    }

    /// From now on keeps of texts what the owner allows.
    pub(crate) fn keep_texts(&mut self, texts: Arc<dyn KeepText>) {
        self.engine.keep_texts(texts);
    }

    /// Publishes the state at round times of the stream as well: so the course of a recording does not depend on its turns.
    pub(crate) fn draw_course(&mut self) {
        self.course = Some(Course::new());
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Embeds texts that come without a vector, and holds others to what is known of the encoder.
    pub(crate) fn embed_with(&mut self, embedder: Option<Arc<Embedder>>) {
        self.embedder = embedder;
    }

    /// The change of encoder that the stream has made: from its first event on another reference has to judge.
    pub(crate) fn switch(&self) -> Option<&Switch> {
        self.switch.as_ref()
    }

    /// Goes on with another engine, which begins where the former one has ended.
    pub(crate) fn go_over(&mut self, engine: Engine) {
        if let Some(windows) = &mut self.windows {
            windows.go_over(&self.engine, &engine);
        }
        self.engine = engine;
        self.switch = None;
        self.reports = TaskReports::new();
    }

    /// Everything that happens to a turn, in order: count, embed, score, put in time order, judge, publish. Returns how far
    /// event time was released: less than was to be where the stream may be going over to another encoder.
    ///
    /// # Errors
    /// [`Failure`] when what waits for labels cannot be read or written, or a sink does not accept; then the source's offsets
    /// must not be committed.
    pub(crate) async fn turn(&mut self, turn: Turn) -> Result<Release, Failure> {
        self.count(&turn);
        // Embedding, scoring and judging take milliseconds: not on a thread that serves sockets.
        let (lines, release) = tokio::task::block_in_place(|| {
            if let Some(mut observations) = turn.observations {
                if let Some(embedder) = &self.embedder {
                    embedder.embed(&mut observations, self.engine.reference())?;
                }
                self.engine.push_observations(observations);
            }
            if let Some(evidence) = turn.evidence {
                self.engine.push_evidence(evidence);
            }
            self.engine.push_labels(turn.labels);
            let release = self.releasable(turn.release);
            let lines = self.judge(release).map_err(|error| {
                Failure::at_work("cannot go on with what waits for labels").because(&error)
            })?;
            Ok::<_, Failure>((lines, release))
        })?;
        let work = self.engine.take_work();
        self.sinks.lines(&lines).await?;
        self.sinks.work(work)?;
        if let Some(windows) = &mut self.windows {
            windows.relieve().await?;
        }
        Ok(release)
    }

    /// Judges what is released, and publishes the state on the way where the course is drawn.
    fn judge(&mut self, release: Release) -> Result<Vec<TimelineLine>, PendingError> {
        let Some(mut course) = self.course.take() else {
            return self.judge_at_once(release);
        };
        let mut lines = Vec::new();
        loop {
            let span = self.engine.buffered_span_ms();
            let before_ms = match (release, span) {
                // Nothing is behind the newest event, and no window is to end there.
                (Release::All, Some((_, newest))) => newest,
                (Release::All, None) => break,
                _ => release.before_ms(),
            };
            let Some(at_ms) = course.next(span.map(|(oldest, _)| oldest), before_ms) else {
                break;
            };
            lines.extend(self.judge_at_once(Release::Before(at_ms))?);
            self.sinks.status(self.engine.outline());
        }
        self.course = Some(course);
        lines.extend(self.judge_at_once(release)?);
        Ok(lines)
    }

    fn judge_at_once(&mut self, release: Release) -> Result<Vec<TimelineLine>, PendingError> {
        match (&mut self.windows, release) {
            (Some(windows), release) => windows.release(&mut self.engine, release),
            (None, Release::Hold) => Ok(Vec::new()),
            (None, Release::Before(watermark_ms)) => self.engine.advance(watermark_ms),
            (None, Release::All) => self.engine.drain(),
        }
    }

    /// What of a release may be judged by the reference in force.
    fn releasable(&mut self, release: Release) -> Release {
        let to_ms = release.before_ms();
        let may_ms = self.engine.releasable(to_ms);
        if may_ms == to_ms {
            return release;
        }
        self.switch = self.engine.switch(to_ms);
        Release::Before(may_ms)
    }

    /// The newest material, where the sinks collect it.
    pub(crate) fn newest_material(self) -> Option<WorkMaterial> {
        match self.sinks.work_sets? {
            WorkSets::Newest(_, newest) => newest.map(|material| *material),
            WorkSets::Folder(_) => None,
        }
    }

    /// Makes what the sinks have durable, and notes where they stand. Says whether all of it is durable: otherwise no checkpoint
    /// may be taken.
    pub(crate) async fn settle(&mut self, bookmark: &mut Bookmark) -> Result<bool, Failure> {
        self.sinks.settle(bookmark)?;
        let Some(windows) = &mut self.windows else {
            return Ok(true);
        };
        bookmark.history = Some(windows.kept(&self.engine));
        windows.write().await
    }

    /// Writes what is left of the history of a recording. Says how many windows were not there before.
    pub(crate) async fn finish_history(&mut self) -> Result<Option<usize>, Failure> {
        let Some(windows) = &mut self.windows else {
            return Ok(None);
        };
        windows.write().await?;
        Ok(Some(windows.written()))
    }

    fn count(&mut self, turn: &Turn) {
        let rows = turn.observations.as_ref().map_or(0, ObservationBatch::len)
            + turn.evidence.as_ref().map_or(0, Evidence::len);
        if rows > 0 {
            self.metrics.batch_sizes.observe(rows);
        }
        self.metrics.decoded_observations += rows as u64;
        self.metrics.decoded_labels += turn.labels.len() as u64;
        for refused in &turn.rejects {
            let (total, last) = self
                .rejected
                .entry((refused.kind, refused.reject.reason))
                .or_default();
            *total += 1;
            *last = refused.place.or(*last);
        }
    }

    /// Rejected records so far.
    pub(crate) fn rejected_total(&self) -> u64 {
        self.rejected.values().map(|(total, _)| total).sum()
    }

    /// Shows the state at this moment to whoever looks.
    pub(crate) fn publish_status(&mut self, source: SourceMetrics) {
        self.metrics.rejected = self
            .rejected
            .iter()
            .map(|(&(kind, reason), &(total, last))| RejectedRecords {
                kind,
                reason: reason.as_str(),
                total,
                last,
            })
            .collect();
        self.metrics.dead_letters_published = source.dead_letters_published;
        self.metrics.dead_letters_failed = source.dead_letters_failed;
        self.metrics.schema_fetches_failed = source.schema_fetches_failed;
        (self.metrics.waiting_records, self.metrics.waiting_bytes) = source.waiting;
        self.metrics.buffered_bytes = self.engine.buffered_bytes();
        self.metrics.buffered_bytes_limit = source.buffered_bytes_limit;
        self.metrics.held_partitions = source.held_partitions;
        self.metrics.brokers = source.brokers;
        self.metrics.checkpoints = source.checkpoints;
        self.metrics.member = source.member;
        self.metrics.lag = source.lag;
        self.metrics.last_poll_ms = source.last_poll_ms;
        self.metrics.progress_ratio = source.progress_ratio;
        let (engine, reports) = (&self.engine, &mut self.reports);
        self.sinks
            .status(tokio::task::block_in_place(|| engine.status_reusing(reports)));
        self.sinks.metrics(self.metrics.clone());
    }

    /// Shows a recording as it stands at its end, with reports of that moment.
    pub(crate) fn publish_end(&mut self) {
        // Reports that are reused may be older than the end.
        self.reports = TaskReports::new();
        self.publish_status(SourceMetrics {
            progress_ratio: Some(1.0),
            ..SourceMetrics::default()
        });
    }

    /// The state at this moment.
    pub(crate) fn status(&self) -> ModelStatus {
        self.engine.status()
    }
}

/// What the source says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceMetrics {
    pub(crate) dead_letters_published: u64,
    pub(crate) dead_letters_failed: u64,
    pub(crate) schema_fetches_failed: u64,
    /// Records that wait for another, and their bytes.
    pub(crate) waiting: (u64, u64),
    pub(crate) brokers: Option<BrokerMetrics>,
    pub(crate) buffered_bytes_limit: Option<u64>,
    pub(crate) held_partitions: u64,
    /// Without a state directory none is ever taken.
    pub(crate) checkpoints: Option<CheckpointMetrics>,
    /// One instance of several has a part in the work.
    pub(crate) member: Option<MemberMetrics>,
    pub(crate) lag: Vec<bellwether_api::PartitionLag>,
    pub(crate) last_poll_ms: Option<i64>,
    pub(crate) progress_ratio: Option<f64>,
}
