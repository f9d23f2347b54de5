//! A window that is over, as rows.

use crate::rows::{ModelRow, QualityRow, Rows, SignalRow, VerdictRow, WindowRow};
use bellwether_events::TaskKind;
use bellwether_monitor::{
    ClassStatus, ClosedWindow, Estimate, MetricStatus, SignalStatus, StoredLine, TaskCounts, TaskStatus,
    UnlabelledEstimate, Verdict, rfc3339,
};

impl Rows {
    /// The rows of one window, in a fixed order.
    #[must_use]
    pub fn of_window(window: &ClosedWindow) -> Self {
        let mut rows = Self::default();
        for (status, counts) in window.status.tasks.iter().zip(&window.tasks) {
            if counts.is_empty() {
                continue;
            }
            rows.windows.push(of_task(window, status, *counts));
            rows.quality.extend(quality(window, status));
            rows.signals
                .extend(status.signals.iter().map(|s| signal(window, &status.task, s)));
        }
        rows.model.push(of_model(window));
        let numbered = (0..).zip(&window.lines);
        rows.verdicts
            .extend(numbered.map(|(line, said)| verdict(window, line, said)));
        rows
    }
}

fn of_task(window: &ClosedWindow, status: &TaskStatus, counts: TaskCounts) -> WindowRow {
    let (report, novelty) = (&status.report, &status.novelty);
    let quality = Ends::of(status.quality.current.as_ref());
    let estimated = Ends::of(status.estimated.as_ref());
    WindowRow {
        window_start: window.start_ms,
        window_end: window.end_ms,
        complete: window.is_complete,
        task: status.task.clone(),
        task_kind: kind(status.kind).to_owned(),
        reference: window.status.reference.clone(),
        verdict: status.verdict.as_str().to_owned(),
        changed: moment(status.changed_ms),
        since: moment(status.since_ms),
        confidence: number(status.confidence),
        summary: status.summary.clone(),
        observations: count(counts.observations),
        labels: count(counts.labels),
        observations_total: count(status.observations),
        labels_total: count(status.labels),
        label_coverage: number(status.label_coverage),
        label_delay_seconds: number(status.label_delay_seconds),
        drift_within_class: number(status.drift_within_class),
        drift_mix: number(status.drift_mix),
        far_ratio: number(novelty.far_ratio),
        group_size: size(novelty.group_size),
        coherence: number(novelty.coherence),
        affinity: number(novelty.affinity),
        misrouted_to: novelty.misrouted_to.clone(),
        quality_metric: status.quality.metric.to_owned(),
        quality_reference: number(status.quality.reference),
        quality: quality.value,
        quality_low: quality.low,
        quality_high: quality.high,
        quality_size: quality.size,
        estimated: estimated.value,
        estimated_low: estimated.low,
        estimated_high: estimated.high,
        estimated_size: estimated.size,
        report_from: moment(report.from_ms),
        report_to: moment(report.to_ms),
        report_labels: size(report.labels),
        report_effective_labels: number(report.effective_labels),
        report_outside_label_set: size(report.outside_label_set),
        report_coverage: number(report.coverage),
        report_delay_median_seconds: number(report.delay_median_seconds),
        report_delay_late_seconds: number(report.delay_late_seconds),
        selection_p_value: number(report.selection.p_value),
        selection_corrected: report.selection.corrected,
        advice: report.advice.clone(),
    }
}

/// What is measured and estimated; what has no value has no row.
fn quality(window: &ClosedWindow, status: &TaskStatus) -> Vec<QualityRow> {
    let empty = |metric: &str, method: &str, ends: Ends| QualityRow {
        window_start: window.start_ms,
        window_end: window.end_ms,
        task: status.task.clone(),
        metric: metric.to_owned(),
        method: method.to_owned(),
        class: None,
        value: ends.value,
        low: ends.low,
        high: ends.high,
        size: ends.size,
        reference: None,
        calibration: None,
        disagreement: None,
        disagreement_low: None,
        disagreement_high: None,
        disagreement_size: None,
        disagreement_significant: None,
    };
    let measured = |m: &MetricStatus| {
        let reference = m.reference.and_then(number);
        let of = |method: &str, estimate: Option<&Estimate>| {
            Some(QualityRow {
                reference,
                ..empty(m.metric, method, Ends::of(Some(estimate?)))
            })
        };
        [of("labels", m.current.as_ref()), of("labels_raw", m.raw.as_ref())]
    };
    let of_class = |c: &ClassStatus| {
        let of = |metric: &str, estimate: Option<&Estimate>| {
            Some(QualityRow {
                class: Some(c.class.clone()),
                ..empty(metric, "labels", Ends::of(Some(estimate?)))
            })
        };
        [
            of("precision", c.precision.as_ref()),
            of("recall", c.recall.as_ref()),
            of("f1", c.f1.as_ref()),
        ]
    };
    let estimated = |e: &UnlabelledEstimate| {
        let current = e.current.as_ref()?;
        let told = e.disagreement.as_ref();
        Some(QualityRow {
            calibration: e.calibration.map(str::to_owned),
            disagreement: told.and_then(|d| number(d.value)),
            disagreement_low: told.and_then(|d| number(d.interval.low)),
            disagreement_high: told.and_then(|d| number(d.interval.high)),
            disagreement_size: told.map(|d| size(d.size)),
            disagreement_significant: told.map(|d| d.significant),
            ..empty(e.metric, e.method, Ends::of(Some(current)))
        })
    };
    let report = &status.report;
    let of_metrics = report.metrics.iter().flat_map(measured).flatten();
    let of_classes = report.classes.iter().flat_map(of_class).flatten();
    let estimates = report.estimates.iter().filter_map(estimated);
    of_metrics.chain(of_classes).chain(estimates).collect()
}

fn signal(window: &ClosedWindow, task: &str, signal: &SignalStatus) -> SignalRow {
    SignalRow {
        window_start: window.start_ms,
        window_end: window.end_ms,
        task: task.to_owned(),
        signal: signal.signal.to_owned(),
        active: signal.active,
        log_e_value: number(signal.log_e_value),
        threshold: number(signal.threshold),
        value: number(signal.value),
        tolerance: number(signal.tolerance),
    }
}

fn of_model(window: &ClosedWindow) -> ModelRow {
    let (status, counts) = (&window.status, &window.counts);
    let active = window.tasks.iter().filter(|counts| !counts.is_empty());
    ModelRow {
        window_start: window.start_ms,
        window_end: window.end_ms,
        complete: window.is_complete,
        reference: status.reference.clone(),
        shared_encoder: status.shared_encoder,
        shared_since: moment(status.shared_since_ms),
        common_shift_cosine: number(status.common_shift_cosine),
        moved_task_ratio: number(status.moved_task_ratio),
        summary: status.summary.clone(),
        model_version: status.forgetting.as_ref().map(|f| f.model_version.clone()),
        active_tasks: size(active.count()),
        observations: count(counts.observations),
        late_observations: count(counts.late_observations),
        duplicate_observations: count(counts.duplicate_observations),
        labels: count(counts.labels),
        duplicate_labels: count(counts.duplicate_labels),
    }
}

fn verdict(window: &ClosedWindow, line: i64, said: &StoredLine) -> VerdictRow {
    VerdictRow {
        window_start: window.start_ms,
        window_end: window.end_ms,
        line,
        timestamp: milliseconds(&said.timestamp),
        task: said.task.clone(),
        verdict: said.verdict.map(|v| v.as_str().to_owned()),
        shared_encoder: said.shared_encoder,
        since: milliseconds(&said.since),
        confidence: number(said.confidence),
        summary: said.summary.clone(),
        evidence: said.evidence.clone(),
    }
}

impl VerdictRow {
    /// The line that was said.
    #[must_use]
    pub fn line(&self) -> bellwether_monitor::TimelineLine {
        let verdict = |word: &String| Verdict::ALL.into_iter().find(|v| v.as_str() == word);
        StoredLine {
            timestamp: rfc3339(self.timestamp),
            task: self.task.clone(),
            verdict: self.verdict.as_ref().and_then(verdict),
            shared_encoder: self.shared_encoder,
            since: rfc3339(self.since),
            confidence: self.confidence.unwrap_or(f64::NAN),
            summary: self.summary.clone(),
            evidence: self.evidence.clone(),
        }
        .line()
    }
}

/// An estimate and the ends of its interval.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    size: Option<i64>,
}

impl Ends {
    fn of(estimate: Option<&Estimate>) -> Self {
        estimate.map_or(Self::default(), |e| Self {
            value: number(e.value),
            low: number(e.interval.low),
            high: number(e.interval.high),
            size: Some(size(e.size)),
        })
    }
}

/// What is missing is null, not a number that is none.
fn number(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The status has 0 for what has not happened.
fn moment(ms: i64) -> Option<i64> {
    (ms != 0).then_some(ms)
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The monitor writes its times itself, in one form.
fn milliseconds(text: &str) -> i64 {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map_or(0, jiff::Timestamp::as_millisecond)
}

fn kind(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Classification => "classification",
        TaskKind::SequenceLabelling => "sequence_labelling",
        TaskKind::Regression => "regression",
    }
}
