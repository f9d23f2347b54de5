//! Is the mean of a bounded loss higher in one sample than in another, by more than is tolerated?
//!
//! An e-value for two samples that may both still grow, so that one may look after every loss. For each possible mean `m`
//! of the second sample the null `mean(second) <= mean(first) + tolerance` says two things, that the second mean is at
//! most `m` and the first at least `m − tolerance`; a bet against the one times a bet against the other is a test
//! martingale when `m` is the true mean, and the infimum over all `m` is at most that. So the uncertainty of *both*
//! means is paid for, and nothing is assumed of them. Bets on bounded means: Waudby-Smith and Ramdas, "Estimating means of
//! bounded random variables by betting" (2024); products over two streams with the infimum over the nuisance mean: Turner,
//! Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests" (2024). The infimum is taken over cells of
//! `m`: the bets are monotone in it, so each cell is bounded by its ends, which costs a hundredth of tolerance and no
//! validity.
//!
//! Assumes that the conditional mean of a loss, given the past, is that of its sample. A loss of weight `w` bets only that
//! share, which makes weights that undo a choice of what to label admissible. Losses count in 64ths and weights in eighths;
//! the test is exact for what was counted, and 0 and 1 are counted exactly. O(cells · bets · occupied counts) an answer.

use crate::edetector::{BETS, KAPPA};
use crate::interval::{Interval95, wilson_interval};
use serde::{Deserialize, Serialize};

/// Steps of a loss.
const LEVELS: usize = 64;
/// Steps of a weight.
const WEIGHTS: usize = 8;
/// Cells into which the possible means are cut.
const CELLS: usize = 100;

/// How many losses of each size there were. Two kilobytes, whatever their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<(u16, u32)>", try_from = "Vec<(u16, u32)>")]
pub struct LossCounts {
    /// `[WEIGHTS, LEVELS + 1]`.
    counts: Vec<u32>,
    number: u64,
}

impl Default for LossCounts {
    fn default() -> Self {
        Self {
            counts: vec![0; WEIGHTS * (LEVELS + 1)],
            number: 0,
        }
    }
}

/// Those that occur, as place and number.
impl From<LossCounts> for Vec<(u16, u32)> {
    fn from(losses: LossCounts) -> Self {
        let counts = (0..).zip(losses.counts);
        counts.filter(|&(_, n)| n > 0).collect()
    }
}

impl TryFrom<Vec<(u16, u32)>> for LossCounts {
    type Error = &'static str;

    fn try_from(occupied: Vec<(u16, u32)>) -> Result<Self, Self::Error> {
        let mut losses = Self::default();
        for (at, n) in occupied {
            let count = losses.counts.get_mut(usize::from(at));
            *count.ok_or("a loss that is not counted")? = n;
        }
        losses.number = losses.counts.iter().map(|&n| u64::from(n)).sum();
        Ok(losses)
    }
}

impl LossCounts {
    /// Adds a loss in `[0, 1]` that counts for `weight` in `(0, 1]`; both are clipped. NaN is left out.
    pub fn add(&mut self, loss: f64, weight: f64) {
        if loss.is_nan() || weight.is_nan() {
            return;
        }
        let level = step(loss, LEVELS);
        // The lowest weight is an eighth: a loss without any would be none.
        let weight = step(weight, WEIGHTS).max(1) - 1;
        self.counts[weight * (LEVELS + 1) + level] += 1;
        self.number += 1;
    }

    /// Number of losses.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.number
    }

    /// True before the first loss.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.number == 0
    }

    /// Weighted mean; NaN without losses.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let (sum, weight) = self.occupied().fold((0.0, 0.0), |(sum, all), (loss, w, n)| {
            (sum + n * w * loss, all + n * w)
        });
        sum / weight
    }

    /// Kish's effective number of losses; zero without.
    #[must_use]
    pub fn effective_size(&self) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        let (sum, squares) = self.occupied().fold((0.0, 0.0), |(sum, squares), (_, w, n)| {
            (sum + n * w, squares + n * w * w)
        });
        sum * sum / squares
    }

    /// 95 % interval of the mean: Wilson's at the effective size, which no loss in `[0, 1]` exceeds in variance.
    #[must_use]
    pub fn interval(&self) -> Interval95 {
        let n = self.effective_size();
        wilson_interval(if n > 0.0 { self.mean() * n } else { 0.0 }, n)
    }

    /// Loss, weight and number of what was counted.
    fn occupied(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, n)| **n > 0)
            .map(|(at, &n)| {
                let (weight, level) = (at / (LEVELS + 1) + 1, at % (LEVELS + 1));
                (
                    level as f64 / LEVELS as f64,
                    weight as f64 / WEIGHTS as f64,
                    f64::from(n),
                )
            })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clipped to the unit interval"
)]
fn step(x: f64, steps: usize) -> usize {
    (x.clamp(0.0, 1.0) * steps as f64).round() as usize
}

/// Logarithm of the e-value against "the mean of `second` is at most that of `first` plus `tolerance`".
///
/// `tolerance` lies in `(−1, 1)`; a negative one asks whether `second` is *not much lower*: with `first` and `second`
/// exchanged and `−margin`, the null is a rise by at least `margin`. Zero or below without evidence; may be checked after
/// every loss, and exceeds `ln(1/α)` ever with probability at most `α` under the null.
#[must_use]
pub fn log_e_rise(first: &LossCounts, second: &LossCounts, tolerance: f64) -> f64 {
    debug_assert!(
        tolerance.abs() < 1.0,
        "a difference of means in the unit interval"
    );
    let first: Vec<_> = first.occupied().map(|(loss, w, n)| (1.0 - loss, w, n)).collect();
    let second: Vec<_> = second.occupied().collect();
    // Above it the first mean would have to exceed one.
    let highest = (1.0 + tolerance).min(1.0);
    let mean = |cell: usize| highest * cell as f64 / CELLS as f64;
    (0..CELLS)
        .map(|cell| {
            let above = log_e_mean_above(&second, mean(cell + 1));
            above + log_e_mean_above(&first, 1.0 - (mean(cell) - tolerance))
        })
        .fold(f64::INFINITY, f64::min)
}

/// Logarithm of the e-value against a mean of at most `bound`; 0 where no mean can be above it.
fn log_e_mean_above(values: &[(f64, f64, f64)], bound: f64) -> f64 {
    if bound >= 1.0 || values.is_empty() {
        return 0.0;
    }
    let bets = KAPPA.map(|kappa| {
        values
            .iter()
            .map(|(value, weight, n)| n * (weight * kappa * (value / bound - 1.0)).ln_1p())
            .sum::<f64>()
    });
    let best = bets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    best + (bets.iter().map(|bet| (bet - best).exp()).sum::<f64>() / BETS as f64).ln()
}

/// About how many losses a second sample needs until a rise by `margin` or more over `first` can be excluded at
/// `log_threshold`, when its mean is the same; `None` when no number is enough because `first` itself is too small.
///
/// The bets grow by the Kullback–Leibler divergence at best, and the mixtures cost at most `ln 5` each.
#[must_use]
pub fn losses_to_exclude_rise(first: &LossCounts, margin: f64, log_threshold: f64) -> Option<u64> {
    let n = first.effective_size();
    if n < 1.0 {
        return None;
    }
    // Leaning on one half by one loss: a sample without errors does not prove that there are none.
    let mean = (first.mean() * n + 0.5) / (n + 1.0);
    let needed = log_threshold + 2.0 * (BETS as f64).ln();
    let highest = 1.0 - margin;
    let most = (0..=CELLS)
        .map(|cell| highest * cell as f64 / CELLS as f64)
        .map(|m| {
            // The past speaks against means below its own, the present against means above it.
            let past = if m < mean { n * divergence(mean, m) } else { 0.0 };
            let present = if m + margin > mean {
                divergence(mean, m + margin)
            } else {
                0.0
            };
            let left = (needed - past).max(0.0);
            if left > 0.0 { left / present } else { 0.0 }
        })
        .fold(0.0, f64::max);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be moderate and not negative"
    )]
    (most < 1e9).then_some(most.ceil() as u64)
}

/// Kullback–Leibler divergence of two coins, in nats.
fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coins(n: u32, errors: u32) -> LossCounts {
        let mut counts = LossCounts::default();
        for i in 0..n {
            counts.add(f64::from(u8::from(i < errors)), 1.0);
        }
        counts
    }

    #[test]
    fn a_clear_rise_is_evidence_and_the_same_mean_is_none() {
        let before = coins(300, 30);
        assert!(log_e_rise(&before, &coins(200, 60), 0.03) > 500.0_f64.ln());
        assert!(log_e_rise(&before, &coins(200, 20), 0.03) < 0.0);
        assert!(
            log_e_rise(&before, &coins(200, 26), 0.03) < 0.0,
            "within the tolerance"
        );
    }

    #[test]
    fn without_one_of_the_samples_there_is_no_evidence() {
        let none = LossCounts::default();
        assert!(log_e_rise(&none, &coins(200, 200), 0.03) <= 0.0);
        assert!(log_e_rise(&coins(200, 0), &none, 0.03) <= 0.0);
        assert!(none.mean().is_nan() && none.effective_size() <= 0.0);
    }

    #[test]
    fn a_rise_is_excluded_at_about_the_number_of_losses_that_was_foretold() {
        let before = coins(400, 40);
        let threshold = 100.0_f64.ln();
        let foretold = losses_to_exclude_rise(&before, 0.1, threshold).expect("enough before");
        let excluded = (10..4000)
            .step_by(10)
            .find(|&n| log_e_rise(&coins(n, n / 10), &before, -0.1) > threshold)
            .expect("in the end it is");
        let ratio = f64::from(excluded) / foretold as f64;
        assert!((0.5..=1.5).contains(&ratio), "{excluded} against {foretold}");
        assert_eq!(
            losses_to_exclude_rise(&coins(20, 10), 0.1, threshold),
            None,
            "twenty coins say nothing"
        );
    }

    #[test]
    fn light_losses_say_less() {
        let (mut light, mut heavy) = (LossCounts::default(), LossCounts::default());
        for i in 0..100 {
            light.add(f64::from(u8::from(i % 2 == 0)), 0.25);
            heavy.add(f64::from(u8::from(i % 2 == 0)), 1.0);
        }
        let before = coins(300, 30);
        let (light_e, heavy_e) = (
            log_e_rise(&before, &light, 0.03),
            log_e_rise(&before, &heavy, 0.03),
        );
        assert!(light_e > 0.0 && light_e < heavy_e, "{light_e} {heavy_e}");
        assert!((light.mean() - heavy.mean()).abs() < 1e-12);
    }

    #[test]
    fn counts_come_back_and_what_was_never_counted_does_not() {
        let mut losses = LossCounts::default();
        for (loss, weight) in [(0.0, 1.0), (1.0, 1.0), (0.4, 0.3), (1.0, 1.0)] {
            losses.add(loss, weight);
        }
        let text = serde_json::to_string(&losses).expect("numbers");
        let again: LossCounts = serde_json::from_str(&text).expect("the same numbers");
        assert_eq!(again, losses);
        assert!(serde_json::from_str::<LossCounts>("[[520, 1]]").is_err());
    }
}
