//! Token-level quality of tag sequences.

use crate::error::Error;
use crate::measured::{Measured, share};
use crate::weights::{Weights, kish};
use serde::{Deserialize, Serialize};

/// Tokens of one sentence, and how many are tagged as in the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCounts {
    /// Tokens with the true tag.
    pub right: u32,
    /// Tokens of the longer of truth and prediction.
    pub tokens: u32,
}

/// Compares two sentences' labels token by token; tokens that only one of them has are wrong.
#[must_use]
pub fn token_counts(predicted: &[u16], truth: &[u16]) -> TokenCounts {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    TokenCounts {
        right: count(predicted.iter().zip(truth).filter(|(p, t)| p == t).count()),
        tokens: count(predicted.len().max(truth.len())),
    }
}

/// Share of the tokens that are right, weighted by sentence. Tokens of a sentence are no independent draws,
/// sentences are: the variance is the ratio estimator's over sentences, the interval Wilson's at the number of coin
/// tosses of that variance.
///
/// Cochran, "Sampling Techniques", 3rd edition (1977), section 9A.1 (cluster sampling, ratio to size).
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] without sentences, [`Error::InvalidWeight`], and
/// [`Error::NoWeight`] also when no sentence has tokens.
pub fn token_accuracy(sentences: &[TokenCounts], weights: Weights<'_>) -> Result<Measured, Error> {
    let n = sentences.len();
    weights.check(n)?;
    let (right, tokens) = (0..n).fold((0.0, 0.0), |(r, t), i| {
        let s = sentences[i];
        (
            r + weights.at(i) * f64::from(s.right),
            t + weights.at(i) * f64::from(s.tokens),
        )
    });
    if tokens <= 0.0 {
        return Err(Error::NoWeight);
    }
    let value = right / tokens;
    let deviation = |i: usize| {
        let s = sentences[i];
        weights.at(i) * (f64::from(s.right) - value * f64::from(s.tokens))
    };
    let squares: f64 = (0..n).map(|i| deviation(i).powi(2)).sum();
    let effective = weights.effective_size(n);
    let factor = crate::measured::small_sample_factor(effective);
    // Where every token is right, sentences are what was seen, weighted by their tokens.
    let sentence_size = kish((0..n).map(|i| weights.at(i) * f64::from(sentences[i].tokens)));
    Ok(share(
        value,
        squares / (tokens * tokens) * factor,
        sentence_size,
        f64::INFINITY,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_one_side_lacks_are_wrong() {
        let counts = token_counts(&[1, 2, 3], &[1, 0]);
        assert_eq!(counts, TokenCounts { right: 1, tokens: 3 });
    }

    #[test]
    fn sentences_are_weighted_by_their_tokens() {
        let sentences = [(8, 10), (1, 2)].map(|(right, tokens)| TokenCounts { right, tokens });
        let got = token_accuracy(&sentences, Weights::Equal).unwrap();
        assert!((got.value - 0.75).abs() < 1e-12 && got.interval.low < 0.75 && got.interval.high > 0.75);
        let got = token_accuracy(&sentences, Weights::Each(&[0.0, 1.0])).unwrap();
        assert!((got.value - 0.5).abs() < 1e-12);
    }

    #[test]
    fn sentences_without_tokens_have_no_accuracy() {
        assert_eq!(
            token_accuracy(&[TokenCounts::default()], Weights::Equal),
            Err(Error::NoWeight)
        );
    }
}
