//! `bellwether reference compare`.

use super::{load_reference, read_config};
use crate::cli::Output;
use crate::failure::Failure;
use crate::report;
use anstyle::Style;
use bellwether_monitor::{ComparedTask, Estimate, MonitorConfig};
use serde_json::json;
use std::path::Path;

pub(crate) fn run(old: &Path, new: &Path, config: Option<&Path>, output: Output) -> Result<(), Failure> {
    let config = match config {
        Some(path) => read_config(path)?.monitor,
        None => MonitorConfig::default(),
    };
    let before = load_reference(old, &config)?;
    let unusable = |path: &Path| {
        Failure::at_work(format!("cannot load the reference {}", path.display()))
            .fix("name a file that `bellwether reference build` wrote")
    };
    let (manifest, rows) =
        bellwether_store::read_reference(new).map_err(|error| unusable(new).because(&error))?;
    let tasks = bellwether_monitor::compare(&before, (&manifest, &rows), &config.forgetting)
        .map_err(|error| unusable(new).because(&error))?;
    match output {
        Output::Json => {
            let document = json!({"old": before.manifest().id, "new": manifest.id, "tasks": tasks});
            report::result(&serde_json::to_string_pretty(&document).unwrap_or_default());
        }
        Output::Text => text(&tasks),
    }
    Ok(())
}

fn text(tasks: &[ComparedTask]) {
    let width = tasks.iter().map(|t| t.task.len()).max().unwrap_or(4).max(4);
    report::header(&format!(
        "{:<width$}  {:<9}  {:<24} {:<24} evidence  missing labels",
        "task", "outcome", "loss before", "loss after"
    ));
    for task in tasks {
        let style = match task.outcome {
            "worse" => report::BAD,
            "better" => report::GOOD,
            _ => Style::new(),
        };
        report::styled(&format!(
            "{:<width$}  {}  {:<24} {:<24} {:>4} / {:.1}  {}",
            task.task,
            report::paint(style, &format!("{:<9}", task.outcome)),
            interval(task.loss_before.as_ref()),
            interval(task.loss_after.as_ref()),
            task.log_e_value
                .map_or_else(|| "–".to_owned(), |e| format!("{e:.1}")),
            task.threshold,
            task.labels_missing.map_or_else(String::new, |n| n.to_string()),
        ));
    }
    let of = |outcome: &str| tasks.iter().filter(|t| t.outcome == outcome).count();
    report::result("");
    report::result(&format!(
        "{} worse, {} better, {} as before, {} cannot be told",
        of("worse"),
        of("better"),
        of("kept"),
        of("undecided")
    ));
}

fn interval(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(
        || "–".to_owned(),
        |e| {
            let (low, high) = (e.interval.low, e.interval.high);
            format!("{:.3} [{low:.3}, {high:.3}] n {}", e.value, e.size)
        },
    )
}
