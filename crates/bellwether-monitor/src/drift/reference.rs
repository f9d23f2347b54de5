//! What drift reports keep of the reference: a sample of its vectors.

use crate::reference::ReferenceRows;
use half::f16;
use half::slice::HalfFloatSliceExt;
use std::ops::Range;

/// Rows of a task that are kept at the most, evenly over its period: 230 kB at 384 dimensions.
const SAMPLE: usize = 300;
/// Rows whose distances give the kernel's bandwidth: the median of 4,950 distances has settled.
const BANDWIDTH_ROWS: usize = 100;

/// A sample of one task's reference.
#[derive(Debug, Clone)]
pub(crate) struct DriftReference {
    /// Unit vectors, `[n, dim]`.
    unit: Vec<f16>,
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
        let spread = |most: usize| {
            let (first, n) = (range.start, range.len());
            let taken = n.min(most);
            (0..taken).map(move |i| first + i * n / taken)
        };
        let vectors = |most: usize| -> Vec<f32> {
            spread(most)
                .flat_map(|row| &unit[row * dim..(row + 1) * dim])
                .copied()
                .collect()
        };
        let median = bellwether_stats::median_distance(&vectors(BANDWIDTH_ROWS), dim)?;
        let sample = vectors(SAMPLE);
        let mut halved = vec![f16::ZERO; sample.len()];
        halved.convert_from_f32_slice(&sample);
        Ok(Self {
            unit: halved,
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

    /// The sample's vectors, `[n, dim]`.
    pub(crate) fn vectors(&self) -> Vec<f32> {
        self.unit.to_f32_vec()
    }
}
