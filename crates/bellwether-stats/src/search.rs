//! Which rows of a sample are near, roughly?

use crate::fixed_rows::{FixedRows, FixedVector};
use crate::side_by_side::{ProductsMemory, SideBySide};
use crate::space::{PrincipalSpace, TOGETHER};

/// Leading principal directions in which rows are compared.
const COMPARED: usize = 64;

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
    /// Over unit rows `[n, dim]` within their own space; `None` when that has fewer directions than are compared.
    pub(crate) fn new(unit_rows: &[f32], dim: usize, space: &PrincipalSpace) -> Option<Self> {
        if space.len() < COMPARED {
            return None;
        }
        let along = space.coordinates_of(unit_rows, dim);
        let compared = along.chunks_exact(space.len()).flat_map(|row| &row[..COMPARED]);
        let compared: Vec<f32> = compared.copied().collect();
        let (rows, _) = FixedRows::new(&compared, COMPARED).side_by_side();
        Some(Self { rows })
    }

    /// Compares up to four vectors of these coordinates, `[vectors, directions]`, with every row. O(vectors · rows · 64).
    ///
    /// # Panics
    /// With more vectors, or fewer directions than are compared.
    pub(crate) fn compare(&self, coordinates: &[f32], directions: usize, memory: &mut SearchMemory) {
        let vectors = coordinates.len() / directions;
        memory.ready.resize_with(vectors, FixedVector::default);
        for (ready, along) in memory.ready.iter_mut().zip(coordinates.chunks_exact(directions)) {
            ready.set(&along[..COMPARED]);
        }
        let steps = memory.ready.iter().map(|ready| ready.steps.as_slice());
        self.rows.multiply(steps, &mut memory.products);
    }

    /// Writes for every row a number that grows with its inner product with vector `at` of those last compared.
    pub(crate) fn likeness(&self, at: usize, memory: &SearchMemory, out: &mut Vec<i32>) {
        out.clear();
        for products in self.rows.products(at, &memory.products) {
            out.extend_from_slice(products);
        }
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
        let space = PrincipalSpace::new(&rows, dim, COMPARED);
        let search = Search::new(&rows, dim, &space).expect("the rows span enough");
        let mut memory = SearchMemory::default();
        let coordinates = space.coordinates_of(&rows[16 * dim..18 * dim], dim);
        search.compare(&coordinates, space.len(), &mut memory);
        let mut likeness = Vec::new();
        search.likeness(1, &memory, &mut likeness);
        assert_eq!(likeness.len(), 200);
        let own = (0..200).filter(|&row| likeness[row] >= likeness[17]).count();
        assert!(own <= 4, "{own}");
        let few = PrincipalSpace::new(&rows[..20 * dim], dim, COMPARED);
        assert!(
            Search::new(&rows[..20 * dim], dim, &few).is_none(),
            "twenty rows span twenty directions"
        );
    }
}
