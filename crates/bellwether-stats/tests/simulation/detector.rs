//! The bounded e-detector.

use crate::{assert_run_length, generator, mean_and_ends};
use bellwether_stats::{BETS, EDetector, KAPPA, ln_threshold};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

const ARL: f64 = 1e3;
const RUNS: u64 = 1500;

/// Steps until the first alarm at `arl`, or the horizon.
fn time_to_alarm(detector: &mut EDetector, arl: f64, horizon: u64, mut draw: impl FnMut() -> f64) -> u64 {
    let threshold = ln_threshold(arl);
    for step in 1..=horizon {
        detector.observe(draw(), step, 0);
        if detector.log_e_value() > threshold {
            return step;
        }
    }
    horizon
}

fn run_lengths(
    seed: u64,
    runs: u64,
    mean: f64,
    horizon: u64,
    draw: impl Fn(&mut ChaCha8Rng) -> f64,
) -> Vec<u64> {
    (0..runs)
        .map(|run| {
            let mut rng = generator(seed, run);
            time_to_alarm(&mut EDetector::bounded(mean), ARL, horizon, || draw(&mut rng))
        })
        .collect()
}

fn coin(rng: &mut ChaCha8Rng, p: f64) -> f64 {
    f64::from(u8::from(rng.random_bool(p)))
}

#[test]
fn run_length_holds_for_coins_at_the_bound_1500_runs() {
    for (i, mean) in [0.02, 0.1, 0.5, 0.9].into_iter().enumerate() {
        let times = run_lengths(10 + i as u64, RUNS, mean, 12_000, |rng| coin(rng, mean));
        assert_run_length(&times, ARL, &format!("coin of {mean}"));
    }
}

#[test]
fn run_length_holds_for_beta_values_at_the_bound_1500_runs() {
    // A Beta(1/b, 1) value is a uniform to the power b, of mean 1 / (1 + b): flat, skewed down, skewed up.
    for (i, power) in [1.0, 4.0, 0.25].into_iter().enumerate() {
        let mean = 1.0 / (1.0 + power);
        let times = run_lengths(20 + i as u64, RUNS, mean, 12_000, |rng| {
            rng.random::<f64>().powf(power)
        });
        assert_run_length(&times, ARL, &format!("Beta of mean {mean}"));
    }
}

#[test]
fn run_length_is_met_exactly_by_a_constant_at_the_bound() {
    // Every factor is one, so the detector counts its steps and alarms on the first beyond the threshold: the bound is
    // attained, hence cannot be better than nominal by accident.
    for mean in [0.05, 0.25, 1.0] {
        assert_eq!(
            time_to_alarm(&mut EDetector::bounded(mean), ARL, 5000, || mean),
            1001
        );
    }
}

#[test]
fn run_length_holds_when_the_mean_depends_on_the_past_1500_runs() {
    // The null only binds the conditional mean: here the spread follows the last value, the mean never moves.
    let times: Vec<u64> = (0..RUNS)
        .map(|run| {
            let (mut rng, mut wide) = (generator(30, run), false);
            time_to_alarm(&mut EDetector::bounded(0.2), ARL, 12_000, || {
                let value = if wide {
                    coin(&mut rng, 0.2)
                } else {
                    2.0 * 0.2 * rng.random::<f64>()
                };
                wide = value > 0.2;
                value
            })
        })
        .collect();
    assert_run_length(&times, ARL, "changing spread");
}

/// Wald's bound on the mean delay: the mixture holds a fifth of the best bet, whose logarithm drifts by its growth.
fn delay_bound(mean: f64, shifted: f64, arl: f64) -> f64 {
    KAPPA
        .map(|kappa| {
            let (up, down) = ((kappa / mean * (1.0 - mean)).ln_1p(), (-kappa).ln_1p());
            let growth = shifted * up + (1.0 - shifted) * down;
            if growth > 0.0 {
                (ln_threshold(arl * BETS as f64) + up) / growth
            } else {
                f64::INFINITY
            }
        })
        .into_iter()
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn delay_stays_under_walds_bound_after_a_healthy_start_200_runs() {
    let arl = 1e6;
    for (i, (mean, healthy, shifted)) in [
        (0.1, 0.05, 0.2),
        (0.1, 0.05, 0.4),
        (0.1, 0.1, 1.0),
        (0.5, 0.5, 0.7),
        (0.02, 0.01, 0.1),
    ]
    .into_iter()
    .enumerate()
    {
        let times: Vec<u64> = (0..200)
            .map(|run| {
                let mut rng = generator(40 + i as u64, run);
                let mut detector = EDetector::bounded(mean);
                let quiet = time_to_alarm(&mut detector, arl, 500, || coin(&mut rng, healthy));
                assert_eq!(quiet, 500, "no alarm before the shift");
                time_to_alarm(&mut detector, arl, 5000, || coin(&mut rng, shifted))
            })
            .collect();
        let (_, measured, high) = mean_and_ends(&times);
        let bound = delay_bound(mean, shifted, arl);
        println!("mean {mean}, {healthy} to {shifted}: delay {measured:.1}, Wald's bound {bound:.1}");
        assert!(
            high <= bound,
            "{mean}: {healthy} to {shifted} takes {measured}, at most {bound} expected"
        );
    }
}

#[test]
fn onset_lies_near_the_shift_200_runs() {
    let mut errors: Vec<u64> = (0..200)
        .map(|run| {
            let mut rng = generator(50, run);
            let mut detector = EDetector::bounded(0.1);
            for step in 0..500 {
                detector.observe(coin(&mut rng, 0.05), step, 0);
            }
            for step in 500..2000 {
                detector.observe(coin(&mut rng, 0.4), step, 0);
                if detector.log_e_value() > ln_threshold(1e6) {
                    break;
                }
            }
            detector.onset().expect("found").step.abs_diff(500)
        })
        .collect();
    errors.sort_unstable();
    println!("onset error: median {}, 90 % {}", errors[100], errors[180]);
    // The delay itself is about 35 steps: the onset is dated much better than the alarm.
    assert!(
        errors[100] <= 6 && errors[180] <= 25,
        "{} {}",
        errors[100],
        errors[180]
    );
}
