//! The probabilities of an observation, kept until its label comes.
//!
//! Sixteen bits a class, as bfloat16: down to 1e-38 a probability comes back within half of one per cent, and zero stays
//! zero. One above a half is what the others leave, so that it keeps its distance from one; both are what log-loss
//! and calibration live on.

use half::bf16;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How far the probabilities of a row may be from one in sum. Beyond it they are no distribution (independent sigmoids,
/// say), and only the confidence is used.
const SUM_TOLERANCE: f32 = 0.01;

/// A distribution over the classes of a task. A clone shares the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<u16>", from = "Vec<u16>")]
pub(crate) struct StoredProbabilities(Arc<[bf16]>);

impl From<StoredProbabilities> for Vec<u16> {
    fn from(probabilities: StoredProbabilities) -> Self {
        probabilities.0.iter().map(|p| p.to_bits()).collect()
    }
}

impl From<Vec<u16>> for StoredProbabilities {
    fn from(bits: Vec<u16>) -> Self {
        Self(bits.into_iter().map(bf16::from_bits).collect())
    }
}

impl StoredProbabilities {
    /// Keeps `probabilities`; `None` for none, for more than `most` classes, and for what is no distribution.
    pub(crate) fn new(probabilities: &[f32], most: usize) -> Option<Self> {
        if probabilities.is_empty() || probabilities.len() > most {
            return None;
        }
        let sum: f32 = probabilities.iter().sum();
        ((sum - 1.0).abs() <= SUM_TOLERANCE)
            .then(|| Self(probabilities.iter().map(|p| bf16::from_f32(p.max(0.0))).collect()))
    }

    /// Number of classes.
    pub(crate) fn classes(&self) -> usize {
        self.0.len()
    }

    /// Writes the probabilities, which add up to one, after what is in `out`.
    pub(crate) fn append_to(&self, out: &mut Vec<f64>) {
        let start = out.len();
        out.extend(self.0.iter().map(|p| p.to_f64()));
        let stored = &mut out[start..];
        let (largest, p) = bellwether_stats::most_likely(stored);
        if p > 0.5 {
            let others: f64 = stored.iter().sum::<f64>() - p;
            stored[largest] = 1.0 - others;
        }
        let sum: f64 = stored.iter().sum();
        for p in stored {
            *p /= sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(p: &[f32]) -> Vec<f64> {
        let mut out = vec![7.0];
        StoredProbabilities::new(p, 256)
            .expect("a distribution")
            .append_to(&mut out);
        out.split_off(1)
    }

    #[test]
    fn small_and_large_probabilities_come_back() {
        let p = [0.9995, 4.9e-4, 1e-5, 1e-9, 0.0];
        let got = round_trip(&p);
        for (got, want) in got.iter().zip(p) {
            let want = f64::from(want);
            assert!((got - want).abs() <= 0.01 * want, "{got} instead of {want}");
        }
        assert!((got.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(
            (1.0 - got[0] - 5e-4).abs() < 5e-6,
            "the distance from one is kept"
        );
        assert!(got[4].abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_no_distribution_or_too_wide_is_not_kept() {
        assert_eq!(StoredProbabilities::new(&[], 4), None);
        assert_eq!(
            StoredProbabilities::new(&[0.9, 0.8], 4),
            None,
            "independent sigmoids"
        );
        assert_eq!(StoredProbabilities::new(&[f32::NAN, 0.5], 4), None);
        assert_eq!(StoredProbabilities::new(&[0.25; 4], 3), None);
        assert!(StoredProbabilities::new(&[0.25; 4], 4).is_some());
    }
}
