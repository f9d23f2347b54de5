//! Are the answers of one class worse than they were?

use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use bellwether_stats::{BETS, EDetector};

/// Forgetting of the class-wise error counts, a label: a half-life of about 70.
const CLASS_DECAY: f64 = 0.99;
/// Highest error rate that a class-wise bet assumes.
const MOST_ERRORS: f64 = 0.98;

/// Bets on the error rate of the predicted class: a change of what a few labels mean sits in few classes.
#[derive(Debug, Clone)]
pub(crate) struct ClassLoss {
    bounds: Vec<f64>,
    counts: Vec<f64>,
    errors: Vec<f64>,
    pub(crate) detector: EDetector,
}

impl ClassLoss {
    pub(crate) fn new(bounds: &[f64]) -> Self {
        let zeros = vec![0.0; bounds.len()];
        Self {
            bounds: bounds.to_vec(),
            counts: zeros.clone(),
            errors: zeros,
            detector: EDetector::from_factors(),
        }
    }

    /// Bets the decayed past error rate of the class against its bound, then learns.
    pub(crate) fn observe(&mut self, class: usize, loss: f64, weight: f64, step: u64) {
        let Some(&bound) = self.bounds.get(class) else {
            return;
        };
        let rate = if self.counts[class] > 0.0 {
            ((self.errors[class] + 2.0 * bound) / (self.counts[class] + 2.0))
                .min(MOST_ERRORS)
                .max(bound)
        } else {
            let (errors, counts) = (self.errors.iter().sum::<f64>(), self.counts.iter().sum::<f64>());
            (bound + 0.5 * (errors + 0.2) / (counts + 2.0)).min(MOST_ERRORS)
        };
        // A bound at or above the highest rate leaves nothing to bet.
        let factor = if bound < MOST_ERRORS {
            (rate / bound).ln() * loss + ((1.0 - rate) / (1.0 - bound)).ln() * (1.0 - loss)
        } else {
            0.0
        };
        for (count, errors) in self.counts.iter_mut().zip(&mut self.errors) {
            *count *= CLASS_DECAY;
            *errors *= CLASS_DECAY;
        }
        self.counts[class] += 1.0;
        self.errors[class] += loss;
        self.detector
            .observe_factors([(weight * factor).exp(); BETS], step, 0);
    }

    pub(crate) fn reset(&mut self) {
        self.counts.fill(0.0);
        self.errors.fill(0.0);
        self.detector.reset();
    }
}

impl State for ClassLoss {
    fn write(&self, out: &mut Writer) {
        out.put(&(&self.counts, &self.errors));
        self.detector.write(out);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        (self.counts, self.errors) = from.take()?;
        let classes = self.bounds.len();
        let fits = self.counts.len() == classes && self.errors.len() == classes;
        ensure(fits, "its losses have other classes")?;
        self.detector.read(from)
    }
}
