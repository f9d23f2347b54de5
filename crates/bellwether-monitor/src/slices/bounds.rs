//! What is normal for one slice.

use crate::config::MonitorConfig;
use crate::reference::{ReferenceSlice, SliceStatistic, TaskReference};
use crate::task::tolerated_novelty;
use bellwether_stats::foreign_share_below;

/// Mean of the far statistic for uniform p-values, and for those of foreign traffic as the bet on novelty takes them.
const FAR_OF_OWN: f64 = 0.03;

fn far_of_foreign() -> f64 {
    0.5 * (foreign_share_below(0.05) + foreign_share_below(0.01))
}

/// Largest means that count as normal, and what the reference said.
#[derive(Debug, Clone)]
pub(crate) struct SliceBounds {
    /// Of the labelled loss.
    pub(crate) loss: f64,
    /// Of one minus confidence; `None` without probabilities.
    pub(crate) doubt: Option<f64>,
    /// Of the far statistic.
    pub(crate) far: f64,
    /// Share of foreign traffic that is normal.
    pub(crate) foreign_share: f64,
    /// The slice in the reference; `None` for a value it did not have.
    pub(crate) known: Option<ReferenceSlice>,
}

impl SliceBounds {
    /// Of a value that the reference did not have: it is held against the task.
    pub(crate) fn of_task(task: &TaskReference, config: &MonitorConfig) -> Self {
        Self {
            loss: task.bounds.loss,
            doubt: task.bounds.confidence,
            far: task.bounds.novelty,
            foreign_share: tolerated_novelty(task, config, config.reference_margin_se),
            known: None,
        }
    }

    /// Of a slice of the reference: its own means, widened by their uncertainty and the task's tolerances.
    pub(crate) fn of_slice(known: &ReferenceSlice, task: &TaskReference, config: &MonitorConfig) -> Self {
        let widened = |statistic: &SliceStatistic, tolerance: f64| {
            statistic.mean + config.reference_margin_se * statistic.standard_error + tolerance
        };
        let far = widened(&known.far, config.novelty_tolerance);
        let foreign = (far - FAR_OF_OWN) / (far_of_foreign() - FAR_OF_OWN);
        Self {
            // A bound of one leaves nothing to detect and is no bound for a bet.
            loss: widened(&known.loss, config.loss_tolerance).min(0.99),
            doubt: known
                .doubt
                .as_ref()
                .filter(|_| task.bounds.confidence.is_some())
                .map(|doubt| widened(doubt, config.confidence_tolerance).min(0.99)),
            far: far.min(0.99),
            foreign_share: foreign.clamp(tolerated_novelty(task, config, config.reference_margin_se), 0.5),
            known: Some(known.clone()),
        }
    }
}
