//! Can a classifier tell two samples apart?

use crate::error::Error;
use crate::logistic::{LogisticModel, Standardiser};
use crate::measured::{Measured, share};
use crate::ranking::Ranking;
use crate::two_sample::matrix;
use crate::weights::Weights;
use ndarray::{Array1, ArrayView1, ArrayView2, Axis};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::cmp::Ordering;

/// Area under the ROC curve of a classifier that tells the first `first` rows from the others: 0.5 when nothing tells them
/// apart. With a 95 % interval.
///
/// The rows are shuffled into `folds` parts; each of the later half is judged by a classifier that was trained on all
/// parts before it. Ordinary cross-validation would judge every row, but pairs of rows would then teach each other: its
/// area varies about twice as much as the rows say, and an interval that ignores it calls one null in eight a difference.
/// Taken one after the other, the parts' areas are unbiased given the past, and their variances add up.
///
/// The classifier is a logistic regression on a few numbers a row: for each of `maps` (rows' features and their width) the
/// projection on the difference of the samples' means, which is the witness of that map's MMD, each training row's
/// own part taken out of its mean; and the distance from the mean of all rows in the first map, which sees a change of
/// spread. So cost stays at O(folds · rows · widths), and the classifier sees what MMD sees, in all directions.
///
/// The value is the mean of the parts' areas, weighted by their pairs; variances are `DeLong`'s. Lopez-Paz and Oquab,
/// "Revisiting classifier two-sample tests" (2017); Lhéritier and Cazals, "A sequential non-parametric multivariate
/// two-sample test" (2018), judge each row by its past. Deterministic in the seed.
///
/// # Errors
/// [`Error::TooFew`] without a map, with fewer than two folds, or when a sample has fewer than two rows a fold;
/// [`Error::LengthMismatch`] when maps differ in rows; [`Error::NonFinite`].
pub fn domain_classifier_auc(
    maps: &[(&[f32], usize)],
    first: usize,
    folds: usize,
    seed: u64,
) -> Result<Measured, Error> {
    let maps = maps
        .iter()
        .map(|(values, width)| matrix(values, *width, 1))
        .collect::<Result<Vec<_>, _>>()?;
    let n = maps.first().map_or(0, ArrayView2::nrows);
    let smaller = first.min(n.saturating_sub(first));
    if folds < 2 || smaller < 2 * folds {
        return Err(Error::TooFew {
            have: smaller,
            need: 2 * folds.max(2),
        });
    }
    if let Some(other) = maps.iter().find(|m| m.nrows() != n) {
        return Err(Error::LengthMismatch {
            left: n,
            right: other.nrows(),
        });
    }
    let fold = assign_folds(first, n, folds, seed);
    let spread = distances_from_the_mean(&maps[0]);
    let maps: Vec<Map<'_>> = maps.iter().map(Map::new).collect();
    let (mut value, mut variance, mut pairs) = (0.0, 0.0, 0.0);
    for judged in folds / 2..folds {
        let scored = Scored::new(&maps, &spread, first, |row| match fold[row].cmp(&judged) {
            Ordering::Less => Role::Teaches,
            Ordering::Equal => Role::Judged,
            Ordering::Greater => Role::Later,
        })?;
        let weight = scored.pairs;
        let of_fold = scored.auc();
        value += weight * of_fold.0;
        variance += weight * weight * of_fold.1;
        pairs += weight;
    }
    Ok(share(
        value / pairs,
        variance / (pairs * pairs),
        smaller as f64,
        f64::INFINITY,
    ))
}

/// The fold of each row; folds have equally many of each sample, but for one.
fn assign_folds(first: usize, n: usize, folds: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut fold = vec![0; n];
    for range in [0..first, first..n] {
        let mut rows: Vec<usize> = range.collect();
        rows.shuffle(&mut rng);
        for (at, row) in rows.into_iter().enumerate() {
            fold[row] = at % folds;
        }
    }
    fold
}

fn distances_from_the_mean(map: &ArrayView2<'_, f32>) -> Vec<f64> {
    let mean = map
        .mean_axis(Axis(0))
        .unwrap_or_else(|| Array1::zeros(map.ncols()));
    let apart = |row: ArrayView1<'_, f32>| {
        let apart = &row - &mean;
        f64::from(apart.dot(&apart)).sqrt()
    };
    map.rows().into_iter().map(apart).collect()
}

/// What a row is to the classifier of one fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Teaches,
    Judged,
    Later,
}

/// The rows of one fold with the log-odds that the folds before it give them.
struct Scored {
    scores: Vec<f64>,
    positive: Vec<bool>,
    pairs: f64,
}

impl Scored {
    fn new(
        maps: &[Map<'_>],
        spread: &[f64],
        first: usize,
        role: impl Fn(usize) -> Role,
    ) -> Result<Self, Error> {
        let mut columns: Vec<Vec<f64>> = maps.iter().map(|map| map.witness(first, &role)).collect();
        columns.push(spread.to_vec());
        let rows = |wanted: Role| {
            (0..spread.len())
                .filter(|&r| role(r) == wanted)
                .collect::<Vec<usize>>()
        };
        let (teaching, judged) = (rows(Role::Teaches), rows(Role::Judged));
        let features = |row: &usize| columns.iter().map(|c| c[*row]).collect::<Vec<f64>>();
        let raw: Vec<Vec<f64>> = teaching.iter().map(features).collect();
        let standardiser = Standardiser::fit(&raw)?;
        let standard = |row: Vec<f64>| {
            let mut out = vec![1.0];
            standardiser.apply(&row, &mut out);
            out
        };
        let lessons: Vec<Vec<f64>> = raw.into_iter().map(standard).collect();
        let is_first: Vec<bool> = teaching.iter().map(|&r| r < first).collect();
        let model = LogisticModel::fit(&lessons, &is_first)?;
        let positive: Vec<bool> = judged.iter().map(|&r| r < first).collect();
        let positives = positive.iter().filter(|&&p| p).count();
        Ok(Self {
            scores: judged
                .iter()
                .map(|r| model.log_odds(&standard(features(r))))
                .collect(),
            pairs: positives as f64 * (positive.len() - positives) as f64,
            positive,
        })
    }

    /// The area and its variance.
    fn auc(&self) -> (f64, f64) {
        let (value, influence) = Ranking::Auroc.influence(&self.scores, |i| self.positive[i], Weights::Equal);
        let n = influence.len() as f64;
        let squares: f64 = influence.iter().map(|x| x * x).sum();
        (value, squares / (n * n))
    }
}

/// The features of all rows.
struct Map<'a> {
    rows: ArrayView2<'a, f32>,
    /// Squared length of each row.
    squares: Vec<f64>,
}

impl<'a> Map<'a> {
    fn new(rows: &ArrayView2<'a, f32>) -> Self {
        let squares = rows.outer_iter().map(|row| f64::from(row.dot(&row))).collect();
        Self { rows: *rows, squares }
    }

    /// Each row's product with the mean of the rows that are `taken`, and their number.
    fn products_with_mean(&self, taken: impl Fn(usize) -> bool) -> (Array1<f32>, f64) {
        let indicator = |row| f32::from(u8::from(taken(row)));
        let indicators: Array1<f32> = (0..self.squares.len()).map(indicator).collect();
        let n = indicators.sum().max(1.0);
        let mean = indicators.dot(&self.rows) / n;
        (self.rows.dot(&mean), f64::from(n))
    }

    /// Projection of each row on the difference of the samples' means over the rows that teach; such a row's own part is
    /// taken out of its sample's mean, so that it looks to the classifier as a new row would.
    fn witness(&self, first: usize, role: &impl Fn(usize) -> Role) -> Vec<f64> {
        let teaches = |row: usize| role(row) == Role::Teaches;
        let (on_x, n) = self.products_with_mean(|row| row < first && teaches(row));
        let (on_y, m) = self.products_with_mean(|row| row >= first && teaches(row));
        let rows = self.squares.iter().zip(on_x.iter().zip(&on_y)).enumerate();
        rows.map(|(row, (own, (&x, &y)))| {
            let (x, y) = (f64::from(x), f64::from(y));
            let without = |on: f64, size: f64| (size * on - own) / (size - 1.0).max(1.0);
            match (teaches(row), row < first) {
                (true, true) => without(x, n) - y,
                (true, false) => x - without(y, m),
                (false, _) => x - y,
            }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    fn rows(n: usize, dim: usize, shift: f32, scale: f32, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n * dim)
            .map(|_| scale * (rng.random::<f32>() - 0.5) + shift)
            .collect()
    }

    #[test]
    fn what_differs_is_told_apart_and_what_does_not_is_not() {
        let auc = |shift, scale| {
            let all = [rows(120, 10, shift, scale, 1), rows(160, 10, 0.0, 1.0, 2)].concat();
            domain_classifier_auc(&[(&all, 10)], 120, 10, 3).unwrap()
        };
        let same = auc(0.0, 1.0);
        assert!(same.interval.low < 0.5 && 0.5 < same.interval.high, "{same:?}");
        assert!(auc(0.15, 1.0).interval.low > 0.75);
        assert!(auc(0.0, 0.6).interval.low > 0.75, "spread alone");
        assert!(auc(5.0, 1.0).value > 0.999);
    }

    #[test]
    fn too_few_rows_and_maps_of_other_lengths_are_errors() {
        let values = rows(20, 2, 0.0, 1.0, 1);
        let call =
            |maps: &[(&[f32], usize)], first, folds| domain_classifier_auc(maps, first, folds, 1).map(|_| ());
        assert!(matches!(call(&[], 5, 5), Err(Error::TooFew { .. })));
        assert!(matches!(
            call(&[(&values, 2)], 9, 5),
            Err(Error::TooFew { have: 9, need: 10 })
        ));
        assert!(matches!(call(&[(&values, 2)], 10, 1), Err(Error::TooFew { .. })));
        let short = &values[..20];
        assert!(matches!(
            call(&[(&values, 2), (short, 2)], 10, 5),
            Err(Error::LengthMismatch { left: 20, right: 10 })
        ));
        assert!(call(&[(&[0.5; 40], 2)], 10, 5).is_ok(), "equal rows are no error");
    }
}
