//! In which direction does a movement show most clearly?

use crate::cholesky::Cholesky;
use crate::error::Error;
use crate::mahalanobis::ledoit_wolf;
use crate::projection::{ProjectedRows, ProjectionMemory};
use ndarray::ArrayView2;

/// The inverse of a sample's covariance about zero, shrunk towards a sphere so that it exists.
///
/// Along `Σ⁻¹ d` a movement `d` is largest beside the sample's own spread (Fisher's linear discriminant).
#[derive(Debug, Clone)]
pub struct Precision {
    /// `[dim, dim]`, symmetric, in whole steps: a direction is the same on every machine.
    inverse: ProjectedRows,
}

impl Precision {
    /// Of centred rows `[n, dim]`, row-major, with Ledoit and Wolf's shrinkage (2004). O(n · dim² + dim³).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] when the slice is not a whole number of rows, [`Error::NotPositiveDefinite`] when the
    /// rows do not vary.
    pub fn new(rows: &[f32], dim: usize) -> Result<Self, Error> {
        let n = rows.len() / dim.max(1);
        let view = ArrayView2::from_shape((n, dim), rows).map_err(|_| Error::LengthMismatch {
            left: rows.len(),
            right: n * dim,
        })?;
        let (covariance, _) = ledoit_wolf(&view.mapv(f64::from));
        let cholesky = Cholesky::new(&covariance.view())?;
        let mut inverse = Vec::with_capacity(dim * dim);
        let mut row = vec![0.0; dim];
        for at in 0..dim {
            row.fill(0.0);
            row[at] = 1.0;
            cholesky.solve(&mut row);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "single precision is enough for a direction"
            )]
            inverse.extend(row.iter().map(|&x| x as f32));
        }
        Ok(Self {
            inverse: ProjectedRows::new(&inverse, dim),
        })
    }

    /// Writes the direction in which the movement `[dim]` shows most clearly. O(dim²).
    ///
    /// # Panics
    /// When `movement` is not of the rows' width.
    pub fn direction(&self, movement: &[f32], memory: &mut ProjectionMemory, out: &mut Vec<f32>) {
        self.inverse.project(movement, memory, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_movement_is_sought_where_the_sample_does_not_vary() {
        // Ten times as wide along the first axis as along the second.
        let rows: Vec<f32> = (0..400)
            .flat_map(|i| [10.0 * (i as f32 * 2.1).sin(), (i as f32 * 0.7).cos()])
            .collect();
        let mut direction = Vec::new();
        Precision::new(&rows, 2).unwrap().direction(
            &[1.0, 1.0],
            &mut ProjectionMemory::default(),
            &mut direction,
        );
        assert!(
            direction[1] > 50.0 * direction[0].abs() && direction[1] > 0.0,
            "{direction:?}"
        );
    }

    #[test]
    fn rows_that_do_not_vary_have_none() {
        let got = Precision::new(&[0.0; 8], 2).map(|_| ());
        assert_eq!(got, Err(Error::NotPositiveDefinite));
    }
}
