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

/// Number of bets in the mixture.
pub const BETS: usize = 5;

/// The bets, as shares of the largest admissible one: from "barely above the null" to "several times the null".
pub const KAPPA: [f64; BETS] = [0.02, 0.05, 0.12, 0.3, 0.6];

/// Logarithms are held below this, so that recovery never has to unlearn more than e^60.
const LOG_CAP: f64 = 60.0;
/// Stands for log 0 at the start.
const LOG_ZERO: f64 = -30.0;

/// The logarithm at which a detector with average run length `arl` raises.
#[must_use]
pub fn ln_threshold(arl: f64) -> f64 {
    arl.ln()
}

/// Where the evidence that stands began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    lambda: [f64; BETS],
    log_r: [f64; BETS],
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
            lambda: KAPPA.map(|k| k / mean),
            ..Self::from_factors()
        }
    }

    /// For callers that bring their own factors through [`EDetector::observe_log_factors`].
    #[must_use]
    pub fn from_factors() -> Self {
        Self {
            mean: 1.0,
            lambda: KAPPA,
            log_r: [LOG_ZERO; BETS],
            cusum: [0.0; BETS],
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
        debug_assert!(value >= 0.0, "the statistic is non-negative");
        let factors = self.lambda.map(|l| (weight * l * (value - self.mean)).ln_1p());
        self.observe_log_factors(&factors, step, timestamp_ms);
    }

    /// Adds one step by the logarithms of its factors, one a bet, each of conditional mean at most one under the null.
    /// NaN is no evidence: that bet stands as with a factor of one.
    pub fn observe_log_factors(&mut self, factors: &[f64; BETS], step: u64, timestamp_ms: i64) {
        for (bet, &factor) in factors.iter().enumerate() {
            // `f64::min` drops a NaN: without this, one would set the evidence to its cap and raise an alarm.
            let factor = if factor.is_nan() { 0.0 } else { factor };
            self.log_r[bet] = (log_add_exp(self.log_r[bet], 0.0) + factor).min(LOG_CAP);
            let cusum = self.cusum[bet] + factor;
            if cusum <= 0.0 {
                self.cusum[bet] = 0.0;
                self.start[bet] = None;
            } else {
                self.start[bet].get_or_insert(Onset { step, timestamp_ms });
                self.cusum[bet] = cusum.min(LOG_CAP);
            }
        }
    }

    /// Logarithm of the mixture's value, never NaN; −∞ when each bet just lost all.
    #[must_use]
    pub fn log_e_value(&self) -> f64 {
        let max = self.log_r.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if max.is_infinite() {
            return max;
        }
        let sum: f64 = self.log_r.iter().map(|r| (r - max).exp()).sum();
        max + (sum / BETS as f64).ln()
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

    /// Forgets all evidence.
    pub fn reset(&mut self) {
        self.log_r = [LOG_ZERO; BETS];
        self.cusum = [0.0; BETS];
        self.start = [None; BETS];
    }
}

/// `ln(e^a + e^b)` without overflow.
pub(crate) fn log_add_exp(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    high + (low - high).exp().ln_1p()
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
    fn a_factor_that_is_no_number_is_no_evidence() {
        let mut detector = EDetector::from_factors();
        detector.observe_log_factors(&[f64::NAN; BETS], 0, 0);
        assert!(detector.log_e_value().abs() < 1e-9, "{}", detector.log_e_value());
        assert_eq!(detector.onset(), None);
    }

    #[test]
    fn bets_that_lose_all_start_over() {
        let mut detector = EDetector::bounded(0.1);
        for step in 0..50 {
            detector.observe(1.0, step, 0);
        }
        detector.observe_log_factors(&[f64::NEG_INFINITY; BETS], 50, 0);
        assert!(detector.log_e_value().is_infinite() && detector.onset().is_none());
        detector.observe_log_factors(&[0.0; BETS], 51, 0);
        assert!(detector.log_e_value().abs() < 1e-9, "one step, one start");
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

    #[test]
    fn log_add_exp_is_symmetric_and_exact_at_equal_arguments() {
        assert!((log_add_exp(3.0, 3.0) - (3.0 + 2.0_f64.ln())).abs() < 1e-12);
        assert!((log_add_exp(-700.0, 5.0) - log_add_exp(5.0, -700.0)).abs() < f64::EPSILON);
    }
}
