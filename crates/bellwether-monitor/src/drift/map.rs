//! A map of one task's inputs: the drift report's two samples, in two dimensions.

use super::report::{DriftSources, Window};
use crate::score::FAR_P;
use bellwether_events::TaskKind;
use bellwether_stats::principal_directions;
use ndarray::ArrayView2;
use std::sync::Arc;

/// Bytes of a text that are shown beside a point.
const SHOWN_TEXT: usize = 240;

/// The inputs of a drift report's window beside its sample of the reference, as points of a plane.
///
/// The plane is that of the two leading principal directions of both samples together, each weighing one half, about the mean of
/// the reference's: what came new and lies apart shows, and what did not leaves the plane to the reference's own spread. At most
/// 300 points of the reference and 400 of the window. A picture, and no evidence: distances in it are shorter than they are.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftMap {
    /// Share of both samples' squared distance from the reference's mean that lies in the plane, along each axis.
    pub kept_ratios: [f64; 2],
    /// Names of the classes; empty for tasks without.
    pub classes: Vec<String>,
    /// The sample of the reference.
    pub reference: Vec<MapPoint>,
    /// The window, oldest first.
    pub now: Vec<MapPoint>,
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub struct MapPoint {
    /// The event; empty in references of earlier versions.
    pub event_id: String,
    /// Places along both axes, in the unit of the embeddings, which have length one.
    pub at: [f32; 2],
    /// Number of the predicted class; 0 for tasks without.
    pub class: usize,
    /// Its time, milliseconds since the epoch; 0 in the reference.
    pub timestamp_ms: i64,
    /// Whether it is unlike the reference: its conformal p-value is below 3 %. Never in the reference.
    pub novel: bool,
    /// What may be kept of its text, to 240 bytes. Never in the reference.
    pub text: Option<String>,
}

/// The map of the two samples; `None` where they do not vary.
pub(super) fn map(sources: &DriftSources<'_>, window: &Window<'_>, sample: &[f32]) -> Option<Arc<DriftMap>> {
    let (n, m) = (window.rows.len(), sources.reference.len());
    let dim = sample.len().checked_div(m)?;
    let mut mean = vec![0.0_f64; dim];
    bellwether_stats::mean_residual(sample.chunks_exact(dim), &mut mean);
    let centred = |rows: &[f32], count: usize| -> Vec<f32> {
        let weight = (1.0 / count as f64).sqrt();
        rows.chunks_exact(dim)
            .flat_map(|row| row.iter().zip(&mean))
            .map(|(&x, mean)| narrow((f64::from(x) - mean) * weight))
            .collect()
    };
    let both = [centred(sample, m), centred(&window.vectors, n)].concat();
    let all = ArrayView2::from_shape((m + n, dim), &both).ok()?;
    let directions = principal_directions(&all, 2);
    if directions.ncols() < 2 {
        return None;
    }
    let placed = all.dot(&directions);
    let total: f64 = both.iter().map(|x| f64::from(*x).powi(2)).sum();
    let along = |axis: usize| {
        placed
            .column(axis)
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            / total
    };
    // A direction has no sign of its own: the heavier side of the reference lies to the right and above.
    let sign = |axis: usize| {
        let third: f64 = placed
            .column(axis)
            .iter()
            .take(m)
            .map(|x| f64::from(*x).powi(3))
            .sum();
        if third < 0.0 { -1.0 } else { 1.0 }
    };
    let signs = [sign(0), sign(1)];
    let at = |row: usize, count: usize| {
        let scale = (count as f64).sqrt();
        [0, 1].map(|axis| narrow(f64::from(placed[[row, axis]]) * scale * signs[axis]))
    };
    let reference = (0..m).map(|row| MapPoint {
        event_id: sources.reference.event_id.get(row).cloned().unwrap_or_default(),
        at: at(row, m),
        class: sources.reference.class[row],
        timestamp_ms: 0,
        novel: false,
        text: None,
    });
    let now = window.rows.iter().enumerate().map(|(at_row, row)| MapPoint {
        event_id: row.event_id.clone(),
        at: at(m + at_row, n),
        class: row.class,
        timestamp_ms: row.timestamp_ms,
        novel: row.p_novelty < FAR_P,
        text: row
            .text_at(sources.now_ms, sources.text_retention_ms)
            .map(|text| shown(text).to_owned()),
    });
    Some(Arc::new(DriftMap {
        kept_ratios: [along(0), along(1)],
        classes: if sources.spec.kind == TaskKind::Classification {
            sources.spec.labels.clone()
        } else {
            Vec::new()
        },
        reference: reference.collect(),
        now: now.collect(),
    }))
}

/// As much of a text as is shown, whole letters.
fn shown(text: &str) -> &str {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let end = ends.take_while(|&end| end <= SHOWN_TEXT).last();
    &text[..end.unwrap_or(0)]
}

#[expect(clippy::cast_possible_truncation, reason = "a coordinate of a unit vector")]
fn narrow(x: f64) -> f32 {
    x as f32
}
