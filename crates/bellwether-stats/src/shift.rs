//! Has a number moved up among the reference's?
//!
//! The rank of a number among `n` of the reference is as good as a normal deviate: uniform under no change, whatever the
//! law (van der Waerden's normal scores). Each bet is the likelihood ratio of its rank under a shift of the deviate by
//! `δ` standard deviations against a tolerated shift `δ₀`. The ratio grows with the rank, so that any law which no shift
//! beyond `δ₀` brings about gives it a mean of at most one; and where numbers move as normal ones do, no bet grows faster.
//! A large shift is taken at once, which a bet on the mean of bounded ranks cannot. Another kind of movement costs power,
//! not validity; a change of spread alone gives little.
//!
//! Numbers that tie with several of the reference's have the likelihood of all the ranks between.

use crate::edetector::BETS;
use crate::error::Error;
use statrs::distribution::{ContinuousCDF, Normal};

/// Shifts that the bets assume beyond the tolerated one, in standard deviations: from what takes some hundred numbers to
/// see to what takes a handful, each twice the one before.
const SHIFTS: [f64; BETS] = [0.15, 0.35, 0.7, 1.4, 2.8];

/// Bets on the rank of a number among `n` of a reference. One step is a table look-up.
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftBet {
    tolerated: f64,
    /// Chance of a rank below each, under the tolerated shift and under each bet's: `[n + 2]`.
    below: Vec<(f64, [f64; BETS])>,
    /// Normal scores of the middle of ranks `a` to `b`, at `a + b`: `[2 n + 1]`.
    scores: Vec<f32>,
}

impl ShiftBet {
    /// Against a shift of at most `tolerated >= 0` standard deviations among `n >= 1` numbers. O(n).
    ///
    /// # Errors
    /// [`Error::TooFew`] without numbers, [`Error::NonFinite`] when the tolerance is none.
    pub fn new(n: usize, tolerated: f64) -> Result<Self, Error> {
        if n == 0 {
            return Err(Error::TooFew { have: 0, need: 1 });
        }
        if !(tolerated.is_finite() && tolerated >= 0.0) {
            return Err(Error::NonFinite { index: 0 });
        }
        let normal = Normal::standard();
        let ranks = (n + 1) as f64;
        let below = (0..n + 2).map(|rank| {
            let end = match rank {
                0 => f64::NEG_INFINITY,
                last if last == n + 1 => f64::INFINITY,
                rank => normal.inverse_cdf(rank as f64 / ranks),
            };
            let chance = |shift: f64| normal.cdf(end - shift);
            (chance(tolerated), SHIFTS.map(|more| chance(tolerated + more)))
        });
        #[expect(clippy::cast_possible_truncation, reason = "a normal deviate of seven digits")]
        let middle = |both: usize| normal.inverse_cdf((both + 1) as f64 / (2.0 * ranks)) as f32;
        Ok(Self {
            tolerated,
            below: below.collect(),
            scores: (0..=2 * n).map(middle).collect(),
        })
    }

    /// The tolerated shift.
    #[must_use]
    pub fn tolerated(&self) -> f64 {
        self.tolerated
    }

    /// Factors of a number with so many of the reference's below it and at or below it.
    ///
    /// # Panics
    /// Unless `below <= at_or_below <= n`.
    #[must_use]
    pub fn factors(&self, below: usize, at_or_below: usize) -> [f64; BETS] {
        let ((null_from, from), (null_to, to)) = (self.below[below], self.below[at_or_below + 1]);
        let null = null_to - null_from;
        std::array::from_fn(|bet| (to[bet] - from[bet]) / null)
    }

    /// The normal score of such a number: under no change of mean zero and variance one.
    ///
    /// # Panics
    /// Unless both are at most `n`.
    #[must_use]
    pub fn score(&self, below: usize, at_or_below: usize) -> f64 {
        f64::from(self.scores[below + at_or_below])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_the_tolerated_shift_the_factors_have_mean_one_and_below_it_less() {
        for (n, tolerated) in [(1, 0.0), (20, 0.1), (500, 0.3)] {
            let bet = ShiftBet::new(n, tolerated).unwrap();
            let ranks = ShiftBet::new(n, 0.0).unwrap();
            for at in 0..BETS {
                let mean = |law: &ShiftBet| -> f64 {
                    let chance = |rank: usize| law.below[rank + 1].0 - law.below[rank].0;
                    (0..=n)
                        .map(|rank| chance(rank) * bet.factors(rank, rank)[at])
                        .sum()
                };
                assert!((mean(&bet) - 1.0).abs() < 1e-9, "{n} {at}: {}", mean(&bet));
                assert!(mean(&ranks) < 1.0 + 1e-9, "{n} {at}: {}", mean(&ranks));
            }
        }
    }

    #[test]
    fn a_tie_weighs_as_the_ranks_it_spans_and_all_of_them_nothing() {
        let bet = ShiftBet::new(9, 0.0).unwrap();
        assert!(bet.factors(0, 9).iter().all(|f| (f - 1.0).abs() < 1e-12));
        let (low, high, both) = (bet.factors(3, 3), bet.factors(4, 4), bet.factors(3, 4));
        for at in 0..BETS {
            assert!((f64::midpoint(low[at], high[at]) - both[at]).abs() < 1e-9);
        }
        assert!(bet.score(0, 9).abs() < 1e-6 && (bet.score(2, 2) + bet.score(7, 7)).abs() < 1e-6);
    }

    #[test]
    fn the_top_rank_of_many_is_worth_much() {
        let bet = ShiftBet::new(500, 0.2).unwrap();
        assert!(bet.factors(500, 500)[4] > 50.0, "{:?}", bet.factors(500, 500));
        assert!(bet.factors(0, 0).iter().all(|&f| f > 0.0 && f < 1.0));
    }

    #[test]
    fn a_bet_needs_numbers_and_a_tolerance() {
        assert_eq!(ShiftBet::new(0, 0.0), Err(Error::TooFew { have: 0, need: 1 }));
        assert_eq!(ShiftBet::new(3, -0.1), Err(Error::NonFinite { index: 0 }));
        assert_eq!(ShiftBet::new(3, f64::NAN), Err(Error::NonFinite { index: 0 }));
    }
}
