//! One slice: its detectors and what they found.

use super::SliceBounds;
use crate::config::MonitorConfig;
use crate::explain::number;
use crate::reference::far_statistic;
use crate::shared::Eclipse;
use crate::signal::Signal;
use crate::snapshot::state;
use crate::status::{SliceStatus, signal_status};
use crate::timeline::rfc3339;
use bellwether_events::TaskKind;
use bellwether_stats::ContaminationBet;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Labels that are remembered, to say how bad it is since the fall began.
const LABELS_KEPT: usize = 64;

/// The watch over one value of one attribute.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    attribute: String,
    value: String,
    bounds: SliceBounds,
    novelty_bet: ContaminationBet,
    pub(crate) loss: Signal,
    confidence: Signal,
    novelty: Signal,
    observations: u64,
    labels: u64,
    /// Newest losses with their step, oldest first.
    losses: VecDeque<(u64, f64)>,
    min_observations: u64,
}

state!(Slice {
    values: observations, labels, losses;
    parts: loss, confidence, novelty
});

impl Slice {
    pub(super) fn new(attribute: String, value: String, bounds: SliceBounds, config: &MonitorConfig) -> Self {
        let (alarm, watch) = (config.slice_alarm_threshold(), config.slice_watch_threshold());
        let (recovery, decay) = (config.recovery_ratio.ln(), config.decay());
        let signal = |name, bound, threshold| Signal::new(name, bound, threshold, recovery, decay);
        Self {
            loss: signal("loss", bounds.loss, alarm),
            confidence: signal("confidence", bounds.doubt.unwrap_or(1.0), watch),
            novelty: signal("novelty", bounds.far, watch),
            novelty_bet: ContaminationBet::new(bounds.foreign_share),
            attribute,
            value,
            bounds,
            observations: 0,
            labels: 0,
            losses: VecDeque::new(),
            min_observations: config.slice_min_observations,
        }
    }

    pub(super) fn observe(&mut self, p_novelty: f64, confidence: f64, step: u64, timestamp_ms: i64) {
        self.observations += 1;
        let factors = *self.novelty_bet.factors(p_novelty);
        self.novelty
            .observe_factors(factors, far_statistic(p_novelty), step, timestamp_ms);
        if self.bounds.doubt.is_some() && confidence.is_finite() {
            self.confidence
                .observe((1.0 - confidence).clamp(0.0, 1.0), step, timestamp_ms);
        }
    }

    pub(super) fn label(&mut self, loss: f64, weight: f64, step: u64, timestamp_ms: i64) {
        self.labels += 1;
        if self.losses.len() == LABELS_KEPT {
            self.losses.pop_front();
        }
        self.losses.push_back((step, loss));
        self.loss.observe_weighted(loss, weight, step, timestamp_ms);
    }

    /// Forgets evidence that has not raised, and alarms that began in `eclipse`.
    pub(super) fn forget_since(&mut self, eclipse: Eclipse) {
        for signal in [&mut self.loss, &mut self.confidence, &mut self.novelty] {
            if signal
                .active()
                .is_none_or(|onset| eclipse.covers(onset.timestamp_ms))
            {
                signal.lift();
            }
        }
    }

    pub(super) fn attribute(&self) -> &str {
        &self.attribute
    }

    pub(super) fn value(&self) -> &str {
        &self.value
    }

    fn signals(&self) -> [&Signal; 3] {
        [&self.loss, &self.confidence, &self.novelty]
    }

    pub(super) fn is_active(&self) -> bool {
        self.signals().iter().any(|s| s.is_active())
    }

    /// Whether there is enough of it to be spoken of.
    pub(super) fn is_judged(&self) -> bool {
        self.observations >= self.min_observations
    }

    pub(super) fn findings(&self, kind: TaskKind) -> impl Iterator<Item = Finding<'_>> {
        let judged = self.is_judged();
        let standing = self
            .signals()
            .into_iter()
            .filter(move |s| judged && s.is_active());
        standing.map(move |signal| Finding {
            slice: self,
            signal,
            kind,
        })
    }

    /// Mean of the statistic now: of the kept labels since the fall began, or of the recent observations.
    fn current(&self, signal: &Signal) -> f64 {
        let Some(onset) = signal.active().filter(|_| signal.name() == "loss") else {
            return signal.recent_mean();
        };
        let since = self.losses.iter().filter(|(step, _)| *step >= onset.step);
        let (sum, n) = since.fold((0.0, 0.0), |(sum, n), (_, loss)| (sum + loss, n + 1.0));
        if n > 0.0 { sum / n } else { signal.recent_mean() }
    }

    pub(crate) fn status(&self) -> SliceStatus {
        SliceStatus {
            attribute: self.attribute.clone(),
            value: self.value.clone(),
            observations: self.observations,
            labels: self.labels,
            in_reference: self.bounds.known.as_ref().map_or(0, |known| known.size),
            signals: self.signals().into_iter().map(signal_status).collect(),
        }
    }
}

/// One signal that stands for one slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finding<'a> {
    slice: &'a Slice,
    pub(crate) signal: &'a Signal,
    kind: TaskKind,
}

impl Finding<'_> {
    /// For the timeline.
    pub(crate) fn evidence(&self) -> Value {
        json!({
            "attribute": self.attribute(),
            "value": self.value(),
            "signal": self.signal.name(),
            "log_e_value": number(self.signal.log_e_value()),
            "since": self.signal.active().map(|o| rfc3339(o.timestamp_ms)),
            "current": number(self.current()),
            "reference": number(self.reference()),
            "observations": self.observations(),
            "labels": self.labels(),
        })
    }

    /// Logarithm of the evidence over its threshold.
    pub(crate) fn excess(&self) -> f64 {
        self.signal.log_e_value() - self.signal.threshold()
    }

    pub(crate) fn is_loss(&self) -> bool {
        self.signal.name() == "loss"
    }

    pub(crate) fn attribute(&self) -> &str {
        &self.slice.attribute
    }

    pub(crate) fn value(&self) -> &str {
        &self.slice.value
    }

    pub(crate) fn observations(&self) -> u64 {
        self.slice.observations
    }

    pub(crate) fn labels(&self) -> u64 {
        self.slice.labels
    }

    /// Mean of the statistic the signal bets on, now.
    pub(crate) fn current(&self) -> f64 {
        self.slice.current(self.signal)
    }

    /// The same in the slice's reference; NaN for a value that the reference did not have.
    pub(crate) fn reference(&self) -> f64 {
        let Some(known) = &self.slice.bounds.known else {
            return f64::NAN;
        };
        match self.signal.name() {
            "loss" => known.loss.observed,
            "confidence" => known.doubt.as_ref().map_or(f64::NAN, |doubt| doubt.observed),
            _ => known.far.observed,
        }
    }

    /// What it says, as a clause.
    pub(crate) fn clause(&self) -> String {
        let place = format!("where {} = {}", self.attribute(), self.value());
        let (current, reference) = (self.current(), self.reference());
        let against = |shown: f64| {
            if shown.is_finite() {
                format!("against {shown:.2} in the reference")
            } else {
                "a value the reference does not have".to_owned()
            }
        };
        match (self.signal.name(), self.kind) {
            ("loss", TaskKind::Regression) => format!(
                "errors grow {place}: mean rank {current:.2} {}, {} labels",
                against(reference),
                self.labels()
            ),
            ("loss", kind) => {
                let metric = if kind == TaskKind::Classification {
                    "accuracy"
                } else {
                    "the share of wholly right sequences"
                };
                format!(
                    "{metric} falls {place}: {:.2} {}, {} labels",
                    1.0 - current,
                    against(1.0 - reference),
                    self.labels()
                )
            }
            ("confidence", _) => format!(
                "the head is less confident {place}: {:.2} {}",
                1.0 - current,
                against(1.0 - reference)
            ),
            _ => format!(
                "more unusual inputs {place}, {} observations",
                self.observations()
            ),
        }
    }
}
