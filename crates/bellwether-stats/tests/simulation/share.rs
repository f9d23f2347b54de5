//! Bets on the share of foreign traffic.

use crate::{assert_run_length, generator, mean_and_ends};
use bellwether_stats::{ContaminationBet, EDetector, MixBet, ln_threshold};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// p-values as a reference of `n` rows gives them.
fn p_value(rng: &mut ChaCha8Rng, n: u32, foreign_share: f64, exponent: f64) -> f64 {
    let u: f64 = rng.random();
    let p = if rng.random_bool(foreign_share) {
        u.powf(1.0 / exponent)
    } else {
        u
    };
    let cells = f64::from(n) + 1.0;
    (p * cells).ceil().max(1.0) / cells
}

fn time_to_alarm(
    bet: &ContaminationBet,
    detector: &mut EDetector,
    arl: f64,
    horizon: u64,
    mut draw: impl FnMut() -> f64,
) -> u64 {
    for step in 1..=horizon {
        detector.observe_factors(*bet.factors(draw()), step, 0);
        if detector.log_e_value() > ln_threshold(arl) {
            return step;
        }
    }
    horizon
}

#[test]
fn run_length_holds_up_to_the_tolerated_share_1000_runs() {
    for (seed, tolerated, share, n) in [(90, 0.02, 0.0, 700), (91, 0.02, 0.02, 700), (92, 0.05, 0.05, 100)] {
        let bet = ContaminationBet::new(tolerated);
        let times: Vec<u64> = (0..1000)
            .map(|run| {
                let mut rng = generator(seed, run);
                time_to_alarm(&bet, &mut EDetector::from_factors(), 1e3, 8000, || {
                    p_value(&mut rng, n, share, 0.2)
                })
            })
            .collect();
        assert_run_length(&times, 1e3, &format!("share {share}, tolerated {tolerated}"));
    }
}

#[test]
fn the_larger_the_share_the_sooner_it_is_found_also_under_another_law_200_runs() {
    let bet = ContaminationBet::new(0.03);
    // Clear novelty, and novelty of which only half has p-values below 0.05.
    for (exponent, bounds) in [(0.1, [260.0, 110.0, 60.0]), (0.23, [900.0, 250.0, 110.0])] {
        let mut before = f64::INFINITY;
        for (share, at_most) in [0.12, 0.22, 0.35].into_iter().zip(bounds) {
            let times: Vec<u64> = (0..200)
                .map(|run| {
                    let mut rng = generator(95, run);
                    let mut detector = EDetector::from_factors();
                    time_to_alarm(&bet, &mut detector, 4e6, 300, || p_value(&mut rng, 700, 0.0, 0.2));
                    time_to_alarm(&bet, &mut detector, 4e6, 4000, || {
                        p_value(&mut rng, 700, share, exponent)
                    })
                })
                .collect();
            let (_, mean, high) = mean_and_ends(&times);
            println!("share {share} with exponent {exponent}: delay {mean:.1}");
            assert!(
                high < at_most && mean < before,
                "{share}, {exponent}: delay {mean}, upper end {high}"
            );
            before = mean;
        }
    }
}

#[test]
fn runs_of_a_class_raise_no_more_than_single_draws_300_runs() {
    let counts = [90.0, 80.0, 70.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0, 5.0];
    let total: f64 = counts.iter().map(|c| c + 0.5).sum();
    let draw = |rng: &mut ChaCha8Rng| {
        let mut left = rng.random::<f64>() * total;
        counts
            .iter()
            .position(|c| {
                left -= c + 0.5;
                left < 0.0
            })
            .unwrap_or(9)
    };
    let times: Vec<u64> = (0..300)
        .map(|run| {
            let mut rng = generator(97, run);
            let mut bet = MixBet::new(&counts, 0.986, 6.0, 0.05);
            let mut detector = EDetector::from_factors();
            let (mut class, mut left) = (0, 0);
            for step in 1..=8000 {
                if left == 0 {
                    (class, left) = (draw(&mut rng), rng.random_range(5..=10));
                }
                left -= 1;
                detector.observe_factors(bet.observe(class).expect("known"), step, 0);
                if detector.log_e_value() > ln_threshold(1e3) {
                    return step;
                }
            }
            8000
        })
        .collect();
    assert_run_length(&times, 1e3, "runs of five to ten");
}
