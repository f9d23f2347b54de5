//! A warning has no tolerance: its bound is what the reference allows, and only over references as they come does it hold.

use crate::generator;
use bellwether_stats::{EDetector, ln_threshold, upper_mean};
use rand::Rng;

/// The shipped run length of `watch`, and what each of its five signals raises at within nine tenths of its budget.
const RUN_LENGTH: f64 = 1e5;
const THRESHOLD: f64 = RUN_LENGTH * 5.0 / 0.9;
/// Standard errors by which the monitor widens a warning's bound.
const MARGIN: f64 = 1.25;
/// The two warnings are to keep the run length together.
const WARNINGS: f64 = 2.0;
const HORIZON: u64 = 20_000;
const RUNS: u64 = 300;

/// Steps until the first alarm against a fresh reference of `reference` coins, or the horizon; and whether there was one.
fn steps(seed: u64, run: u64, reference: usize, rate: f64) -> (u64, bool) {
    let mut rng = generator(seed, run);
    let mut coin = || f64::from(u8::from(rng.random::<f64>() < rate));
    let losses: Vec<f64> = (0..reference).map(|_| coin()).collect();
    let mut detector = EDetector::bounded(upper_mean(&losses, MARGIN));
    for step in 0..HORIZON {
        detector.observe(coin(), step, 0);
        if detector.log_e_value() > ln_threshold(THRESHOLD) {
            return (step, true);
        }
    }
    (HORIZON, false)
}

#[test]
fn warnings_keep_the_run_length_over_fresh_references_300_runs() {
    for (seed, (reference, rate)) in [(60, 0.1), (200, 0.02), (200, 0.3), (500, 0.05)]
        .into_iter()
        .enumerate()
    {
        let runs = (0..RUNS).map(|run| steps(900 + seed as u64, run, reference, rate));
        let (steps, alarms) = runs.fold((0, 0_u32), |(steps, alarms), (s, alarm)| {
            (steps + s, alarms + u32::from(alarm))
        });
        println!("warning, {reference} rows, rate {rate}: {alarms} alarms in {steps} steps");
        let expected = steps as f64 / (WARNINGS * RUN_LENGTH);
        assert!(
            f64::from(alarms) <= expected,
            "{alarms} alarms where {expected:.0} are allowed"
        );
    }
}

#[test]
fn a_small_lasting_fall_is_warned_of_200_runs() {
    let mut delays: Vec<u64> = (0..200)
        .map(|run| {
            let mut rng = generator(950, run);
            let mut coin = |rate: f64| f64::from(u8::from(rng.random::<f64>() < rate));
            let losses: Vec<f64> = (0..500).map(|_| coin(0.03)).collect();
            let mut detector = EDetector::bounded(upper_mean(&losses, MARGIN));
            (0..200).for_each(|step| detector.observe(coin(0.03), step, 0));
            let alarm = (0..5000).find(|&step| {
                detector.observe(coin(0.08), step, 0);
                detector.log_e_value() > ln_threshold(THRESHOLD)
            });
            alarm.unwrap_or(5000)
        })
        .collect();
    delays.sort_unstable();
    println!("warning of 5 points: median delay {} labels", delays[100]);
    assert!(delays[100] < 800, "median {}", delays[100]);
}
