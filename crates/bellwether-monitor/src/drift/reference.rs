//! What drift reports keep of the reference: which of its vectors are the sample.

use crate::reference::{ReferenceRows, distinct, evenly};
use bellwether_stats::NearestSimilarity;
use std::ops::Range;

/// Rows of a task that are compared at the most, evenly over its period.
const SAMPLE: usize = 300;
/// Rows whose distances give the kernel's bandwidth: the median of 4,950 distances has settled.
const BANDWIDTH_ROWS: usize = 100;

/// A sample of one task's reference.
#[derive(Debug, Clone)]
pub(crate) struct DriftReference {
    /// Which of the task's distinct vectors they are, `[n]`.
    vector: Vec<usize>,
    /// Predicted classes, `[n]`.
    pub(crate) class: Vec<usize>,
    /// Events, `[n]`, or empty in files of earlier versions.
    pub(crate) event_id: Vec<String>,
    /// Median distance of the rows: the customary bandwidth of a Gaussian kernel (Gretton et al. 2012).
    pub(crate) bandwidth: f64,
}

impl DriftReference {
    /// Of the task whose rows are `range`; `unit` are all rows' vectors, `[rows, dim]`.
    pub(crate) fn new(
        rows: &ReferenceRows,
        unit: &[f32],
        dim: usize,
        range: Range<usize>,
    ) -> Result<Self, bellwether_stats::Error> {
        let spread = |most| evenly(range.len(), most).map(|i| range.start + i);
        let few = spread(BANDWIDTH_ROWS).flat_map(|row| &unit[row * dim..(row + 1) * dim]);
        let few: Vec<f32> = few.copied().collect();
        let median = bellwether_stats::median_distance(&few, dim)?;
        let vector = distinct(&unit[range.start * dim..range.end * dim], dim);
        Ok(Self {
            vector: spread(SAMPLE).map(|row| vector[row - range.start]).collect(),
            class: spread(SAMPLE).map(|row| rows.class[row] as usize).collect(),
            event_id: if rows.event_id.is_empty() {
                Vec::new()
            } else {
                spread(SAMPLE).map(|row| rows.event_id[row].clone()).collect()
            },
            // More than half of the rows being one and the same text leaves no distance: that of orthogonal ones then.
            bandwidth: if median > 0.0 {
                median
            } else {
                std::f64::consts::SQRT_2
            },
        })
    }

    /// Rows of the sample.
    pub(crate) fn len(&self) -> usize {
        self.class.len()
    }

    /// The sample's vectors, `[n, dim]`, from the task's distinct ones.
    pub(crate) fn vectors(&self, nearest: &NearestSimilarity) -> Vec<f32> {
        let rows = nearest.rows();
        self.vector.iter().flat_map(|&at| rows.row(at)).collect()
    }
}
