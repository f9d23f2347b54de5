//! Unit rows and nearest similarities.

use bellwether_stats::{IDENTICAL_COSINE, NearestSimilarity, mean_residual, normalise, squared_mean_shift};
use proptest::collection::vec;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn unit_rows(rng: &mut ChaCha8Rng, rows: usize, dim: usize) -> Vec<f32> {
    let mut values: Vec<f32> = (0..rows * dim).map(|_| rng.random_range(-1.0..1.0)).collect();
    normalise(&mut values, dim);
    values
}

fn query(index: &NearestSimilarity, queries: &[f32], dim: usize) -> Vec<u32> {
    let mut out = vec![f32::NAN; queries.len() / dim];
    index.query(queries, &mut out);
    out.into_iter().map(f32::to_bits).collect()
}

/// Small widths with every remainder of a vector register, and the widths of real encoders.
fn dims() -> impl Strategy<Value = usize> {
    prop_oneof![1..40_usize, Just(384), Just(768)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn normalise_gives_unit_rows(rows in vec(vec(-1e6..1e6_f32, 7), 1..20), scale in 1e-6..1.0_f32) {
        let mut values: Vec<f32> = rows.concat().iter().map(|x| x * scale).collect();
        values.extend([0.0; 7]);
        normalise(&mut values, 7);
        let (last, rest) = values.split_at(values.len() - 7);
        prop_assert!(rest.iter().all(|&x| x == 0.0), "a row of zeros stays");
        for row in last.chunks(7) {
            let norm: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
            // Seven components, each rounded to float32.
            prop_assert!((norm - 1.0).abs() < 1e-6 || norm == 0.0, "{}", norm);
        }
    }

    #[test]
    fn a_query_does_not_depend_on_the_rows_beside_it(
        seed in any::<u64>(),
        dim in dims(),
        sample in 1..90_usize,
        n in 1..70_usize,
        cuts in vec(1..30_usize, 1..8),
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let index = NearestSimilarity::new(&unit_rows(&mut rng, sample, dim), dim, 5);
        let queries = unit_rows(&mut rng, n, dim);
        let whole = query(&index, &queries, dim);

        let mut cut = Vec::new();
        let mut rest = queries.as_slice();
        for &rows in cuts.iter().cycle() {
            let (head, tail) = rest.split_at((rows * dim).min(rest.len()));
            cut.extend(query(&index, head, dim));
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&cut, &whole, "cut into batches of {:?}", cuts);

        let reversed: Vec<f32> = queries.chunks(dim).rev().flatten().copied().collect();
        let mut turned = query(&index, &reversed, dim);
        turned.reverse();
        prop_assert_eq!(&turned, &whole, "in reverse order");
    }

    #[test]
    fn similarity_is_a_cosine_that_leaves_identical_rows_out(
        seed in any::<u64>(), dim in 2..40_usize, sample in 2..50_usize, k in 1..20_usize,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rows = unit_rows(&mut rng, sample, dim);
        let index = NearestSimilarity::new(&rows, dim, k);
        prop_assert_eq!(index.len(), sample);
        let mut out = vec![f32::NAN; sample];
        index.query(&rows, &mut out);
        prop_assert!(out.iter().all(|s| (-1.001..=IDENTICAL_COSINE).contains(s)), "{:?}", out);
    }

    #[test]
    fn a_search_in_few_directions_never_finds_more_than_there_is_and_nearly_all(
        seed in any::<u64>(), dim in prop_oneof![Just(100_usize), Just(384)], sample in 129..600_usize,
    ) {
        // Rows about a few dozen topics, as sentence embeddings are.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let topics = unit_rows(&mut rng, 40, dim);
        let mut scattered = |n: usize| -> Vec<f32> {
            let noise = unit_rows(&mut rng, n, dim);
            let mut rows: Vec<f32> = noise
                .chunks(dim)
                .enumerate()
                .flat_map(|(i, noise)| {
                    let topic = &topics[i % 40 * dim..][..dim];
                    noise.iter().zip(topic).map(|(e, t)| t + 0.7 * e)
                })
                .collect();
            normalise(&mut rows, dim);
            rows
        };
        let (rows, queries) = (scattered(sample), scattered(50));
        let (mut got, mut full) = (vec![f32::NAN; 50], vec![f32::NAN; 50]);
        let index = NearestSimilarity::new(&rows, dim, 5);
        index.query(&queries, &mut got);
        index.query_fully(&queries, &mut full);
        let mut lost = 0.0;
        for (query, (got, full)) in queries.chunks(dim).zip(got.into_iter().zip(full)) {
            let mut cosines: Vec<f32> = rows
                .chunks(dim)
                .map(|row| row.iter().zip(query).map(|(a, b)| a * b).sum())
                .collect();
            cosines.sort_by(|a, b| b.total_cmp(a));
            let want = cosines[..5].iter().sum::<f32>() / 5.0;
            prop_assert!((full - want).abs() < 2e-4, "{} {}", full, want);
            prop_assert!(got <= want + 2e-4, "{} {}", got, want);
            lost += (want - got) / 50.0;
        }
        prop_assert!(lost < 0.01, "{}", lost);
    }

    #[test]
    fn squared_mean_shift_does_not_depend_on_row_order_and_adds_the_shift(
        seed in any::<u64>(), n in 2..40_usize, dim in 1..20_usize,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rows = unit_rows(&mut rng, n, dim);
        let mut scratch = Vec::new();
        let shift = squared_mean_shift(rows.chunks(dim), &mut scratch);
        let turned = squared_mean_shift(rows.chunks(dim).rev(), &mut scratch);
        prop_assert!((shift - turned).abs() < 1e-9);
        // |mean|² is biased upwards by the mean squared distance from the mean, over n − 1 after correction.
        let mut mean = vec![0.0; dim];
        mean_residual(rows.chunks(dim), &mut mean);
        let squared: f64 = mean.iter().map(|m| m * m).sum();
        prop_assert!(shift <= squared + 1e-9);
        let n = n as f64;
        // Rows of length one: Σ|r|² = n.
        prop_assert!((shift - (n * squared - 1.0) / (n - 1.0)).abs() < 1e-5 || dim == 1);
    }
}
