//! Windows that are made up: every column has values and, where it may, none.

use bellwether_events::TaskKind;
use bellwether_history::Rows;
use bellwether_monitor::{
    ClosedWindow, DriftReport, Estimate, Interval, MetricStatus, ModelStatus, NoveltyStatus, QualityReport,
    QualityStatus, SignalStatus, StoredLine, TaskCounts, TaskStatus, UnlabelledEstimate, Verdict,
    WindowCounts, rfc3339,
};

pub(crate) const HOUR_MS: i64 = 3_600_000;
/// 2026-03-14T00:00:00Z.
pub(crate) const START_MS: i64 = 1_773_446_400_000;

/// The rows of the window that begins so many hours after the start, with so many lines.
pub(crate) fn rows(hour: i64, lines: usize) -> Rows {
    Rows::of_window(&window(hour, lines))
}

/// A window with a task of each kind, and one in which nothing happened.
pub(crate) fn window(hour: i64, lines: usize) -> ClosedWindow {
    let start_ms = START_MS + hour * HOUR_MS;
    let tasks = ["banking", "entities", "sentiment", "silent"];
    let counts = |at: u64| TaskCounts {
        observations: 10 + at,
        labels: at,
    };
    ClosedWindow {
        start_ms,
        end_ms: start_ms + HOUR_MS,
        is_complete: true,
        status: ModelStatus {
            event_time_ms: start_ms + HOUR_MS - 1,
            reference: "ref-1".to_owned(),
            shared_encoder: hour % 5 == 4,
            shared_since_ms: if hour % 5 == 4 { start_ms } else { 0 },
            common_shift_cosine: f64::NAN,
            moved_task_ratio: 0.25,
            summary: format!("hour {hour}"),
            tasks: tasks.iter().map(|name| task(name, hour)).collect(),
            ..ModelStatus::default()
        },
        counts: WindowCounts {
            observations: 33,
            late_observations: 1,
            duplicate_observations: 2,
            labels: 3,
            duplicate_labels: 0,
        },
        tasks: vec![counts(0), counts(1), counts(2), TaskCounts::default()],
        lines: (0..lines).map(|n| line(start_ms, n)).collect(),
    }
}

fn line(start_ms: i64, n: usize) -> StoredLine {
    StoredLine {
        timestamp: rfc3339(start_ms + i64::try_from(n).expect("few") * 1000),
        task: (n > 0).then(|| "banking".to_owned()),
        verdict: Some(Verdict::ALL[n % Verdict::ALL.len()]),
        shared_encoder: false,
        since: rfc3339(start_ms),
        confidence: 0.5,
        summary: format!("line {n}"),
        evidence: format!(
            "{{\"signals\":[{{\"signal\":\"mix\",\"log_e_value\":{n}.5}}],\"sample\":[\"e-{n}\"]}}"
        ),
    }
}

fn estimate(value: f64) -> Estimate {
    let interval = Interval {
        low: value - 0.05,
        high: value + 0.05,
    };
    Estimate {
        value,
        interval,
        size: 200,
    }
}

fn task(name: &str, hour: i64) -> TaskStatus {
    let (kind, metric) = match name {
        "entities" => (TaskKind::SequenceLabelling, "span_f1"),
        "sentiment" => (TaskKind::Regression, "mae"),
        _ => (TaskKind::Classification, "accuracy"),
    };
    let hours = hour as f64;
    let mut report = QualityReport::empty(kind);
    report.as_of_ms = START_MS;
    report.metrics = vec![MetricStatus {
        metric,
        current: Some(estimate(0.9)),
        raw: Some(estimate(0.91)),
        reference: Some(0.92),
    }];
    report.estimates = vec![UnlabelledEstimate {
        method: "calibrated_confidence",
        metric,
        calibration: Some("temperature"),
        current: Some(estimate(0.88)),
        effective_size: None,
        disagreement: None,
    }];
    TaskStatus {
        task: name.to_owned(),
        kind,
        verdict: Verdict::Healthy,
        changed_ms: START_MS,
        since_ms: START_MS,
        confidence: 0.75,
        summary: format!("{name} is as in the reference."),
        observations: 100 + hour.unsigned_abs(),
        labels: 10,
        label_coverage: 0.1,
        label_delay_seconds: f64::NAN,
        signals: ["novelty", "mix"]
            .map(|signal| SignalStatus {
                signal,
                active: false,
                log_e_value: hours,
                threshold: 13.8,
                value: 0.05,
                tolerance: 0.06,
            })
            .into(),
        drift_within_class: 0.01,
        drift_mix: 0.02,
        common_cosine: f64::NAN,
        quality: QualityStatus {
            metric,
            reference: 0.92,
            current: Some(estimate(0.9)),
            macro_f1: None,
        },
        estimated: None,
        report,
        drift: DriftReport::empty(),
        novelty: NoveltyStatus {
            far_ratio: 0.05,
            group_size: 0,
            coherence: f64::NAN,
            affinity: f64::NAN,
            misrouted_to: None,
        },
        forgetting: None,
        costs: None,
        slices: Vec::new(),
        unwatched_slice_values: 0,
    }
}
