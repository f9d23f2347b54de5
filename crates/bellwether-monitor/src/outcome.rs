//! One prediction against its label.

use crate::quality::{Facts, StoredProbabilities};
use bellwether_events::{ModelSchema, Prediction, TaskId, TaskKind, TaskSpec};
use bellwether_stats::{SpanCounts, TagScheme, span_counts, token_counts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A tag that the task's labels do not name; equal to nothing, also not to itself in comparisons of outcome.
const UNKNOWN_TAG: u16 = u16::MAX;

/// How a prediction turned out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// Classes; `truth` is `None` when the label is outside the label set.
    Class { predicted: u32, truth: Option<u32> },
    /// Tag sequences: whether all tags agree, and the spans.
    Tags { exact: bool, spans: SpanCounts },
    /// Numbers.
    Number { absolute_error: f64 },
    /// The label cannot be read for this task: it counts as a label, not as an outcome.
    Unreadable,
}

impl Outcome {
    /// 0 or 1 for classes and tag sequences, the absolute error for numbers, NaN when unreadable.
    pub(crate) fn loss(&self) -> f64 {
        match *self {
            Self::Class { predicted, truth } => f64::from(u8::from(truth != Some(predicted))),
            Self::Tags { exact, .. } => f64::from(u8::from(!exact)),
            Self::Number { absolute_error } => absolute_error,
            Self::Unreadable => f64::NAN,
        }
    }

    /// Whether a task of so many classes can have it.
    pub(crate) fn fits(&self, classes: usize) -> bool {
        match *self {
            Self::Class { predicted, truth } => {
                let known = |class: u32| (class as usize) < classes;
                known(predicted) && truth.is_none_or(known)
            }
            _ => true,
        }
    }

    /// Whether the label names something outside the task's label set.
    pub(crate) fn is_unknown_label(&self) -> bool {
        matches!(self, Self::Class { truth: None, .. })
    }
}

/// Tags of a sequence-labelling task by name.
#[derive(Debug, Clone)]
pub(crate) struct TagIndex {
    by_name: BTreeMap<String, u16>,
    scheme: TagScheme,
}

impl TagIndex {
    pub(crate) fn new(spec: &TaskSpec) -> Self {
        let labels: &[String] = if spec.kind == TaskKind::SequenceLabelling {
            &spec.labels
        } else {
            &[]
        };
        let by_name = labels.iter().cloned().zip(0..).collect();
        Self {
            by_name,
            scheme: TagScheme::new(labels),
        }
    }

    /// Writes the indices of space-separated tags to `out`.
    pub(crate) fn parse(&self, tags: &str, out: &mut Vec<u16>) {
        out.clear();
        out.extend(
            tags.split_whitespace()
                .map(|t| self.by_name.get(t).copied().unwrap_or(UNKNOWN_TAG)),
        );
    }
}

/// A finite number as labels and predictions write it.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

/// Compares a prediction, given with this confidence and distribution, with its label; `None` when the label cannot be
/// read for this task.
pub(crate) fn facts(
    schema: &ModelSchema,
    task: TaskId,
    tags: &TagIndex,
    prediction: Prediction<'_>,
    label: &str,
    confidence: f32,
    probabilities: Option<StoredProbabilities>,
) -> Option<Facts> {
    match prediction {
        Prediction::Class(predicted) => Some(Facts::Class {
            predicted,
            truth: schema.label_index(task, label),
            confidence,
            probabilities,
        }),
        Prediction::Tags(predicted) => {
            let (mut p, mut t) = (Vec::new(), Vec::new());
            tags.parse(predicted, &mut p);
            tags.parse(label, &mut t);
            let mut tokens = token_counts(&p, &t);
            // An unknown tag is equal to nothing, also not to another unknown one.
            let unknown = p
                .iter()
                .zip(&t)
                .filter(|(p, t)| p == t && **t == UNKNOWN_TAG)
                .count();
            tokens.right -= u32::try_from(unknown).unwrap_or(tokens.right).min(tokens.right);
            Some(Facts::Tags {
                exact: p == t && !t.contains(&UNKNOWN_TAG),
                tokens,
                spans: span_counts(&tags.scheme, &p, &t),
                confidence,
            })
        }
        Prediction::Value(predicted) => parse_number(label).map(|truth| Facts::Number { predicted, truth }),
    }
}
