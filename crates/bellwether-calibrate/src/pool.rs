//! The owner's quiet period as a pool of messages to draw from.

use crate::error::Error;
use bellwether_events::{ModelSchema, ObservationBatch, Prediction, TaskId, TaskKind};
use ndarray::{ArrayView2, Axis};
use std::collections::{BTreeMap, BTreeSet};

/// Hours of a day, of the traffic's profile.
pub const HOURS: usize = 24;
/// Kinds of message into which a task without classes is cut, for runs of the same kind.
const NEIGHBOURHOODS: usize = 12;
/// Cosine from which two vectors are one message: the encoder's own rounding, and that of float16, stays above it.
const SAME_MESSAGE: f32 = 0.9995;
/// Rows compared with a reference at once: bounds the memory of the product.
const BLOCK: usize = 512;
const HOUR_MS: i64 = 3_600_000;

/// The truth of an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLabel {
    /// Written like the prediction.
    pub label: String,
    /// When it became known, milliseconds since the epoch; `None` where nobody wrote it down.
    pub known_ms: Option<i64>,
}

/// One stretch of recorded traffic: a file. Event ids are unique within it.
#[derive(Debug, Default)]
pub struct Period {
    /// Its observations, in any order.
    pub batches: Vec<ObservationBatch>,
    /// What is known about them, by event id.
    pub labels: BTreeMap<String, KnownLabel>,
}

/// One message that may be drawn.
#[derive(Debug, Clone)]
pub(crate) struct PoolRow {
    batch: usize,
    row: usize,
    /// The predicted class, or the neighbourhood where there are no classes.
    pub(crate) group: usize,
    /// Hour of the day in UTC at which it came.
    pub(crate) hour: usize,
    pub(crate) label: Option<String>,
    /// Delay of its label, milliseconds, where that is known.
    pub(crate) delay_ms: Option<i64>,
}

/// What one task's traffic is like.
#[derive(Debug, Clone)]
pub(crate) struct TaskPool {
    /// Its rows in the pool.
    pub(crate) rows: Vec<usize>,
    /// Different messages among them.
    pub(crate) distinct: usize,
    /// Observations a millisecond.
    pub(crate) rate: f64,
    /// Traffic by hour of the day, mean 1.
    pub(crate) hourly: [f64; HOURS],
    /// Known delays of labels, milliseconds.
    pub(crate) delays_ms: Vec<i64>,
}

/// All messages of a quiet period, by task.
#[derive(Debug)]
pub struct Pool {
    schema: ModelSchema,
    batches: Vec<ObservationBatch>,
    rows: Vec<PoolRow>,
    tasks: Vec<TaskPool>,
}

impl Pool {
    /// A pool of everything in `periods`. `traffic_share` is the share of the real traffic that they hold, above 0 and
    /// at most 1: rates are scaled back by it. Embeddings are scaled to unit length. O(rows · dim).
    ///
    /// # Errors
    /// [`Error::NoObservations`], [`Error::NoExtent`].
    pub fn new(schema: &ModelSchema, periods: Vec<Period>, traffic_share: f64) -> Result<Self, Error> {
        let mut pool = Self {
            schema: schema.clone(),
            batches: Vec::new(),
            rows: Vec::new(),
            tasks: schema.tasks().map(|_| TaskPool::empty()).collect(),
        };
        let mut extent_ms = 0.0;
        for period in periods {
            extent_ms += pool.add(period);
        }
        if pool.rows.is_empty() {
            return Err(Error::NoObservations);
        }
        if extent_ms <= 0.0 {
            return Err(Error::NoExtent);
        }
        for at in 0..pool.tasks.len() {
            pool.finish_task(at, extent_ms * traffic_share);
        }
        Ok(pool)
    }

    /// Takes a period's rows; returns its extent in milliseconds.
    fn add(&mut self, period: Period) -> f64 {
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for mut batch in period.batches {
            let dim = batch.dim();
            bellwether_stats::normalise(batch.embeddings_mut(), dim);
            for row in 0..batch.len() {
                let at_ms = batch.timestamps_ms()[row];
                (first, last) = (first.min(at_ms), last.max(at_ms));
                let known = period.labels.get(batch.event_id(row));
                self.tasks[batch.tasks()[row].index()].rows.push(self.rows.len());
                self.rows.push(PoolRow {
                    batch: self.batches.len(),
                    row,
                    group: match batch.prediction(row) {
                        Prediction::Class(class) => class as usize,
                        Prediction::Tags(_) | Prediction::Value(_) => 0,
                    },
                    hour: hour_of(at_ms),
                    label: known.map(|k| k.label.clone()),
                    delay_ms: known
                        .and_then(|k| k.known_ms)
                        .map(|ms| ms.saturating_sub(at_ms).max(0)),
                });
            }
            self.batches.push(batch);
        }
        (last.saturating_sub(first)).max(0) as f64
    }

    fn finish_task(&mut self, at: usize, extent_ms: f64) {
        let rows = std::mem::take(&mut self.tasks[at].rows);
        let mut hourly = [0.0; HOURS];
        for &row in &rows {
            hourly[self.rows[row].hour] += 1.0;
        }
        // One message an hour of prior: a short quiet period must not claim hours without any traffic.
        let total = rows.len() as f64 + HOURS as f64;
        for share in &mut hourly {
            *share = (*share + 1.0) * HOURS as f64 / total;
        }
        let distinct: BTreeSet<Vec<u32>> = rows
            .iter()
            .map(|&row| self.embedding(row).iter().map(|x| x.to_bits()).collect())
            .collect();
        if rows
            .first()
            .is_some_and(|&row| self.schema.spec(self.task(row)).kind != TaskKind::Classification)
        {
            self.cut_into_neighbourhoods(&rows);
        }
        self.tasks[at] = TaskPool {
            distinct: distinct.len(),
            rate: rows.len() as f64 / extent_ms,
            hourly,
            delays_ms: rows.iter().filter_map(|&row| self.rows[row].delay_ms).collect(),
            rows,
        };
    }

    /// Gives each row the nearest of a few of the task's own messages as its kind.
    fn cut_into_neighbourhoods(&mut self, rows: &[usize]) {
        let step = (rows.len() / NEIGHBOURHOODS).max(1);
        let centres: Vec<usize> = rows.iter().copied().step_by(step).take(NEIGHBOURHOODS).collect();
        for &row in rows {
            let nearness = |&at: &usize| dot(self.embedding(row), self.embedding(centres[at]));
            let nearest = (0..centres.len()).max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
            self.rows[row].group = nearest.unwrap_or(0);
        }
    }

    /// The model's tasks and embedding width.
    #[must_use]
    pub fn schema(&self) -> &ModelSchema {
        &self.schema
    }

    /// Number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never true: a pool has at least one message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn tasks(&self) -> &[TaskPool] {
        &self.tasks
    }

    pub(crate) fn row(&self, row: usize) -> &PoolRow {
        &self.rows[row]
    }

    pub(crate) fn task(&self, row: usize) -> TaskId {
        let at = &self.rows[row];
        self.batches[at.batch].tasks()[at.row]
    }

    /// A message's unit embedding, `[dim]`.
    pub(crate) fn embedding(&self, row: usize) -> &[f32] {
        let at = &self.rows[row];
        self.batches[at.batch].embedding(at.row)
    }

    pub(crate) fn prediction(&self, row: usize) -> Prediction<'_> {
        let at = &self.rows[row];
        self.batches[at.batch].prediction(at.row)
    }

    pub(crate) fn confidence(&self, row: usize) -> f32 {
        let at = &self.rows[row];
        self.batches[at.batch].confidences()[at.row]
    }

    pub(crate) fn text(&self, row: usize) -> Option<&str> {
        let at = &self.rows[row];
        self.batches[at.batch].text(at.row)
    }

    /// The loss of a row whose label is known: 0 or 1 for classes and tag sequences, the absolute error for numbers.
    pub(crate) fn loss(&self, row: usize) -> Option<f64> {
        let label = self.rows[row].label.as_deref()?;
        match self.prediction(row) {
            Prediction::Class(class) => {
                let truth = self.schema.label_index(self.task(row), label)?;
                Some(f64::from(u8::from(truth != class)))
            }
            Prediction::Tags(tags) => {
                let same = tags.split_whitespace().eq(label.split_whitespace());
                Some(f64::from(u8::from(!same)))
            }
            Prediction::Value(value) => {
                let truth: f64 = label.trim().parse().ok()?;
                truth.is_finite().then(|| (value - truth).abs())
            }
        }
    }

    /// Share of the pool's messages that are among `vectors`, unit vectors `[n, dim]` a task, row-major: those of a
    /// reference. O(rows · n · dim).
    #[must_use]
    pub fn share_among(&self, vectors: impl Fn(TaskId) -> Vec<f32>) -> f64 {
        let dim = self.schema.dim();
        let mut same = 0;
        for task in self.schema.tasks() {
            let reference = vectors(task);
            let Ok(reference) = ArrayView2::from_shape((reference.len() / dim, dim), &reference) else {
                continue;
            };
            for block in self.tasks[task.index()].rows.chunks(BLOCK) {
                let unit: Vec<f32> = block
                    .iter()
                    .flat_map(|&row| self.embedding(row).iter().copied())
                    .collect();
                let Ok(unit) = ArrayView2::from_shape((block.len(), dim), &unit) else {
                    continue;
                };
                let cosines = unit.dot(&reference.t());
                same += cosines
                    .axis_iter(Axis(0))
                    .filter(|row| row.iter().any(|&c| c > SAME_MESSAGE))
                    .count();
            }
        }
        same as f64 / self.rows.len().max(1) as f64
    }
}

impl TaskPool {
    fn empty() -> Self {
        Self {
            rows: Vec::new(),
            distinct: 0,
            rate: 0.0,
            hourly: [1.0; HOURS],
            delays_ms: Vec::new(),
        }
    }
}

/// Hour of the day in UTC.
pub(crate) fn hour_of(at_ms: i64) -> usize {
    usize::try_from(at_ms.div_euclid(HOUR_MS).rem_euclid(24)).unwrap_or(0)
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
