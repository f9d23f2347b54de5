//! What one observation counts for.

use crate::error::Error;

/// Weights of `n` observations, such as the inverse of the probability that an observation is labelled.
///
/// Only proportions matter: a metric is the same under weights scaled by a constant. A weight of zero leaves its
/// observation out, and a weight of two is that observation twice, as far as the metric's value goes. An interval takes
/// weights for what they are, sampling weights: a weight of two is *one* observation that stands for two.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Weights<'a> {
    /// Every observation counts the same.
    #[default]
    Equal,
    /// `[n]`, each zero or between 1e-100 and 1e100, not all zero.
    Each(&'a [f64]),
}

impl<'a> From<Option<&'a [f64]>> for Weights<'a> {
    fn from(weights: Option<&'a [f64]>) -> Self {
        weights.map_or(Self::Equal, Self::Each)
    }
}

impl Weights<'_> {
    /// Kish's effective number of observations, `(Σw)² / Σw²`, in `[1, n]`: equally weighted ones that would tell
    /// as much. NaN for weights that are all zero.
    ///
    /// Kish, "Survey Sampling" (1965), section 11.7.
    #[must_use]
    pub fn effective_size(self, n: usize) -> f64 {
        match self {
            Self::Equal => n as f64,
            Self::Each(weights) => kish(weights.iter().copied()),
        }
    }

    /// Weight of observation `i`.
    pub(crate) fn at(self, i: usize) -> f64 {
        match self {
            Self::Equal => 1.0,
            Self::Each(weights) => weights[i],
        }
    }

    /// Sum of the weights of `n` observations.
    pub(crate) fn total(self, n: usize) -> f64 {
        match self {
            Self::Equal => n as f64,
            Self::Each(weights) => weights.iter().sum(),
        }
    }

    /// Checks the weights of `n` observations, of which there must be at least one.
    pub(crate) fn check(self, n: usize) -> Result<(), Error> {
        if n == 0 {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        let Self::Each(weights) = self else { return Ok(()) };
        same_length(n, weights.len())?;
        if let Some(index) = weights.iter().position(|w| !is_weight(*w)) {
            return Err(Error::InvalidWeight { index });
        }
        if weights.iter().any(|&w| w > 0.0) {
            Ok(())
        } else {
            Err(Error::NoWeight)
        }
    }
}

/// True for what can be a weight: zero, or a number whose square is one too.
pub(crate) fn is_weight(weight: f64) -> bool {
    weight == 0.0 || (1e-100..=1e100).contains(&weight)
}

/// Kish's effective number of observations; NaN without weight.
pub(crate) fn kish(weights: impl Iterator<Item = f64>) -> f64 {
    let (sum, squares) = weights.fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
    sum * sum / squares
}

/// Checks that two inputs belong together.
pub(crate) fn same_length(left: usize, right: usize) -> Result<(), Error> {
    if left == right {
        Ok(())
    } else {
        Err(Error::LengthMismatch { left, right })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_size_is_the_number_unless_weights_differ() {
        assert!((Weights::Equal.effective_size(7) - 7.0).abs() < 1e-12);
        assert!((Weights::Each(&[3.0; 7]).effective_size(7) - 7.0).abs() < 1e-12);
        assert!((Weights::Each(&[1.0, 0.0, 0.0]).effective_size(3) - 1.0).abs() < 1e-12);
        assert!((Weights::Each(&[1.0, 3.0]).effective_size(2) - 1.6).abs() < 1e-12);
    }

    #[test]
    fn weights_that_are_none_are_errors() {
        let check = |w: &[f64], n| Weights::Each(w).check(n);
        assert_eq!(Weights::Equal.check(0), Err(Error::TooFew { have: 0, need: 1 }));
        assert_eq!(check(&[1.0], 2), Err(Error::LengthMismatch { left: 2, right: 1 }));
        assert_eq!(check(&[1.0, -1.0], 2), Err(Error::InvalidWeight { index: 1 }));
        assert_eq!(check(&[f64::NAN], 1), Err(Error::InvalidWeight { index: 0 }));
        assert_eq!(check(&[0.0, 0.0], 2), Err(Error::NoWeight));
        assert_eq!(check(&[1.0, f64::MAX], 2), Err(Error::InvalidWeight { index: 1 }));
        assert_eq!(check(&[0.0, 2.0], 2), Ok(()));
    }
}
