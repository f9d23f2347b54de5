//! The parts of drift reports against numpy and scipy.

use crate::{assert_close, cases_of_kind, integer, integers, number, numbers, singles};
use bellwether_stats::{ClassMoments, Shuffles, mean_split, walsh_hadamard};

const DRIFT: &str = include_str!("drift.json");
/// Sums in single precision of numbers of the order of one.
const SINGLE: f64 = 2e-6;
/// Sums in single precision of up to 512 numbers of the order of one: 512 half-steps of rounding.
const TRANSFORM: f64 = 3e-5;
/// Unit vectors are such up to single precision, and their length stands for their variance.
const UNIT: f64 = 1e-6;

#[test]
fn the_transform_is_the_matrix_product() {
    for case in cases_of_kind(DRIFT, "hadamard") {
        let mut values = singles(&case["values"]);
        walsh_hadamard(&mut values);
        let values_len = values.len();
        for (got, want) in values.iter().zip(numbers(&case["expected"])) {
            assert_close(f64::from(*got), want, TRANSFORM, &values_len);
        }
    }
}

#[test]
fn distances_are_means_over_pairs_of_different_rows() {
    for case in cases_of_kind(DRIFT, "distances") {
        let (dim, x, y) = (integer(&case["dim"]), singles(&case["x"]), singles(&case["y"]));
        let all = [x.as_slice(), &y].concat();
        let shuffles = Shuffles::new(x.len() / dim, all.len() / dim, 9, 1).unwrap();
        let linear = shuffles.mean_distance(&all, dim).unwrap().value;
        assert_close(linear, number(&case["linear"]), SINGLE, &"linear");
        let energy = shuffles.energy_distance(&all, dim).unwrap().value;
        assert_close(energy, number(&case["energy"]), SINGLE, &"energy");
    }
}

#[test]
fn the_split_is_that_of_the_definitions() {
    for case in cases_of_kind(DRIFT, "split") {
        let (dim, x, y) = (integer(&case["dim"]), singles(&case["x"]), singles(&case["y"]));
        let known = integers(&case["reference_class"]);
        let (mut counts, mut means) = (vec![0.0; 3], vec![0.0; 3 * dim]);
        for (row, &c) in y.chunks(dim).zip(&known) {
            counts[c] += 1.0;
            for (m, &v) in means[c * dim..].iter_mut().zip(row) {
                *m += f64::from(v);
            }
        }
        for (at, m) in means.iter_mut().enumerate() {
            *m /= counts[at / dim];
        }
        let moments = ClassMoments::new(&counts, &means, dim).unwrap();
        let split = mean_split(&x, &integers(&case["class"]), &moments).unwrap();
        for (name, got) in [
            ("total", split.total.value),
            ("mix", split.mix.value),
            ("within", split.within.value),
            ("spread", split.spread.value),
        ] {
            assert_close(got, number(&case[name]), UNIT, &name);
        }
        for (class, want) in split.classes.iter().zip(numbers(&case["moved"])) {
            assert_close(class.moved.unwrap().value, want, 10.0 * UNIT, &class.class);
        }
    }
}
