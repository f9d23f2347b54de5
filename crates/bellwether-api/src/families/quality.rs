//! Metrics of each task's quality report. Every metric and method of a task's kind has its series from the first status on;
//! single classes have none, for there may be hundreds: they are in the REST API.

use super::{Family, Samples, Snapshot, family, flag};
use crate::exposition::MetricKind::Gauge;
use bellwether_monitor::{Disagreement, Estimate, MetricStatus, QualityReport, UnlabelledEstimate};

fn each(now: &Snapshot, out: &mut Samples, value: fn(&QualityReport) -> f64) {
    for task in now.tasks() {
        out.labelled(&[&task.task], value(&task.report));
    }
}

fn each_metric(now: &Snapshot, out: &mut Samples, value: fn(&MetricStatus) -> f64) {
    for task in now.tasks() {
        for metric in &task.report.metrics {
            out.labelled(&[&task.task, metric.metric], value(metric));
        }
    }
}

fn each_estimate(now: &Snapshot, out: &mut Samples, value: fn(&UnlabelledEstimate) -> f64) {
    for task in now.tasks() {
        for estimate in &task.report.estimates {
            out.labelled(&[&task.task, estimate.method, estimate.metric], value(estimate));
        }
    }
}

/// Of the methods that can be asked about single observations.
fn each_disagreement(now: &Snapshot, out: &mut Samples, value: fn(&Disagreement) -> f64) {
    for task in now.tasks() {
        for estimate in &task.report.estimates {
            let value = estimate.disagreement.as_ref().map_or(f64::NAN, value);
            out.labelled(&[&task.task, estimate.method, estimate.metric], value);
        }
    }
}

fn of(estimate: Option<&Estimate>, value: fn(&Estimate) -> f64) -> f64 {
    estimate.map_or(f64::NAN, value)
}

const TASK: &[&str] = &["task"];
const METRIC: &[&str] = &["task", "metric"];
const ESTIMATE: &[&str] = &["task", "method", "metric"];

pub(super) static FAMILIES: &[Family] = &[
    family(
        Gauge,
        "bellwether_task_quality_metric",
        METRIC,
        "Metric of the newest labelled predictions that are old enough, weighted where labels were chosen by confidence",
        |now, out| each_metric(now, out, |m| of(m.current.as_ref(), |e| e.value)),
    ),
    family(
        Gauge,
        "bellwether_task_quality_metric_low",
        METRIC,
        "Lower end of the 95 % interval of bellwether_task_quality_metric",
        |now, out| each_metric(now, out, |m| of(m.current.as_ref(), |e| e.interval.low)),
    ),
    family(
        Gauge,
        "bellwether_task_quality_metric_high",
        METRIC,
        "Upper end of the 95 % interval of bellwether_task_quality_metric",
        |now, out| each_metric(now, out, |m| of(m.current.as_ref(), |e| e.interval.high)),
    ),
    family(
        Gauge,
        "bellwether_task_quality_metric_raw",
        METRIC,
        "The same labels as in bellwether_task_quality_metric, each counting one",
        |now, out| each_metric(now, out, |m| of(m.raw.as_ref(), |e| e.value)),
    ),
    family(
        Gauge,
        "bellwether_task_quality_metric_reference",
        METRIC,
        "The same metric in the reference; NaN where it was not measured",
        |now, out| each_metric(now, out, |m| m.reference.unwrap_or(f64::NAN)),
    ),
    family(
        Gauge,
        "bellwether_task_quality_window_labels",
        TASK,
        "Labels that bellwether_task_quality_metric rests on",
        |now, out| each(now, out, |r| r.labels as f64),
    ),
    family(
        Gauge,
        "bellwether_task_quality_window_effective_labels",
        TASK,
        "Equally weighted labels that would tell as much as those of the window",
        |now, out| each(now, out, |r| r.effective_labels),
    ),
    family(
        Gauge,
        "bellwether_task_quality_window_coverage_ratio",
        TASK,
        "Share of the predictions of the window's time that have a label",
        |now, out| each(now, out, |r| r.coverage),
    ),
    family(
        Gauge,
        "bellwether_task_quality_window_uncovered_ratio",
        TASK,
        "Share of the predictions of the window's time in quartiles of confidence without a label",
        |now, out| each(now, out, |r| r.selection.uncovered),
    ),
    family(
        Gauge,
        "bellwether_task_label_selective",
        TASK,
        "1 where quartiles of confidence are labelled at different rates beyond chance, so that labels are weighted",
        |now, out| each(now, out, |r| flag(r.selection.corrected)),
    ),
    family(
        Gauge,
        "bellwether_task_label_delay_late_seconds",
        TASK,
        "90th percentile of the delay of labels; predictions that are younger do not count yet",
        |now, out| each(now, out, |r| r.delay_late_seconds),
    ),
    family(
        Gauge,
        "bellwether_task_unlabelled_estimate_ratio",
        ESTIMATE,
        "Metric of the newest predictions expected without their labels",
        |now, out| each_estimate(now, out, |u| of(u.current.as_ref(), |e| e.value)),
    ),
    family(
        Gauge,
        "bellwether_task_unlabelled_estimate_low_ratio",
        ESTIMATE,
        "Lower end of the 95 % interval of bellwether_task_unlabelled_estimate_ratio",
        |now, out| each_estimate(now, out, |u| of(u.current.as_ref(), |e| e.interval.low)),
    ),
    family(
        Gauge,
        "bellwether_task_unlabelled_estimate_high_ratio",
        ESTIMATE,
        "Upper end of the 95 % interval of bellwether_task_unlabelled_estimate_ratio",
        |now, out| each_estimate(now, out, |u| of(u.current.as_ref(), |e| e.interval.high)),
    ),
    family(
        Gauge,
        "bellwether_task_estimate_disagreement_ratio",
        ESTIMATE,
        "The estimate for labelled predictions less what their labels say; NaN for methods that cannot be asked",
        |now, out| each_disagreement(now, out, |d| d.value),
    ),
    family(
        Gauge,
        "bellwether_task_estimate_disagreement_low_ratio",
        ESTIMATE,
        "Lower end of the 95 % interval of bellwether_task_estimate_disagreement_ratio",
        |now, out| each_disagreement(now, out, |d| d.interval.low),
    ),
    family(
        Gauge,
        "bellwether_task_estimate_disagreement_high_ratio",
        ESTIMATE,
        "Upper end of the 95 % interval of bellwether_task_estimate_disagreement_ratio",
        |now, out| each_disagreement(now, out, |d| d.interval.high),
    ),
    family(
        Gauge,
        "bellwether_task_estimate_contradicted",
        ESTIMATE,
        "1 while labels contradict the estimate beyond chance: it is not to be trusted",
        |now, out| each_disagreement(now, out, |d| flag(d.significant)),
    ),
];
