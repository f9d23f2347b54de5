//! Quality without labels, and whether the labels that came agree with it.

use super::facts::Facts;
use super::log::Unlabelled;
use super::measure::mean;
use super::reference::{QualityReference, Residual};
use super::report::{Disagreement, UnlabelledEstimate};
use crate::status::{Estimate, Interval};
use bellwether_events::TaskKind;
use bellwether_stats::{ClassMetric, Isotonic, Measured, Weights, poisson_binomial_interval};
use std::collections::VecDeque;

/// Fewest labels that can contradict an estimate.
const CONTRADICTION_MINIMUM: usize = 30;
/// Half the width of a 95 % interval, and the distance beyond which chance is ruled out: two-sided 0.1 %, as the page is
/// looked at often. Both in standard errors.
const INTERVAL_SE: f64 = 1.959_963_984_540_054;
const CONTRADICTION_SE: f64 = 3.290_526_731_491_894;

/// Confidence-based performance estimation.
const CALIBRATED: &str = "calibrated_confidence";
/// Average thresholded confidence.
const THRESHOLDED: &str = "thresholded_confidence";
const IMPORTANCE: &str = "importance_weighted";

/// Names of method and metric of every estimate of a kind.
pub(crate) fn names(kind: TaskKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        TaskKind::Classification => &[
            (CALIBRATED, "accuracy"),
            (CALIBRATED, "macro_f1"),
            (THRESHOLDED, "accuracy"),
            (IMPORTANCE, "accuracy"),
        ],
        TaskKind::SequenceLabelling => &[
            (CALIBRATED, "exact_match"),
            (THRESHOLDED, "exact_match"),
            (IMPORTANCE, "exact_match"),
        ],
        TaskKind::Regression => &[],
    }
}

/// What the estimates are made from.
pub(crate) struct Sources<'a> {
    pub(crate) kind: TaskKind,
    pub(crate) classes: usize,
    pub(crate) reference: &'a QualityReference,
    pub(crate) isotonic: Option<&'a Isotonic>,
    /// The newest predictions.
    pub(crate) newest: &'a VecDeque<Unlabelled>,
    /// Unit vectors `[n, dim]` and confidences `[n]` of the newest predictions.
    pub(crate) vectors: &'a [f32],
    pub(crate) confidences: &'a [f64],
    /// The labelled window and its weights, `[m]`.
    pub(crate) labelled: &'a [&'a Facts],
    pub(crate) weights: &'a [f64],
}

impl Sources<'_> {
    /// The estimates, in the order of [`names`].
    pub(crate) fn estimates(&self) -> Vec<UnlabelledEstimate> {
        names(self.kind)
            .iter()
            .map(|&(method, metric)| {
                let mut out = UnlabelledEstimate::empty(method, metric);
                match (method, metric) {
                    (CALIBRATED, "macro_f1") => self.expected_macro_f1(&mut out),
                    (CALIBRATED, _) => self.calibrated(&mut out),
                    (THRESHOLDED, _) => self.thresholded(&mut out),
                    _ => self.importance_weighted(&mut out),
                }
                out
            })
            .collect()
    }

    /// The newest predictions' calibrated distributions and classes; `None` unless all have one.
    fn distributions(&self) -> Option<(Vec<f64>, Vec<usize>)> {
        let (scaling, _) = self.reference.temperature?;
        let (mut probabilities, mut predicted) = (Vec::new(), Vec::new());
        for one in self.newest {
            let stored = one
                .probabilities
                .as_ref()
                .filter(|p| p.classes() == self.classes)?;
            let start = probabilities.len();
            stored.append_to(&mut probabilities);
            scaling.apply(&mut probabilities[start..]);
            predicted.push(one.class);
        }
        (!predicted.is_empty()).then_some((probabilities, predicted))
    }

    /// Expected value of a metric of the confusion table.
    fn expect(&self, metric: ClassMetric) -> Option<Estimate> {
        let (probabilities, predicted) = self.distributions()?;
        let unlabelled =
            bellwether_stats::Unlabelled::new(&probabilities, self.classes, &predicted, Weights::Equal)
                .ok()?;
        estimate(unlabelled.expect(metric), predicted.len())
    }

    fn expected_macro_f1(&self, out: &mut UnlabelledEstimate) {
        out.current = self.expect(ClassMetric::MacroF1);
        out.calibration = out.current.map(|_| "temperature");
    }

    fn calibrated(&self, out: &mut UnlabelledEstimate) {
        if let Some(current) = self.expect(ClassMetric::Accuracy)
            && let Some((scaling, residual)) = self.reference.temperature
        {
            out.current = Some(current);
            out.calibration = Some("temperature");
            out.disagreement = self.disagreement(residual, |facts| {
                let (predicted, stored) = facts.distribution()?;
                let mut row = Vec::new();
                stored.append_to(&mut row);
                scaling.apply(&mut row);
                row.get(predicted).copied()
            });
        } else if let (Some(isotonic), Some(residual)) = (self.isotonic, self.reference.isotonic) {
            let expected: Vec<f64> = self.finite().map(|c| isotonic.predict(c)).collect();
            if !expected.is_empty() {
                out.current = Some(Estimate {
                    value: expected.iter().sum::<f64>() / expected.len() as f64,
                    interval: poisson_binomial_interval(&expected).into(),
                    size: expected.len(),
                });
            }
            out.calibration = Some("isotonic");
            out.disagreement = self.disagreement(residual, |facts| {
                let confidence = facts.confidence();
                confidence.is_finite().then(|| isotonic.predict(confidence))
            });
        }
    }

    fn thresholded(&self, out: &mut UnlabelledEstimate) {
        let Some((threshold, residual)) = self.reference.threshold else {
            return;
        };
        let scores: Vec<f64> = self.finite().collect();
        out.current = threshold
            .accuracy(&scores, Weights::Equal)
            .ok()
            .and_then(|m| estimate(m, scores.len()));
        out.disagreement = self.disagreement(residual, |facts| {
            let confidence = facts.confidence();
            confidence
                .is_finite()
                .then(|| f64::from(u8::from(confidence >= threshold.threshold())))
        });
    }

    fn importance_weighted(&self, out: &mut UnlabelledEstimate) {
        let weighted = self
            .reference
            .importance
            .as_ref()
            .and_then(|reference| reference.estimate(self.vectors, self.confidences));
        if let Some(weighted) = weighted {
            out.current = estimate(weighted.accuracy, self.confidences.len());
            out.effective_size = Some(weighted.effective_size);
        }
    }

    fn finite(&self) -> impl Iterator<Item = f64> {
        self.newest
            .iter()
            .map(|one| one.confidence)
            .filter(|c| c.is_finite())
    }

    /// The estimate for the labelled observations less what their labels say. `residual` is what the reference itself
    /// leaves over.
    fn disagreement(
        &self,
        residual: Residual,
        estimate: impl Fn(&Facts) -> Option<f64>,
    ) -> Option<Disagreement> {
        let (differences, weights): (Vec<f64>, Vec<f64>) = self
            .labelled
            .iter()
            .zip(self.weights)
            .filter_map(|(facts, &weight)| {
                let right = f64::from(u8::from(facts.is_right()?));
                Some((estimate(facts)? - right, weight))
            })
            .unzip();
        if differences.len() < 2 {
            return None;
        }
        let measured = mean(&differences, &weights)?;
        let own = 0.5 * (measured.interval.high - measured.interval.low);
        // The calibration rests on a finite reference, and its error is common to all that it is applied to.
        let half = own.hypot(INTERVAL_SE * residual.standard_error);
        let chance = CONTRADICTION_SE / INTERVAL_SE * half + residual.mean.abs();
        Some(Disagreement {
            value: measured.value,
            interval: Interval {
                low: measured.value - half,
                high: measured.value + half,
            },
            size: differences.len(),
            significant: differences.len() >= CONTRADICTION_MINIMUM && measured.value.abs() > chance,
        })
    }
}

/// A measured value as the status shows it; `None` for what is no number.
pub(crate) fn estimate(measured: Measured, size: usize) -> Option<Estimate> {
    measured.value.is_finite().then_some(Estimate {
        value: measured.value,
        interval: measured.interval.into(),
        size,
    })
}
