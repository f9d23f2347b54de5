//! One sequential detector with its alarm, its onset and its recovery.

use crate::snapshot::state;
use bellwether_stats::{BETS, EDetector, Onset, RecoveryTest, ShiftBet};

/// A detector that raises on evidence of harm and settles on evidence of health.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    name: &'static str,
    detector: EDetector,
    recovery: RecoveryTest,
    bound: f64,
    threshold: f64,
    /// The e-value at which it raises: what `threshold` is the logarithm of.
    raises_at: f64,
    recovery_threshold: f64,
    active: Option<Onset>,
    recent_mean: f64,
    recent_weight: f64,
    decay: f64,
}

state!(Signal {
    values: recovery, active, recent_mean, recent_weight;
    parts: detector
});

impl Signal {
    /// A detector of means above `bound`, or of what brings its own factors. `threshold` and `recovery_threshold` are logarithms.
    pub(crate) fn new(
        name: &'static str,
        bound: f64,
        threshold: f64,
        recovery_threshold: f64,
        decay: f64,
    ) -> Self {
        Self {
            name,
            // What is bet on ranks brings its factors, and tolerates nothing where the reference has nothing to rank.
            detector: if bound > 0.0 {
                EDetector::bounded(bound)
            } else {
                EDetector::from_factors()
            },
            recovery: RecoveryTest::default(),
            bound,
            threshold,
            raises_at: threshold.exp(),
            recovery_threshold,
            active: None,
            recent_mean: 0.0,
            recent_weight: 0.0,
            decay,
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
        self.observe_against(value, self.bound, weight, step, timestamp_ms);
    }

    /// The same where the bound on the mean of this statistic is `bound`.
    pub(crate) fn observe_against(
        &mut self,
        value: f64,
        bound: f64,
        weight: f64,
        step: u64,
        timestamp_ms: i64,
    ) {
        self.detector
            .observe_against(value, bound, weight, step, timestamp_ms);
        self.settle(
            value,
            bound,
            self.detector.e_value(),
            Onset { step, timestamp_ms },
        );
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
        let average = f64::midpoint(self.detector.e_value(), second.e_value());
        self.settle(value, self.bound, average, Onset { step, timestamp_ms });
    }

    /// Adds factors; `value` is the statistic in `[0, 1]` that recovery looks at.
    pub(crate) fn observe_factors(&mut self, factors: [f64; BETS], value: f64, step: u64, timestamp_ms: i64) {
        self.detector.observe_factors(factors, step, timestamp_ms);
        self.settle(
            value,
            self.bound,
            self.detector.e_value(),
            Onset { step, timestamp_ms },
        );
    }

    /// Adds a number by how many of the reference's are below it, and at or below it; the statistic is its normal score.
    /// `weight` in `[0, 1]` is the share of the bets that is placed.
    pub(crate) fn observe_ranks(
        &mut self,
        bet: &ShiftBet,
        (below, at_or_below): (usize, usize),
        weight: f64,
        step: u64,
        timestamp_ms: i64,
    ) {
        let factors = bet.factors(below, at_or_below).map(|f| 1.0 + weight * (f - 1.0));
        self.detector.observe_factors(factors, step, timestamp_ms);
        let score = bet.score(below, at_or_below);
        self.remember(score);
        if self.active.is_none() {
            self.raise_on(self.detector.e_value(), Onset { step, timestamp_ms });
        } else if self.recovery.observe_score(score, self.bound) > self.recovery_threshold {
            self.lift();
        }
    }

    /// Adds factors, with recovery left to the caller through [`Signal::lift`]; `value` is shown only.
    pub(crate) fn observe_factors_only(
        &mut self,
        factors: [f64; BETS],
        value: f64,
        step: u64,
        timestamp_ms: i64,
    ) {
        self.detector.observe_factors(factors, step, timestamp_ms);
        self.remember(value);
        if self.active.is_none() {
            self.raise_on(self.detector.e_value(), Onset { step, timestamp_ms });
        }
    }

    /// Ends the alarm and forgets the evidence.
    pub(crate) fn lift(&mut self) {
        self.detector.reset();
        self.recovery.clear();
        self.active = None;
    }

    fn raise_on(&mut self, evidence: f64, now: Onset) {
        if evidence > self.raises_at {
            self.active = Some(self.detector.onset().unwrap_or(now));
            self.recovery.start();
        }
    }

    fn remember(&mut self, value: f64) {
        self.recent_mean = self.recent_mean * self.decay + value;
        self.recent_weight = self.recent_weight * self.decay + 1.0;
    }

    fn settle(&mut self, value: f64, bound: f64, evidence: f64, now: Onset) {
        self.remember(value);
        if self.active.is_none() {
            self.raise_on(evidence, now);
        } else if self.recovery.observe(value, bound) > self.recovery_threshold {
            self.lift();
        }
    }
}
