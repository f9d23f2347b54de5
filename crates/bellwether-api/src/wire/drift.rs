//! The body of a task's drift report.

use super::{EstimateView, time};
use bellwether_monitor::{ClassDrift, DriftDirection, DriftReport, DriftSplit, DriftTest};
use serde::Serialize;
use utoipa::ToSchema;

/// How a task's inputs differ from the reference.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DriftReport)]
pub(crate) struct DriftReportView<'a> {
    as_of: Option<String>,
    from: Option<String>,
    to: Option<String>,
    observations: usize,
    since_onset: bool,
    summary: Option<&'a str>,
    kernel: Option<TestView>,
    linear: Option<TestView>,
    energy: Option<TestView>,
    classifier_auc: Option<EstimateView>,
    split: Option<SplitView>,
    classes: Vec<ClassView<'a>>,
    direction: Option<DirectionView<'a>>,
    examples: &'a [String],
    season: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DriftTest)]
struct TestView {
    value: f64,
    p_value: f64,
    deviations: f64,
}

impl TestView {
    fn new(test: &DriftTest) -> Self {
        Self {
            value: test.value,
            p_value: test.p_value,
            deviations: test.deviations,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DriftSplit)]
struct SplitView {
    total: EstimateView,
    mix: EstimateView,
    within: EstimateView,
    interaction: f64,
    mix_ratio: Option<f64>,
    within_ratio: Option<f64>,
    spread_ratio: Option<EstimateView>,
}

impl SplitView {
    fn new(split: &DriftSplit) -> Self {
        Self {
            total: EstimateView::new(&split.total),
            mix: EstimateView::new(&split.mix),
            within: EstimateView::new(&split.within),
            interaction: split.interaction,
            mix_ratio: split.mix_ratio,
            within_ratio: split.within_ratio,
            spread_ratio: split.spread_ratio.as_ref().map(EstimateView::new),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClassDrift)]
struct ClassView<'a> {
    class: &'a str,
    observations: usize,
    reference_rows: usize,
    share: EstimateView,
    reference_share: f64,
    moved: Option<EstimateView>,
    within_share: f64,
}

impl<'a> ClassView<'a> {
    fn new(class: &'a ClassDrift) -> Self {
        Self {
            class: &class.class,
            observations: class.observations,
            reference_rows: class.reference_rows,
            share: EstimateView::new(&class.share),
            reference_share: class.reference_share,
            moved: class.moved.as_ref().map(EstimateView::new),
            within_share: class.within_share,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DriftDirection)]
struct DirectionView<'a> {
    shift_deviations: f64,
    examples: &'a [String],
    reference_examples: &'a [String],
}

impl<'a> DirectionView<'a> {
    fn new(direction: &'a DriftDirection) -> Self {
        Self {
            shift_deviations: direction.shift_deviations,
            examples: &direction.examples,
            reference_examples: &direction.reference_examples,
        }
    }
}

impl<'a> DriftReportView<'a> {
    pub(crate) fn new(report: &'a DriftReport) -> Self {
        Self {
            as_of: time(report.as_of_ms),
            from: time(report.from_ms),
            to: time(report.to_ms),
            observations: report.observations,
            since_onset: report.since_onset,
            summary: report.summary.as_deref(),
            kernel: report.kernel.as_ref().map(TestView::new),
            linear: report.linear.as_ref().map(TestView::new),
            energy: report.energy.as_ref().map(TestView::new),
            classifier_auc: report.classifier_auc.as_ref().map(EstimateView::new),
            split: report.split.as_ref().map(SplitView::new),
            classes: report.classes.iter().map(ClassView::new).collect(),
            direction: report.direction.as_ref().map(DirectionView::new),
            examples: &report.examples,
            season: report.season,
        }
    }
}
