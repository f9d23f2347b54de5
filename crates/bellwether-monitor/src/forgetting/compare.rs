//! Two references side by side: what a re-training did to each task, before any of it is in production.

use super::ForgettingConfig;
use super::status::estimate;
use super::task::Outcome;
use crate::reference::{Reference, ReferenceError, ReferenceManifest, ReferenceRows, reference_losses};
use crate::status::Estimate;
use bellwether_events::ModelSchema;
use bellwether_stats::{log_e_rise, losses_to_exclude_rise};
use serde::Serialize;
use std::collections::BTreeSet;

/// One task in two references.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedTask {
    /// Its name.
    pub task: String,
    /// `worse`, `better`, `kept` or `undecided`, as in the forgetting watch; `added` or `removed` where one reference lacks it.
    pub outcome: &'static str,
    /// Mean loss in the old reference: share of wrong predictions, or rank of the absolute error among the old one's.
    pub loss_before: Option<Estimate>,
    /// Mean loss in the new reference, by the same measure.
    pub loss_after: Option<Estimate>,
    /// Natural logarithm of the e-value that the loss rose by more than is tolerated; `None` where one lacks the task.
    pub log_e_value: Option<f64>,
    /// The logarithm at which a task is called worse.
    pub threshold: f64,
    /// Further labels in the new reference until a fall by the margin could be excluded; `None` when decided, or when no
    /// number is enough.
    pub labels_missing: Option<u64>,
}

/// Compares the labelled quality of each task in `new` with that in `old`, in order of names.
///
/// Both are taken for independent draws of the same traffic; labels outside the label set are left out, as a label set may
/// have grown. A task is called worse falsely with probability at most [`ForgettingConfig::false_rate`] for all together.
///
/// # Errors
/// [`ReferenceError`] when the new reference is damaged or too small.
pub fn compare(
    old: &Reference,
    new: (&ReferenceManifest, &ReferenceRows),
    config: &ForgettingConfig,
) -> Result<Vec<ComparedTask>, ReferenceError> {
    let (manifest, rows) = new;
    let schema = ModelSchema::new(manifest.tasks.clone(), manifest.dim)?;
    let of_old: BTreeSet<&str> = old.schema().tasks().map(|t| old.schema().name(t)).collect();
    let of_new: BTreeSet<&str> = schema.tasks().map(|t| schema.name(t)).collect();
    let threshold = config.threshold(of_old.intersection(&of_new).count());
    let names: BTreeSet<&str> = of_old.union(&of_new).copied().collect();
    names
        .into_iter()
        .map(|name| {
            let before = old
                .schema()
                .task(name)
                .map(|task| old.losses(task.index()).losses.clone());
            let bet = old
                .schema()
                .task(name)
                .and_then(|task| old.task(task).regression.as_ref());
            let after = match schema.task(name) {
                Some(task) => Some(reference_losses(rows, &schema, task, bet)?.losses),
                None => None,
            };
            let mut compared = ComparedTask {
                task: name.to_owned(),
                outcome: "undecided",
                loss_before: before.as_ref().and_then(estimate),
                loss_after: after.as_ref().filter(|_| before.is_some()).and_then(estimate),
                log_e_value: None,
                threshold,
                labels_missing: None,
            };
            let (Some(before), Some(after)) = (&before, &after) else {
                compared.outcome = if after.is_some() { "added" } else { "removed" };
                return Ok(compared);
            };
            compared.log_e_value = Some(log_e_rise(before, after, config.tolerance));
            let outcome = Outcome::of(before, after, config, threshold);
            compared.outcome = outcome.as_str();
            if outcome == Outcome::Undecided {
                compared.labels_missing = losses_to_exclude_rise(before, config.margin, threshold)
                    .map(|needed| needed.saturating_sub(after.len()).max(1));
            }
            Ok(compared)
        })
        .collect()
}
