//! Where a vector lies along the directions in which a sample varies.

use crate::fixed_rows::{FixedRows, FixedVector};
use crate::principal::principal_directions;
use crate::side_by_side::{ProductsMemory, SideBySide};
use ndarray::ArrayView2;

/// Vectors that are looked at together: the sample is fetched once for all of them.
pub const TOGETHER: usize = 4;

/// Memory for the coordinates of some vectors after others.
#[derive(Debug, Clone, Default)]
pub struct SpaceMemory(ProductsMemory<TOGETHER>);

/// A sample's leading principal directions, about the origin, in whole steps: coordinates along them are the same on
/// every machine.
#[derive(Debug, Clone)]
pub struct PrincipalSpace {
    directions: SideBySide,
    scale: f32,
}

impl PrincipalSpace {
    /// The `most` leading directions of rows `[n, dim]`, row-major, leading ones first; fewer where the rows span less.
    /// O(n · dim · most).
    ///
    /// # Panics
    /// When the slice is not a whole number of rows, or `dim` is zero.
    #[must_use]
    pub fn new(rows: &[f32], dim: usize, most: usize) -> Self {
        let n = rows.len() / dim;
        let view = ArrayView2::from_shape((n, dim), rows).expect("whole rows are given");
        let directions = principal_directions(&view, most);
        let rows: Vec<f32> = directions.t().iter().copied().collect();
        let (directions, scale) = FixedRows::new(&rows, dim).side_by_side();
        Self { directions, scale }
    }

    /// Number of directions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.directions.len()
    }

    /// True where the sample spans no direction.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the coordinates of up to four vectors along the directions, leading ones first, `[vectors, directions]`.
    /// O(vectors · directions · dim).
    ///
    /// # Panics
    /// When there are more vectors, or one is not of the sample's width.
    pub fn coordinates(&self, vectors: &[FixedVector], memory: &mut SpaceMemory, out: &mut Vec<f32>) {
        let SpaceMemory(memory) = memory;
        let steps = vectors.iter().map(|vector| vector.steps.as_slice());
        self.directions.multiply(steps, memory);
        for (at, vector) in vectors.iter().enumerate() {
            let scale = vector.scale * self.scale;
            let products = self.directions.products(at, memory);
            out.extend(products.iter().map(|&product| product as f32 * scale));
        }
    }

    /// The same of rows `[n, dim]`, row-major: `[n, directions]`.
    ///
    /// # Panics
    /// When the slice is not a whole number of rows of the sample's width.
    #[must_use]
    pub fn coordinates_of(&self, rows: &[f32], dim: usize) -> Vec<f32> {
        let mut vectors: Vec<FixedVector> = Vec::new();
        let (mut memory, mut out) = (SpaceMemory::default(), Vec::new());
        for rows in rows.chunks(TOGETHER * dim) {
            vectors.resize_with(rows.len() / dim, FixedVector::default);
            for (vector, row) in vectors.iter_mut().zip(rows.chunks_exact(dim)) {
                vector.set(row);
            }
            self.coordinates(&vectors, &mut memory, &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_lengths_along_the_directions() {
        // Along (3, 4) mostly, along (4, -3) a little.
        let rows: Vec<f32> = (0..50)
            .flat_map(|i| {
                let (a, b) = ((i as f32).sin(), 0.1 * (i as f32 * 1.7).cos());
                [0.6 * a + 0.8 * b, 0.8 * a - 0.6 * b]
            })
            .collect();
        let space = PrincipalSpace::new(&rows, 2, 5);
        assert_eq!(space.len(), 2);
        let got = space.coordinates_of(&[0.6, 0.8, 0.8, -0.6, 0.0, 0.0, 0.0, 0.0, 0.6, 0.8], 2);
        assert_eq!(got.len(), 10);
        assert!(got[0].abs() > 0.99 && got[1].abs() < 0.1, "{got:?}");
        assert!(got[2].abs() < 0.1 && got[3].abs() > 0.99 && got[8..] == got[..2]);
        assert!(PrincipalSpace::new(&[0.0; 6], 2, 5).is_empty());
    }
}
