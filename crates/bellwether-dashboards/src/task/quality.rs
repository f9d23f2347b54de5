//! How good the task's answers are, by labels and without them, and what the labels are worth.

use super::{TASK, now};
use crate::panel::{Panel, Unit};
use crate::verdict;
use bellwether_monitor::Verdict;

/// By labels and estimated, in one picture and apart.
pub(super) fn panels() -> Vec<Panel> {
    let mut panels = by_labels();
    panels.extend(without_labels());
    panels
}

fn by_labels() -> Vec<Panel> {
    let metric = |name| TASK.gauge(name).value().max_by("metric");
    let labelled = verdict::colour(Verdict::Healthy);
    let estimated = verdict::SHARED;
    vec![
        Panel::lines(
            "Quality by labels, and estimated without",
            Unit::None,
            "Quality of the window by its labels, and as confidence alone would have it, each with its 95 % interval, beside the \
             reference. Labels are late and true, the estimate is early and blind to a change of what labels mean. Tasks whose \
             metric is an error (mae) have no estimate in the same unit.",
        )
        .size(16, 10)
        .ask(&now("bellwether_task_quality"), "labelled")
        .ask(&now("bellwether_task_quality_low"), "labelled low")
        .ask(&now("bellwether_task_quality_high"), "labelled high")
        .ask(&now("bellwether_task_estimated_quality_ratio"), "estimated")
        .ask(
            &now("bellwether_task_estimated_quality_low_ratio"),
            "estimated low",
        )
        .ask(
            &now("bellwether_task_estimated_quality_high_ratio"),
            "estimated high",
        )
        .ask(&now("bellwether_task_quality_reference"), "reference")
        .ask(&now("bellwether_task_macro_f1_ratio"), "macro F1")
        .band("labelled", labelled)
        .band("estimated", estimated)
        .dashed("reference"),
        Panel::lines(
            "What quality rests on",
            Unit::Count,
            "Labelled observations behind the quality at the left, labels behind the metrics below, and how many equally weighted \
             labels would tell as much.",
        )
        .size(8, 10)
        .with_zero()
        .ask(&now("bellwether_task_quality_observations"), "labelled observations")
        .ask(&now("bellwether_task_quality_window_labels"), "labels of the metrics")
        .ask(
            &now("bellwether_task_quality_window_effective_labels"),
            "effective labels",
        ),
        Panel::lines(
            "Every metric less its reference",
            Unit::None,
            "Each metric of the task's kind, weighted where labels were chosen by confidence, less the same in the reference. \
             Zero is as good as then; for errors and losses (mae, rmse, log_loss, brier, ece) above zero is worse.",
        )
        .size(8, 9)
        .threshold(0.0, verdict::QUIET)
        .ask(
            &metric("bellwether_task_quality_metric")
                .minus(&metric("bellwether_task_quality_metric_reference")),
            "{{metric}}",
        ),
        Panel::lines(
            "Every metric with its interval",
            Unit::None,
            "Each metric, with the ends of its 95 % interval as points of their own, and the same labels each counting one (raw).",
        )
        .size(8, 9)
        .ask(&metric("bellwether_task_quality_metric"), "{{metric}}")
        .ask(&metric("bellwether_task_quality_metric_low"), "{{metric}} low")
        .ask(&metric("bellwether_task_quality_metric_high"), "{{metric}} high")
        .ask(&metric("bellwether_task_quality_metric_raw"), "{{metric}} raw"),
    ]
}

fn without_labels() -> Vec<Panel> {
    let estimate = |name| TASK.gauge(name).value().max_by("method, metric");
    vec![
        Panel::lines(
            "Expected without labels",
            Unit::Share,
            "What each method expects of the newest predictions without their labels, with the ends of its 95 % interval.",
        )
        .size(8, 9)
        .ask(
            &estimate("bellwether_task_unlabelled_estimate_ratio"),
            "{{metric}} {{method}}",
        )
        .ask(
            &estimate("bellwether_task_unlabelled_estimate_low_ratio"),
            "{{metric}} {{method}} low",
        )
        .ask(
            &estimate("bellwether_task_unlabelled_estimate_high_ratio"),
            "{{metric}} {{method}} high",
        ),
        Panel::lines(
            "Estimates against labels",
            Unit::Share,
            "The estimate for labelled predictions less what their labels say, with its interval: above zero it is too good.",
        )
        .size(16, 8)
        .threshold(0.0, verdict::QUIET)
        .ask(
            &estimate("bellwether_task_estimate_disagreement_ratio"),
            "{{metric}} {{method}}",
        )
        .ask(
            &estimate("bellwether_task_estimate_disagreement_low_ratio"),
            "{{metric}} {{method}} low",
        )
        .ask(
            &estimate("bellwether_task_estimate_disagreement_high_ratio"),
            "{{metric}} {{method}} high",
        ),
        Panel::states(
            "Estimates that labels contradict",
            "When labels contradicted an estimate beyond chance. Then it is not to be trusted.",
            verdict::flag("not contradicted", "contradicted", verdict::colour(Verdict::Retrain)),
        )
        .size(8, 8)
        .ask(
            &estimate("bellwether_task_estimate_contradicted"),
            "{{metric}} {{method}}",
        ),
    ]
}

/// How many labels come, how late, and of what.
pub(super) fn labels() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Traffic",
            Unit::PerSecond,
            "Observations of the task that were judged, and labels that were joined.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &TASK.counter("bellwether_task_observations_total").rate().sum(),
            "observations",
        )
        .ask(
            &TASK.counter("bellwether_task_labels_total").rate().sum(),
            "labels",
        ),
        Panel::lines(
            "Label coverage",
            Unit::Share,
            "Share of the observations that have a label: of the detection window, and of the time of the labels behind the \
             metrics; and the share of predictions in quartiles of confidence without any label.",
        )
        .size(6, 8)
        .with_one()
        .ask(&now("bellwether_task_label_coverage_ratio"), "window")
        .ask(
            &now("bellwether_task_quality_window_coverage_ratio"),
            "time of the metrics",
        )
        .ask(
            &now("bellwether_task_quality_window_uncovered_ratio"),
            "without any label",
        ),
        Panel::lines(
            "Label delay",
            Unit::Seconds,
            "How late labels are, in event time: half of them, and nine in ten. Younger predictions do not count yet.",
        )
        .size(6, 8)
        .with_zero()
        .ask(&now("bellwether_task_label_delay_seconds"), "median")
        .ask(
            &now("bellwether_task_label_delay_late_seconds"),
            "90th percentile",
        ),
        Panel::states(
            "Labels chosen by confidence",
            "When quartiles of confidence were labelled at different rates beyond chance, so that labels are weighted.",
            verdict::flag("at random", "by confidence", verdict::colour(Verdict::Watch)),
        )
        .size(6, 8)
        .ask(&now("bellwether_task_label_selective"), "labels"),
    ]
}
