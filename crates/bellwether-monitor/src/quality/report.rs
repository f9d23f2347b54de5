//! Everything that is known about the quality of one task.

use super::facts::Facts;
use super::log::{Labelling, QualityLog, UNLABELLED_WINDOW};
use super::measure::{Labels, names};
use super::reference::QualityReference;
use super::strata::StratumCounts;
use super::unlabelled::{self, Sources, estimate};
use super::{LabelRecord, QUALITY_WINDOW};
use crate::recent::RecentObservations;
use crate::reference::TaskReference;
use crate::status::{Estimate, Interval};
use bellwether_events::{TaskKind, TaskSpec};
use bellwether_stats::{equal_rates_p_value, weights_of_strata, wilson_interval};
use serde::Serialize;
use std::collections::BTreeMap;

/// p-value below which strata are held to be labelled at different rates.
const SELECTIVE_P: f64 = 0.01;
/// Largest weight of a label, over the mean: beyond it a few labels would be the estimate.
const MOST_WEIGHT: f64 = 20.0;
/// Classes whose precision and recall are told, those with most labels first.
const TOLD_CLASSES: usize = 64;
/// Confusions that are told, those with most labels first.
const TOLD_CONFUSIONS: usize = 16;

/// Quality of one task over its newest labelled predictions, and what is expected of its newest predictions.
///
/// The window holds the newest 200 labelled predictions that are old enough: older than the delay within which nine of
/// ten labels come. Where the rate of labelling differs between quartiles of confidence beyond chance, labels are
/// weighted by the inverse of their quartile's rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityReport {
    /// Event time at which it was made; 0 before the first observation.
    pub as_of_ms: i64,
    /// Time of the window's oldest prediction; 0 without labels.
    pub from_ms: i64,
    /// Predictions up to this time were old enough; 0 without labels.
    pub to_ms: i64,
    /// Labels in the window.
    pub labels: usize,
    /// Equally weighted labels that would tell as much.
    pub effective_labels: f64,
    /// Labels of the window outside the task's label set: wrong for accuracy and the F1 scores, left out of the metrics of
    /// probabilities.
    pub outside_label_set: usize,
    /// Share of the window's predictions that have a label, from 0 to 1; NaN without labels.
    pub coverage: f64,
    /// Median delay of the newest 512 labels behind their predictions, in seconds; NaN without labels.
    pub delay_median_seconds: f64,
    /// 90th percentile of that delay, in seconds; NaN without labels.
    pub delay_late_seconds: f64,
    /// Who was labelled.
    pub selection: Selection,
    /// Every metric of the task's kind.
    pub metrics: Vec<MetricStatus>,
    /// The classes that occur in the window, those with most labels first, at most 64; empty unless classification.
    pub classes: Vec<ClassStatus>,
    /// The pairs of predicted and labelled class that are most often wrong, at most 16; empty unless classification.
    pub confusions: Vec<ConfusionStatus>,
    /// How often the head is right where it says so; `None` without confidences.
    pub reliability: Option<ReliabilityCurve>,
    /// Quality expected without labels, by every method.
    pub estimates: Vec<UnlabelledEstimate>,
    /// What to make of it, where estimates and labels contradict each other.
    pub advice: Option<String>,
}

/// How labels were chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Selection {
    /// That every quartile of confidence is labelled at one rate; NaN without labels.
    pub p_value: f64,
    /// Whether labels are weighted.
    pub corrected: bool,
    /// Weights that were cut at twenty times their mean.
    pub truncated: usize,
    /// Share of the window's predictions in quartiles without a label: no weight can speak for them.
    pub uncovered: f64,
    /// By quartile of the reference's confidence, the lowest first, then predictions without confidence.
    pub strata: Vec<StratumStatus>,
}

/// Predictions and labels of one stratum in the time of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StratumStatus {
    /// Predictions.
    pub observations: u64,
    /// Labels.
    pub labels: u64,
}

/// One metric over the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricStatus {
    /// Its name.
    pub metric: &'static str,
    /// Corrected for delay and for the choice of labels; `None` where there is nothing to measure it by.
    pub current: Option<Estimate>,
    /// The same labels, each counting one.
    pub raw: Option<Estimate>,
    /// In the reference; `None` where that was not measured.
    pub reference: Option<f64>,
}

/// One class over the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassStatus {
    /// Its label.
    pub class: String,
    /// Labels of that class, weighted.
    pub support: f64,
    /// Share of its predictions that are right; `None` when it is not predicted.
    pub precision: Option<Estimate>,
    /// Share of its labels that are found; `None` when it is not labelled.
    pub recall: Option<Estimate>,
    /// The harmonic mean of both.
    pub f1: Option<Estimate>,
}

/// Labels of the window that say one class where the head said another, and how the head did with its class in the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfusionStatus {
    /// The class that was predicted.
    pub predicted: String,
    /// The class that the label says; `None` for labels outside the label set.
    pub label: Option<String>,
    /// Labels of the window, each counting one.
    pub labels: usize,
    /// Labels of the window with that prediction.
    pub predictions: usize,
    /// Share of those predictions whose label says this class.
    pub share: Estimate,
    /// Share of that prediction that was wrong in the reference, whatever the label said; `None` where it was not predicted there.
    pub reference_error: Option<f64>,
}

/// A reliability curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReliabilityCurve {
    /// How the bins were cut.
    pub binning: &'static str,
    /// Bins that hold labels, in ascending order of confidence.
    pub points: Vec<ReliabilityPoint>,
}

/// One bin of a reliability curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityPoint {
    /// Mean confidence.
    pub confidence: f64,
    /// Share that is right.
    pub frequency: f64,
    /// 95 % interval of the share.
    pub interval: Interval,
    /// Labels.
    pub labels: usize,
}

/// Quality of the newest 200 predictions, expected without their labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnlabelledEstimate {
    /// `calibrated_confidence`, `thresholded_confidence` or `importance_weighted`.
    pub method: &'static str,
    /// The metric that is expected.
    pub metric: &'static str,
    /// `temperature` or `isotonic`, for `calibrated_confidence`.
    pub calibration: Option<&'static str>,
    /// The estimate; `None` where the method has nothing to go by.
    pub current: Option<Estimate>,
    /// Reference observations in effect, for `importance_weighted`.
    pub effective_size: Option<f64>,
    /// Whether labels agree with it; `None` without labels, and for methods that cannot be asked about single ones.
    pub disagreement: Option<Disagreement>,
}

impl UnlabelledEstimate {
    pub(crate) fn empty(method: &'static str, metric: &'static str) -> Self {
        Self {
            method,
            metric,
            calibration: None,
            current: None,
            effective_size: None,
            disagreement: None,
        }
    }
}

/// The estimate made for the labelled observations of the window less what their labels say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Disagreement {
    /// Positive when the estimate is too good.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Interval,
    /// Labels compared.
    pub size: usize,
    /// Whether it is beyond chance, at 0.1 %: then the estimate is not to be trusted.
    pub significant: bool,
}

impl QualityReport {
    /// Of a task of which nothing has been seen: every metric and estimate is there, none has a value.
    #[must_use]
    pub fn empty(kind: TaskKind) -> Self {
        Self {
            as_of_ms: 0,
            from_ms: 0,
            to_ms: 0,
            labels: 0,
            effective_labels: 0.0,
            outside_label_set: 0,
            coverage: f64::NAN,
            delay_median_seconds: f64::NAN,
            delay_late_seconds: f64::NAN,
            selection: Selection {
                p_value: f64::NAN,
                corrected: false,
                truncated: 0,
                uncovered: f64::NAN,
                strata: Vec::new(),
            },
            metrics: names(kind)
                .iter()
                .map(|&metric| MetricStatus {
                    metric,
                    current: None,
                    raw: None,
                    reference: None,
                })
                .collect(),
            classes: Vec::new(),
            confusions: Vec::new(),
            reliability: None,
            estimates: unlabelled::names(kind)
                .iter()
                .map(|&(method, metric)| UnlabelledEstimate::empty(method, metric))
                .collect(),
            advice: None,
        }
    }
}

/// What a report is made from.
pub(crate) struct ReportSources<'a> {
    pub(crate) spec: &'a TaskSpec,
    pub(crate) task: &'a TaskReference,
    pub(crate) reference: &'a QualityReference,
    pub(crate) log: &'a QualityLog,
    pub(crate) recent: &'a RecentObservations,
    pub(crate) now_ms: i64,
}

impl ReportSources<'_> {
    /// The report of the labels that `speaks_of_the_present`. O(window · (classes · log window + classes² + dim)).
    pub(crate) fn report(&self, speaks_of_the_present: impl Fn(&LabelRecord) -> bool) -> QualityReport {
        let mut out = QualityReport::empty(self.spec.kind);
        out.as_of_ms = self.now_ms;
        for metric in &mut out.metrics {
            metric.reference = self.reference.metrics.get(metric.metric).copied();
        }
        let window = self
            .log
            .window(self.now_ms, QUALITY_WINDOW, speaks_of_the_present);
        let facts: Vec<&Facts> = window.iter().map(|l| &l.facts).collect();
        let weights = self.weigh(&window, &mut out);
        if !facts.is_empty() {
            self.measure(&facts, &weights, &mut out);
        }
        self.estimate(&facts, &weights, &mut out);
        out.advice = advice(&out.estimates);
        out
    }

    /// The weight of each label, `[n]`; writes where the window lies and who was labelled in it.
    fn weigh(&self, window: &[&Labelling], out: &mut QualityReport) -> Vec<f64> {
        if let Some((median, late)) = self.log.delays_ms() {
            out.delay_median_seconds = median as f64 / 1000.0;
            out.delay_late_seconds = late as f64 / 1000.0;
        }
        let Some(oldest) = window.first() else {
            return Vec::new();
        };
        out.from_ms = oldest.record.observed_ms;
        out.to_ms = self.log.mature_until(self.now_ms);
        out.labels = window.len();
        out.effective_labels = window.len() as f64;
        let counts = self.log.strata.between(out.from_ms, out.to_ms);
        let observations: u64 = counts.observations.iter().sum();
        let labels: u64 = counts.labels.iter().sum();
        out.coverage = (labels as f64 / observations.max(1) as f64).min(1.0);
        out.selection.strata = strata(&counts);
        out.selection.uncovered = 0.0;
        let equal = vec![1.0; window.len()];
        let Ok(p_value) = equal_rates_p_value(&counts.observations, &counts.labels) else {
            return equal;
        };
        out.selection.p_value = p_value;
        let stratum: Vec<usize> = window
            .iter()
            .map(|l| self.log.stratum(l.facts.confidence()))
            .collect();
        match weights_of_strata(&counts.observations, &counts.labels, &stratum, MOST_WEIGHT) {
            Ok(selection) => {
                out.selection.uncovered = selection.uncovered;
                if p_value >= SELECTIVE_P {
                    return equal;
                }
                out.selection.corrected = true;
                out.selection.truncated = selection.truncated;
                out.effective_labels = selection.effective_size;
                selection.weights
            }
            Err(_) => equal,
        }
    }

    fn measure(&self, facts: &[&Facts], weights: &[f64], out: &mut QualityReport) {
        let raw = Labels {
            kind: self.spec.kind,
            classes: self.task.classes,
            facts,
            weights: None,
        };
        // Unweighted labels are measured as such: equal weights give the same numbers but for rounding.
        let corrected = Labels {
            weights: out.selection.corrected.then_some(weights),
            ..raw
        };
        let size = facts.len();
        let raw_metrics = raw.measure();
        let current = if out.selection.corrected {
            corrected.measure()
        } else {
            raw_metrics.clone()
        };
        for (metric, (current, raw)) in out.metrics.iter_mut().zip(current.into_iter().zip(raw_metrics)) {
            metric.current = current.and_then(|m| estimate(m, size));
            metric.raw = raw.and_then(|m| estimate(m, size));
        }
        out.outside_label_set = facts
            .iter()
            .filter(|f| matches!(f, Facts::Class { truth: None, .. }))
            .count();
        out.classes = self.classes(&corrected);
        out.confusions = self.confusions(facts);
        out.reliability = corrected.reliability().map(|curve| ReliabilityCurve {
            binning: "fifteen bins of equal width",
            points: curve
                .bins
                .iter()
                .map(|bin| ReliabilityPoint {
                    confidence: bin.confidence,
                    frequency: bin.frequency,
                    interval: wilson_interval(bin.frequency * bin.count as f64, bin.count as f64).into(),
                    labels: bin.count,
                })
                .collect(),
        });
    }

    fn classes(&self, labels: &Labels<'_>) -> Vec<ClassStatus> {
        let size = labels.facts.len();
        let mut classes: Vec<ClassStatus> = labels
            .by_class()
            .into_iter()
            .zip(&self.spec.labels)
            .filter(|(measures, _)| measures.f1.is_some())
            .map(|(measures, class)| ClassStatus {
                class: class.clone(),
                support: measures.support,
                precision: measures.precision.and_then(|m| estimate(m, size)),
                recall: measures.recall.and_then(|m| estimate(m, size)),
                f1: measures.f1.and_then(|m| estimate(m, size)),
            })
            .collect();
        // Stable: equal supports stay in the order of the labels.
        classes.sort_by(|a, b| b.support.total_cmp(&a.support));
        classes.truncate(TOLD_CLASSES);
        classes
    }

    fn confusions(&self, facts: &[&Facts]) -> Vec<ConfusionStatus> {
        let (mut predictions, mut wrong) = (BTreeMap::new(), BTreeMap::new());
        for facts in facts {
            if let Facts::Class { predicted, truth, .. } = **facts {
                *predictions.entry(predicted).or_insert(0_usize) += 1;
                if truth != Some(predicted) {
                    *wrong.entry((predicted, truth)).or_insert(0_usize) += 1;
                }
            }
        }
        let mut pairs: Vec<((u32, Option<u32>), usize)> = wrong.into_iter().collect();
        // Stable: equal counts stay in the order of the classes.
        pairs.sort_by_key(|(_, labels)| std::cmp::Reverse(*labels));
        pairs.truncate(TOLD_CONFUSIONS);
        let class = |class: u32| self.spec.labels.get(class as usize).cloned();
        let told = pairs.into_iter().filter_map(|((predicted, truth), labels)| {
            let of = predictions[&predicted];
            let (few, many) = (labels as f64, of as f64);
            let &(rows, errors) = self.reference.predicted.get(predicted as usize)?;
            Some(ConfusionStatus {
                predicted: class(predicted)?,
                label: truth.and_then(class),
                labels,
                predictions: of,
                share: Estimate {
                    value: few / many,
                    interval: wilson_interval(few, many).into(),
                    size: of,
                },
                reference_error: (rows > 0).then(|| errors as f64 / rows as f64),
            })
        });
        told.collect()
    }

    fn estimate(&self, labelled: &[&Facts], weights: &[f64], out: &mut QualityReport) {
        let (mut vectors, mut confidences) = (Vec::new(), Vec::new());
        if self.reference.importance.is_some() {
            let first = self.recent.next_step().saturating_sub(UNLABELLED_WINDOW as u64);
            for (step, row) in self.recent.since(first).filter(|(_, row)| !row.repeated) {
                self.recent.vector(step, &mut vectors);
                confidences.push(row.confidence);
            }
        }
        out.estimates = Sources {
            kind: self.spec.kind,
            classes: self.task.classes,
            reference: self.reference,
            isotonic: self.task.calibration.as_ref(),
            newest: &self.log.newest,
            vectors: &vectors,
            confidences: &confidences,
            labelled,
            weights,
        }
        .estimates();
    }
}

/// Strata with predictions or labels, and those before them.
fn strata(counts: &StratumCounts) -> Vec<StratumStatus> {
    counts
        .observations
        .iter()
        .zip(&counts.labels)
        .map(|(&observations, &labels)| StratumStatus { observations, labels })
        .collect()
}

fn advice(estimates: &[UnlabelledEstimate]) -> Option<String> {
    estimates.iter().find_map(|e| {
        let d = e.disagreement.filter(|d| d.significant)?;
        let (side, hint) = if d.value > 0.0 {
            ("above", "what the labels mean, or what arrives, is no longer as in the reference")
        } else {
            ("below", "the head is better than its confidence says, or labels are chosen by what is right")
        };
        Some(format!(
            "Do not trust the estimates without labels: for {} labelled predictions they put {} at {:.2} [{:.2}, {:.2}] \
             {side} what the labels say; {hint}.",
            d.size,
            e.metric.replace('_', " "),
            d.value.abs(),
            d.interval.low.abs().min(d.interval.high.abs()),
            d.interval.low.abs().max(d.interval.high.abs()),
        ))
    })
}
