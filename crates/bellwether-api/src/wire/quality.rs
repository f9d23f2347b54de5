//! The body of a task's quality report.

use super::{EstimateView, time};
use bellwether_monitor::{
    ClassStatus, ConfusionStatus, Disagreement, MetricStatus, QualityReport, ReliabilityCurve, StratumStatus,
    UnlabelledEstimate,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Every metric of a task, by labels and without.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QualityReport)]
pub(crate) struct QualityReportView<'a> {
    as_of: Option<String>,
    from: Option<String>,
    to: Option<String>,
    labels: usize,
    effective_labels: f64,
    outside_label_set: usize,
    coverage: f64,
    delay_median_seconds: f64,
    delay_late_seconds: f64,
    selection: SelectionView,
    metrics: Vec<MetricView>,
    classes: Vec<ClassView<'a>>,
    confusions: Vec<ConfusionView<'a>>,
    reliability: Option<ReliabilityView>,
    estimates: Vec<UnlabelledView>,
    advice: Option<&'a str>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LabelSelection)]
struct SelectionView {
    p_value: f64,
    corrected: bool,
    truncated: usize,
    uncovered: f64,
    strata: Vec<StratumView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LabelStratum)]
struct StratumView {
    observations: u64,
    labels: u64,
}

impl StratumView {
    fn new(stratum: &StratumStatus) -> Self {
        Self {
            observations: stratum.observations,
            labels: stratum.labels,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QualityMetric)]
struct MetricView {
    metric: &'static str,
    current: Option<EstimateView>,
    raw: Option<EstimateView>,
    reference: Option<f64>,
}

impl MetricView {
    fn new(metric: &MetricStatus) -> Self {
        Self {
            metric: metric.metric,
            current: metric.current.as_ref().map(EstimateView::new),
            raw: metric.raw.as_ref().map(EstimateView::new),
            reference: metric.reference,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClassQuality)]
struct ClassView<'a> {
    class: &'a str,
    support: f64,
    precision: Option<EstimateView>,
    recall: Option<EstimateView>,
    f1: Option<EstimateView>,
}

impl<'a> ClassView<'a> {
    fn new(class: &'a ClassStatus) -> Self {
        Self {
            class: &class.class,
            support: class.support,
            precision: class.precision.as_ref().map(EstimateView::new),
            recall: class.recall.as_ref().map(EstimateView::new),
            f1: class.f1.as_ref().map(EstimateView::new),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Confusion)]
struct ConfusionView<'a> {
    predicted: &'a str,
    /// `null` for labels outside the label set.
    label: Option<&'a str>,
    labels: usize,
    predictions: usize,
    /// Of the predictions, those with this label.
    share: EstimateView,
    /// Share of that prediction that was wrong in the reference.
    reference_error: Option<f64>,
}

impl<'a> ConfusionView<'a> {
    fn new(confusion: &'a ConfusionStatus) -> Self {
        Self {
            predicted: &confusion.predicted,
            label: confusion.label.as_deref(),
            labels: confusion.labels,
            predictions: confusion.predictions,
            share: EstimateView::new(&confusion.share),
            reference_error: confusion.reference_error,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reliability)]
struct ReliabilityView {
    binning: &'static str,
    points: Vec<PointView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReliabilityPoint)]
struct PointView {
    confidence: f64,
    frequency: f64,
    low: f64,
    high: f64,
    labels: usize,
}

impl ReliabilityView {
    fn new(curve: &ReliabilityCurve) -> Self {
        Self {
            binning: curve.binning,
            points: curve
                .points
                .iter()
                .map(|point| PointView {
                    confidence: point.confidence,
                    frequency: point.frequency,
                    low: point.interval.low,
                    high: point.interval.high,
                    labels: point.labels,
                })
                .collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnlabelledEstimate)]
struct UnlabelledView {
    method: &'static str,
    metric: &'static str,
    calibration: Option<&'static str>,
    current: Option<EstimateView>,
    effective_size: Option<f64>,
    disagreement: Option<DisagreementView>,
}

impl UnlabelledView {
    fn new(estimate: &UnlabelledEstimate) -> Self {
        Self {
            method: estimate.method,
            metric: estimate.metric,
            calibration: estimate.calibration,
            current: estimate.current.as_ref().map(EstimateView::new),
            effective_size: estimate.effective_size,
            disagreement: estimate.disagreement.as_ref().map(DisagreementView::new),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Disagreement)]
struct DisagreementView {
    value: f64,
    low: f64,
    high: f64,
    size: usize,
    significant: bool,
}

impl DisagreementView {
    fn new(disagreement: &Disagreement) -> Self {
        Self {
            value: disagreement.value,
            low: disagreement.interval.low,
            high: disagreement.interval.high,
            size: disagreement.size,
            significant: disagreement.significant,
        }
    }
}

impl<'a> QualityReportView<'a> {
    pub(crate) fn new(report: &'a QualityReport) -> Self {
        Self {
            as_of: time(report.as_of_ms),
            from: time(report.from_ms),
            to: time(report.to_ms),
            labels: report.labels,
            effective_labels: report.effective_labels,
            outside_label_set: report.outside_label_set,
            coverage: report.coverage,
            delay_median_seconds: report.delay_median_seconds,
            delay_late_seconds: report.delay_late_seconds,
            selection: SelectionView {
                p_value: report.selection.p_value,
                corrected: report.selection.corrected,
                truncated: report.selection.truncated,
                uncovered: report.selection.uncovered,
                strata: report.selection.strata.iter().map(StratumView::new).collect(),
            },
            metrics: report.metrics.iter().map(MetricView::new).collect(),
            classes: report.classes.iter().map(ClassView::new).collect(),
            confusions: report.confusions.iter().map(ConfusionView::new).collect(),
            reliability: report.reliability.as_ref().map(ReliabilityView::new),
            estimates: report.estimates.iter().map(UnlabelledView::new).collect(),
            advice: report.advice.as_deref(),
        }
    }
}
