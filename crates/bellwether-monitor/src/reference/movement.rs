//! How a task's inputs lie about the means of their classes, along the directions in which the task varies.
//!
//! A movement of single directions is lost among hundreds of dimensions; along the leading ones, in units of their own
//! spread, it is found several times as soon.

use crate::config::MonitorConfig;
use bellwether_stats::{
    DIRECTIONS, Error, Precision, PrincipalSpace, ProjectedRows, ProjectionMemory, ShiftBet,
};

/// Rows of the reference for each direction that is watched, at the least: with fewer its spread is not known well enough,
/// and what comes later looks wider than it was.
const ROWS_A_DIRECTION: usize = 5;
/// Residuals that are kept: their mean rank in any direction is within 0.018 (one standard error) of the whole reference's.
const RESIDUAL_ROWS: usize = 256;

/// What is normal for the residuals from class means.
#[derive(Debug, Clone)]
pub(crate) struct Movement {
    /// Directions watched.
    width: usize,
    /// Of each predicted class along the directions, `[classes, width]`.
    means: Vec<f32>,
    /// Of rows taken evenly, about zero, `[at most 256, width]`: what a direction is ranked against.
    residuals: ProjectedRows,
    precision: Precision,
    bet: ShiftBet,
}

impl Movement {
    /// Of class means `[classes, dim]` and residuals `[n, dim]` along the leading directions of `space`; `None` where the
    /// residuals do not vary.
    pub(crate) fn new(
        space: &PrincipalSpace,
        class_means: &[f32],
        residuals: &[f32],
        dim: usize,
        config: &MonitorConfig,
    ) -> Result<Option<Self>, Error> {
        let rows = residuals.len() / dim;
        let width = space.len().min(rows / ROWS_A_DIRECTION).min(DIRECTIONS);
        if width == 0 {
            return Ok(None);
        }
        let means = along(space, width, class_means, dim);
        let residuals = along(space, width, residuals, dim);
        let precision = match Precision::new(&residuals, width) {
            Err(Error::NotPositiveDefinite) => return Ok(None),
            other => other?,
        };
        let kept = about_zero(&evenly(&residuals, width, RESIDUAL_ROWS), width);
        let tolerated = sampling_shift(width, rows, config.witness_decay()) + config.movement_tolerance;
        Ok(Some(Self {
            width,
            means,
            bet: ShiftBet::new(kept.len() / width, tolerated)?,
            residuals: ProjectedRows::new(&kept, width),
            precision,
        }))
    }

    /// Number of directions.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The bet on the rank of a residual.
    pub(crate) fn bet(&self) -> &ShiftBet {
        &self.bet
    }

    /// Mean of a predicted class along the directions, `[width]`.
    pub(crate) fn class_mean(&self, class: usize) -> &[f32] {
        &self.means[class * self.width..(class + 1) * self.width]
    }

    /// Writes the direction in which a movement `[width]` shows most clearly, and the kept residuals along it.
    pub(crate) fn project(
        &self,
        movement: &[f32],
        direction: &mut Vec<f32>,
        memory: &mut ProjectionMemory,
        projections: &mut Vec<f32>,
    ) {
        self.precision.direction(movement, memory, direction);
        bellwether_stats::normalise(direction, self.width);
        self.residuals.project(direction, memory, projections);
    }
}

/// The shift, in standard deviations along the direction found, that the error of the class means alone brings about.
///
/// In `k` directions the means of `n` rows are off by `√(k / n)` standard deviations; a direction learnt from the past, worth
/// `m` observations, is off by `√(k / m)`, and so points along the former with cosine `√(k/n) / √(k/n + k/m)`.
fn sampling_shift(width: usize, rows: usize, decay: f64) -> f64 {
    let remembered = (1.0 + decay) / (1.0 - decay);
    let (of_means, of_direction) = (width as f64 / rows as f64, width as f64 / remembered);
    of_means / (of_means + of_direction).sqrt()
}

/// Coordinates of rows `[n, dim]` along the first `width` directions, `[n, width]`.
fn along(space: &PrincipalSpace, width: usize, rows: &[f32], dim: usize) -> Vec<f32> {
    let along = space.coordinates_of(rows, dim);
    let leading = along.chunks_exact(space.len()).flat_map(|row| &row[..width]);
    leading.copied().collect()
}

/// At most `most` rows, evenly taken.
fn evenly(rows: &[f32], width: usize, most: usize) -> Vec<f32> {
    let n = rows.len() / width;
    let kept = n.min(most);
    let row = |i: usize| i * n / kept;
    (0..kept)
        .flat_map(|i| &rows[row(i) * width..(row(i) + 1) * width])
        .copied()
        .collect()
}

/// The rows less their mean: what is kept of a reference must not lie to one side of the whole.
fn about_zero(rows: &[f32], width: usize) -> Vec<f32> {
    let mut mean = vec![0.0; width];
    bellwether_stats::mean_residual(rows.chunks_exact(width), &mut mean);
    let centred = rows.chunks_exact(width).flat_map(|row| row.iter().zip(&mean));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a mean of numbers of single precision"
    )]
    centred.map(|(x, m)| (f64::from(*x) - m) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_reference_leaves_less_open() {
        let shift = |rows| sampling_shift(64, rows, 0.5_f64.powf(1.0 / 50.0));
        assert!((shift(500) - 0.169).abs() < 1e-3, "{}", shift(500));
        assert!(shift(100) > shift(500) && shift(500) > 2.0 * shift(2000));
    }

    #[test]
    fn residuals_that_do_not_vary_have_no_movement() {
        let space = PrincipalSpace::new(&[1.0, 0.0, 0.0, 1.0], 2, 2);
        let none = Movement::new(&space, &[0.0; 2], &[0.0; 40], 2, &MonitorConfig::default());
        assert!(none.unwrap().is_none());
    }

    #[test]
    fn what_is_kept_lies_about_zero() {
        let rows: Vec<f32> = (0..600).map(|i| i as f32).collect();
        let kept = about_zero(&evenly(&rows, 2, 7), 2);
        assert_eq!(kept.len(), 14);
        let sum: f32 = kept.iter().step_by(2).sum();
        assert!(sum.abs() < 1e-3, "{sum}");
    }
}
