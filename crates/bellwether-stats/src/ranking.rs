//! How well scores put positives above negatives.

use crate::error::{Error, all_finite};
use crate::interval::Interval95;
use crate::measured::{Measured, share, small_sample_factor};
use crate::weights::{Weights, kish, same_length};

/// Scores of positives and negatives, checked once.
#[derive(Debug, Clone, Copy)]
pub struct BinaryScores<'a> {
    scores: &'a [f64],
    positive: &'a [bool],
    weights: Weights<'a>,
}

impl<'a> BinaryScores<'a> {
    /// Scores `[n]`, higher for what is thought positive, against what is.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::NonFinite`], [`Error::InvalidWeight`],
    /// [`Error::NoWeight`], or [`Error::OneClass`] when the positives or the negatives have no weight.
    pub fn new(scores: &'a [f64], positive: &'a [bool], weights: Weights<'a>) -> Result<Self, Error> {
        same_length(scores.len(), positive.len())?;
        weights.check(scores.len())?;
        all_finite(scores)?;
        let has = |class| (0..scores.len()).any(|i| positive[i] == class && weights.at(i) > 0.0);
        if has(true) && has(false) {
            Ok(Self {
                scores,
                positive,
                weights,
            })
        } else {
            Err(Error::OneClass)
        }
    }

    /// Area under the ROC curve: the probability that a positive scores above a negative, ties counted half
    /// (scikit-learn's `roc_auc_score`). O(n log n).
    ///
    /// The variance is `DeLong`'s, with weighted placements and each class's effective size; the interval is
    /// Wilson's at the number of coin tosses of that variance, and says nothing with fewer than two effective
    /// positives or negatives.
    ///
    /// `DeLong`, `DeLong` and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
    /// characteristic curves: a nonparametric approach" (1988); Sun and Xu, "Fast implementation of `DeLong`'s
    /// algorithm" (2014).
    #[must_use]
    pub fn auroc(&self) -> Measured {
        self.measure(Ranking::Auroc)
    }

    /// Average precision, the step-wise area under the precision-recall curve `Σ (Rₖ − Rₖ₋₁) Pₖ` over the distinct
    /// scores (scikit-learn's `average_precision_score`). O(n log n).
    ///
    /// The variance is the infinitesimal jackknife's, in closed form; the interval is Wilson's at the number of
    /// coin tosses of that variance. It says nothing with fewer than two effective positives or negatives. The
    /// estimate itself is biased upwards with few positives. Boyd, Eng and Page, "Area under the precision-recall
    /// curve: point estimates and confidence intervals" (2013), compare intervals.
    #[must_use]
    pub fn average_precision(&self) -> Measured {
        self.measure(Ranking::AveragePrecision)
    }

    fn measure(&self, ranking: Ranking) -> Measured {
        let n = self.scores.len();
        let (value, influence) = ranking.influence(self.scores, |i| self.positive[i], self.weights);
        let effective = |class| {
            kish(
                (0..n)
                    .filter(|&i| self.positive[i] == class)
                    .map(|i| self.weights.at(i)),
            )
        };
        let effective_size = effective(true).min(effective(false));
        if effective_size < 2.0 {
            return unknown(value);
        }
        share(
            value,
            variance(&influence, self.weights),
            effective_size,
            f64::INFINITY,
        )
    }
}

/// A ranking metric of a class against the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ranking {
    Auroc,
    AveragePrecision,
}

impl Ranking {
    /// The metric and what each observation contributes to its error. Both classes have weight.
    pub(crate) fn influence(
        self,
        scores: &[f64],
        positive: impl Fn(usize) -> bool,
        weights: Weights<'_>,
    ) -> (f64, Vec<f64>) {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        // Ascending; the position breaks ties, so that the sums do not depend on the sort.
        order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
        let ties: Vec<&[usize]> = order
            .chunk_by(|&a, &b| scores[a].partial_cmp(&scores[b]) == Some(std::cmp::Ordering::Equal))
            .collect();
        match self {
            Self::Auroc => auroc(scores.len(), &ties, positive, weights),
            Self::AveragePrecision => average_precision(scores.len(), &ties, positive, weights),
        }
    }
}

/// Unweighted mean of a metric over the classes that `truth` shows beside others, one against the rest; `None`
/// without such a class. `column(c)` are the scores for class `c`.
pub(crate) fn one_against_rest(
    ranking: Ranking,
    classes: usize,
    column: impl Fn(usize) -> Vec<f64>,
    truth: &[usize],
    weights: Weights<'_>,
) -> Option<Measured> {
    let n = truth.len();
    let (mut sum, mut influence, mut found) = (0.0, vec![0.0; n], 0_usize);
    let mut fewest = f64::INFINITY;
    for class in 0..classes {
        let has = |is| (0..n).any(|i| (truth[i] == class) == is && weights.at(i) > 0.0);
        if !has(true) || !has(false) {
            continue;
        }
        let (value, part) = ranking.influence(&column(class), |i| truth[i] == class, weights);
        sum += value;
        found += 1;
        for (whole, part) in influence.iter_mut().zip(part) {
            *whole += part;
        }
        fewest = fewest.min(kish((0..n).filter(|&i| truth[i] == class).map(|i| weights.at(i))));
    }
    if found == 0 {
        return None;
    }
    let value = sum / found as f64;
    for part in &mut influence {
        *part /= found as f64;
    }
    Some(share(
        value,
        variance(&influence, weights),
        fewest * found as f64,
        f64::INFINITY,
    ))
}

fn unknown(value: f64) -> Measured {
    Measured {
        value,
        interval: Interval95 { low: 0.0, high: 1.0 },
    }
}

fn variance(influence: &[f64], weights: Weights<'_>) -> f64 {
    let n = influence.len();
    let squares: f64 = (0..n).map(|i| (weights.at(i) * influence[i]).powi(2)).sum();
    squares / weights.total(n).powi(2)
}

/// Weights of the positives and of the negatives among `rows`.
fn split(rows: &[usize], positive: &impl Fn(usize) -> bool, weights: Weights<'_>) -> (f64, f64) {
    rows.iter().fold((0.0, 0.0), |(p, n), &i| {
        if positive(i) {
            (p + weights.at(i), n)
        } else {
            (p, n + weights.at(i))
        }
    })
}

fn auroc(
    n: usize,
    ties: &[&[usize]],
    positive: impl Fn(usize) -> bool,
    weights: Weights<'_>,
) -> (f64, Vec<f64>) {
    let (positives, negatives) = totals(ties, &positive, weights);
    // Placements: for a positive the share of negatives below it, for a negative the share of positives above.
    let mut placement = vec![0.0; n];
    let (mut below_p, mut below_n, mut value) = (0.0, 0.0, 0.0);
    for tie in ties {
        let (p, q) = split(tie, &positive, weights);
        for &i in *tie {
            placement[i] = if positive(i) {
                (below_n + 0.5 * q) / negatives
            } else {
                (positives - below_p - 0.5 * p) / positives
            };
        }
        value += p * (below_n + 0.5 * q);
        below_p += p;
        below_n += q;
    }
    value /= positives * negatives;
    let scale = |class: bool, mass: f64| {
        let size = kish((0..n).filter(|&i| positive(i) == class).map(|i| weights.at(i)));
        // A class of one observation has no spread to measure.
        let factor = if size >= 2.0 {
            small_sample_factor(size)
        } else {
            1.0
        };
        weights.total(n) / mass * factor.sqrt()
    };
    let (of_positive, of_negative) = (scale(true, positives), scale(false, negatives));
    for (i, placement) in placement.iter_mut().enumerate() {
        *placement = (*placement - value) * if positive(i) { of_positive } else { of_negative };
    }
    (value, placement)
}

fn average_precision(
    n: usize,
    ties: &[&[usize]],
    positive: impl Fn(usize) -> bool,
    weights: Weights<'_>,
) -> (f64, Vec<f64>) {
    let (positives, _) = totals(ties, &positive, weights);
    // From the highest score down: precision of "this score and above", and what is above.
    let (mut above_p, mut above, mut value) = (0.0, 0.0, 0.0);
    let mut precision = vec![0.0; ties.len()];
    let mut selected = vec![0.0; ties.len()];
    for (k, tie) in ties.iter().enumerate().rev() {
        let (p, q) = split(tie, &positive, weights);
        above_p += p;
        above += p + q;
        // Only weightless rows so far: their precision is never used.
        precision[k] = if above > 0.0 { above_p / above } else { 0.0 };
        selected[k] = above;
        value += p * precision[k];
    }
    value /= positives;
    // A row's weight changes the precision at its own score and at every lower one.
    let (mut gain, mut loss) = (0.0, 0.0);
    let mut influence = vec![0.0; n];
    let scale = weights.total(n) / positives;
    for (k, tie) in ties.iter().enumerate() {
        let (p, _) = split(tie, &positive, weights);
        if selected[k] > 0.0 {
            gain += p / selected[k];
            loss += p * precision[k] / selected[k];
        }
        for &i in *tie {
            let own = if positive(i) {
                precision[k] - value + gain
            } else {
                0.0
            };
            influence[i] = scale * (own - loss);
        }
    }
    (value, influence)
}

fn totals(ties: &[&[usize]], positive: &impl Fn(usize) -> bool, weights: Weights<'_>) -> (f64, f64) {
    ties.iter().fold((0.0, 0.0), |(p, n), tie| {
        let (a, b) = split(tie, positive, weights);
        (p + a, n + b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn influence_is_the_derivative_by_a_weight() {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.9, 0.2];
        let positive = [false, false, true, true, true, false, true];
        let weights = [1.0, 2.0, 0.5, 1.5, 1.0, 0.7, 1.0];
        let total: f64 = weights.iter().sum();
        for ranking in [Ranking::Auroc, Ranking::AveragePrecision] {
            let (value, influence) = ranking.influence(&scores, |i| positive[i], Weights::Each(&weights));
            for (i, got) in influence.iter().enumerate() {
                let h = 1e-6;
                let mut moved = weights;
                moved[i] += h;
                let (after, _) = ranking.influence(&scores, |i| positive[i], Weights::Each(&moved));
                let class = kish((0..7).filter(|&j| positive[j] == positive[i]).map(|j| weights[j]));
                let factor = match ranking {
                    Ranking::Auroc => small_sample_factor(class).sqrt(),
                    Ranking::AveragePrecision => 1.0,
                };
                let want = total * (after - value) / h * factor;
                assert!(
                    (got - want).abs() < 1e-4,
                    "{ranking:?} {i}: {got} instead of {want}"
                );
            }
        }
    }

    #[test]
    fn one_class_alone_cannot_be_ranked() {
        let new = |p: &[bool], w| BinaryScores::new(&[0.1, 0.2], p, w).map(|_| ());
        assert_eq!(new(&[true, true], Weights::Equal), Err(Error::OneClass));
        assert_eq!(
            new(&[true, false], Weights::Each(&[1.0, 0.0])),
            Err(Error::OneClass)
        );
        assert_eq!(
            new(&[true], Weights::Equal),
            Err(Error::LengthMismatch { left: 2, right: 1 })
        );
    }

    #[test]
    fn one_positive_is_too_few_for_an_interval() {
        let scores = BinaryScores::new(&[0.9, 0.1, 0.2], &[true, false, false], Weights::Equal).unwrap();
        assert_eq!(scores.auroc(), unknown(1.0));
    }
}
