//! A task's inputs as points of a plane: the reference against now, what is novel marked.

use super::course::tenth;
use super::facts::Groups;
use super::words::{count, percent};
use bellwether_monitor::{DriftMap, MapPoint, TaskStatus};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::fmt::Write;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 236.0;
const MARGIN: f64 = 10.0;
/// Points of a group from which its number is written, and numbers that are written.
const LEAST_OF_GROUP: usize = 3;
const NUMBERS: usize = 9;

/// Places points in the picture, at one scale for both axes.
struct Scale {
    size: f64,
    centre: (f64, f64),
}

impl Scale {
    fn new(points: &[&MapPoint]) -> Self {
        let range = |axis: usize| {
            let values = points
                .iter()
                .map(|p| f64::from(p.at[axis]))
                .filter(|v| v.is_finite());
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            })
        };
        let ((x0, x1), (y0, y1)) = (range(0), range(1));
        let across = (x1 - x0) / (WIDTH - 2.0 * MARGIN);
        let up = (y1 - y0) / (HEIGHT - 2.0 * MARGIN);
        Self {
            size: across.max(up).max(1e-9),
            centre: (f64::midpoint(x0, x1), f64::midpoint(y0, y1)),
        }
    }

    fn place(&self, point: &MapPoint) -> (f64, f64) {
        let (x, y) = (f64::from(point.at[0]), f64::from(point.at[1]));
        (
            WIDTH / 2.0 + (x - self.centre.0) / self.size,
            HEIGHT / 2.0 - (y - self.centre.1) / self.size,
        )
    }
}

/// Dots in one path: a stroke of no length with round ends.
fn dots<'a>(points: impl Iterator<Item = &'a MapPoint>, scale: &Scale) -> String {
    let mut path = String::new();
    for point in points {
        let (x, y) = scale.place(point);
        // Writing to a text does not fail.
        let _ = write!(path, "M{} {}h0", tenth(x), tenth(y));
    }
    path
}

fn diamonds<'a>(points: impl Iterator<Item = &'a MapPoint>, scale: &Scale) -> String {
    let mut path = String::new();
    for point in points {
        let (x, y) = scale.place(point);
        let _ = write!(path, "M{} {}l3.4 3.4-3.4 3.4-3.4-3.4Z", tenth(x), tenth(y - 3.4));
    }
    path
}

/// The middle of each of the larger groups, and its number.
fn numbers(map: &DriftMap, groups: &Groups, scale: &Scale) -> Vec<(f64, f64, u32)> {
    let mut sums: BTreeMap<u32, (f64, f64, usize)> = BTreeMap::new();
    for point in &map.now {
        if let Some(group) = groups.members.get(&point.event_id) {
            let (x, y) = scale.place(point);
            let sum = sums.entry(*group).or_default();
            *sum = (sum.0 + x, sum.1 + y, sum.2 + 1);
        }
    }
    let mut told: Vec<_> = sums
        .into_iter()
        .filter(|(_, sum)| sum.2 >= LEAST_OF_GROUP)
        .collect();
    told.sort_by_key(|(group, sum)| (std::cmp::Reverse(sum.2), *group));
    told.into_iter()
        .take(NUMBERS)
        .map(|(group, (x, y, n))| (x / n as f64, y / n as f64, group))
        .collect()
}

pub(super) fn map(task: &TaskStatus, groups: Option<&Groups>) -> Markup {
    let Some(map) = task.drift.map.as_deref().filter(|map| !map.now.is_empty()) else {
        return html! { p class="nothing" { "The map is drawn once 30 observations have come." } };
    };
    let all: Vec<&MapPoint> = map.reference.iter().chain(&map.now).collect();
    let scale = Scale::new(&all);
    let novel = map.now.iter().filter(|p| p.novel).count();
    let when = if task.drift.since_onset {
        "since the onset"
    } else {
        "of late"
    };
    let said = format!(
        "{} inputs {when} against {} of the reference; {} novel",
        count(map.now.len() as u64),
        count(map.reference.len() as u64),
        count(novel as u64),
    );
    let kept = percent(map.kept_ratios[0] + map.kept_ratios[1], 0);
    html! {
        figure class="map" {
            figcaption {
                b { "Map of inputs" }
                span class="legend" {
                    span { i class="dot reference" {} "reference" }
                    span { i class="dot now" {} "now" }
                    span { i class="dot novel" {} "now, novel" }
                }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(said) {
                path class="dots reference" d=(dots(map.reference.iter(), &scale)) {}
                path class="dots now" d=(dots(map.now.iter().filter(|p| !p.novel), &scale)) {}
                path class="novel" d=(diamonds(map.now.iter().filter(|p| p.novel), &scale)) {}
                @if let Some(groups) = groups {
                    @for (x, y, group) in numbers(map, groups, &scale) {
                        g class="number" transform=(format!("translate({} {})", tenth(x), tenth(y))) {
                            circle r="7" {}
                            text class="middle" y="3" { (group) }
                        }
                    }
                }
            }
            p class="note" { (said) ". The plane holds " (kept) " of their spread: what is apart here is apart, what is together may not be." }
        }
    }
}
