//! Metrics, calibration and intervals.

use bellwether_stats::{
    Confusion, Interval95, Isotonic, LogisticModel, SpanCounts, Standardiser, TagScheme, accuracy, macro_f1,
    mean_interval, poisson_binomial_interval, span_counts, span_f1_interval, wilson_interval,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Pairs of truth and prediction over up to six classes, some outside them.
fn outcomes() -> impl Strategy<Value = Vec<(Option<usize>, Option<usize>)>> {
    vec(
        (proptest::option::of(0..6_usize), proptest::option::of(0..6_usize)),
        1..80,
    )
}

fn table(classes: usize, outcomes: &[(Option<usize>, Option<usize>)]) -> Confusion {
    let mut table = Confusion::new(classes);
    for &(truth, predicted) in outcomes {
        table.add(truth, predicted);
    }
    table
}

fn scheme() -> TagScheme {
    let labels = [
        "O", "B-a", "I-a", "B-b", "I-b", "E-a", "S-a", "E-b", "S-b", "other",
    ];
    TagScheme::new(&labels.map(str::to_owned))
}

/// Tags of a sentence, some of them unknown to the scheme.
fn tags() -> impl Strategy<Value = Vec<u16>> {
    vec(0..12_u16, 0..25)
}

fn contains(interval: Interval95, x: f64) -> bool {
    interval.low <= x && x <= interval.high
}

fn width(interval: Interval95) -> f64 {
    interval.high - interval.low
}

proptest! {
    #[test]
    fn metrics_lie_in_the_unit_interval(outcomes in outcomes()) {
        let table = table(6, &outcomes);
        prop_assert!((0.0..=1.0).contains(&accuracy(&table)));
        prop_assert!((0.0..=1.0).contains(&macro_f1(&table)));
    }

    #[test]
    fn renaming_the_classes_changes_neither_accuracy_nor_macro_f1(
        outcomes in outcomes(),
        names in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let renamed: Vec<_> = outcomes.iter().map(|(t, p)| (t.map(|t| names[t]), p.map(|p| names[p]))).collect();
        let (before, after) = (table(6, &outcomes), table(6, &renamed));
        // The classes are summed in another order.
        prop_assert!((macro_f1(&before) - macro_f1(&after)).abs() < 1e-12);
        prop_assert!((accuracy(&before) - accuracy(&after)).abs() < f64::EPSILON);
    }

    #[test]
    fn classes_that_never_occur_change_nothing(outcomes in outcomes(), more in 0..5_usize) {
        let (narrow, wide) = (table(6, &outcomes), table(6 + more, &outcomes));
        prop_assert!((macro_f1(&narrow) - macro_f1(&wide)).abs() < 1e-12);
    }

    #[test]
    fn span_hits_are_at_most_the_smaller_side_and_the_sides_swap(predicted in tags(), truth in tags()) {
        let counts = span_counts(&scheme(), &predicted, &truth);
        prop_assert!(counts.hits <= counts.predicted.min(counts.truth));
        let swapped = span_counts(&scheme(), &truth, &predicted);
        prop_assert_eq!(
            (swapped.hits, swapped.predicted, swapped.truth),
            (counts.hits, counts.truth, counts.predicted)
        );
    }

    #[test]
    fn equal_sequences_have_f1_one(tags in tags()) {
        let counts = span_counts(&scheme(), &tags, &tags);
        prop_assert_eq!((counts.hits, counts.predicted), (counts.truth, counts.truth));
        // Without spans there is no answer.
        let right = if counts.truth == 0 { counts.f1().is_nan() } else { (counts.f1() - 1.0).abs() < f64::EPSILON };
        prop_assert!(right);
    }

    #[test]
    fn spans_of_sentences_add_up_over_an_outside_token(a in tags(), b in tags(), c in tags(), d in tags()) {
        // Both sides cut at the same place, hence equal lengths.
        let (n, m) = (a.len().min(b.len()), c.len().min(d.len()));
        let (a, b, c, d) = (&a[..n], &b[..n], &c[..m], &d[..m]);
        let together = span_counts(&scheme(), &[a, &[0], c].concat(), &[b, &[0], d].concat());
        prop_assert_eq!(together, span_counts(&scheme(), a, b).merge(span_counts(&scheme(), c, d)));
    }

    #[test]
    fn isotonic_is_non_decreasing_and_within_the_range_of_y(
        points in vec((-1e3..1e3_f64, -1e3..1e3_f64), 1..40),
        coarse in any::<bool>(),
        mut at in vec(-2e3..2e3_f64, 2..60),
    ) {
        let x: Vec<f64> = points.iter().map(|p| if coarse { (p.0 / 100.0).round() } else { p.0 }).collect();
        let y: Vec<f64> = points.iter().map(|p| p.1).collect();
        let model = Isotonic::fit(&x, &y).unwrap();
        at.extend(&x);
        at.sort_by(f64::total_cmp);
        let fitted: Vec<f64> = at.iter().map(|&x| model.predict(x)).collect();
        prop_assert!(fitted.is_sorted(), "{:?}", fitted);
        let low = y.iter().copied().fold(f64::INFINITY, f64::min);
        let high = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A block's mean is rounded once a value.
        prop_assert!(fitted.iter().all(|f| (low - 1e-9..=high + 1e-9).contains(f)));
    }

    #[test]
    fn isotonic_of_outcomes_is_a_probability(points in vec((0.0..1.0_f64, any::<bool>()), 1..60), at in vec(-0.5..1.5_f64, 60)) {
        let x: Vec<f64> = points.iter().map(|p| p.0).collect();
        let y: Vec<f64> = points.iter().map(|p| f64::from(u8::from(p.1))).collect();
        let model = Isotonic::fit(&x, &y).unwrap();
        prop_assert!(at.iter().chain(&x).all(|&x| (0.0..=1.0).contains(&model.predict(x))));
    }

    #[test]
    fn wilson_contains_the_share_and_shrinks(n in 1..5000_u32, share in 0.0..=1.0_f64) {
        let n = f64::from(n);
        let successes = (share * n).round();
        let interval = wilson_interval(successes, n);
        prop_assert!(contains(interval, successes / n), "{:?} {}", interval, successes / n);
        prop_assert!((0.0..=1.0).contains(&interval.low) && (0.0..=1.0).contains(&interval.high));
        prop_assert!(width(wilson_interval(2.0 * successes, 2.0 * n)) < width(interval));
    }

    #[test]
    fn mean_interval_contains_the_mean_and_shrinks(values in vec(-1e3..1e3_f64, 2..50)) {
        let interval = mean_interval(&values).unwrap();
        prop_assert!(contains(interval, values.iter().sum::<f64>() / values.len() as f64));
        let twice = mean_interval(&[values.clone(), values.clone()].concat()).unwrap();
        prop_assert!(width(twice) <= width(interval));
    }

    #[test]
    fn poisson_binomial_interval_contains_the_mean_and_shrinks(p in vec(0.0..=1.0_f64, 1..50)) {
        let interval = poisson_binomial_interval(&p);
        prop_assert!(contains(interval, p.iter().sum::<f64>() / p.len() as f64));
        prop_assert!(width(poisson_binomial_interval(&[p.clone(), p.clone()].concat())) <= width(interval) + 1e-12);
    }

    #[test]
    fn span_f1_interval_contains_the_f1_and_shrinks(
        sentences in vec((0..4_u32, 0..4_u32, 0..4_u32), 2..40)
    ) {
        let counts: Vec<SpanCounts> = sentences
            .iter()
            .map(|&(hits, p, t)| SpanCounts { hits, predicted: hits + p, truth: hits + t })
            .collect();
        let total = counts.iter().fold(SpanCounts::default(), |a, &b| a.merge(b));
        let interval = span_f1_interval(&counts);
        prop_assert!((0.0..=1.0).contains(&interval.low) && interval.low <= interval.high && interval.high <= 1.0);
        if total.predicted + total.truth == 0 {
            prop_assert!(contains(interval, 0.0) && contains(interval, 1.0), "nothing is known");
        } else {
            prop_assert!(contains(interval, total.f1()));
            let eightfold: Vec<SpanCounts> = counts.iter().cycle().take(8 * counts.len()).copied().collect();
            // A sentence that holds all spans makes the small sample's own width too large or too small by up to that
            // sentence; eight copies outweigh it.
            prop_assert!(width(span_f1_interval(&eightfold)) <= width(interval).max(0.75));
        }
    }

    #[test]
    fn logistic_weights_are_finite_and_their_gradient_vanishes(
        points in vec((vec(-5.0..5.0_f64, 3), any::<bool>()), 1..40),
        offset in -20.0..20.0_f64,
    ) {
        let rows: Vec<Vec<f64>> = points.iter().map(|p| vec![1.0, p.0[0] + offset, p.0[1], 10.0 * p.0[2]]).collect();
        let positive: Vec<bool> = points.iter().map(|p| p.1).collect();
        let model = LogisticModel::fit(&rows, &positive).unwrap();
        let positives = positive.iter().filter(|&&p| p).count() as f64;
        let n = rows.len() as f64;
        if positives > 0.0 && positives < n {
            for j in 0..4 {
                let data: f64 = rows.iter().zip(&positive).map(|(row, &y)| {
                    let weight = if y { n / (2.0 * positives) } else { n / (2.0 * (n - positives)) };
                    let p = 1.0 / (1.0 + (-model.log_odds(row)).exp());
                    weight * (f64::from(u8::from(y)) - p) * row[j]
                }).sum();
                let gradient = if j == 0 { data } else { data - model.weights[j] };
                // Features up to 50, and as many rows: a relative 1e-9 of the sum's largest terms.
                prop_assert!(gradient.abs() < 1e-5, "feature {}: {}", j, gradient);
            }
        } else {
            prop_assert!(model.weights.iter().all(|&w| w == 0.0));
        }
    }

    #[test]
    fn standardised_features_have_mean_zero_and_variance_one(rows in vec(vec(-1e3..1e3_f64, 3), 2..40)) {
        let rows: Vec<Vec<f64>> = rows.into_iter().map(|r| [r, vec![7.0]].concat()).collect();
        let standardiser = Standardiser::fit(&rows).unwrap();
        let mut out = Vec::new();
        for row in &rows {
            standardiser.apply(row, &mut out);
        }
        for j in 0..4 {
            let column: Vec<f64> = out.iter().skip(j).step_by(4).copied().collect();
            let n = column.len() as f64;
            prop_assert!((column.iter().sum::<f64>() / n).abs() < 1e-6);
            let variance = column.iter().map(|x| x * x).sum::<f64>() / n;
            // A constant feature becomes zero.
            let want = if j == 3 { 0.0 } else { 1.0 };
            prop_assert!((variance - want).abs() < 1e-6);
        }
    }
}
