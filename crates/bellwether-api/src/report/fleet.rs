//! All tasks in a table, in order of need.

use super::chart::{Line, sparkline};
use super::facts::{Facts, State};
use super::parts::{badge, name, section};
use super::words::{NONE, duration, fixed, percent, quality, quality_interval, rate, sentence, short_time};
use crate::series::Point;
use crate::wire::evenly;
use bellwether_monitor::{ModelStatus, TaskStatus, Verdict};
use maud::{Markup, html};

/// Points of a line that is as small as a word.
const POINTS: usize = 48;

/// The model in one line; as on the page.
pub(super) fn headline(status: &ModelStatus) -> String {
    let tasks = status.tasks.len();
    let having = |test: fn(Verdict) -> bool| status.tasks.iter().filter(|t| test(t.verdict)).count();
    let (alarms, watch) = (having(Verdict::is_alarm), having(|v| v == Verdict::Watch));
    let unknown = having(|v| v == Verdict::Unknown);
    if status.shared_encoder {
        "Look at the encoder before the single tasks".to_owned()
    } else if alarms > 0 {
        let what = if tasks == 1 { "task needs" } else { "tasks need" };
        format!("{alarms} of {tasks} {what} action")
    } else if watch > 0 {
        format!("Nothing to act on, {watch} of {tasks} to watch")
    } else if unknown == tasks {
        "Not enough observations to say yet".to_owned()
    } else if unknown > 0 {
        format!("{} of {tasks} tasks are as in the reference", tasks - unknown)
    } else {
        "All tasks are as in the reference".to_owned()
    }
}

/// Observations an hour of event time, over the last tenth of the period.
pub(super) fn traffic(course: &[Point]) -> Option<f64> {
    let last = course.len().checked_sub(1)?;
    let first = last.saturating_sub((course.len() / 10).max(4));
    let hours = (course[last].timestamp_ms - course[first].timestamp_ms) as f64 / 3_600_000.0;
    let came = course[last]
        .observations
        .saturating_sub(course[first].observations);
    (hours > 0.0).then(|| came as f64 / hours)
}

/// Since when what stands holds.
pub(super) fn since(task: &TaskStatus, now_ms: i64) -> String {
    if task.since_ms == 0 {
        return String::new();
    }
    format!(
        "since {}, {}",
        short_time(task.since_ms),
        duration(now_ms - task.since_ms)
    )
}

pub(super) fn table(facts: &Facts) -> Markup {
    let content = html! {
        table class="fleet" aria-label="Tasks, in order of need" {
            thead { tr {
                th scope="col" { "Verdict" }
                th scope="col" { "Task" }
                th scope="col" { "Drift" }
                th scope="col" { "Quality" }
                th scope="col" class="num" { "Traffic" }
                th scope="col" class="num" { "Labelled" }
            } }
            tbody { @for (at, task) in facts.tasks().enumerate() { (row(facts, at, task)) } }
        }
    };
    section(
        "tasks",
        "Tasks",
        "In order of need. Drift: within classes in blue, of the class mix in brown. Quality: by labels with its 95 % interval; the dashed line is the reference.",
        &content,
    )
}

fn row(facts: &Facts, at: usize, task: &TaskStatus) -> Markup {
    let course = facts.course(&task.task);
    let points: Vec<&Point> = evenly(course.len(), POINTS).map(|at| &course[at]).collect();
    let times: Vec<i64> = points.iter().map(|p| p.timestamp_ms).collect();
    let line = |class: &'static str, of: fn(&Point) -> f64| Line {
        name: "",
        class,
        values: points.iter().map(|p| of(p)).collect(),
        band: None,
    };
    let drift = [
        line("second", |p| p.drift_mix),
        line("first", |p| p.drift_within_class),
    ];
    let good = [line("first", |p| p.quality.value)];
    let is_judged = task.observations > 0;
    let metric = task.quality.metric;
    let reference = Some(task.quality.reference).filter(|r| r.is_finite());
    html! {
        tr {
            td class="state" { (badge(State::Task(task.verdict))) small { (since(task, facts.status.event_time_ms)) } }
            th scope="row" { a href=(format!("#task-{at}")) { (name(&task.task)) } p class="why" { (sentence(&task.summary, &task.task)) } }
            td class="mini" {
                (sparkline(&times, &drift, facts.period, None, &[0.0, 0.1]))
                span { b { (if is_judged { fixed(task.drift_within_class, 2) } else { NONE.to_owned() }) } }
                @if is_judged { small { "mix " (fixed(task.drift_mix, 2)) } }
            }
            td class="mini" {
                (sparkline(&times, &good, facts.period, reference, &[]))
                @match &task.quality.current {
                    Some(now) => { span { b { (quality(metric, now.value, 1)) } } small { (quality_interval(metric, now)) } }
                    None => { span { (NONE) } }
                }
                small { "reference " (quality(metric, task.quality.reference, 1)) }
            }
            td class="num" { (traffic(course).map_or(NONE.to_owned(), rate)) small { "an hour" } }
            td class="num" { (if is_judged { percent(task.label_coverage, 0) } else { NONE.to_owned() }) small { "of window" } }
        }
    }
}
