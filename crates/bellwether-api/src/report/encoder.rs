//! The shared encoder: what is common to the tasks, what is each task's own, and whether known texts come back as they were.

use super::course::tenth;
use super::facts::{Facts, State};
use super::lanes;
use super::parts::{Fact, badge, name, section, stats};
use super::words::{NONE, count, duration, fixed, percent, short_time, word};
use bellwether_monitor::{EncoderStatus, TaskStatus};
use maud::{Markup, html};

/// Tasks that are told: those that moved most.
const MOST_TASKS: usize = 30;

pub(super) fn encoder(facts: &Facts) -> Markup {
    let status = &facts.status;
    let said = if status.shared_encoder {
        "A shift is common to the tasks."
    } else {
        "No shift is common to the tasks. A fault of the encoder, or of what feeds it, would move most tasks in one direction."
    };
    let is_known = status.common_shift_cosine.is_finite();
    let since = (status.shared_since_ms != 0).then_some(status.shared_since_ms);
    let numbers = [
        Fact::new(
            "State",
            if status.shared_encoder {
                "shared encoder"
            } else {
                "no common shift"
            },
            since.map_or(String::new(), |at| {
                let long = duration(status.event_time_ms - at);
                format!("since {}, {long}", short_time(at))
            }),
        ),
        Fact::new(
            "Tasks that moved",
            percent(status.moved_task_ratio, 0),
            "of the active tasks",
        ),
        Fact::new(
            "Agreement of directions",
            fixed(status.common_shift_cosine, 2),
            if is_known {
                "median cosine; 1 is the same way"
            } else {
                "fewer than three tasks moved"
            },
        ),
    ];
    let content = html! {
        p class="lead" { (said) @if status.shared_encoder { " " (status.summary) } }
        (lanes::lane("Shared encoder", &facts.segments(None), facts.period))
        (stats(&numbers))
        div class="pair" { div { (shifts(facts)) } div { (known_texts(&status.encoder)) (version(facts)) } }
    };
    section("encoder", "Encoder", "", &content)
}

fn shifts(facts: &Facts) -> Markup {
    let mut tasks: Vec<&TaskStatus> = facts.status.tasks.iter().collect();
    let moved = |task: &TaskStatus| {
        Some(task.drift_within_class)
            .filter(|d| d.is_finite())
            .map_or(0.0, |d| d.max(0.0))
    };
    tasks.sort_by(|a, b| moved(b).total_cmp(&moved(a)).then_with(|| a.task.cmp(&b.task)));
    let most = tasks.first().map_or(0.0, |task| moved(task)).max(0.05);
    let common = |task: &TaskStatus| {
        Some(task.common_cosine)
            .filter(|c| c.is_finite())
            .map(|c| c.max(0.0).powi(2))
    };
    html! {
        h3 { "Shift of each task" }
        p class="legend" { span { i class="box common" {} "goes the way of the others that moved" } span { i class="box own" {} "the task's own" } }
        table aria-label="Shift of each task" {
            thead { tr { th scope="col" { "Task" } th scope="col" class="bars" { "Common and own" } th scope="col" class="num" { "Moved" } th scope="col" class="num" { "Common" } } }
            tbody {
                @for task in tasks.iter().take(MOST_TASKS) {
                    @let width = 100.0 * moved(task) / most;
                    @let shared = width * common(task).unwrap_or(0.0);
                    tr {
                        th scope="row" { (name(&task.task)) " " (badge(State::Task(task.verdict))) }
                        td class="bars" {
                            svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                                rect class="common" x="0" y="0" width=(tenth(shared)) height="8" {}
                                rect class="own" x=(tenth(shared)) y="0" width=(tenth(width - shared)) height="8" {}
                            }
                        }
                        td class="num" { (fixed(task.drift_within_class, 3)) }
                        td class="num" { (common(task).map_or(NONE.to_owned(), |c| percent(c, 0))) }
                    }
                }
            }
        }
        @if tasks.len() > MOST_TASKS { p class="note" { (tasks.len() - MOST_TASKS) " more tasks moved less." } }
    }
}

fn known_texts(encoder: &EncoderStatus) -> Markup {
    let counts = encoder.counts;
    let numbers = [
        Fact::new(
            "Canaries",
            count(encoder.canaries as u64),
            encoder
                .last_canary_ms
                .map_or("in the reference".to_owned(), |at| {
                    format!("last one {}", short_time(at))
                }),
        ),
        Fact::new(
            "Came back",
            count(counts.canaries),
            format!("{} differ", count(counts.canaries_differing)),
        ),
        Fact::new(
            "Spot checks",
            count(counts.spot_checks),
            format!("{} differ", count(counts.spot_checks_differing)),
        ),
        Fact::new(
            "Another encoder",
            count(counts.other_encoder_events),
            "observations, not judged",
        ),
    ];
    html! {
        div class="part" {
            h3 { "Known texts" }
            p class="note" { "Whether texts whose embedding is known come back as the reference has them." }
            (stats(&numbers))
            @if let Some(fault) = &encoder.fault {
                p class="warned" {
                    (fault.differing) " of the last " (fault.checked) " known texts came back otherwise since " (short_time(fault.since_ms))
                    " UTC, by " (word(fault.source.as_str())) ":"
                }
                ul { @for difference in &fault.differences { li { b { (word(difference.aspect.as_str())) } ", " (difference.detail) } } }
            }
            @if let Some(other) = &encoder.other {
                p class="warned" {
                    (count(other.events)) " observations of "
                    @match &other.version { Some(version) => { "encoder " (version) } None => { "another width (" (other.width) ")" } }
                    " came since " (short_time(other.since_ms)) " UTC and were not judged."
                }
            }
        }
    }
}

/// What the newest version of the model did.
fn version(facts: &Facts) -> Markup {
    html! {
        @if let Some(change) = &facts.status.forgetting {
            div class="part" {
                h3 { "Newest version" }
                p { (change.summary) " " (percent(change.share, 0)) " of the traffic is its." }
            }
        }
    }
}
