//! Weighted metrics against scikit-learn, scipy, seqeval and statsmodels.

use crate::{assert_close, booleans, cases, cases_of_kind, integer, integers, number, numbers, weights};
use bellwether_stats::{
    BinaryScores, Binning, ClassMetric, ClassProbabilities, Confusion, Measured, PredictedNumbers,
    SpanCounts, TagScheme, TokenCounts, Weights, add_span_counts_by_type, class_measures, class_scores,
    interval_coverage, reliability, span_quality, token_accuracy, token_counts,
};
use serde_json::Value;

/// Closed forms on at most some hundred numbers: the order of a sum is all that differs.
const CLOSED_FORM: f64 = 1e-12;
const RANKING: &str = include_str!("ranking.json");
const PROBABILITIES: &str = include_str!("probabilities.json");

fn each(weights: Option<&[f64]>) -> Weights<'_> {
    Weights::from(weights)
}

#[test]
fn the_table_metrics_equal_scikit_learn() {
    let class = |v: &Value| v.as_u64().map(|c| usize::try_from(c).unwrap());
    for case in cases(include_str!("confusion.json")) {
        let mut table = Confusion::new(integer(&case["classes"]));
        let (truth, predicted) = (
            case["truth"].as_array().unwrap(),
            case["predicted"].as_array().unwrap(),
        );
        let weights = weights(&case["weights"]).unwrap_or_else(|| vec![1.0; truth.len()]);
        for ((t, p), &w) in truth.iter().zip(predicted).zip(&weights) {
            table.add_weighted(class(t), class(p), w).unwrap();
        }
        for (metric, key) in ClassMetric::ALL.into_iter().zip([
            "accuracy",
            "balanced_accuracy",
            "macro_f1",
            "micro_f1",
            "weighted_f1",
            "matthews_correlation",
        ]) {
            let what = format!("{key} of {}", case["name"]);
            let measured = metric.measure(&table).unwrap();
            assert_close(measured.value, number(&case[key]), CLOSED_FORM, &what);
            assert_close(metric.value(&table), measured.value, f64::EPSILON, &what);
        }
        let scores = class_scores(&table);
        for (class, (measures, scores)) in class_measures(&table).iter().zip(&scores).enumerate() {
            let zero_for_none = |m: Option<Measured>| m.map_or(0.0, |m| m.value);
            let got = [measures.precision, measures.recall, measures.f1].map(zero_for_none);
            for (got, want) in got.into_iter().zip([scores.precision, scores.recall, scores.f1]) {
                assert_close(
                    got,
                    want,
                    CLOSED_FORM,
                    &format!("class {class}, {}", case["name"]),
                );
            }
        }
        for key in ["precision", "recall", "f1", "support"] {
            for (c, want) in numbers(&case[key]).into_iter().enumerate() {
                let got = match key {
                    "precision" => scores[c].precision,
                    "recall" => scores[c].recall,
                    "f1" => scores[c].f1,
                    _ => scores[c].support,
                };
                assert_close(got, want, CLOSED_FORM, &format!("{key} of {c}, {}", case["name"]));
            }
        }
    }
}

#[test]
fn auroc_and_average_precision_equal_scikit_learn() {
    for case in cases_of_kind(RANKING, "binary") {
        let (scores, positive) = (numbers(&case["scores"]), booleans(&case["positive"]));
        let weights = weights(&case["weights"]);
        let binary = BinaryScores::new(&scores, &positive, each(weights.as_deref())).unwrap();
        let (auroc, precision) = (binary.auroc(), binary.average_precision());
        assert_close(auroc.value, number(&case["auroc"]), CLOSED_FORM, &case);
        assert_close(
            precision.value,
            number(&case["average_precision"]),
            CLOSED_FORM,
            &case,
        );
        if let Some(low) = case["low"].as_f64() {
            assert_close(auroc.interval.low, low, CLOSED_FORM, &case);
            assert_close(auroc.interval.high, number(&case["high"]), CLOSED_FORM, &case);
        }
    }
}

#[test]
fn classes_against_the_rest_equal_scikit_learn() {
    for case in cases_of_kind(RANKING, "classes") {
        let (probabilities, truth) = (numbers(&case["probabilities"]), integers(&case["truth"]));
        let weights = weights(&case["weights"]);
        let classes = integer(&case["classes"]);
        let rows =
            ClassProbabilities::new(&probabilities, classes, &truth, each(weights.as_deref())).unwrap();
        let (auroc, precision) = (rows.auroc().unwrap(), rows.average_precision().unwrap());
        assert_close(auroc.value, number(&case["auroc"]), CLOSED_FORM, &case);
        assert_close(
            precision.value,
            number(&case["average_precision"]),
            CLOSED_FORM,
            &case,
        );
    }
}

#[test]
fn probability_scores_and_reliability_equal_scikit_learn() {
    for case in cases_of_kind(PROBABILITIES, "classes") {
        let (probabilities, truth) = (numbers(&case["probabilities"]), integers(&case["truth"]));
        let weights = weights(&case["weights"]);
        let classes = integer(&case["classes"]);
        let rows =
            ClassProbabilities::new(&probabilities, classes, &truth, each(weights.as_deref())).unwrap();
        assert_close(
            rows.log_loss().value,
            number(&case["log_loss"]),
            CLOSED_FORM,
            &"log-loss",
        );
        assert_close(rows.brier().value, number(&case["brier"]), CLOSED_FORM, &"Brier");
        let curve = rows.reliability(Binning::CUSTOMARY).unwrap();
        assert_close(curve.ece.value, number(&case["ece"]), CLOSED_FORM, &"ECE");
        let want = case["bins"].as_array().unwrap();
        assert_eq!(curve.bins.len(), want.len());
        for (bin, want) in curve.bins.iter().zip(want) {
            let got = [bin.confidence, bin.frequency, bin.weight, bin.count as f64];
            for (got, want) in got.into_iter().zip(numbers(want)) {
                assert_close(got, want, CLOSED_FORM, &want);
            }
        }
    }
}

#[test]
fn bins_of_equal_mass_equal_scikit_learn() {
    for case in cases_of_kind(PROBABILITIES, "equal mass") {
        let binning = Binning::EqualMass(integer(&case["number"]));
        let (confidence, correct) = (numbers(&case["confidence"]), booleans(&case["correct"]));
        let curve = reliability(&confidence, &correct, Weights::Equal, binning).unwrap();
        assert_close(curve.ece.value, number(&case["ece"]), CLOSED_FORM, &"ECE");
        let want = numbers(&case["stated"])
            .into_iter()
            .zip(numbers(&case["frequency"]));
        assert_eq!(curve.bins.len(), integer(&case["number"]));
        for (bin, (stated, frequency)) in curve.bins.iter().zip(want) {
            assert_close(bin.confidence, stated, CLOSED_FORM, &"confidence");
            assert_close(bin.frequency, frequency, CLOSED_FORM, &"frequency");
        }
    }
}

#[test]
fn predicted_numbers_equal_scikit_learn_scipy_and_statsmodels() {
    for case in cases(include_str!("regression.json")) {
        let (predicted, truth) = (numbers(&case["predicted"]), numbers(&case["truth"]));
        let weights = weights(&case["weights"]);
        let weights = each(weights.as_deref());
        let pairs = PredictedNumbers::new(&predicted, &truth, weights).unwrap();
        let (low, high): (Vec<f64>, Vec<f64>) = predicted.iter().map(|p| (p - 1.5, p + 1.5)).unzip();
        for (key, measured) in [
            ("mean_absolute_error", pairs.mean_absolute_error()),
            ("root_mean_squared_error", pairs.root_mean_squared_error()),
            ("r_squared", pairs.r_squared().unwrap()),
            ("pinball_0.9", pairs.pinball_loss(0.9).unwrap()),
            ("pinball_0.2", pairs.pinball_loss(0.2).unwrap()),
            ("pearson", pairs.pearson().unwrap()),
            ("spearman", pairs.spearman().unwrap()),
            (
                "coverage",
                interval_coverage(&low, &high, &truth, weights).unwrap(),
            ),
        ] {
            let what = format!("{key} of {} values", truth.len());
            // R² of a poor fit is a large number less one.
            assert_close(measured.value, number(&case[key]), CLOSED_FORM, &what);
        }
        if case["pearson_ends"].is_array() {
            let (got, want) = (pairs.pearson().unwrap().interval, numbers(&case["pearson_ends"]));
            assert_close(got.low, want[0], CLOSED_FORM, &"low of Pearson");
            assert_close(got.high, want[1], CLOSED_FORM, &"high of Pearson");
        }
    }
}

#[test]
fn token_accuracy_and_span_types_equal_scikit_learn_and_seqeval() {
    let tags = |v: &Value| -> Vec<u16> {
        let found = integers(v).into_iter();
        found.map(|i| u16::try_from(i).unwrap()).collect()
    };
    for case in cases(include_str!("sequences.json")) {
        let labels = case["labels"].as_array().unwrap().iter();
        let labels: Vec<String> = labels.map(|l| l.as_str().unwrap().to_owned()).collect();
        let scheme = TagScheme::new(&labels);
        let mut by_type = vec![SpanCounts::default(); scheme.types().len()];
        let (mut tokens, mut spans): (Vec<TokenCounts>, Vec<SpanCounts>) = (Vec::new(), Vec::new());
        for sentence in case["sentences"].as_array().unwrap() {
            let (predicted, truth) = (tags(&sentence["predicted"]), tags(&sentence["truth"]));
            tokens.push(token_counts(&predicted, &truth));
            spans.push(bellwether_stats::span_counts(&scheme, &predicted, &truth));
            add_span_counts_by_type(&scheme, &predicted, &truth, &mut by_type);
        }
        let accuracy = token_accuracy(&tokens, Weights::Equal).unwrap().value;
        assert_close(
            accuracy,
            number(&case["token_accuracy"]),
            CLOSED_FORM,
            &"token accuracy",
        );
        let micro = span_quality(&spans, Weights::Equal).unwrap();
        let micro = [micro.precision, micro.recall, micro.f1].map(|m| m.unwrap().value);
        for (got, want) in micro.into_iter().zip(numbers(&case["micro"])) {
            assert_close(got, want, CLOSED_FORM, &"micro average");
        }
        let zero_for_none = |x: f64| if x.is_nan() { 0.0 } else { x };
        for (name, counts) in scheme.types().iter().zip(&by_type) {
            let want = &case["types"][name];
            if want.is_null() {
                assert_eq!(counts.predicted + counts.truth, 0, "{name} does not occur");
                continue;
            }
            let support = f64::from(counts.truth);
            let got = [counts.precision(), counts.recall(), counts.f1(), support].map(zero_for_none);
            for (got, want) in got.into_iter().zip(numbers(want)) {
                assert_close(got, want, CLOSED_FORM, name);
            }
        }
    }
}
