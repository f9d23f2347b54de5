//! Distances, ranks and similarities against numpy and scipy.

use crate::{assert_close, cases, cases_of_kind, integer, number, numbers, singles};
use bellwether_stats::{
    ConformalScale, NearestSimilarity, mean_residual, normalise, pairwise_cosines, squared_mean_shift,
    total_variation, total_variation_noise,
};

/// Closed forms on at most some hundred numbers: the order of a sum is all that differs.
const CLOSED_FORM: f64 = 1e-12;
const DISTANCES: &str = include_str!("distances.json");

#[test]
fn total_variation_is_half_the_city_block_distance() {
    for case in cases_of_kind(DISTANCES, "total_variation") {
        let got = total_variation(&numbers(&case["p"]), &numbers(&case["q"]));
        assert_close(got, number(&case["expected"]), CLOSED_FORM, &case);
    }
}

#[test]
fn total_variation_noise_is_an_upper_estimate_of_the_exact_expectation() {
    for case in cases_of_kind(DISTANCES, "total_variation_noise") {
        let categories = integer(&case["categories"]);
        let ratio = total_variation_noise(categories, number(&case["n"])) / number(&case["expected"]);
        // The normal approximation drops a factor √(1 − 1/k): 1.41 at two categories, and 1 % at many. The
        // approximation itself is good to 2 % from ten draws a category on.
        let dropped = (categories as f64 / (categories as f64 - 1.0)).sqrt();
        assert!(ratio >= 0.98, "{ratio} in {case}");
        assert!((ratio / dropped - 1.0).abs() < 0.02, "{ratio} in {case}");
    }
}

#[test]
fn conformal_p_values_and_ranks_equal_counting() {
    for case in cases_of_kind(DISTANCES, "conformal") {
        let scale = ConformalScale::new(numbers(&case["scores"])).unwrap();
        let expected = numbers(&case["p_value"]).into_iter().zip(numbers(&case["rank"]));
        for (at, (p, rank)) in numbers(&case["at"]).into_iter().zip(expected) {
            assert_close(scale.p_value(at), p, CLOSED_FORM, &at);
            assert_close(scale.rank(at), rank, CLOSED_FORM, &at);
        }
    }
}

#[test]
fn squared_mean_shift_is_the_u_statistic_of_a_linear_kernel() {
    for case in cases_of_kind(DISTANCES, "squared_mean_shift") {
        let (dim, rows) = (integer(&case["dim"]), singles(&case["rows"]));
        let got = squared_mean_shift(rows.chunks(dim), &mut Vec::new());
        assert_close(got, number(&case["expected"]), CLOSED_FORM, &case);
        let mut mean = vec![f64::NAN; dim];
        assert_eq!(mean_residual(rows.chunks(dim), &mut mean), rows.len() / dim);
        for (got, want) in mean.iter().zip(numbers(&case["mean"])) {
            assert_close(*got, want, CLOSED_FORM, &case);
        }
    }
}

#[test]
fn nearest_similarity_equals_brute_force() {
    for case in cases(include_str!("similarity.json")) {
        let dim = integer(&case["dim"]);
        let (mut sample, mut queries) = (singles(&case["sample"]), singles(&case["queries"]));
        normalise(&mut sample, dim);
        normalise(&mut queries, dim);
        let index = NearestSimilarity::new(&sample, dim, integer(&case["k"]));
        let mut got = vec![f32::NAN; queries.len() / dim];
        index.query(&queries, &mut got);
        for (i, (got, want)) in got.iter().zip(numbers(&case["expected"])).enumerate() {
            // Sample and query are kept in steps of some thousandth of their largest component.
            assert_close(f64::from(*got), want, 3e-4, &format!("query {i}"));
        }
        let n = queries.len() / dim;
        for (i, cosines) in pairwise_cosines(&queries, dim).chunks(n).enumerate() {
            for (j, &cosine) in cosines.iter().enumerate() {
                let (a, b) = (&queries[i * dim..][..dim], &queries[j * dim..][..dim]);
                let want: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
                assert_close(f64::from(cosine), want, 1e-6, &format!("cosine {i}, {j}"));
            }
        }
    }
}
