//! Do the inputs move within their classes, and where to?
//!
//! A direction learnt from the past is a witness: what comes next is ranked along it among the reference's own residuals, so
//! that the bet on the rank is predictable. After Shekhar and Ramdas, "Nonparametric two-sample testing by betting" (2023);
//! the direction is Fisher's, that of the movement in units of the reference's own spread.

use crate::reference::{Direction, DirectionMemory, Movement};
use crate::snapshot::state;
use bellwether_stats::{DecayingSum, FixedRows, Steps};

/// Observations between two looks at where the past has moved: few, so that a large movement is taken at once.
const LOOK: u64 = 5;
/// Looks after which the direction turns to wherever the past has moved.
const QUIET_LOOKS: u64 = 16;
/// Standard errors of its length beyond which a movement turns the direction at the first look.
const LARGE: f32 = 1.0;

/// A direction and what it is learnt from.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    seen: u64,
    decay: f32,
    /// Exponentially weighted sum of residuals, `[dim]`, and along the leading directions, `[width]`.
    drift: DecayingSum,
    drift_along: DecayingSum,
    /// Sum of the squared weights: the variance of `drift` in those of one residual.
    squared_weights: f32,
    direction: Direction,
    memory: DirectionMemory,
}

state!(Witness {
    values: seen, squared_weights, direction;
    parts: drift, drift_along
});

impl Witness {
    /// A witness that has seen nothing of vectors of so many components.
    pub(crate) fn new(movement: &Movement, dim: usize, decay: f32) -> Self {
        Self {
            seen: 0,
            decay,
            drift: DecayingSum::new(dim, decay),
            drift_along: DecayingSum::new(movement.width(), decay),
            squared_weights: 0.0,
            direction: Direction::default(),
            memory: DirectionMemory::default(),
        }
    }

    /// Ranks a vector of these coordinates along the direction, then learns it: how many of the reference's residuals are
    /// below its own; `None` before the first direction. `sample` are the distinct vectors of the task's reference.
    pub(crate) fn observe(
        &mut self,
        movement: &Movement,
        sample: &FixedRows,
        vector: Steps<'_>,
        coordinates: &[f32],
        class: usize,
    ) -> Option<usize> {
        let known = self.direction.is_known();
        let rank = known.then(|| self.direction.rank(vector, coordinates, class));
        let (centre, centre_along) = movement.centre(class);
        self.drift.add_steps_difference(vector, centre);
        self.drift_along.add_difference(coordinates, centre_along);
        self.squared_weights = self.squared_weights * self.decay * self.decay + 1.0;
        self.seen += 1;
        if self.seen.is_multiple_of(LOOK) {
            self.look(movement, sample);
        }
        rank
    }

    /// Whether its direction is one of `movement`, for vectors of so many components.
    pub(crate) fn fits(&self, movement: &Movement, dim: usize) -> bool {
        movement.fits(&self.direction, dim)
    }

    /// Turns to where the past has moved, if that is far or has not been looked at for long.
    fn look(&mut self, movement: &Movement, sample: &FixedRows) {
        let length = movement.learn(self.drift_along.sum(), &mut self.memory) / self.squared_weights;
        // Without a movement, a sum of so many squares of mean one.
        let directions = movement.width() as f32;
        let is_large = length > directions + LARGE * (2.0 * directions).sqrt();
        if is_large || self.seen.is_multiple_of(LOOK * QUIET_LOOKS) {
            movement.turn(self.drift.sum(), sample, &mut self.memory, &mut self.direction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MonitorConfig;
    use crate::reference::{ClassedRows, Movement};
    use bellwether_stats::{EDetector, FixedVector, NearestSimilarity};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const DIM: usize = 96;
    const ROWS: usize = 400;

    /// Nearly normal components, wider in the first directions than in the last.
    fn row(rng: &mut ChaCha8Rng) -> Vec<f32> {
        let component = |at: usize| {
            let sum: f32 = (0..6).map(|_| rng.random_range(-1.0..1.0_f32)).sum();
            sum / (2.0 + at as f32).sqrt()
        };
        (0..DIM).map(component).collect()
    }

    /// One task with one class.
    struct Task {
        movement: Movement,
        nearest: NearestSimilarity,
        witness: Witness,
        detector: EDetector,
    }

    impl Task {
        fn new(rng: &mut ChaCha8Rng) -> Self {
            let vectors: Vec<f32> = (0..ROWS).flat_map(|_| row(rng)).collect();
            let nearest = NearestSimilarity::new(&vectors, DIM, 1);
            let config = MonitorConfig::default();
            let rows = ClassedRows {
                vectors: &vectors,
                dim: DIM,
                class: &[0; ROWS],
                classes: 1,
                residuals: &vectors,
            };
            let places: Vec<usize> = (0..ROWS).collect();
            let movement = Movement::new(&nearest, &places, &rows, &config);
            let movement = movement.expect("finite rows").expect("they vary");
            assert!(
                movement.width() < DIM,
                "there is something beyond the leading directions"
            );
            #[expect(clippy::cast_possible_truncation, reason = "a factor just below one")]
            let decay = config.witness_decay() as f32;
            Self {
                witness: Witness::new(&movement, DIM, decay),
                movement,
                nearest,
                detector: EDetector::from_factors(),
            }
        }

        /// The e-value after one more row.
        fn observe(&mut self, row: &[f32]) -> f64 {
            let along = self.nearest.space().coordinates_of(row, DIM);
            let (rows, mut steps) = (self.nearest.rows(), FixedVector::default());
            steps.set(row);
            let steps = steps.as_steps();
            if let Some(rank) = self.witness.observe(&self.movement, rows, steps, &along, 0) {
                let factors = self.movement.bet().factors(rank, rank);
                self.detector.observe_factors(factors, 0, 0);
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

    fn found_after(at: usize) -> Option<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(99);
        let mut task = Task::new(&mut rng);
        (0..200).for_each(|_| {
            task.observe(&row(&mut rng));
        });
        (0..300).find(|_| {
            let mut moved = row(&mut rng);
            // Two standard deviations of this direction.
            moved[at] += 2.0 * (2.0 / (2.0 + at as f32)).sqrt();
            task.observe(&moved) > 1e5
        })
    }

    #[test]
    fn a_movement_of_one_direction_among_many_is_found_among_the_leading_ones_and_beyond() {
        let (leading, beyond) = (found_after(40), found_after(90));
        assert!(leading.is_some_and(|after| after < 60), "{leading:?}");
        assert!(beyond.is_some_and(|after| after < 100), "{beyond:?}");
    }
}
