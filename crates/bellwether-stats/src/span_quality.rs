//! Weighted span precision, recall and F1 with their intervals.

use crate::error::Error;
use crate::measured::{Measured, share, small_sample_factor};
use crate::spans::SpanCounts;
use crate::weights::{Weights, kish};

/// Strict span quality over sentences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpanQuality {
    /// Share of the predicted spans that are right; `None` when none is predicted.
    pub precision: Option<Measured>,
    /// Share of the true spans that are found; `None` when there is none.
    pub recall: Option<Measured>,
    /// `2·hits / (predicted + truth)`; `None` without spans.
    pub f1: Option<Measured>,
}

/// Micro-averaged span precision, recall and F1 of sentences `[n]`, weighted by sentence. Spans of a sentence are
/// no independent draws, sentences are: each variance is a ratio estimator's over sentences, each interval Wilson's
/// at the number of coin tosses of that variance, so that it has a width even while every sentence is right.
///
/// Cochran, "Sampling Techniques", 3rd edition (1977), section 9A.1 (cluster sampling, ratio to size).
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] without sentences, [`Error::InvalidWeight`] and [`Error::NoWeight`].
pub fn span_quality(sentences: &[SpanCounts], weights: Weights<'_>) -> Result<SpanQuality, Error> {
    weights.check(sentences.len())?;
    let hits = |s: SpanCounts| f64::from(s.hits);
    let measure =
        |part: fn(SpanCounts) -> f64, whole: fn(SpanCounts) -> f64| ratio(sentences, weights, part, whole);
    Ok(SpanQuality {
        precision: measure(hits, |s| f64::from(s.predicted)),
        recall: measure(hits, |s| f64::from(s.truth)),
        f1: measure(
            |s| 2.0 * f64::from(s.hits),
            |s| f64::from(s.predicted) + f64::from(s.truth),
        ),
    })
}

fn ratio(
    sentences: &[SpanCounts],
    weights: Weights<'_>,
    part: fn(SpanCounts) -> f64,
    whole: fn(SpanCounts) -> f64,
) -> Option<Measured> {
    let weighted = || sentences.iter().enumerate().map(|(i, &s)| (weights.at(i), s));
    let size: f64 = weighted().map(|(w, s)| w * whole(s)).sum();
    if size <= 0.0 {
        return None;
    }
    let value = weighted().map(|(w, s)| w * part(s)).sum::<f64>() / size;
    let squares: f64 = weighted()
        .map(|(w, s)| (w * (part(s) - value * whole(s))).powi(2))
        .sum();
    let factor = small_sample_factor(weights.effective_size(sentences.len()));
    // Where every span is right, or none, sentences are what was seen, weighted by their spans.
    let seen = kish(weighted().map(|(w, s)| w * whole(s)));
    Some(share(
        value,
        squares / (size * size) * factor,
        seen,
        f64::INFINITY,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_occur_has_no_quality() {
        let only_predicted = SpanCounts {
            hits: 0,
            predicted: 2,
            truth: 0,
        };
        let got = span_quality(&[only_predicted], Weights::Equal).unwrap();
        assert!(got.recall.is_none() && got.precision.is_some_and(|p| p.value == 0.0));
        let got = span_quality(&[SpanCounts::default()], Weights::Equal).unwrap();
        assert!(got.f1.is_none());
    }

    #[test]
    fn all_right_is_not_known_for_certain() {
        let right = SpanCounts {
            hits: 2,
            predicted: 2,
            truth: 2,
        };
        let f1 = span_quality(&[right; 10], Weights::Equal).unwrap().f1.unwrap();
        assert!((f1.value - 1.0).abs() < 1e-12 && f1.interval.low < 0.8 && f1.interval.low > 0.6);
    }
}
