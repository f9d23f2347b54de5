//! What a new version of the model did to the tasks, and what acting and waiting cost.

use super::{Family, Samples, Snapshot, family, flag, seconds};
use crate::exposition::MetricKind::Gauge;
use bellwether_monitor::{Estimate, TaskForgetting, TaskStatus};

/// Outcomes of a forgetting watch for one task.
const OUTCOMES: [&str; 4] = ["undecided", "kept", "better", "worse"];
/// Remedies with a cost.
const REMEDIES: [&str; 3] = ["retrain", "continual_update", "new_task"];

/// A number of each task under watch, NaN where there is none.
fn each(now: &Snapshot, out: &mut Samples, value: fn(&TaskForgetting) -> f64) {
    for task in now.tasks() {
        out.labelled(&[&task.task], task.forgetting.as_ref().map_or(f64::NAN, value));
    }
}

fn each_cost(now: &Snapshot, out: &mut Samples, value: fn(&TaskStatus) -> f64) {
    for task in now.tasks() {
        out.labelled(&[&task.task], value(task));
    }
}

fn of(estimate: Option<&Estimate>, value: fn(&Estimate) -> f64) -> f64 {
    estimate.map_or(f64::NAN, value)
}

const TASK: &[&str] = &["task"];
const OUTCOME: &[&str] = &["task", "outcome"];
const REMEDY: &[&str] = &["task", "remedy"];

pub(super) static FAMILIES: &[Family] = &[
    family(
        Gauge,
        "bellwether_forgetting_watch_active",
        &[],
        "1 while a new model_version is watched for tasks that it made worse",
        |now, out| {
            out.value(now.of_model(|s| flag(s.forgetting.as_ref().is_some_and(|f| f.ended.is_none()))));
        },
    ),
    family(
        Gauge,
        "bellwether_forgetting_watch_opened_timestamp_seconds",
        &[],
        "Event time of the first observation of the newest model_version; NaN before the first change",
        |now, out| {
            out.value(now.of_model(|s| s.forgetting.as_ref().map_or(f64::NAN, |f| seconds(f.opened_ms))));
        },
    ),
    family(
        Gauge,
        "bellwether_forgetting_new_version_ratio",
        &[],
        "Share of the observations since the newest change of model_version that are the new version's",
        |now, out| out.value(now.of_model(|s| s.forgetting.as_ref().map_or(f64::NAN, |f| f.share))),
    ),
    family(
        Gauge,
        "bellwether_task_forgetting_outcome",
        OUTCOME,
        "1 for what the newest model_version did to the task, 0 for the other outcomes; all 0 before the first change",
        |now, out| {
            for task in now.tasks() {
                let found = task.forgetting.as_ref().map(|f| f.outcome);
                for outcome in OUTCOMES {
                    out.labelled(&[&task.task, outcome], flag(found == Some(outcome)));
                }
            }
        },
    ),
    family(
        Gauge,
        "bellwether_task_forgotten",
        TASK,
        "1 where the newest model_version made a task worse that the update was not for",
        |now, out| {
            each_cost(now, out, |t| {
                flag(t.forgetting.as_ref().is_some_and(|f| f.forgotten))
            });
        },
    ),
    family(
        Gauge,
        "bellwether_task_forgetting_loss_before_ratio",
        TASK,
        "Mean loss before the newest model_version: share of wrong predictions, or rank of the absolute error",
        |now, out| each(now, out, |f| of(f.loss_before.as_ref(), |e| e.value)),
    ),
    family(
        Gauge,
        "bellwether_task_forgetting_loss_after_ratio",
        TASK,
        "The same under the newest model_version",
        |now, out| each(now, out, |f| of(f.loss_after.as_ref(), |e| e.value)),
    ),
    family(
        Gauge,
        "bellwether_task_forgetting_log_e_value_nats",
        TASK,
        "Natural logarithm of the e-value that the loss rose by more than is tolerated",
        |now, out| each(now, out, |f| f.log_e_value),
    ),
    family(
        Gauge,
        "bellwether_task_forgetting_threshold_nats",
        TASK,
        "The logarithm at which the task is called worse",
        |now, out| each(now, out, |f| f.threshold),
    ),
    family(
        Gauge,
        "bellwether_task_forgetting_missing_labels",
        TASK,
        "Labels under the newest model_version until a fall by the margin can be excluded; NaN when it is decided or cannot be",
        |now, out| each(now, out, |f| f.labels_missing.map_or(f64::NAN, |n| n as f64)),
    ),
    family(
        Gauge,
        "bellwether_task_remedy_expected_cost",
        REMEDY,
        "Cost of the remedy and of what is needed after it, in the owner's unit; NaN while nothing stands",
        |now, out| {
            for task in now.tasks() {
                for remedy in REMEDIES {
                    let of_task = task
                        .costs
                        .as_ref()
                        .and_then(|c| c.remedies.iter().find(|r| r.remedy == remedy));
                    out.labelled(&[&task.task, remedy], of_task.map_or(f64::NAN, |r| r.expected));
                }
            }
        },
    ),
    family(
        Gauge,
        "bellwether_task_waiting_cost",
        TASK,
        "What waiting has cost since the cause began, in the owner's unit; 0 while nothing stands",
        |now, out| each_cost(now, out, |t| t.costs.as_ref().map_or(0.0, |c| c.waited)),
    ),
];
