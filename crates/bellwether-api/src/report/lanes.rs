//! The verdicts over event time: one lane a task, and one for what is common to them.

use super::course::{Frame, tenth, time_ticks};
use super::facts::{Facts, Segment, State};
use super::parts::{section, shape};
use super::words::{duration, short_time, shortened};
use maud::{Markup, html};

const WIDTH: f64 = 720.0;
const NAMES: f64 = 132.0;
const LANE: f64 = 22.0;
/// Letters of a name that fit before its lane.
const LETTERS: usize = 22;
/// Width of a letter in a lane, about.
const LETTER: f64 = 5.6;

pub(super) fn lanes(facts: &Facts) -> Markup {
    let content = html! {
        div class="lanes" {
            (lane("Shared encoder", &facts.segments(None), facts.period))
            @for task in facts.tasks() { (lane(&task.task, &facts.segments(Some(&task.task)), facts.period)) }
            (axis(facts.period))
        }
    };
    section(
        "verdicts",
        "Verdicts over time",
        "Event time, UTC; tasks in order of need.",
        &content,
    )
}

/// One lane alone.
pub(super) fn lane(name: &str, segments: &[Segment], period: (i64, i64)) -> Markup {
    let frame = frame(period);
    html! {
        svg class="lane" viewBox=(format!("0 0 {WIDTH} {LANE}")) role="img" aria-label=(said(name, segments)) {
            text class="name" x="0" y="14.5" { (shortened(name, LETTERS)) }
            @for segment in segments {
                @let (from, to) = (frame.x(segment.start_ms), frame.x(segment.end_ms));
                (bar(segment, from, to))
            }
        }
    }
}

fn bar(segment: &Segment, from: f64, to: f64) -> Markup {
    let words = segment.state.words();
    let wide = to - from;
    let is_quiet = segment.state == State::NotShared;
    let (has_mark, has_words) = (wide > 20.0, wide > 26.0 + words.chars().count() as f64 * LETTER);
    html! {
        g data-verdict=(segment.state.name()) {
            rect class=(if is_quiet { "bar quiet" } else { "bar" }) x=(tenth(from)) y="2" width=(tenth(wide.max(0.6))) height="18" {}
            @if has_mark && !is_quiet {
                g class="on" transform=(format!("translate({} 6) scale(.83)", tenth(from + 5.0))) { (shape(segment.state)) }
            }
            @if has_words { text class="on" x=(tenth(from + if is_quiet { 7.0 } else { 19.0 })) y="14.5" { (words) } }
        }
    }
}

fn axis(period: (i64, i64)) -> Markup {
    let frame = frame(period);
    html! {
        svg class="lane axis" viewBox=(format!("0 0 {WIDTH} 16")) aria-hidden="true" {
            @for (at, label) in time_ticks(period, 9) {
                @let x = frame.x(at);
                @if x > frame.left + 4.0 && x < frame.right - 14.0 {
                    line class="grid" x1=(tenth(x)) x2=(tenth(x)) y1="0" y2="4" {}
                    text class="tick middle" x=(tenth(x)) y="13" { (label) }
                }
            }
        }
    }
}

fn frame(period: (i64, i64)) -> Frame {
    Frame {
        left: NAMES,
        right: WIDTH,
        top: 0.0,
        bottom: LANE,
        times: period,
        values: (0.0, 1.0),
    }
}

fn said(name: &str, segments: &[Segment]) -> String {
    let parts: Vec<String> = segments
        .iter()
        .map(|segment| {
            let long = duration(segment.end_ms - segment.start_ms);
            format!(
                "{} from {} UTC for {long}",
                segment.state.words(),
                short_time(segment.start_ms)
            )
        })
        .collect();
    format!("{name}: {}", parts.join(", "))
}
