//! Is the statistic back within its bound, after an alarm?
//!
//! A CUSUM of the Bernoulli likelihood ratio "the mean is 0.8 of the bound" against "the bound plus half of the excess
//! that was seen", with bounded statistics counted as fractional successes. Evidence *for* health ends an alarm; the
//! mere absence of new evidence never does. Page, "Continuous Inspection Schemes" (1954).

use std::collections::VecDeque;

/// Values kept to estimate the excess.
const KEEP: usize = 60;
/// The newest of them that are averaged.
const AVERAGE: usize = 40;
/// Values needed before the excess is estimated.
const ENOUGH: usize = 20;
/// Largest mean that the alternative takes, so that its likelihood stays finite.
const HIGHEST: f64 = 0.97;

/// Evidence for recovery of one detector.
#[derive(Debug, Clone, Default)]
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

    /// Adds a statistic in `[0, 1]` whose bound on the mean is `bound`; returns the logarithm of the ratio.
    pub fn observe(&mut self, value: f64, bound: f64) -> f64 {
        if self.recent.len() == KEEP {
            self.recent.pop_front();
        }
        self.recent.push_back(value);
        let halfway = 0.5 * (bound + self.excess_mean);
        let high = (bound * 1.25).max(halfway.min(HIGHEST)).min(HIGHEST);
        let low = (bound * 0.8).max(0.002).min(high);
        let value = value.clamp(0.0, 1.0);
        let step = value * (low / high).ln() + (1.0 - value) * ((1.0 - low) / (1.0 - high)).ln();
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
    fn a_fault_that_stands_is_not_cleared() {
        assert_eq!(steps_to_recover(0.5, 0.5), None);
    }
}
