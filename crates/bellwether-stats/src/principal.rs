//! The directions in which a sample lies.

use ndarray::{Array2, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rounds of the power iteration: the directions need to hold the sample's bulk, not to be exact.
const ROUNDS: usize = 4;
/// Length below which what is left of a direction after the others are taken out is rounding.
const NEGLIGIBLE: f32 = 1e-5;

/// Orthonormal columns `[dim, at most count]` that hold nearly as much of the rows' squared length as the leading principal
/// directions (about the origin) do: a randomised subspace iteration, `O(rows · dim · count)`. Fewer columns where the rows
/// span less. Deterministic: the start is drawn by `ChaCha8` from a fixed seed.
///
/// Halko, Martinsson and Tropp, "Finding structure with randomness" (2011), algorithm 4.4.
#[must_use]
pub fn principal_directions(rows: &ArrayView2<'_, f32>, count: usize) -> Array2<f32> {
    let (n, dim) = rows.dim();
    let count = count.min(dim).min(n);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut directions = Array2::from_shape_fn((dim, count), |_| rng.random_range(-1.0..1.0_f32));
    for _ in 0..ROUNDS {
        directions = rows.t().dot(&rows.dot(&directions));
        directions = orthonormal(&directions);
    }
    directions
}

/// The columns made orthonormal by Gram and Schmidt's method, twice for single precision; dependent ones left out.
fn orthonormal(columns: &Array2<f32>) -> Array2<f32> {
    let mut kept: Vec<Vec<f32>> = Vec::with_capacity(columns.ncols());
    for column in columns.axis_iter(Axis(1)) {
        let mut column = column.to_vec();
        if scale_to_unit(&mut column) == 0.0 {
            continue;
        }
        let mut left = 1.0;
        for _ in 0..2 {
            for other in &kept {
                let along: f32 = column.iter().zip(other).map(|(a, b)| a * b).sum();
                for (x, o) in column.iter_mut().zip(other) {
                    *x -= along * o;
                }
            }
            left *= scale_to_unit(&mut column);
        }
        if left > NEGLIGIBLE {
            kept.push(column);
        }
    }
    Array2::from_shape_fn((columns.nrows(), kept.len()), |(row, column)| kept[column][row])
}

/// Scales to unit length where there is any; returns the length it had.
fn scale_to_unit(vector: &mut [f32]) -> f32 {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 && length.is_finite() {
        for x in vector {
            *x /= length;
        }
        length
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directions_hold_what_the_rows_hold() {
        // Rows in a plane of five dimensions, with a little beside it.
        let rows = Array2::from_shape_fn((40, 5), |(i, j)| {
            let (a, b) = ((i as f32).sin(), (i as f32 * 1.7).cos());
            [a, b, a - b, 0.5 * a, 2.0 * b][j] + 1e-3 * ((i * 5 + j) as f32 * 2.3).sin()
        });
        let directions = principal_directions(&rows.view(), 2);
        assert_eq!(directions.dim(), (5, 2));
        let gram = directions.t().dot(&directions);
        assert!(
            (gram[[0, 0]] - 1.0).abs() < 1e-5 && gram[[0, 1]].abs() < 1e-5,
            "{gram}"
        );
        let held: f32 = rows.dot(&directions).iter().map(|x| x * x).sum();
        let all: f32 = rows.iter().map(|x| x * x).sum();
        assert!(held / all > 0.999, "{}", held / all);
    }

    #[test]
    fn rows_that_span_less_give_fewer_directions() {
        let line = Array2::from_shape_fn((9, 4), |(i, j)| (i + 1) as f32 * [1.0, 2.0, 0.0, -1.0][j]);
        assert_eq!(principal_directions(&line.view(), 3).dim(), (4, 1));
        assert_eq!(
            principal_directions(&Array2::zeros((3, 4)).view(), 3).dim(),
            (4, 0)
        );
        assert_eq!(
            principal_directions(&Array2::zeros((0, 4)).view(), 3).dim(),
            (4, 0)
        );
    }
}
