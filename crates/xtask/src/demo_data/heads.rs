//! The tasks' heads: multinomial logistic regression with an L2 penalty.

use anyhow::{Context, Result, ensure};
use ndarray::{Array1, Array2, ArrayView1, Axis, s};

/// Weights of the squared norm beside the mean log-loss, for heads on sentences and on words. Chosen so that the mean confidence on
/// the reference is near the share of right answers.
pub(super) const SENTENCE_PENALTY: f32 = 1e-5;
/// See [`SENTENCE_PENALTY`]; a tagger sees some ten times as many rows.
pub(super) const WORD_PENALTY: f32 = 1e-6;
/// The weights change by less than the answers show beyond this.
const ITERATIONS: usize = 1200;
/// Rounds of power iteration for the largest eigenvalue, and the margin for what they leave.
const POWER_ROUNDS: usize = 60;
const POWER_MARGIN: f32 = 1.05;

/// A fitted head on features of width `dim`.
#[derive(Debug)]
pub(super) struct Head {
    /// `[dim, labels]`, for features as they come.
    weights: Array2<f32>,
    /// `[labels]`.
    biases: Array1<f32>,
}

impl Head {
    /// Fits to `rows`, `[n][dim]`, and their classes, `[n]`, each below `labels`, with `penalty` on the squared weights.
    ///
    /// Features are centred and scaled for the fit, to a mean squared length of one, since the states of a transformer share a
    /// large common direction. Accelerated gradient descent for strongly convex functions (Nesterov, "Introductory Lectures
    /// on Convex Optimization", 2004, scheme 2.2.11). Deterministic: no step depends on chance or on the number of threads.
    pub(super) fn fit(rows: &[Vec<f32>], classes: &[usize], labels: usize, penalty: f32) -> Result<Self> {
        ensure!(
            !rows.is_empty() && rows.len() == classes.len(),
            "{} rows, {} classes",
            rows.len(),
            classes.len()
        );
        ensure!(
            classes.iter().all(|&c| c < labels),
            "a class is not below {labels}"
        );
        let (n, dim) = (rows.len(), rows[0].len());
        let mut x = Array2::<f32>::zeros((n, dim));
        for (mut target, row) in x.rows_mut().into_iter().zip(rows) {
            target.assign(&ArrayView1::from(row.as_slice()));
        }
        let mean = x.mean_axis(Axis(0)).context("there are rows")?;
        x -= &mean;
        // A feature that never varies stays zero.
        let scale = x.map_axis(Axis(0), |c| {
            1.0 / (c.dot(&c) / n as f32 * dim as f32).sqrt().max(1e-9)
        });
        x *= &scale;
        x.push_column(Array1::ones(n).view())?;

        // The Hessian of a row's log-loss is at most half the row's outer product with itself.
        let smoothness = 0.5 * POWER_MARGIN * largest_eigenvalue(&x) + penalty;
        let q = (penalty / smoothness).sqrt();
        let momentum = (1.0 - q) / (1.0 + q);
        let mut fitted = Array2::<f32>::zeros((dim + 1, labels));
        let mut ahead = fitted.clone();
        for _ in 0..ITERATIONS {
            let mut p = x.dot(&ahead);
            softmax(&mut p);
            for (mut row, &class) in p.rows_mut().into_iter().zip(classes) {
                row[class] -= 1.0;
            }
            let gradient = x.t().dot(&p) / n as f32 + &ahead * penalty;
            let next = &ahead - &(gradient / smoothness);
            ahead = &next + &((&next - &fitted) * momentum);
            fitted = next;
        }
        ensure!(fitted.iter().all(|w| w.is_finite()), "the fit diverged");

        let weights = &fitted.slice(s![..dim, ..]) * &scale.insert_axis(Axis(1));
        let biases = &fitted.row(dim) - &mean.dot(&weights);
        Ok(Self { weights, biases })
    }

    /// Probabilities of the labels for one row of features, `[dim]`.
    pub(super) fn probabilities(&self, row: &[f32]) -> Vec<f32> {
        let logits = ArrayView1::from(row).dot(&self.weights) + &self.biases;
        let mut p = logits.insert_axis(Axis(0));
        softmax(&mut p);
        p.into_raw_vec_and_offset().0
    }
}

/// Of the mean outer product of the rows.
fn largest_eigenvalue(x: &Array2<f32>) -> f32 {
    let mut v = Array1::<f32>::ones(x.ncols());
    let mut value = 0.0;
    for _ in 0..POWER_ROUNDS {
        let next = x.t().dot(&x.dot(&v)) / x.nrows() as f32;
        value = next.dot(&next).sqrt();
        v = next / value.max(f32::MIN_POSITIVE);
    }
    value
}

fn softmax(logits: &mut Array2<f32>) {
    for mut row in logits.rows_mut() {
        let top = row.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        row.mapv_inplace(|v| (v - top).exp());
        let sum = row.sum();
        row /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separable_classes_are_learnt_and_probabilities_sum_to_one() {
        let rows: Vec<Vec<f32>> = (0..60)
            .map(|i| {
                let angle = (i % 3) as f32 * 2.1 + i as f32 * 0.003;
                vec![angle.cos(), angle.sin()]
            })
            .collect();
        let classes: Vec<usize> = (0..60).map(|i| i % 3).collect();
        let head = Head::fit(&rows, &classes, 3, 1e-5).unwrap();
        for (row, &class) in rows.iter().zip(&classes) {
            let p = head.probabilities(row);
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(p[class] > 0.9, "{p:?}");
        }
    }

    #[test]
    fn without_information_the_classes_frequencies_are_learnt() {
        let rows = vec![vec![0.0; 4]; 100];
        let classes: Vec<usize> = (0..100).map(|i| usize::from(i >= 70)).collect();
        let p = Head::fit(&rows, &classes, 2, 1e-5)
            .unwrap()
            .probabilities(&[0.0; 4]);
        // The penalty pulls a little towards even.
        assert!((p[0] - 0.7).abs() < 0.01, "{p:?}");
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(Head::fit(&[], &[], 2, 1e-5).is_err());
        assert!(Head::fit(&[vec![1.0]], &[2], 2, 1e-5).is_err());
    }
}
