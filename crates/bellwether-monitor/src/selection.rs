//! Which observations get a label?
//!
//! Reviewers look at what the model was unsure of. Their labels show more errors than the traffic has, and a detector that
//! took them as they come would call that a fall of quality. Each label is weighed by how rarely its kind is labelled.

use bellwether_stats::ConformalScale;
use serde::{Deserialize, Serialize};

/// Strata of confidence, by the reference's quartiles.
pub(crate) const STRATA: u8 = 4;
/// Counts of each.
type ByStratum = [f64; STRATA as usize];
/// Observations by which a stratum's labelling rate leans on the overall one.
const PRIOR: f64 = 30.0;
/// Memory: rates are those of about this many observations.
const MEMORY: f64 = 600.0;

/// Labelling rates by confidence, from the decayed past.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct LabelSelection {
    observed: ByStratum,
    labelled: ByStratum,
}

/// The stratum of a confidence; `None` where the task gives none.
pub(crate) fn stratum(scale: Option<&ConformalScale>, confidence: f64) -> Option<u8> {
    let scale = scale.filter(|_| confidence.is_finite())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank in [0, 1]"
    )]
    let at = (scale.rank(confidence) * f64::from(STRATA)) as u8;
    Some(at.min(STRATA - 1))
}

impl LabelSelection {
    pub(crate) fn observe(&mut self, stratum: u8) {
        let decay = 1.0 - 1.0 / MEMORY;
        for (observed, labelled) in self.observed.iter_mut().zip(&mut self.labelled) {
            *observed *= decay;
            *labelled *= decay;
        }
        self.observed[usize::from(stratum)] += 1.0;
    }

    /// The weight of a label, in `(0, 1]`: the lowest rate of any stratum over that of this one. Then learns.
    pub(crate) fn label(&mut self, stratum: u8) -> f64 {
        let stratum = usize::from(stratum);
        let sum = |counts: &ByStratum| counts.iter().sum::<f64>();
        let overall = (sum(&self.labelled) + 1.0) / (sum(&self.observed) + 1.0);
        let rate = |s: usize| (self.labelled[s] + PRIOR * overall) / (self.observed[s] + PRIOR);
        let lowest = (0..usize::from(STRATA)).map(rate).fold(f64::INFINITY, f64::min);
        let weight = (lowest / rate(stratum)).clamp(0.01, 1.0);
        self.labelled[stratum] += 1.0;
        weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_an_over_labelled_stratum_weigh_less() {
        let mut selection = LabelSelection::default();
        let (mut rare, mut often) = (0.0, 0.0);
        for (i, stratum) in (0..4000).zip([0, 1, 2, 3].into_iter().cycle()) {
            selection.observe(stratum);
            if i % 8 == 0 {
                often = selection.label(0);
            } else if i % 100 == 1 {
                rare = selection.label(1);
            }
        }
        assert!(often < 0.4 && rare > 2.0 * often, "{often} {rare}");
    }

    #[test]
    fn labels_without_selection_keep_nearly_all_their_weight() {
        let mut selection = LabelSelection::default();
        let mut weights = Vec::new();
        for (i, stratum) in (0..4000).zip([0, 1, 2, 3].into_iter().cycle()) {
            selection.observe(stratum);
            if i % 5 == 0 {
                weights.push(selection.label(stratum));
            }
        }
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        assert!(mean > 0.9, "{mean}");
    }
}
