//! The straight walk from batches to verdicts: score, put in order, join, judge.

use crate::config::MonitorConfig;
use crate::drift::{DriftReport, DriftSources};
use crate::evidence::Evidence;
use crate::forgetting::NO_VERSION;
use crate::join::{EventKey, JoinTable, Joined, PendingError, PendingObservation, PendingStore};
use crate::judge::{Judge, TEXTS_LOOKED_AT_MS};
use crate::outcome::{Outcome, TagIndex};
use crate::quality::{
    Facts, LabelRecord, Labelling, QualityLog, QualityReport, ReportSources, StoredProbabilities, Unlabelled,
};
use crate::reference::Reference;
use crate::reports::TaskReports;
use crate::score::ScoredBatch;
use crate::sequencer::{Item, Sequencer};
use crate::signal::Signal;
use crate::slices::SliceSet;
use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use crate::status::{ModelStatus, PipelineCounts};
use crate::texts::{KeepNoText, KeepText};
use crate::timeline::TimelineLine;
use crate::windows::TaskCounts;
use crate::work::WorkMaterial;
use bellwether_events::{LabelBatch, LabelRow, ModelSchema, ObservationBatch, TaskId};
use std::sync::Arc;

/// The monitor of one model: give it batches in any order and a watermark, take the changes of state.
#[derive(Debug)]
pub struct Engine {
    reference: Arc<Reference>,
    tags: Vec<TagIndex>,
    sequencer: Sequencer,
    joins: JoinTable,
    judge: Judge,
    quality: Vec<QualityLog>,
    counts: PipelineCounts,
    /// What is kept of texts once they are scored.
    texts: Arc<dyn KeepText>,
}

impl Engine {
    /// An engine that has seen nothing. All that waits for a label lies in memory.
    #[must_use]
    pub fn new(reference: Arc<Reference>, config: MonitorConfig) -> Self {
        Self::with_joins(reference, config, JoinTable::default())
    }

    /// An engine that has seen nothing, and will move observations that wait for their labels to `store` when more than
    /// `max_pending_in_memory` do.
    ///
    /// # Errors
    /// [`SnapshotError::OtherPendingStore`] when the store is not empty: what it holds is another's.
    pub fn with_pending_store(
        reference: Arc<Reference>,
        config: MonitorConfig,
        store: Box<dyn PendingStore>,
    ) -> Result<Self, SnapshotError> {
        let span = store.span();
        if !span.is_empty() {
            return Err(SnapshotError::OtherPendingStore {
                snapshot: 0..0,
                store: span,
            });
        }
        Ok(Self::with_joins(reference, config, JoinTable::with_store(store)))
    }

    pub(crate) fn with_joins(reference: Arc<Reference>, config: MonitorConfig, joins: JoinTable) -> Self {
        let schema = reference.schema();
        Self {
            tags: schema.tasks().map(|t| TagIndex::new(schema.spec(t))).collect(),
            sequencer: Sequencer::default(),
            joins,
            quality: schema
                .tasks()
                .map(|t| QualityLog::new(reference.quality(t).edges, &config))
                .collect(),
            judge: Judge::new(Arc::clone(&reference), config),
            counts: PipelineCounts::default(),
            texts: Arc::new(KeepNoText),
            reference,
        }
    }

    /// The model's tasks and embedding width.
    #[must_use]
    pub fn schema(&self) -> &ModelSchema {
        self.reference.schema()
    }

    /// The reference in force.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    pub(crate) fn config(&self) -> &MonitorConfig {
        &self.judge.config
    }

    /// From now on keeps of each text what `texts` makes of it; without, nothing is kept.
    pub fn keep_texts(&mut self, texts: Arc<dyn KeepText>) {
        self.texts = texts;
    }

    /// The material of the work sets that were due since the last time of asking, in order. Nothing unless
    /// [`MonitorConfig::work_sets`] asks for it; then it has to be taken after each [`advance`](Self::advance).
    pub fn take_work(&mut self) -> Vec<WorkMaterial> {
        std::mem::take(&mut self.judge.work)
    }

    /// How late an observation may be against the newest of its source, in milliseconds.
    #[must_use]
    pub fn allowed_lateness_ms(&self) -> i64 {
        self.judge.config.allowed_lateness_ms
    }

    /// What waits for the watermark takes so many bytes, near enough for a bound.
    #[must_use]
    pub fn buffered_bytes(&self) -> u64 {
        self.sequencer.bytes() as u64
    }

    /// Times of the oldest and the newest event that wait for the watermark, in milliseconds since the epoch.
    #[must_use]
    pub fn buffered_span_ms(&self) -> Option<(i64, i64)> {
        let newest = self.sequencer.newest_ms()?;
        Some((self.sequencer.oldest_before(i64::MAX).unwrap_or(newest), newest))
    }

    /// Scores observations and buffers them until the watermark passes them.
    pub fn push_observations(&mut self, observations: ObservationBatch) {
        self.push_evidence(Evidence::score(observations, &self.reference, &*self.texts));
    }

    /// Buffers observations that are scored already, against the same reference, until the watermark passes them.
    pub fn push_evidence(&mut self, evidence: Evidence) {
        let mut batch = evidence.into_batch();
        for (_, note) in std::mem::take(&mut batch.notes) {
            self.sequencer.push(Item::Note(Box::new(note)));
        }
        let batch = Arc::new(batch);
        for row in 0..batch.len() {
            self.sequencer.push(Item::Observation {
                batch: Arc::clone(&batch),
                row,
            });
        }
    }

    /// Buffers labels until the watermark passes them.
    pub fn push_labels(&mut self, labels: LabelBatch) {
        for label in labels {
            self.sequencer.push(Item::Label(Box::new(label)));
        }
    }

    /// Judges everything strictly before `watermark_ms`, in order of event time.
    ///
    /// # Errors
    /// [`PendingError`] when the store of pending observations fails, never without such a store. The engine stands amid
    /// a step then and must not be used further.
    pub fn advance(&mut self, watermark_ms: i64) -> Result<Vec<TimelineLine>, PendingError> {
        let mut lines = Vec::new();
        for (item, late) in self.sequencer.release(watermark_ms) {
            match item {
                Item::Observation { batch, row } => self.observation(&batch, row, late, &mut lines)?,
                Item::Label(label) => self.label(&label, &mut lines)?,
                // Like a late observation, a late note is not for the detectors, which go in order.
                Item::Note(note) if !late => self.judge.encoder(&note, &mut lines),
                Item::Note(_) => {}
            }
            self.joins.settle(self.judge.now_ms, &self.judge.config)?;
        }
        Ok(lines)
    }

    /// Judges all that is buffered: the stream has ended, or has been silent for long. What comes later than the newest
    /// of it is not late.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn drain(&mut self) -> Result<Vec<TimelineLine>, PendingError> {
        match self.sequencer.newest_ms() {
            Some(newest) => self.advance(newest.saturating_add(1)),
            None => Ok(Vec::new()),
        }
    }

    fn observation(
        &mut self,
        batch: &ScoredBatch,
        row: usize,
        late: bool,
        lines: &mut Vec<TimelineLine>,
    ) -> Result<(), PendingError> {
        let event_id = batch.observations.event_id(row);
        let key = EventKey::of(event_id);
        if self.joins.contains(key)? {
            self.counts.duplicate_observations += 1;
            return Ok(());
        }
        // The detectors take observations in order only; a late one still counts for labelled quality.
        let place = if late {
            self.counts.late_observations += 1;
            None
        } else {
            self.counts.observations += 1;
            Some(self.judge.observe(batch, row, lines))
        };
        let probabilities = StoredProbabilities::new(
            batch.observations.class_probabilities(row),
            self.judge.config.probability_classes,
        );
        let log = &mut self.quality[batch.observations.tasks()[row].index()];
        let confidence = f64::from(batch.observations.confidences()[row]);
        log.count(batch.observations.timestamps_ms()[row], confidence);
        if place.is_some_and(|p| !p.repeated) {
            log.observe(Unlabelled {
                class: batch.class(row),
                confidence,
                probabilities: probabilities.clone(),
            });
        }
        let p_novelty = batch.score(row).p_novelty;
        let pending = PendingObservation::new(&batch.observations, row, place, p_novelty, probabilities);
        if let Some((labelled_ms, label)) = self.joins.take_label(key) {
            self.joined(&pending, event_id, labelled_ms, &label, lines);
            self.joins.add_labelled(key, pending);
        } else {
            self.joins.add_waiting(key, pending);
        }
        Ok(())
    }

    fn label(&mut self, label: &LabelRow, lines: &mut Vec<TimelineLine>) -> Result<(), PendingError> {
        let (id, at) = (&label.event_id, label.timestamp_ms);
        let (reference, judge) = (&self.reference, &self.judge);
        let of_model =
            |observation: &PendingObservation| observation.fits(reference, |task| judge.slices_of(task));
        match self.joins.add_label(id, &label.label, at, of_model)? {
            Joined::Observation(observation) => {
                self.joined(&observation, id, at, &label.label, lines);
            }
            Joined::Duplicate => self.counts.duplicate_labels += 1,
            Joined::Waits => {}
        }
        Ok(())
    }

    fn joined(
        &mut self,
        observation: &PendingObservation,
        event_id: &str,
        labelled_ms: i64,
        label: &str,
        lines: &mut Vec<TimelineLine>,
    ) {
        self.counts.labels += 1;
        let facts = observation.facts(self.reference.schema(), &self.tags, label);
        let outcome = facts.as_ref().map_or(Outcome::Unreadable, Facts::outcome);
        let loss = match (outcome, &self.reference.task(observation.task).regression) {
            (Outcome::Number { absolute_error }, Some(bet)) => bet.rank(absolute_error),
            (outcome, _) => outcome.loss(),
        };
        let record = LabelRecord {
            step: observation.place.map(|p| p.step),
            observed_ms: observation.timestamp_ms,
            labelled_ms,
            p_novelty: observation.p_novelty,
            stratum: observation.place.and_then(|p| p.stratum),
            slices: observation.place.map_or(SliceSet::empty(), |p| p.slices),
            version: observation.place.map_or(NO_VERSION, |p| p.version),
            repeated: observation.place.is_some_and(|p| p.repeated),
            outcome,
            loss,
        };
        self.judge.label(observation.task, record, lines);
        if let Some(facts) = facts {
            let labelling = Labelling {
                record,
                facts,
                hash: twox_hash::XxHash64::oneshot(0, event_id.as_bytes()),
            };
            self.quality[observation.task.index()].label(labelling, self.judge.now_ms);
        }
    }

    /// As [`Sequencer::with_awaited`].
    pub(crate) fn with_awaited(&self, watermark_ms: i64) -> Vec<&Item> {
        self.sequencer.with_awaited(watermark_ms)
    }

    /// Oldest time in the buffer that is strictly before `watermark_ms`.
    pub(crate) fn oldest_before(&self, watermark_ms: i64) -> Option<i64> {
        self.sequencer.oldest_before(watermark_ms)
    }

    /// Newest time in the buffer.
    pub(crate) fn newest_buffered_ms(&self) -> Option<i64> {
        self.sequencer.newest_ms()
    }

    /// Names of the tasks, in their order.
    pub(crate) fn task_names(&self) -> impl Iterator<Item = &str> {
        let schema = self.schema();
        schema.tasks().map(|task| schema.name(task))
    }

    /// What went through since start, without what waits.
    pub(crate) fn totals(&self) -> PipelineCounts {
        self.counts
    }

    /// Observations and labels of each task since start.
    pub(crate) fn task_totals(&self) -> impl Iterator<Item = TaskCounts> {
        self.judge.tasks.iter().map(|task| TaskCounts {
            observations: task.seen(),
            labels: task.labelled.total(),
        })
    }

    /// The state at this moment with the quality reports of the tasks that are wanted, by their place, without drift reports and
    /// counters: what waits depends on how things came.
    pub(crate) fn summary(&self, wanted: impl Fn(usize) -> bool) -> ModelStatus {
        let quality = |task: TaskId| {
            if wanted(task.index()) {
                self.report(task)
            } else {
                QualityReport::empty(self.schema().spec(task).kind)
            }
        };
        ModelStatus {
            counts: PipelineCounts::default(),
            ..self.status_with(quality, |_| DriftReport::empty())
        }
    }

    /// Counters since start.
    #[must_use]
    pub fn counts(&self) -> PipelineCounts {
        let (waiting, evictions) = (self.joins.waiting(), self.joins.evictions());
        PipelineCounts {
            pending_observations: waiting.observations,
            pending_observations_on_disk: waiting.on_disk,
            pending_labels: waiting.labels,
            orphan_labels: evictions.labels_by_age + evictions.labels_by_number,
            evicted_observations_by_age: evictions.observations_by_age,
            evicted_observations_by_number: evictions.observations_by_number,
            evicted_labels_by_age: evictions.labels_by_age,
            evicted_labels_by_number: evictions.labels_by_number,
            buffered: self.sequencer.len() as u64,
            ..self.counts
        }
    }

    /// The state at this moment. O(tasks · window · (classes · log window + classes² + dim · shuffles)): some ten
    /// milliseconds a task, most of it its drift report.
    #[must_use]
    pub fn status(&self) -> ModelStatus {
        self.status_with(|task| self.report(task), |task| self.drift_report(task))
    }

    /// The state at this moment, its reports taken from `reports` where nothing has happened since; of those that are
    /// older only the oldest few are made anew. For whoever looks several times a second: each report says as of when
    /// it is.
    pub fn status_reusing(&self, reports: &mut TaskReports) -> ModelStatus {
        let versions = |looked: i64| {
            self.schema().tasks().map(move |task| {
                let state = &self.judge.tasks[task.index()];
                (task, (state.seen(), state.labelled.total(), looked))
            })
        };
        reports.quality.renew(versions(0), |t| self.report(t));
        // A drift report shows texts, and is made anew when they may have to go.
        let looked = self.judge.now_ms.div_euclid(TEXTS_LOOKED_AT_MS);
        reports.drift.renew(versions(looked), |t| self.drift_report(t));
        self.status_with(
            |task| reports.quality.get(task).unwrap_or_else(|| self.report(task)),
            |task| reports.drift.get(task).unwrap_or_else(|| self.drift_report(task)),
        )
    }

    /// The state at this moment without the tasks' reports: for courses, which have a point every few minutes of event time.
    #[must_use]
    pub fn outline(&self) -> ModelStatus {
        ModelStatus {
            counts: self.counts(),
            ..self.judge.status()
        }
    }

    fn status_with(
        &self,
        quality: impl Fn(TaskId) -> QualityReport,
        drift: impl Fn(TaskId) -> DriftReport,
    ) -> ModelStatus {
        let mut status = self.judge.status();
        for (task, id) in status.tasks.iter_mut().zip(self.schema().tasks()) {
            task.report = quality(id);
            task.drift = drift(id);
        }
        ModelStatus {
            counts: self.counts(),
            ..status
        }
    }

    fn drift_report(&self, task: TaskId) -> DriftReport {
        let state = &self.judge.tasks[task.index()];
        let onsets = state.signals.all().into_iter().filter_map(Signal::active);
        DriftSources {
            spec: self.schema().spec(task),
            task: self.reference.task(task),
            reference: self.reference.drift(task),
            features: self.reference.features(),
            recent: &state.recent,
            onset_ms: onsets.map(|onset| onset.timestamp_ms).min(),
            now_ms: self.judge.now_ms,
            text_retention_ms: self.judge.config.text_retention_ms,
        }
        .report()
    }

    fn report(&self, task: TaskId) -> QualityReport {
        let state = &self.judge.tasks[task.index()];
        ReportSources {
            spec: self.schema().spec(task),
            task: self.reference.task(task),
            reference: self.reference.quality(task),
            log: &self.quality[task.index()],
            recent: &state.recent,
            now_ms: self.judge.now_ms,
        }
        .report(|record| !record.repeated && state.speaks_of_the_present(record))
    }
}

impl State for Engine {
    fn write(&self, out: &mut Writer) {
        self.judge.write(out);
        self.quality.write(out);
        self.joins.write(out);
        self.sequencer.write(out);
        out.put(&self.counts);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.judge.read(from)?;
        self.quality.read(from)?;
        self.joins.read(from)?;
        self.sequencer.read(from)?;
        self.counts = from.take()?;
        for (task, log) in self.schema().tasks().zip(&self.quality) {
            ensure(log.fits(task, &self.reference), "labels are not of their task")?;
        }
        let waiting = self
            .joins
            .fits(&self.reference, |task| self.judge.slices_of(task));
        ensure(waiting, "what waits for labels is not of its task")
    }
}
