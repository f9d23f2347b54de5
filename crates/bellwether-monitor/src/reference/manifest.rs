//! What a reference file states about itself, and the rows it holds.

use crate::encoder::EncoderReference;
use crate::quality::MeasuredReference;
use bellwether_events::{TaskId, TaskSpec};
use half::f16;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the file's meaning; a reader refuses another.
pub const FORMAT_VERSION: u32 = 2;

/// Everything about a reference but its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceManifest {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Derived from the contents: equal inputs give equal identities.
    pub id: String,
    /// Embedding width.
    pub dim: usize,
    /// The encoder's version, where the owner stated one.
    pub encoder_version: Option<String>,
    /// The version of the model that made the predictions, where all rows name one and the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// Oldest observation, milliseconds since the epoch.
    pub from_ms: i64,
    /// Newest observation, milliseconds since the epoch.
    pub to_ms: i64,
    /// The tasks as in `tasks.json`.
    pub tasks: BTreeMap<String, TaskSpec>,
    /// By task: quality in the reference.
    pub quality: BTreeMap<String, ReferenceQuality>,
    /// By task: every metric of its kind, and how to read its probabilities. Empty in files of earlier versions.
    #[serde(default)]
    pub measured: BTreeMap<String, MeasuredReference>,
    /// By task: share of its observations that lie nearest to their own task. Below 0.8 a task cannot claim novelty.
    pub own_nearest_ratio: BTreeMap<String, f64>,
    /// By task and other task: how near the other's inputs lie, from 0 (apart) to 1 (as near as the task's own).
    #[serde(default)]
    pub coupling: BTreeMap<String, BTreeMap<String, f64>>,
    /// Similarity to the nearest other task that only a hundredth of the observations fall below; what lies further from
    /// every task has no place in this encoder's space.
    pub alien_similarity: f64,
    /// Counts of the texts' hashed letter trigrams, slot and count; empty without texts. No text can be read from them.
    #[serde(default)]
    pub trigrams: Vec<(u16, u32)>,
    /// What is known of the encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderReference>,
    /// What self-play taught.
    pub self_play: SelfPlay,
    /// By task: what its rows say of the values of their attributes; empty without attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slices: BTreeMap<String, Vec<ReferenceSlice>>,
}

impl ReferenceManifest {
    /// The same, with what is known of the encoder, and an identity of its own.
    #[must_use]
    pub fn with_encoder(self, encoder: EncoderReference) -> Self {
        let known = serde_json::to_vec(&encoder).unwrap_or_default();
        let hash = twox_hash::XxHash3_128::oneshot(&[self.id.as_bytes(), &known].concat());
        Self {
            id: format!("{hash:032x}")[..self.id.len().min(32)].to_owned(),
            encoder: Some(encoder),
            ..self
        }
    }
}

/// One value of one attribute in the rows of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceSlice {
    /// The attribute.
    pub attribute: String,
    /// Its value.
    pub value: String,
    /// Rows that have it.
    pub size: usize,
    /// Of the loss in `[0, 1]`: 1 where prediction and label differ, the rank of the absolute error for numbers.
    pub loss: SliceStatistic,
    /// Of one minus confidence; `None` without probabilities.
    pub doubt: Option<SliceStatistic>,
    /// Of the far statistic: how much of it lies in the task's tail.
    pub far: SliceStatistic,
}

/// A mean over the rows of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SliceStatistic {
    /// The mean of its own rows.
    pub observed: f64,
    /// The same, leaning on the task's mean as a small sample has to.
    pub mean: f64,
    /// Standard error of the mean, by a variance that leans on the task's.
    pub standard_error: f64,
}

/// Labelled quality of one task in the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceQuality {
    /// `accuracy`, `span_f1` or `mae`.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// Labelled observations behind it.
    pub size: usize,
}

/// A standardised logistic score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean of each feature in self-play.
    pub mean: Vec<f64>,
    /// Standard deviation of each feature in self-play.
    pub scale: Vec<f64>,
    /// Constant, one weight a feature, then (affinity only) one a task.
    pub weights: Vec<f64>,
    /// Share of self-play's rounds on the right side.
    pub training_accuracy: Option<f64>,
}

/// The two scores that tell kinds of novelty apart, trained on the reference alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfPlay {
    /// Log-odds that a novel group is a new task rather than new classes.
    pub affinity: Score,
    /// Log-odds that novel observations cohere rather than scatter.
    pub coherence: Score,
    /// Cosine between that of two rows of one class and that of two classes of one task: what is nearer is one thing.
    pub class_cosine: f64,
}

/// Milliseconds since the epoch of the years 0 to 9999, of which events are.
const TIMES_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// The rows of a reference, grouped by task in the schema's order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReferenceRows {
    /// The task, `[n]`.
    pub task: Vec<TaskId>,
    /// Unit embeddings, `[n, dim]`, row-major.
    pub embedding: Vec<f16>,
    /// Index of the predicted class; 0 where the task has no classes. `[n]`.
    pub class: Vec<u32>,
    /// Index of the true class; `u32::MAX` where unknown or none. `[n]`.
    pub truth: Vec<u32>,
    /// The head's probability of its answer; NaN where it gives none. `[n]`.
    pub confidence: Vec<f32>,
    /// 1 when prediction and label differ (classes, whole tag sequences), the absolute error for numbers. `[n]`.
    pub loss: Vec<f64>,
    /// Mean cosine to the nearest others of the task. `[n]`.
    pub own_similarity: Vec<f32>,
    /// Mean rarity of the text's letter trigrams, without itself; NaN without a text. `[n]`.
    pub surprise: Vec<f32>,
    /// Length of the text in characters; 0 without. `[n]`.
    pub text_length: Vec<f32>,
    /// When the prediction was made, milliseconds since the epoch. `[n]`, or empty in files of earlier versions.
    pub timestamp_ms: Vec<i64>,
    /// Its event, to find the message in the owner's records. `[n]`, or empty in files of earlier versions.
    pub event_id: Vec<String>,
}

impl ReferenceRows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.task.len()
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.task.is_empty()
    }
    /// What no reference can hold that was built from events.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        if !self.timestamp_ms.iter().all(|ms| TIMES_MS.contains(ms)) {
            return Some("a time is outside the years 0 to 9999");
        }
        if !self.embedding.iter().all(|x| x.is_finite()) {
            return Some("an embedding is not finite");
        }
        None
    }
}
