//! How much of a movement is a change of the class mix, and how much moved within classes.

use super::course::tenth;
use super::parts::table;
use super::words::{count, fixed, percent};
use bellwether_monitor::{DriftSplit, Estimate, TaskStatus};
use maud::{Markup, html};

/// Classes that are told, those that account for most first.
const CLASSES: usize = 6;

pub(super) fn report(task: &TaskStatus) -> Markup {
    let report = &task.drift;
    if report.observations == 0 {
        return html! {};
    }
    let when = if report.since_onset {
        "since the onset of what stands"
    } else {
        "the newest"
    };
    html! {
        div class="part" {
            h3 { "Drift in its parts" }
            p class="note" { (count(report.observations as u64)) " observations, " (when) ", against the reference." }
            @if let Some(summary) = &report.summary { p { (summary) } }
            @if let Some(split) = &report.split { (parts(split)) }
            @if !report.classes.is_empty() && report.split.as_ref().is_some_and(|s| s.total.interval.low > 0.0) { (classes(task)) }
        }
    }
}

fn parts(split: &DriftSplit) -> Markup {
    let row = |name: &str, part: &Estimate, share: Option<f64>| {
        let interval = format!(
            "{} to {}",
            fixed(part.interval.low, 3),
            fixed(part.interval.high, 3)
        );
        let share = share.map(|share| percent(share, 0)).unwrap_or_default();
        vec![name.to_owned(), fixed(part.value, 3), interval, share]
    };
    let mut rows = vec![
        row("Movement of the mean", &split.total, None),
        row("by the class mix", &split.mix, split.mix_ratio),
        row("within classes", &split.within, split.within_ratio),
    ];
    rows.extend(
        split
            .spread_ratio
            .as_ref()
            .map(|e| row("Spread within classes", e, None)),
    );
    html! {
        @if let (Some(mix), Some(within)) = (split.mix_ratio, split.within_ratio) {
            @let first = 340.0 * within.clamp(0.0, 1.0);
            svg class="split" viewBox="0 0 340 10" preserveAspectRatio="none" role="img"
                aria-label=(format!("{} within classes, {} by the class mix", percent(within, 0), percent(mix, 0))) {
                rect class="own" x="0" y="0" width=(tenth(first)) height="10" {}
                rect class="mix" x=(tenth(first)) y="0" width=(tenth(340.0 - first)) height="10" {}
            }
            p class="legend" { span { i class="box own" {} "within classes" } span { i class="box mix" {} "by the class mix" } }
        }
        (table("Parts of the movement", &[("Movement", false), ("Now", true), ("95 % interval", true), ("Share", true)], &rows))
    }
}

fn classes(task: &TaskStatus) -> Markup {
    let rows: Vec<Vec<String>> = task
        .drift
        .classes
        .iter()
        .take(CLASSES)
        .map(|class| {
            vec![
                class.class.clone(),
                percent(class.share.value, 1),
                percent(class.reference_share, 1),
                class
                    .moved
                    .map_or(super::words::NONE.to_owned(), |e| fixed(e.value, 3)),
            ]
        })
        .collect();
    html! {
        (table("Classes", &[("Class", false), ("Now", true), ("Reference", true), ("Moved", true)], &rows))
    }
}
