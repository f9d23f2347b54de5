//! Is it the encoder or the tasks? What is common to them against what is each one's own.

use crate::dashboard::{Dashboard, Row, Tasks, drawn};
use crate::panel::{Panel, Unit, task_links};
use crate::query::{Query, Scope};
use crate::verdict;
use bellwether_monitor::{MonitorConfig, Verdict};
use serde_json::json;

const MODEL: Scope = Scope::Tasks;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard {
        name: "shared-encoder",
        title: "shared encoder",
        description: "Whether a shift is common to the tasks or each one's own, since when, and what a new version of the model did.",
        tasks: Tasks::Many,
        rows: vec![
            Row {
                title: "Common shift",
                panels: common(),
            },
            Row {
                title: "Texts whose embedding is known",
                panels: known_texts(),
            },
            Row {
                title: "Common against own",
                panels: against_own(),
            },
            Row {
                title: "New version of the model",
                panels: new_version(),
            },
        ],
    }
}

fn model(name: &'static str) -> Query {
    MODEL.gauge(name).value().max()
}

/// How long ago an event time was, by event time.
fn event_age(name: &'static str) -> Query {
    model(name).before(&model("bellwether_event_timestamp_seconds"))
}

/// Canaries, spot checks, and observations of other encoders: no statistics.
fn known_texts() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Encoder differs in",
            Unit::None,
            "1 while canary texts, or checked observations, come back otherwise than the reference's encoder embeds them, by what differs.",
        )
        .size(12, 7)
        .ask(
            &MODEL.gauge("bellwether_encoder_fault").value().max_by("aspect"),
            "{{aspect}}",
        ),
        Panel::lines(
            "Checked vectors",
            Unit::PerSecond,
            "Canaries that came back through the production path, and observations that were embedded again, a second.",
        )
        .size(12, 7)
        .ask(
            &MODEL
                .counter("bellwether_encoder_checks_total")
                .rate()
                .sum_by("source, result"),
            "{{source}}: {{result}}",
        ),
        Panel::stat(
            "Another encoder arrives",
            Unit::None,
            "Whether observations state another encoder version than the reference's, or have another width: they are not judged.",
        )
        .size(6, 4)
        .ask(&model("bellwether_other_encoder"), "other")
        .mapped(verdict::flag("no", "another encoder", verdict::SHARED)),
        Panel::stat(
            "Not judged for it",
            Unit::Count,
            "Observations of another encoder in the time that is looked at.",
        )
        .size(6, 4)
        .decimals(0)
        .ask(
            &MODEL
                .counter("bellwether_other_encoder_events_total")
                .increase_in_range()
                .sum(),
            "events",
        ),
        Panel::stat(
            "Unknown canaries",
            Unit::Count,
            "Canaries that the reference does not have, in the time that is looked at: sent from another reference's list.",
        )
        .size(6, 4)
        .decimals(0)
        .ask(
            &MODEL
                .counter("bellwether_unknown_canaries_total")
                .increase_in_range()
                .sum(),
            "canaries",
        ),
        Panel::stat(
            "Last canary",
            Unit::Seconds,
            "How long ago, in event time, a canary came back. Empty where none is sent.",
        )
        .size(6, 4)
        .ask(&event_age("bellwether_last_canary_timestamp_seconds"), "since"),
    ]
}

fn common() -> Vec<Panel> {
    let config = MonitorConfig::default();
    let mapping = verdict::flag("no common shift", "common shift", verdict::SHARED);
    vec![
        Panel::stat(
            "Shared encoder",
            Unit::None,
            "Whether a shift common to the tasks stands: preprocessing, the tokenizer or the encoder is the first suspect.",
        )
        .size(6, 4)
        .ask(&model("bellwether_shared_encoder"), "shared")
        .mapped(mapping.clone()),
        Panel::stat(
            "As it is for",
            Unit::Seconds,
            "How long, in event time, there has been a common shift, or none. Empty before the first change.",
        )
        .size(6, 4)
        .ask(
            &event_age("bellwether_shared_encoder_changed_timestamp_seconds"),
            "since",
        ),
        Panel::stat(
            "Raised or cleared",
            Unit::Count,
            "How often a common shift was raised or cleared in the time that is looked at.",
        )
        .size(6, 4)
        .decimals(0)
        .ask(
            &MODEL
                .counter("bellwether_shared_encoder_changes_total")
                .increase_in_range()
                .sum(),
            "changes",
        ),
        Panel::stat(
            "Reference in force",
            Unit::None,
            "What everything is compared with. Another reference is another normal.",
        )
        .size(6, 4)
        .ask(
            &MODEL
                .gauge("bellwether_reference_info")
                .value()
                .max_by("reference"),
            "{{reference}}",
        )
        .option(json!({"textMode": "name"})),
        Panel::states(
            "Shared encoder over time",
            "When a shift was common to the tasks.",
            mapping,
        )
        .size(24, 4)
        .ask(&model("bellwether_shared_encoder"), "shared encoder"),
        Panel::lines(
            "Tasks that moved",
            Unit::Share,
            "Share of the active tasks whose inputs moved. Beyond the line, and where their shifts agree, the shift is common. \
             The line is the shipped setting, monitor.shared_ratio.",
        )
        .size(12, 8)
        .with_one()
        .threshold(config.shared_ratio, verdict::SHARED)
        .ask(&model("bellwether_moved_task_ratio"), "moved"),
        Panel::lines(
            "Do the shifts agree?",
            Unit::None,
            "Median cosine between the shifts of the tasks that moved: near 1 all went the same way, near 0 each its own. \
             Empty while fewer than three moved. The line is the shipped setting, monitor.shared_cosine.",
        )
        .size(12, 8)
        .threshold(config.shared_cosine, verdict::SHARED)
        .ask(&model("bellwether_common_shift_cosine_ratio"), "median cosine"),
    ]
}

fn against_own() -> Vec<Panel> {
    let within = MODEL
        .gauge("bellwether_task_drift_within_class_ratio")
        .value()
        .max_by("task");
    let part = |part: &str| {
        MODEL
            .gauge("bellwether_task_drift_movement_ratio")
            .only(&format!("part=\"{part}\""))
            .value()
            .max_by("task")
    };
    let spread = MODEL
        .gauge("bellwether_task_drift_spread_ratio")
        .value()
        .max_by("task");
    let signals = MODEL
        .gauge("bellwether_task_signal_active")
        .only(r#"signal=~"within_class|text_form|novelty|confidence""#)
        .value()
        .max_by("task, signal")
        .sum_by("signal");
    vec![
        Panel::lines(
            "Movement over all tasks",
            Unit::None,
            "How far the tasks moved within their classes, over all of them. What is common lifts the median and the lowest \
             tenth; what is one task's own lifts the highest alone.",
        )
        .size(12, 8)
        .ask(&within.clone().quantile(0.1), "lowest tenth")
        .ask(&within.clone().quantile(0.5), "median")
        .ask(&within.clone().quantile(0.9), "highest tenth")
        .ask(&within.clone().max(), "highest"),
        Panel::lines(
            "Movement within classes by task",
            Unit::None,
            "The same of each task in most need, by its window.",
        )
        .size(12, 8)
        .ask(&drawn(within, MODEL), "{{task}}")
        .links_to_task(),
        Panel::stack(
            "Signals in many tasks at once",
            Unit::Count,
            "In how many tasks the signals stand that a fault of the encoder or of the preprocessor raises.",
        )
        .size(12, 8)
        .ask(&signals, "{{signal}}"),
        Panel::lines(
            "Spread by task",
            Unit::None,
            "Variance within classes over the reference's, of the tasks in most need. One is as in the reference; one number \
             for all tasks points at the encoder.",
        )
        .size(12, 8)
        .ask(&drawn(spread.clone(), MODEL), "{{task}}")
        .links_to_task(),
        Panel::table(
            "Movement in numbers",
            Unit::None,
            "One row for each chosen task, the farthest first: the movement of its mean input, and what of it the mix of classes \
             and what the movement within them accounts for. Movement within classes of nearly all tasks is common.",
            "task",
            "within classes",
        )
        .column(&part("within"), "within classes", Unit::None)
        .column(&part("mix"), "by the mix", Unit::None)
        .column(&part("total"), "in all", Unit::None)
        .column(&spread, "spread", Unit::None)
        .column(&verdict::need(MODEL), "verdict", Unit::None)
        .decimals(3)
        .looks("Value #E", &json!([{"id": "mappings", "value": verdict::mappings()}]))
        .looks("task", &json!([{"id": "links", "value": task_links("${__value.text}")}]))
        .without_times(),
    ]
}

fn new_version() -> Vec<Panel> {
    let outcomes = MODEL
        .gauge("bellwether_task_forgetting_outcome")
        .value()
        .max_by("task, outcome")
        .sum_by("outcome");
    let evidence = MODEL
        .gauge("bellwether_task_forgetting_log_e_value_nats")
        .value()
        .over(&MODEL.gauge("bellwether_task_forgetting_threshold_nats").value())
        .max_by("task");
    let loss = |name| MODEL.gauge(name).value().max_by("task");
    vec![
        Panel::stat(
            "New version",
            Unit::None,
            "Whether a new model_version is watched for tasks that it made worse.",
        )
        .size(6, 4)
        .ask(&model("bellwether_forgetting_watch_active"), "watch")
        .mapped(verdict::flag("none is watched", "is watched", verdict::SHARED)),
        Panel::stat(
            "Came",
            Unit::Seconds,
            "How long ago, in event time, the newest model_version was first seen. Empty before the first change.",
        )
        .size(6, 4)
        .ask(
            &event_age("bellwether_forgetting_watch_opened_timestamp_seconds"),
            "ago",
        ),
        Panel::stat(
            "Share of the traffic",
            Unit::Share,
            "Share of the observations since then that the new version answered.",
        )
        .size(6, 4)
        .ask(&model("bellwether_forgetting_new_version_ratio"), "new version"),
        Panel::stat(
            "Tasks forgotten",
            Unit::Count,
            "Tasks that the new version made worse although the update was not for them.",
        )
        .size(6, 4)
        .threshold(1.0, verdict::colour(Verdict::Retrain))
        .ask(
            &MODEL
                .gauge("bellwether_task_forgotten")
                .value()
                .max_by("task")
                .sum(),
            "forgotten",
        ),
        Panel::stack(
            "What it did to the tasks",
            Unit::Count,
            "How many tasks the newest version left as they were, made better or worse, or about how many nothing can be said \
             yet.",
        )
        .ask(&outcomes, "{{outcome}}")
        .colour("worse", verdict::colour(Verdict::Retrain))
        .colour("kept", verdict::colour(Verdict::Healthy))
        .colour("better", verdict::colour(Verdict::ContinualUpdate))
        .colour("undecided", verdict::QUIET),
        Panel::lines(
            "Evidence that a task got worse",
            Unit::Share,
            "As a share of the threshold: at 100 % the task is called worse. The tasks in most need.",
        )
        .threshold(1.0, verdict::colour(Verdict::Retrain))
        .ask(&drawn(evidence, MODEL), "{{task}}")
        .links_to_task(),
        Panel::lines(
            "Change of the loss",
            Unit::None,
            "Mean loss under the newest version less that before it, of the tasks in most need. Above zero is worse.",
        )
        .ask(
            &drawn(
                loss("bellwether_task_forgetting_loss_after_ratio")
                    .minus(&loss("bellwether_task_forgetting_loss_before_ratio")),
                MODEL,
            ),
            "{{task}}",
        )
        .links_to_task(),
    ]
}
