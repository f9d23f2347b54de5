//! Binary logistic regression with an L2 penalty and balanced classes.

use crate::error::Error;

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
    /// [`Error::TooFew`] without rows.
    pub fn fit(rows: &[Vec<f64>]) -> Result<Self, Error> {
        let first = rows.first().ok_or(Error::TooFew { have: 0, need: 1 })?;
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
    /// Share of the training rows on the right side, in `[0, 1]`.
    pub training_accuracy: f64,
}

/// Newton steps; the penalised likelihood is strictly concave and converges in far fewer.
const STEPS: usize = 40;

impl LogisticModel {
    /// Fits `rows[n][k]` (first feature 1) to `positive[n]` by Newton's method with penalty ½ on the squared weights
    /// and both classes weighted to the same total. With one class only, all weights are zero.
    ///
    /// # Errors
    /// [`Error::TooFew`] without rows, [`Error::LengthMismatch`].
    pub fn fit(rows: &[Vec<f64>], positive: &[bool]) -> Result<Self, Error> {
        let first = rows.first().ok_or(Error::TooFew { have: 0, need: 1 })?;
        if rows.len() != positive.len() {
            return Err(Error::LengthMismatch {
                left: rows.len(),
                right: positive.len(),
            });
        }
        let k = first.len();
        let share = positive.iter().filter(|&&p| p).count() as f64 / rows.len() as f64;
        let mut weights = vec![0.0; k];
        if share <= 0.0 || share >= 1.0 {
            return Ok(Self {
                weights,
                training_accuracy: f64::NAN,
            });
        }
        for _ in 0..STEPS {
            let mut gradient: Vec<f64> = weights
                .iter()
                .enumerate()
                .map(|(j, w)| if j == 0 { 0.0 } else { -w })
                .collect();
            let mut hessian = vec![0.0; k * k];
            for j in 0..k {
                hessian[j * k + j] = 1.0;
            }
            for (row, &y) in rows.iter().zip(positive) {
                let weight = if y { 0.5 / share } else { 0.5 / (1.0 - share) };
                let p = sigmoid(dot(row, &weights));
                let error = weight * (f64::from(u8::from(y)) - p);
                let curvature = weight * p * (1.0 - p);
                for i in 0..k {
                    gradient[i] += error * row[i];
                    for j in 0..=i {
                        hessian[i * k + j] += curvature * row[i] * row[j];
                    }
                }
            }
            solve_positive_definite(&mut hessian, &mut gradient, k);
            for (w, step) in weights.iter_mut().zip(&gradient) {
                *w += step;
            }
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
