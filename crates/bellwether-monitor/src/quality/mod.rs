//! How good the predictions are: by labels where there are any, by calibrated confidence where not.

mod facts;
mod importance;
mod log;
mod measure;
mod probabilities;
mod reference;
mod report;
mod strata;
mod unlabelled;

pub(crate) use facts::Facts;
pub(crate) use log::{Labelling, QualityLog, Unlabelled};
pub(crate) use probabilities::StoredProbabilities;
pub use reference::{MeasuredReference, ProbabilityCalibration};
pub(crate) use reference::{QualityReference, measure_reference};
pub(crate) use report::ReportSources;
pub use report::{
    ClassStatus, ConfusionStatus, Disagreement, MetricStatus, QualityReport, ReliabilityCurve,
    ReliabilityPoint, Selection, StratumStatus, UnlabelledEstimate,
};

use crate::forgetting::VersionId;
use crate::outcome::Outcome;
use crate::recent::RecentObservations;
use crate::reference::TaskReference;
use crate::slices::SliceSet;
use crate::status::{Estimate, Interval, QualityStatus};
use bellwether_events::TaskKind;
use bellwether_stats::{
    Confusion, Interval95, SpanCounts, accuracy, macro_f1, mean_interval, poisson_binomial_interval,
    span_f1_interval, wilson_interval,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Labels kept per task.
const KEPT: usize = 1000;
/// Newest labels that make the quality window.
pub(crate) const QUALITY_WINDOW: usize = 200;
/// Newest observations that make the window of the estimate.
const ESTIMATE_WINDOW: u64 = 200;

/// One joined label.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct LabelRecord {
    /// Step of its observation within the task; `None` for an observation that came late.
    pub(crate) step: Option<u64>,
    pub(crate) observed_ms: i64,
    pub(crate) labelled_ms: i64,
    pub(crate) p_novelty: f64,
    /// Stratum of confidence, for the correction of selective labelling.
    pub(crate) stratum: Option<u8>,
    /// Slices of its observation.
    pub(crate) slices: SliceSet,
    /// The version of the model that predicted.
    pub(crate) version: VersionId,
    /// Of a copy that is no evidence of its own.
    pub(crate) repeated: bool,
    pub(crate) outcome: Outcome,
    /// The loss in `[0, 1]`: 0 or 1, or the rank of the absolute error among the reference's.
    pub(crate) loss: f64,
}

/// The newest labels of one task, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Labelled {
    records: VecDeque<LabelRecord>,
    total: u64,
}

impl Labelled {
    pub(crate) fn push(&mut self, record: LabelRecord) {
        if self.records.len() == KEPT {
            self.records.pop_front();
        }
        self.records.push_back(record);
        self.total += 1;
    }

    /// Whether all are of a task of so many classes, and as many as should be kept.
    pub(crate) fn fits(&self, classes: usize) -> bool {
        let kept = self.records.len() as u64;
        kept == self.total.min(KEPT as u64) && self.records.iter().all(|r| r.outcome.fits(classes))
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The newest `n`, oldest first.
    pub(crate) fn newest(&self, n: usize) -> impl Iterator<Item = &LabelRecord> + Clone {
        self.records.range(self.records.len().saturating_sub(n)..)
    }

    /// Median delay of the window's labels behind their observations, in seconds; NaN without labels.
    pub(crate) fn median_delay_seconds(&self) -> f64 {
        let mut delays: Vec<i64> = self
            .newest(QUALITY_WINDOW)
            .map(|r| (r.labelled_ms - r.observed_ms).max(0))
            .collect();
        delays.sort_unstable();
        delays
            .get(delays.len() / 2)
            .map_or(f64::NAN, |&ms| ms as f64 / 1000.0)
    }

    /// Share of the kept observations of the estimate's window that have a label, in `[0, 1]`.
    pub(crate) fn coverage(&self, recent: &RecentObservations) -> f64 {
        let first = recent.next_step().saturating_sub(ESTIMATE_WINDOW);
        let observed = recent.next_step() - first;
        let labelled = self
            .records
            .iter()
            .filter(|r| r.step.is_some_and(|s| s >= first))
            .count();
        if observed == 0 {
            0.0
        } else {
            labelled as f64 / observed as f64
        }
    }
}

/// Quality of joined labels beside the reference's.
pub(crate) fn quality(
    records: &[&LabelRecord],
    task: &TaskReference,
    metric: &'static str,
    reference: f64,
) -> QualityStatus {
    let window = || records.iter().filter(|r| r.outcome != Outcome::Unreadable);
    let size = window().count();
    let mut status = QualityStatus {
        metric,
        reference,
        current: None,
        macro_f1: None,
    };
    if size == 0 {
        return status;
    }
    let (value, interval) = match task.kind {
        TaskKind::Classification => {
            let mut table = Confusion::new(task.classes);
            for record in window() {
                if let Outcome::Class { predicted, truth } = record.outcome {
                    table.add(truth.map(|t| t as usize), Some(predicted as usize));
                }
            }
            status.macro_f1 = Some(macro_f1(&table));
            let value = accuracy(&table);
            (value, wilson_interval(value * size as f64, size as f64))
        }
        TaskKind::SequenceLabelling => {
            let spans = |r: &&LabelRecord| match r.outcome {
                Outcome::Tags { spans, .. } => Some(spans),
                _ => None,
            };
            let sentences: Vec<SpanCounts> = window().filter_map(spans).collect();
            let total = sentences.iter().fold(SpanCounts::default(), |a, &b| a.merge(b));
            (total.f1(), span_f1_interval(&sentences))
        }
        TaskKind::Regression => {
            let errors: Vec<f64> = window().map(|r| r.outcome.loss()).collect();
            let value = errors.iter().sum::<f64>() / size as f64;
            let whole = Interval95 {
                low: 0.0,
                high: f64::INFINITY,
            };
            (value, mean_interval(&errors).unwrap_or(whole))
        }
    };
    if value.is_finite() {
        status.current = Some(Estimate {
            value,
            interval: interval.into(),
            size,
        });
    }
    status
}

impl From<Interval95> for Interval {
    fn from(interval: Interval95) -> Self {
        Self {
            low: interval.low,
            high: interval.high,
        }
    }
}

/// Expected accuracy of the newest observations by their calibrated confidence: blind to a change of what labels mean.
///
/// Confidence-based performance estimation; the interval is that of independent coins and knows nothing of calibration
/// error under drift.
pub(crate) fn estimated_quality(recent: &RecentObservations) -> Option<Estimate> {
    let expected: Vec<f64> = recent
        .since(recent.next_step().saturating_sub(ESTIMATE_WINDOW))
        .map(|(_, row)| row.expected_quality)
        .filter(|q| q.is_finite())
        .collect();
    if expected.is_empty() {
        return None;
    }
    let value = expected.iter().sum::<f64>() / expected.len() as f64;
    Some(Estimate {
        value,
        interval: poisson_binomial_interval(&expected).into(),
        size: expected.len(),
    })
}
