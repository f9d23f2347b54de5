//! Our numbers are scipy's.

use bellwether_calibrate::poisson_interval;
use serde_json::Value;

#[test]
fn the_interval_of_a_poisson_count_is_that_of_scipy() {
    let document: Value = serde_json::from_str(include_str!("poisson.json")).expect("golden values are JSON");
    let cases = document["cases"].as_array().expect("a list");
    assert!(cases.len() >= 10);
    for case in cases {
        let count = case["count"].as_u64().expect("a count");
        let (low, high) = poisson_interval(count);
        for (ours, theirs) in [(low, &case["low"]), (high, &case["high"])] {
            let theirs = theirs.as_f64().expect("a number");
            // Quantiles are iterated: relative 1e-10 is what both sides' gamma functions agree to at 10,000.
            assert!(
                (ours - theirs).abs() <= 1e-10 * theirs,
                "{count}: {ours} against {theirs}"
            );
        }
    }
}
