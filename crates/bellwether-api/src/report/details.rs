//! One task: what stands, since when and why, and all that speaks for it.

use super::chart::{Chart, Line};
use super::facts::{Facts, Segment, State};
use super::parts::{Fact, badge, section, stats, table};
use super::words::{
    NONE, count, duration, fixed, metric_name, percent, quality, quality_interval, rate, sentence, word,
};
use super::{drift, fleet, lanes, map, novel, quality as quality_part};
use crate::series::{Band, Point};
use crate::wire::evenly;
use bellwether_monitor::{SignalStatus, SliceStatus, TaskStatus};
use maud::{Markup, html};

/// Points of a line: more are narrower than a printer's dot.
const POINTS: usize = 240;
/// Points of a line of a task that is told in short.
const POINTS_IN_SHORT: usize = 96;
/// Tasks that are told in short; the others are in the table of all tasks.
const MOST_IN_SHORT: usize = 100;
/// Slices that are told.
const SLICES: usize = 12;

/// The tasks that need something, each in full.
pub(super) fn in_need(facts: &Facts) -> Markup {
    html! {
        @for (at, task) in facts.detailed().enumerate() { (detail(facts, at, task)) }
    }
}

/// The others.
pub(super) fn in_short(facts: &Facts) -> Markup {
    let first = facts.detailed().count();
    let all = facts.in_short().count();
    if all == 0 {
        return html! {};
    }
    let content = html! {
        div class="short" {
            @for (at, task) in facts.in_short().take(MOST_IN_SHORT).enumerate() { (short(facts, first + at, task)) }
        }
        @if all > MOST_IN_SHORT {
            p class="note" { (count((all - MOST_IN_SHORT) as u64)) " more tasks are in the table of all tasks alone." }
        }
    };
    let title = if first > 0 { "The other tasks" } else { "Each task" };
    section("others", title, "", &content)
}

fn detail(facts: &Facts, at: usize, task: &TaskStatus) -> Markup {
    let segments = facts.segments(Some(&task.task));
    let groups = facts.groups(&task.task);
    html! {
        section class="task" id=(format!("task-{at}")) {
            div class="top" {
                header {
                    h2 { (task.task) }
                    (badge(State::Task(task.verdict)))
                    span class="kind" { (fleet::since(task, facts.status.event_time_ms)) ", confidence " (fixed(task.confidence, 2)) }
                }
                p class="lead" { (sentence(&task.summary, &task.task)) }
                (lanes::lane("Verdict", &segments, facts.period))
                (stats(&numbers(facts, task)))
                div class="pair" { (charts(facts, task, &segments, POINTS)) }
            }
            div class="parts" {
                (map::map(task, groups))
                (drift::report(task))
                (novel::groups(task, groups))
                (quality_part::confusions(task))
                (quality_part::estimates(task))
                (signals(&task.signals))
                (slices(&task.slices))
            }
        }
    }
}

fn short(facts: &Facts, at: usize, task: &TaskStatus) -> Markup {
    let segments = facts.segments(Some(&task.task));
    html! {
        article id=(format!("task-{at}")) {
            header {
                h3 { (task.task) }
                (badge(State::Task(task.verdict)))
                span class="kind" { (sentence(&task.summary, &task.task)) }
            }
            div class="pair" { (charts(facts, task, &segments, POINTS_IN_SHORT)) }
            (slices(&task.slices))
        }
    }
}

fn numbers(facts: &Facts, task: &TaskStatus) -> Vec<Fact> {
    let metric = task.quality.metric;
    let now = task.quality.current.as_ref();
    let interval = now.map(|e| format!("{}, n {}", quality_interval(metric, e), count(e.size as u64)));
    let mut facts = vec![
        Fact::new(
            "Quality",
            now.map_or(NONE.to_owned(), |e| quality(metric, e.value, 1)),
            interval.unwrap_or_default(),
        ),
        Fact::new(
            "In the reference",
            quality(metric, task.quality.reference, 1),
            metric_name(metric).to_lowercase(),
        ),
        Fact::new("Novel", percent(task.novelty.far_ratio, 1), "of window"),
        Fact::new(
            "Traffic",
            fleet::traffic(facts.course(&task.task)).map_or(NONE.to_owned(), rate),
            "an hour",
        ),
        Fact::new("Labelled", percent(task.label_coverage, 0), "of window"),
        Fact::new("Label delay", delay(task.label_delay_seconds), "median"),
        Fact::new(
            "Observations",
            count(task.observations),
            format!("{} labels", count(task.labels)),
        ),
    ];
    if let Some(estimated) = &task.estimated {
        let interval = &estimated.interval;
        let note = format!("{} to {}", percent(interval.low, 1), percent(interval.high, 1));
        facts.insert(2, Fact::new("Without labels", percent(estimated.value, 1), note));
    }
    facts
}

fn delay(seconds: f64) -> String {
    if !(seconds.is_finite() && seconds >= 0.0) {
        return NONE.to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a conversion saturates, and such a delay is none"
    )]
    let delay_ms = (seconds * 1000.0).round() as i64;
    duration(delay_ms)
}

/// Drift in its parts, and quality by labels and without.
fn charts(facts: &Facts, task: &TaskStatus, segments: &[Segment], most: usize) -> Markup {
    let course = facts.course(&task.task);
    let points: Vec<&Point> = evenly(course.len(), most).map(|at| &course[at]).collect();
    let times: Vec<i64> = points.iter().map(|p| p.timestamp_ms).collect();
    let column = |of: &dyn Fn(&Point) -> f64| points.iter().map(|p| of(p)).collect::<Vec<f64>>();
    let line = |name, class, values| Line {
        name,
        class,
        values,
        band: None,
    };
    let banded = |name, class, of: &dyn Fn(&Point) -> Band| Line {
        name,
        class,
        values: column(&|p| of(p).value),
        band: Some((column(&|p| of(p).low), column(&|p| of(p).high))),
    };
    let drift = [
        line("within classes", "first", column(&|p| p.drift_within_class)),
        line("class mix", "second dashed", column(&|p| p.drift_mix)),
    ];
    let mut good = vec![banded("by labels", "first", &|p| p.quality)];
    if points.iter().any(|p| p.estimated.value.is_finite()) {
        good.push(banded("without labels", "second dashed", &|p| p.estimated));
    }
    let metric = task.quality.metric;
    let reference = task.quality.reference;
    let number = |value: f64, short: bool| fixed(value, if short { 2 } else { 3 });
    let in_metric = |value: f64, short: bool| quality(metric, value, usize::from(!short));
    let drawn = |title, lines: &[Line], level, always: &[f64], format: &dyn Fn(f64, bool) -> String| {
        Chart {
            title,
            times: &times,
            lines,
            period: facts.period,
            segments,
            level,
            always,
            format,
        }
        .draw()
    };
    html! {
        (drawn("Input drift", &drift, None, &[0.0, 0.1], &number))
        (drawn("Quality", &good, reference.is_finite().then_some(("reference", reference)), &[], &in_metric))
    }
}

/// The detectors that stand.
fn signals(signals: &[SignalStatus]) -> Markup {
    let standing: Vec<Vec<String>> = signals.iter().filter(|s| s.active).map(signal).collect();
    if standing.is_empty() {
        return html! {};
    }
    html! {
        div class="part" {
            h3 { "Evidence that stands" }
            (table("Evidence that stands", &[("Signal", false), ("Evidence / threshold", true), ("Statistic", true), ("Tolerated", true)], &standing))
        }
    }
}

fn signal(signal: &SignalStatus) -> Vec<String> {
    vec![
        word(signal.signal),
        format!(
            "{} / {}",
            fixed(signal.log_e_value, 1),
            fixed(signal.threshold, 1)
        ),
        fixed(signal.value, 3),
        fixed(signal.tolerance, 3),
    ]
}

/// Parts of the traffic on which a signal stands.
fn slices(slices: &[SliceStatus]) -> Markup {
    let standing: Vec<Vec<String>> = slices
        .iter()
        .flat_map(|slice| {
            let active = slice.signals.iter().filter(|s| s.active);
            active.map(move |s| {
                let mut row = signal(s);
                row.insert(0, format!("{} = {}", slice.attribute, slice.value));
                row.push(count(slice.observations));
                row
            })
        })
        .collect();
    if standing.is_empty() {
        return html! {};
    }
    let columns = [
        ("Slice", false),
        ("Signal", false),
        ("Evidence / threshold", true),
        ("Statistic", true),
        ("Tolerated", true),
        ("Observations", true),
    ];
    html! {
        div class="part" {
            h3 { "Slices that fell" }
            (table("Slices that fell", &columns, &standing[..standing.len().min(SLICES)]))
            @if standing.len() > SLICES { p class="note" { (standing.len() - SLICES) " more stand." } }
        }
    }
}
