//! Detectors against the recursions of their papers in plain numbers.

use crate::{assert_close, cases_of_kind, integer, number, numbers};
use bellwether_stats::{BETS, EDetector, MixBet, RegressionBet, ShiftBet};
use serde_json::Value;

const DETECTORS: &str = include_str!("detectors.json");
/// A hundred steps of rounding, in logarithms up to 60.
const RECURSION: f64 = 1e-10;
/// Quantiles of the normal law that are good to some eight digits, in both ends of a difference.
const NORMAL: f64 = 1e-7;
/// What single precision keeps.
const SINGLE: f64 = 2e-7;
/// One logarithm of a closed form.
const FACTOR: f64 = 1e-12;

#[track_caller]
fn assert_factors(got: &[f64; BETS], want: &Value, tolerance: f64, what: &dyn std::fmt::Display) {
    let want = numbers(want);
    assert_eq!(want.len(), BETS);
    for (got, want) in got.iter().zip(want) {
        assert_close(*got, want, tolerance, what);
    }
}

#[test]
fn e_detector_equals_the_shiryaev_roberts_recursion() {
    for case in cases_of_kind(DETECTORS, "bounded") {
        let mut detector = EDetector::bounded(number(&case["mean"]));
        let trace = numbers(&case["values"])
            .into_iter()
            .zip(numbers(&case["log_e_value"]));
        for (step, (value, want)) in trace.enumerate() {
            detector.observe(value, step as u64, 0);
            assert_close(
                detector.log_e_value(),
                want,
                RECURSION,
                &format!("{} at {step}", case["name"]),
            );
        }
    }
}

#[test]
fn mix_bet_equals_its_definition_over_the_whole_past() {
    for case in cases_of_kind(DETECTORS, "mix") {
        let mut bet = MixBet::new(
            &numbers(&case["counts"]),
            number(&case["decay"]),
            number(&case["prior"]),
            number(&case["tolerance"]),
        );
        let mut detector = EDetector::from_factors();
        for (step, c) in case["seen"].as_array().unwrap().iter().enumerate() {
            let what = format!("{} at {step}", case["name"]);
            let factors = bet.observe(integer(c)).expect("a category of the reference");
            // Sixty steps of decay.
            assert_factors(
                &factors.map(f64::ln),
                &case["log_factors"][step],
                RECURSION,
                &what,
            );
            detector.observe_factors(factors, step as u64, 0);
            assert_close(
                detector.log_e_value(),
                number(&case["log_e_value"][step]),
                RECURSION,
                &what,
            );
            assert_close(bet.distance(), number(&case["distance"][step]), RECURSION, &what);
            assert_close(bet.noise(), number(&case["noise"][step]), RECURSION, &what);
        }
    }
}

#[test]
fn regression_bet_equals_its_definition() {
    for case in cases_of_kind(DETECTORS, "regression") {
        let bet = RegressionBet::new(&numbers(&case["residuals"]), number(&case["tolerance"])).unwrap();
        for (i, at) in numbers(&case["at"]).into_iter().enumerate() {
            assert_factors(
                &bet.factors(at).map(f64::ln),
                &case["log_factors"][i],
                FACTOR,
                &format!("residual {at}"),
            );
            assert_close(bet.rank(at), number(&case["rank"][i]), FACTOR, &at);
        }
    }
}

#[test]
fn shift_bet_equals_the_ratio_of_normal_laws() {
    for case in cases_of_kind(DETECTORS, "shift") {
        let n = integer(&case["n"]);
        let bet = ShiftBet::new(n, number(&case["tolerated"])).unwrap();
        for (i, ranks) in case["ranks"].as_array().unwrap().iter().enumerate() {
            let (below, at_or_below) = (integer(&ranks[0]), integer(&ranks[1]));
            let what = format!("{below} to {at_or_below} of {n}");
            let factors = bet.factors(below, at_or_below);
            assert_factors(&factors, &case["factors"][i], NORMAL, &what);
            let score = number(&case["score"][i]);
            assert_close(bet.score(below, at_or_below), score, SINGLE, &what);
        }
    }
}
