//! The tasks of a sample, their kinds, and the labels seen.

use super::roles::{Roles, text_of};
use bellwether_store::{Cell, Sample};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Whole numbers of more different values than this are amounts, not classes.
const MOST_NUMBERED_CLASSES: usize = 30;
/// Labels that are counted of a task.
const MOST_LABELS: usize = 10_000;

/// What was seen of a task.
#[derive(Debug, Default)]
pub(super) struct SeenTask {
    pub(super) rows: usize,
    /// In how many rows a class was predicted or was the truth.
    pub(super) labels: BTreeMap<String, usize>,
    /// The order that probabilities by name came in.
    named: Vec<String>,
    /// How many probabilities a row has, where all have as many.
    pub(super) probabilities: BTreeSet<usize>,
}

/// How a task answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Classification,
    SequenceLabelling,
    Regression,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::SequenceLabelling => "sequence_labelling",
            Self::Regression => "regression",
        }
    }
}

impl SeenTask {
    pub(super) fn kind(&self) -> Kind {
        let all = |is: fn(&str) -> bool| !self.labels.is_empty() && self.labels.keys().all(|label| is(label));
        let is_number = |label: &str| label.parse::<f64>().is_ok_and(f64::is_finite);
        let is_whole = |label: &str| label.parse::<i64>().is_ok();
        if self.named.is_empty()
            && all(is_number)
            && (!all(is_whole) || self.labels.len() > MOST_NUMBERED_CLASSES)
        {
            return Kind::Regression;
        }
        let is_tag = |tag: &str| {
            tag == "O"
                || (tag.len() > 2
                    && tag.is_char_boundary(2)
                    && matches!(&tag[..2], "B-" | "I-" | "L-" | "U-" | "E-" | "S-"))
        };
        let tags = |label: &str| !label.is_empty() && label.split(' ').all(is_tag);
        if self.labels.keys().any(|label| label.contains(' ')) && self.labels.keys().all(|label| tags(label))
        {
            return Kind::SequenceLabelling;
        }
        Kind::Classification
    }

    /// The labels in the order in which probabilities name them, else of the alphabet.
    pub(super) fn names(&self) -> Vec<String> {
        match self.kind() {
            Kind::Regression => Vec::new(),
            Kind::SequenceLabelling => {
                let tags = self.labels.keys().flat_map(|label| label.split(' '));
                let tags: BTreeSet<&str> = tags.collect();
                tags.into_iter().map(str::to_owned).collect()
            }
            Kind::Classification => {
                let unnamed = self.labels.keys().filter(|label| !self.named.contains(label));
                self.named.iter().chain(unnamed).cloned().collect()
            }
        }
    }
}

/// The tasks of the rows; where no column names them, all are of `only`.
pub(super) fn tasks(
    sample: &Sample,
    roles: &Roles,
    only: &str,
    labels: Option<(&Sample, &Roles)>,
) -> BTreeMap<String, SeenTask> {
    let mut tasks: BTreeMap<String, SeenTask> = BTreeMap::new();
    let mut task_of: HashMap<String, String> = HashMap::new();
    for row in &sample.rows {
        let get = |column: &Option<super::roles::Column>| {
            let at = column.as_ref()?.at;
            row.iter().find(|(place, _)| *place == at).map(|(_, cell)| cell)
        };
        let text = |column| get(column).and_then(text_of);
        let name = match &roles.task {
            Some(_) => text(&roles.task),
            None => Some(only.to_owned()),
        };
        let Some(name) = name else { continue };
        if labels.is_some()
            && let Some(event) = text(&roles.event_id)
        {
            task_of.insert(event, name.clone());
        }
        let task = tasks.entry(name).or_default();
        task.rows += 1;
        for label in [text(&roles.prediction), text(&roles.truth)]
            .into_iter()
            .flatten()
        {
            count(task, label);
        }
        match get(&roles.probabilities) {
            Some(Cell::NumberMap(names)) => {
                for name in names {
                    if task.named.len() < MOST_LABELS && !task.named.contains(name) {
                        task.named.push(name.clone());
                    }
                }
            }
            Some(Cell::Numbers(width)) => {
                task.probabilities.insert(*width);
            }
            _ => {}
        }
    }
    if let Some((sample, roles)) = labels {
        for row in &sample.rows {
            let text = |column: &Option<super::roles::Column>| {
                let at = column.as_ref()?.at;
                row.iter()
                    .find(|(place, _)| *place == at)
                    .and_then(|(_, cell)| text_of(cell))
            };
            let of_event = text(&roles.event_id).and_then(|event| task_of.get(&event));
            if let (Some(task), Some(label)) =
                (of_event.and_then(|name| tasks.get_mut(name)), text(&roles.truth))
            {
                count(task, label);
            }
        }
    }
    tasks
}

fn count(task: &mut SeenTask, label: String) {
    if task.labels.len() < MOST_LABELS || task.labels.contains_key(&label) {
        *task.labels.entry(label).or_default() += 1;
    }
}

/// The file of the tasks.
pub(super) fn document(tasks: &BTreeMap<String, SeenTask>) -> String {
    let all: serde_json::Map<String, Value> = tasks
        .iter()
        .map(|(name, task)| {
            let kind = task.kind();
            let mut spec = json!({"kind": kind.as_str()});
            if kind != Kind::Regression {
                spec["labels"] = json!(task.names());
            }
            (name.clone(), spec)
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&Value::Object(all)).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(labels: &[&str]) -> SeenTask {
        let mut task = SeenTask::default();
        for label in labels {
            count(&mut task, (*label).to_owned());
        }
        task
    }

    #[test]
    fn kinds_are_told_by_the_answers() {
        for (labels, kind) in [
            (&["a", "b"][..], Kind::Classification),
            (&["0", "1"], Kind::Classification),
            (&["0.5", "1"], Kind::Regression),
            (&["O B-city", "O"], Kind::SequenceLabelling),
            (&["O", "B-city"], Kind::Classification),
            (&[], Kind::Classification),
        ] {
            assert_eq!(seen(labels).kind(), kind, "{labels:?}");
        }
        let many: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(seen(&many).kind(), Kind::Regression);
        assert_eq!(seen(&["O B-city", "O I-x"]).names(), ["B-city", "I-x", "O"]);
    }
}
