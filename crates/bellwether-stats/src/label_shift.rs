//! Have the proportions of the true classes changed, when only predictions are seen?

use crate::cholesky::Cholesky;
use crate::classification::Confusion;
use crate::error::{Error, all_finite};
use crate::weights::same_length;
use ndarray::Array2;

/// Ratios of each true class's share now to its share in the reference, from the reference's confusion table and
/// the counts `[classes]` of predicted classes now. Each is at least zero; one for a class that the reference does
/// not show.
///
/// With `C[j, c]` the joint share of prediction `j` and truth `c` in the reference and `μ[j]` the share of
/// prediction `j` now, label shift implies `C w = μ`. Solved for `θ = w − 1` by least squares with the penalty
/// `ridge · |θ|²`, so that classes the head cannot tell apart stay together at one: `ridge` 0 is BBSE itself, which
/// needs an invertible table; about `1 / √n` for n predictions is the scale of the noise in `μ`. Negative ratios
/// become zero. Outcomes outside the label set take no part. O(classes³).
///
/// Lipton, Wang and Smola, "Detecting and correcting for label shift with black box predictors" (2018), section 4;
/// Azizzadenesheli, Liu, Yang and Anandkumar, "Regularized learning for domain adaptation under label shifts"
/// (2019), with the norm squared.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] without classes, outcomes or predictions, [`Error::NonFinite`],
/// [`Error::OutOfRange`] for a negative count, [`Error::Parameter`] for a negative ridge, and
/// [`Error::NotPositiveDefinite`] when the ridge is zero and the table is singular.
pub fn label_shift_ratios(
    reference: &Confusion,
    predicted_now: &[f64],
    ridge: f64,
) -> Result<Vec<f64>, Error> {
    let k = reference.classes();
    same_length(k, predicted_now.len())?;
    all_finite(predicted_now)?;
    if let Some(index) = predicted_now.iter().position(|&c| c < 0.0) {
        return Err(Error::OutOfRange { index });
    }
    if !(ridge >= 0.0 && ridge.is_finite()) {
        return Err(Error::Parameter {
            name: "ridge",
            value: ridge,
        });
    }
    let now: f64 = predicted_now.iter().sum();
    let cells = (0..k).flat_map(|t| (0..k).map(move |j| reference.get(t, j)));
    let total: f64 = cells.sum();
    if now <= 0.0 || total <= 0.0 {
        return Err(Error::TooFew { have: 0, need: 1 });
    }
    let joint = Array2::from_shape_fn((k, k), |(j, c)| reference.get(c, j) / total);
    let truths: Vec<f64> = (0..k).map(|c| joint.column(c).sum()).collect();
    let moved: Vec<f64> = (0..k)
        .map(|j| predicted_now[j] / now - joint.row(j).sum())
        .collect();
    let mut normal = joint.t().dot(&joint);
    for c in 0..k {
        normal[[c, c]] += ridge;
        // A class without truths has no column: any pivot leaves its θ at zero.
        if truths[c] <= 0.0 {
            normal[[c, c]] += 1.0;
        }
    }
    let mut theta: Vec<f64> = (0..k)
        .map(|c| (0..k).map(|j| joint[[j, c]] * moved[j]).sum())
        .collect();
    Cholesky::new(&normal.view())?.solve(&mut theta);
    Ok(theta.into_iter().map(|t| (1.0 + t).max(0.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cells: &[[u32; 3]; 3]) -> Confusion {
        let mut table = Confusion::new(3);
        for (t, row) in cells.iter().enumerate() {
            for (p, &count) in row.iter().enumerate() {
                table.add_weighted(Some(t), Some(p), f64::from(count)).unwrap();
            }
        }
        table
    }

    #[test]
    fn shifted_shares_are_recovered_from_predictions() {
        let reference = table(&[[40, 5, 5], [3, 25, 2], [2, 2, 16]]);
        let ratios = [0.5, 1.0, 2.25];
        // What is predicted when truths come in those ratios.
        let now: Vec<f64> = (0..3)
            .map(|j| (0..3).map(|t| reference.cell(t, j) * ratios[t]).sum())
            .collect();
        let got = label_shift_ratios(&reference, &now, 0.0).unwrap();
        assert!(
            got.iter().zip(ratios).all(|(a, b)| (a - b).abs() < 1e-10),
            "{got:?}"
        );
        let held = label_shift_ratios(&reference, &now, 1e3).unwrap();
        assert!(held.iter().all(|w| (w - 1.0).abs() < 1e-2), "{held:?}");
    }

    #[test]
    fn a_singular_table_needs_a_ridge() {
        let reference = table(&[[10, 10, 0], [10, 10, 0], [0, 0, 20]]);
        let now = [20.0, 20.0, 40.0];
        assert_eq!(
            label_shift_ratios(&reference, &now, 0.0),
            Err(Error::NotPositiveDefinite)
        );
        let got = label_shift_ratios(&reference, &now, 0.01).unwrap();
        assert!(
            (got[0] - got[1]).abs() < 1e-9 && got[2] > 1.0 && got[0] < 1.0,
            "{got:?}"
        );
    }

    #[test]
    fn a_class_that_the_reference_lacks_keeps_ratio_one() {
        let reference = table(&[[20, 5, 0], [5, 20, 0], [0, 0, 0]]);
        let got = label_shift_ratios(&reference, &[30.0, 20.0, 1.0], 0.0).unwrap();
        assert!((got[2] - 1.0).abs() < 1e-12);
    }
}
