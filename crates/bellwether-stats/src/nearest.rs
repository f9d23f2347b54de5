//! How near is a vector to a reference sample?

use crate::fixed_rows::{FixedRows, FixedVector};
use crate::search::{Search, SearchMemory};
use crate::space::{PrincipalSpace, SpaceMemory, TOGETHER};
use pulp::Arch;

/// Cosines above this are taken for the same text: left out, for the reference and the stream alike, so that a
/// reference's own repeats do not make it look denser than the stream can be.
pub const IDENTICAL_COSINE: f32 = 0.9995;

/// Leading principal directions of the sample in which rows are compared, at most.
const DIRECTIONS: usize = 48;
/// Most neighbours that are averaged.
const MOST: usize = 16;
/// Candidates at least for each neighbour that is averaged, whose cosines are computed in full.
const CANDIDATES: usize = 3;
/// Samples up to this size are searched in full.
const SMALL: usize = 128;
/// Values of which the highest is looked at first.
const HAND: usize = 8;

/// Mean cosine to the `k` nearest of a reference sample; identical vectors do not count.
///
/// Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors" (2022), with a mean in place of the k-th.
///
/// A large sample is searched in two steps: the candidates are the rows whose cosine in the sample's leading principal
/// directions is largest, and the mean is that of the nearest among them, in full. On sentence embeddings nearly all the
/// neighbours are found; what is missed can only make a vector look a little further, and does so to the reference's own
/// rows alike, so ranks among them are as valid as those of a full search.
#[derive(Debug, Clone)]
pub struct NearestSimilarity {
    rows: FixedRows,
    space: PrincipalSpace,
    search: Option<Search>,
    k: usize,
}

/// Memory for some queries after others.
#[derive(Debug, Default)]
pub struct NearestMemory {
    search: SearchMemory,
    candidates: Largest,
    cosines: Vec<f32>,
}

impl NearestSimilarity {
    /// An index over unit vectors `[rows, dim]`, row-major. `k` is held to `1..=16`, and to `rows`. O(rows · dim · 48).
    ///
    /// # Panics
    /// When the slice is not a whole number of rows, or `dim` is zero.
    #[must_use]
    pub fn new(unit_rows: &[f32], dim: usize, k: usize) -> Self {
        let space = PrincipalSpace::new(unit_rows, dim, DIRECTIONS);
        let search = (unit_rows.len() / dim > SMALL)
            .then(|| Search::new(unit_rows, dim, &space))
            .flatten();
        Self {
            rows: FixedRows::new(unit_rows, dim),
            space,
            search,
            k: k.clamp(1, MOST),
        }
    }

    /// Number of reference vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without reference vectors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The reference vectors.
    #[must_use]
    pub fn rows(&self) -> &FixedRows {
        &self.rows
    }

    /// The directions in which the reference vectors vary.
    #[must_use]
    pub fn space(&self) -> &PrincipalSpace {
        &self.space
    }

    /// Appends the mean cosines of up to four unit vectors, whose `coordinates` in [`NearestSimilarity::space`] are
    /// `[vectors, directions]`. A vector's result does not depend on those beside it, so that batches may be cut anywhere.
    /// O(vectors · 48 · rows) beside the candidates' vectors · 3k · dim.
    ///
    /// # Panics
    /// When there are more vectors, or they or their coordinates are not of the sample's width.
    pub fn similarities(
        &self,
        vectors: &[FixedVector],
        coordinates: &[f32],
        memory: &mut NearestMemory,
        out: &mut Vec<f32>,
    ) {
        if let Some(search) = &self.search {
            search.compare(coordinates, self.space.len(), &mut memory.search);
        }
        for (at, vector) in vectors.iter().enumerate() {
            memory.cosines.clear();
            if let Some(search) = &self.search {
                let likeness = search.likeness(at, &memory.search);
                memory.candidates.seek(likeness, self.k * CANDIDATES);
                let candidates = memory.candidates.rows.iter().copied();
                self.rows.inner_products(vector, candidates, &mut memory.cosines);
            } else {
                self.rows
                    .inner_products(vector, 0..self.len(), &mut memory.cosines);
            }
            out.push(self.top_mean(&memory.cosines));
        }
    }

    /// For unit queries `[n, dim]` writes `out[n]`. O(n · 48 · (dim + rows)) beside the candidates' n · 3k · dim.
    ///
    /// # Panics
    /// When `queries` is not `[out.len(), dim]`.
    pub fn query(&self, queries: &[f32], out: &mut [f32]) {
        let dim = self.rows.dim();
        assert_eq!(queries.len(), out.len() * dim, "queries are [n, dim]");
        let (mut vectors, mut memory) = (Vec::new(), NearestMemory::default());
        let (mut space, mut coordinates) = (SpaceMemory::default(), Vec::new());
        let mut found = Vec::with_capacity(TOGETHER);
        for (queries, out) in queries.chunks(TOGETHER * dim).zip(out.chunks_mut(TOGETHER)) {
            vectors.resize_with(out.len(), FixedVector::default);
            for (vector, query) in vectors.iter_mut().zip(queries.chunks_exact(dim)) {
                vector.set(query);
            }
            coordinates.clear();
            self.space.coordinates(&vectors, &mut space, &mut coordinates);
            found.clear();
            self.similarities(&vectors, &coordinates, &mut memory, &mut found);
            out.copy_from_slice(&found);
        }
    }

    /// The same by a full search: for vectors from elsewhere, whose neighbours the sample's own directions do not show.
    /// O(n · rows · dim).
    ///
    /// # Panics
    /// When `queries` is not `[out.len(), dim]`.
    pub fn query_fully(&self, queries: &[f32], out: &mut [f32]) {
        let dim = self.rows.dim();
        assert_eq!(queries.len(), out.len() * dim, "queries are [n, dim]");
        let (mut vector, mut cosines) = (FixedVector::default(), Vec::with_capacity(self.len()));
        for (query, out) in queries.chunks_exact(dim).zip(out) {
            vector.set(query);
            cosines.clear();
            self.rows.inner_products(&vector, 0..self.len(), &mut cosines);
            *out = self.top_mean(&cosines);
        }
    }

    /// Mean of the `k` largest cosines after leaving out identical ones. A sample smaller than `k` is averaged whole;
    /// where leaving out makes it so, the missing count as −1: "as far as can be".
    fn top_mean(&self, cosines: &[f32]) -> f32 {
        let k = self.k.min(self.len()).max(1);
        let mut top = [-1.0_f32; MOST];
        for &cosine in cosines {
            if cosine > IDENTICAL_COSINE || cosine <= top[k - 1] {
                continue;
            }
            let mut at = k - 1;
            while at > 0 && top[at - 1] < cosine {
                top[at] = top[at - 1];
                at -= 1;
            }
            top[at] = cosine;
        }
        top[..k].iter().sum::<f32>() / k as f32
    }
}

/// Where the largest of a row of values stand.
///
/// The values are dealt into many small hands. As many hands as are wanted have a highest value at or above the threshold,
/// so at least that many values have; and few more, since a hand seldom holds two of them. Nothing is sorted, and all
/// but the choice among the hands runs in whole registers.
#[derive(Debug, Default)]
struct Largest {
    highest: Vec<i32>,
    hands: Vec<u32>,
    rows: Vec<usize>,
}

impl Largest {
    /// Finds at least `most` rows, or all: every row whose value is among the `most` largest, and some more.
    fn seek(&mut self, values: &[i32], most: usize) {
        Arch::new().dispatch(|| self.seek_in_registers(values, most));
    }

    #[expect(
        clippy::inline_always,
        reason = "what is not inlined is not compiled for the registers"
    )]
    #[inline(always)]
    fn seek_in_registers(&mut self, values: &[i32], most: usize) {
        self.rows.clear();
        let hands = values.len().div_ceil(HAND);
        if hands <= most {
            self.rows.extend(0..values.len());
            return;
        }
        self.highest.clear();
        self.highest.extend_from_slice(&values[..hands]);
        for dealt in values[hands..].chunks(hands) {
            for (highest, &value) in self.highest.iter_mut().zip(dealt) {
                *highest = value.max(*highest);
            }
        }
        let threshold = threshold(&self.highest, most);
        // Written always and counted when wanted: whether a hand or a row is wanted cannot be foreseen.
        self.hands.resize(hands, 0);
        let mut wanted = 0;
        for (hand, &highest) in (0..).zip(&self.highest) {
            self.hands[wanted] = hand;
            wanted += usize::from(highest >= threshold);
        }
        self.rows.resize(wanted * HAND + 1, 0);
        let mut found = 0;
        for &hand in &self.hands[..wanted] {
            for row in (hand as usize..values.len()).step_by(hands) {
                self.rows[found] = row;
                found += usize::from(values[row] >= threshold);
            }
        }
        self.rows.truncate(found);
    }
}

/// A number that at least `most` of the values reach and, unless many are equal, hardly more; found by halves, since counting
/// runs in whole registers and sorting does not.
#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the registers"
)]
#[inline(always)]
fn threshold(values: &[i32], most: usize) -> i32 {
    let reach = |threshold: i32| values.iter().map(|&v| i32::from(v >= threshold)).sum::<i32>();
    let wanted = i32::try_from(most).unwrap_or(i32::MAX);
    let enough = wanted..=wanted.saturating_add(wanted / 8);
    let (mut low, mut high) = values
        .iter()
        .fold((i32::MAX, i32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    // All values reach `low`.
    while low < high {
        // Rounded down before one is added, below zero too: the halves must get smaller.
        let middle = low.saturating_add_unsigned(low.abs_diff(high) / 2) + 1;
        let count = reach(middle);
        if enough.contains(&count) {
            return middle;
        }
        if count < wanted {
            high = middle - 1;
        } else {
            low = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(sample: &[f32], query: &[f32], k: usize) -> f32 {
        let mut out = [f32::NAN];
        NearestSimilarity::new(sample, query.len(), k).query(query, &mut out);
        out[0]
    }

    #[test]
    fn identical_rows_are_left_out_and_the_missing_are_as_far_as_can_be() {
        let sample = [1.0, 0.0, 0.6, 0.8, 0.0, 1.0];
        assert!((nearest(&sample, &[1.0, 0.0], 1) - 0.6).abs() < 1e-4);
        assert!((nearest(&sample, &[1.0, 0.0], 2) - 0.3).abs() < 1e-4);
        assert!((nearest(&sample, &[1.0, 0.0], 3) - (0.6 - 1.0) / 3.0).abs() < 1e-4);
        assert!((nearest(&sample[..2], &[1.0, 0.0], 1) + 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_sample_smaller_than_k_is_averaged_whole() {
        assert!((nearest(&[0.6, 0.8, 0.0, 1.0], &[1.0, 0.0], 5) - 0.3).abs() < 1e-4);
    }

    #[test]
    fn an_empty_sample_is_as_far_as_can_be() {
        let index = NearestSimilarity::new(&[], 2, 5);
        assert!(index.is_empty());
        assert!((nearest(&[], &[1.0, 0.0], 5) + 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn the_largest_are_among_the_found_and_few_others() {
        let values: Vec<i32> = (0..700).map(|i| (i * 7_919) % 700).collect();
        let mut largest = Largest::default();
        largest.seek(&values, 15);
        assert!((15..40).contains(&largest.rows.len()), "{}", largest.rows.len());
        for (row, &value) in values.iter().enumerate() {
            assert!(value < 685 || largest.rows.contains(&row), "{row}");
        }
        largest.seek(&[2, 2, 0], 15);
        assert_eq!(largest.rows, [0, 1, 2]);
        let negative: Vec<i32> = (0..700).map(|i| if i < 90 { -3 + i % 2 } else { -9 }).collect();
        largest.seek(&negative, 15);
        assert!(largest.rows.len() >= 15 && largest.rows.iter().all(|&row| negative[row] >= -3));
        largest.seek(&[1; 300], 15);
        assert_eq!(largest.rows.len(), 300, "equal values are equally near");
    }
}
