//! Our numbers equal those of numpy, scipy, scikit-learn, seqeval and statsmodels.
//!
//! The JSON files beside this one hold the cases and where they come from; the scripts named in them made them.

mod drift;
mod evidence;
mod peers;
mod quality;
mod unlabelled;
mod vectors;
mod weighted;

use serde_json::Value;

/// The cases of a golden file, which must say where its numbers come from and hold at least one case.
fn cases(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).expect("a golden file is JSON");
    let provenance = &file["provenance"];
    for key in ["script", "versions", "seed", "date", "call"] {
        assert!(!provenance[key].is_null(), "the provenance lacks `{key}`");
    }
    let cases = file["cases"].as_array().expect("cases").clone();
    assert!(!cases.is_empty());
    cases
}

/// The cases of one kind, of which there must be some.
fn cases_of_kind(text: &str, kind: &str) -> Vec<Value> {
    let cases: Vec<Value> = cases(text).into_iter().filter(|c| c["kind"] == kind).collect();
    assert!(!cases.is_empty(), "no case of kind {kind}");
    cases
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"))
}

fn integer(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap_or_else(|| panic!("not a count: {value}"))).expect("64 bits")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

fn integers(value: &Value) -> Vec<usize> {
    value.as_array().expect("a list").iter().map(integer).collect()
}

fn booleans(value: &Value) -> Vec<bool> {
    let values = value.as_array().expect("a list").iter();
    values.map(|b| b.as_bool().expect("true or false")).collect()
}

/// The weights of a case; null for equal ones.
fn weights(value: &Value) -> Option<Vec<f64>> {
    (!value.is_null()).then(|| numbers(value))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the files hold what float32 holds, rounded"
)]
fn singles(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

/// Asserts `|got − want| <= tolerance · max(1, |want|)`.
#[track_caller]
fn assert_close(got: f64, want: f64, tolerance: f64, what: &dyn std::fmt::Display) {
    let error = (got - want).abs();
    assert!(
        error <= tolerance * want.abs().max(1.0),
        "{what}: {got} instead of {want}"
    );
}
