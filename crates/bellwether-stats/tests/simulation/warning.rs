//! A warning has no tolerance, or little: its bound is what the reference allows, and only over references as they come does
//! it hold.

use crate::generator;
use bellwether_stats::{
    ConformalScale, ContaminationBet, EDetector, ShiftBet, foreign_share_below, ln_threshold, upper_mean,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The shipped run length of `watch`, and what each of its six signals raises at within nine tenths of its budget.
const RUN_LENGTH: f64 = 1e5;
const THRESHOLD: f64 = RUN_LENGTH * 6.0 / 0.9;
/// Standard errors by which the monitor widens a warning's bound.
const MARGIN: f64 = 1.25;
const HORIZON: u64 = 20_000;
const RUNS: u64 = 300;

/// One detector against one reference, fed one draw after the other.
type Step<'a> = Box<dyn FnMut(&mut ChaCha8Rng, f64) -> f64 + 'a>;

/// Labelled losses whose rate is the same for all.
fn coins(rng: &mut ChaCha8Rng, reference: usize, rate: f64) -> Step<'static> {
    let losses: Vec<f64> = (0..reference).map(|_| coin(rng, rate)).collect();
    let mut detector = EDetector::bounded(upper_mean(&losses, MARGIN));
    Box::new(move |rng, change| {
        detector.observe(coin(rng, rate + change), 0, 0);
        detector.log_e_value()
    })
}

/// Labelled losses whose rate is known by quartile of confidence: most errors are where the head doubts.
fn coins_by_stratum(rng: &mut ChaCha8Rng, reference: usize, rate: f64) -> Step<'static> {
    let rates = [2.8, 0.8, 0.3, 0.1].map(|share| share * rate);
    let bounds = rates.map(|rate| {
        let losses: Vec<f64> = (0..reference / 4).map(|_| coin(rng, rate)).collect();
        upper_mean(&losses, MARGIN)
    });
    let mut detector = EDetector::bounded(1.0);
    Box::new(move |rng, change| {
        let stratum = rng.random_range(0..4);
        let loss = coin(rng, rates[stratum] + change);
        detector.observe_against(loss, bounds[stratum], 1.0, 0, 0);
        detector.log_e_value()
    })
}

/// Ranks of doubt among the reference's.
fn ranks(rng: &mut ChaCha8Rng, reference: usize, _: f64) -> Step<'static> {
    let scale = ConformalScale::new((0..reference).map(|_| normal(rng)).collect()).expect("finite numbers");
    let bet = ShiftBet::new(reference, MARGIN / (reference as f64).sqrt()).expect("a reference");
    let mut detector = EDetector::from_factors();
    Box::new(move |rng, change| {
        let (below, at_or_below) = scale.ranks(normal(rng) + change);
        detector.observe_factors(bet.factors(below, at_or_below), 0, 0);
        detector.log_e_value()
    })
}

/// p-values among the reference's, against a share of a hundredth and the uncertainty of the reference's own tail.
fn shares(rng: &mut ChaCha8Rng, reference: usize, _: f64) -> Step<'static> {
    let scale = ConformalScale::new((0..reference).map(|_| normal(rng)).collect()).expect("finite numbers");
    let tail = (0.01 * 0.99 / reference as f64).sqrt() / foreign_share_below(0.01);
    let bet = ContaminationBet::new(0.01 + MARGIN * tail);
    let mut detector = EDetector::from_factors();
    Box::new(move |rng, _| {
        let p = scale.p_value(normal(rng));
        detector.observe_factors(*bet.factors(p), 0, 0);
        detector.log_e_value()
    })
}

fn coin(rng: &mut ChaCha8Rng, rate: f64) -> f64 {
    f64::from(u8::from(rng.random::<f64>() < rate))
}

/// Box and Muller's transform.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

type Warning = fn(&mut ChaCha8Rng, usize, f64) -> Step<'static>;

/// Alarms without any change, over fresh references, and the steps that they took.
fn quiet(seed: u64, warning: Warning, reference: usize, rate: f64) -> (u32, u64) {
    let (mut alarms, mut steps) = (0, 0);
    for run in 0..RUNS {
        let mut rng = generator(seed, run);
        let mut step = warning(&mut rng, reference, rate);
        let alarm = (0..HORIZON).find(|_| step(&mut rng, 0.0) > ln_threshold(THRESHOLD));
        alarms += u32::from(alarm.is_some());
        steps += alarm.unwrap_or(HORIZON);
    }
    (alarms, steps)
}

/// All warnings of a task together: what one of them does not use of the budget, another may.
#[test]
fn warnings_keep_the_run_length_over_fresh_references_300_runs() {
    let novelty: (&str, Warning) = ("novelty", shares);
    // Without probabilities there is no doubt, and no stratum of confidence.
    let without = [("losses", coins as Warning), novelty];
    let with = [
        ("losses by confidence", coins_by_stratum as Warning),
        ("doubt", ranks),
        novelty,
    ];
    let cases = [
        (100, 0.1, &without[..]),
        (200, 0.02, &without),
        (200, 0.3, &without),
        (500, 0.05, &without),
        (100, 0.1, &with),
        (300, 0.05, &with),
        (1000, 0.05, &with),
    ];
    let mut seed = 900;
    for (reference, rate, warnings) in cases {
        let mut of_task = 0.0;
        for &(what, warning) in warnings {
            let (alarms, steps) = quiet(seed, warning, reference, rate);
            println!("warning of {what}, {reference} rows, rate {rate}: {alarms} alarms in {steps} steps");
            of_task += f64::from(alarms) / steps as f64;
            seed += 1;
        }
        assert!(
            of_task <= 1.0 / RUN_LENGTH,
            "{reference} rows, rate {rate}: an alarm in {:.0} steps",
            1.0 / of_task
        );
    }
}

/// Median steps to an alarm after 200 quiet ones, over 200 fresh references.
fn median_delay(seed: u64, warning: Warning, reference: usize, rate: f64, change: f64) -> u64 {
    let mut delays: Vec<u64> = (0..200)
        .map(|run| {
            let mut rng = generator(seed, run);
            let mut step = warning(&mut rng, reference, rate);
            (0..200).for_each(|_| {
                step(&mut rng, 0.0);
            });
            let alarm = (0..5000).find(|_| step(&mut rng, change) > ln_threshold(THRESHOLD));
            alarm.unwrap_or(5000)
        })
        .collect();
    delays.sort_unstable();
    delays[100]
}

#[test]
fn a_small_lasting_fall_is_warned_of_200_runs() {
    let plain = median_delay(950, coins, 500, 0.03, 0.05);
    let informed = median_delay(951, coins_by_stratum, 500, 0.03, 0.05);
    println!("warning of 5 points: median delay {plain} labels, {informed} by confidence");
    assert!(plain < 800 && informed < plain, "{plain} {informed}");
    let doubt = median_delay(952, ranks, 500, 0.0, 0.4);
    println!("warning of a rise of doubt by .4 standard deviations: median delay {doubt}");
    // Wald: threshold over the gain a step, (.4 - .056)² / 2.
    assert!(doubt < 300, "{doubt}");
}
