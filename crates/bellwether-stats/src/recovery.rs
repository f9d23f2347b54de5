//! Is the statistic back within its bound, after an alarm?
//!
//! A CUSUM of the Bernoulli likelihood ratio "the mean is 0.8 of the bound" against "the bound plus half of the excess
//! that was seen", with bounded statistics counted as fractional successes. Evidence *for* health ends an alarm; the
//! mere absence of new evidence never does. The ratio is evidence, not a bound on errors: at a ratio of 100 a fault that
//! stands is cleared within 1,000 observations in about 3 % of cases when it is four times the bound, in 11 % when twice
//! (`tests/simulation/recovery.rs`), and must raise again. Page, "Continuous Inspection Schemes" (1954).

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Values kept to estimate the excess.
const KEEP: usize = 60;
/// The newest of them that are averaged.
const AVERAGE: usize = 40;
/// Values needed before the excess is estimated.
const ENOUGH: usize = 20;
/// Smallest bound that is told from health: below it, the two hypotheses would meet and no evidence could add up.
const LOWEST_BOUND: f64 = 0.0025;
/// Largest mean that the alternative takes, so that its likelihood stays finite.
const HIGHEST: f64 = 0.97;
/// Least and largest shift that scores are told from: a smaller one would take hundreds of them, and a larger one be over at
/// the first lull of a burst.
const SHIFT: (f64, f64) = (0.3, 0.6);

/// Evidence for recovery of one detector.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RecoveryTest {
    log_ratio: f64,
    excess_mean: f64,
    recent: VecDeque<f64>,
}

impl RecoveryTest {
    /// Starts over, when a detector raises.
    pub fn start(&mut self) {
        self.log_ratio = 0.0;
        self.recent.clear();
    }

    /// Forgets also the excess, when a detector has recovered.
    pub fn clear(&mut self) {
        self.start();
        self.excess_mean = 0.0;
    }

    /// Adds a statistic in `[0, 1]`, clipped to it, whose bound on the mean is `bound`; returns the logarithm of the ratio.
    /// A bound below 0.0025 counts as that.
    pub fn observe(&mut self, value: f64, bound: f64) -> f64 {
        let value = value.clamp(0.0, 1.0);
        let bound = bound.max(LOWEST_BOUND);
        let halfway = 0.5 * (bound + self.excess_mean);
        let high = (bound * 1.25).max(halfway.min(HIGHEST)).min(HIGHEST);
        let low = (bound * 0.8).min(high);
        let step = value * (low / high).ln() + (1.0 - value) * ((1.0 - low) / (1.0 - high)).ln();
        self.add(value, step)
    }

    /// Adds a normal score, of mean zero in health, of which a shift by `tolerated` is normal; returns the logarithm of the
    /// ratio between health and half of the excess that was seen, twice what is tolerated at the least.
    pub fn observe_score(&mut self, score: f64, tolerated: f64) -> f64 {
        let halfway = 0.5 * (tolerated + self.excess_mean);
        let shift = halfway.clamp(SHIFT.0, SHIFT.1).max(2.0 * tolerated);
        self.add(score, shift * (0.5 * shift - score))
    }

    /// Adds a statistic that is worth `step` for health.
    fn add(&mut self, value: f64, step: f64) -> f64 {
        if self.recent.len() == KEEP {
            self.recent.pop_front();
        }
        self.recent.push_back(value);
        self.log_ratio = (self.log_ratio + step).max(0.0);
        // The estimate stands still while evidence for health accumulates, else it would chase the recovery.
        if self.recent.len() >= ENOUGH && self.log_ratio < 1.0 {
            self.excess_mean = (self.excess_mean * 0.98).max(self.mean());
        }
        self.log_ratio
    }

    fn mean(&self) -> f64 {
        let n = self.recent.len().min(AVERAGE);
        self.recent.iter().rev().take(n).sum::<f64>() / n as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps_to_recover(bad: f64, good: f64) -> Option<usize> {
        let mut test = RecoveryTest::default();
        for i in 0..100 {
            test.observe(f64::from(u8::from(f64::from(i) * bad % 1.0 + bad >= 1.0)), 0.1);
        }
        (0..2000).position(|i| {
            test.observe(f64::from(u8::from(f64::from(i) * good % 1.0 + good >= 1.0)), 0.1) > 100.0_f64.ln()
        })
    }

    #[test]
    fn health_ends_an_alarm_and_the_larger_the_fault_the_sooner() {
        let after_large = steps_to_recover(0.8, 0.02).expect("recovers");
        let after_small = steps_to_recover(0.3, 0.02).expect("recovers");
        assert!(
            after_large < after_small && after_small < 200,
            "{after_large} {after_small}"
        );
    }

    #[test]
    fn health_ends_an_alarm_however_small_the_bound() {
        for bound in [1e-6, 1e-3, 0.0015, 0.0025, 0.01, 0.5, 1.0] {
            let mut test = RecoveryTest::default();
            test.start();
            let cleared = (0..10_000).any(|_| test.observe(0.0, bound) > 100.0_f64.ln());
            assert!(cleared, "bound {bound}");
        }
    }

    #[test]
    fn a_value_out_of_range_does_not_spoil_the_estimate() {
        let mut test = RecoveryTest::default();
        for i in 0..40 {
            test.observe(if i == 20 { f64::INFINITY } else { 0.5 }, 0.1);
        }
        assert!(test.excess_mean <= 1.0, "{}", test.excess_mean);
    }

    #[test]
    fn starting_over_keeps_the_excess_and_clearing_forgets_it() {
        let mut test = RecoveryTest::default();
        for _ in 0..40 {
            test.observe(0.9, 0.1);
        }
        test.start();
        assert!(test.excess_mean > 0.8);
        test.clear();
        assert!(test.excess_mean == 0.0 && test.recent.is_empty());
    }

    /// Scores alternate one above and one below their mean.
    fn scores_to_recover(bad: f64, good: f64, tolerated: f64) -> Option<usize> {
        let mut test = RecoveryTest::default();
        let swing = |i: i32| if i % 2 == 0 { 1.0 } else { -1.0 };
        for i in 0..100 {
            test.observe_score(bad + swing(i), tolerated);
        }
        (0..2000).position(|i| test.observe_score(good + swing(i), tolerated) > 100.0_f64.ln())
    }

    #[test]
    fn scores_about_zero_end_an_alarm_and_scores_that_stay_up_do_not() {
        let after_large = scores_to_recover(2.0, 0.0, 0.1).expect("recovers");
        let after_small = scores_to_recover(0.4, 0.0, 0.1).expect("recovers");
        assert!((20..60).contains(&after_large), "{after_large}");
        assert!(
            after_large < after_small && after_small < 200,
            "{after_large} {after_small}"
        );
        for (shift, tolerated) in [(0.3, 0.05), (0.5, 0.25), (2.0, 0.25)] {
            assert_eq!(scores_to_recover(shift, shift, tolerated), None, "{shift}");
        }
    }

    #[test]
    fn a_fault_that_stands_is_not_cleared() {
        assert_eq!(steps_to_recover(0.5, 0.5), None);
    }
}
