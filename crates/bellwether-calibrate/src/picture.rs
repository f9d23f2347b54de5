//! The power study as one picture: a row a task, a column a kind of change.

use crate::change::Change;
use crate::curve::{Bound, POWER};
use crate::power::{PowerCurve, PowerStudy};
use std::fmt::Write;

const LEFT: f64 = 190.0;
const TOP: f64 = 92.0;
const PANEL_WIDTH: f64 = 168.0;
const PANEL_HEIGHT: f64 = 72.0;
const GAP_X: f64 = 42.0;
const GAP_Y: f64 = 40.0;
const BOTTOM: f64 = 16.0;

/// Colours that can be read on light and on dark ground.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#374151}.small{font-size:10px;fill:#6b7280}.head{font-weight:600}\
.title{font-size:15px;font-weight:600}.ground{fill:#ffffff}.frame{fill:none;stroke:#9ca3af;stroke-width:1}\
.goal{stroke:#9ca3af;stroke-dasharray:3 3}.curve{fill:none;stroke:#2563eb;stroke-width:2}.dot{fill:#2563eb}\
.found{stroke:#c2410c;stroke-width:1.5}.mark{fill:#c2410c;font-size:11px;font-weight:600}\
@media(prefers-color-scheme:dark){text{fill:#d1d5db}.small{fill:#9ca3af}.ground{fill:#111827}.frame,.goal{stroke:#4b5563}\
.curve{stroke:#60a5fa}.dot{fill:#60a5fa}.found{stroke:#fb923c}.mark{fill:#fb923c}}";

/// A self-contained SVG of the study: the share of runs found against the size of the change, and where it passes
/// [`POWER`].
#[must_use]
pub fn picture(study: &PowerStudy) -> String {
    let columns = Change::ALL.len() as f64;
    let rows = study.tasks.len() as f64;
    let width = LEFT + columns * (PANEL_WIDTH + GAP_X);
    let height = TOP + rows * (PANEL_HEIGHT + GAP_Y) + BOTTOM;
    let mut svg = Svg(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"><title>Share of changes found, by size</title><style>{STYLE}</style><rect class="ground" width="{width}" height="{height}"/>"#
    ));
    svg.text(16.0, 26.0, "title", "start", "How small a change is found");
    let subtitle = format!(
        "share of {} runs found within {} events of the task (labels for quality), against the size of the change",
        study.runs, study.within
    );
    svg.text(16.0, 44.0, "small", "start", &subtitle);
    for (column, change) in Change::ALL.into_iter().enumerate() {
        let x = panel_x(column);
        let (head, unit) = heading(change);
        svg.text(x, TOP - 26.0, "head", "start", head);
        svg.text(x, TOP - 12.0, "small", "start", unit);
    }
    for (row, (task, curves)) in study.tasks.iter().enumerate() {
        let y = TOP + row as f64 * (PANEL_HEIGHT + GAP_Y);
        svg.text(16.0, y + PANEL_HEIGHT / 2.0 + 4.0, "head", "start", task);
        for (column, curve) in curves.iter().enumerate() {
            panel(&mut svg, panel_x(column), y, curve);
        }
    }
    svg.0.push_str("</svg>\n");
    svg.0
}

fn panel_x(column: usize) -> f64 {
    LEFT + column as f64 * (PANEL_WIDTH + GAP_X)
}

fn heading(change: Change) -> (&'static str, &'static str) {
    match change {
        Change::Shift => ("shift of all messages", "in standard deviations"),
        Change::Damage => ("damage", "share of messages"),
        Change::Novelty => ("a new task", "share of messages"),
        Change::NewClasses => ("new classes", "share of messages"),
        Change::QualityFall => ("fall of quality", "of right answers; growth of error"),
    }
}

fn panel(svg: &mut Svg, x: f64, y: f64, curve: &PowerCurve) {
    let _infallible = write!(
        svg.0,
        r#"<rect class="frame" x="{x}" y="{y}" width="{PANEL_WIDTH}" height="{PANEL_HEIGHT}"/>"#
    );
    let (Some(&first), Some(&last), false) =
        (curve.sizes.first(), curve.sizes.last(), curve.points.is_empty())
    else {
        let why = curve.not_tried.unwrap_or("not tried");
        svg.text(
            x + PANEL_WIDTH / 2.0,
            y + PANEL_HEIGHT / 2.0,
            "small",
            "middle",
            why,
        );
        return;
    };
    // All panels of a column have one axis, whichever of its sizes were tried.
    let (low, span) = (first.ln(), (last / first).ln());
    let at = |size: f64| x + 8.0 + (size.ln() - low) / span * (PANEL_WIDTH - 16.0);
    let height = |share: f64| y + PANEL_HEIGHT - share * PANEL_HEIGHT;
    svg.line("goal", (x, height(POWER)), (x + PANEL_WIDTH, height(POWER)));
    for (share, name) in [(0.0, "0"), (POWER, "80 %"), (1.0, "100 %")] {
        svg.text(x - 4.0, height(share) + 3.0, "small", "end", name);
    }
    svg.0.push_str(r#"<polyline class="curve" points=""#);
    for point in &curve.points {
        let _infallible = write!(svg.0, "{:.1},{:.1} ", at(point.size), height(point.share));
    }
    svg.0.push_str(r#""/>"#);
    for point in &curve.points {
        let (cx, cy) = (at(point.size), height(point.share));
        let _infallible = write!(
            svg.0,
            r#"<circle class="dot" cx="{cx:.1}" cy="{cy:.1}" r="2.5"><title>{}: {} of {} found</title></circle>"#,
            number(point.size),
            point.found,
            point.runs
        );
    }
    let below = y + PANEL_HEIGHT + 13.0;
    svg.text(at(first), below, "small", "middle", &number(first));
    svg.text(at(last), below, "small", "middle", &number(last));
    let Some(smallest) = curve.smallest else { return };
    let word = match smallest.bound {
        Bound::About => number(smallest.size),
        Bound::AtMost => format!("≤ {}", number(smallest.size)),
        Bound::Above => format!("> {}", number(smallest.size)),
    };
    let mark = at(smallest.size);
    if smallest.bound != Bound::Above {
        svg.line("found", (mark, y + PANEL_HEIGHT), (mark, height(POWER)));
    }
    // Beside the ends of the axis the mark would cover their figures.
    let apart = mark.clamp(x + 44.0, x + PANEL_WIDTH - 44.0);
    svg.text(apart, below, "mark", "middle", &word);
}

/// Three figures are what the runs can tell.
fn number(size: f64) -> String {
    let text = if size < 1.0 {
        format!("{size:.3}")
    } else {
        format!("{size:.2}")
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

struct Svg(String);

impl Svg {
    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let _infallible = write!(
            self.0,
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        );
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _infallible = write!(
            self.0,
            r#"<line class="{class}" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#,
            from.0, from.1, to.0, to.1
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{PowerPoint, smallest};
    use std::collections::BTreeMap;

    fn curve(change: Change, found: &[usize]) -> PowerCurve {
        let points: Vec<PowerPoint> = [0.1, 0.2, 0.4]
            .into_iter()
            .zip(found)
            .map(|(size, &found)| PowerPoint {
                size,
                runs: 10,
                found,
                named: found,
                share: found as f64 / 10.0,
                median_delay: None,
            })
            .collect();
        PowerCurve {
            change,
            unit: "share of messages",
            delay_in: "events",
            left_out: 0,
            sizes: vec![0.1, 0.2, 0.4],
            smallest: smallest(&points),
            not_tried: points.is_empty().then_some("fewer than 30 quiet labels"),
            points,
        }
    }

    #[test]
    fn the_picture_shows_each_curve_and_says_what_was_not_tried() {
        let curves = vec![
            curve(Change::Shift, &[0, 5, 10]),
            curve(Change::Damage, &[9, 10, 10]),
            curve(Change::Novelty, &[0, 0, 1]),
            curve(Change::NewClasses, &[]),
            curve(Change::QualityFall, &[]),
        ];
        let study = PowerStudy {
            runs: 10,
            within: 500,
            power: POWER,
            held_out: Vec::new(),
            tasks: BTreeMap::from([("chat & <more>".to_owned(), curves)]),
        };
        let svg = picture(&study);
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert_eq!(svg.matches("<circle").count(), 9);
        for part in [
            "chat &amp; &lt;more&gt;",
            ">0.303<",
            ">≤ 0.1<",
            ">&gt; 0.4<",
            "fewer than 30 quiet labels",
        ] {
            assert!(svg.contains(part), "{part}:\n{svg}");
        }
        let opened = svg.matches("<text").count();
        assert_eq!(opened, svg.matches("</text>").count());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
