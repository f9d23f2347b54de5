//! Which rows of a sample are near, roughly?

use crate::fixed_rows::{FixedRows, FixedVector};
use crate::side_by_side::{ProductsMemory, SideBySide};
use crate::space::{PrincipalSpace, TOGETHER};

/// A sample along its leading principal directions, in whole steps.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    rows: SideBySide,
}

/// Memory for some queries after others.
#[derive(Debug, Default)]
pub(crate) struct SearchMemory {
    ready: Vec<FixedVector>,
    products: ProductsMemory<TOGETHER>,
}

impl Search {
    /// Over unit rows `[n, dim]` within their own space; `None` when that has no direction.
    pub(crate) fn new(unit_rows: &[f32], dim: usize, space: &PrincipalSpace) -> Option<Self> {
        if space.is_empty() {
            return None;
        }
        let along = space.coordinates_of(unit_rows, dim);
        let (rows, _) = FixedRows::new(&along, space.len()).side_by_side();
        Some(Self { rows })
    }

    /// Compares up to four vectors of these coordinates, `[vectors, directions]`, with every row. O(vectors · rows ·
    /// directions).
    ///
    /// # Panics
    /// With more vectors, or another number of directions than the sample's space has.
    pub(crate) fn compare(&self, coordinates: &[f32], directions: usize, memory: &mut SearchMemory) {
        let vectors = coordinates.len() / directions;
        memory.ready.resize_with(vectors, FixedVector::default);
        for (ready, along) in memory.ready.iter_mut().zip(coordinates.chunks_exact(directions)) {
            ready.set(along);
        }
        let steps = memory.ready.iter().map(|ready| ready.steps.as_slice());
        self.rows.multiply(steps, &mut memory.products);
    }

    /// For every row a number that grows with its inner product with vector `at` of those last compared.
    pub(crate) fn likeness<'a>(&self, at: usize, memory: &'a SearchMemory) -> &'a [i32] {
        self.rows.products(at, &memory.products)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_with_the_inner_product_is_found() {
        let dim = 80;
        let rows: Vec<f32> = (0..200 * dim)
            .map(|i| ((i * i + 7 * i) % 83) as f32 / 83.0 - 0.5)
            .collect();
        let space = PrincipalSpace::new(&rows, dim, 64);
        let search = Search::new(&rows, dim, &space).expect("the rows span enough");
        let mut memory = SearchMemory::default();
        let coordinates = space.coordinates_of(&rows[16 * dim..18 * dim], dim);
        search.compare(&coordinates, space.len(), &mut memory);
        let likeness = search.likeness(1, &memory);
        assert_eq!(likeness.len(), 200);
        let own = (0..200).filter(|&row| likeness[row] >= likeness[17]).count();
        assert!(own <= 4, "{own}");
        let none = PrincipalSpace::new(&[0.0; 160], dim, 64);
        assert!(Search::new(&[0.0; 160], dim, &none).is_none());
    }
}
