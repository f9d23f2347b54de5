//! What is taken for what, and what is expected without labels.

use super::parts::table;
use super::words::{NONE, count, percent, quality, quality_interval, word};
use bellwether_monitor::TaskStatus;
use maud::{Markup, html};

/// Pairs that are told.
const CONFUSIONS: usize = 8;

pub(super) fn confusions(task: &TaskStatus) -> Markup {
    let report = &task.report;
    if report.confusions.is_empty() {
        return html! {};
    }
    let rows: Vec<Vec<String>> = report
        .confusions
        .iter()
        .take(CONFUSIONS)
        .map(|pair| {
            let label = pair.label.as_deref().unwrap_or("a label outside the set");
            let interval = &pair.share.interval;
            vec![
                format!("{} → {label}", pair.predicted),
                count(pair.labels as u64),
                percent(pair.share.value, 0),
                format!("{} to {}", percent(interval.low, 0), percent(interval.high, 0)),
                pair.reference_error.map_or(NONE.to_owned(), |e| percent(e, 0)),
            ]
        })
        .collect();
    let columns = [
        ("Predicted → labelled", false),
        ("Labels", true),
        ("Of that prediction", true),
        ("95 % interval", true),
        ("Wrong in the reference", true),
    ];
    html! {
        div class="part" {
            h3 { "What is taken for what" }
            p class="note" { "Of the newest " (count(report.labels as u64)) " labelled predictions that are old enough for their label." }
            (table("What is taken for what", &columns, &rows))
        }
    }
}

/// Every estimate without labels, and whether labels contradict it.
pub(super) fn estimates(task: &TaskStatus) -> Markup {
    let report = &task.report;
    let rows: Vec<Vec<String>> = report
        .estimates
        .iter()
        .filter_map(|estimate| {
            let now = estimate.current.as_ref()?;
            let against = estimate.disagreement.as_ref().map_or(NONE.to_owned(), |d| {
                let sign = if d.value > 0.0 { "+" } else { "" };
                let verdict = if d.significant { ", contradicted" } else { "" };
                format!("{sign}{}{verdict}", percent(d.value, 1))
            });
            Some(vec![
                format!("{}, {}", word(estimate.metric), word(estimate.method)),
                quality(estimate.metric, now.value, 1),
                quality_interval(estimate.metric, now),
                against,
            ])
        })
        .collect();
    if rows.is_empty() && report.advice.is_none() {
        return html! {};
    }
    let columns = [
        ("Without labels", false),
        ("Now", true),
        ("95 % interval", true),
        ("Against labels", false),
    ];
    html! {
        div class="part" {
            h3 { "Expected without labels" }
            @if let Some(advice) = &report.advice { p class="warned" { (advice) } }
            @if !rows.is_empty() { (table("Expected without labels", &columns, &rows)) }
        }
    }
}
