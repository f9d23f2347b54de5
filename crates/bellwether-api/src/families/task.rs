//! Metrics of each task. All tasks of the reference have all series from the first status on.

use super::{Family, Samples, Snapshot, family, flag, seconds};
use crate::exposition::MetricKind::{Counter, Gauge};
use bellwether_monitor::{Estimate, SignalStatus, TaskStatus, Verdict};

fn each(now: &Snapshot, out: &mut Samples, value: fn(&TaskStatus) -> f64) {
    for task in now.tasks() {
        out.labelled(&[&task.task], value(task));
    }
}

fn each_quality(now: &Snapshot, out: &mut Samples, value: fn(&TaskStatus) -> f64) {
    for task in now.tasks() {
        out.labelled(&[&task.task, task.quality.metric], value(task));
    }
}

fn each_signal(now: &Snapshot, out: &mut Samples, value: fn(&SignalStatus) -> f64) {
    for task in now.tasks() {
        for signal in &task.signals {
            out.labelled(&[&task.task, signal.signal], value(signal));
        }
    }
}

fn of(estimate: Option<&Estimate>, value: fn(&Estimate) -> f64) -> f64 {
    estimate.map_or(f64::NAN, value)
}

const TASK: &[&str] = &["task"];
const QUALITY: &[&str] = &["task", "metric"];
const SIGNAL: &[&str] = &["task", "signal"];
const VERDICT: &[&str] = &["task", "verdict"];

pub(super) static FAMILIES: &[Family] = &[
    family(
        Gauge,
        "bellwether_task_verdict",
        VERDICT,
        "1 for the verdict that stands, 0 for the other five",
        |now, out| {
            for task in now.tasks() {
                for verdict in Verdict::ALL {
                    out.labelled(&[&task.task, verdict.as_str()], flag(task.verdict == verdict));
                }
            }
        },
    ),
    family(
        Counter,
        "bellwether_task_verdict_changes_total",
        VERDICT,
        "How often the task changed to the verdict",
        |now, out| {
            let lines = now.verdict_changes.iter().zip(&now.last_lines);
            for (task, (changes, last)) in now.tasks().iter().zip(lines) {
                for (verdict, count) in Verdict::ALL.into_iter().zip(changes) {
                    // Where to look: the line of the timeline that says it, with its evidence.
                    let last = last.as_ref().filter(|last| last.line.verdict == Some(verdict));
                    let exemplar = last.map(|last| {
                        vec![
                            ("line", last.id.to_string()),
                            ("timestamp", last.line.timestamp.clone()),
                        ]
                    });
                    out.with_exemplar(&[&task.task, verdict.as_str()], *count as f64, exemplar);
                }
            }
        },
    ),
    family(
        Gauge,
        "bellwether_task_verdict_changed_timestamp_seconds",
        TASK,
        "Event time of the last change of verdict",
        |now, out| each(now, out, |t| seconds(t.changed_ms)),
    ),
    family(
        Gauge,
        "bellwether_task_verdict_since_timestamp_seconds",
        TASK,
        "Event time since which the cause of the verdict holds, as dated by the detectors",
        |now, out| each(now, out, |t| seconds(t.since_ms)),
    ),
    family(
        Gauge,
        "bellwether_task_verdict_confidence_ratio",
        TASK,
        "How far the evidence is beyond what the verdict asks for, from 0 to 1",
        |now, out| each(now, out, |t| t.confidence),
    ),
    family(
        Counter,
        "bellwether_task_observations_total",
        TASK,
        "Observations judged",
        |now, out| {
            each(now, out, |t| t.observations as f64);
        },
    ),
    family(
        Counter,
        "bellwether_task_labels_total",
        TASK,
        "Labels joined",
        |now, out| {
            each(now, out, |t| t.labels as f64);
        },
    ),
    family(
        Gauge,
        "bellwether_task_label_coverage_ratio",
        TASK,
        "Share of the detection window's observations that have a label",
        |now, out| each(now, out, |t| t.label_coverage),
    ),
    family(
        Gauge,
        "bellwether_task_label_delay_seconds",
        TASK,
        "Median delay of the window's labels behind their observations",
        |now, out| each(now, out, |t| t.label_delay_seconds),
    ),
    family(
        Gauge,
        "bellwether_task_drift_within_class_ratio",
        TASK,
        "Squared distance of the window's mean residual within classes over the reference's residual variance; may be \
         slightly negative",
        |now, out| each(now, out, |t| t.drift_within_class),
    ),
    family(
        Gauge,
        "bellwether_task_drift_mix_ratio",
        TASK,
        "Total variation distance of the predicted-class proportions from the reference's",
        |now, out| each(now, out, |t| t.drift_mix),
    ),
    family(
        Gauge,
        "bellwether_task_quality",
        QUALITY,
        "Labelled quality of the window in the unit of the label metric",
        |now, out| each_quality(now, out, |t| of(t.quality.current.as_ref(), |e| e.value)),
    ),
    family(
        Gauge,
        "bellwether_task_quality_low",
        QUALITY,
        "Lower end of the 95 % interval of bellwether_task_quality",
        |now, out| each_quality(now, out, |t| of(t.quality.current.as_ref(), |e| e.interval.low)),
    ),
    family(
        Gauge,
        "bellwether_task_quality_high",
        QUALITY,
        "Upper end of the 95 % interval of bellwether_task_quality",
        |now, out| each_quality(now, out, |t| of(t.quality.current.as_ref(), |e| e.interval.high)),
    ),
    family(
        Gauge,
        "bellwether_task_quality_observations",
        QUALITY,
        "Labelled observations that bellwether_task_quality rests on",
        |now, out| {
            each_quality(now, out, |t| {
                t.quality.current.as_ref().map_or(0.0, |e| e.size as f64)
            });
        },
    ),
    family(
        Gauge,
        "bellwether_task_quality_reference",
        QUALITY,
        "The same quality in the reference",
        |now, out| each_quality(now, out, |t| t.quality.reference),
    ),
    family(
        Gauge,
        "bellwether_task_macro_f1_ratio",
        TASK,
        "Macro-averaged F1 of the window's labelled observations; NaN for other tasks than classification",
        |now, out| each(now, out, |t| t.quality.macro_f1.unwrap_or(f64::NAN)),
    ),
    family(
        Gauge,
        "bellwether_task_estimated_quality_ratio",
        TASK,
        "Quality expected from calibrated confidence, without labels; NaN where the task gives no probabilities",
        |now, out| each(now, out, |t| of(t.estimated.as_ref(), |e| e.value)),
    ),
    family(
        Gauge,
        "bellwether_task_estimated_quality_low_ratio",
        TASK,
        "Lower end of the 95 % interval of bellwether_task_estimated_quality_ratio",
        |now, out| each(now, out, |t| of(t.estimated.as_ref(), |e| e.interval.low)),
    ),
    family(
        Gauge,
        "bellwether_task_estimated_quality_high_ratio",
        TASK,
        "Upper end of the 95 % interval of bellwether_task_estimated_quality_ratio",
        |now, out| each(now, out, |t| of(t.estimated.as_ref(), |e| e.interval.high)),
    ),
    family(
        Gauge,
        "bellwether_task_novelty_ratio",
        TASK,
        "Share of the window's observations with a novelty p-value below 0.05",
        |now, out| each(now, out, |t| t.novelty.far_ratio),
    ),
    family(
        Gauge,
        "bellwether_task_novelty_group_observations",
        TASK,
        "Observations in the novel group that was last examined",
        |now, out| each(now, out, |t| t.novelty.group_size as f64),
    ),
    family(
        Gauge,
        "bellwether_task_novelty_coherence_nats",
        TASK,
        "Log-odds that the novel group is coherent rather than scattered",
        |now, out| each(now, out, |t| t.novelty.coherence),
    ),
    family(
        Gauge,
        "bellwether_task_novelty_affinity_nats",
        TASK,
        "Log-odds that the novel group is a new task rather than new classes of this one",
        |now, out| each(now, out, |t| t.novelty.affinity),
    ),
    family(
        Gauge,
        "bellwether_task_signal_active",
        SIGNAL,
        "1 while the signal's detector stands",
        |now, out| each_signal(now, out, |s| flag(s.active)),
    ),
    family(
        Gauge,
        "bellwether_task_signal_log_e_value_nats",
        SIGNAL,
        "Natural logarithm of the value of the signal's e-detector",
        |now, out| each_signal(now, out, |s| s.log_e_value),
    ),
    family(
        Gauge,
        "bellwether_task_signal_threshold_nats",
        SIGNAL,
        "The logarithm at which the signal's detector raises",
        |now, out| each_signal(now, out, |s| s.threshold),
    ),
    family(
        Gauge,
        "bellwether_task_signal_statistic",
        SIGNAL,
        "Recent mean of the statistic that the signal bets on",
        |now, out| each_signal(now, out, |s| s.value),
    ),
    family(
        Gauge,
        "bellwether_task_signal_tolerance",
        SIGNAL,
        "The mean of bellwether_task_signal_statistic that is tolerated",
        |now, out| each_signal(now, out, |s| s.tolerance),
    ),
];
