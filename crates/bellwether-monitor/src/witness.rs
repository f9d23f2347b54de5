//! Do the inputs move within their classes, and where to?
//!
//! A direction learnt from the past is a witness: what comes next is ranked along it among the reference's own residuals, so
//! that the bet on the rank is predictable. After Shekhar and Ramdas, "Nonparametric two-sample testing by betting" (2023).

use bellwether_stats::{FixedRows, FixedVector};

/// Parts of the reference that take turns: a renewal costs a part, and what one part errs in does not last.
const TURNS: usize = 2;

/// A direction and the reference's projections on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness {
    direction: Vec<f32>,
    ready: FixedVector,
    projections: Vec<f32>,
    turn: usize,
}

impl Witness {
    /// Turns to the direction of `drift`, `[dim]`. O(rows · dim).
    pub(crate) fn renew(&mut self, drift: &[f32], residuals: &FixedRows) {
        self.direction.clear();
        self.direction.extend_from_slice(drift);
        bellwether_stats::normalise(&mut self.direction, drift.len());
        self.turn = (self.turn + 1) % TURNS;
        let part = (self.turn..residuals.len()).step_by(TURNS);
        self.ready.set(&self.direction);
        self.projections.clear();
        residuals.inner_products(&self.ready, part, &mut self.projections);
    }

    /// Share of the reference's projections below that of a residual, in `[0, 1]`; `None` before the first direction.
    pub(crate) fn rank(&self, residual: &[f32]) -> Option<f64> {
        if self.projections.is_empty() {
            return None;
        }
        let projection = bellwether_stats::inner_product(residual, &self.direction);
        let below = self.projections.iter().filter(|&&p| p < projection).count();
        Some(below as f64 / self.projections.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_residual_is_ranked_along_the_direction_of_the_drift() {
        let mut witness = Witness::default();
        assert_eq!(witness.rank(&[1.0, 0.0]), None);
        let rows: Vec<f32> = (0..100).flat_map(|i| [i as f32 / 100.0, 0.5]).collect();
        let residuals = FixedRows::new(&rows, 2);
        for _ in 0..2 {
            witness.renew(&[3.0, 0.0], &residuals);
            let rank = witness.rank(&[0.255, 9.0]).expect("a direction");
            assert!((rank - 0.26).abs() <= 0.02, "{rank}");
        }
        witness.renew(&[-1.0, 0.0], &residuals);
        assert_eq!(witness.rank(&[2.0, 0.0]), Some(0.0));
    }
}
