//! An exponentially weighted sum of vectors.

use crate::fixed_rows::Steps;
use pulp::Arch;

/// `Σ decayᵃ xₐ` over vectors `x` of age `a`: where the recent past points to.
#[derive(Debug, Clone, PartialEq)]
pub struct DecayingSum {
    sum: Vec<f32>,
    decay: f32,
}

impl DecayingSum {
    /// Of vectors of so many components, none yet.
    #[must_use]
    pub fn new(dim: usize, decay: f32) -> Self {
        Self {
            sum: vec![0.0; dim],
            decay,
        }
    }

    /// Adds `vector − origin`. O(dim).
    pub fn add_difference(&mut self, vector: &[f32], origin: &[f32]) {
        Arch::new().dispatch(|| {
            for (sum, (x, o)) in self.sum.iter_mut().zip(vector.iter().zip(origin)) {
                *sum = *sum * self.decay + (x - o);
            }
        });
    }

    /// The same of a vector in whole steps.
    pub fn add_steps_difference(&mut self, vector: Steps<'_>, origin: &[f32]) {
        Arch::new().dispatch(|| {
            for (sum, (&step, o)) in self.sum.iter_mut().zip(vector.steps.iter().zip(origin)) {
                *sum = *sum * self.decay + (f32::from(step) * vector.scale - o);
            }
        });
    }

    /// Goes on from the sum of the same number of components; false, and nothing changed, for another number.
    #[must_use]
    pub fn resume(&mut self, sum: Vec<f32>) -> bool {
        let fits = sum.len() == self.sum.len();
        if fits {
            self.sum = sum;
        }
        fits
    }

    /// The sum, `[dim]`.
    #[must_use]
    pub fn sum(&self) -> &[f32] {
        &self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_weighs_less() {
        let mut sum = DecayingSum::new(2, 0.5);
        sum.add_difference(&[3.0, 1.0], &[1.0, 1.0]);
        sum.add_difference(&[1.0, 5.0], &[1.0, 1.0]);
        assert_eq!(sum.sum(), [1.0, 4.0]);
        let steps = Steps {
            steps: &[6, -2],
            scale: 0.5,
        };
        sum.add_steps_difference(steps, &[1.0, 1.0]);
        assert_eq!(sum.sum(), [2.5, 0.0]);
    }
}
