//! Quality without labels, distances and discrepancies of samples.

use crate::{assert_close, booleans, cases_of_kind, integer, integers, number, numbers, singles, weights};
use bellwether_stats::{
    ClassProbabilities, Confusion, Estimator, Mahalanobis, TemperatureScaling, ThresholdedConfidence,
    Weights, average_linkage_sizes, effective_clusters, label_shift_ratios, median_distance, most_likely,
    negative_entropy, squared_energy_distance, squared_mmd,
};

/// Closed forms on at most some thousand numbers: the order of a sum is all that differs.
const CLOSED_FORM: f64 = 1e-12;
const LABEL_FREE: &str = include_str!("label_free.json");
const TWO_SAMPLE: &str = include_str!("two_sample.json");

#[test]
fn temperature_is_where_the_log_loss_is_least() {
    for case in cases_of_kind(LABEL_FREE, "temperature") {
        let (mut probabilities, truth) = (numbers(&case["probabilities"]), integers(&case["truth"]));
        let classes = integer(&case["classes"]);
        let weights = weights(&case["weights"]);
        let weights = Weights::from(weights.as_deref());
        let rows = ClassProbabilities::new(&probabilities, classes, &truth, weights).unwrap();
        let scaling = TemperatureScaling::fit(&rows).unwrap();
        // A minimum found by comparing values is good to the root of their precision.
        assert_close(
            scaling.temperature(),
            number(&case["temperature"]),
            1e-6,
            &"temperature",
        );
        for row in probabilities.chunks_mut(classes) {
            scaling.apply(row);
        }
        for (got, want) in probabilities
            .iter()
            .zip(case["calibrated"].as_array().unwrap().iter().flat_map(numbers))
        {
            assert_close(*got, want, 1e-6, &"calibrated probability");
        }
        let loss = ClassProbabilities::new(&probabilities, classes, &truth, weights)
            .unwrap()
            .log_loss();
        // At a minimum the loss does not feel that.
        assert_close(loss.value, number(&case["loss"]), CLOSED_FORM, &"log-loss");
    }
}

#[test]
fn the_thresholds_share_equals_sorting() {
    for case in cases_of_kind(LABEL_FREE, "atc") {
        let classes = integer(&case["classes"]);
        let score = |row: &[f64]| match case["name"].as_str() {
            Some("confidence") => most_likely(row).1,
            _ => negative_entropy(row),
        };
        let scores = |key: &str| -> Vec<f64> { numbers(&case[key]).chunks(classes).map(score).collect() };
        let fit = ThresholdedConfidence::fit(
            &scores("probabilities"),
            &booleans(&case["correct"]),
            Weights::Equal,
        )
        .unwrap();
        assert_close(
            fit.threshold(),
            number(&case["threshold"]),
            CLOSED_FORM,
            &"threshold",
        );
        let got = fit.accuracy(&scores("other"), Weights::Equal).unwrap();
        assert_close(got.value, number(&case["accuracy"]), CLOSED_FORM, &"accuracy");
    }
}

#[test]
fn label_shift_ratios_equal_least_squares() {
    for case in cases_of_kind(LABEL_FREE, "label shift") {
        let classes = integer(&case["classes"]);
        let mut table = Confusion::new(classes);
        for (cell, weight) in numbers(&case["joint"]).into_iter().enumerate() {
            let (truth, predicted) = (cell / classes, cell % classes);
            table.add_weighted(Some(truth), Some(predicted), weight).unwrap();
        }
        let got = label_shift_ratios(&table, &numbers(&case["now"]), number(&case["ridge"])).unwrap();
        for (got, want) in got.iter().zip(numbers(&case["ratios"])) {
            // The normal equations square the condition number, below 1e2 here.
            assert_close(*got, want, 1e-10, &case);
        }
    }
}

#[test]
fn discrepancies_equal_scipy_and_scikit_learn() {
    for case in cases_of_kind(TWO_SAMPLE, "distance") {
        let (x, y, dim) = (singles(&case["x"]), singles(&case["y"]), integer(&case["dim"]));
        let median = median_distance(&[x.clone(), y.clone()].concat(), dim).unwrap();
        assert_close(median, number(&case["median"]), CLOSED_FORM, &"median");
        for (estimator, name) in [(Estimator::Biased, "biased"), (Estimator::Unbiased, "unbiased")] {
            let energy = squared_energy_distance(&x, &y, dim, estimator).unwrap();
            assert_close(
                energy,
                number(&case[format!("energy_{name}")]),
                CLOSED_FORM,
                &"energy",
            );
            let mmd = squared_mmd(&x, &y, dim, median, estimator).unwrap();
            assert_close(mmd, number(&case[format!("mmd_{name}")]), CLOSED_FORM, &"MMD²");
        }
    }
}

#[test]
fn average_linkage_equals_scipy() {
    for case in cases_of_kind(TWO_SAMPLE, "clusters") {
        let cosines = singles(&case["cosines"]);
        let sizes = average_linkage_sizes(&cosines, integer(&case["n"]), number(&case["threshold"]));
        assert_eq!(sizes, integers(&case["sizes"]), "at {}", case["threshold"]);
        assert_close(
            effective_clusters(&sizes),
            number(&case["effective"]),
            CLOSED_FORM,
            &"clusters",
        );
    }
}

#[test]
fn mahalanobis_distances_equal_scikit_learn() {
    for case in cases_of_kind(TWO_SAMPLE, "mahalanobis") {
        let fit = Mahalanobis::fit(&singles(&case["rows"]), integer(&case["dim"])).unwrap();
        assert_close(
            fit.shrinkage(),
            number(&case["shrinkage"]),
            CLOSED_FORM,
            &"shrinkage",
        );
        let got = fit.squared_distances(&singles(&case["at"])).unwrap();
        for (got, want) in got.into_iter().zip(numbers(&case["squared_distance"])) {
            // A condition number of some thousand between covariance and distance.
            assert_close(got, want, 1e-9, &"distance");
        }
    }
}
