//! Has the mean of a bounded statistic risen above what the null allows, at some unknown time?
//!
//! A mixture of Shiryaev–Roberts e-detectors: for each bet `κ` the factor `L = 1 + (κ/m)(u − m)` has mean at most one
//! while the conditional mean of `u ≥ 0` is at most `m`; `R ← (R + 1)·L` then grows by at most one in expectation a
//! step, so that the first time the average of the `R` exceeds `c` comes after at least `c` steps on average, however
//! often one looks. Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection"
//! (2023), theorem 2.4; the bets are those of Waudby-Smith and Ramdas (2024).
//!
//! Assumes that the conditional mean given the past is at most `m`: bursts and duplicates of one kind break it.
//! A CUSUM of the same bets (Page 1954) dates the onset; it plays no part in the alarm. O(bets) a step, no allocation.

use serde::{Deserialize, Serialize};

/// Number of bets in the mixture.
pub const BETS: usize = 5;

/// The bets, as shares of the largest admissible one: from "barely above the null" to "several times the null".
pub const KAPPA: [f64; BETS] = [0.02, 0.05, 0.12, 0.3, 0.6];

/// Evidence is held below e^60, so that recovery never has to unlearn more; products stay far from overflow.
const CAP: f64 = 1.142_007_389_815_684_2e26;
/// What no evidence is shown as, e^-30: nothing, with a logarithm.
const NOTHING: f64 = 9.357_622_968_840_175e-14;

/// The logarithm at which a detector with average run length `arl` raises.
#[must_use]
pub fn ln_threshold(arl: f64) -> f64 {
    arl.ln()
}

/// Where the evidence that stands began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Onset {
    /// Step number given to [`EDetector::observe`].
    pub step: u64,
    /// Event time of that step, milliseconds.
    pub timestamp_ms: i64,
}

/// A mixture Shiryaev–Roberts e-detector with CUSUM onset dating.
#[derive(Debug, Clone)]
pub struct EDetector {
    mean: f64,
    evidence: [f64; BETS],
    /// Product of the factors since the bet's last restart, at least one.
    cusum: [f64; BETS],
    start: [Option<Onset>; BETS],
}

/// What an [`EDetector`] has seen, without the bound it was told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    of_bets: [f64; BETS],
    cusum: [f64; BETS],
    start: [Option<Onset>; BETS],
}

impl EDetector {
    /// For statistics in `[0, ∞)` whose mean under the null is at most `mean`, `0 < mean`.
    #[must_use]
    pub fn bounded(mean: f64) -> Self {
        debug_assert!(mean > 0.0 && mean.is_finite(), "a bound on the mean is positive");
        Self {
            mean,
            ..Self::from_factors()
        }
    }

    /// For callers that bring their own factors through [`EDetector::observe_factors`].
    #[must_use]
    pub fn from_factors() -> Self {
        Self {
            mean: 1.0,
            evidence: [0.0; BETS],
            cusum: [1.0; BETS],
            start: [None; BETS],
        }
    }

    /// The bound on the null mean.
    #[must_use]
    pub fn mean_bound(&self) -> f64 {
        self.mean
    }

    /// Adds the statistic `value >= 0` of step `step` at event time `timestamp_ms`.
    pub fn observe(&mut self, value: f64, step: u64, timestamp_ms: i64) {
        self.observe_weighted(value, 1.0, step, timestamp_ms);
    }

    /// The same with bets of which only the share `weight` in `[0, 1]`, known before the value, is placed.
    pub fn observe_weighted(&mut self, value: f64, weight: f64, step: u64, timestamp_ms: i64) {
        self.observe_against(value, self.mean, weight, step, timestamp_ms);
    }

    /// The same where the bound on the mean of this value is `mean > 0`, known before the value: a bet against what is
    /// normal for its like.
    pub fn observe_against(&mut self, value: f64, mean: f64, weight: f64, step: u64, timestamp_ms: i64) {
        debug_assert!(value >= 0.0, "the statistic is non-negative");
        let surplus = weight * (value / mean - 1.0);
        self.observe_factors(KAPPA.map(|k| 1.0 + k * surplus), step, timestamp_ms);
    }

    /// Adds one step by its factors, one a bet, each of conditional mean at most one under the null. NaN is no evidence.
    ///
    /// Products rather than sums of logarithms: one multiplication a bet, and no more rounding.
    pub fn observe_factors(&mut self, factors: [f64; BETS], step: u64, timestamp_ms: i64) {
        let now = Onset { step, timestamp_ms };
        for (bet, factor) in factors.into_iter().enumerate() {
            // `f64::min` drops a NaN: without this, one would set the evidence to its cap and raise an alarm.
            let factor = if factor.is_nan() { 1.0 } else { factor };
            self.evidence[bet] = ((self.evidence[bet] + 1.0) * factor).min(CAP);
            let cusum = self.cusum[bet] * factor;
            if cusum <= 1.0 {
                self.cusum[bet] = 1.0;
                self.start[bet] = None;
            } else {
                self.start[bet].get_or_insert(now);
                self.cusum[bet] = cusum.min(CAP);
            }
        }
    }

    /// The mixture's value; its logarithm is [`EDetector::log_e_value`].
    #[must_use]
    pub fn e_value(&self) -> f64 {
        self.evidence.iter().sum::<f64>() / BETS as f64
    }

    /// Logarithm of the mixture's value, never NaN; −30 before the first step and when each bet just lost all.
    #[must_use]
    pub fn log_e_value(&self) -> f64 {
        self.e_value().max(NOTHING).ln()
    }

    /// The first step of the run of evidence that the leading bet rests on; `None` when no bet leads.
    #[must_use]
    pub fn onset(&self) -> Option<Onset> {
        let mut best = 0;
        for bet in 1..BETS {
            if self.cusum[bet] > self.cusum[best] {
                best = bet;
            }
        }
        self.start[best]
    }

    /// What it has seen so far.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence {
            of_bets: self.evidence,
            cusum: self.cusum,
            start: self.start,
        }
    }

    /// Goes on from what a detector of the same bound had seen.
    pub fn resume(&mut self, seen: Evidence) {
        self.evidence = seen.of_bets;
        self.cusum = seen.cusum;
        self.start = seen.start;
    }

    /// Forgets all evidence.
    pub fn reset(&mut self) {
        self.evidence = [0.0; BETS];
        self.cusum = [1.0; BETS];
        self.start = [None; BETS];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_grows_under_a_shift_and_dates_its_onset() {
        let mut detector = EDetector::bounded(0.2);
        for step in 0..200 {
            detector.observe(if step % 10 == 0 { 1.0 } else { 0.0 }, step, 0);
        }
        assert!(detector.log_e_value() < 4.0, "{}", detector.log_e_value());
        for step in 200..260 {
            detector.observe(1.0, step, 7);
        }
        assert!(detector.log_e_value() > 13.8);
        let onset = detector.onset().expect("evidence stands");
        assert_eq!((onset.step, onset.timestamp_ms), (200, 7));
    }

    #[test]
    fn a_value_is_worth_what_it_is_above_what_is_normal_for_its_like() {
        let (mut rare, mut common) = (EDetector::bounded(0.1), EDetector::bounded(0.1));
        rare.observe_against(1.0, 0.01, 1.0, 0, 0);
        common.observe_against(1.0, 0.5, 1.0, 0, 0);
        assert!(rare.log_e_value() > common.log_e_value() + 1.0);
    }

    #[test]
    fn a_factor_that_is_no_number_is_no_evidence() {
        let mut detector = EDetector::from_factors();
        detector.observe_factors([f64::NAN; BETS], 0, 0);
        assert!(detector.log_e_value().abs() < 1e-9, "{}", detector.log_e_value());
        assert_eq!(detector.onset(), None);
    }

    #[test]
    fn bets_that_lose_all_start_over() {
        let mut detector = EDetector::bounded(0.1);
        for step in 0..50 {
            detector.observe(1.0, step, 0);
        }
        detector.observe_factors([0.0; BETS], 50, 0);
        assert!((detector.log_e_value() + 30.0).abs() < 1e-9 && detector.onset().is_none());
        detector.observe_factors([1.0; BETS], 51, 0);
        assert!(detector.log_e_value().abs() < 1e-9, "one step, one start");
    }

    #[test]
    fn a_detector_goes_on_from_what_another_of_its_bound_had_seen() {
        let mut detector = EDetector::bounded(0.1);
        let value = |step: u64| f64::from(u8::from(step.is_multiple_of(4)));
        (0..50).for_each(|step| detector.observe(value(step), step, 0));
        let mut again = EDetector::bounded(0.1);
        again.resume(detector.evidence());
        for step in 50..80 {
            detector.observe(value(step), step, 7);
            again.observe(value(step), step, 7);
        }
        assert_eq!(again.evidence(), detector.evidence());
        assert!(detector.onset().is_some() && again.onset() == detector.onset());
    }

    #[test]
    fn reset_forgets_all() {
        let mut detector = EDetector::bounded(0.1);
        let fresh = detector.log_e_value();
        for step in 0..50 {
            detector.observe(1.0, step, 0);
        }
        assert!(detector.onset().is_some());
        detector.reset();
        assert!((detector.log_e_value() - fresh).abs() < f64::EPSILON && detector.onset().is_none());
    }
}
