//! The configuration as text, with what was found and what is to be decided beside each key.

use super::roles::{Column, Roles, Times};
use super::tasks::{Kind, SeenTask};
use super::{Labels, Looked};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Labels of a task that are listed with their counts.
const LISTED_LABELS: usize = 12;
/// Proposed attributes.
const MOST_SLICES: usize = 5;

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A text that goes into a comment.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[derive(Debug, Default)]
pub(super) struct Text {
    out: String,
    /// What the user has to decide.
    pub(super) decide: Vec<String>,
}

impl Text {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn decide(&mut self, what: &str) {
        self.line(&format!("# DECIDE: {what}"));
        self.decide.push(what.to_owned());
    }

    fn key(&mut self, key: &str, value: &str, comment: &str) {
        let written = format!("{key} = {}", quoted(value));
        self.line(&if comment.is_empty() {
            written
        } else {
            format!("{written:<44} # {comment}")
        });
    }

    pub(super) fn into_string(self) -> String {
        self.out
    }
}

/// Of a part of the contract: how it is written, and in how many rows it was seen.
fn seen(column: &Column, rows: usize, more: &str) -> String {
    let more = if more.is_empty() {
        String::new()
    } else {
        format!("; {more}")
    };
    format!("in {} of {rows} rows{more}", column.present)
}

pub(super) fn configuration(looked: &Looked, tasks: &BTreeMap<String, SeenTask>) -> Text {
    let mut text = Text::default();
    let rows = looked.sample.rows.len();
    text.line(&format!(
        "# Written by `bellwether init` from {}, of which {rows} rows were looked at.",
        shown(&looked.source)
    ));
    text.line("# Lines with DECIDE want your knowledge; docs/CONFIG.md has every other key.");
    text.line("");
    text.line("# What is normal. It does not exist yet; `bellwether reference build` writes it:");
    text.line(&format!("#   {}", shown(&looked.next.join("\n#   "))));
    text.key("reference", "model.ref", "");
    text.line("");
    kafka(&mut text, looked);
    observations(&mut text, looked, rows);
    labels(&mut text, looked);
    if looked.format == Some("confluent") {
        text.line("");
        text.line("[payloads.registry]");
        text.decide("the address of the schema registry that the records name");
        text.key("url", "http://localhost:8081", "");
    }
    text.line("");
    tasks_seen(&mut text, looked, tasks);
    text
}

fn kafka(text: &mut Text, looked: &Looked) {
    text.line("[kafka]");
    if looked.brokers.is_none() {
        text.decide("the brokers and topics of your traffic; a file does not tell them");
    }
    text.key(
        "brokers",
        looked.brokers.as_deref().unwrap_or("127.0.0.1:9092"),
        "",
    );
    text.key(
        "observations_topic",
        looked.topic.as_deref().unwrap_or("predictions"),
        "",
    );
    match (&looked.labels_topic, looked.topic.is_some()) {
        (Some(topic), _) => text.key("labels_topic", topic, ""),
        (None, false) => text.key("labels_topic", "labels", ""),
        (None, true) => text.decide("labels_topic = \"labels\": without labels quality is only estimated"),
    }
    text.line(
        "# Records that cannot be used are kept there with the reason; without it they are only counted.",
    );
    text.line("# dead_letter_topic = \"bellwether-dead-letters\"");
    if !looked.properties.is_empty() {
        text.line("");
        text.line("[kafka.properties]");
        for (key, value) in &looked.properties {
            text.line(&format!("{} = {}", quoted(key), quoted(value)));
        }
    }
}

fn observations(text: &mut Text, looked: &Looked, rows: usize) {
    let roles = &looked.roles;
    let unit = match roles.times() {
        Some(Times::Numbers(unit)) if unit != "ms" => Some(unit),
        _ => None,
    };
    text.line("");
    text.line("[payloads.observations]");
    match looked.format {
        Some(format) => text.key("format", format, &looked.formats),
        None => text.line("# format = \"auto\": each record says by its headers or first bytes what it is"),
    }
    // Of the contract's names, and of formats that have places of their own, nothing is said.
    let is_mapped = !matches!(looked.format, Some("arrow" | "protobuf" | "kserve" | "confluent"));
    if !is_mapped {
        if matches!(looked.format, Some("kserve" | "confluent")) {
            text.decide("records of this format were not looked into: docs/PAYLOADS.md says where their fields are looked for and how to map them");
        }
        return;
    }
    if let Some(unit) = unit {
        text.key("timestamp_unit", unit, "by the size of the numbers");
    }
    text.line("");
    text.line("[payloads.observations.fields]");
    required(text, "event_id", roles.event_id.as_ref(), rows, |text| {
        if looked.keys_are_unique {
            text.key("event_id", "kafka:key", "every record has a key of its own");
        } else {
            text.decide("event_id: no column differs in every row; labels find their observation by it");
        }
    });
    required(text, "task", roles.task.as_ref(), rows, |text| {
        text.decide(&format!(
            "no column names the task, so all are of `{}`; rename it here and in {}",
            shown(&looked.only_task),
            looked.tasks_file
        ));
        text.key("task", &format!("constant:{}", looked.only_task), "");
    });
    required(text, "timestamp", roles.timestamp.as_ref(), rows, |text| {
        if looked.topic.is_some() {
            text.key("timestamp", "kafka:timestamp", "no field holds a time");
        } else {
            text.decide("timestamp: no column holds times since the epoch or RFC 3339");
        }
    });
    if roles.times() == Some(Times::WithoutOffset) {
        text.decide("the times have no offset: in Parquet they are taken as UTC, in JSON they are refused; write 2026-03-14T15:00:00Z");
    }
    for (name, column) in roles.parts() {
        if let Some(column) = column {
            let width = column
                .width
                .map_or_else(String::new, |width| format!("{width} numbers"));
            text.key(name, &column.place(), &seen(column, rows, &width));
        }
    }
    if roles.prediction.is_none() {
        text.decide("prediction: no column holds what the head said");
    }
    match (&roles.text, &roles.embedding) {
        (None, None) => text.decide("embedding: no column holds vectors, and none holds texts to encode"),
        (Some(_), None) => {
            text.line("# embedding: none was found; `bellwether encode` makes it from the texts of a file, [encoder] from those of a topic");
        }
        _ => {}
    }
    slices(text, roles);
}

fn required(text: &mut Text, name: &str, column: Option<&Column>, rows: usize, without: impl Fn(&mut Text)) {
    match column {
        Some(column) => {
            let more = match column.distinct {
                _ if name == "timestamp" => String::new(),
                1 => "one value".to_owned(),
                _ if !column.is_repeated => "each different".to_owned(),
                distinct => format!("{distinct} different"),
            };
            text.key(name, &column.place(), &seen(column, rows, &more));
        }
        None => without(text),
    }
}

fn slices(text: &mut Text, roles: &Roles) {
    if roles.slices.is_empty() {
        return;
    }
    text.line("");
    text.line(
        "# Columns of few values: each of them as an attribute is watched by itself. DECIDE which matter.",
    );
    text.line("# [payloads.observations.attributes]");
    for column in roles.slices.iter().take(MOST_SLICES) {
        let name = column.path.last().map_or("", String::as_str);
        let key = toml::Value::String(shown(name)).to_string();
        text.line(&format!(
            "# {key} = {}   # {} different",
            quoted(&column.place()),
            column.distinct
        ));
    }
    text.decide
        .push("which columns of few values are attributes (slices)".to_owned());
}

fn labels(text: &mut Text, looked: &Looked) {
    let Some(Labels {
        roles, rows, format, ..
    }) = &looked.labels
    else {
        if let Some(truth) = &looked.roles.truth {
            text.line("");
            text.line("# The observations carry the truth already: a reference is built from it.");
            text.line("[payloads.labels.fields]");
            text.key(
                "label",
                &truth.place(),
                &seen(truth, looked.sample.rows.len(), ""),
            );
        }
        return;
    };
    text.line("");
    text.line("[payloads.labels]");
    if let Some(format) = format {
        text.key("format", format, "");
        if *format != "json" {
            return;
        }
    }
    if let Some(Times::Numbers(unit)) = roles.times()
        && unit != "ms"
    {
        text.key("timestamp_unit", unit, "by the size of the numbers");
    }
    text.line("");
    text.line("[payloads.labels.fields]");
    required(text, "event_id", roles.event_id.as_ref(), *rows, |text| {
        text.decide("event_id of a label: no column names the event");
    });
    required(text, "timestamp", roles.timestamp.as_ref(), *rows, |text| {
        text.decide("timestamp of a label: no column says when it became known");
    });
    // What a reference is built from may have the truth in a column of its own.
    match (&roles.truth, &looked.roles.truth) {
        (Some(label), Some(beside)) => {
            let places = format!("{} | {}", label.place(), beside.place());
            text.key("label", &places, "of labels, and of observations that carry it");
        }
        (Some(column), None) | (None, Some(column)) => {
            text.key("label", &column.place(), &seen(column, *rows, ""));
        }
        (None, None) => text.decide("label: no column holds the truth"),
    }
}

fn tasks_seen(text: &mut Text, looked: &Looked, tasks: &BTreeMap<String, SeenTask>) {
    text.line(&format!(
        "# {} was written beside this file. What was seen:",
        looked.tasks_file
    ));
    for (name, task) in tasks {
        let kind = task.kind();
        let labels = task.names();
        text.line(&format!(
            "#   {}: {}, {} rows",
            shown(name),
            kind.as_str(),
            task.rows
        ));
        if kind == Kind::Regression {
            continue;
        }
        let mut counted: Vec<(&String, usize)> = labels
            .iter()
            .map(|label| (label, task.labels.get(label).copied().unwrap_or(0)))
            .collect();
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut line = String::new();
        for (label, count) in counted.iter().take(LISTED_LABELS) {
            let _infallible = match kind {
                Kind::SequenceLabelling => write!(line, " {}", shown(label)),
                _ => write!(line, " {} ({count})", shown(label)),
            };
        }
        let rest = labels.len().saturating_sub(LISTED_LABELS);
        let rest = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        text.line(&format!("#     {} labels:{line}{rest}", labels.len()));
        if let Some(width) = task.probabilities.first()
            && kind == Kind::Classification
        {
            let differs = if *width == labels.len() {
                String::new()
            } else {
                format!(
                    "; rows have {width} probabilities, and {} labels were seen",
                    labels.len()
                )
            };
            text.decide(&format!(
                "the order of the labels of `{}` in {}: probabilities are a list, in the order of the model's labels{differs}",
                shown(name),
                looked.tasks_file
            ));
        }
    }
    if tasks.is_empty() {
        text.decide(&format!(
            "write the tasks into {}: none could be read from the sample",
            looked.tasks_file
        ));
    } else {
        text.decide(&format!(
            "add to {} the labels that the sample does not show: others are refused",
            looked.tasks_file
        ));
    }
}
