//! What bears on the decision: how new versions are watched, and what the remedies cost.

use super::document::Document;
use bellwether_monitor::{Costs, ForgettingConfig};
use std::ops::RangeInclusive;

/// Costs in the owner's unit: far apart enough for any, and with a finite ratio.
const COST: RangeInclusive<f64> = 1e-6..=1e12;

pub(super) fn forgetting(document: &mut Document, defaults: ForgettingConfig) -> ForgettingConfig {
    let mut config = defaults;
    if let Some(ms) = document.duration_ms("forgetting.watch_for") {
        config.watch_for_ms = ms;
    }
    if let Some(n) = document.integer("forgetting.max_labels", 50..=100_000) {
        config.max_labels = n;
    }
    if let Some(x) = document.number("forgetting.false_rate", &(1e-6..=0.2)) {
        config.false_rate = x;
    }
    if let Some(x) = document.number("forgetting.tolerance", &(0.0..=0.5)) {
        config.tolerance = x;
    }
    if let Some(x) = document.number("forgetting.margin", &(0.01..=0.9)) {
        config.margin = x;
    }
    if config.margin <= config.tolerance {
        document.problem(
            "forgetting.margin",
            format!(
                "a margin of {} is not above the tolerance of {}",
                config.margin, config.tolerance
            ),
            "write a margin above forgetting.tolerance, or a task could be kept and worse at once",
        );
    }
    config
}

pub(super) fn costs(document: &mut Document, defaults: Costs) -> Costs {
    let mut costs = defaults;
    for (key, cost) in [
        ("costs.joint_retraining", &mut costs.joint_retraining),
        ("costs.head_update", &mut costs.head_update),
        ("costs.new_task", &mut costs.new_task),
        ("costs.day_of_lost_quality", &mut costs.day_of_lost_quality),
    ] {
        if let Some(x) = document.number(key, &COST) {
            *cost = x;
        }
    }
    costs.task_weights = document.numbers("costs.task_weights", &COST);
    costs
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use std::path::Path;

    #[test]
    fn costs_and_weights_are_read() {
        let text = "[costs]\nhead_update = 2\nnew_task = 8.5\n[costs.task_weights]\nbanking = 3\n\"my.task\" = 0.5\n[forgetting]\nwatch_for = \"7d\"";
        let config = Config::parse(text, Path::new("")).expect("no problem").monitor;
        assert_eq!((config.costs.head_update, config.costs.new_task), (2.0, 8.5));
        let days = ["banking", "my.task", "other"].map(|task| config.costs.of_day(task));
        assert_eq!((config.costs.joint_retraining, days), (1.0, [3.0, 0.5, 1.0]));
        assert_eq!(config.forgetting.watch_for_ms, 7 * 24 * 3_600_000);
    }

    #[test]
    fn what_is_wrong_is_named_with_key_line_and_fix() {
        let text = "[costs]\nhead_updates = 2\nnew_task = 0\njoint_retraining = \"dear\"\n[costs.task_weights]\nbanking = -1\n[forgetting]\ntolerance = 0.2\nmargin = 0.1\nfalse_rate = 1\n";
        let found: Vec<String> = match Config::parse(text, Path::new("")) {
            Ok(config) => panic!("accepted as {config:?}"),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            found,
            [
                "line 2: costs.head_updates: there is no such key; did you mean `head_update`?",
                "line 3: costs.new_task: 0 is out of range; write a number from 0.000001 to 1000000000000",
                "line 4: costs.joint_retraining: a number is needed, not a string; write a number from 0.000001 to 1000000000000",
                "line 6: costs.task_weights.banking: -1 is out of range; write a number from 0.000001 to 1000000000000",
                "line 9: forgetting.margin: a margin of 0.1 is not above the tolerance of 0.2; write a margin above forgetting.tolerance, or a task could be kept and worse at once",
                "line 10: forgetting.false_rate: 1 is out of range; write a number from 0.000001 to 0.2",
            ]
        );
    }
}
