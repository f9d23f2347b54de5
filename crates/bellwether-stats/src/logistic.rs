//! Binary logistic regression with an L2 penalty and balanced classes.

use crate::error::{Error, all_finite};

/// Centre and scale of features, so that the penalty treats them alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardiser {
    /// Mean a feature, `[k]`.
    pub mean: Vec<f64>,
    /// Standard deviation a feature, `[k]`, positive.
    pub scale: Vec<f64>,
}

impl Standardiser {
    /// Learns from rows `[n][k]`; a constant feature gets scale one.
    ///
    /// # Errors
    /// [`Error::TooFew`] without rows, [`Error::LengthMismatch`] when rows differ in length, [`Error::NonFinite`] with the
    /// position of the value in its row.
    pub fn fit(rows: &[Vec<f64>]) -> Result<Self, Error> {
        let first = rows.first().ok_or(Error::TooFew { have: 0, need: 1 })?;
        all_regular(rows, first.len())?;
        let n = rows.len() as f64;
        let mean: Vec<f64> = (0..first.len())
            .map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / n)
            .collect();
        let scale = (0..first.len())
            .map(|j| (rows.iter().map(|r| (r[j] - mean[j]).powi(2)).sum::<f64>() / n).sqrt())
            .map(|s| if s > 1e-12 { s } else { 1.0 })
            .collect();
        Ok(Self { mean, scale })
    }

    /// Writes the standardised features to `out`, after what is there.
    pub fn apply(&self, row: &[f64], out: &mut Vec<f64>) {
        out.extend(
            row.iter()
                .zip(self.mean.iter().zip(&self.scale))
                .map(|(x, (m, s))| (x - m) / s),
        );
    }
}

/// Weights of a fitted model; the first belongs to the constant feature, which is not penalised.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticModel {
    /// `[k]`.
    pub weights: Vec<f64>,
    /// Share of the training rows on the right side, in `[0, 1]`; NaN with one class only.
    pub training_accuracy: f64,
}

/// Newton steps; the penalised likelihood is strictly concave and converges in far fewer.
const STEPS: usize = 100;
/// Halvings of a step that went too far.
const HALVINGS: usize = 30;

impl LogisticModel {
    /// Fits `rows[n][k]` (first feature 1) to `positive[n]` by Newton's method with penalty ½ on the squared weights
    /// and both classes weighted to the same total. With one class only, all weights are zero.
    ///
    /// # Errors
    /// [`Error::TooFew`] without rows, [`Error::LengthMismatch`] when `positive` or a row differs in length,
    /// [`Error::NonFinite`] with the position of the value in its row.
    pub fn fit(rows: &[Vec<f64>], positive: &[bool]) -> Result<Self, Error> {
        let first = rows.first().ok_or(Error::TooFew { have: 0, need: 1 })?;
        if rows.len() != positive.len() {
            return Err(Error::LengthMismatch {
                left: rows.len(),
                right: positive.len(),
            });
        }
        let k = first.len();
        all_regular(rows, k)?;
        let share = positive.iter().filter(|&&p| p).count() as f64 / rows.len() as f64;
        let mut weights = vec![0.0; k];
        if share <= 0.0 || share >= 1.0 {
            return Ok(Self {
                weights,
                training_accuracy: f64::NAN,
            });
        }
        let problem = Problem {
            rows,
            positive,
            share,
        };
        let mut loss = problem.loss(&weights);
        for _ in 0..STEPS {
            let mut step = problem.newton_step(&weights);
            // A full step can overshoot where classes are nearly separated and the curvature fades: halve until it gains.
            let next = (0..HALVINGS).find_map(|_| {
                let candidate: Vec<f64> = weights.iter().zip(&step).map(|(w, s)| w + s).collect();
                let gained = problem.loss(&candidate);
                for s in &mut step {
                    *s *= 0.5;
                }
                (gained < loss).then_some((candidate, gained))
            });
            let Some(next) = next else { break };
            (weights, loss) = next;
        }
        let right = rows
            .iter()
            .zip(positive)
            .filter(|(row, y)| (dot(row, &weights) > 0.0) == **y)
            .count();
        Ok(Self {
            training_accuracy: right as f64 / rows.len() as f64,
            weights,
        })
    }

    /// Log-odds of the positive class for features `[k]`.
    #[must_use]
    pub fn log_odds(&self, row: &[f64]) -> f64 {
        dot(row, &self.weights)
    }
}

/// Minimise `½ Σ_{j>0} w_j² + Σ_i weight_i ln(1 + e^{∓ x_i·w})`, each class weighing half the rows.
struct Problem<'a> {
    rows: &'a [Vec<f64>],
    positive: &'a [bool],
    /// Of the positive class, strictly between 0 and 1.
    share: f64,
}

impl Problem<'_> {
    /// Row, whether positive, and weight.
    fn weighted(&self) -> impl Iterator<Item = (&[f64], bool, f64)> {
        self.rows.iter().zip(self.positive).map(|(row, &y)| {
            let share = if y { self.share } else { 1.0 - self.share };
            (row.as_slice(), y, 0.5 / share)
        })
    }

    fn loss(&self, weights: &[f64]) -> f64 {
        let penalty = 0.5 * weights.iter().skip(1).map(|w| w * w).sum::<f64>();
        let data: f64 = self
            .weighted()
            .map(|(row, y, weight)| {
                let z = dot(row, weights);
                weight * log_add_exp(if y { -z } else { z }, 0.0)
            })
            .sum();
        penalty + data
    }

    /// The solution of `H step = −gradient`, `[k]`.
    fn newton_step(&self, weights: &[f64]) -> Vec<f64> {
        let k = weights.len();
        let mut descent: Vec<f64> = weights
            .iter()
            .enumerate()
            .map(|(j, w)| if j == 0 { 0.0 } else { -w })
            .collect();
        let mut hessian = vec![0.0; k * k];
        for j in 1..k {
            hessian[j * k + j] = 1.0;
        }
        for (row, y, weight) in self.weighted() {
            let p = sigmoid(dot(row, weights));
            let error = weight * (f64::from(u8::from(y)) - p);
            let curvature = weight * p * (1.0 - p);
            for i in 0..k {
                descent[i] += error * row[i];
                for j in 0..=i {
                    hessian[i * k + j] += curvature * row[i] * row[j];
                }
            }
        }
        solve_positive_definite(&mut hessian, &mut descent, k);
        descent
    }
}

/// Checks that each row has `k` finite features.
fn all_regular(rows: &[Vec<f64>], k: usize) -> Result<(), Error> {
    rows.iter().try_for_each(|row| {
        if row.len() == k {
            all_finite(row)
        } else {
            Err(Error::LengthMismatch {
                left: k,
                right: row.len(),
            })
        }
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x.clamp(-30.0, 30.0)).exp())
}

/// Solves `A x = b` in place by Cholesky; `a` is `[k, k]` with its lower triangle filled, `b` becomes `x`.
fn solve_positive_definite(a: &mut [f64], b: &mut [f64], k: usize) {
    for i in 0..k {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|l| a[i * k + l] * a[j * k + l]).sum();
            let rest = a[i * k + j] - sum;
            a[i * k + j] = if i == j {
                rest.max(f64::MIN_POSITIVE).sqrt()
            } else {
                rest / a[j * k + j]
            };
        }
    }
    for i in 0..k {
        let sum: f64 = (0..i).map(|l| a[i * k + l] * b[l]).sum();
        b[i] = (b[i] - sum) / a[i * k + i];
    }
    for i in (0..k).rev() {
        let sum: f64 = (i + 1..k).map(|l| a[l * k + i] * b[l]).sum();
        b[i] = (b[i] - sum) / a[i * k + i];
    }
}

/// `ln(e^a + e^b)` without overflow.
fn log_add_exp(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    high + (low - high).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_differ_in_length_or_are_not_numbers_are_refused() {
        let ragged = [vec![1.0, 2.0], vec![1.0]];
        let mismatch = Error::LengthMismatch { left: 2, right: 1 };
        assert_eq!(LogisticModel::fit(&ragged, &[true, false]), Err(mismatch.clone()));
        assert_eq!(Standardiser::fit(&ragged), Err(mismatch));
        let hole = [vec![1.0, 2.0], vec![1.0, f64::NAN]];
        assert_eq!(
            LogisticModel::fit(&hole, &[true, false]),
            Err(Error::NonFinite { index: 1 })
        );
        assert_eq!(Standardiser::fit(&hole), Err(Error::NonFinite { index: 1 }));
        assert_eq!(
            LogisticModel::fit(&hole, &[true]),
            Err(Error::LengthMismatch { left: 2, right: 1 })
        );
        assert_eq!(
            LogisticModel::fit(&[], &[]),
            Err(Error::TooFew { have: 0, need: 1 })
        );
    }

    #[test]
    fn one_class_gives_no_opinion() {
        let model = LogisticModel::fit(&[vec![1.0, 3.0], vec![1.0, 4.0]], &[true, true]).unwrap();
        assert!(model.log_odds(&[1.0, 100.0]) == 0.0 && model.training_accuracy.is_nan());
    }

    #[test]
    fn log_add_exp_is_symmetric_and_exact_at_equal_arguments() {
        assert!((log_add_exp(3.0, 3.0) - (3.0 + 2.0_f64.ln())).abs() < 1e-12);
        assert!((log_add_exp(-700.0, 5.0) - log_add_exp(5.0, -700.0)).abs() < f64::EPSILON);
    }
}
