//! One task from top to bottom: what is said about it, and everything that it rests on.

mod quality;

use crate::dashboard::{Dashboard, Row, Tasks};
use crate::panel::{Panel, Unit};
use crate::query::{Query, Scope};
use crate::verdict;
use bellwether_monitor::Verdict;

const TASK: Scope = Scope::OneTask;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        name: "task",
        title: "task",
        description: "One task of a multi-task model: its verdict, and the evidence, drift, quality, novelty and labels behind it.",
        tasks: Tasks::One,
        rows: vec![
            Row {
                title: "Verdict",
                panels: said(),
            },
            Row {
                title: "Evidence",
                panels: evidence(),
            },
            Row {
                title: "Drift of the inputs",
                panels: drift(),
            },
            Row {
                title: "Quality",
                panels: quality::panels(),
            },
            Row {
                title: "Novelty",
                panels: novelty(),
            },
            Row {
                title: "Labels and traffic",
                panels: quality::labels(),
            },
            Row {
                title: "Slices",
                panels: slices(),
            },
            Row {
                title: "New version and cost",
                panels: version_and_cost(),
            },
        ],
    }
}

/// A gauge of the task that has no further label.
fn now(name: &'static str) -> Query {
    TASK.gauge(name).value().max()
}

fn said() -> Vec<Panel> {
    let event_time = now("bellwether_event_timestamp_seconds");
    let age = |name| now(name).before(&event_time);
    vec![
        Panel::stat(
            "Verdict",
            Unit::None,
            "What the monitor says about the task now. Its page says why, in words.",
        )
        .size(6, 4)
        .ask(&verdict::need(TASK), "verdict")
        .mapped(verdict::mappings()),
        Panel::stat(
            "Confidence",
            Unit::Share,
            "How far the evidence is beyond what the verdict asks for.",
        )
        .size(6, 4)
        .ask(&now("bellwether_task_verdict_confidence_ratio"), "confidence"),
        Panel::stat(
            "Cause since",
            Unit::Seconds,
            "How long the cause of the verdict has held, in event time, as the detectors date it.",
        )
        .size(6, 4)
        .ask(&age("bellwether_task_verdict_since_timestamp_seconds"), "since"),
        Panel::stat(
            "Last change",
            Unit::Seconds,
            "How long ago the verdict changed, in event time.",
        )
        .size(6, 4)
        .ask(
            &age("bellwether_task_verdict_changed_timestamp_seconds"),
            "changed",
        ),
        Panel::states(
            "Verdict over time",
            "The verdict of the task.",
            verdict::mappings(),
        )
        .size(24, 4)
        .ask(&verdict::need(TASK), "verdict"),
        Panel::states(
            "Shared encoder over time",
            "When a shift was common to the tasks: what the task shows then is not its own.",
            verdict::flag("no common shift", "common shift", verdict::SHARED),
        )
        .size(24, 4)
        .ask(&now("bellwether_shared_encoder"), "shared encoder"),
    ]
}

fn evidence() -> Vec<Panel> {
    let by_signal = |name| TASK.gauge(name).value().max_by("signal");
    let share = by_signal("bellwether_task_signal_log_e_value_nats")
        .over(&by_signal("bellwether_task_signal_threshold_nats"));
    let excess =
        by_signal("bellwether_task_signal_statistic").minus(&by_signal("bellwether_task_signal_tolerance"));
    vec![
        Panel::lines(
            "Evidence of each signal",
            Unit::Share,
            "As a share of its threshold, both logarithms of e-values: a signal raises at 100 %, however often one looks.",
        )
        .threshold(1.0, verdict::colour(Verdict::Retrain))
        .ask(&share, "{{signal}}"),
        Panel::states(
            "Signals that stand",
            "From when to when each signal was raised.",
            verdict::flag("quiet", "stands", verdict::colour(Verdict::Watch)),
        )
        .ask(&by_signal("bellwether_task_signal_active"), "{{signal}}"),
        Panel::lines(
            "Statistics beyond what is tolerated",
            Unit::None,
            "The recent mean of what each signal bets on, less the mean that is tolerated. Above zero evidence grows.",
        )
        .threshold(0.0, verdict::colour(Verdict::Watch))
        .ask(&excess, "{{signal}}"),
    ]
}

fn drift() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Mix or within classes?",
            Unit::None,
            "Squared movement of the mean input over the variance within classes, and what of it the mix of classes and what \
             the movement within them accounts for. A mix that moved is other demand; classes that moved are other inputs.",
        )
        .size(12, 8)
        .ask(
            &TASK
                .gauge("bellwether_task_drift_movement_ratio")
                .value()
                .max_by("part"),
            "{{part}}",
        ),
        Panel::lines(
            "Drift of the window",
            Unit::None,
            "The two numbers that the detection window itself keeps: movement within classes, and the distance of the mix of \
             predicted classes, which is a share.",
        )
        .size(12, 8)
        .ask(&now("bellwether_task_drift_within_class_ratio"), "within classes")
        .ask(&now("bellwether_task_drift_mix_ratio"), "mix"),
        Panel::lines(
            "Two-sample statistics",
            Unit::None,
            "The window against the reference: MMD² by a Gaussian kernel, squared distance of the means, squared energy distance. \
             All are zero on average where nothing differs; their scales differ.",
        )
        .size(6, 8)
        .ask(
            &TASK
                .gauge("bellwether_task_drift_statistic")
                .value()
                .max_by("test"),
            "{{test}}",
        ),
        Panel::lines(
            "p-values",
            Unit::None,
            "Of these statistics, by 199 shuffles: 0.005 is the smallest. They hold for one look, so nothing alarms on them.",
        )
        .size(6, 8)
        .with_one()
        .ask(
            &TASK.gauge("bellwether_task_drift_p_value").value().max_by("test"),
            "{{test}}",
        ),
        Panel::lines(
            "Can a classifier tell?",
            Unit::Share,
            "Area under the ROC curve of a classifier that tells the window from the reference, with the lower end of its 95 % \
             interval. 50 % is that nothing differs.",
        )
        .size(6, 8)
        .ask(&now("bellwether_task_drift_classifier_auc_ratio"), "AUC")
        .ask(&now("bellwether_task_drift_classifier_auc_low_ratio"), "low")
        .dashed("low"),
        Panel::lines(
            "Spread and window",
            Unit::None,
            "Variance within classes over the reference's: below one messages have become alike. At the right, how many \
             observations the drift report rests on.",
        )
        .size(6, 8)
        .ask(&now("bellwether_task_drift_spread_ratio"), "spread")
        .ask(&now("bellwether_task_drift_window_observations"), "observations")
        .right_axis("observations", Unit::Count),
    ]
}

fn novelty() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Share of novel inputs",
            Unit::Share,
            "Share of the window whose novelty has a p-value below 0.05. By chance it is 5 %.",
        )
        .with_zero()
        .threshold(0.05, verdict::QUIET)
        .ask(&now("bellwether_task_novelty_ratio"), "novel"),
        Panel::lines(
            "Size of the group",
            Unit::Count,
            "Observations in the novel group that was last examined.",
        )
        .with_zero()
        .ask(&now("bellwether_task_novelty_group_observations"), "observations"),
        Panel::lines(
            "One thing, and whose?",
            Unit::None,
            "Log-odds of the novel group: coherence above zero is one thing and not scatter; affinity above zero is a new task, \
             below zero new classes of this one.",
        )
        .threshold(0.0, verdict::QUIET)
        .ask(&now("bellwether_task_novelty_coherence_nats"), "coherence")
        .ask(&now("bellwether_task_novelty_affinity_nats"), "affinity to a new task"),
    ]
}

fn slices() -> Vec<Panel> {
    let by_slice = "attribute, value";
    vec![
        Panel::lines(
            "Traffic by slice",
            Unit::PerSecond,
            "Observations by the values of the attributes that events carry, the twenty largest; at the right, values for which \
             no slice was left.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &TASK
                .counter("bellwether_slice_observations_total")
                .rate()
                .sum_by(by_slice)
                .top("20"),
            "{{attribute}}={{value}}",
        )
        .ask(
            &TASK
                .counter("bellwether_slice_unwatched_values_total")
                .rate()
                .sum(),
            "not watched",
        )
        .right_axis("not watched", Unit::PerSecond),
        Panel::lines(
            "Labels by slice",
            Unit::PerSecond,
            "Labels that counted, the twenty largest slices.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &TASK
                .counter("bellwether_slice_labels_total")
                .rate()
                .sum_by(by_slice)
                .top("20"),
            "{{attribute}}={{value}}",
        ),
        Panel::lines(
            "Evidence by slice",
            Unit::None,
            "Logarithm of the e-value of each slice's signals, the twenty strongest.",
        )
        .size(6, 8)
        .ask(
            &TASK
                .gauge("bellwether_slice_signal_log_e_value_nats")
                .value()
                .max_by("attribute, value, signal")
                .top("20"),
            "{{attribute}}={{value}} {{signal}}",
        ),
        Panel::lines(
            "Slices whose signals stand",
            Unit::Count,
            "How many slices each signal stands in. The slice is named in the verdict's reason.",
        )
        .size(6, 8)
        .with_zero()
        .ask(
            &TASK
                .gauge("bellwether_slice_signal_active")
                .value()
                .max_by("attribute, value, signal")
                .sum_by("signal"),
            "{{signal}}",
        ),
    ]
}

fn version_and_cost() -> Vec<Panel> {
    vec![
        Panel::states(
            "What the newest version did",
            "The outcome that stands for the newest model_version; none before the first change of version.",
            verdict::flag("no", "yes", verdict::colour(Verdict::ContinualUpdate)),
        )
        .size(6, 8)
        .ask(
            &TASK
                .gauge("bellwether_task_forgetting_outcome")
                .value()
                .max_by("outcome"),
            "{{outcome}}",
        )
        .ask(&now("bellwether_task_forgotten"), "forgotten"),
        Panel::lines(
            "Loss before and after",
            Unit::Share,
            "Mean loss before the newest model_version and under it; at the right, labels that are missing until a fall can be \
             excluded.",
        )
        .size(6, 8)
        .ask(&now("bellwether_task_forgetting_loss_before_ratio"), "before")
        .ask(&now("bellwether_task_forgetting_loss_after_ratio"), "after")
        .ask(&now("bellwether_task_forgetting_missing_labels"), "missing labels")
        .right_axis("missing labels", Unit::Count),
        Panel::lines(
            "Evidence of forgetting",
            Unit::None,
            "Logarithm of the e-value that the loss rose by more than is tolerated, and where the task is called worse.",
        )
        .size(6, 8)
        .ask(&now("bellwether_task_forgetting_log_e_value_nats"), "evidence")
        .ask(&now("bellwether_task_forgetting_threshold_nats"), "threshold")
        .dashed("threshold"),
        Panel::lines(
            "Cost of each remedy, and of waiting",
            Unit::Count,
            "Cost of each remedy with what is needed after it, and what waiting has cost so far, in the unit of [costs]. Remedies \
             have a cost only while something stands.",
        )
        .size(6, 8)
        .ask(
            &TASK
                .gauge("bellwether_task_remedy_expected_cost")
                .value()
                .max_by("remedy"),
            "{{remedy}}",
        )
        .ask(&now("bellwether_task_waiting_cost"), "waiting"),
    ]
}
