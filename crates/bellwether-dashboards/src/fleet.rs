//! The morning's question over all tasks: what needs me now, why, and can I trust the answer?

use crate::dashboard::{Dashboard, Row, Tasks, drawn};
use crate::panel::{Panel, Unit, task_links};
use crate::query::Scope;
use crate::verdict;
use bellwether_monitor::Verdict;
use serde_json::json;

const FLEET: Scope = Scope::Tasks;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        name: "fleet",
        title: "fleet",
        description: "Every task of a multi-task model: what needs somebody now, and why.",
        tasks: Tasks::Many,
        rows: vec![
            Row {
                title: "What needs me now",
                panels: now(),
            },
            Row {
                title: "Why",
                panels: vec![why()],
            },
            Row {
                title: "What moved",
                panels: moved(),
            },
            Row {
                title: "Traffic and labels",
                panels: traffic(),
            },
        ],
    }
}

fn now() -> Vec<Panel> {
    let verdicts = FLEET.gauge("bellwether_task_verdict");
    let by_verdict = verdicts.value().max_by("task, verdict").sum_by("verdict");
    let event_time = FLEET.gauge("bellwether_event_timestamp_seconds").value().max();
    let need = verdict::need(FLEET);
    vec![
        Panel::stat(
            "Shared encoder",
            Unit::None,
            "Whether a shift common to the tasks stands: an encoder that was swapped, a broken preprocessor. One cause, \
             one incident: look at it before the tasks.",
        )
        .ask(&FLEET.gauge("bellwether_shared_encoder").value().max(), "shared")
        .mapped(verdict::flag("no common shift", "common shift", verdict::SHARED)),
        Panel::stat(
            "Tasks by verdict",
            Unit::Count,
            "How many of the chosen tasks have each verdict now.",
        )
        .size(12, 4)
        .ask(&by_verdict, "{{verdict}}")
        .verdict_colours(),
        Panel::stat(
            "Age of the status",
            Unit::Seconds,
            "Time since the pipeline last published what it knows. Everything here is as old as this.",
        )
        .ask(
            &FLEET
                .gauge("bellwether_status_timestamp_seconds")
                .value()
                .max()
                .ago(),
            "age",
        )
        .threshold(120.0, verdict::colour(Verdict::Retrain)),
        Panel::stat(
            "Event time",
            Unit::Time,
            "Time of the newest observation or label that was judged. In a replay it is not the time of day.",
        )
        .ask(&event_time.times(1000.0), "event time"),
        Panel::states(
            "Verdicts",
            "The verdict of each task over time: of so many tasks as the variable Tasks drawn says, those in most need first, \
             then those that were longest not healthy. With few tasks these are all.",
            verdict::mappings(),
        )
        .size(24, 12)
        .ask(&drawn(need, FLEET), "{{task}}")
        .links_to_task(),
        Panel::stack(
            "Tasks by verdict over time",
            Unit::Count,
            "How many of the chosen tasks had each verdict, all of them, also where there are too many to draw.",
        )
        .size(16, 7)
        .ask(
            &verdicts.value().max_by("task, verdict").sum_by("verdict"),
            "{{verdict}}",
        )
        .verdict_colours(),
        Panel::states(
            "Shared encoder over time",
            "When a shift was common to the tasks. Verdicts of single tasks under it say nothing about those tasks.",
            verdict::flag("no common shift", "common shift", verdict::SHARED),
        )
        .size(8, 7)
        .ask(
            &FLEET.gauge("bellwether_shared_encoder").value().max(),
            "shared encoder",
        ),
    ]
}

fn why() -> Panel {
    let of = |name| FLEET.gauge(name).value().max_by("task");
    let evidence = FLEET
        .gauge("bellwether_task_signal_log_e_value_nats")
        .value()
        .over(&FLEET.gauge("bellwether_task_signal_threshold_nats").value())
        .max_by("task");
    let event_time = FLEET.gauge("bellwether_event_timestamp_seconds").value().max();
    let since = of("bellwether_task_verdict_since_timestamp_seconds").before(&event_time);
    Panel::table(
        "The tasks in numbers",
        Unit::None,
        "One row for each chosen task, those in most need first. Strongest evidence is that of any signal over its \
         threshold, and raises at 100 %. Quality is in the unit of the task's own metric. Standing for is event time. A \
         click on a task leads to its dashboard, or to the monitor's own page with the reason in words.",
        "task",
        "verdict",
    )
    .column(&verdict::need(FLEET), "verdict", Unit::None)
    .column(&since, "standing for", Unit::Seconds)
    .column(
        &of("bellwether_task_verdict_confidence_ratio"),
        "confidence",
        Unit::Share,
    )
    .column(&evidence, "strongest evidence", Unit::Share)
    .column(&of("bellwether_task_quality"), "quality", Unit::None)
    .column(&of("bellwether_task_quality_reference"), "in the reference", Unit::None)
    .column(
        &of("bellwether_task_estimated_quality_ratio"),
        "estimated",
        Unit::Share,
    )
    .column(
        &of("bellwether_task_drift_within_class_ratio"),
        "drift within classes",
        Unit::None,
    )
    .column(&of("bellwether_task_drift_mix_ratio"), "drift of the mix", Unit::Share)
    .column(&of("bellwether_task_novelty_ratio"), "novelty", Unit::Share)
    .column(
        &of("bellwether_task_label_coverage_ratio"),
        "coverage",
        Unit::Share,
    )
    .column(&of("bellwether_task_waiting_cost"), "cost of waiting", Unit::Count)
    .decimals(2)
    .looks(
        "Value #A",
        &json!([
            {"id": "mappings", "value": verdict::mappings()},
            {"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}},
        ]),
    )
    .looks("Value #B", &json!([{"id": "decimals", "value": 0}]))
    .looks(
        "task",
        &json!([{"id": "links", "value": task_links("${__value.text}")}, {"id": "custom.width", "value": 240}]),
    )
    .without_times()
}

fn moved() -> Vec<Panel> {
    let evidence = FLEET
        .gauge("bellwether_task_signal_log_e_value_nats")
        .value()
        .over(&FLEET.gauge("bellwether_task_signal_threshold_nats").value())
        .max_by("task");
    let lines = |title, unit, name, description| {
        Panel::lines(title, unit, description)
            .ask(
                &drawn(FLEET.gauge(name).value().max_by("task"), FLEET),
                "{{task}}",
            )
            .links_to_task()
    };
    vec![
        Panel::lines(
            "Strongest evidence",
            Unit::Share,
            "Of each task in need, the evidence of its strongest signal as a share of its threshold: it raises at 100 %. What \
             rises towards it is not yet an alarm.",
        )
        .size(12, 8)
        .ask(&drawn(evidence, FLEET), "{{task}}")
        .threshold(1.0, verdict::colour(Verdict::Retrain))
        .links_to_task(),
        Panel::stack(
            "Signals that stand",
            Unit::Count,
            "In how many of the chosen tasks each signal stands. One signal in many tasks at once is seldom a matter of the \
             tasks.",
        )
        .size(12, 8)
        .ask(
            &FLEET
                .gauge("bellwether_task_signal_active")
                .value()
                .max_by("task, signal")
                .sum_by("signal"),
            "{{signal}}",
        ),
        lines(
            "Drift within classes",
            Unit::None,
            "bellwether_task_drift_within_class_ratio",
            "Squared movement of the inputs within their classes over the reference's variance, of the tasks in most need.",
        ),
        lines(
            "Drift of the mix",
            Unit::Share,
            "bellwether_task_drift_mix_ratio",
            "Distance of the shares of predicted classes from the reference's, of the tasks in most need.",
        ),
        lines(
            "Novelty",
            Unit::Share,
            "bellwether_task_novelty_ratio",
            "Share of the window that looks like nothing in the reference, of the tasks in most need. By chance it is 5 %.",
        ),
    ]
}

fn traffic() -> Vec<Panel> {
    let observations = FLEET.counter("bellwether_task_observations_total");
    let coverage = FLEET
        .gauge("bellwether_task_label_coverage_ratio")
        .value()
        .max_by("task");
    let silent = observations.rate().sum_by("task").equals(0.0).sum();
    vec![
        Panel::lines(
            "Traffic of all tasks",
            Unit::PerSecond,
            "Observations and labels of the chosen tasks together.",
        )
        .with_zero()
        .ask(&observations.rate().sum(), "observations")
        .ask(
            &FLEET.counter("bellwether_task_labels_total").rate().sum(),
            "labels",
        ),
        Panel::lines(
            "Traffic by task",
            Unit::PerSecond,
            "Observations of the tasks in most need. A verdict without traffic rests on old data.",
        )
        .with_zero()
        .ask(&drawn(observations.rate().sum_by("task"), FLEET), "{{task}}")
        .links_to_task(),
        Panel::lines(
            "Tasks without traffic",
            Unit::Count,
            "How many of the chosen tasks had no observation since the step before, and how many there are.",
        )
        .with_zero()
        .ask(&silent, "without traffic")
        .ask(&coverage.clone().count(), "tasks"),
        Panel::lines(
            "Label coverage over all tasks",
            Unit::Share,
            "How the tasks lie in label coverage: half of them are below the median, one in ten below the lowest tenth. \
             Without labels a change of concept cannot be seen.",
        )
        .with_one()
        .ask(&coverage.clone().quantile(0.1), "lowest tenth")
        .ask(&coverage.clone().quantile(0.5), "median")
        .ask(&coverage.clone().quantile(0.9), "highest tenth"),
        Panel::lines(
            "Label coverage by task",
            Unit::Share,
            "Share of the window's observations that have a label, of the tasks in most need.",
        )
        .with_one()
        .ask(&drawn(coverage, FLEET), "{{task}}")
        .links_to_task(),
        Panel::lines(
            "Label delay by task",
            Unit::Seconds,
            "Median delay of labels behind their observations, in event time, of the tasks in most need. A fall of quality is \
             seen no sooner.",
        )
        .with_zero()
        .ask(
            &drawn(
                FLEET
                    .gauge("bellwether_task_label_delay_seconds")
                    .value()
                    .max_by("task"),
                FLEET,
            ),
            "{{task}}",
        )
        .links_to_task(),
    ]
}
