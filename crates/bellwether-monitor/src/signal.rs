//! One sequential detector with its alarm, its onset and its recovery.

use bellwether_stats::{BETS, BOLD_KAPPA, EDetector, Onset, RecoveryTest};

/// A detector that raises on evidence of harm and settles on evidence of health.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    name: &'static str,
    detector: EDetector,
    recovery: RecoveryTest,
    bound: f64,
    threshold: f64,
    recovery_threshold: f64,
    active: Option<Onset>,
    recent_mean: f64,
    recent_weight: f64,
    decay: f64,
}

impl Signal {
    /// A detector of means above `bound`. `threshold` and `recovery_threshold` are logarithms.
    pub(crate) fn new(
        name: &'static str,
        bound: f64,
        threshold: f64,
        recovery_threshold: f64,
        decay: f64,
    ) -> Self {
        Self {
            name,
            detector: EDetector::bounded(bound),
            recovery: RecoveryTest::default(),
            bound,
            threshold,
            recovery_threshold,
            active: None,
            recent_mean: 0.0,
            recent_weight: 0.0,
            decay,
        }
    }

    /// The same of ranks, whose largest value is near the bound.
    pub(crate) fn of_ranks(self) -> Self {
        Self {
            detector: EDetector::bounded_with(self.bound, BOLD_KAPPA),
            ..self
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The onset while the alarm stands.
    pub(crate) fn active(&self) -> Option<Onset> {
        self.active
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    pub(crate) fn log_e_value(&self) -> f64 {
        self.detector.log_e_value()
    }

    pub(crate) fn threshold(&self) -> f64 {
        self.threshold
    }

    pub(crate) fn bound(&self) -> f64 {
        self.bound
    }

    /// Exponentially weighted mean of the statistic; NaN before the first.
    pub(crate) fn recent_mean(&self) -> f64 {
        self.recent_mean / self.recent_weight
    }

    /// Adds a statistic in `[0, 1]`.
    pub(crate) fn observe(&mut self, value: f64, step: u64, timestamp_ms: i64) {
        self.observe_weighted(value, 1.0, step, timestamp_ms);
    }

    /// Adds a statistic in `[0, 1]`; `weight` in `[0, 1]` is the share of the bets that is placed.
    pub(crate) fn observe_weighted(&mut self, value: f64, weight: f64, step: u64, timestamp_ms: i64) {
        self.detector.observe_weighted(value, weight, step, timestamp_ms);
        let evidence = self.log_e_value();
        self.settle(value, evidence, Onset { step, timestamp_ms });
    }

    /// Adds a statistic whose evidence is averaged with that of a second detector over the same data.
    /// `weight` in `[0, 1]` is the share of the bets that is placed.
    pub(crate) fn observe_with(
        &mut self,
        value: f64,
        weight: f64,
        second: &EDetector,
        step: u64,
        timestamp_ms: i64,
    ) {
        self.detector.observe_weighted(value, weight, step, timestamp_ms);
        let (a, b) = (self.log_e_value(), second.log_e_value());
        let average = a.max(b) + (0.5 * (1.0 + (-(a - b).abs()).exp())).ln();
        self.settle(value, average, Onset { step, timestamp_ms });
    }

    /// Adds factors; `value` is the statistic in `[0, 1]` that recovery looks at.
    pub(crate) fn observe_factors(
        &mut self,
        factors: &[f64; BETS],
        value: f64,
        step: u64,
        timestamp_ms: i64,
    ) {
        self.detector.observe_log_factors(factors, step, timestamp_ms);
        let evidence = self.log_e_value();
        self.settle(value, evidence, Onset { step, timestamp_ms });
    }

    /// Adds factors, with recovery left to the caller through [`Signal::lift`]; `value` is shown only.
    pub(crate) fn observe_factors_only(
        &mut self,
        factors: &[f64; BETS],
        value: f64,
        step: u64,
        timestamp_ms: i64,
    ) {
        self.detector.observe_log_factors(factors, step, timestamp_ms);
        self.remember(value);
        if self.active.is_none() && self.log_e_value() > self.threshold {
            self.raise(Onset { step, timestamp_ms });
        }
    }

    /// Ends the alarm and forgets the evidence.
    pub(crate) fn lift(&mut self) {
        self.detector.reset();
        self.recovery.clear();
        self.active = None;
    }

    fn raise(&mut self, now: Onset) {
        self.active = Some(self.detector.onset().unwrap_or(now));
        self.recovery.start();
    }

    fn remember(&mut self, value: f64) {
        self.recent_mean = self.recent_mean * self.decay + value;
        self.recent_weight = self.recent_weight * self.decay + 1.0;
    }

    fn settle(&mut self, value: f64, evidence: f64, now: Onset) {
        self.remember(value);
        if self.active.is_none() {
            if evidence > self.threshold {
                self.raise(now);
            }
        } else if self.recovery.observe(value, self.bound) > self.recovery_threshold {
            self.lift();
        }
    }
}
