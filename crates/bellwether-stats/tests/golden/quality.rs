//! Metrics, intervals and calibration against scikit-learn, seqeval, scipy and statsmodels.

use crate::{assert_close, cases, cases_of_kind, integer, number, numbers};
use bellwether_stats::{
    Confusion, Interval95, Isotonic, LogisticModel, SpanCounts, TagScheme, accuracy, macro_f1,
    mean_absolute_error, mean_interval, poisson_binomial_interval, span_counts, span_f1_interval,
    wilson_interval,
};
use serde_json::Value;

/// Closed forms on at most some hundred numbers: the order of a sum is all that differs.
const CLOSED_FORM: f64 = 1e-12;
const INTERVALS: &str = include_str!("intervals.json");

#[test]
fn isotonic_equals_scikit_learn() {
    for case in cases(include_str!("isotonic.json")) {
        let model = Isotonic::fit(&numbers(&case["x"]), &numbers(&case["y"])).unwrap();
        for (at, want) in numbers(&case["at"]).into_iter().zip(numbers(&case["expected"])) {
            // Both pool exactly; interpolation is a closed form.
            assert_close(
                model.predict(at),
                want,
                CLOSED_FORM,
                &format!("{} at {at}", case["name"]),
            );
        }
    }
}

#[test]
fn accuracy_and_macro_f1_equal_scikit_learn() {
    let class = |v: &Value| v.as_u64().map(|c| usize::try_from(c).unwrap());
    for case in cases(include_str!("classification.json")) {
        let mut table = Confusion::new(integer(&case["classes"]));
        let (truth, predicted) = (
            case["truth"].as_array().unwrap(),
            case["predicted"].as_array().unwrap(),
        );
        for (t, p) in truth.iter().zip(predicted) {
            table.add(class(t), class(p));
        }
        assert_eq!(table.total(), truth.len() as u64);
        assert_close(
            accuracy(&table),
            number(&case["accuracy"]),
            CLOSED_FORM,
            &case["name"],
        );
        assert_close(
            macro_f1(&table),
            number(&case["macro_f1"]),
            CLOSED_FORM,
            &case["name"],
        );
    }
}

#[test]
fn spans_equal_seqeval_in_its_default_mode() {
    let tags = |v: &Value| -> Vec<u16> {
        let indices = v.as_array().unwrap().iter();
        indices.map(|i| u16::try_from(integer(i)).unwrap()).collect()
    };
    for case in cases(include_str!("spans.json")) {
        let labels = case["labels"].as_array().unwrap().iter();
        let labels: Vec<String> = labels.map(|l| l.as_str().unwrap().to_owned()).collect();
        let scheme = TagScheme::new(&labels);
        let total = case["sentences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| span_counts(&scheme, &tags(&s["predicted"]), &tags(&s["truth"])))
            .fold(SpanCounts::default(), SpanCounts::merge);
        let counts = [total.hits, total.predicted, total.truth].map(|c| c as usize);
        assert_eq!(
            counts,
            [
                integer(&case["hits"]),
                integer(&case["predicted"]),
                integer(&case["truth"])
            ],
            "{}",
            case["name"]
        );
        match case["f1"].as_f64() {
            Some(want) => assert_close(total.f1(), want, CLOSED_FORM, &case["name"]),
            // seqeval says 0 with a warning where there is nothing to find; we say that there is no answer.
            None => assert!(total.f1().is_nan(), "{}", case["name"]),
        }
    }
}

#[track_caller]
fn assert_ends(got: Interval95, case: &Value, tolerance: f64) {
    assert_close(
        got.low,
        number(&case["low"]),
        tolerance,
        &format!("low of {case}"),
    );
    assert_close(
        got.high,
        number(&case["high"]),
        tolerance,
        &format!("high of {case}"),
    );
}

#[test]
fn wilson_interval_equals_statsmodels_and_scipy() {
    for case in cases_of_kind(INTERVALS, "wilson") {
        // The quantile of the normal is itself good to some 1e-13.
        assert_ends(
            wilson_interval(number(&case["successes"]), number(&case["n"])),
            &case,
            CLOSED_FORM,
        );
    }
}

#[test]
fn mean_interval_equals_scipy() {
    for case in cases_of_kind(INTERVALS, "mean") {
        // Student's quantile comes from an iteration in either library.
        assert_ends(mean_interval(&numbers(&case["values"])).unwrap(), &case, 1e-9);
    }
}

#[test]
fn poisson_binomial_interval_equals_its_definition() {
    for case in cases_of_kind(INTERVALS, "poisson_binomial") {
        assert_ends(
            poisson_binomial_interval(&numbers(&case["values"])),
            &case,
            CLOSED_FORM,
        );
    }
}

#[test]
fn span_f1_interval_equals_the_jackknife_done_by_leaving_out() {
    for case in cases_of_kind(INTERVALS, "span_f1") {
        let count = |v: &Value| u32::try_from(integer(v)).unwrap();
        let sentences: Vec<SpanCounts> = case["counts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| SpanCounts {
                hits: count(&c[0]),
                predicted: count(&c[1]),
                truth: count(&c[2]),
            })
            .collect();
        assert_ends(span_f1_interval(&sentences), &case, CLOSED_FORM);
    }
}

#[test]
fn mean_absolute_error_equals_scikit_learn() {
    for case in cases_of_kind(include_str!("distances.json"), "mean_absolute_error") {
        let got = mean_absolute_error(&numbers(&case["predicted"]), &numbers(&case["truth"])).unwrap();
        assert_close(got, number(&case["expected"]), CLOSED_FORM, &case);
    }
}

#[test]
fn logistic_model_equals_scikit_learn() {
    for case in cases(include_str!("logistic.json")) {
        let rows: Vec<Vec<f64>> = case["rows"].as_array().unwrap().iter().map(numbers).collect();
        let rows: Vec<Vec<f64>> = rows.into_iter().map(|r| [vec![1.0], r].concat()).collect();
        let positive = case["positive"].as_array().unwrap().iter();
        let positive: Vec<bool> = positive.map(|p| p.as_bool().unwrap()).collect();
        let model = LogisticModel::fit(&rows, &positive).unwrap();
        for (j, (got, want)) in model.weights.iter().zip(numbers(&case["weights"])).enumerate() {
            // Both stop on a gradient of about 1e-9, and the flattest direction has curvature above 1e-3.
            assert_close(*got, want, 1e-6, &format!("weight {j}, {}", case["name"]));
        }
        assert_close(
            model.training_accuracy,
            number(&case["training_accuracy"]),
            CLOSED_FORM,
            &case["name"],
        );
    }
}
