//! Bets on a mix whose null follows the hour.

use crate::{assert_run_length, generator, mean_and_ends};
use bellwether_stats::{EDetector, MixBet, ln_threshold};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

const CLASSES: usize = 8;
/// Half-life of 50 observations.
const DECAY: f64 = 0.986_232_704_493_359;
const PRIOR: f64 = 6.0;
/// Observations from one change of day and night to the next.
const HALF_DAY: u64 = 80;

/// Shares by day fall from class to class, and rise by night.
fn shares(night: bool) -> Vec<f64> {
    let weights: Vec<f64> = (0..CLASSES)
        .map(|c| 1.0 / (1 + if night { CLASSES - 1 - c } else { c }) as f64)
        .collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

fn is_night(step: u64) -> bool {
    step / HALF_DAY % 2 == 1
}

fn draw(rng: &mut ChaCha8Rng, shares: &[f64]) -> usize {
    let mut left = rng.random::<f64>();
    let found = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    found.unwrap_or(shares.len() - 1)
}

/// Steps until an alarm on traffic whose night is `swapped` with its day after `change`; the bet knows the hours or not.
fn time_to_alarm(
    rng: &mut ChaCha8Rng,
    knows: bool,
    change: u64,
    tolerance: f64,
    arl: f64,
    horizon: u64,
) -> u64 {
    let nulls = [shares(false), shares(true)];
    let mut bet = MixBet::new(&[10.0; CLASSES], DECAY, PRIOR, tolerance);
    let mut detector = EDetector::from_factors();
    for step in 0..horizon {
        let night = is_night(step);
        let c = draw(rng, &nulls[usize::from(night != (step >= change))]);
        let factors = if knows {
            bet.observe_against(c, &nulls[usize::from(night)])
        } else {
            bet.observe(c)
        };
        detector.observe_factors(factors.expect("a known class"), step, 0);
        if detector.log_e_value() > ln_threshold(arl) {
            return step + 1;
        }
    }
    horizon
}

#[test]
fn run_length_holds_while_the_mix_follows_the_hours_1500_runs() {
    let times: Vec<u64> = (0..1500)
        .map(|run| time_to_alarm(&mut generator(80, run), true, u64::MAX, 0.0, 1e3, 8000))
        .collect();
    assert_run_length(&times, 1e3, "mix by the hour, no tolerance");
}

#[test]
fn one_mix_for_all_hours_takes_the_night_for_a_change_and_the_hours_do_not_100_runs() {
    let late = |knows| {
        let times: Vec<u64> = (0..100)
            .map(|run| time_to_alarm(&mut generator(81, run), knows, u64::MAX, 0.05, 1e5, 5000))
            .collect();
        times.iter().filter(|&&t| t < 5000).count()
    };
    let (blind, knowing) = (late(false), late(true));
    println!("alarms within 5,000 regular observations: {blind} without the hours, {knowing} with");
    assert!(blind >= 99, "{blind} of 100");
    // At a run length of 100,000 at most one run in twenty alarms within 5,000; of 100 runs more than 15 would be 4 se.
    assert!(knowing <= 15, "{knowing} of 100");
}

#[test]
fn the_mix_of_the_night_at_noon_is_found_200_runs() {
    let change = 10 * HALF_DAY;
    let delays: Vec<u64> = (0..200)
        .filter_map(|run| {
            let at = time_to_alarm(&mut generator(82, run), true, change, 0.05, 1e5, change + 2000);
            at.checked_sub(change)
        })
        .collect();
    let (_, mean, high) = mean_and_ends(&delays);
    println!("swapped day and night: found after {mean:.0} observations on average");
    assert!(
        delays.len() >= 198,
        "{} of 200 ran quietly until then",
        delays.len()
    );
    assert!(high < 60.0, "{mean} (at most {high})");
}
