//! What happened in the period: incidents, changes of verdict, and what was counted.

use super::facts::{Facts, State};
use super::parts::{badge, name, section, table};
use super::words::{at_ms, count, long_time, sentence, short_time, word};
use bellwether_alerts::{End, Incident};
use maud::{Markup, html};

/// Changes that are told, the newest.
const MOST_CHANGES: usize = 150;
/// Incidents that are told, the newest.
const MOST_INCIDENTS: usize = 60;

pub(super) fn happenings(facts: &Facts) -> Markup {
    let content = html! { (incidents(facts)) (changes(facts)) };
    section(
        "incidents",
        "Incidents and changes",
        "Within the period, newest first; times are UTC.",
        &content,
    )
}

fn incidents(facts: &Facts) -> Markup {
    let all = &facts.incidents;
    html! {
        h3 { "Incidents" }
        @if all.is_empty() { p class="nothing" { "No incident in this period." } } @else {
            table class="incidents" aria-label="Incidents" {
                thead { tr { th scope="col" { "Incident" } th scope="col" { "Severity" } th scope="col" { "Opened" } th scope="col" { "Now" } } }
                tbody {
                    @for state in all.iter().rev().take(MOST_INCIDENTS) { (incident(&state.entry.incident)) }
                }
            }
            @if all.len() > MOST_INCIDENTS { p class="note" { (all.len() - MOST_INCIDENTS) " older ones are left out." } }
        }
    }
}

fn incident(incident: &Incident) -> Markup {
    let now = match &incident.end {
        None => "stands".to_owned(),
        Some(End::Recovered) => format!("over {}", short_time(at_ms(&incident.changed))),
        Some(End::PartOf(_)) => format!("part of a wider one, {}", short_time(at_ms(&incident.changed))),
    };
    html! {
        tr {
            th scope="row" { (incident.title()) p class="why" { (incident.said.summary) } }
            td { (incident.severity().as_str()) }
            td class="time" { (short_time(at_ms(&incident.opened))) }
            td class="now" { (now) }
        }
    }
}

fn changes(facts: &Facts) -> Markup {
    let all = &facts.changes;
    html! {
        h3 { "Changes" }
        @if all.is_empty() { p class="nothing" { "Nothing changed in this period." } } @else {
            table class="changes" aria-label="Changes" {
                thead { tr { th scope="col" { "Time" } th scope="col" { "Task" } th scope="col" { "State" } th scope="col" { "Why" } } }
                tbody {
                    @for (at, line) in all.iter().rev().take(MOST_CHANGES) {
                        @let state = match (&line.task, line.verdict) {
                            (Some(_), Some(verdict)) => State::Task(verdict),
                            _ if line.shared_encoder => State::Shared,
                            _ => State::NotShared,
                        };
                        tr {
                            td class="time" { (short_time(*at)) }
                            th scope="row" { (name(line.task.as_deref().unwrap_or("all tasks"))) }
                            td { (badge(state)) }
                            td { (sentence(&line.summary, line.task.as_deref().unwrap_or_default())) }
                        }
                    }
                }
            }
            @if all.len() > MOST_CHANGES { p class="note" { (all.len() - MOST_CHANGES) " older ones are left out." } }
        }
    }
}

/// What went through.
pub(super) fn counted(facts: &Facts) -> Markup {
    let counts = facts.status.counts;
    let rejected = &facts.pipeline.rejected;
    let total: u64 = rejected.iter().map(|r| r.total).sum();
    let row = |name: &str, value: u64| vec![name.to_owned(), count(value)];
    let rows = [
        row("Observations judged", counts.observations),
        row(
            "of them late: joined with labels, not used by detectors",
            counts.late_observations,
        ),
        row("Observations that came twice", counts.duplicate_observations),
        row("Labels joined", counts.labels),
        row("Labels of what was labelled already", counts.duplicate_labels),
        row("Labels waiting for their observation", counts.pending_labels),
        row("Labels whose observation never came", counts.orphan_labels),
        row("Records refused", total),
    ];
    let refused: Vec<Vec<String>> = rejected
        .iter()
        .map(|r| vec![word(r.reason), r.kind.as_str().to_owned(), count(r.total)])
        .collect();
    let content = html! {
        div class="pair" {
            div { (table("What was counted", &[("Since the start", false), ("Records", true)], &rows)) }
            div {
                @if refused.is_empty() { p class="nothing" { "No record was refused." } } @else {
                    (table("Refused records", &[("Refused because of", false), ("From", false), ("Records", true)], &refused))
                }
            }
        }
    };
    let lead = format!("Up to {} UTC.", long_time(facts.status.event_time_ms));
    section("counted", "What was counted", &lead, &content)
}
