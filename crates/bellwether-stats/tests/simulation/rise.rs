//! A rise of mean loss between two samples: false findings under continuous looking, and power.

use crate::{Z, generator};
use bellwether_stats::{LossCounts, log_e_rise};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// How losses come: coins of an error rate, or values in between.
#[derive(Clone, Copy)]
enum Law {
    Coin,
    Spread,
}

impl Law {
    fn draw(self, rng: &mut ChaCha8Rng, mean: f64) -> f64 {
        match self {
            Self::Coin => f64::from(u8::from(rng.random::<f64>() < mean)),
            // Uniform between zero and twice the mean.
            Self::Spread => 2.0 * mean * rng.random::<f64>(),
        }
    }
}

struct Case {
    law: Law,
    before: (u64, f64),
    after: (u64, f64),
    /// Share of the losses before that come while those after do: a rolling deployment.
    concurrent: f64,
    tolerance: f64,
}

/// Losses after the change until the evidence exceeds `threshold`, looking after every fifth.
fn found_after(rng: &mut ChaCha8Rng, case: &Case, threshold: f64) -> Option<u64> {
    let (mut before, mut after) = (LossCounts::default(), LossCounts::default());
    let (n, mean) = case.before;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    let later = (n as f64 * case.concurrent) as u64;
    for _ in 0..n - later {
        before.add(case.law.draw(rng, mean), 1.0);
    }
    let (most, mean_after) = case.after;
    for i in 1..=most {
        after.add(case.law.draw(rng, mean_after), 1.0);
        if i * later / most > (i - 1) * later / most {
            before.add(case.law.draw(rng, mean), 1.0);
        }
        if i.is_multiple_of(5) && log_e_rise(&before, &after, case.tolerance) > threshold {
            return Some(i);
        }
    }
    None
}

fn rate(seed: u64, runs: u64, case: &Case, alpha: f64) -> (f64, Vec<u64>) {
    let found: Vec<u64> = (0..runs)
        .filter_map(|run| found_after(&mut generator(seed, run), case, (1.0 / alpha).ln()))
        .collect();
    (found.len() as f64 / runs as f64, found)
}

#[test]
fn no_change_and_a_tolerated_one_are_called_a_rise_at_most_at_the_rate_400_runs() {
    let alpha = 0.1;
    let runs = 400;
    for (at, (law, n, mean, rise, concurrent)) in [
        (Law::Coin, 300, 0.1, 0.0, 0.0),
        (Law::Coin, 300, 0.1, 0.03, 0.0),
        (Law::Coin, 100, 0.3, 0.03, 0.5),
        (Law::Coin, 500, 0.02, 0.03, 0.0),
        (Law::Spread, 200, 0.4, 0.03, 0.0),
    ]
    .into_iter()
    .enumerate()
    {
        let case = Case {
            law,
            before: (n, mean),
            after: (400, mean + rise),
            concurrent,
            tolerance: 0.03,
        };
        let (rate, _) = rate(80 + at as u64, runs, &case, alpha);
        let most = alpha + Z * (alpha * (1.0 - alpha) / runs as f64).sqrt();
        println!("mean {mean}, rise {rise}, {n} before: called a rise in {rate:.3}, allowed {alpha}");
        assert!(rate <= most, "mean {mean}, rise {rise}: {rate}");
    }
}

#[test]
fn a_fall_of_ten_points_is_seldom_excluded_where_it_is_true_400_runs() {
    // The other question, with the samples exchanged: is a rise by the margin or more excluded?
    let case = Case {
        law: Law::Coin,
        before: (400, 0.2),
        after: (300, 0.1),
        concurrent: 0.0,
        tolerance: -0.1,
    };
    let (rate, _) = rate(90, 400, &case, 0.1);
    assert!(rate <= 0.1 + Z * (0.09_f64 / 400.0).sqrt(), "{rate}");
}

#[test]
fn rises_of_fifteen_twenty_and_thirty_points_are_found_100_runs() {
    // The threshold of the watch: a rate of 0.01 shared by five tasks.
    let alpha = 0.002;
    for (seed, rise, least, median_at_most) in [(91, 0.15, 0.5, 320), (92, 0.2, 0.9, 200), (93, 0.3, 1.0, 80)]
    {
        let case = Case {
            law: Law::Coin,
            before: (400, 0.1),
            after: (500, 0.1 + rise),
            concurrent: 0.0,
            tolerance: 0.03,
        };
        let (power, mut delays) = rate(seed, 100, &case, alpha);
        delays.sort_unstable();
        let median = delays[delays.len() / 2];
        println!("rise by {rise}: found in {power:.2} within 500 labels, median {median}");
        assert!(power >= least, "rise by {rise}: {power}");
        assert!(median <= median_at_most, "rise by {rise}: {median}");
    }
}
