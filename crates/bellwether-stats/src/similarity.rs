//! How near is a vector to a reference sample?

use ndarray::{Array2, ArrayView2};

/// Cosines above this are taken for the same text: left out, for the reference and the stream alike, so that a
/// reference's own repeats do not make it look denser than the stream can be.
pub const IDENTICAL_COSINE: f32 = 0.9995;

/// Scales rows of `[n, dim]` to unit length in place; rows of length zero stay zero, and shorter than 1e-9, which is
/// rounding, stay short.
///
/// # Panics
/// When `dim` is zero.
pub fn normalise(rows: &mut [f32], dim: usize) {
    for row in rows.chunks_exact_mut(dim) {
        let norm = row
            .iter()
            .map(|&x| f64::from(x) * f64::from(x))
            .sum::<f64>()
            .sqrt()
            .max(1e-9);
        for x in row {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a component of a unit vector fits f32"
            )]
            {
                *x = (f64::from(*x) / norm) as f32;
            }
        }
    }
}

/// Most neighbours that are averaged.
const MOST: usize = 16;

/// Mean cosine to the `k` nearest of a reference sample; identical vectors do not count.
///
/// Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors" (2022), with a mean in place of the k-th.
#[derive(Debug, Clone)]
pub struct NearestSimilarity {
    /// `[dim, rows]`, unit columns.
    transposed: Array2<f32>,
    k: usize,
}

impl NearestSimilarity {
    /// An index over unit vectors `[rows, dim]`, row-major. `k` is held to `1..=16`, and to `rows`.
    ///
    /// # Panics
    /// When the slice is not a whole number of rows, or `dim` is zero.
    #[must_use]
    pub fn new(unit_rows: &[f32], dim: usize, k: usize) -> Self {
        let rows = unit_rows.len() / dim;
        let view = ArrayView2::from_shape((rows, dim), unit_rows).expect("whole rows are given");
        Self {
            transposed: view.t().as_standard_layout().into_owned(),
            k,
        }
    }

    /// Number of reference vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.transposed.ncols()
    }

    /// True without reference vectors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For unit queries `[n, dim]` writes `out[n]`. O(n · rows · dim) by a blocked matrix product; a row's result does
    /// not depend on the rows beside it, so that batches may be cut anywhere.
    ///
    /// # Panics
    /// When `queries` is not `[out.len(), dim]`.
    pub fn query(&self, queries: &[f32], out: &mut [f32]) {
        let dim = self.transposed.nrows();
        let view = ArrayView2::from_shape((out.len(), dim), queries).expect("queries are [n, dim]");
        let cosines = view.dot(&self.transposed);
        for (row, out) in cosines.rows().into_iter().zip(out) {
            *out = top_mean(row.iter().copied(), self.k, self.len());
        }
    }
}

/// Mean of the `k` largest cosines after leaving out identical ones. A sample smaller than `k` is averaged whole; where
/// leaving out makes it so, the missing count as −1: "as far as can be".
fn top_mean(cosines: impl Iterator<Item = f32>, k: usize, available: usize) -> f32 {
    let k = k.min(MOST).min(available).max(1);
    let mut top = [-1.0_f32; MOST];
    for cosine in cosines {
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

/// All cosines of unit rows `[n, dim]` with each other: `[n, n]`, row-major.
///
/// # Panics
/// When the slice is not a whole number of rows.
#[must_use]
pub fn pairwise_cosines(unit_rows: &[f32], dim: usize) -> Vec<f32> {
    let rows = unit_rows.len() / dim;
    let view = ArrayView2::from_shape((rows, dim), unit_rows).expect("whole rows are given");
    view.dot(&view.t()).into_raw_vec_and_offset().0
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
        assert!((nearest(&sample, &[1.0, 0.0], 1) - 0.6).abs() < 1e-6);
        assert!((nearest(&sample, &[1.0, 0.0], 2) - 0.3).abs() < 1e-6);
        assert!((nearest(&sample, &[1.0, 0.0], 3) - (0.6 - 1.0) / 3.0).abs() < 1e-6);
        assert!((nearest(&sample[..2], &[1.0, 0.0], 1) + 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_sample_smaller_than_k_is_averaged_whole() {
        assert!((nearest(&[0.6, 0.8, 0.0, 1.0], &[1.0, 0.0], 5) - 0.3).abs() < 1e-6);
    }

    #[test]
    fn an_empty_sample_is_as_far_as_can_be() {
        let index = NearestSimilarity::new(&[], 2, 5);
        assert!(index.is_empty());
        assert!((nearest(&[], &[1.0, 0.0], 5) + 1.0).abs() < f32::EPSILON);
    }
}
