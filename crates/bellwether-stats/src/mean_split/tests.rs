use super::*;
use crate::similarity::normalise;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIM: usize = 24;
const CLASSES: usize = 4;

/// Unit vectors about class centres; within `moved` classes they move by `by` along one direction.
fn sample(
    rng: &mut ChaCha8Rng,
    sizes: [usize; CLASSES],
    moved: &[usize],
    by: f32,
    spread: f32,
) -> (Vec<f32>, Vec<usize>) {
    let (mut rows, mut class) = (Vec::new(), Vec::new());
    for (c, &size) in sizes.iter().enumerate() {
        for _ in 0..size {
            let at = rows.len();
            rows.extend((0..DIM).map(|_| spread * (rng.random::<f32>() - 0.5)));
            rows[at + c] += 1.0;
            if moved.contains(&c) {
                rows[at + 10] += by;
            }
            class.push(c);
        }
    }
    normalise(&mut rows, DIM);
    (rows, class)
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
    ClassMoments::new(&counts, &means, DIM).unwrap()
}

fn split(window: &(Vec<f32>, Vec<usize>), reference: &(Vec<f32>, Vec<usize>)) -> MeanSplit {
    mean_split(&window.0, &window.1, &moments(&reference.0, &reference.1)).unwrap()
}

const EVEN: [usize; CLASSES] = [80, 60, 40, 20];

#[test]
fn each_part_is_seen_where_it_is_and_both_add_up() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let reference = sample(&mut rng, [200, 150, 100, 50], &[], 0.0, 0.5);
    let clear = |e: WithError| e.value > 4.0 * e.standard_error;
    let quiet = |e: WithError| e.value.abs() < 3.0 * e.standard_error;
    let mix = split(&sample(&mut rng, [20, 40, 60, 80], &[], 0.0, 0.5), &reference);
    assert!(clear(mix.mix) && quiet(mix.within), "{mix:?}");
    let within = split(&sample(&mut rng, EVEN, &[0, 1, 2, 3], 0.4, 0.5), &reference);
    assert!(clear(within.within) && quiet(within.mix), "{within:?}");
    assert!(within.direction[10] > 0.2, "{:?}", within.direction);
    let alike = split(&sample(&mut rng, EVEN, &[], 0.0, 0.3), &reference);
    let spread = alike.spread;
    assert!(spread.value + 4.0 * spread.standard_error < 1.0, "{spread:?}");
    for s in [mix, within, alike] {
        let sum = s.mix.value + s.within.value + s.interaction;
        assert!((sum - s.total.value).abs() < 1e-12);
        let shares: f64 = s.classes.iter().map(|c| c.share_of_within).sum();
        assert!((shares - 1.0).abs() < 1e-9);
    }
}

#[test]
fn the_class_that_moved_is_named() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let reference = sample(&mut rng, [200, 150, 100, 50], &[], 0.0, 0.5);
    let got = split(&sample(&mut rng, EVEN, &[2], 0.5, 0.5), &reference);
    for class in &got.classes {
        let moved = class.moved.unwrap();
        let z = moved.value / moved.standard_error;
        assert_eq!(z > 4.0, class.class == 2, "{class:?}");
    }
    assert!(got.classes[2].share_of_within > 0.7, "{:?}", got.classes[2]);
}

#[test]
fn estimates_are_unbiased_and_their_errors_true_400_runs() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    // What infinitely many rows would give.
    let endless = |rng: &mut ChaCha8Rng, sizes: [usize; CLASSES], by| {
        sample(rng, sizes.map(|s| 50 * s), &[1, 3], by, 0.8)
    };
    for (sizes, by) in [([80, 60, 40, 20], 0.0_f32), ([50, 50, 50, 50], 0.3)] {
        let (a, b) = (
            endless(&mut rng, sizes, by),
            endless(&mut rng, [80, 60, 40, 20], 0.0),
        );
        let truth = split(&a, &b);
        let mut parts: [Vec<(f64, f64)>; 3] = Default::default();
        for _ in 0..400 {
            // The sizes of the classes are drawn as well.
            let drawn = |rng: &mut ChaCha8Rng, sizes: [usize; CLASSES], n: usize| {
                let mut out = [0; CLASSES];
                let total: usize = sizes.iter().sum();
                for _ in 0..n {
                    let mut at = rng.random_range(0..total);
                    let c = sizes.iter().position(|&s| {
                        let here = at < s;
                        at = at.saturating_sub(s);
                        here
                    });
                    out[c.unwrap()] += 1;
                }
                out
            };
            let (now, then) = (
                drawn(&mut rng, sizes, 100),
                drawn(&mut rng, [80, 60, 40, 20], 150),
            );
            let got = split(
                &sample(&mut rng, now, &[1, 3], by, 0.8),
                &sample(&mut rng, then, &[], 0.0, 0.8),
            );
            for (part, e) in parts.iter_mut().zip([got.total, got.mix, got.within]) {
                part.push((e.value, e.standard_error));
            }
        }
        for (part, truth) in parts.iter().zip([truth.total, truth.mix, truth.within]) {
            let n = part.len() as f64;
            let mean = part.iter().map(|p| p.0).sum::<f64>() / n;
            let sd = (part.iter().map(|p| (p.0 - mean).powi(2)).sum::<f64>() / n).sqrt();
            assert!(
                (mean - truth.value).abs() < 4.0 * sd / n.sqrt() + 2e-4,
                "{mean} for {truth:?}"
            );
            let told = part.iter().map(|p| p.1).sum::<f64>() / n;
            assert!((0.75..1.35).contains(&(told / sd)), "told {told}, is {sd}");
        }
    }
}

#[test]
fn a_class_that_the_reference_has_not_is_no_reason_to_fail() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let reference = sample(&mut rng, [100, 50, 0, 1], &[], 0.0, 0.5);
    let got = split(&sample(&mut rng, [20, 20, 20, 20], &[], 0.0, 0.5), &reference);
    assert!(
        got.total.value.is_finite() && got.mix.value.is_finite() && got.within.standard_error.is_finite()
    );
    assert!(got.classes[2].moved.is_none() && got.classes[3].moved.is_none());
    assert!((got.mix.value + got.within.value + got.interaction - got.total.value).abs() < 1e-12);
}

#[test]
fn wrong_shapes_are_errors() {
    let reference = ClassMoments::new(&[3.0, 2.0], &[0.1; 4], 2).unwrap();
    assert!(matches!(
        mean_split(&[1.0, 0.0], &[0], &reference),
        Err(Error::TooFew { .. })
    ));
    let rows = [1.0, 0.0, 0.0, 1.0];
    assert!(matches!(
        mean_split(&rows, &[0], &reference),
        Err(Error::LengthMismatch { .. })
    ));
    assert!(matches!(
        mean_split(&rows, &[0, 2], &reference),
        Err(Error::UnknownClass { index: 1, .. })
    ));
    assert!(matches!(
        ClassMoments::new(&[1.0], &[0.0; 2], 2),
        Err(Error::TooFew { .. })
    ));
    assert!(matches!(
        ClassMoments::new(&[3.0], &[0.0; 3], 2),
        Err(Error::LengthMismatch { .. })
    ));
}
