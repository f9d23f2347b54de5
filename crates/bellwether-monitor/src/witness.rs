//! Do the inputs move within their classes, and where to?
//!
//! A direction learnt from the past is a witness: what comes next is ranked along it among the reference's own residuals, so
//! that the bet on the rank is predictable. After Shekhar and Ramdas, "Nonparametric two-sample testing by betting" (2023);
//! the direction is Fisher's, that of the movement in units of the reference's own spread.

use crate::reference::Movement;
use bellwether_stats::ProjectionMemory;

/// A direction and the reference's projections on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness {
    /// Where a residual lies along the directions that are watched.
    residual: Vec<f32>,
    /// Exponentially weighted sum of residuals, `[width]`.
    drift: Vec<f32>,
    direction: Vec<f32>,
    memory: ProjectionMemory,
    projections: Vec<f32>,
}

impl Witness {
    /// Ranks an observation of these coordinates along the direction, then learns it: how many of the reference's
    /// projections are below its own; `None` before the first direction.
    pub(crate) fn observe(
        &mut self,
        movement: &Movement,
        coordinates: &[f32],
        class: usize,
        decay: f32,
    ) -> Option<usize> {
        let mean = movement.class_mean(class);
        self.residual.clear();
        self.residual
            .extend(coordinates.iter().zip(mean).map(|(x, m)| x - m));
        let rank = (!self.projections.is_empty()).then(|| {
            let projection = bellwether_stats::inner_product(&self.residual, &self.direction);
            self.projections.iter().filter(|&&p| p < projection).count()
        });
        self.drift.resize(movement.width(), 0.0);
        for (drift, r) in self.drift.iter_mut().zip(&self.residual) {
            *drift = *drift * decay + r;
        }
        rank
    }

    /// Turns to where the past has moved. O(256 · width).
    pub(crate) fn renew(&mut self, movement: &Movement) {
        movement.project(
            &self.drift,
            &mut self.direction,
            &mut self.memory,
            &mut self.projections,
        );
    }
}
