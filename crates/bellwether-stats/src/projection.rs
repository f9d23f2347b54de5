//! A sample along one direction after the other.

use crate::fixed_rows::{FixedRows, FixedVector};
use crate::side_by_side::{ProductsMemory, SideBySide};

/// Short rows that are projected on one direction after the other, in whole steps.
#[derive(Debug, Clone)]
pub struct ProjectedRows {
    rows: SideBySide,
    scale: f32,
}

/// Memory for one projection after the other.
#[derive(Debug, Clone, Default)]
pub struct ProjectionMemory {
    direction: FixedVector,
    products: ProductsMemory<1>,
}

impl ProjectedRows {
    /// From finite rows `[n, width]`, row-major.
    ///
    /// # Panics
    /// When the slice is not a whole number of rows, or `width` is zero.
    #[must_use]
    pub fn new(rows: &[f32], width: usize) -> Self {
        let (rows, scale) = FixedRows::new(rows, width).side_by_side();
        Self { rows, scale }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the inner products of the rows with a direction. O(n · width).
    ///
    /// # Panics
    /// When the direction is not of the rows' width.
    pub fn project(&self, direction: &[f32], memory: &mut ProjectionMemory, out: &mut Vec<f32>) {
        memory.direction.set(direction);
        let steps = std::iter::once(memory.direction.steps.as_slice());
        self.rows.multiply(steps, &mut memory.products);
        let scale = memory.direction.scale * self.scale;
        let products = self.rows.products(0, &memory.products);
        out.clear();
        out.extend(products.iter().map(|&product| product as f32 * scale));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_are_inner_products() {
        let rows: Vec<f32> = (0..150).map(|i| ((i * 29) % 31) as f32 / 31.0 - 0.4).collect();
        let direction = [0.5, -0.25, 1.0];
        let projected = ProjectedRows::new(&rows, 3);
        let (mut memory, mut got) = (ProjectionMemory::default(), vec![9.0]);
        projected.project(&direction, &mut memory, &mut got);
        assert_eq!((got.len(), projected.len()), (50, 50));
        for (got, row) in got.iter().zip(rows.chunks_exact(3)) {
            let want: f32 = row.iter().zip(direction).map(|(a, b)| a * b).sum();
            assert!((got - want).abs() < 1e-3, "{got} {want}");
        }
    }
}
