//! The bodies of the REST API, apart from the domain types so that a refactoring there cannot change a contract here.
//!
//! Times are RFC 3339 in UTC; a value that does not exist is `null`, never NaN or 0.

mod decision;
mod drift;
mod encoder;
mod incidents;
mod map;
mod pipeline;
mod quality;
mod reference;
mod sparklines;
mod work_sets;

pub(crate) use drift::DriftReportView;
pub(crate) use incidents::{CallName, IncidentView, IncidentsView, SilenceView, SilencesView};
pub(crate) use map::MapView;
pub(crate) use pipeline::PipelineDetailView;
pub(crate) use quality::QualityReportView;
pub(crate) use reference::{ActivationView, ReferenceDetailView, ReferenceView, ReferencesView};
pub(crate) use sparklines::{SparklineView, SparklinesView, evenly};
pub(crate) use work_sets::{WorkSetDetailView, WorkSetView, WorkSetsView};

use decision::{CostView, ForgettingView, TaskForgettingView};
use encoder::EncoderView;

use crate::history::NumberedLine;
use crate::pipeline::{PipelineMetrics, TopicKind};
use crate::series::{Band, Point, Series};
use bellwether_monitor::{
    Estimate, ModelStatus, PipelineCounts, SignalStatus, SliceStatus, TaskStatus, TimelineLine, Verdict,
    rfc3339,
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The words of verdicts, for the description of the API.
#[derive(ToSchema)]
#[schema(as = Verdict, rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
enum VerdictName {
    Unknown,
    Healthy,
    Watch,
    Retrain,
    ContinualUpdate,
    NewTask,
}

/// The kinds of tasks, for the description of the API.
#[derive(ToSchema)]
#[schema(as = TaskKind, rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
enum TaskKindName {
    Classification,
    SequenceLabelling,
    Regression,
}

/// `null` for the 0 that stands for "not yet".
fn time(timestamp_ms: i64) -> Option<String> {
    (timestamp_ms != 0).then(|| rfc3339(timestamp_ms))
}

/// The model as a whole.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelView<'a> {
    instance: &'a str,
    event_time: Option<String>,
    reference: &'a str,
    shared_encoder: bool,
    shared_since: Option<String>,
    common_shift_cosine: f64,
    moved_task_ratio: f64,
    summary: &'a str,
    encoder: EncoderView<'a>,
    forgetting: Option<ForgettingView<'a>>,
    verdicts: BTreeMap<&'static str, usize>,
    counts: CountsView,
    pipeline: PipelineView,
    tasks: Vec<TaskView<'a>>,
}

impl<'a> ModelView<'a> {
    pub(crate) fn new(status: &'a ModelStatus, pipeline: &PipelineMetrics, instance: &'a str) -> Self {
        let count = |verdict: Verdict| status.tasks.iter().filter(|t| t.verdict == verdict).count();
        Self {
            instance,
            event_time: time(status.event_time_ms),
            reference: &status.reference,
            shared_encoder: status.shared_encoder,
            shared_since: time(status.shared_since_ms),
            common_shift_cosine: status.common_shift_cosine,
            moved_task_ratio: status.moved_task_ratio,
            summary: &status.summary,
            encoder: EncoderView::new(&status.encoder),
            forgetting: status.forgetting.as_ref().map(ForgettingView::new),
            verdicts: Verdict::ALL.into_iter().map(|v| (v.as_str(), count(v))).collect(),
            counts: CountsView::new(&status.counts),
            pipeline: PipelineView::new(pipeline),
            tasks: status.tasks.iter().map(TaskView::new).collect(),
        }
    }
}

/// What the monitor counted since it started.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counts)]
struct CountsView {
    /// Observations judged.
    observations: u64,
    /// Observations older than the watermark on arrival: joined with labels, not used by the detectors.
    late_observations: u64,
    /// Observations whose `event_id` was seen before: counted once.
    duplicate_observations: u64,
    /// Labels joined with their observation.
    labels: u64,
    /// Labels of observations already labelled: the first counts.
    duplicate_labels: u64,
    /// Labels waiting for their observation.
    pending_labels: u64,
    /// Labels given up: their observation never came.
    orphan_labels: u64,
    /// Observations remembered until their label comes or its time is over, in memory and on disk.
    pending_observations: u64,
    /// Of them, those on disk.
    pending_observations_on_disk: u64,
    /// Observations given up because no label came within the retention.
    evicted_observations_by_age: u64,
    /// Observations given up without a label because too many waited.
    evicted_observations_by_number: u64,
    /// Of `orphan_labels`, those given up for their age.
    evicted_labels_by_age: u64,
    /// Of `orphan_labels`, those given up because too many waited.
    evicted_labels_by_number: u64,
    /// Observations and labels buffered until the watermark passes them.
    buffered: u64,
}

impl CountsView {
    fn new(counts: &PipelineCounts) -> Self {
        Self {
            observations: counts.observations,
            late_observations: counts.late_observations,
            duplicate_observations: counts.duplicate_observations,
            labels: counts.labels,
            duplicate_labels: counts.duplicate_labels,
            pending_labels: counts.pending_labels,
            orphan_labels: counts.orphan_labels,
            pending_observations: counts.pending_observations,
            pending_observations_on_disk: counts.pending_observations_on_disk,
            evicted_observations_by_age: counts.evicted_observations_by_age,
            evicted_observations_by_number: counts.evicted_observations_by_number,
            evicted_labels_by_age: counts.evicted_labels_by_age,
            evicted_labels_by_number: counts.evicted_labels_by_number,
            buffered: counts.buffered,
        }
    }
}

/// What went through the pipeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pipeline)]
struct PipelineView {
    decoded: u64,
    rejected: u64,
    rejected_by_reason: BTreeMap<&'static str, u64>,
    dead_letters_published: u64,
    dead_letters_failed: u64,
    lag_records: Option<u64>,
    last_poll: Option<String>,
    progress_ratio: Option<f64>,
}

impl PipelineView {
    fn new(metrics: &PipelineMetrics) -> Self {
        let mut rejected_by_reason = BTreeMap::new();
        for rejected in metrics.rejected.iter().filter(|r| r.total > 0) {
            *rejected_by_reason.entry(rejected.reason).or_insert(0) += rejected.total;
        }
        Self {
            decoded: TopicKind::ALL.into_iter().map(|kind| metrics.decoded(kind)).sum(),
            rejected: rejected_by_reason.values().sum(),
            rejected_by_reason,
            dead_letters_published: metrics.dead_letters_published,
            dead_letters_failed: metrics.dead_letters_failed,
            lag_records: (!metrics.lag.is_empty()).then(|| metrics.lag.iter().map(|l| l.records).sum()),
            last_poll: metrics.last_poll_ms.map(rfc3339),
            progress_ratio: metrics.progress_ratio,
        }
    }
}

/// One task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Task)]
pub(crate) struct TaskView<'a> {
    task: &'a str,
    #[schema(value_type = TaskKindName)]
    kind: bellwether_events::TaskKind,
    #[schema(value_type = VerdictName)]
    verdict: &'static str,
    changed: Option<String>,
    since: Option<String>,
    confidence: f64,
    summary: &'a str,
    observations: u64,
    labels: u64,
    label_coverage: f64,
    label_delay_seconds: f64,
    drift_within_class: f64,
    drift_mix: f64,
    /// Cosine of its movement with that of the other tasks that moved.
    common_cosine: f64,
    quality: QualityView,
    estimated: Option<EstimateView>,
    novelty: NoveltyView<'a>,
    signals: Vec<SignalView>,
    forgetting: Option<TaskForgettingView>,
    costs: Option<CostView>,
    slices: Vec<SliceView<'a>>,
    unwatched_slice_values: u64,
}

impl<'a> TaskView<'a> {
    pub(crate) fn new(status: &'a TaskStatus) -> Self {
        Self {
            task: &status.task,
            kind: status.kind,
            verdict: status.verdict.as_str(),
            changed: time(status.changed_ms),
            since: time(status.since_ms),
            confidence: status.confidence,
            summary: &status.summary,
            observations: status.observations,
            labels: status.labels,
            label_coverage: status.label_coverage,
            label_delay_seconds: status.label_delay_seconds,
            drift_within_class: status.drift_within_class,
            drift_mix: status.drift_mix,
            common_cosine: status.common_cosine,
            quality: QualityView {
                metric: status.quality.metric,
                reference: status.quality.reference,
                current: status.quality.current.as_ref().map(EstimateView::new),
                macro_f1: status.quality.macro_f1,
            },
            estimated: status.estimated.as_ref().map(EstimateView::new),
            novelty: NoveltyView {
                far_ratio: status.novelty.far_ratio,
                group_size: status.novelty.group_size,
                coherence: status.novelty.coherence,
                affinity: status.novelty.affinity,
                misrouted_to: status.novelty.misrouted_to.as_deref(),
            },
            signals: status.signals.iter().map(SignalView::new).collect(),
            forgetting: status.forgetting.as_ref().map(TaskForgettingView::new),
            costs: status.costs.as_ref().map(CostView::new),
            slices: status.slices.iter().map(SliceView::new).collect(),
            unwatched_slice_values: status.unwatched_slice_values,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quality)]
struct QualityView {
    metric: &'static str,
    reference: f64,
    current: Option<EstimateView>,
    macro_f1: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Estimate)]
struct EstimateView {
    value: f64,
    low: f64,
    high: f64,
    size: usize,
}

impl EstimateView {
    fn new(estimate: &Estimate) -> Self {
        Self {
            value: estimate.value,
            low: estimate.interval.low,
            high: estimate.interval.high,
            size: estimate.size,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Novelty)]
struct NoveltyView<'a> {
    far_ratio: f64,
    group_size: usize,
    coherence: f64,
    affinity: f64,
    misrouted_to: Option<&'a str>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signal)]
struct SignalView {
    signal: &'static str,
    active: bool,
    log_e_value: f64,
    threshold: f64,
    value: f64,
    tolerance: f64,
}

impl SignalView {
    fn new(signal: &SignalStatus) -> Self {
        Self {
            signal: signal.signal,
            active: signal.active,
            log_e_value: signal.log_e_value,
            threshold: signal.threshold,
            value: signal.value,
            tolerance: signal.tolerance,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Slice)]
struct SliceView<'a> {
    attribute: &'a str,
    value: &'a str,
    observations: u64,
    labels: u64,
    in_reference: usize,
    signals: Vec<SignalView>,
}

impl<'a> SliceView<'a> {
    fn new(slice: &'a SliceStatus) -> Self {
        Self {
            attribute: &slice.attribute,
            value: &slice.value,
            observations: slice.observations,
            labels: slice.labels,
            in_reference: slice.in_reference,
            signals: slice.signals.iter().map(SignalView::new).collect(),
        }
    }
}

/// A timeline line with its number in this run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Line)]
pub(crate) struct LineView<'a> {
    id: u64,
    #[serde(flatten)]
    line: PastLineView<'a>,
}

impl<'a> LineView<'a> {
    pub(crate) fn new(numbered: &'a NumberedLine) -> Self {
        Self {
            id: numbered.id,
            line: PastLineView::new(&numbered.line),
        }
    }
}

/// A timeline line of the past: numbers are of a run, and it may be of an earlier one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PastLine)]
pub(crate) struct PastLineView<'a> {
    timestamp: &'a str,
    /// `null` where the line is about the model.
    task: Option<&'a str>,
    /// For the model `new_task` while any task says so, else `healthy`.
    #[schema(value_type = Option<VerdictName>)]
    verdict: Option<&'static str>,
    shared_encoder: bool,
    since: &'a str,
    confidence: f64,
    summary: &'a str,
    /// The numbers behind it.
    evidence: &'a serde_json::Value,
}

impl<'a> PastLineView<'a> {
    pub(crate) fn new(line: &'a TimelineLine) -> Self {
        Self {
            timestamp: &line.timestamp,
            task: line.task.as_deref(),
            verdict: line.verdict.map(Verdict::as_str),
            shared_encoder: line.shared_encoder,
            since: &line.since,
            confidence: line.confidence,
            summary: &line.summary,
            evidence: &line.evidence,
        }
    }
}

/// A page of the timeline, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timeline)]
pub(crate) struct TimelineView<'a> {
    pub(crate) lines: Vec<LineView<'a>>,
    /// What to give as `before` for the next page; `null` on the last.
    pub(crate) next_before: Option<u64>,
}

/// One task with its reports and the last line about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TaskDetail)]
pub(crate) struct TaskDetailView<'a> {
    #[serde(flatten)]
    pub(crate) task: TaskView<'a>,
    pub(crate) quality_report: QualityReportView<'a>,
    pub(crate) drift_report: DriftReportView<'a>,
    pub(crate) last_change: Option<LineView<'a>>,
}

/// All tasks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tasks)]
pub(crate) struct TasksView<'a> {
    pub(crate) tasks: Vec<TaskView<'a>>,
}

/// The course of a task in columns of equal length.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Series)]
pub(crate) struct SeriesView<'a> {
    task: &'a str,
    interval_ms: i64,
    timestamp_ms: Vec<i64>,
    #[schema(value_type = Vec<VerdictName>)]
    verdict: Vec<&'static str>,
    observations: Vec<u64>,
    label_coverage: Vec<f64>,
    drift_within_class: Vec<f64>,
    drift_mix: Vec<f64>,
    far_ratio: Vec<f64>,
    quality: BandView,
    estimated: BandView,
    log_e_value: BTreeMap<&'a str, Vec<f64>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Band)]
struct BandView {
    value: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl<'a> SeriesView<'a> {
    pub(crate) fn new(task: &'a str, series: &'a Series) -> Self {
        let points = series.points();
        let column = |f: fn(&Point) -> f64| points.iter().map(f).collect();
        let band = |f: fn(&Point) -> Band| BandView {
            value: points.iter().map(|p| f(p).value).collect(),
            low: points.iter().map(|p| f(p).low).collect(),
            high: points.iter().map(|p| f(p).high).collect(),
        };
        let evidence = |at: usize| {
            points
                .iter()
                .map(|p| p.log_e_values.get(at).copied().unwrap_or(f64::NAN))
                .collect()
        };
        Self {
            task,
            interval_ms: series.interval_ms(),
            timestamp_ms: points.iter().map(|p| p.timestamp_ms).collect(),
            verdict: points.iter().map(|p| p.verdict.as_str()).collect(),
            observations: points.iter().map(|p| p.observations).collect(),
            label_coverage: column(|p| p.label_coverage),
            drift_within_class: column(|p| p.drift_within_class),
            drift_mix: column(|p| p.drift_mix),
            far_ratio: column(|p| p.far_ratio),
            quality: band(|p| p.quality),
            estimated: band(|p| p.estimated),
            log_e_value: series
                .signals()
                .iter()
                .enumerate()
                .map(|(at, name)| (name.as_ref(), evidence(at)))
                .collect(),
        }
    }
}
