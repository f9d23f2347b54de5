//! Laws of the Hadamard transform and of the random features that use it.

use bellwether_stats::{KernelFeatures, OrthogonalFeatures, StructuredFeatures, walsh_hadamard};
use proptest::prelude::*;

fn vectors(dim: usize, n: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-1.0_f32..1.0, dim * n)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Mean of `z(x) · z(y)` over seeds, and the kernel.
fn mean_and_kernel(x: &[f32], features: impl Fn(u64) -> Vec<f32>, bandwidth: f64) -> (f64, f64) {
    let dim = x.len() / 2;
    let seeds = 200;
    let mean = (0..seeds)
        .map(|seed| {
            let z = features(seed);
            let (a, b) = z.split_at(z.len() / 2);
            dot(a, b)
        })
        .sum::<f64>()
        / seeds as f64;
    let (a, b) = x.split_at(dim);
    let squared: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    (mean, (-0.5 * squared / (bandwidth * bandwidth)).exp())
}

proptest! {
    #[test]
    fn the_transform_is_its_own_inverse_and_keeps_lengths(bits in 0_u32..9, seed in any::<u64>()) {
        let n = 1_usize << bits;
        let mut values: Vec<f32> = (0..n as u64).map(|i| (seed.wrapping_mul(2 * i + 1) >> 40) as f32 / 1e7 - 0.8).collect();
        let original = values.clone();
        walsh_hadamard(&mut values);
        let (before, after) = (dot(&original, &original), dot(&values, &values));
        prop_assert!((after - n as f64 * before).abs() <= 1e-5 * after.max(1.0));
        walsh_hadamard(&mut values);
        for (a, b) in values.iter().zip(&original) {
            prop_assert!((a / n as f32 - b).abs() < 1e-5);
        }
    }

    #[test]
    fn the_transform_is_linear(x in vectors(32, 2)) {
        let (a, b) = x.split_at(32);
        let mut sum: Vec<f32> = a.iter().zip(b).map(|(a, b)| a + 2.0 * b).collect();
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        for values in [&mut sum, &mut a, &mut b] {
            walsh_hadamard(values);
        }
        for ((s, a), b) in sum.iter().zip(&a).zip(&b) {
            prop_assert!((s - a - 2.0 * b).abs() < 1e-3);
        }
    }

    #[test]
    fn rows_of_features_have_length_one_whatever_the_width(dim in 1_usize..70, frequencies in 1_usize..150, seed in any::<u64>()) {
        let row: Vec<f32> = (0..dim).map(|i| ((i * 7 + 3) % 11) as f32 / 11.0).collect();
        let z = StructuredFeatures::new(dim, frequencies, 1.0, seed).expect("a width").features(&row).expect("a row");
        prop_assert_eq!(z.len(), 2 * frequencies);
        prop_assert!((dot(&z, &z) - 1.0).abs() < 1e-4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn dense_features_are_unbiased_and_structured_ones_nearly(x in vectors(64, 2)) {
        // Distances of uniform vectors of this width are about 6.5.
        let bandwidth = 6.0;
        let dense = |seed| OrthogonalFeatures::new(64, 16, bandwidth, seed).expect("a width").features(&x).expect("rows");
        let (mean, kernel) = mean_and_kernel(&x, dense, bandwidth);
        // Over 200 seeds of 16 frequencies each, chance leaves some .01 of a number of at most one.
        prop_assert!((mean - kernel).abs() < 0.05, "{} for {}", mean, kernel);
        let structured = |seed| StructuredFeatures::new(64, 16, bandwidth, seed).expect("a width").features(&x).expect("rows");
        let (mean, kernel) = mean_and_kernel(&x, structured, bandwidth);
        // All directions have one length: a bias of the order of one over the width.
        prop_assert!((mean - kernel).abs() < 0.06, "{} for {}", mean, kernel);
    }

    #[test]
    fn one_set_of_features_is_near_the_kernel_at_both_widths(x in vectors(1100, 2)) {
        for dim in [384, 1100] {
            let (a, b) = (&x[..dim], &x[1100..1100 + dim]);
            let rows = [a, b].concat();
            let bandwidth = (2.0 * dim as f64 / 3.0).sqrt();
            let features = KernelFeatures::new(dim, 1024, bandwidth, 5).expect("a width");
            let z = features.features(&rows).expect("rows");
            let (p, q) = z.split_at(features.width());
            let squared: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
            let kernel = (-0.5 * squared / (bandwidth * bandwidth)).exp();
            // The error is at most about one over the root of the frequencies: .03.
            prop_assert!((dot(p, q) - kernel).abs() < 0.12, "{}: {} for {}", dim, dot(p, q), kernel);
        }
    }
}
