//! Unit vectors and their cosines.

use ndarray::ArrayView2;

/// Partial sums of an inner product.
const LANES: usize = 16;

/// Scales rows of `[n, dim]` to unit length in place; rows of length zero stay zero, and shorter than 1e-9, which is
/// rounding, stay short.
///
/// # Panics
/// When `dim` is zero.
pub fn normalise(rows: &mut [f32], dim: usize) {
    for row in rows.chunks_exact_mut(dim) {
        pulp::Arch::new().dispatch(|| {
            let factor = factor(row);
            for x in row {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a component of a unit vector fits f32"
                )]
                {
                    *x = (f64::from(*x) * factor) as f32;
                }
            }
        });
    }
}

/// By what a vector is scaled to unit length.
pub(crate) fn per_length(vector: &[f32]) -> f64 {
    pulp::Arch::new().dispatch(|| factor(vector))
}

#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the registers"
)]
#[inline(always)]
fn factor(row: &[f32]) -> f64 {
    1.0 / squared_length(row).sqrt().max(1e-9)
}

/// In double precision: the rows of an encoder are not bounded.
#[expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the registers"
)]
#[inline(always)]
fn squared_length(row: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().map(|&x| f64::from(x).powi(2)).sum();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(x) * f64::from(x);
        }
    }
    lanes.iter().sum::<f64>() + rest
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

/// Inner product of two vectors of one length, in lanes of a fixed number and order: fast, and the same on every machine.
#[must_use]
pub fn inner_product(a: &[f32], b: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(|| {
        let mut lanes = [0.0_f32; LANES];
        let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
        let rest: f32 = rest.map(|(x, y)| x * y).sum();
        for (x, y) in a_chunks.zip(b_chunks) {
            for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
                *lane += x * y;
            }
        }
        lanes.iter().sum::<f32>() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_products_do_not_lose_the_rest_of_a_row() {
        for n in [0, 1, 15, 16, 17, 40] {
            let a: Vec<f32> = (0..n).map(|i| (i + 1) as f32).collect();
            let want: f32 = a.iter().map(|x| x * 2.0 * x).sum();
            let b: Vec<f32> = a.iter().map(|x| 2.0 * x).collect();
            assert!((inner_product(&a, &b) - want).abs() <= want * 1e-6, "{n}");
        }
    }
}
