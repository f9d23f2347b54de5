//! What the model consists of: its tasks, their kinds and labels, and the width of the shared embedding.

use crate::encoder::EncoderTerms;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Index of a task in its [`ModelSchema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId(pub u16);

impl TaskId {
    /// The index as a `usize`, for slices with one element per task.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a task's head predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// One class of a closed set.
    Classification,
    /// One tag per whitespace-separated token, as BIO or BIOES.
    SequenceLabelling,
    /// One number.
    Regression,
}

/// One task as `tasks.json` states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// What the head predicts.
    pub kind: TaskKind,
    /// The classes or tags, in the order of `probabilities`; empty for regression.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// The tasks of one model, in the order of their names, and the embedding width its encoder gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSchema {
    names: Vec<String>,
    specs: Vec<TaskSpec>,
    /// Per task, the labels' indices in the order of their names: what makes a look-up a binary search.
    by_label: Vec<Vec<u32>>,
    dim: usize,
    encoder: EncoderTerms,
}

/// Why a task schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The text is not the JSON object of the contract.
    #[error("tasks.json is not an object of tasks")]
    Json(#[from] serde_json::Error),
    /// No task at all.
    #[error("tasks.json names no task")]
    Empty,
    /// More tasks than an identifier can count.
    #[error("tasks.json names {0} tasks, the limit is 65535")]
    TooMany(usize),
    /// A classification or sequence-labelling task without labels.
    #[error("task `{0}` needs labels")]
    NoLabels(String),
    /// More labels than an index can count.
    #[error("task `{task}` names {labels} labels, the limit is 4294967295")]
    TooManyLabels {
        /// The task.
        task: String,
        /// How many it names.
        labels: usize,
    },
    /// The same label twice.
    #[error("task `{task}` names the label `{label}` twice")]
    DuplicateLabel {
        /// The task.
        task: String,
        /// The label that occurs twice.
        label: String,
    },
}

impl ModelSchema {
    /// Reads `tasks.json`: `{"<task>": {"kind": …, "labels": […]}}`. `dim` is the embedding width.
    ///
    /// # Errors
    /// [`SchemaError`] when the text is not that object or a task is unusable.
    pub fn from_json(text: &str, dim: usize) -> Result<Self, SchemaError> {
        Self::new(serde_json::from_str(text)?, dim)
    }

    /// A schema from its parts.
    ///
    /// # Errors
    /// [`SchemaError`] when there is no task or a task is unusable.
    pub fn new(tasks: BTreeMap<String, TaskSpec>, dim: usize) -> Result<Self, SchemaError> {
        if tasks.is_empty() {
            return Err(SchemaError::Empty);
        }
        if tasks.len() > usize::from(u16::MAX) {
            return Err(SchemaError::TooMany(tasks.len()));
        }
        let mut by_label = Vec::with_capacity(tasks.len());
        for (name, spec) in &tasks {
            if spec.kind != TaskKind::Regression && spec.labels.is_empty() {
                return Err(SchemaError::NoLabels(name.clone()));
            }
            let order = sorted_indices(&spec.labels).ok_or_else(|| SchemaError::TooManyLabels {
                task: name.clone(),
                labels: spec.labels.len(),
            })?;
            let label = |i: u32| &spec.labels[i as usize];
            if let Some(twice) = order.windows(2).find(|pair| label(pair[0]) == label(pair[1])) {
                let label = label(twice[0]).clone();
                return Err(SchemaError::DuplicateLabel {
                    task: name.clone(),
                    label,
                });
            }
            by_label.push(order);
        }
        let (names, specs) = tasks.into_iter().unzip();
        Ok(Self {
            names,
            specs,
            by_label,
            dim,
            encoder: EncoderTerms::default(),
        })
    }

    /// The same, with what is known of the encoder.
    #[must_use]
    pub fn with_encoder(self, encoder: EncoderTerms) -> Self {
        Self { encoder, ..self }
    }

    /// What is known of the encoder.
    #[must_use]
    pub fn encoder(&self) -> &EncoderTerms {
        &self.encoder
    }

    /// Embedding width, in components.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of tasks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never true: a schema has at least one task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The task of that name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<TaskId> {
        let at = self.names.binary_search_by(|n| n.as_str().cmp(name)).ok()?;
        u16::try_from(at).ok().map(TaskId)
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self, task: TaskId) -> &str {
        &self.names[task.index()]
    }

    /// The task's kind and labels.
    #[must_use]
    pub fn spec(&self, task: TaskId) -> &TaskSpec {
        &self.specs[task.index()]
    }

    /// All tasks in order.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..u16::try_from(self.names.len()).unwrap_or(u16::MAX)).map(TaskId)
    }

    /// The index of a label within its task. Logarithmic in the number of labels, no allocation.
    #[must_use]
    pub fn label_index(&self, task: TaskId, label: &str) -> Option<u32> {
        let labels = &self.specs[task.index()].labels;
        let order = &self.by_label[task.index()];
        let at = order
            .binary_search_by(|&i| labels[i as usize].as_str().cmp(label))
            .ok()?;
        Some(order[at])
    }
}

/// The indices of `labels` in the order of their names; none when there are too many to count.
fn sorted_indices(labels: &[String]) -> Option<Vec<u32>> {
    let mut order: Vec<u32> = (0..u32::try_from(labels.len()).ok()?).collect();
    order.sort_unstable_by(|&a, &b| labels[a as usize].cmp(&labels[b as usize]));
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_index_follows_the_order_of_tasks_json() {
        let schema = ModelSchema::from_json(
            r#"{"b": {"kind": "classification", "labels": ["z", "a", "m"]}, "a": {"kind": "regression"}}"#,
            2,
        )
        .unwrap();
        let b = schema.task("b").unwrap();
        assert_eq!(schema.name(TaskId(0)), "a");
        assert_eq!(
            ["z", "a", "m", "q"].map(|l| schema.label_index(b, l)),
            [Some(0), Some(1), Some(2), None]
        );
    }

    #[test]
    fn unusable_tasks_are_named() {
        let error = |text: &str| ModelSchema::from_json(text, 2).unwrap_err().to_string();
        assert_eq!(error("{}"), "tasks.json names no task");
        assert_eq!(error("[]"), "tasks.json is not an object of tasks");
        assert_eq!(
            error(r#"{"t": {"kind": "classification"}}"#),
            "task `t` needs labels"
        );
        assert_eq!(
            error(r#"{"t": {"kind": "classification", "labels": ["x", "y", "x"]}}"#),
            "task `t` names the label `x` twice"
        );
    }
}
