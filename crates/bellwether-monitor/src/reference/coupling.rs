//! Which other tasks live nearby in embedding space?
//!
//! A joint re-training moves the encoder under all tasks. It moves those most whose inputs lie where the re-trained task's
//! do: they are the ones to test before it goes out.

use bellwether_events::ModelSchema;
use std::collections::BTreeMap;
use std::ops::Range;

/// By task and other task: the mean similarity of the other's inputs to the task's, over that of the task's own. 1 where the
/// other's inputs are as near as the task's own; about 0 where the encoder keeps them apart. `similarities` is `[rows, tasks]`.
pub(super) fn coupling(
    similarities: &[f32],
    schema: &ModelSchema,
    ranges: &[Range<usize>],
) -> BTreeMap<String, BTreeMap<String, f64>> {
    let tasks = schema.len();
    let mean = |of: usize, to: usize| {
        let range = &ranges[of];
        let sum: f64 = range
            .clone()
            .map(|row| f64::from(similarities[row * tasks + to]))
            .sum();
        sum / range.len() as f64
    };
    let row = |to: usize| -> BTreeMap<String, f64> {
        let own = mean(to, to).max(1e-9);
        let others = schema.tasks().filter(|o| o.index() != to);
        others
            .map(|other| {
                let ratio = (mean(other.index(), to) / own).clamp(0.0, 1.0);
                (schema.name(other).to_owned(), ratio)
            })
            .collect()
    };
    schema
        .tasks()
        .map(|task| (schema.name(task).to_owned(), row(task.index())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_events::{TaskKind, TaskSpec};

    #[test]
    fn neighbours_are_coupled_and_strangers_are_not() {
        let spec = || TaskSpec {
            kind: TaskKind::Regression,
            labels: Vec::new(),
        };
        let names = ["a", "b", "c"].map(|n| (n.to_owned(), spec()));
        let schema = ModelSchema::new(BTreeMap::from(names), 2).expect("a sound schema");
        // Two rows a task: a and b lie near each other, c alone.
        let similarities = [
            0.8, 0.6, -0.1, 0.8, 0.6, 0.1, //
            0.4, 0.5, 0.0, 0.6, 0.7, 0.0, //
            0.0, 0.1, 0.9, 0.0, -0.1, 0.9,
        ];
        let found = coupling(&similarities, &schema, &[0..2, 2..4, 4..6]);
        let close = |task: &str, other: &str, wanted: f64| {
            assert!(
                (found[task][other] - wanted).abs() < 1e-6,
                "{task} {other}: {found:?}"
            );
        };
        close("a", "b", 0.625);
        close("b", "a", 1.0);
        close("a", "c", 0.0);
        assert!(!found["a"].contains_key("a"));
    }
}
