//! What is unlike the reference: in groups where a work set has them, with words and examples where texts are kept.

use super::facts::Groups;
use super::words::{count, short_time, shortened};
use bellwether_monitor::{MapPoint, TaskStatus};
use maud::{Markup, html};

/// Groups that are told, the largest first.
const GROUPS: usize = 4;
const WORDS: usize = 8;
const EXAMPLES: usize = 3;
/// Letters of an example.
const LETTERS: usize = 140;
/// Observations that are named where there is no group.
const NAMED: usize = 6;

pub(super) fn groups(task: &TaskStatus, groups: Option<&Groups>) -> Markup {
    let content = match groups {
        Some(found) if !found.header.groups.is_empty() => proposed(found),
        _ => single(task),
    };
    html! {
        div class="part" { h3 { "Novel groups" } (content) }
    }
}

fn proposed(found: &Groups) -> Markup {
    let mut groups: Vec<_> = found.header.groups.iter().collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.size), group.group));
    html! {
        p class="note" { "As of " (short_time(found.header.taken_ms)) " UTC, when the work set was made." }
        @for group in groups.iter().take(GROUPS) {
            @let (examples, class) = if group.texts.is_empty() { (&group.examples, "mono") } else { (&group.texts, "quote") };
            div class="group" {
                p { span class="tag" { (group.group) } (count(u64::from(group.size))) " observations" }
                @if !group.words.is_empty() {
                    p class="words" { @for word in group.words.iter().take(WORDS) { span { (word.word) } } }
                }
                ul { @for example in examples.iter().take(EXAMPLES) { li class=(class) { (shortened(example, LETTERS)) } } }
            }
        }
        @if groups.len() > GROUPS { p class="note" { (groups.len() - GROUPS) " smaller groups are in the work set." } }
    }
}

/// Without a work set: what was looked at, and the newest of it.
fn single(task: &TaskStatus) -> Markup {
    let novelty = &task.novelty;
    let map = task.drift.map.as_deref();
    let newest: Vec<&MapPoint> = map
        .map(|map| map.now.iter().rev().filter(|p| p.novel).take(NAMED).collect())
        .unwrap_or_default();
    html! {
        p {
            @if novelty.group_size > 0 {
                (count(novelty.group_size as u64)) " observations unlike the reference are looked at"
                @if let Some(other) = &novelty.misrouted_to { "; they look like traffic of " (other) }
                "."
            } @else { "Nothing stands out as a group." }
        }
        @if !newest.is_empty() {
            p class="note" { "The newest that are unlike the reference:" }
            ul {
                @for point in newest {
                    @match &point.text {
                        Some(text) => { li class="quote" { (shortened(text, LETTERS)) } }
                        None => { li class="mono" { (shortened(&point.event_id, LETTERS)) } }
                    }
                }
            }
        }
    }
}
