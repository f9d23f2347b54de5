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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MonitorConfig;
    use bellwether_stats::{EDetector, PrincipalSpace};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const DIM: usize = 48;
    const ROWS: usize = 400;

    /// Nearly normal components, wider in the first directions than in the last.
    fn row(rng: &mut ChaCha8Rng) -> Vec<f32> {
        let component = |at: usize| {
            let sum: f32 = (0..6).map(|_| rng.random_range(-1.0..1.0_f32)).sum();
            sum / (2.0 + at as f32).sqrt()
        };
        (0..DIM).map(component).collect()
    }

    /// One task with one class of mean zero.
    struct Task {
        movement: Movement,
        space: PrincipalSpace,
        witness: Witness,
        detector: EDetector,
        seen: u64,
    }

    impl Task {
        fn new(rng: &mut ChaCha8Rng) -> Self {
            let rows: Vec<f32> = (0..ROWS).flat_map(|_| row(rng)).collect();
            let mut mean = vec![0.0; DIM];
            bellwether_stats::mean_residual(rows.chunks_exact(DIM), &mut mean);
            #[expect(clippy::cast_possible_truncation, reason = "means of small numbers")]
            let mean: Vec<f32> = mean.iter().map(|&m| m as f32).collect();
            let residuals = rows.chunks_exact(DIM).flat_map(|row| row.iter().zip(&mean));
            let residuals: Vec<f32> = residuals.map(|(x, m)| x - m).collect();
            let space = PrincipalSpace::new(&rows, DIM, DIM);
            let config = MonitorConfig::default();
            let movement = Movement::new(&space, &mean, &residuals, DIM, &config);
            Self {
                movement: movement.expect("finite rows").expect("they vary"),
                space,
                witness: Witness::default(),
                detector: EDetector::from_factors(),
                seen: 0,
            }
        }

        /// The e-value after one more row.
        fn observe(&mut self, row: &[f32]) -> f64 {
            let config = MonitorConfig::default();
            let along = self.space.coordinates_of(row, DIM);
            #[expect(clippy::cast_possible_truncation, reason = "a factor just below one")]
            let decay = config.witness_decay() as f32;
            if let Some(rank) = self.witness.observe(&self.movement, &along, 0, decay) {
                let factors = self.movement.bet().factors(rank, rank);
                self.detector.observe_factors(factors, 0, 0);
            }
            self.seen += 1;
            if self.seen.is_multiple_of(config.stride) && self.seen >= 10 {
                self.witness.renew(&self.movement);
            }
            self.detector.e_value()
        }
    }

    #[test]
    fn quiet_inputs_keep_the_run_length_over_40_fresh_references() {
        let (mut alarms, steps, run_length) = (0, 1500, 1e3);
        for run in 0..40 {
            let mut rng = ChaCha8Rng::seed_from_u64(run);
            let mut task = Task::new(&mut rng);
            for _ in 0..steps {
                if task.observe(&row(&mut rng)) > run_length {
                    alarms += 1;
                    task.detector.reset();
                }
            }
        }
        assert!(
            f64::from(alarms) <= 40.0 * f64::from(steps) / run_length,
            "{alarms}"
        );
    }

    #[test]
    fn a_movement_of_one_direction_among_many_is_found() {
        let mut rng = ChaCha8Rng::seed_from_u64(99);
        let mut task = Task::new(&mut rng);
        (0..200).for_each(|_| {
            task.observe(&row(&mut rng));
        });
        // Two standard deviations of the fortieth direction, a hundredth of all variance.
        let found = (0..300).find(|_| {
            let mut moved = row(&mut rng);
            moved[40] += 2.0 * (2.0_f32 / 42.0).sqrt();
            task.observe(&moved) > 1e5
        });
        assert!(found.is_some_and(|after| after < 60), "{found:?}");
    }
}
