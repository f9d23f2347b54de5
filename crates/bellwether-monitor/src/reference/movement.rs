//! How a task's inputs lie about the means of their classes.
//!
//! A movement is sought in the direction in which it shows most clearly beside the reference's own spread. That direction is
//! learnt against the class means of one half of the reference and looked at beside the rows of the other: a direction that
//! has followed the error of the first half's means tells nothing of the second's.

use super::evenly;
use super::task::ClassMeans;
use crate::config::MonitorConfig;
use bellwether_stats::{
    Error, FixedRows, FixedVector, NearestSimilarity, Precision, ProjectedRows, ProjectionMemory, ShiftBet,
    Steps, inner_product,
};
use serde::{Deserialize, Serialize};

/// Rows of the reference for each direction whose own spread is used, at the least: with fewer it is not known well enough, and
/// what comes later looks wider than it was.
const ROWS_A_DIRECTION: usize = 5;
/// Rows of the second half that a direction is ranked against. They are moved to the mean of the half, so that only the shape
/// of their law is theirs alone; and they are read at every turn of the direction.
const RANKED_ROWS: usize = 256;

/// What is normal for the residuals from class means.
#[derive(Debug, Clone)]
pub(crate) struct Movement {
    /// Leading directions of the task that are used.
    width: usize,
    learnt: ClassCentres,
    ranked: RankedHalf,
    precision: Precision,
    bet: ShiftBet,
}

/// A task's rows.
pub(crate) struct ClassedRows<'a> {
    /// Unit vectors, `[n, dim]`.
    pub(crate) vectors: &'a [f32],
    pub(crate) dim: usize,
    /// Predicted classes, `[n]`.
    pub(crate) class: &'a [usize],
    pub(crate) classes: usize,
    /// From the class means of all rows, `[n, dim]`.
    pub(crate) residuals: &'a [f32],
}

/// Means of the predicted classes of one half of the reference.
#[derive(Debug, Clone)]
struct ClassCentres {
    dim: usize,
    /// `[classes, dim]`.
    means: Vec<f32>,
    /// Along the leading directions, `[classes, width]`.
    along: Vec<f32>,
}

/// The half of the reference beside which a direction is looked at.
#[derive(Debug, Clone)]
struct RankedHalf {
    /// Which of the task's distinct vectors its rows are, `[n]`.
    vector: Vec<usize>,
    /// Their predicted classes, `[n]`.
    class: Vec<usize>,
    /// How much further they would lie from a class mean without themselves, `[n]`.
    stretch: Vec<f32>,
    /// Along the leading directions, `[n, width]`.
    along: ProjectedRows,
    centres: FixedRows,
    /// Along the leading directions, `[classes, width]`.
    centres_along: ProjectedRows,
    /// Mean residual of the half, rows that are not ranked included: `[dim]`, and along the directions `[width]`.
    mean: (FixedVector, Vec<f32>),
}

/// Memory for one direction after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct DirectionMemory {
    projection: ProjectionMemory,
    learnt: Vec<f32>,
    along: Vec<f32>,
    rows: Vec<f32>,
}

/// A direction, and where the reference lies along it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Direction {
    /// The movement that it shows, `[dim]`: its part in all dimensions alike, in units of `beyond`.
    movement: FixedVector,
    beyond: f32,
    /// Its part along the leading directions, `[width]`.
    along: Vec<f32>,
    /// Where the class means lie, `[classes]`.
    centres: Vec<f32>,
    /// Where the residuals of the ranked rows lie, `[n]`.
    residuals: Vec<f32>,
}

impl Direction {
    /// How many of the reference's residuals lie below that of a vector `[dim]` of these coordinates.
    pub(crate) fn rank(&self, vector: Steps<'_>, coordinates: &[f32], class: usize) -> usize {
        let place = self.beyond * vector.inner_product(&self.movement)
            + inner_product(&coordinates[..self.along.len()], &self.along);
        let residual = place - self.centres[class];
        self.residuals.iter().map(|&r| usize::from(r < residual)).sum()
    }

    /// False before a movement has been seen.
    pub(crate) fn is_known(&self) -> bool {
        !self.residuals.is_empty()
    }
}

impl Movement {
    /// Of a task's rows, whose distinct vectors `nearest` has, each at its place of `distinct`. `None` where the residuals do
    /// not vary.
    pub(crate) fn new(
        nearest: &NearestSimilarity,
        distinct: &[usize],
        rows: &ClassedRows<'_>,
        config: &MonitorConfig,
    ) -> Result<Option<Self>, Error> {
        let (dim, classes) = (rows.dim, rows.classes);
        let width = (rows.class.len() / ROWS_A_DIRECTION).min(nearest.space().len());
        if width == 0 {
            return Ok(None);
        }
        let space = Space { nearest, width, dim };
        let along = space.along(rows.residuals);
        let precision = match Precision::new(&along, width, space.square_beyond(rows.residuals, &along)) {
            Err(Error::NotPositiveDefinite) => return Ok(None),
            other => other?,
        };
        let half = |which| Half::new(rows, distinct, which);
        let (first, second) = (half(0), half(1));
        let learnt = ClassMeans::new(&first.vectors, &first.class, classes, dim).means;
        let ranked = RankedHalf::new(&space, &second, classes);
        // The mean of the ranked half is itself off by a standard error.
        let tolerated = config.movement_tolerance + 1.0 / (second.class.len() as f64).sqrt();
        Ok(Some(Self {
            width,
            learnt: ClassCentres {
                dim,
                along: space.along(&learnt),
                means: learnt,
            },
            precision,
            bet: ShiftBet::new(ranked.class.len(), tolerated)?,
            ranked,
        }))
    }

    /// Number of leading directions.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Whether a direction is unknown, or one along which the rows of this reference were placed.
    pub(crate) fn fits(&self, direction: &Direction, dim: usize) -> bool {
        !direction.is_known()
            || direction.movement.as_steps().steps.len() == dim
                && direction.along.len() == self.width
                && direction.centres.len() == self.ranked.centres.len()
                && direction.residuals.len() == self.ranked.class.len()
    }

    /// The bet on the rank of a residual.
    pub(crate) fn bet(&self) -> &ShiftBet {
        &self.bet
    }

    /// The mean of a predicted class from which a movement is learnt, `[dim]`, and along the directions, `[width]`.
    pub(crate) fn centre(&self, class: usize) -> (&[f32], &[f32]) {
        let ClassCentres { dim, means, along } = &self.learnt;
        let of_class = |width: usize| class * width..(class + 1) * width;
        (&means[of_class(*dim)], &along[of_class(self.width)])
    }

    /// Learns in which direction a movement of these coordinates `[width]` shows most clearly; returns its squared length
    /// along the leading directions, in units of the reference's spread. O(width²).
    pub(crate) fn learn(&self, coordinates: &[f32], memory: &mut DirectionMemory) -> f32 {
        let DirectionMemory {
            projection, learnt, ..
        } = memory;
        self.precision.along(coordinates, projection, learnt)
    }

    /// Turns `direction` to the one learnt last, that of a movement `[dim]`. `sample` are the task's distinct vectors.
    /// O(256 · dim).
    pub(crate) fn turn(
        &self,
        movement: &[f32],
        sample: &FixedRows,
        memory: &mut DirectionMemory,
        direction: &mut Direction,
    ) {
        direction.along.clone_from(&memory.learnt);
        direction.beyond = self.precision.beyond();
        direction.movement.set(movement);
        self.ranked.place(sample, memory, direction);
    }
}

impl RankedHalf {
    fn new(space: &Space<'_>, half: &Half, classes: usize) -> Self {
        let means = ClassMeans::new(&half.vectors, &half.class, classes, space.dim);
        let kept: Vec<usize> = evenly(half.class.len(), RANKED_ROWS).collect();
        let rows = |row: &usize| &half.vectors[row * space.dim..(row + 1) * space.dim];
        let vectors: Vec<f32> = kept.iter().flat_map(rows).copied().collect();
        let mean = mean(&means.residuals, space.dim);
        let mut mean_steps = FixedVector::default();
        mean_steps.set(&mean);
        Self {
            vector: kept.iter().map(|&row| half.vector[row]).collect(),
            class: kept.iter().map(|&row| half.class[row]).collect(),
            stretch: kept.iter().map(|&row| means.stretch(half.class[row])).collect(),
            along: ProjectedRows::new(&space.along(&vectors), space.width),
            centres: FixedRows::new(&means.means, space.dim),
            centres_along: ProjectedRows::new(&space.along(&means.means), space.width),
            mean: (mean_steps, space.along(&mean)),
        }
    }

    /// Finds where the class means and the residuals lie along a direction.
    fn place(&self, sample: &FixedRows, memory: &mut DirectionMemory, direction: &mut Direction) {
        let DirectionMemory {
            projection,
            along,
            rows,
            ..
        } = memory;
        let beyond = direction.beyond;
        let mut places = |vectors: &FixedRows,
                          at: &mut dyn Iterator<Item = usize>,
                          leading: &ProjectedRows,
                          out: &mut Vec<f32>| {
            rows.clear();
            vectors.inner_products(&direction.movement, at, rows);
            leading.project(&direction.along, projection, along);
            out.clear();
            out.extend(
                rows.iter()
                    .zip(along.iter())
                    .map(|(all, along)| beyond * all + along),
            );
        };
        places(
            &self.centres,
            &mut (0..self.centres.len()),
            &self.centres_along,
            &mut direction.centres,
        );
        places(
            sample,
            &mut self.vector.iter().copied(),
            &self.along,
            &mut direction.residuals,
        );
        for (residual, (&class, stretch)) in direction
            .residuals
            .iter_mut()
            .zip(self.class.iter().zip(&self.stretch))
        {
            *residual = (*residual - direction.centres[class]) * stretch;
        }
        // The rows that are ranked must not lie to one side of their half.
        let (mean, mean_along) = &self.mean;
        let of_half = beyond * mean.as_steps().inner_product(&direction.movement)
            + inner_product(mean_along, &direction.along);
        let of_ranked = direction.residuals.iter().sum::<f32>() / direction.residuals.len() as f32;
        for residual in &mut direction.residuals {
            *residual += of_half - of_ranked;
        }
    }
}

/// The leading directions of a task that its reference is large enough for.
struct Space<'a> {
    nearest: &'a NearestSimilarity,
    width: usize,
    dim: usize,
}

impl Space<'_> {
    /// Coordinates of rows `[n, dim]`, `[n, width]`.
    fn along(&self, rows: &[f32]) -> Vec<f32> {
        let space = self.nearest.space();
        let along = space.coordinates_of(rows, self.dim);
        let leading = along.chunks_exact(space.len()).flat_map(|row| &row[..self.width]);
        leading.copied().collect()
    }

    /// Mean square of residuals `[n, dim]` in each dimension beyond the directions, along which they are `along`.
    fn square_beyond(&self, residuals: &[f32], along: &[f32]) -> f64 {
        let beyond = self.dim - self.width;
        if beyond == 0 {
            return 0.0;
        }
        let squares = |values: &[f32]| -> f64 { values.iter().map(|&x| f64::from(x).powi(2)).sum() };
        let rows = residuals.len() / self.dim;
        (squares(residuals) - squares(along)).max(0.0) / (rows * beyond) as f64
    }
}

/// Every second row of the reference.
struct Half {
    /// `[n, dim]`.
    vectors: Vec<f32>,
    /// Which of the task's distinct vectors they are, `[n]`.
    vector: Vec<usize>,
    class: Vec<usize>,
}

impl Half {
    fn new(rows: &ClassedRows<'_>, distinct: &[usize], which: usize) -> Self {
        let of = |all: &[usize]| all.iter().skip(which).step_by(2).copied().collect();
        let vectors = rows.vectors.chunks_exact(rows.dim).skip(which).step_by(2);
        Self {
            vectors: vectors.flatten().copied().collect(),
            vector: of(distinct),
            class: of(rows.class),
        }
    }
}

/// Mean of rows `[n, dim]`.
fn mean(rows: &[f32], dim: usize) -> Vec<f32> {
    let mut mean = vec![0.0; dim];
    bellwether_stats::mean_residual(rows.chunks_exact(dim), &mut mean);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a mean of numbers of single precision"
    )]
    mean.into_iter().map(|m| m as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::super::distinct;
    use super::*;

    const DIM: usize = 5;

    /// Of 300 rows of two classes that scatter about their means by sines.
    fn movement() -> (Movement, NearestSimilarity, Vec<f32>, Vec<usize>) {
        let class: Vec<usize> = (0..300).map(|i| i % 3 % 2).collect();
        let value = |i: usize| {
            let (row, at) = (i / DIM, i % DIM);
            class[row] as f32 + (1.0 + at as f32) * (i as f32 * 2.3 + at as f32).sin()
        };
        let vectors: Vec<f32> = (0..300 * DIM).map(value).collect();
        let nearest = NearestSimilarity::new(&vectors, DIM, 1);
        let means = ClassMeans::new(&vectors, &class, 2, DIM);
        let rows = ClassedRows {
            vectors: &vectors,
            dim: DIM,
            class: &class,
            classes: 2,
            residuals: &means.residuals,
        };
        let movement = Movement::new(
            &nearest,
            &distinct(&vectors, DIM),
            &rows,
            &MonitorConfig::default(),
        );
        (movement.unwrap().expect("they vary"), nearest, vectors, class)
    }

    fn turned(movement: &Movement, nearest: &NearestSimilarity, to: &[f32]) -> Direction {
        let (mut memory, mut direction) = (DirectionMemory::default(), Direction::default());
        let along = nearest.space().coordinates_of(to, DIM);
        movement.learn(&along[..movement.width()], &mut memory);
        movement.turn(to, nearest.rows(), &mut memory, &mut direction);
        direction
    }

    #[test]
    fn rows_of_the_reference_lie_evenly_among_its_residuals_and_moved_ones_above() {
        let (movement, nearest, vectors, class) = movement();
        let to = [1.0, 0.0, 0.0, 0.0, 0.0];
        let direction = turned(&movement, &nearest, &to);
        let mean_rank = |by: f32| {
            let rank = |(row, &class): (&[f32], &usize)| {
                let moved: Vec<f32> = row.iter().zip(to).map(|(x, t)| x + by * t).collect();
                let along = nearest.space().coordinates_of(&moved, DIM);
                let mut steps = FixedVector::default();
                steps.set(&moved);
                direction.rank(steps.as_steps(), &along, class) as f64
            };
            let rows = vectors.chunks_exact(DIM).zip(&class);
            rows.map(rank).sum::<f64>() / class.len() as f64 / direction.residuals.len() as f64
        };
        assert!((mean_rank(0.0) - 0.5).abs() < 0.05, "{}", mean_rank(0.0));
        assert!(
            mean_rank(1.0) > 0.7 && mean_rank(-1.0) < 0.3,
            "{}",
            mean_rank(1.0)
        );
    }

    #[test]
    fn a_larger_half_leaves_less_open() {
        let (movement, ..) = movement();
        let tolerated = movement.bet().tolerated() - MonitorConfig::default().movement_tolerance;
        assert!((tolerated - 1.0 / 150.0_f64.sqrt()).abs() < 1e-9, "{tolerated}");
    }

    #[test]
    fn residuals_that_do_not_vary_have_no_movement() {
        let vectors = [1.0, 0.0].repeat(40);
        let nearest = NearestSimilarity::new(&[1.0, 0.0], 2, 1);
        let rows = ClassedRows {
            vectors: &vectors,
            dim: 2,
            class: &[0; 40],
            classes: 1,
            residuals: &[0.0; 80],
        };
        let none = Movement::new(&nearest, &[0; 40], &rows, &MonitorConfig::default());
        assert!(none.unwrap().is_none());
    }
}
