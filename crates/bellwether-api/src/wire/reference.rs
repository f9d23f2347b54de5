//! The bodies about references.

use super::{TaskKindName, time};
use crate::references::{Activation, RegisteredReference, RegisteredTask};
use serde::Serialize;
use utoipa::ToSchema;

/// A reference that is registered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reference)]
pub(crate) struct ReferenceView<'a> {
    /// SHA-256 of its file.
    id: &'a str,
    /// The identity that it states, as `reference` of `/api/v1/model` has it.
    reference: &'a str,
    registered: Option<String>,
    encoder_version: Option<&'a str>,
    model_version: Option<&'a str>,
    dim: usize,
    from: Option<String>,
    to: Option<String>,
    rows: usize,
    bytes: u64,
    tasks: Vec<&'a str>,
    /// Whether it is chosen, also after a restart.
    active: bool,
    /// Whether events are judged by it now.
    in_force: bool,
}

impl<'a> ReferenceView<'a> {
    pub(crate) fn new(reference: &'a RegisteredReference, activation: &Activation) -> Self {
        Self {
            id: &reference.id,
            reference: &reference.reference,
            registered: time(reference.registered_ms),
            encoder_version: reference.encoder_version.as_deref(),
            model_version: reference.model_version.as_deref(),
            dim: reference.dim,
            from: time(reference.from_ms),
            to: time(reference.to_ms),
            rows: reference.rows,
            bytes: reference.bytes,
            tasks: reference.tasks.iter().map(|task| task.task.as_str()).collect(),
            active: activation.active == reference.id,
            in_force: activation.in_force.as_ref() == Some(&reference.id),
        }
    }
}

/// A reference with what it says of its tasks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReferenceDetail)]
pub(crate) struct ReferenceDetailView<'a> {
    reference: ReferenceView<'a>,
    tasks: Vec<ReferenceTaskView<'a>>,
}

impl<'a> ReferenceDetailView<'a> {
    pub(crate) fn new(reference: &'a RegisteredReference, activation: &Activation) -> Self {
        Self {
            reference: ReferenceView::new(reference, activation),
            tasks: reference.tasks.iter().map(ReferenceTaskView::new).collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReferenceTask)]
struct ReferenceTaskView<'a> {
    task: &'a str,
    #[schema(value_type = TaskKindName)]
    kind: bellwether_events::TaskKind,
    labels: &'a [String],
    metric: Option<&'a str>,
    quality: Option<f64>,
    labelled: usize,
    /// Share of its observations that lie nearest to their own task; below 0.8 it cannot claim novelty.
    own_nearest_ratio: Option<f64>,
}

impl<'a> ReferenceTaskView<'a> {
    fn new(task: &'a RegisteredTask) -> Self {
        Self {
            task: &task.task,
            kind: task.kind,
            labels: &task.labels,
            metric: task.quality.as_ref().map(|(metric, _)| metric.as_str()),
            quality: task.quality.as_ref().map(|&(_, value)| value),
            labelled: task.labelled,
            own_nearest_ratio: task.own_nearest_ratio,
        }
    }
}

/// All that are registered, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = References)]
pub(crate) struct ReferencesView<'a> {
    pub(crate) references: Vec<ReferenceView<'a>>,
    pub(crate) activation: ActivationView<'a>,
}

/// Which one is chosen, and which one judges.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Activation)]
pub(crate) struct ActivationView<'a> {
    /// Chosen, also after a restart.
    active: &'a str,
    /// Events are judged by this one now; `null` before the first turn.
    in_force: Option<&'a str>,
    /// What a rollback goes back to.
    previous: Option<&'a str>,
    /// When it was chosen; `null` where the configuration names it.
    activated: Option<String>,
    reason: Option<&'a str>,
}

impl<'a> ActivationView<'a> {
    pub(crate) fn new(activation: &'a Activation) -> Self {
        Self {
            active: &activation.active,
            in_force: activation.in_force.as_deref(),
            previous: activation.previous.as_deref(),
            activated: activation.activated_ms.and_then(time),
            reason: activation.reason.as_deref(),
        }
    }
}
