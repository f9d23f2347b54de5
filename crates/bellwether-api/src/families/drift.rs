//! Metrics of each task's drift report. Classes, directions and examples have none: they are in the REST API.

use super::{Family, Samples, Snapshot, family};
use crate::exposition::MetricKind::Gauge;
use bellwether_monitor::{DriftReport, DriftSplit, DriftTest, Estimate};

fn each(now: &Snapshot, out: &mut Samples, value: fn(&DriftReport) -> f64) {
    for task in now.tasks() {
        out.labelled(&[&task.task], value(&task.drift));
    }
}

/// The three tests, each by its name.
fn each_test(now: &Snapshot, out: &mut Samples, value: fn(&DriftTest) -> f64) {
    for task in now.tasks() {
        let report = &task.drift;
        for (name, test) in [
            ("kernel", &report.kernel),
            ("linear", &report.linear),
            ("energy", &report.energy),
        ] {
            out.labelled(&[&task.task, name], test.as_ref().map_or(f64::NAN, value));
        }
    }
}

/// The parts of the movement, each by its name.
fn each_part(now: &Snapshot, out: &mut Samples, value: fn(&Estimate) -> f64) {
    for task in now.tasks() {
        let split = task.drift.split.as_ref();
        let part = |of: fn(&DriftSplit) -> &Estimate| split.map_or(f64::NAN, |s| value(of(s)));
        out.labelled(&[&task.task, "total"], part(|s| &s.total));
        out.labelled(&[&task.task, "mix"], part(|s| &s.mix));
        out.labelled(&[&task.task, "within"], part(|s| &s.within));
    }
}

fn auc(report: &DriftReport, value: fn(&Estimate) -> f64) -> f64 {
    report.classifier_auc.as_ref().map_or(f64::NAN, value)
}

const TASK: &[&str] = &["task"];
const TEST: &[&str] = &["task", "test"];
const PART: &[&str] = &["task", "part"];

pub(super) static FAMILIES: &[Family] = &[
    family(
        Gauge,
        "bellwether_task_drift_statistic",
        TEST,
        "Two-sample statistic of the window against the reference: MMD², squared distance of means or squared energy distance",
        |now, out| each_test(now, out, |t| t.value),
    ),
    family(
        Gauge,
        "bellwether_task_drift_p_value",
        TEST,
        "Permutation p-value of bellwether_task_drift_statistic; for looking once, not for alerting on every scrape",
        |now, out| each_test(now, out, |t| t.p_value),
    ),
    family(
        Gauge,
        "bellwether_task_drift_movement_ratio",
        PART,
        "Squared movement of the mean input over the variance within classes, and what of it the class mix and what the \
         movement within classes accounts for; may be slightly negative",
        |now, out| each_part(now, out, |e| e.value),
    ),
    family(
        Gauge,
        "bellwether_task_drift_spread_ratio",
        TASK,
        "Variance within classes over the reference's: below one where messages have become alike",
        |now, out| {
            each(now, out, |r| {
                let spread = r.split.as_ref().and_then(|s| s.spread_ratio.as_ref());
                spread.map_or(f64::NAN, |e| e.value)
            });
        },
    ),
    family(
        Gauge,
        "bellwether_task_drift_classifier_auc_ratio",
        TASK,
        "Area under the ROC curve of a classifier that tells the window from the reference",
        |now, out| each(now, out, |r| auc(r, |e| e.value)),
    ),
    family(
        Gauge,
        "bellwether_task_drift_classifier_auc_low_ratio",
        TASK,
        "Lower end of the 95 % interval of bellwether_task_drift_classifier_auc_ratio",
        |now, out| each(now, out, |r| auc(r, |e| e.interval.low)),
    ),
    family(
        Gauge,
        "bellwether_task_drift_window_observations",
        TASK,
        "Observations that the drift report rests on",
        |now, out| each(now, out, |r| r.observations as f64),
    ),
];
