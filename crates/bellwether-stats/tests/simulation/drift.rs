//! Two-sample tests of drift reports: size under the null, power under shifts of the mean, of a mixture and of the spread.

use crate::generator;
use bellwether_stats::{
    ClassMoments, KernelFeatures, Shuffles, domain_classifier_auc, mean_split, median_distance, normalise,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

const DIM: usize = 32;
const CLASSES: usize = 4;
const WINDOW: usize = 100;
const REFERENCE: usize = 150;
const ALPHA: f64 = 0.05;

/// What differs in the window.
#[derive(Debug, Clone, Copy)]
enum Change {
    Nothing,
    /// All inputs move by so much of a class's spread.
    Shift(f32),
    /// The proportions of the classes are turned round.
    Mix,
    /// A fifth of the inputs come from elsewhere.
    Foreign,
    /// Inputs lie nearer to their class's mean: the mean stays.
    Spread(f32),
}

fn gauss(rng: &mut ChaCha8Rng) -> f32 {
    (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0
}

/// Unit vectors about their classes' places, with spread one half of the distance of classes; and the classes.
fn sample(rng: &mut ChaCha8Rng, n: usize, change: Change) -> (Vec<f32>, Vec<usize>) {
    let (mut rows, mut class) = (Vec::with_capacity(n * DIM), Vec::with_capacity(n));
    let spread = 1.0 / (DIM as f32).sqrt();
    for _ in 0..n {
        // Proportions .4, .3, .2, .1.
        let u = rng.random_range(0..10);
        let mut c = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3][u];
        if matches!(change, Change::Mix) {
            c = CLASSES - 1 - c;
        }
        let foreign = matches!(change, Change::Foreign) && rng.random_bool(0.2);
        let scale = if let Change::Spread(s) = change {
            s * spread
        } else {
            spread
        };
        let at = rows.len();
        rows.extend((0..DIM).map(|_| scale * gauss(rng)));
        rows[at + if foreign { CLASSES } else { c }] += 1.0;
        if let Change::Shift(by) = change {
            rows[at + 10] += by * spread;
        }
        class.push(c);
    }
    normalise(&mut rows, DIM);
    (rows, class)
}

/// Share of the runs in which each test finds a difference: kernel, linear, energy, classifier, spread, within classes.
fn found(seed: u64, runs: u64, change: Change) -> [f64; 6] {
    let mut found = [0.0; 6];
    for run in 0..runs {
        let mut rng = generator(seed, run);
        let (x, class) = sample(&mut rng, WINDOW, change);
        let (y, known) = sample(&mut rng, REFERENCE, Change::Nothing);
        let bandwidth = median_distance(&y[..60 * DIM], DIM).expect("rows");
        let features = KernelFeatures::new(DIM, 64, bandwidth, 9).expect("a bandwidth");
        let all = [x.as_slice(), &y].concat();
        let z = features.features(&all).expect("rows");
        let shuffles = Shuffles::new(WINDOW, WINDOW + REFERENCE, 99, run).expect("rows");
        let kernel = shuffles.mean_distance(&z, features.width()).expect("rows");
        let linear = shuffles.mean_distance(&all, DIM).expect("rows");
        let energy = shuffles.energy_distance(&all, DIM).expect("rows");
        let auc =
            domain_classifier_auc(&[(&all, DIM), (&z, features.width())], WINDOW, 10, run).expect("rows");
        let split = mean_split(&x, &class, &moments(&y, &known)).expect("rows");
        let outside =
            |e: bellwether_stats::WithError, null: f64| (e.value - null).abs() > 1.96 * e.standard_error;
        let hits = [
            kernel.p_value <= ALPHA,
            linear.p_value <= ALPHA,
            energy.p_value <= ALPHA,
            auc.interval.low > 0.5,
            outside(split.spread, 1.0),
            split.within.value > 1.645 * split.within.standard_error,
        ];
        for (count, hit) in found.iter_mut().zip(hits) {
            *count += f64::from(u8::from(hit)) / runs as f64;
        }
    }
    println!(
        "{change:?}: kernel {:.3}, linear {:.3}, energy {:.3}, classifier {:.3}, spread {:.3}, within {:.3}",
        found[0], found[1], found[2], found[3], found[4], found[5]
    );
    found
}

fn moments(rows: &[f32], class: &[usize]) -> ClassMoments {
    let (mut counts, mut means) = (vec![0.0; CLASSES], vec![0.0; CLASSES * DIM]);
    for (row, &c) in rows.chunks(DIM).zip(class) {
        counts[c] += 1.0;
        for (m, &x) in means[c * DIM..].iter_mut().zip(row) {
            *m += f64::from(x);
        }
    }
    for (c, count) in counts.iter().enumerate() {
        means[c * DIM..(c + 1) * DIM]
            .iter_mut()
            .for_each(|m| *m /= f64::max(*count, 1.0));
    }
    ClassMoments::new(&counts, &means, DIM).expect("rows")
}

#[test]
fn permutation_tests_have_their_size_and_intervals_theirs_400_runs() {
    let [kernel, linear, energy, classifier, spread, within] = found(90, 400, Change::Nothing);
    // 3.29 standard errors of a share of 5 % over 400 runs are 3.6 points.
    for (name, size) in [("kernel", kernel), ("linear", linear), ("energy", energy)] {
        assert!((0.014..0.086).contains(&size), "{name}: {size}");
    }
    // One end of a 95 % interval: 2.5 %, and 3.29 standard errors more are 5.1.
    assert!(classifier < 0.061, "classifier: {classifier}");
    assert!(spread < 0.09, "spread: {spread}");
    assert!(within < 0.11, "within: {within}");
}

#[test]
fn power_grows_with_the_shift_60_runs() {
    let mut before = [0.0; 6];
    for by in [0.5, 1.0, 1.5] {
        let now = found(91, 60, Change::Shift(by));
        for test in 0..4 {
            assert!(
                now[test] >= before[test] - 0.1,
                "test {test}: {} after {}",
                now[test],
                before[test]
            );
        }
        before = now;
    }
    for (test, power) in before.iter().take(4).enumerate() {
        assert!(*power > 0.8, "test {test} finds {power} of shifts by 1.5");
    }
    assert!(before[5] > 0.95, "within classes: {}", before[5]);
}

#[test]
fn a_mix_and_foreign_inputs_are_seen_by_all_and_the_mix_is_not_within_classes_60_runs() {
    let mix = found(92, 60, Change::Mix);
    let foreign = found(93, 60, Change::Foreign);
    for test in 0..4 {
        assert!(mix[test] > 0.9, "test {test}: {}", mix[test]);
        // A fifth of a hundred inputs are few for a classifier that judges half of them.
        let least = if test == 3 { 0.25 } else { 0.7 };
        assert!(foreign[test] > least, "test {test}: {}", foreign[test]);
    }
    assert!(mix[5] < 0.15, "movement within classes: {}", mix[5]);
}

#[test]
fn a_change_of_spread_is_seen_by_the_spread_and_the_classifier_long_before_the_kernel_60_runs() {
    let slight = found(94, 60, Change::Spread(0.9));
    assert!(slight[4] > 0.8, "spread: {}", slight[4]);
    assert!(
        slight[0] < 0.5 && slight[1] < 0.5,
        "kernel {} and mean {} are nearly blind",
        slight[0],
        slight[1]
    );
    let strong = found(95, 60, Change::Spread(0.7));
    assert!(strong[4] > 0.95, "spread: {}", strong[4]);
    assert!(
        strong[3] > strong[1] + 0.1 && strong[2] < 0.6,
        "classifier {}, mean {}, energy {}",
        strong[3],
        strong[1],
        strong[2]
    );
}
