//! Accuracy without labels, from one threshold on the confidence.

use crate::error::{Error, all_finite};
use crate::measured::{Measured, share};
use crate::weights::{Weights, same_length};

/// Average thresholded confidence: the threshold on a score of confidence above which as many reference
/// observations lie as are right. The share above it elsewhere estimates the accuracy there.
///
/// Scores are the highest probability ([`most_likely`](crate::most_likely)) or the negative entropy
/// ([`negative_entropy`](crate::negative_entropy)). Garg, Balakrishnan, Lipton, Neyshabur and Sedghi, "Leveraging
/// unlabeled data to predict out-of-distribution performance" (2022), section 4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdedConfidence {
    threshold: f64,
    /// Variance over the reference of "right" less "above the threshold", divided by its effective size.
    variance: f64,
}

impl ThresholdedConfidence {
    /// The threshold for reference scores `[n]`, of which `correct[n]` are right. Equal scores fall on one side, so
    /// the share above is the accuracy or, with ties, the nearest that can be. O(n log n).
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NonFinite`], [`Error::InvalidWeight`] and
    /// [`Error::NoWeight`].
    pub fn fit(scores: &[f64], correct: &[bool], weights: Weights<'_>) -> Result<Self, Error> {
        let n = scores.len();
        same_length(n, correct.len())?;
        weights.check(n)?;
        all_finite(scores)?;
        let wrong: f64 = (0..n).filter(|&i| !correct[i]).map(|i| weights.at(i)).sum();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
        // The cut before each group of equal scores, and the one after the last, by distance from the share of errors.
        let (mut below, mut nearest, mut threshold) = (0.0_f64, f64::INFINITY, f64::INFINITY);
        for tie in order.chunk_by(|&a, &b| scores[a].total_cmp(&scores[b]).is_eq()) {
            let distance = (below - wrong).abs();
            if distance < nearest {
                (nearest, threshold) = (distance, scores[tie[0]]);
            }
            below += tie.iter().map(|&i| weights.at(i)).sum::<f64>();
        }
        if (below - wrong).abs() < nearest {
            threshold = f64::INFINITY;
        }
        let disagree = |i: usize| correct[i] != (scores[i] >= threshold);
        let squares: f64 = (0..n)
            .filter(|&i| disagree(i))
            .map(|i| weights.at(i).powi(2))
            .sum();
        Ok(Self {
            threshold,
            variance: squares / weights.total(n).powi(2),
        })
    }

    /// The threshold; infinite when all of the reference is wrong.
    #[must_use]
    pub fn threshold(self) -> f64 {
        self.threshold
    }

    /// Estimated accuracy for scores `[n]`, with an interval for the chance in these scores and in the reference's
    /// labels: it covers the accuracy as long as the method's assumption holds, that shift leaves the share above
    /// the threshold equal to the accuracy.
    ///
    /// # Errors
    /// [`Error::TooFew`], [`Error::NonFinite`], [`Error::InvalidWeight`], [`Error::LengthMismatch`] and
    /// [`Error::NoWeight`].
    pub fn accuracy(self, scores: &[f64], weights: Weights<'_>) -> Result<Measured, Error> {
        let n = scores.len();
        weights.check(n)?;
        all_finite(scores)?;
        let above = |i: usize| f64::from(u8::from(scores[i] >= self.threshold));
        let total = weights.total(n);
        let value = (0..n).map(|i| weights.at(i) * above(i)).sum::<f64>() / total;
        let squares: f64 = (0..n).map(|i| (weights.at(i) * (above(i) - value)).powi(2)).sum();
        let variance = squares / (total * total) + self.variance;
        Ok(share(value, variance, weights.effective_size(n), n as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_lie_above_as_are_right() {
        let scores = [0.9, 0.4, 0.6, 0.8, 0.5];
        for right in 0..=5 {
            let correct: Vec<bool> = (0..5).map(|i| i < right).collect();
            let fit = ThresholdedConfidence::fit(&scores, &correct, Weights::Equal).unwrap();
            let got = fit.accuracy(&scores, Weights::Equal).unwrap();
            assert!(
                (got.value - f64::from(right) / 5.0).abs() < 1e-12,
                "{right}: {got:?}"
            );
            assert!(got.interval.low <= got.value && got.value <= got.interval.high);
        }
    }

    #[test]
    fn equal_scores_fall_on_one_side() {
        let correct = [true, true, true, false, false];
        let fit = ThresholdedConfidence::fit(&[1.0, 1.0, 1.0, 1.0, 0.2], &correct, Weights::Equal).unwrap();
        assert!((fit.threshold() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scores_must_be_finite() {
        let got = ThresholdedConfidence::fit(&[f64::NAN], &[true], Weights::Equal);
        assert_eq!(got, Err(Error::NonFinite { index: 0 }));
    }
}
