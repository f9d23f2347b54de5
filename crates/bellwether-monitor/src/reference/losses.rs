//! The losses of a task in the reference, counted: what an update is measured against where the past is too short.

use super::{ReferenceError, ReferenceRows};
use bellwether_events::{ModelSchema, TaskId, TaskKind};
use bellwether_stats::{LossCounts, RegressionBet};
use std::ops::Range;

/// Those of one task of a reference that is not assembled; numbers are ranked by `regression`.
///
/// # Errors
/// [`ReferenceError`] when it is damaged or too small.
pub(crate) fn reference_losses(
    rows: &ReferenceRows,
    schema: &ModelSchema,
    task: TaskId,
    regression: Option<&RegressionBet>,
) -> Result<ReferenceLosses, ReferenceError> {
    let n = rows.len();
    if [rows.loss.len(), rows.truth.len(), rows.confidence.len()]
        .iter()
        .any(|&len| len != n)
    {
        return Err(ReferenceError::Damaged("its columns differ in length"));
    }
    let range = super::task_ranges(rows, schema)?[task.index()].clone();
    Ok(ReferenceLosses::new(
        schema.spec(task).kind,
        regression,
        rows,
        range,
    ))
}

/// Losses and doubts of one task's rows.
#[derive(Debug, Clone)]
pub(crate) struct ReferenceLosses {
    /// In `[0, 1]`, labels outside the label set left out.
    pub(crate) losses: LossCounts,
    /// One minus confidence; empty without probabilities.
    pub(crate) doubts: LossCounts,
}

impl ReferenceLosses {
    pub(super) fn new(
        kind: TaskKind,
        regression: Option<&RegressionBet>,
        rows: &ReferenceRows,
        range: Range<usize>,
    ) -> Self {
        let (mut losses, mut doubts) = (LossCounts::default(), LossCounts::default());
        for row in range {
            if kind != TaskKind::Classification || rows.truth[row] != u32::MAX {
                let loss = rows.loss[row];
                losses.add(regression.map_or(loss, |bet| bet.rank(loss)), 1.0);
            }
            doubts.add(1.0 - f64::from(rows.confidence[row]), 1.0);
        }
        Self { losses, doubts }
    }
}
