//! The body of a task's map.

use super::time;
use bellwether_monitor::{DriftMap, DriftReport, MapPoint, TaskStatus};
use serde::Serialize;
use utoipa::ToSchema;

/// The window of a task's drift report beside its sample of the reference, as points of a plane.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DriftMap)]
pub(crate) struct MapView<'a> {
    task: &'a str,
    as_of: Option<String>,
    from: Option<String>,
    to: Option<String>,
    since_onset: bool,
    /// Share of the squared distances that each axis shows; empty while there are too few observations.
    kept_ratios: Vec<f64>,
    /// At most 300.
    reference: Vec<PointView<'a>>,
    /// At most 400, oldest first.
    now: Vec<PointView<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MapPoint)]
struct PointView<'a> {
    event_id: &'a str,
    x: f32,
    y: f32,
    /// `null` for tasks without classes.
    class: Option<&'a str>,
    timestamp: Option<String>,
    /// Unlike the reference.
    novel: bool,
    /// As far as `[texts]` keeps it.
    text: Option<&'a str>,
}

impl<'a> MapView<'a> {
    pub(crate) fn new(task: &'a TaskStatus) -> Self {
        let report: &DriftReport = &task.drift;
        let map: Option<&DriftMap> = report.map.as_deref();
        let points = |of: fn(&DriftMap) -> &Vec<MapPoint>| -> Vec<PointView<'a>> {
            let Some(map) = map else { return Vec::new() };
            of(map).iter().map(|p| PointView::new(p, &map.classes)).collect()
        };
        Self {
            task: &task.task,
            as_of: time(report.as_of_ms),
            from: time(report.from_ms),
            to: time(report.to_ms),
            since_onset: report.since_onset,
            kept_ratios: map.map(|m| m.kept_ratios.to_vec()).unwrap_or_default(),
            reference: points(|m| &m.reference),
            now: points(|m| &m.now),
        }
    }
}

impl<'a> PointView<'a> {
    fn new(point: &'a MapPoint, labels: &'a [String]) -> Self {
        Self {
            event_id: &point.event_id,
            x: point.at[0],
            y: point.at[1],
            class: labels.get(point.class).map(String::as_str),
            timestamp: time(point.timestamp_ms),
            novel: point.novel,
            text: point.text.as_deref(),
        }
    }
}
