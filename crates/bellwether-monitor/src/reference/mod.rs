//! What is normal, per task and for the encoder.

mod build;
mod coupling;
mod losses;
mod manifest;
mod movement;
mod season;
mod self_play;
mod slices;
mod task;
mod text_form;

pub use build::build;
pub(crate) use losses::{ReferenceLosses, reference_losses};
pub use manifest::{
    FORMAT_VERSION, ReferenceManifest, ReferenceQuality, ReferenceRows, ReferenceSlice, Score, SelfPlay,
    SliceStatistic,
};
#[cfg(test)]
pub(crate) use movement::ClassedRows;
pub(crate) use movement::{Direction, DirectionMemory, Movement};
pub(crate) use season::Season;
pub use task::TaskReference;
pub(crate) use task::{BULK_P, WARNING_MARGIN_SE, distinct, far_statistic};
pub(crate) use text_form::Form;

use crate::config::MonitorConfig;
use crate::drift::DriftReference;
use crate::encoder::Canary;
use crate::quality::QualityReference;
use bellwether_events::{EncoderTerms, ModelSchema, OtherEncoders, SchemaError, TaskId};
use bellwether_stats::{KernelFeatures, Trigrams};
use half::slice::HalfFloatSliceExt;
use std::ops::Range;

/// Nearest neighbours whose mean cosine is the similarity. Five is robust to one mislabelled or stray row.
pub(crate) const NEIGHBOURS: usize = 5;
/// Fewest labelled observations a task needs in a reference: a p-value below 0.01 must be possible.
pub(crate) const MIN_TASK_ROWS: usize = 100;
/// Frequencies of the kernel's random features: an error of some .06 of the kernel for one pair, far less for a mean.
const KERNEL_FREQUENCIES: usize = 128;
const KERNEL_SEED: u64 = 0x6b65_726e;
/// Own-nearest ratio from which a task has a home of its own in embedding space.
const HOME_RATIO: f64 = 0.8;

/// Why a reference cannot be built or used.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// A task of the schema has too few usable rows.
    #[error(
        "task `{task}` has {have} labelled observations in the reference, at least {MIN_TASK_ROWS} are needed"
    )]
    TooFewRows {
        /// The task.
        task: String,
        /// Rows it has.
        have: usize,
    },
    /// A label of a regression task is not a number.
    #[error("task `{task}`: the label `{label}` of event `{event_id}` is not a number")]
    NotANumber {
        /// The task.
        task: String,
        /// The label as written.
        label: String,
        /// Its observation.
        event_id: String,
    },
    /// Written by another version.
    #[error("the reference has format version {found}, this program reads {FORMAT_VERSION}")]
    Version {
        /// Version of the file.
        found: u32,
    },
    /// Columns of the file disagree.
    #[error("the reference is damaged: {0}")]
    Damaged(&'static str),
    /// Its tasks are unusable.
    #[error("the reference's tasks are unusable")]
    Schema(#[from] SchemaError),
    /// A statistic could not be computed from it.
    #[error("the reference of task `{task}` is unusable")]
    Statistic {
        /// The task.
        task: String,
        /// What failed.
        #[source]
        source: bellwether_stats::Error,
    },
}

/// A reference made ready for scoring and judging.
#[derive(Debug, Clone)]
pub struct Reference {
    manifest: ReferenceManifest,
    schema: ModelSchema,
    tasks: Vec<TaskReference>,
    quality: Vec<QualityReference>,
    homes: Vec<TaskId>,
    trigrams: Option<Trigrams>,
    drift: Vec<DriftReference>,
    features: KernelFeatures,
    losses: Vec<ReferenceLosses>,
}

impl Reference {
    /// Makes a stored reference ready. O(rows · dim).
    ///
    /// # Errors
    /// [`ReferenceError`] when it is of another version, damaged or too small.
    pub fn assemble(
        manifest: ReferenceManifest,
        rows: &ReferenceRows,
        config: &MonitorConfig,
    ) -> Result<Self, ReferenceError> {
        if manifest.format_version != FORMAT_VERSION {
            return Err(ReferenceError::Version {
                found: manifest.format_version,
            });
        }
        let schema = ModelSchema::new(manifest.tasks.clone(), manifest.dim)?.with_encoder(EncoderTerms {
            version: manifest.encoder_version.clone(),
            ..EncoderTerms::default()
        });
        let n = rows.len();
        let columns = [
            rows.class.len(),
            rows.truth.len(),
            rows.confidence.len(),
            rows.loss.len(),
            rows.own_similarity.len(),
            rows.surprise.len(),
            rows.text_length.len(),
        ];
        let optional = [rows.timestamp_ms.len(), rows.event_id.len()];
        if columns.iter().any(|&len| len != n)
            || optional.iter().any(|&len| len != n && len != 0)
            || rows.embedding.len() != n * schema.dim()
        {
            return Err(ReferenceError::Damaged("its columns differ in length"));
        }
        if let Some(what) = rows.contradiction() {
            return Err(ReferenceError::Damaged(what));
        }
        let unit = unit_rows(rows, schema.dim());
        let ranges = task_ranges(rows, &schema)?;
        let tasks = schema
            .tasks()
            .map(|t| TaskReference::new(t, &schema, rows, &unit, ranges[t.index()].clone(), config))
            .collect::<Result<Vec<_>, _>>()?;
        let quality = schema
            .tasks()
            .map(|t| {
                let measured = manifest.measured.get(schema.name(t));
                QualityReference::new(
                    &tasks[t.index()],
                    measured,
                    rows,
                    &unit,
                    ranges[t.index()].clone(),
                )
            })
            .collect();
        let drift = schema
            .tasks()
            .map(|t| {
                let range = ranges[t.index()].clone();
                DriftReference::new(rows, &unit, schema.dim(), range).map_err(|source| {
                    ReferenceError::Statistic {
                        task: schema.name(t).to_owned(),
                        source,
                    }
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let features = KernelFeatures::new(schema.dim(), KERNEL_FREQUENCIES, 1.0, KERNEL_SEED)
            .map_err(|_| ReferenceError::Damaged("its embeddings have no width"))?;
        let losses = schema
            .tasks()
            .map(|t| {
                let task = &tasks[t.index()];
                ReferenceLosses::new(
                    task.kind,
                    task.regression.as_ref(),
                    rows,
                    ranges[t.index()].clone(),
                )
            })
            .collect();
        let homes = schema
            .tasks()
            .filter(|&t| {
                manifest
                    .own_nearest_ratio
                    .get(schema.name(t))
                    .is_some_and(|&r| r >= HOME_RATIO)
            })
            .collect();
        let trigrams =
            (!manifest.trigrams.is_empty()).then(|| Trigrams::from_counts(manifest.trigrams.iter().copied()));
        Ok(Self {
            manifest,
            schema,
            tasks,
            quality,
            homes,
            trigrams,
            drift,
            features,
            losses,
        })
    }

    /// What is normal for the quality of a task.
    pub(crate) fn quality(&self, task: TaskId) -> &QualityReference {
        &self.quality[task.index()]
    }

    /// What drift reports compare a task with.
    pub(crate) fn drift(&self, task: TaskId) -> &DriftReference {
        &self.drift[task.index()]
    }

    /// Random features of a Gaussian kernel with bandwidth one, for every task.
    pub(crate) fn features(&self) -> &KernelFeatures {
        &self.features
    }

    /// Losses and doubts of the rows of the task at `at`.
    pub(crate) fn losses(&self, at: usize) -> &ReferenceLosses {
        &self.losses[at]
    }

    /// What it knows of the slices of a task.
    pub(crate) fn slices(&self, task: TaskId) -> &[ReferenceSlice] {
        let of_task = self.manifest.slices.get(self.schema.name(task));
        of_task.map_or(&[], Vec::as_slice)
    }

    /// What the file states about itself.
    #[must_use]
    pub fn manifest(&self) -> &ReferenceManifest {
        &self.manifest
    }

    /// From now on decoders go by this: whether texts are embedded, and which other encoders there is a reference of. The
    /// version is the reference's own.
    pub fn encoder_terms(&mut self, embeds_text: bool, others: OtherEncoders) {
        let version = self.manifest.encoder_version.clone();
        self.schema = self.schema.clone().with_encoder(EncoderTerms {
            version,
            others,
            embeds_text,
        });
    }

    /// Texts whose embeddings are known.
    #[must_use]
    pub fn canaries(&self) -> &[Canary] {
        let encoder = self.manifest.encoder.as_ref();
        encoder.map_or(&[], |encoder| &encoder.canaries)
    }

    /// The model's tasks and embedding width.
    #[must_use]
    pub fn schema(&self) -> &ModelSchema {
        &self.schema
    }

    /// One task's reference.
    #[must_use]
    pub fn task(&self, task: TaskId) -> &TaskReference {
        &self.tasks[task.index()]
    }

    /// Tasks that have a home of their own in embedding space: most of their observations lie nearest to themselves.
    #[must_use]
    pub fn homes(&self) -> &[TaskId] {
        &self.homes
    }

    /// Letter sequences of the reference's texts; `None` when it had none.
    pub(crate) fn trigrams(&self) -> Option<&Trigrams> {
        self.trigrams.as_ref()
    }

    /// Similarities of unit vectors `[n, dim]` to every task's reference: `[n, tasks]`, row-major.
    #[must_use]
    pub fn similarities(&self, unit: &[f32]) -> Vec<f32> {
        let (dim, tasks) = (self.schema.dim(), self.tasks.len());
        let n = unit.len() / dim;
        let mut out = vec![0.0; n * tasks];
        let mut column = vec![0.0; n];
        for (t, task) in self.tasks.iter().enumerate() {
            task.nearest.query_fully(unit, &mut column);
            for (row, &similarity) in column.iter().enumerate() {
                out[row * tasks + t] = similarity;
            }
        }
        out
    }
}

/// At most `most` of `n` rows, evenly over all.
pub(crate) fn evenly(n: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = n.min(most);
    (0..taken).map(move |i| i * n / taken)
}

/// The rows' embeddings as unit vectors in `f32`, `[n, dim]`.
fn unit_rows(rows: &ReferenceRows, dim: usize) -> Vec<f32> {
    let mut unit = rows.embedding.to_f32_vec();
    bellwether_stats::normalise(&mut unit, dim);
    unit
}

/// Where each task's rows stand; they are contiguous and in order.
fn task_ranges(rows: &ReferenceRows, schema: &ModelSchema) -> Result<Vec<Range<usize>>, ReferenceError> {
    if !rows.task.is_sorted() {
        return Err(ReferenceError::Damaged("its rows are not grouped by task"));
    }
    schema
        .tasks()
        .map(|t| {
            let range = rows.task.partition_point(|&r| r < t)..rows.task.partition_point(|&r| r <= t);
            if range.len() < MIN_TASK_ROWS {
                return Err(ReferenceError::TooFewRows {
                    task: schema.name(t).to_owned(),
                    have: range.len(),
                });
            }
            Ok(range)
        })
        .collect()
}
