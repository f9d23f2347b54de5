//! In which direction does a movement show most clearly?

use crate::cholesky::Cholesky;
use crate::error::Error;
use crate::mahalanobis::ledoit_wolf;
use crate::projection::{ProjectedRows, ProjectionMemory};
use ndarray::ArrayView2;

/// The inverse of a sample's covariance about zero: full along its leading directions, a sphere beyond them, as
/// probabilistic principal components have it (Tipping and Bishop 1999). Some hundred rows tell no more of hundreds of
/// dimensions, and a direction costs no more than a few of them.
///
/// Along `Σ⁻¹ d` a movement `d` is largest beside the sample's own spread (Fisher's linear discriminant). With the leading
/// directions as the rows of `P`, that is `beyond · d + Pᵀ along(P d)`.
#[derive(Debug, Clone)]
pub struct Precision {
    /// `(P Σ Pᵀ)⁻¹ − beyond · I`, `[directions, directions]`, symmetric, in whole steps: the same on every machine.
    along: ProjectedRows,
    beyond: f32,
}

impl Precision {
    /// Of centred rows: their coordinates along the leading directions `[n, directions]`, row-major, with Ledoit and Wolf's
    /// shrinkage (2004), and their mean square in each dimension beyond; zero where there is none. O(n · directions² +
    /// directions³).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] when the slice is not a whole number of rows, [`Error::NotPositiveDefinite`] when the
    /// rows do not vary along the directions.
    pub fn new(coordinates: &[f32], directions: usize, square_beyond: f64) -> Result<Self, Error> {
        let n = coordinates.len() / directions.max(1);
        let view =
            ArrayView2::from_shape((n, directions), coordinates).map_err(|_| Error::LengthMismatch {
                left: coordinates.len(),
                right: n * directions,
            })?;
        let (covariance, _) = ledoit_wolf(&view.mapv(f64::from));
        let cholesky = Cholesky::new(&covariance.view())?;
        let beyond = if square_beyond > 0.0 {
            1.0 / square_beyond
        } else {
            0.0
        };
        let mut along = Vec::with_capacity(directions * directions);
        let mut row = vec![0.0; directions];
        for at in 0..directions {
            row.fill(0.0);
            row[at] = 1.0;
            cholesky.solve(&mut row);
            row[at] -= beyond;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "single precision is enough for a direction"
            )]
            along.extend(row.iter().map(|&x| x as f32));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "single precision is enough for a direction"
        )]
        let beyond = beyond as f32;
        Ok(Self {
            along: ProjectedRows::new(&along, directions),
            beyond,
        })
    }

    /// The weight of the movement itself in the direction in which it shows most clearly.
    #[must_use]
    pub fn beyond(&self) -> f32 {
        self.beyond
    }

    /// Writes what that direction has more along the leading ones, `[directions]`, for a movement of these coordinates;
    /// returns the movement's squared length along them in units of the spread. O(directions²).
    ///
    /// # Panics
    /// When `coordinates` has another length.
    pub fn along(&self, coordinates: &[f32], memory: &mut ProjectionMemory, out: &mut Vec<f32>) -> f32 {
        self.along.project(coordinates, memory, out);
        let all = coordinates.iter().zip(out.iter());
        all.map(|(c, more)| c * (more + self.beyond * c)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The direction within two leading dimensions and one beyond.
    fn direction(precision: &Precision, movement: [f32; 3]) -> [f32; 3] {
        let mut along = Vec::new();
        let length = precision.along(&movement[..2], &mut ProjectionMemory::default(), &mut along);
        // One in the second direction, of variance a half; shrinkage makes it a little wider.
        assert!((1.7..2.02).contains(&length), "{length}");
        let beyond = movement.map(|m| m * precision.beyond());
        [beyond[0] + along[0], beyond[1] + along[1], beyond[2]]
    }

    #[test]
    fn a_movement_is_sought_where_the_sample_does_not_vary() {
        // Ten times as wide along the first axis as along the second, and as wide as the second beyond.
        let rows: Vec<f32> = (0..400)
            .flat_map(|i| [10.0 * (i as f32 * 2.1).sin(), (i as f32 * 0.7).cos()])
            .collect();
        let precision = Precision::new(&rows, 2, 0.5).unwrap();
        let got = direction(&precision, [1.0, 1.0, 1.0]);
        assert!(got[1] > 50.0 * got[0].abs() && got[1] > 0.0, "{got:?}");
        assert!((got[2] / got[1] - 1.0).abs() < 0.2, "{got:?}");
        let none = Precision::new(&rows, 2, 0.0).unwrap();
        let got = direction(&none, [1.0, 1.0, 1.0]);
        assert!(got[2] == 0.0 && got[1] > 50.0 * got[0].abs(), "{got:?}");
    }

    #[test]
    fn rows_that_do_not_vary_have_none() {
        let got = Precision::new(&[0.0; 8], 2, 1.0).map(|_| ());
        assert_eq!(got, Err(Error::NotPositiveDefinite));
    }
}
