//! Charts over event time: verdicts behind, intervals around the lines, the reference as a level.

use super::course::{Frame, extent, tenth, time_ticks, value_ticks};
use super::facts::{Segment, State};
use bellwether_monitor::Verdict;
use maud::{Markup, html};

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 136.0;

/// A line with the ends of its interval, where it has one.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// `first` or `second`: its colour, and whether it is dashed.
    pub(super) class: &'static str,
    pub(super) values: Vec<f64>,
    pub(super) band: Option<(Vec<f64>, Vec<f64>)>,
}

/// What is drawn.
pub(super) struct Chart<'a> {
    pub(super) title: &'static str,
    pub(super) times: &'a [i64],
    pub(super) lines: &'a [Line],
    pub(super) period: (i64, i64),
    pub(super) segments: &'a [Segment],
    /// A level and what it is called.
    pub(super) level: Option<(&'static str, f64)>,
    /// Values that the axis holds in any case.
    pub(super) always: &'a [f64],
    /// A value in words; with the flag, as short as an axis needs it.
    pub(super) format: &'a dyn Fn(f64, bool) -> String,
}

impl Chart<'_> {
    pub(super) fn draw(&self) -> Markup {
        let levels = self.level.map(|(_, level)| level);
        let always: Vec<f64> = self.always.iter().copied().chain(levels).collect();
        let values = self.lines.iter().flat_map(|line| {
            let (low, high) = line.band.as_ref().map_or((f64::NAN, f64::NAN), |(low, high)| {
                (most_reach(low, false), most_reach(high, true))
            });
            line.values.iter().copied().chain([low, high])
        });
        let frame = Frame {
            left: 42.0,
            right: WIDTH - 6.0,
            top: 6.0,
            bottom: HEIGHT - 20.0,
            times: self.period,
            values: extent(values, &always),
        };
        let is_empty = self
            .lines
            .iter()
            .all(|line| line.values.iter().all(|v| !v.is_finite()));
        html! {
            figure class="chart" {
                figcaption { b { (self.title) } (self.legend()) }
                @if is_empty { p class="nothing" { "No values in this period." } } @else {
                    svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.said()) {
                        (bands(&frame, self.segments))
                        (self.axes(&frame))
                        @for line in self.lines {
                            @if let Some((low, high)) = &line.band {
                                path class=(format!("band {}", line.class)) d=(frame.band(self.times, low, high)) {}
                            }
                        }
                        @if let Some((_, level)) = self.level {
                            line class="level" x1=(frame.left) x2=(frame.right) y1=(tenth(frame.y(level))) y2=(tenth(frame.y(level))) {}
                        }
                        @for line in self.lines {
                            path class=(format!("line {}", line.class)) d=(frame.line(self.times, &line.values)) {}
                        }
                    }
                }
            }
        }
    }

    fn latest(&self, line: &Line) -> String {
        let last = line.values.iter().rposition(|value| value.is_finite());
        let Some(at) = last else {
            return super::words::NONE.to_owned();
        };
        let value = (self.format)(line.values[at], false);
        match &line.band {
            Some((low, high)) if low[at].is_finite() && high[at].is_finite() => {
                let end = |value: f64| (self.format)(value, false);
                format!("{value} ({} to {})", end(low[at]), end(high[at]))
            }
            _ => value,
        }
    }

    fn legend(&self) -> Markup {
        html! {
            span class="legend" {
                @for line in self.lines {
                    span { i class=(line.class) {} (line.name) " " b { (self.latest(line)) } }
                }
                @if let Some((name, level)) = self.level {
                    span { i class="level" {} (name) " " b { ((self.format)(level, false)) } }
                }
            }
        }
    }

    /// The picture in a sentence.
    fn said(&self) -> String {
        let lines = self.lines.iter().map(|line| {
            let first = line.values.iter().find(|v| v.is_finite()).copied();
            let first = (self.format)(first.unwrap_or(f64::NAN), false);
            format!("{} from {first} to {}", line.name, self.latest(line))
        });
        format!("{}: {}", self.title, lines.collect::<Vec<_>>().join(", "))
    }

    fn axes(&self, frame: &Frame) -> Markup {
        let mut values: Vec<(f64, String)> = value_ticks(frame.values, 4)
            .into_iter()
            .map(|value| (value, (self.format)(value, true)))
            .collect();
        // Of two that read the same one is enough.
        values.dedup_by(|a, b| a.1 == b.1);
        let times = time_ticks(frame.times, 4);
        let inside = |x: f64| x > frame.left + 8.0 && x < frame.right - 14.0;
        html! {
            @for (value, label) in &values {
                @let y = frame.y(*value);
                line class="grid" x1=(frame.left) x2=(frame.right) y1=(tenth(y)) y2=(tenth(y)) {}
                text class="tick end" x=(frame.left - 5.0) y=(tenth(y + 3.0)) { (label) }
            }
            @for (at, label) in &times {
                @let x = frame.x(*at);
                @if inside(x) { text class="tick middle" x=(tenth(x)) y=(HEIGHT - 6.0) { (label) } }
            }
        }
    }
}

/// The end that nine of ten intervals stay within: those of the first few labels are as wide as they like, and are cut off.
fn most_reach(ends: &[f64], upwards: bool) -> f64 {
    let mut ends: Vec<f64> = ends.iter().copied().filter(|end| end.is_finite()).collect();
    ends.sort_by(f64::total_cmp);
    let tenth = ends.len() / 10;
    let at = if upwards {
        ends.len().checked_sub(1 + tenth)
    } else {
        Some(tenth)
    };
    at.and_then(|at| ends.get(at)).copied().unwrap_or(f64::NAN)
}

/// The verdicts behind the lines; what is quiet is left white.
fn bands(frame: &Frame, segments: &[Segment]) -> Markup {
    let is_loud = |segment: &&Segment| {
        !matches!(
            segment.state,
            State::Task(Verdict::Healthy | Verdict::Unknown) | State::NotShared
        )
    };
    html! {
        @for segment in segments.iter().filter(is_loud) {
            @let (from, to) = (frame.x(segment.start_ms), frame.x(segment.end_ms));
            g data-verdict=(segment.state.name()) {
                rect class="behind" x=(tenth(from)) y=(frame.top) width=(tenth(to - from)) height=(frame.bottom - frame.top) {}
                rect class="edge" x=(tenth(from)) y=(frame.top) width=(tenth(to - from)) height="2" {}
            }
        }
    }
}

/// A chart of the size of a word: lines without axes.
pub(super) fn sparkline(
    times: &[i64],
    lines: &[Line],
    period: (i64, i64),
    level: Option<f64>,
    always: &[f64],
) -> Markup {
    let columns = lines.iter().flat_map(|line| line.values.iter().copied());
    let always: Vec<f64> = always.iter().copied().chain(level).collect();
    let frame = Frame {
        left: 0.0,
        right: 96.0,
        top: 2.0,
        bottom: 24.0,
        times: period,
        values: extent(columns, &always),
    };
    html! {
        svg viewBox="0 0 96 26" aria-hidden="true" {
            @if let Some(level) = level {
                line class="level" x1="0" x2="96" y1=(tenth(frame.y(level))) y2=(tenth(frame.y(level))) {}
            }
            @for line in lines {
                path class=(format!("line {}", line.class)) d=(frame.line(times, &line.values)) {}
            }
        }
    }
}
