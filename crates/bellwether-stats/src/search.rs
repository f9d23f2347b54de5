//! Which rows of a sample are near, roughly?

use crate::fixed_rows::{FixedRows, FixedVector};
use crate::principal::principal_directions;
use ndarray::ArrayView2;

/// Principal directions in which rows are compared; even.
const DIRECTIONS: usize = 32;
/// Rows that are multiplied side by side.
const BLOCK: usize = 16;
/// Components of a block at a time.
const PAIR: usize = 2;

/// A sample along its leading principal directions, in whole steps.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    directions: FixedRows,
    /// `[blocks, pairs, rows of the block, 2]`: the rows of a block lie side by side, so that no sum runs across registers.
    steps: Vec<i8>,
    rows: usize,
}

/// Memory for one query after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    along: Vec<f32>,
    ready: FixedVector,
    products: Vec<i32>,
}

impl Search {
    /// Over unit rows `[n, dim]`; `None` when they span fewer directions than are compared.
    pub(crate) fn new(unit_rows: &[f32], dim: usize) -> Option<Self> {
        let rows = unit_rows.len() / dim;
        let view = ArrayView2::from_shape((rows, dim), unit_rows).ok()?;
        let directions = principal_directions(&view, DIRECTIONS);
        if directions.ncols() < DIRECTIONS {
            return None;
        }
        let along = view.dot(&directions);
        let largest = along.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let blocks = rows.div_ceil(BLOCK);
        let mut steps = vec![0; blocks * BLOCK * DIRECTIONS];
        for ((row, direction), x) in along.indexed_iter() {
            let at = (row / BLOCK * DIRECTIONS + direction / PAIR * PAIR) * BLOCK;
            #[expect(clippy::cast_possible_truncation, reason = "at most 127 in magnitude")]
            {
                steps[at + row % BLOCK * PAIR + direction % PAIR] = (x / largest * 127.0).round() as i8;
            }
        }
        let columns: Vec<f32> = directions.t().iter().copied().collect();
        Some(Self {
            directions: FixedRows::new(&columns, dim),
            steps,
            rows,
        })
    }

    /// For every row a number that grows with its inner product with the vector; O((rows + dim) · 32).
    pub(crate) fn compare<'a>(&self, vector: &FixedVector, scratch: &'a mut Scratch) -> &'a [i32] {
        scratch.along.clear();
        self.directions
            .inner_products(vector, 0..DIRECTIONS, &mut scratch.along);
        scratch.ready.set(&scratch.along);
        scratch.products.resize(self.steps.len() / DIRECTIONS, 0);
        Products {
            vector: &scratch.ready.steps,
            steps: &self.steps,
            out: &mut scratch.products,
        }
        .compute();
        &scratch.products[..self.rows]
    }
}

/// Products of a vector with the rows of every block.
struct Products<'a> {
    vector: &'a [i16],
    steps: &'a [i8],
    out: &'a mut [i32],
}

impl Products<'_> {
    /// By the registers where they are known, else one by one: whole numbers are the same either way.
    fn compute(self) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            pulp::Simd::vectorize(simd, x86::InRegisters(self, simd));
            return;
        }
        self.one_by_one();
    }

    fn one_by_one(self) {
        let blocks = self.steps.chunks_exact(BLOCK * DIRECTIONS);
        for (block, out) in blocks.zip(self.out.chunks_exact_mut(BLOCK)) {
            out.fill(0);
            let pairs = block.chunks_exact(BLOCK * PAIR);
            for (pair, vector) in pairs.zip(self.vector.chunks_exact(PAIR)) {
                for (sum, row) in out.iter_mut().zip(pair.chunks_exact(PAIR)) {
                    *sum += i32::from(vector[0]) * i32::from(row[0]);
                    *sum += i32::from(vector[1]) * i32::from(row[1]);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, DIRECTIONS, PAIR, Products};
    use pulp::bytemuck::cast;
    use pulp::x86::V3;
    use pulp::{Simd, WithSimd};
    use std::arch::x86_64::__m256i;

    /// Bytes of half a block's pairs: eight rows.
    const HALF: usize = BLOCK * PAIR / 2;

    /// One instruction multiplies the pairs of eight rows and adds each pair: what compilers do not find by themselves.
    pub(super) struct InRegisters<'a>(pub(super) Products<'a>, pub(super) V3);

    impl WithSimd for InRegisters<'_> {
        type Output = ();

        #[expect(
            clippy::inline_always,
            reason = "what is not inlined is not compiled for the registers"
        )]
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            let Self(products, simd) = self;
            let mut vector = [simd.avx._mm256_setzero_si256(); DIRECTIONS / PAIR];
            for (both, pair) in vector.iter_mut().zip(products.vector.chunks_exact(PAIR)) {
                *both = simd.avx._mm256_set1_epi32(cast([pair[0], pair[1]]));
            }
            let blocks = products.steps.chunks_exact(BLOCK * DIRECTIONS);
            for (block, out) in blocks.zip(products.out.chunks_exact_mut(BLOCK)) {
                let mut sums = [simd.avx._mm256_setzero_si256(); 2];
                for (pairs, &both) in block.chunks_exact(2 * HALF).zip(&vector) {
                    for (sum, rows) in sums.iter_mut().zip(pairs.chunks_exact(HALF)) {
                        *sum = simd
                            .avx2
                            ._mm256_add_epi32(*sum, products_of_pairs(simd, rows, both));
                    }
                }
                let (low, high) = out.split_at_mut(BLOCK / 2);
                low.copy_from_slice(&cast::<_, [i32; BLOCK / 2]>(sums[0]));
                high.copy_from_slice(&cast::<_, [i32; BLOCK / 2]>(sums[1]));
            }
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "what is not inlined is not compiled for the registers"
    )]
    #[inline(always)]
    fn products_of_pairs(simd: V3, rows: &[i8], both: __m256i) -> __m256i {
        let mut bytes = [0_i8; HALF];
        bytes.copy_from_slice(rows);
        let rows = simd.avx2._mm256_cvtepi8_epi16(cast(bytes));
        simd.avx2._mm256_madd_epi16(rows, both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_products_are_the_same_in_registers_and_one_by_one() {
        let vector: Vec<i16> = (-9..).map(|i| i * 1_234).take(DIRECTIONS).collect();
        let steps: Vec<i8> = (i8::MIN..=i8::MAX)
            .map(|i| i.wrapping_mul(37))
            .cycle()
            .take(3 * BLOCK * DIRECTIONS)
            .collect();
        let (mut fast, mut slow) = ([0; 3 * BLOCK], [1; 3 * BLOCK]);
        let (vector, steps) = (&vector[..], &steps[..]);
        Products {
            vector,
            steps,
            out: &mut fast,
        }
        .compute();
        Products {
            vector,
            steps,
            out: &mut slow,
        }
        .one_by_one();
        assert_eq!(fast, slow);
    }

    #[test]
    fn what_grows_with_the_inner_product_is_found() {
        let dim = 40;
        let rows: Vec<f32> = (0..200 * dim)
            .map(|i| ((i * i + 7 * i) % 83) as f32 / 83.0 - 0.5)
            .collect();
        let search = Search::new(&rows, dim).expect("the rows span enough");
        let (mut ready, mut scratch) = (FixedVector::default(), Scratch::default());
        ready.set(&rows[17 * dim..18 * dim]);
        let products = search.compare(&ready, &mut scratch);
        assert_eq!(products.len(), 200);
        let best = (0..200).max_by_key(|&row| products[row]);
        let own = (0..200).filter(|&row| products[row] >= products[17]).count();
        assert!(best.is_some() && own <= 4, "{own}");
        assert!(
            Search::new(&rows[..20 * dim], dim).is_none(),
            "twenty rows span twenty directions"
        );
    }
}
