//! Laws of distances between samples.

use bellwether_stats::{
    Estimator, Mahalanobis, OrthogonalFeatures, median_distance, squared_energy_distance, squared_mmd,
};
use proptest::collection::vec;
use proptest::prelude::*;

const DIM: usize = 3;

fn sample() -> impl Strategy<Value = Vec<f32>> {
    vec(vec(-4.0..4.0_f32, DIM), 2..25).prop_map(|rows| rows.concat())
}

fn both(x: &[f32], y: &[f32], estimator: Estimator) -> [f64; 2] {
    [
        squared_energy_distance(x, y, DIM, estimator).expect("the rows are valid"),
        squared_mmd(x, y, DIM, 1.5, estimator).expect("the rows are valid"),
    ]
}

proptest! {
    #[test]
    fn distances_are_symmetric_zero_on_equal_samples_and_not_negative(x in sample(), y in sample()) {
        for estimator in [Estimator::Biased, Estimator::Unbiased] {
            for (a, b) in both(&x, &y, estimator).into_iter().zip(both(&y, &x, estimator)) {
                prop_assert!((a - b).abs() < 1e-12, "{a} and {b}");
            }
        }
        prop_assert!(both(&x, &x, Estimator::Biased).iter().all(|d| d.abs() < 1e-12));
        prop_assert!(both(&x, &y, Estimator::Biased).iter().all(|d| *d > -1e-12));
        prop_assert!(both(&x, &x, Estimator::Unbiased).iter().all(|d| *d < 1e-12), "diagonals left out");
    }

    #[test]
    fn row_order_does_not_matter_and_shifts_cancel(x in sample(), y in sample(), shift in -8..8_i32) {
        let turned: Vec<f32> = x.chunks(DIM).rev().flatten().copied().collect();
        for (a, b) in both(&x, &y, Estimator::Unbiased).into_iter().zip(both(&turned, &y, Estimator::Unbiased)) {
            prop_assert!((a - b).abs() < 1e-12);
        }
        let moved = |rows: &[f32]| -> Vec<f32> { rows.iter().map(|v| v + 0.5 * shift as f32).collect() };
        let after = both(&moved(&x), &moved(&y), Estimator::Unbiased);
        for (a, b) in both(&x, &y, Estimator::Unbiased).into_iter().zip(after) {
            // The shift rounds float32 by up to 5e-7.
            prop_assert!((a - b).abs() < 1e-5, "{a} and {b}");
        }
    }

    #[test]
    fn feature_means_of_cut_and_whole_samples_agree(x in sample(), y in sample(), seed in any::<u64>()) {
        let features = OrthogonalFeatures::new(DIM, 50, 1.5, seed).unwrap();
        let (a, b) = (features.mean(&x).unwrap(), features.mean(&y).unwrap());
        prop_assert_eq!(a.rows() * DIM, x.len());
        let turned: Vec<f32> = x.chunks(DIM).rev().flatten().copied().collect();
        let (there, back) = (a.squared_mmd(&b).unwrap(), b.squared_mmd(&a).unwrap());
        let again = features.mean(&turned).unwrap().squared_mmd(&b).unwrap();
        prop_assert!((there - back).abs() < 1e-12 && (there - again).abs() < 1e-12);
        // The kernel of 50 frequencies is within (−1, 1], so MMD² is bounded whatever the seed.
        prop_assert!((-4.0..=4.0).contains(&there));
    }

    #[test]
    fn the_median_distance_scales_with_the_rows(x in sample()) {
        let double: Vec<f32> = x.iter().map(|v| 2.0 * v).collect();
        let (one, two) = (median_distance(&x, DIM).unwrap(), median_distance(&double, DIM).unwrap());
        prop_assert!(one >= 0.0 && (two - 2.0 * one).abs() < 1e-12);
    }

    #[test]
    fn mahalanobis_does_not_feel_scale_and_shift(x in sample(), at in vec(-4.0..4.0_f32, DIM)) {
        prop_assume!(x.len() >= 5 * DIM);
        let map = |rows: &[f32]| -> Vec<f32> { rows.iter().map(|v| 4.0 * v).collect() };
        let fit = Mahalanobis::fit(&x, DIM).unwrap();
        let scaled = Mahalanobis::fit(&map(&x), DIM).unwrap();
        prop_assert!((0.0..=1.0).contains(&fit.shrinkage()));
        prop_assert!((fit.shrinkage() - scaled.shrinkage()).abs() < 1e-9);
        let (a, b) = (fit.squared_distances(&at).unwrap()[0], scaled.squared_distances(&map(&at)).unwrap()[0]);
        prop_assert!((a - b).abs() < 1e-6 * a.max(1.0), "{a} and {b}");
    }
}
