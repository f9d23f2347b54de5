//! One number that makes a head's probabilities as sure as they should be.

use crate::error::Error;
use crate::probability::ClassProbabilities;

/// A probability below this counts as this: a float32 softmax underflows to zero, and a logarithm must stay finite.
const SMALLEST: f64 = 1e-38;
/// Bounds of the temperature. A head that is always right wants temperature zero, one that is worse than chance
/// infinity.
const RANGE: (f64, f64) = (0.01, 100.0);
/// Steps at most: fifty halvings of the range of `ln β` exhaust float64, and Newton needs a handful.
const STEPS: usize = 100;

/// Temperature scaling: `p` becomes proportional to `p^(1/T)`. It leaves the most likely class alone.
///
/// Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017), section 4.2, on
/// log-probabilities, which are logits up to a constant that the softmax takes out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureScaling {
    temperature: f64,
}

impl TemperatureScaling {
    /// The temperature of least mean log-loss, within `[0.01, 100]`. The loss is convex in `β = 1/T`, so the root
    /// of its slope is unique: Newton's steps, held to a bracket. O(n · classes) a step.
    ///
    /// # Errors
    /// [`Error::TooFew`] below two classes.
    pub fn fit(reference: &ClassProbabilities<'_>) -> Result<Self, Error> {
        let classes = reference.row(0).len();
        if classes < 2 {
            return Err(Error::TooFew {
                have: classes,
                need: 2,
            });
        }
        let (mut low, mut high) = (1.0 / RANGE.1, 1.0 / RANGE.0);
        if slopes(reference, low).0 >= 0.0 {
            return Ok(Self { temperature: RANGE.1 });
        }
        if slopes(reference, high).0 <= 0.0 {
            return Ok(Self { temperature: RANGE.0 });
        }
        let mut beta: f64 = 1.0;
        let mut step = f64::INFINITY;
        for _ in 0..STEPS {
            let (slope, curvature) = slopes(reference, beta);
            if slope > 0.0 {
                high = beta;
            } else {
                low = beta;
            }
            // Newton's step where it stays inside and shrinks, else the middle.
            let newton = beta - slope / curvature;
            let next = if newton > low && newton < high && (newton - beta).abs() < 0.5 * step {
                newton
            } else {
                (low * high).sqrt()
            };
            step = (next - beta).abs();
            beta = next;
            if step <= 1e-14 * beta {
                break;
            }
        }
        Ok(Self {
            temperature: 1.0 / beta,
        })
    }

    /// The scaling of a temperature that was fitted before; held to `[0.01, 100]`, and one for NaN.
    #[must_use]
    pub fn of(temperature: f64) -> Self {
        let temperature = if temperature.is_nan() { 1.0 } else { temperature };
        Self {
            temperature: temperature.clamp(RANGE.0, RANGE.1),
        }
    }

    /// The temperature, in `[0.01, 100]`: above one when the head was too sure.
    #[must_use]
    pub fn temperature(self) -> f64 {
        self.temperature
    }

    /// Replaces the probabilities of a row by the calibrated ones, which add up to one.
    pub fn apply(self, row: &mut [f64]) {
        let highest = row.iter().copied().fold(SMALLEST, f64::max).ln();
        let mut sum = 0.0;
        for p in row.iter_mut() {
            *p = ((p.max(SMALLEST).ln() - highest) / self.temperature).exp();
            sum += *p;
        }
        for p in row {
            *p /= sum;
        }
    }
}

/// First and second derivative of the mean log-loss by β: with `l = ln p`, the mean of `E_β[l] − l(truth)` and of
/// `Var_β[l]`.
fn slopes(reference: &ClassProbabilities<'_>, beta: f64) -> (f64, f64) {
    let moments = |i: usize| {
        let row = reference.row(i);
        let highest = row.iter().copied().fold(SMALLEST, f64::max).ln();
        let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
        for p in row {
            // Relative to the highest: nothing overflows, and the square loses nothing.
            let l = p.max(SMALLEST).ln() - highest;
            let weight = (beta * l).exp();
            mass += weight;
            first += weight * l;
            second += weight * l * l;
        }
        let mean = first / mass;
        let truth = row[reference.truth(i)].max(SMALLEST).ln() - highest;
        (mean - truth, second / mass - mean * mean)
    };
    let (n, weights) = (reference.len(), reference.weights());
    let (slope, curvature) = (0..n).fold((0.0, 0.0), |(slope, curvature), i| {
        let (first, second) = moments(i);
        (slope + weights.at(i) * first, curvature + weights.at(i) * second)
    });
    (slope / weights.total(n), curvature / weights.total(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Weights;

    #[test]
    fn a_head_that_is_always_right_or_always_wrong_meets_the_bounds() {
        let p = [0.8, 0.2, 0.3, 0.7];
        let fit = |truth: &[usize]| {
            let reference = ClassProbabilities::new(&p, 2, truth, Weights::Equal).unwrap();
            TemperatureScaling::fit(&reference).unwrap().temperature()
        };
        assert!((fit(&[0, 1]) - 0.01).abs() < 1e-6);
        assert!((fit(&[1, 0]) - 100.0).abs() < 1e-2);
    }

    #[test]
    fn a_probability_of_zero_stays_finite() {
        let p = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let reference = ClassProbabilities::new(&p, 2, &[0, 1, 1], Weights::Equal).unwrap();
        let scaling = TemperatureScaling::fit(&reference).unwrap();
        let mut row = [1.0, 0.0];
        scaling.apply(&mut row);
        assert!((row[0] + row[1] - 1.0).abs() < 1e-12 && row[0] < 0.75, "{row:?}");
    }

    #[test]
    fn a_head_that_is_right_in_two_of_three_learns_to_say_so() {
        let p = [0.999, 0.001, 0.001, 0.999, 0.999, 0.001];
        let reference = ClassProbabilities::new(&p, 2, &[0, 1, 1], Weights::Equal).unwrap();
        let mut row = [0.999, 0.001];
        TemperatureScaling::fit(&reference).unwrap().apply(&mut row);
        assert!((row[0] - 2.0 / 3.0).abs() < 1e-12, "{row:?}");
    }
}
