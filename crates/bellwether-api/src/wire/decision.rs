//! What a new version did, and what acting and waiting cost, on the wire.

use super::{EstimateView, time};
use bellwether_monitor::{CostStatus, ForgettingStatus, TaskForgetting};
use serde::Serialize;
use utoipa::ToSchema;

/// The newest change of version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Forgetting)]
pub(crate) struct ForgettingView<'a> {
    model_version: &'a str,
    previous_version: Option<&'a str>,
    opened: Option<String>,
    ends: Option<String>,
    ended: Option<&'static str>,
    share: f64,
    summary: &'a str,
}

impl<'a> ForgettingView<'a> {
    pub(crate) fn new(status: &'a ForgettingStatus) -> Self {
        Self {
            model_version: &status.model_version,
            previous_version: status.previous_version.as_deref(),
            opened: time(status.opened_ms),
            ends: time(status.ends_ms),
            ended: status.ended,
            share: status.share,
            summary: &status.summary,
        }
    }
}

/// What it did to one task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TaskForgetting)]
pub(crate) struct TaskForgettingView {
    outcome: &'static str,
    left_alone: bool,
    forgotten: bool,
    baseline: &'static str,
    loss_before: Option<EstimateView>,
    loss_after: Option<EstimateView>,
    log_e_value: f64,
    threshold: f64,
    labels_missing: Option<u64>,
    doubt_before: Option<EstimateView>,
    doubt_after: Option<EstimateView>,
    doubt_log_e_value: f64,
    doubtful: bool,
    estimated_before: Option<f64>,
    estimated_after: Option<f64>,
    disagreement: Option<f64>,
    observations: u64,
}

impl TaskForgettingView {
    pub(crate) fn new(status: &TaskForgetting) -> Self {
        let estimate = |e: &Option<_>| e.as_ref().map(EstimateView::new);
        Self {
            outcome: status.outcome,
            left_alone: status.left_alone,
            forgotten: status.forgotten,
            baseline: status.baseline,
            loss_before: estimate(&status.loss_before),
            loss_after: estimate(&status.loss_after),
            log_e_value: status.log_e_value,
            threshold: status.threshold,
            labels_missing: status.labels_missing,
            doubt_before: estimate(&status.doubt_before),
            doubt_after: estimate(&status.doubt_after),
            doubt_log_e_value: status.doubt_log_e_value,
            doubtful: status.doubtful,
            estimated_before: status.estimated_before,
            estimated_after: status.estimated_after,
            disagreement: status.disagreement,
            observations: status.observations,
        }
    }
}

/// What acting and waiting cost for one task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cost)]
pub(crate) struct CostView {
    remedies: Vec<RemedyView>,
    lost_quality: f64,
    days: f64,
    waited: f64,
    waiting: f64,
    due: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Remedy)]
struct RemedyView {
    remedy: &'static str,
    probability: f64,
    cost: f64,
    expected: f64,
}

impl CostView {
    pub(crate) fn new(status: &CostStatus) -> Self {
        let remedies = status.remedies.iter().map(|r| RemedyView {
            remedy: r.remedy,
            probability: r.probability,
            cost: r.cost,
            expected: r.expected,
        });
        Self {
            remedies: remedies.collect(),
            lost_quality: status.lost_quality,
            days: status.days,
            waited: status.waited,
            waiting: status.waiting,
            due: status.due,
        }
    }
}
