//! Short rows side by side, all multiplied with one or a few vectors at once.

/// Rows that are multiplied together: as many sums as stay in registers.
const GROUP: usize = 48;
/// Components of a row at a time.
const PAIR: usize = 2;

/// Rows of whole steps in groups: `[groups, pairs, rows of the group, 2]`. A pair of every row of a group lies side by side,
/// so that no sum runs across registers and one instruction multiplies the pairs of many rows.
#[derive(Debug, Clone)]
pub(crate) struct SideBySide {
    steps: Vec<i16>,
    rows: usize,
    pairs: usize,
}

/// Memory for the products of `N` vectors after others.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProductsMemory<const N: usize> {
    /// Pairs of each vector, two components as one number.
    vectors: Vec<[i32; N]>,
    /// `[vectors, groups, rows of the group]`.
    out: Vec<i32>,
}

impl SideBySide {
    /// Rows `[n, width]`, row-major.
    pub(crate) fn new(steps: &[i16], width: usize) -> Self {
        let (rows, pairs) = (steps.len() / width, width.div_ceil(PAIR));
        let mut placed = vec![0; rows.div_ceil(GROUP) * GROUP * pairs * PAIR];
        for (row, steps) in steps.chunks_exact(width).enumerate() {
            let from = row / GROUP * GROUP * pairs * PAIR + row % GROUP * PAIR;
            for (at, &step) in steps.iter().enumerate() {
                placed[from + at / PAIR * GROUP * PAIR + at % PAIR] = step;
            }
        }
        Self {
            steps: placed,
            rows,
            pairs,
        }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Computes the inner products of every row with up to `N` vectors, for all of which the rows are fetched once. Whole
    /// numbers: the same on every machine.
    ///
    /// # Panics
    /// When there are more vectors, or one is not of the rows' width.
    pub(crate) fn multiply<'a, const N: usize>(
        &self,
        vectors: impl ExactSizeIterator<Item = &'a [i16]>,
        memory: &mut ProductsMemory<N>,
    ) {
        assert!(vectors.len() <= N, "so many vectors are multiplied together");
        // The place of one that is missing is taken by the first.
        let mut all: [&[i16]; N] = [&[]; N];
        for (at, vector) in vectors.enumerate() {
            assert_eq!(
                vector.len().div_ceil(PAIR),
                self.pairs,
                "the vectors have the rows' width"
            );
            if at == 0 {
                all.fill(vector);
            }
            all[at] = vector;
        }
        memory.vectors.clear();
        let pairs = all.map(|vector| vector.as_chunks::<PAIR>().0);
        let whole = pairs.iter().map(|pairs| pairs.len()).min().unwrap_or(0);
        let pairs = pairs.map(|pairs| &pairs[..whole]);
        let of_all = |at: usize| pairs.map(|pairs| together(pairs[at][0], pairs[at][1]));
        memory.vectors.extend((0..whole).map(of_all));
        memory
            .vectors
            .extend((whole..self.pairs).map(|at| all.map(|vector| together(vector[at * PAIR], 0))));
        memory.out.resize(N * self.stride(), 0);
        Products {
            vectors: &memory.vectors,
            steps: &self.steps,
            out: &mut memory.out,
        }
        .compute();
    }

    /// The products of the last call with its vector `at`, one a row.
    pub(crate) fn products<'a, const N: usize>(&self, at: usize, memory: &'a ProductsMemory<N>) -> &'a [i32] {
        let from = at * self.stride();
        &memory.out[from..from + self.rows]
    }

    /// Rows with those that fill the last group.
    fn stride(&self) -> usize {
        self.rows.div_ceil(GROUP) * GROUP
    }
}

/// Two steps as the halves of one number.
fn together(low: i16, high: i16) -> i32 {
    i32::from(high) << 16 | i32::from(low.cast_unsigned())
}

/// Products of the vectors with the rows of every group.
struct Products<'a, const N: usize> {
    vectors: &'a [[i32; N]],
    steps: &'a [i16],
    /// `[vectors, groups, rows of the group]`.
    out: &'a mut [i32],
}

impl<const N: usize> Products<'_, N> {
    /// By the registers where they are known, else one by one.
    fn compute(self) {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(simd) = pulp::x86::V4::try_new() {
                return pulp::Simd::vectorize(simd, x86::InWideRegisters(self, simd));
            }
            if let Some(simd) = pulp::x86::V3::try_new() {
                return pulp::Simd::vectorize(simd, x86::InRegisters(self, simd));
            }
        }
        self.one_by_one();
    }

    fn one_by_one(self) {
        let stride = self.out.len() / N;
        let groups = self.steps.chunks_exact(GROUP * PAIR * self.vectors.len());
        for (at, group) in groups.enumerate() {
            let mut sums = [[0; GROUP]; N];
            for (rows, vectors) in group.chunks_exact(GROUP * PAIR).zip(self.vectors) {
                for (sums, &vector) in sums.iter_mut().zip(vectors) {
                    #[expect(clippy::cast_possible_truncation, reason = "the halves are taken apart")]
                    let (low, high) = (i32::from(vector as i16), vector >> 16);
                    for (sum, row) in sums.iter_mut().zip(rows.chunks_exact(PAIR)) {
                        *sum += i32::from(row[0]) * low + i32::from(row[1]) * high;
                    }
                }
            }
            for (out, sums) in self.out.chunks_exact_mut(stride).zip(sums) {
                out[at * GROUP..(at + 1) * GROUP].copy_from_slice(&sums);
            }
        }
    }
}

/// What compilers do not find by themselves: an instruction that multiplies the pairs of many rows and adds each pair.
#[cfg(target_arch = "x86_64")]
#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the registers"
)]
mod x86 {
    use super::{GROUP, PAIR, Products};
    use pulp::bytemuck::cast;
    use pulp::x86::{V3, V4};
    use pulp::{Simd, WithSimd};

    /// Rows whose sums a register holds.
    const ROWS: usize = 8;
    const WIDE_ROWS: usize = 16;
    /// Registers of sums for one vector: those of four vectors and the rows fit into sixteen.
    const SUMS: usize = 3;

    #[inline(always)]
    fn load<const N: usize>(rows: &[i16]) -> [i16; N] {
        let mut loaded = [0; N];
        loaded.copy_from_slice(rows);
        loaded
    }

    pub(super) struct InRegisters<'a, const N: usize>(pub(super) Products<'a, N>, pub(super) V3);

    impl<const N: usize> WithSimd for InRegisters<'_, N> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            let Self(products, simd) = self;
            let stride = products.out.len() / N;
            let groups = products.steps.chunks_exact(GROUP * PAIR * products.vectors.len());
            for (group_at, group) in groups.enumerate() {
                for part in 0..GROUP / (SUMS * ROWS) {
                    let from = part * SUMS * ROWS;
                    let mut sums = [[simd.avx._mm256_setzero_si256(); SUMS]; N];
                    for (rows, vectors) in group.chunks_exact(GROUP * PAIR).zip(products.vectors) {
                        let rows = &rows[from * PAIR..(from + SUMS * ROWS) * PAIR];
                        let rows: [_; SUMS] = std::array::from_fn(|at| {
                            let rows = &rows[at * ROWS * PAIR..(at + 1) * ROWS * PAIR];
                            cast(load::<{ ROWS * PAIR }>(rows))
                        });
                        for (sums, &vector) in sums.iter_mut().zip(vectors) {
                            let vector = simd.avx._mm256_set1_epi32(vector);
                            for (sum, rows) in sums.iter_mut().zip(rows) {
                                let products = simd.avx2._mm256_madd_epi16(rows, vector);
                                *sum = simd.avx2._mm256_add_epi32(*sum, products);
                            }
                        }
                    }
                    let from = group_at * GROUP + from;
                    for (out, sums) in products.out.chunks_exact_mut(stride).zip(sums) {
                        for (out, sum) in out[from..].chunks_exact_mut(ROWS).zip(sums) {
                            out.copy_from_slice(&cast::<_, [i32; ROWS]>(sum));
                        }
                    }
                }
            }
        }
    }

    pub(super) struct InWideRegisters<'a, const N: usize>(pub(super) Products<'a, N>, pub(super) V4);

    impl<const N: usize> WithSimd for InWideRegisters<'_, N> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            let Self(products, simd) = self;
            let stride = products.out.len() / N;
            let groups = products.steps.chunks_exact(GROUP * PAIR * products.vectors.len());
            for (group_at, group) in groups.enumerate() {
                let mut sums = [[simd.avx512f._mm512_setzero_si512(); SUMS]; N];
                for (rows, vectors) in group.chunks_exact(GROUP * PAIR).zip(products.vectors) {
                    let rows: [_; SUMS] = std::array::from_fn(|at| {
                        let rows = &rows[at * WIDE_ROWS * PAIR..(at + 1) * WIDE_ROWS * PAIR];
                        cast(load::<{ WIDE_ROWS * PAIR }>(rows))
                    });
                    for (sums, &vector) in sums.iter_mut().zip(vectors) {
                        let vector = simd.avx512f._mm512_set1_epi32(vector);
                        for (sum, rows) in sums.iter_mut().zip(rows) {
                            let products = simd.avx512bw._mm512_madd_epi16(rows, vector);
                            *sum = simd.avx512f._mm512_add_epi32(*sum, products);
                        }
                    }
                }
                for (out, sums) in products.out.chunks_exact_mut(stride).zip(sums) {
                    for (out, sum) in out[group_at * GROUP..].chunks_exact_mut(WIDE_ROWS).zip(sums) {
                        out.copy_from_slice(&cast::<_, [i32; WIDE_ROWS]>(sum));
                    }
                }
            }
        }
    }

    #[cfg(test)]
    #[test]
    fn every_kind_of_registers_gives_the_same_products() {
        use super::{ProductsMemory, SideBySide};

        let (width, rows) = (21, 100);
        let value = |i: usize| i16::try_from(i * 997 % 4_001).expect("small") - 2_000;
        let steps: Vec<i16> = (0..rows * width).map(value).collect();
        let vectors: Vec<Vec<i16>> = (0..3)
            .map(|v| (0..width).map(|i| value(i * 31 + v)).collect())
            .collect();
        let placed = SideBySide::new(&steps, width);
        let mut memory = ProductsMemory::<4>::default();
        placed.multiply(vectors.iter().map(Vec::as_slice), &mut memory);
        for (at, vector) in vectors.iter().enumerate() {
            let product = |row: &[i16]| -> i32 {
                let pairs = row.iter().zip(vector);
                pairs.map(|(&r, &v)| i32::from(r) * i32::from(v)).sum()
            };
            let plain: Vec<i32> = steps.chunks_exact(width).map(product).collect();
            assert_eq!(placed.products(at, &memory), plain);
        }
        let with = |compute: &dyn Fn(Products<'_, 4>)| {
            let mut out = vec![1; 4 * 3 * GROUP];
            compute(Products {
                vectors: &memory.vectors,
                steps: &placed.steps,
                out: &mut out,
            });
            assert_eq!(out, memory.out);
        };
        with(&|products| products.one_by_one());
        if let Some(simd) = V3::try_new() {
            with(&|products| Simd::vectorize(simd, InRegisters(products, simd)));
        }
        if let Some(simd) = V4::try_new() {
            with(&|products| Simd::vectorize(simd, InWideRegisters(products, simd)));
        }
    }
}
