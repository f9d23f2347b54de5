//! False alarms and delays, by simulation with fixed seeds.
//!
//! Bounds come from theory (a run length of at least the threshold, Wald's bound on the delay) where there is one; measured
//! means enter with the 99.9 % end of their own interval, so that a test fails for a fault of the code and not for its seed.

#![expect(
    clippy::print_stdout,
    reason = "the measured figures are for whoever asks with --show-output"
)]

mod bets;
mod coverage;
mod detector;
mod drift;
mod recovery;
mod rise;
mod season;
mod share;
mod warning;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Two-sided 99.9 % quantile of the normal.
const Z: f64 = 3.29;

/// One generator a run: a run can be repeated alone.
fn generator(seed: u64, run: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(run);
    rng
}

/// Mean of run lengths with the ends of its interval: (lower, mean, upper).
fn mean_and_ends(times: &[u64]) -> (f64, f64, f64) {
    let n = times.len() as f64;
    let mean = times.iter().map(|&t| t as f64).sum::<f64>() / n;
    let variance = times.iter().map(|&t| (t as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = Z * (variance / n).sqrt();
    (mean - half, mean, mean + half)
}

/// Asserts what a run length of at least `arl` promises, from times to alarm that were cut at a horizon.
///
/// Some nulls attain the bound up to the overshoot at the alarm, so no finite number of runs shows "above": the mean must
/// not lie significantly below `arl`, and its half-width must be at most 6 % of it (or the lower end above it). Cutting
/// lowers the mean, so this is on the safe side. And `P(alarm within t) <= t / arl`, tried at three `t` with the upper
/// binomial tolerance.
#[track_caller]
fn assert_run_length(times: &[u64], arl: f64, what: &str) {
    let (low, mean, high) = mean_and_ends(times);
    println!("{what}: run length {mean:.0} ({low:.0} to {high:.0}), nominal {arl:.0}");
    assert!(
        high >= arl,
        "{what}: run length {mean}, upper end {high}, nominal {arl}"
    );
    assert!(
        low >= arl || high - low <= 0.12 * arl,
        "{what}: too few runs, {low} to {high}"
    );
    let runs = times.len() as f64;
    for share in [0.05, 0.1, 0.3] {
        let early = times.iter().filter(|&&t| (t as f64) <= share * arl).count() as f64;
        let most = runs * share + Z * (runs * share * (1.0 - share)).sqrt();
        assert!(
            early <= most,
            "{what}: {early} of {runs} runs alarm within {share} of the nominal"
        );
    }
}
