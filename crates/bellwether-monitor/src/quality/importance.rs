//! Accuracy on the inputs of now, from the reference's outcomes: importance weighting.
//!
//! A density ratio between whole embeddings cannot be learnt from a few hundred rows, so a small logistic classifier tells
//! reference from now on a fixed random projection and on the confidence. The projection keeps distances on average
//! (Johnson and Lindenstrauss), not every shift: a movement across it is not corrected for, and the estimate then
//! stays at the reference's accuracy. Computed when a status is asked for, never per event.

use bellwether_stats::{
    ImportanceWeighted, LogisticModel, Standardiser, density_ratios, importance_weighted_accuracy,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Width of the projection. With a few hundred rows a side, more would let the classifier find differences in noise.
const PROJECTED: usize = 8;
/// Reference rows at the most, spread evenly over it.
const REFERENCE_ROWS: usize = 300;
/// Fewest current rows.
const MINIMUM: usize = 50;
/// Share of the reference rows that must remain in effect; below it, now is too unlike the reference to say.
const LEAST_EFFECT: f64 = 0.1;
/// Mean ratio that the reference must keep, one in theory: less, and inputs of now lie where it has none.
const LEAST_MEAN_RATIO: f64 = 0.5;
const SEED: u64 = 0x6265_6c6c;
/// Confidences are held this far from zero and one before their log-odds are taken.
const EDGE: f64 = 1e-6;

/// Reference rows as the classifier sees them, with their outcomes.
#[derive(Debug, Clone)]
pub(crate) struct ImportanceReference {
    /// Signs, `[PROJECTED, dim]`: whether a component counts as it is.
    projection: Vec<bool>,
    dim: usize,
    features: Vec<Vec<f64>>,
    right: Vec<bool>,
}

impl ImportanceReference {
    /// Of unit vectors `[n, dim]`, their confidences `[n]` and whether they are right `[n]`; `None` when a confidence is
    /// missing.
    pub(crate) fn new(unit: &[f32], dim: usize, confidence: &[f64], right: &[bool]) -> Option<Self> {
        if right.is_empty() || confidence.iter().any(|c| !c.is_finite()) {
            return None;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let projection = (0..PROJECTED * dim).map(|_| rng.random()).collect();
        let mut out = Self {
            projection,
            dim,
            features: Vec::new(),
            right: Vec::new(),
        };
        let n = right.len();
        let rows = n.min(REFERENCE_ROWS);
        for row in (0..rows).map(|i| i * n / rows) {
            let features = out.row(&unit[row * dim..(row + 1) * dim], confidence[row]);
            out.features.push(features);
            out.right.push(right[row]);
        }
        Some(out)
    }

    fn row(&self, vector: &[f32], confidence: f64) -> Vec<f64> {
        let held = confidence.clamp(EDGE, 1.0 - EDGE);
        self.projection
            .chunks_exact(self.dim)
            .map(|signs| {
                let signed = signs
                    .iter()
                    .zip(vector)
                    .map(|(&plus, &x)| if plus { x } else { -x });
                let dot: f32 = signed.sum();
                f64::from(dot)
            })
            .chain([(held / (1.0 - held)).ln()])
            .collect()
    }

    /// Estimated accuracy on the current unit vectors `[n, dim]` with confidences `[n]`; `None` with too few, or when they
    /// are too unlike the reference.
    pub(crate) fn estimate(&self, unit: &[f32], confidence: &[f64]) -> Option<ImportanceWeighted> {
        let current: Vec<Vec<f64>> = unit
            .chunks_exact(self.dim)
            .zip(confidence)
            .filter(|(_, c)| c.is_finite())
            .map(|(vector, &c)| self.row(vector, c))
            .collect();
        if current.len() < MINIMUM {
            return None;
        }
        let reference = self.features.len();
        let raw: Vec<Vec<f64>> = self.features.iter().cloned().chain(current).collect();
        let standardiser = Standardiser::fit(&raw).ok()?;
        let rows: Vec<Vec<f64>> = raw
            .iter()
            .map(|row| {
                let mut out = vec![1.0];
                standardiser.apply(row, &mut out);
                out
            })
            .collect();
        let is_now: Vec<bool> = (0..rows.len()).map(|i| i >= reference).collect();
        let model = LogisticModel::fit(&rows, &is_now).ok()?;
        let odds: Vec<f64> = rows[..reference].iter().map(|row| model.log_odds(row)).collect();
        // The classes were balanced: odds are ratios.
        let most = (reference as f64).sqrt();
        let ratios = density_ratios(&odds, 1, 1, most).ok()?;
        if ratios.iter().sum::<f64>() < LEAST_MEAN_RATIO * reference as f64 {
            return None;
        }
        let estimate = importance_weighted_accuracy(&self.right, &ratios).ok()?;
        (estimate.effective_size >= LEAST_EFFECT * reference as f64).then_some(estimate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two kinds of input, apart in embedding space; the head is right on 95 % of the first and 60 % of the second.
    fn rows(n: usize, second: f64, seed: u64) -> (Vec<f32>, Vec<f64>, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut unit, mut confidence, mut right) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n {
            let is_second = rng.random_bool(second);
            let mut vector: Vec<f32> = (0..16).map(|_| rng.random::<f32>() - 0.5).collect();
            vector[usize::from(is_second)] += 2.0;
            bellwether_stats::normalise(&mut vector, 16);
            unit.extend(vector);
            confidence.push(rng.random_range(0.8..0.99));
            right.push(rng.random_bool(if is_second { 0.6 } else { 0.95 }));
        }
        (unit, confidence, right)
    }

    #[test]
    fn accuracy_moves_with_the_mix_of_inputs() {
        let (unit, confidence, right) = rows(REFERENCE_ROWS, 0.3, 1);
        let reference = ImportanceReference::new(&unit, 16, &confidence, &right).expect("confidences");
        // What the reference itself shows of each kind.
        let accuracy = |second: bool| {
            let own: Vec<bool> = unit
                .chunks_exact(16)
                .zip(&right)
                .filter(|(x, _)| (x[1] > x[0]) == second)
                .map(|(_, &r)| r)
                .collect();
            own.iter().filter(|r| **r).count() as f64 / own.len() as f64
        };
        let (first, other) = (accuracy(false), accuracy(true));
        assert!(first - other > 0.2);
        for second in [0.3, 0.8] {
            let (unit, confidence, _) = rows(200, second, 2);
            let got = reference
                .estimate(&unit, &confidence)
                .expect("enough rows")
                .accuracy;
            let want = (1.0 - second) * first + second * other;
            assert!((got.value - want).abs() < 0.05, "{} instead of {want}", got.value);
            assert!(got.interval.low < want && want < got.interval.high);
        }
    }

    #[test]
    fn too_few_or_too_strange_inputs_have_no_estimate() {
        let (unit, confidence, right) = rows(300, 0.5, 3);
        let reference = ImportanceReference::new(&unit, 16, &confidence, &right).expect("confidences");
        assert_eq!(reference.estimate(&unit[..16 * 10], &confidence[..10]), None);
        let strange: Vec<f64> = vec![0.01; 200];
        let (unit, _, _) = rows(200, 0.5, 4);
        assert_eq!(reference.estimate(&unit, &strange), None);
        assert!(ImportanceReference::new(&unit, 16, &[f64::NAN; 200], &[true; 200]).is_none());
    }
}
