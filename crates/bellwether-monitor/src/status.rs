//! The state of the monitor at one moment, as the API, the page and the metrics show it.

use crate::costs::{self, CostStatus};
use crate::diagnosis::bulk_shift;
use crate::drift::DriftReport;
use crate::encoder::EncoderStatus;
use crate::explain::quality;
use crate::forgetting::{ForgettingStatus, TaskForgetting};
use crate::judge::Judge;
use crate::quality::{QualityReport, estimated_quality};
use crate::shared::common_cosines;
use crate::signal::Signal;
use crate::slices::Slice;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// The whole model at one moment of event time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ModelStatus {
    /// Event time of the newest observation or label that was judged; 0 before the first.
    pub event_time_ms: i64,
    /// Identity of the reference that is in force.
    pub reference: String,
    /// Whether a shift common to the tasks stands.
    pub shared_encoder: bool,
    /// Since when `shared_encoder` is what it is, event time.
    pub shared_since_ms: i64,
    /// Median pairwise cosine of the tasks' mean residuals, over the tasks that moved; NaN where fewer than three did.
    pub common_shift_cosine: f64,
    /// Share of the active tasks that moved, from 0 to 1.
    pub moved_task_ratio: f64,
    /// One sentence on the model as a whole.
    pub summary: String,
    /// Whether the encoder is what made the reference, as far as texts whose embedding is known tell.
    pub encoder: EncoderStatus,
    /// The newest change of the model's version; `None` before the first.
    pub forgetting: Option<ForgettingStatus>,
    /// Every task of the reference, in order of name.
    pub tasks: Vec<TaskStatus>,
    /// What went through the pipeline so far.
    pub counts: PipelineCounts,
}

/// One task at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskStatus {
    /// Its name.
    pub task: String,
    /// `classification`, `sequence_labelling` or `regression`.
    pub kind: bellwether_events::TaskKind,
    /// What stands.
    pub verdict: Verdict,
    /// Event time of the last change of verdict; 0 before the first.
    pub changed_ms: i64,
    /// Event time since which the cause holds, as dated by the detectors.
    pub since_ms: i64,
    /// From 0 to 1, as in the timeline.
    pub confidence: f64,
    /// Why, in a sentence.
    pub summary: String,
    /// Observations judged.
    pub observations: u64,
    /// Labels joined.
    pub labels: u64,
    /// Share of the window's observations that have a label, from 0 to 1.
    pub label_coverage: f64,
    /// Median delay of the window's labels behind their observations, in seconds; NaN without labels.
    pub label_delay_seconds: f64,
    /// The sequential detectors.
    pub signals: Vec<SignalStatus>,
    /// Squared distance of the window's mean residual within classes over the reference's residual variance, unbiased
    /// (a linear MMD²; may be slightly negative).
    pub drift_within_class: f64,
    /// Total variation distance of the predicted-class proportions, from 0 to 1.
    pub drift_mix: f64,
    /// Cosine of its mean residual with the mean direction of the other tasks that moved, from −1 to 1; NaN where fewer than two
    /// others did. Its square is the share of its movement that is common, where it is positive.
    pub common_cosine: f64,
    /// Quality by labels.
    pub quality: QualityStatus,
    /// Quality without labels; `None` where the task gives no probabilities.
    pub estimated: Option<Estimate>,
    /// Every metric of the task's kind, by labels and without.
    pub report: QualityReport,
    /// How its inputs differ from the reference, and what accounts for it.
    pub drift: DriftReport,
    /// What is unlike the reference.
    pub novelty: NoveltyStatus,
    /// What the newest change of the model's version did to it; `None` before the first.
    pub forgetting: Option<TaskForgetting>,
    /// What acting and waiting cost; `None` while nothing stands.
    pub costs: Option<CostStatus>,
    /// The slices that are watched, in the order they were met; at most `max_slices`.
    pub slices: Vec<SliceStatus>,
    /// Attribute values of observations for which there was no slice left.
    pub unwatched_slice_values: u64,
}

/// One value of one attribute of a task's observations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceStatus {
    /// The attribute, such as `language`.
    pub attribute: String,
    /// Its value, such as `de`.
    pub value: String,
    /// Observations judged, copies aside.
    pub observations: u64,
    /// Labels inside the label set that counted.
    pub labels: u64,
    /// Rows of the reference that have this value; 0 when too few for a reference of its own.
    pub in_reference: usize,
    /// `loss`, `confidence` and `novelty`.
    pub signals: Vec<SignalStatus>,
}

/// One sequential detector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalStatus {
    /// `novelty`, `within_class`, `mix`, `text_form`, `confidence`, `confidence_warning`, `loss`, `loss_warning` or
    /// `unknown_label`.
    pub signal: &'static str,
    /// Whether it stands.
    pub active: bool,
    /// Natural logarithm of its e-detector's value.
    pub log_e_value: f64,
    /// The logarithm at which it raises.
    pub threshold: f64,
    /// Recent mean of the statistic it bets on.
    pub value: f64,
    /// The mean it tolerates.
    pub tolerance: f64,
}

/// A closed interval at the 95 % level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Interval,
    /// Number of observations it rests on.
    pub size: usize,
}

/// Labelled quality of the recent window beside the reference's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityStatus {
    /// `accuracy`, `span_f1` or `mae`.
    pub metric: &'static str,
    /// In the reference.
    pub reference: f64,
    /// In the window; `None` without labels.
    pub current: Option<Estimate>,
    /// Macro-averaged F1 of the window, for classification with labels.
    pub macro_f1: Option<f64>,
}

/// What the window holds that the reference does not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoveltyStatus {
    /// Share of the window's observations with a novelty p-value below 0.05.
    pub far_ratio: f64,
    /// Observations in the group that was last examined.
    pub group_size: usize,
    /// Log-odds that the group is coherent rather than scattered; NaN when none was examined.
    pub coherence: f64,
    /// Log-odds that the group is a new task rather than new classes of this one; NaN when none was examined.
    pub affinity: f64,
    /// The task it is ordinary for, when it is misrouted traffic.
    pub misrouted_to: Option<String>,
}

/// Counters of the engine since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineCounts {
    /// Observations judged.
    pub observations: u64,
    /// Observations older than the watermark on arrival: joined with labels, not used by the detectors.
    pub late_observations: u64,
    /// Observations whose `event_id` was seen before: counted once.
    pub duplicate_observations: u64,
    /// Labels joined with their observation.
    pub labels: u64,
    /// Labels of observations already labelled: the first counts.
    pub duplicate_labels: u64,
    /// Labels waiting for their observation.
    pub pending_labels: u64,
    /// Labels given up: their observation never came.
    pub orphan_labels: u64,
    /// Observations remembered until their label comes or its time is over, in memory and on disk.
    pub pending_observations: u64,
    /// Of them, those on disk.
    pub pending_observations_on_disk: u64,
    /// Observations given up because no label came within the retention.
    pub evicted_observations_by_age: u64,
    /// Observations given up without a label because too many waited.
    pub evicted_observations_by_number: u64,
    /// Of `orphan_labels`, those given up for their age.
    pub evicted_labels_by_age: u64,
    /// Of `orphan_labels`, those given up because too many waited.
    pub evicted_labels_by_number: u64,
    /// Observations and labels buffered until the watermark passes them.
    pub buffered: u64,
}

impl Judge {
    /// The state at this moment, counters and reports aside.
    pub(crate) fn status(&self) -> ModelStatus {
        ModelStatus {
            event_time_ms: self.now_ms,
            reference: self.reference.manifest().id.clone(),
            shared_encoder: self.model.shift.stands,
            shared_since_ms: self.model.shared_since_ms,
            common_shift_cosine: self.model.shift.cosine,
            moved_task_ratio: self.model.shift.moved_ratio,
            summary: self.model.summary.clone(),
            encoder: self.encoder.status(),
            forgetting: self.forgetting_status(),
            tasks: common_cosines(&self.tasks, &self.config)
                .into_iter()
                .enumerate()
                .map(|(at, common_cosine)| TaskStatus {
                    common_cosine,
                    ..self.task_status(at)
                })
                .collect(),
            counts: PipelineCounts::default(),
        }
    }

    /// The newest change of version, in the words of the schema.
    pub(crate) fn forgetting_status(&self) -> Option<ForgettingStatus> {
        let schema = self.reference.schema();
        let names: Vec<&str> = schema.tasks().map(|t| schema.name(t)).collect();
        self.forgetting.status(&names)
    }

    fn task_status(&self, at: usize) -> TaskStatus {
        let state = &self.tasks[at];
        let standing = &self.standing[at];
        let schema = self.reference.schema();
        let recent: Vec<_> = state
            .recent
            .since(state.seen().saturating_sub(self.config.default_window))
            .collect();
        let far = recent.iter().filter(|(_, row)| row.p_novelty < 0.05).count();
        let group = standing.own.group.as_ref();
        TaskStatus {
            task: schema.name(state.task).to_owned(),
            kind: schema.spec(state.task).kind,
            verdict: standing.verdict,
            changed_ms: standing.changed_ms,
            since_ms: standing.since_ms,
            confidence: standing.confidence,
            summary: standing.summary.clone(),
            observations: state.seen(),
            labels: state.labelled.total(),
            label_coverage: state.labelled.coverage(&state.recent),
            label_delay_seconds: state.labelled.median_delay_seconds(),
            signals: state.signals.all().into_iter().map(signal_status).collect(),
            drift_within_class: bulk_shift(state, &self.reference, &recent),
            drift_mix: state.mix.distance(),
            common_cosine: f64::NAN,
            quality: quality(self, at),
            estimated: estimated_quality(&state.recent),
            report: QualityReport::empty(schema.spec(state.task).kind),
            drift: DriftReport::empty(),
            novelty: NoveltyStatus {
                far_ratio: far as f64 / recent.len().max(1) as f64,
                group_size: group.map_or(0, |g| g.size),
                coherence: group.map_or(f64::NAN, |g| g.coherence),
                affinity: group.map_or(f64::NAN, |g| g.affinity),
                misrouted_to: group
                    .and_then(|g| g.misrouted_to)
                    .map(|t| schema.name(t).to_owned()),
            },
            forgetting: self.forgetting.task_status(at),
            costs: costs::status(self, at),
            slices: state.slices.all().iter().map(Slice::status).collect(),
            unwatched_slice_values: state.slices.unwatched(),
        }
    }
}

pub(crate) fn signal_status(signal: &Signal) -> SignalStatus {
    SignalStatus {
        signal: signal.name(),
        active: signal.is_active(),
        log_e_value: signal.log_e_value(),
        threshold: signal.threshold(),
        value: signal.recent_mean(),
        tolerance: signal.bound(),
    }
}
