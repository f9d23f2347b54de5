//! Bets on the mix of categories and on residuals.

use crate::{assert_run_length, generator, mean_and_ends};
use bellwether_stats::{EDetector, MixBet, RegressionBet, ln_threshold};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Reference counts of eight classes, from common to rare.
const COUNTS: [f64; 8] = [300.0, 200.0, 150.0, 120.0, 100.0, 80.0, 40.0, 9.0];
/// Half-life of 50 observations.
const DECAY: f64 = 0.986_232_704_493_359;
const PRIOR: f64 = 20.0;

fn null_shares() -> Vec<f64> {
    let total: f64 = COUNTS.iter().map(|c| c + 0.5).sum();
    COUNTS.iter().map(|c| (c + 0.5) / total).collect()
}

fn draw(rng: &mut ChaCha8Rng, shares: &[f64]) -> usize {
    let mut left = rng.random::<f64>();
    for (c, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return c;
        }
    }
    shares.len() - 1
}

struct MixDetector {
    bet: MixBet,
    detector: EDetector,
}

impl MixDetector {
    fn new(tolerance_nats: f64) -> Self {
        Self {
            bet: MixBet::new(&COUNTS, DECAY, PRIOR, tolerance_nats),
            detector: EDetector::from_factors(),
        }
    }

    fn time_to_alarm(&mut self, rng: &mut ChaCha8Rng, shares: &[f64], arl: f64, horizon: u64) -> u64 {
        for step in 1..=horizon {
            let factors = self
                .bet
                .observe(draw(rng, shares))
                .expect("a class of the reference");
            self.detector.observe_factors(factors, step, 0);
            if self.detector.log_e_value() > ln_threshold(arl) {
                return step;
            }
        }
        horizon
    }
}

#[test]
fn mix_run_length_holds_for_draws_from_the_reference_1500_runs() {
    let shares = null_shares();
    for (seed, tolerance) in [(60, 0.0), (61, 0.05)] {
        let times: Vec<u64> = (0..1500)
            .map(|run| {
                MixDetector::new(tolerance).time_to_alarm(&mut generator(seed, run), &shares, 1e3, 8000)
            })
            .collect();
        assert_run_length(&times, 1e3, &format!("mix with tolerance {tolerance}"));
    }
}

#[test]
fn mix_shift_is_found_and_a_tolerated_one_is_not_200_runs() {
    let shares = null_shares();
    let mut swapped = shares.clone();
    swapped.reverse();
    // Half of the largest class moves to the smallest.
    let mut moved = shares.clone();
    moved[7] += moved[0] / 2.0;
    moved[0] /= 2.0;
    for (name, after, at_most) in [("reversed", &swapped, 30.0), ("half a class moved", &moved, 80.0)] {
        let times: Vec<u64> = (0..200)
            .map(|run| {
                let mut rng = generator(62, run);
                let mut detector = MixDetector::new(0.05);
                assert_eq!(
                    detector.time_to_alarm(&mut rng, &shares, 1e5, 300),
                    300,
                    "quiet before"
                );
                detector.time_to_alarm(&mut rng, after, 1e5, 2000)
            })
            .collect();
        let (_, mean, high) = mean_and_ends(&times);
        println!("mix {name}: delay {mean:.1}");
        assert!(high < at_most, "{name}: delay {mean}, upper end {high}");
    }
    // A divergence of 0.01 nats lies under the tolerance: as quiet as no change.
    let slight: Vec<f64> = {
        let tilted: Vec<f64> = shares
            .iter()
            .enumerate()
            .map(|(c, p)| p * (1.0 + 0.15 * (c as f64 % 2.0 - 0.5)))
            .collect();
        let total: f64 = tilted.iter().sum();
        tilted.into_iter().map(|p| p / total).collect()
    };
    let divergence: f64 = slight.iter().zip(&shares).map(|(q, p)| q * (q / p).ln()).sum();
    assert!(divergence > 0.001 && divergence < 0.05, "{divergence}");
    let times: Vec<u64> = (0..200)
        .map(|run| MixDetector::new(0.05).time_to_alarm(&mut generator(63, run), &slight, 1e3, 8000))
        .collect();
    assert_run_length(&times, 1e3, "slight tilt");
}

/// Absolute values of a sum of uniforms: nearly a half-normal, of scale one.
fn residual(rng: &mut ChaCha8Rng) -> f64 {
    ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0).abs()
}

fn regression_time(
    rng: &mut ChaCha8Rng,
    bet: &RegressionBet,
    detector: &mut EDetector,
    scale: f64,
    arl: f64,
    horizon: u64,
) -> u64 {
    for step in 1..=horizon {
        detector.observe_factors(bet.factors(scale * residual(rng)), step, 0);
        if detector.log_e_value() > ln_threshold(arl) {
            return step;
        }
    }
    horizon
}

fn regression_null(seed: u64, runs: u64, reference: usize, tolerance: f64, horizon: u64) -> Vec<u64> {
    (0..runs)
        .map(|run| {
            let mut rng = generator(seed, run);
            let residuals: Vec<f64> = (0..reference).map(|_| residual(&mut rng)).collect();
            let bet = RegressionBet::new(&residuals, tolerance).expect("finite residuals");
            regression_time(&mut rng, &bet, &mut EDetector::from_factors(), 1.0, 1e3, horizon)
        })
        .collect()
}

#[test]
fn regression_run_length_holds_over_fresh_references_with_the_tolerance_300_runs() {
    assert_run_length(
        &regression_null(70, 300, 400, 0.15, 8000),
        1e3,
        "regression, 400 residuals, tolerance 0.15",
    );
    assert_run_length(
        &regression_null(71, 300, 100, 0.15, 8000),
        1e3,
        "regression, 100 residuals, tolerance 0.15",
    );
    assert_run_length(
        &regression_null(72, 300, 4000, 0.0, 8000),
        1e3,
        "regression, 4000 residuals, no tolerance",
    );
    assert_run_length(
        &regression_null(73, 300, 100, 0.0, 8000),
        1e3,
        "regression, 100 residuals, no tolerance",
    );
}

#[test]
fn larger_residuals_are_found_200_runs() {
    for (seed, scale, at_most) in [(74, 1.5, 400.0), (75, 2.0, 100.0), (76, 4.0, 40.0)] {
        let times: Vec<u64> = (0..200)
            .map(|run| {
                let mut rng = generator(seed, run);
                let residuals: Vec<f64> = (0..400).map(|_| residual(&mut rng)).collect();
                let bet = RegressionBet::new(&residuals, 0.15).expect("finite residuals");
                let mut detector = EDetector::from_factors();
                regression_time(&mut rng, &bet, &mut detector, 1.0, 1e6, 300);
                regression_time(&mut rng, &bet, &mut detector, scale, 1e6, 5000)
            })
            .collect();
        let (_, mean, high) = mean_and_ends(&times);
        println!("residuals times {scale}: delay {mean:.1}");
        assert!(high < at_most, "times {scale}: delay {mean}, upper end {high}");
    }
}
