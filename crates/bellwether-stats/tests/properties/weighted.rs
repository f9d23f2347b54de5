//! Laws of weights: order does not matter, equal weights are none, a row twice is a weight of two.

use bellwether_stats::{
    BinaryScores, Binning, ClassMetric, ClassProbabilities, Confusion, Measured, PredictedNumbers,
    SpanCounts, TemperatureScaling, ThresholdedConfidence, TokenCounts, Unlabelled, Weights, class_measures,
    most_likely, span_quality, stratified_weights, token_accuracy,
};
use proptest::collection::vec;
use proptest::prelude::*;

const CLASSES: usize = 3;

/// One observation with everything a metric may ask of it.
#[derive(Debug, Clone)]
struct Row {
    probabilities: Vec<f64>,
    truth: usize,
    score: f64,
    number: f64,
    hit: bool,
    weight: f64,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        vec(0.01..1.0_f64, CLASSES),
        0..CLASSES,
        // Few values, so that scores tie.
        (0..8_i32, any::<bool>()),
        -5.0..5.0_f64,
        0.1..4.0_f64,
    )
        .prop_map(|(raw, truth, (score, hit), number, weight)| {
            let sum: f64 = raw.iter().sum();
            Row {
                probabilities: raw.iter().map(|p| p / sum).collect(),
                truth,
                score: f64::from(score),
                number,
                hit,
                weight,
            }
        });
    vec(row, 4..40)
}

fn column<T>(rows: &[Row], of: impl Fn(&Row) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// Every metric that is defined for the rows, with its name.
fn measure(rows: &[Row], weighted: bool) -> Vec<(String, Measured)> {
    let w = column(rows, |r| r.weight);
    let weights = if weighted {
        Weights::Each(&w)
    } else {
        Weights::Equal
    };
    let probabilities = column(rows, |r| r.probabilities.clone()).concat();
    let (truth, hit) = (column(rows, |r| r.truth), column(rows, |r| r.hit));
    let (score, number) = (column(rows, |r| r.score), column(rows, |r| r.number));
    let mut out: Vec<(String, Measured)> = Vec::new();
    let mut push = |name: &str, measured: Measured| out.push((name.to_owned(), measured));

    let classes =
        ClassProbabilities::new(&probabilities, CLASSES, &truth, weights).expect("the rows are valid");
    push("log-loss", classes.log_loss());
    push("brier", classes.brier());
    for binning in [Binning::CUSTOMARY, Binning::EqualMass(5)] {
        push(
            &format!("{binning:?}"),
            classes.reliability(binning).expect("the rows are valid").ece,
        );
    }
    if let (Ok(auroc), Ok(precision)) = (classes.auroc(), classes.average_precision()) {
        push("AUROC of classes", auroc);
        push("average precision of classes", precision);
    }
    let table = classes.confusion();
    let predicted = column(rows, |r| most_likely(&r.probabilities).0);
    let unlabelled =
        Unlabelled::new(&probabilities, CLASSES, &predicted, weights).expect("the rows are valid");
    for metric in ClassMetric::ALL {
        push(
            &format!("{metric:?}"),
            metric.measure(&table).expect("the rows are valid"),
        );
        push(&format!("expected {metric:?}"), unlabelled.expect(metric));
    }
    for (class, measures) in class_measures(&table).into_iter().enumerate() {
        for (name, measured) in [
            ("precision", measures.precision),
            ("recall", measures.recall),
            ("F1", measures.f1),
        ] {
            if let Some(measured) = measured {
                push(&format!("{name} of class {class}"), measured);
            }
        }
    }
    if let Ok(binary) = BinaryScores::new(&score, &hit, weights) {
        push("AUROC", binary.auroc());
        push("average precision", binary.average_precision());
    }
    let pairs = PredictedNumbers::new(&score, &number, weights).expect("the rows are valid");
    push("MAE", pairs.mean_absolute_error());
    push("RMSE", pairs.root_mean_squared_error());
    push("pinball", pairs.pinball_loss(0.8).expect("the rows are valid"));
    for (name, correlation) in [
        ("R²", pairs.r_squared()),
        ("Pearson", pairs.pearson()),
        ("Spearman", pairs.spearman()),
    ] {
        if let Ok(correlation) = correlation {
            push(name, correlation);
        }
    }
    let sentences = column(rows, |r| {
        let hits = u32::from(r.hit);
        SpanCounts {
            hits,
            predicted: hits + u32::from(r.truth > 0),
            truth: 1,
        }
    });
    let tokens = column(rows, |r| TokenCounts {
        right: u32::from(r.hit),
        tokens: 2,
    });
    push(
        "token accuracy",
        token_accuracy(&tokens, weights).expect("the rows are valid"),
    );
    let spans = span_quality(&sentences, weights).expect("the rows are valid");
    push("span recall", spans.recall.expect("the rows are valid"));
    push("span F1", spans.f1.expect("the rows are valid"));
    out
}

/// Asserts that values, and if asked intervals, agree.
fn same(
    left: &[(String, Measured)],
    right: &[(String, Measured)],
    intervals: bool,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(left.len(), right.len());
    for ((name, a), (_, b)) in left.iter().zip(right) {
        let close = |x: f64, y: f64| (x - y).abs() <= 1e-8 * x.abs().max(1.0) || x.to_bits() == y.to_bits();
        prop_assert!(close(a.value, b.value), "{}: {:?} and {:?}", name, a, b);
        if intervals {
            let ends = close(a.interval.low, b.interval.low) && close(a.interval.high, b.interval.high);
            prop_assert!(ends, "{}: {:?} and {:?}", name, a, b);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_interval_holds_its_value_and_stays_in_range(rows in rows(), weighted in any::<bool>()) {
        for (name, Measured { value, interval }) in measure(&rows, weighted) {
            prop_assert!(value.is_finite(), "{}", name);
            // ECE's noise is of the same size as the value, so its interval may begin above a small one by rounding
            // only.
            prop_assert!(interval.low <= value + 1e-12 && value <= interval.high + 1e-12, "{name}: {value} {interval:?}");
            let (least, most) = match name.as_str() {
                "log-loss" | "MAE" | "RMSE" | "pinball" => (0.0, f64::INFINITY),
                "brier" => (0.0, 2.0),
                "R²" => (f64::NEG_INFINITY, 1.0),
                _ if name.contains("Matthews") || name == "Pearson" || name == "Spearman" => (-1.0, 1.0),
                _ => (0.0, 1.0),
            };
            prop_assert!(least <= interval.low && interval.high <= most, "{name}: {interval:?}");
        }
    }

    #[test]
    fn order_does_not_matter(
        (rows, shuffled) in rows().prop_flat_map(|r| (Just(r.clone()), Just(r).prop_shuffle())),
        weighted in any::<bool>(),
    ) {
        same(&measure(&rows, weighted), &measure(&shuffled, weighted), true)?;
    }

    #[test]
    fn equal_weights_of_any_size_are_no_weights(mut rows in rows(), size in 0.01..100.0_f64) {
        for row in &mut rows {
            row.weight = size;
        }
        same(&measure(&rows, true), &measure(&rows, false), true)?;
    }

    #[test]
    fn a_row_twice_is_a_weight_of_two(mut rows in rows(), twice in vec(any::<bool>(), 40)) {
        let mut doubled = Vec::new();
        for (row, &again) in rows.iter_mut().zip(&twice) {
            row.weight = if again { 2.0 } else { 1.0 };
            doubled.push(row.clone());
            if again {
                doubled.push(row.clone());
            }
        }
        // Values, not intervals: a row that stands for two is one observation.
        same(&measure(&rows, true), &measure(&doubled, false), false)?;
    }

    #[test]
    fn a_row_of_weight_zero_is_not_there(mut rows in rows(), gone in vec(any::<bool>(), 40)) {
        for (row, &gone) in rows.iter_mut().zip(&gone).skip(4) {
            if gone {
                row.weight = 0.0;
            }
        }
        let present: Vec<Row> = rows.iter().filter(|r| r.weight > 0.0).cloned().collect();
        // A weightless row still counts in "never more tosses than observations", so values only.
        same(&measure(&rows, true), &measure(&present, true), false)?;
    }

    #[test]
    fn reversed_scores_turn_the_auroc_round(rows in rows()) {
        let (score, hit) = (column(&rows, |r| r.score), column(&rows, |r| r.hit));
        let (turned, missed) = (column(&rows, |r| -r.score), column(&rows, |r| !r.hit));
        let w = column(&rows, |r| r.weight);
        let auroc = |s: &[f64], p: &[bool]| BinaryScores::new(s, p, Weights::Each(&w)).map(|b| b.auroc());
        if let (Ok(a), Ok(b), Ok(c)) = (auroc(&score, &hit), auroc(&turned, &hit), auroc(&turned, &missed)) {
            prop_assert!((a.value + b.value - 1.0).abs() < 1e-12);
            prop_assert!((a.interval.low + b.interval.high - 1.0).abs() < 1e-9);
            prop_assert!((a.value - c.value).abs() < 1e-12);
        }
    }

    #[test]
    fn ranking_is_unchanged_by_a_monotone_map(rows in rows()) {
        let (score, hit) = (column(&rows, |r| r.score), column(&rows, |r| r.hit));
        let mapped = column(&rows, |r| (r.score / 3.0).exp() - 7.0);
        if let (Ok(a), Ok(b)) = (
            BinaryScores::new(&score, &hit, Weights::Equal),
            BinaryScores::new(&mapped, &hit, Weights::Equal),
        ) {
            prop_assert_eq!(a.auroc(), b.auroc());
            prop_assert_eq!(a.average_precision(), b.average_precision());
        }
    }

    #[test]
    fn temperature_scaling_keeps_the_order_and_does_not_raise_the_loss(rows in rows()) {
        let mut probabilities = column(&rows, |r| r.probabilities.clone()).concat();
        let truth = column(&rows, |r| r.truth);
        let classes = ClassProbabilities::new(&probabilities, CLASSES, &truth, Weights::Equal).unwrap();
        let (before, scaling) = (classes.log_loss().value, TemperatureScaling::fit(&classes).unwrap());
        let winners: Vec<f64> = probabilities.chunks(CLASSES).map(|r| most_likely(r).1).collect();
        let best: Vec<usize> = probabilities.chunks(CLASSES).map(|r| most_likely(r).0).collect();
        for (row, (&winner, &best)) in probabilities.chunks_mut(CLASSES).zip(winners.iter().zip(&best)) {
            scaling.apply(row);
            prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(row.iter().all(|p| *p <= row[best]), "{winner}: {row:?}");
        }
        let after = ClassProbabilities::new(&probabilities, CLASSES, &truth, Weights::Equal).unwrap();
        prop_assert!(after.log_loss().value <= before + 1e-9);
    }

    #[test]
    fn the_threshold_gives_the_accuracy_back_up_to_ties(rows in rows()) {
        let (hit, w) = (column(&rows, |r| r.hit), column(&rows, |r| r.weight));
        // Distinct scores: the cut can only miss by half of the heaviest row.
        let score = column(&rows, |r| r.number);
        let fit = ThresholdedConfidence::fit(&score, &hit, Weights::Each(&w)).unwrap();
        let got = fit.accuracy(&score, Weights::Each(&w)).unwrap().value;
        let total: f64 = w.iter().sum();
        let right: f64 = w.iter().zip(&hit).filter(|(_, h)| **h).map(|(w, _)| w).sum();
        prop_assert!((got - right / total).abs() <= 2.0 / total + 1e-12);
    }

    #[test]
    fn stratified_weights_give_each_stratum_its_share(
        rows in vec((0..4_usize, any::<bool>()), 1..80),
    ) {
        let (stratum, labelled): (Vec<usize>, Vec<bool>) = rows.iter().copied().unzip();
        let got = stratified_weights(&stratum, &labelled, 4, f64::INFINITY).unwrap();
        prop_assert_eq!(got.weights.len(), labelled.iter().filter(|l| **l).count());
        let of = |s: usize| {
            let labels = rows.iter().filter(|r| r.1).map(|r| r.0);
            labels.zip(&got.weights).filter(|(t, _)| *t == s).map(|(_, w)| w).sum::<f64>()
        };
        let total: f64 = got.weights.iter().sum();
        let covered: Vec<usize> = (0..4).filter(|&s| rows.contains(&(s, true))).collect();
        let size = |s: usize| rows.iter().filter(|r| r.0 == s).count() as f64;
        let all: f64 = covered.iter().map(|&s| size(s)).sum();
        for &s in &covered {
            prop_assert!((of(s) / total - size(s) / all).abs() < 1e-12);
        }
        prop_assert!((got.uncovered - (1.0 - all / rows.len() as f64)).abs() < 1e-12);
        prop_assert!(got.truncated == 0 && got.effective_size <= got.weights.len() as f64 + 1e-9);
        prop_assert!((total - got.weights.len() as f64).abs() < 1e-9, "mean one");
    }

    #[test]
    fn merging_weights_of_a_cell_keeps_the_value(rows in rows()) {
        let mut one = Confusion::new(CLASSES);
        let mut two = Confusion::new(CLASSES);
        for row in &rows {
            let predicted = usize::from(row.hit);
            one.add_weighted(Some(row.truth), Some(predicted), row.weight).unwrap();
            for _ in 0..2 {
                two.add_weighted(Some(row.truth), Some(predicted), row.weight / 2.0).unwrap();
            }
        }
        for metric in ClassMetric::ALL {
            prop_assert!((metric.value(&one) - metric.value(&two)).abs() < 1e-12);
        }
    }
}
