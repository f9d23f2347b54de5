//! What others of the trade compute, and the exact kernel that random features stand for.

use crate::{assert_close, cases_of_kind, integer, integers, number, numbers, singles};
use bellwether_stats::{
    ClassMetric, Estimator, OrthogonalFeatures, Unlabelled, Weights, expected_auroc, squared_mmd,
};

/// Closed forms on at most some thousand numbers: the order of a sum is all that differs.
const CLOSED_FORM: f64 = 1e-12;
const ALIBI_DETECT: &str = include_str!("alibi_detect.json");

#[test]
fn expected_quality_equals_nannyml() {
    for case in cases_of_kind(include_str!("nannyml.json"), "cbpe") {
        let (probabilities, classes) = (numbers(&case["probabilities"]), integer(&case["classes"]));
        let predicted = integers(&case["predicted"]);
        let rows = Unlabelled::new(&probabilities, classes, &predicted, Weights::Equal).unwrap();
        let table = rows.expected_confusion();
        for (cell, want) in numbers(&case["confusion"]).into_iter().enumerate() {
            assert_close(
                table.cell(cell / classes, cell % classes),
                want,
                CLOSED_FORM,
                &cell,
            );
        }
        for (metric, key) in [
            (ClassMetric::MacroF1, "macro_f1"),
            (ClassMetric::BalancedAccuracy, "balanced_accuracy"),
            (ClassMetric::Accuracy, "accuracy"),
        ] {
            assert_close(rows.expect(metric).value, number(&case[key]), CLOSED_FORM, &key);
        }
        let first: Vec<f64> = probabilities.chunks(classes).map(|row| row[0]).collect();
        let auroc = expected_auroc(&numbers(&case["scores"]), &first, Weights::Equal).unwrap();
        // NannyML rounds its counts, some tens, to five digits.
        assert_close(auroc, number(&case["auroc"]), 1e-5, &"AUROC");
    }
}

#[test]
fn squared_mmd_equals_alibi_detect() {
    for case in cases_of_kind(ALIBI_DETECT, "mmd") {
        let (x, y) = (singles(&case["x"]), singles(&case["y"]));
        let (dim, bandwidth) = (integer(&case["dim"]), number(&case["bandwidth"]));
        let got = squared_mmd(&x, &y, dim, bandwidth, Estimator::Unbiased).unwrap();
        // It takes squared distances as |x|² + |y|² − 2x·y.
        assert_close(got, number(&case["mmd"]), 1e-10, &"MMD²");
    }
}

#[test]
fn random_features_approach_the_exact_kernel() {
    for case in cases_of_kind(ALIBI_DETECT, "mmd") {
        let (x, y) = (singles(&case["x"]), singles(&case["y"]));
        let (dim, bandwidth) = (integer(&case["dim"]), number(&case["bandwidth"]));
        let exact = number(&case["mmd"]);
        let error = |frequencies: usize| {
            let squares: f64 = (0..20)
                .map(|seed| {
                    let features = OrthogonalFeatures::new(dim, frequencies, bandwidth, seed).unwrap();
                    let means = (features.mean(&x).unwrap(), features.mean(&y).unwrap());
                    (means.0.squared_mmd(&means.1).unwrap() - exact).powi(2)
                })
                .sum();
            (squares / 20.0).sqrt()
        };
        let (coarse, fine) = (error(64), error(4096));
        // A kernel value's deviation is at most 1/√2 a frequency, and of MMD² less: its terms move together.
        assert!(
            fine < std::f64::consts::FRAC_1_SQRT_2 / 64.0,
            "{fine} with 4096 frequencies"
        );
        // Sixty-four times the frequencies, an eighth of the error, within what 20 seeds can tell.
        assert!(
            fine < coarse / 4.0,
            "{coarse} with 64 frequencies, {fine} with 4096"
        );
    }
}
