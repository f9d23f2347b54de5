//! How unusual is one score, by rank among the reference's scores?

use crate::error::{Error, all_finite};

/// Calibration scores in ascending order; low means strange.
///
/// The p-value of a new score is the share of calibration scores at or below it, counting the new one: with
/// exchangeable scores it is stochastically no smaller than uniform. Vovk, Gammerman and Shafer, "Algorithmic Learning
/// in a Random World" (2005), section 2.2.
#[derive(Debug, Clone, PartialEq)]
pub struct ConformalScale {
    sorted: Vec<f64>,
}

impl ConformalScale {
    /// A scale over calibration scores `[n]`, in any order.
    ///
    /// # Errors
    /// [`Error::TooFew`] without scores, [`Error::NonFinite`] on NaN or infinity.
    pub fn new(mut scores: Vec<f64>) -> Result<Self, Error> {
        if scores.is_empty() {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        all_finite(&scores)?;
        scores.sort_by(f64::total_cmp);
        Ok(Self { sorted: scores })
    }

    /// `(#{calibration ≤ score} + 1) / (n + 1)`, in `(0, 1]`; small for scores below the calibration's. O(log n).
    #[must_use]
    pub fn p_value(&self, score: f64) -> f64 {
        let at_or_below = self.sorted.partition_point(|&c| c <= score);
        (at_or_below + 1) as f64 / (self.sorted.len() + 1) as f64
    }

    /// How many calibration scores are below `score`, and how many at or below it. O(log n).
    #[must_use]
    pub fn ranks(&self, score: f64) -> (usize, usize) {
        let below = self.sorted.partition_point(|&c| c < score);
        let ties = self.sorted[below..].partition_point(|&c| c <= score);
        (below, below + ties)
    }

    /// Share of calibration scores strictly below `score`, in `[0, 1]`.
    #[must_use]
    pub fn rank(&self, score: f64) -> f64 {
        self.sorted.partition_point(|&c| c < score) as f64 / self.sorted.len() as f64
    }

    /// Number of calibration scores.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Never true: a scale has at least one score.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_score_counts_itself() {
        let scale = ConformalScale::new(vec![3.0, 1.0, 2.0, 2.0]).unwrap();
        for (score, p) in [(0.0, 0.2), (1.0, 0.4), (2.0, 0.8), (2.5, 0.8), (9.0, 1.0)] {
            assert!((scale.p_value(score) - p).abs() < 1e-12, "{score}");
        }
        assert!((scale.rank(2.0) - 0.25).abs() < 1e-12);
        assert_eq!([0.0, 2.0, 2.5].map(|s| scale.ranks(s)), [(0, 0), (1, 3), (3, 3)]);
        assert!(scale.len() == 4 && !scale.is_empty());
    }

    #[test]
    fn a_scale_needs_finite_scores() {
        assert_eq!(
            ConformalScale::new(vec![]),
            Err(Error::TooFew { have: 0, need: 1 })
        );
        assert_eq!(
            ConformalScale::new(vec![0.0, f64::NEG_INFINITY]),
            Err(Error::NonFinite { index: 1 })
        );
    }
}
