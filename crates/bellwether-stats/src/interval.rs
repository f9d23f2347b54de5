//! How sure is a measured quality?

use crate::error::{Error, all_finite};
use crate::spans::SpanCounts;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Two-sided 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval95 {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

const LEVEL: f64 = 0.975;

pub(crate) fn normal_quantile() -> f64 {
    Normal::standard().inverse_cdf(LEVEL)
}

/// Wilson score interval of a proportion of `successes` in `n`. `[0, 1]` when `n` is zero.
///
/// Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
#[must_use]
pub fn wilson_interval(successes: f64, n: f64) -> Interval95 {
    if n <= 0.0 {
        return Interval95 { low: 0.0, high: 1.0 };
    }
    let z = normal_quantile();
    let p = successes / n;
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // In exact numbers the interval contains the share; at 0 and 1 they meet, and rounding would part them.
    Interval95 {
        low: (centre - half).min(p).max(0.0),
        high: (centre + half).max(p).min(1.0),
    }
}

/// Student's t interval of a mean of values `[n]`, `n >= 2`.
///
/// # Errors
/// [`Error::TooFew`] below two values, [`Error::NonFinite`].
pub fn mean_interval(values: &[f64]) -> Result<Interval95, Error> {
    let n = values.len();
    if n < 2 {
        return Err(Error::TooFew { have: n, need: 2 });
    }
    all_finite(values)?;
    let mean = values.iter().sum::<f64>() / n as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n as f64 - 1.0);
    let t =
        StudentsT::new(0.0, 1.0, n as f64 - 1.0).map_or_else(|_| normal_quantile(), |d| d.inverse_cdf(LEVEL));
    let half = t * (variance / n as f64).sqrt();
    Ok(Interval95 {
        low: mean - half,
        high: mean + half,
    })
}

/// Normal interval of the mean of independent coins with the given probabilities, clipped to `[0, 1]`.
#[must_use]
pub fn poisson_binomial_interval(probabilities: &[f64]) -> Interval95 {
    let n = probabilities.len() as f64;
    if probabilities.is_empty() {
        return Interval95 { low: 0.0, high: 1.0 };
    }
    let mean = probabilities.iter().sum::<f64>() / n;
    let variance = probabilities.iter().map(|p| p * (1.0 - p)).sum::<f64>() / (n * n);
    let half = normal_quantile() * variance.sqrt();
    Interval95 {
        low: (mean - half).max(0.0),
        high: (mean + half).min(1.0),
    }
}

/// Delete-one-sentence jackknife interval of micro span F1, clipped to `[0, 1]`; `[0, 1]` below two sentences or without
/// spans.
///
/// It has no width while every sentence is right, or every one wrong: the jackknife sees only what varies. Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 11. Deterministic, O(n).
#[must_use]
pub fn span_f1_interval(sentences: &[SpanCounts]) -> Interval95 {
    let n = sentences.len();
    let total = sentences.iter().fold(SpanCounts::default(), |a, &b| a.merge(b));
    let size = total.predicted + total.truth;
    if n < 2 || size == 0 {
        return Interval95 { low: 0.0, high: 1.0 };
    }
    let f1 = |hits: u32, size: u32| {
        if size == 0 {
            1.0
        } else {
            2.0 * f64::from(hits) / f64::from(size)
        }
    };
    let left_out = |s: &SpanCounts| f1(total.hits - s.hits, size - s.predicted - s.truth);
    let mean = sentences.iter().map(left_out).sum::<f64>() / n as f64;
    let spread = sentences
        .iter()
        .map(|s| (left_out(s) - mean).powi(2))
        .sum::<f64>();
    let half = normal_quantile() * (spread * (n as f64 - 1.0) / n as f64).sqrt();
    let centre = f1(total.hits, size);
    Interval95 {
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_seen_is_nothing_known() {
        let unknown = Interval95 { low: 0.0, high: 1.0 };
        assert_eq!(wilson_interval(0.0, 0.0), unknown);
        assert_eq!(poisson_binomial_interval(&[]), unknown);
        assert_eq!(span_f1_interval(&[]), unknown);
        assert_eq!(span_f1_interval(&[SpanCounts::default(); 5]), unknown);
    }

    #[test]
    fn wilson_reaches_the_ends_exactly() {
        for n in 1..2000 {
            let n = f64::from(n);
            assert!(
                wilson_interval(0.0, n).low <= 0.0 && wilson_interval(n, n).high >= 1.0,
                "{n}"
            );
        }
    }

    #[test]
    fn a_mean_needs_two_finite_values() {
        assert_eq!(mean_interval(&[1.0]), Err(Error::TooFew { have: 1, need: 2 }));
        assert_eq!(
            mean_interval(&[1.0, f64::NAN]),
            Err(Error::NonFinite { index: 1 })
        );
    }
}
