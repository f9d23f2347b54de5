//! A work set: its header, and its rows in the order in which they are to be labelled.

use bellwether_monitor::{Known, Verdict, WorkMaterial};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the meaning of header and columns.
pub const FORMAT_VERSION: u32 = 1;

/// What to do about one alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkSet {
    /// What it is for, and what was found.
    pub header: Header,
    /// Those to label by rank, then what has a label already, oldest first.
    pub rows: Vec<SetRow>,
    /// Unit vectors, `[rows, dim]`, row-major.
    pub vectors: Vec<f32>,
}

/// What a set is for, and what was found. Numbers that cannot be told are `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT_VERSION`] of the writer.
    pub format: u32,
    /// Name of the set: time, task, verdict and revision.
    pub id: String,
    /// The task, or `null` where a fault is common to the tasks.
    pub task: Option<String>,
    /// `retrain`, `continual_update` or `new_task`.
    pub verdict: Verdict,
    /// Event time of the line that said so, milliseconds since the epoch.
    pub said_ms: i64,
    /// When what is said began, milliseconds since the epoch.
    pub since_ms: i64,
    /// Event time at which the observations were taken, milliseconds since the epoch.
    pub taken_ms: i64,
    /// 0 with the alarm; one more each time the material has doubled.
    pub revision: u32,
    /// Whether a shift common to the tasks stands.
    pub shared_encoder: bool,
    /// The sentence of the line.
    pub summary: String,
    /// Identity of the reference.
    pub reference: String,
    /// Mean cosine of two observations of one class in the reference.
    pub class_cosine: f64,
    /// Embedding width.
    pub dim: usize,
    /// Observations that may be labelled.
    pub budget: usize,
    /// What is kept of texts.
    pub texts: TextForm,
    /// Event time of the oldest observation of whose text something is kept, milliseconds since the epoch.
    pub oldest_text_ms: Option<i64>,
    /// The model's other tasks.
    pub tasks: Vec<Affected>,
    /// What the novel observations fall into, the largest first.
    pub groups: Vec<Group>,
}

/// How another task stands to the one that is to be trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// Its name.
    pub task: String,
    /// What stands for it.
    pub verdict: Verdict,
    /// Whether its inputs have moved as well.
    pub moved: bool,
    /// Cosine of the two tasks' drift, where both have moved.
    pub drift_cosine: Option<f64>,
    /// Cosine of the two tasks' novel groups, where both have one.
    pub novelty_cosine: Option<f64>,
    /// How near its inputs lie in the reference, from 0 to 1.
    pub coupling: f64,
}

/// A proposed class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its number, from 0: the column `group` of its rows.
    pub group: u32,
    /// Observations, near-duplicates and what is labelled already included.
    pub size: u32,
    /// Mean of its rows' novelty, from 0 to 1.
    pub novelty: f64,
    /// Event ids of its most central observations.
    pub examples: Vec<String>,
    /// Their texts, where they may be kept and read.
    pub texts: Vec<String>,
    /// Words that set it apart from the rest, the strongest first; where texts may be kept and read.
    pub words: Vec<Word>,
}

/// A word and how much it sets a group apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word, in lower case.
    pub word: String,
    /// Observations of the group that have it.
    pub count: u32,
    /// Log-odds over their standard error: a z-score.
    pub z: f64,
}

/// What is kept of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextForm {
    /// Nothing.
    #[default]
    None,
    /// A keyed hash: equal texts can be counted, and none be read.
    Hashed,
    /// The text with patterns of personal data replaced.
    Redacted,
    /// The text.
    Plain,
}

impl TextForm {
    /// Whether a person can read what is kept.
    #[must_use]
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Redacted | Self::Plain)
    }
}

/// Why an observation is to be labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is likely to be of what the reference does not have.
    Novel,
    /// The head did not know what to say.
    Uncertain,
    /// Many observations are like it.
    Representative,
}

impl Reason {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Novel => "novel",
            Self::Uncertain => "uncertain",
            Self::Representative => "representative",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An observation of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRow {
    /// Its place among those to label, from 1; `None` where it has a label already.
    pub rank: Option<u32>,
    /// Why it has that place; `None` where it has a label already.
    pub reason: Option<Reason>,
    /// How likely it is to be of what the reference does not have, from 0 to 1.
    pub novelty: f64,
    /// The proposed class.
    pub group: Option<u32>,
    /// Observations it stands for, itself included: near-duplicates are left out.
    pub copies: u32,
    /// The observation.
    pub observation: bellwether_monitor::WorkRow,
}

impl WorkSet {
    /// The material it was made of, as far as it is in it: near-duplicates are gone.
    #[must_use]
    pub fn into_material(self) -> (WorkMaterial, Vec<u32>) {
        let header = self.header;
        let copies = self.rows.iter().map(|row| row.copies).collect();
        let material = WorkMaterial {
            reference: header.reference,
            task: header.task,
            verdict: header.verdict,
            said_ms: header.said_ms,
            since_ms: header.since_ms,
            taken_ms: header.taken_ms,
            revision: header.revision,
            shared_encoder: header.shared_encoder,
            summary: header.summary,
            tasks: header.tasks.into_iter().map(Affected::into_material).collect(),
            class_cosine: header.class_cosine,
            dim: header.dim,
            rows: self.rows.into_iter().map(|row| row.observation).collect(),
            vectors: self.vectors,
        };
        (material, copies)
    }

    /// The observations to label, in order, as many as the budget has.
    pub fn chosen(&self) -> impl Iterator<Item = &SetRow> {
        let budget = u32::try_from(self.header.budget).unwrap_or(u32::MAX);
        self.rows
            .iter()
            .take_while(move |row| row.rank.is_some_and(|rank| rank <= budget))
    }

    /// Takes out what was kept of texts of observations from before that time, and what was made of them: the words and example
    /// texts of their groups.
    pub fn forget_texts_before(&mut self, before_ms: i64) {
        for row in &mut self.rows {
            if row.observation.timestamp_ms >= before_ms || row.observation.text.take().is_none() {
                continue;
            }
            let group = row.group.and_then(|group| usize::try_from(group).ok());
            if let Some(group) = group.and_then(|group| self.header.groups.get_mut(group)) {
                group.texts.clear();
                group.words.clear();
            }
        }
        self.header.oldest_text_ms = oldest_text_ms(&self.rows);
    }
}

impl Affected {
    pub(crate) fn of(task: &bellwether_monitor::AffectedTask) -> Self {
        let number = |x: f64| x.is_finite().then_some(x);
        Self {
            task: task.task.clone(),
            verdict: task.verdict,
            moved: task.moved,
            drift_cosine: number(task.drift_cosine),
            novelty_cosine: number(task.novelty_cosine),
            coupling: task.coupling,
        }
    }

    fn into_material(self) -> bellwether_monitor::AffectedTask {
        bellwether_monitor::AffectedTask {
            task: self.task,
            verdict: self.verdict,
            moved: self.moved,
            drift_cosine: self.drift_cosine.unwrap_or(f64::NAN),
            novelty_cosine: self.novelty_cosine.unwrap_or(f64::NAN),
            coupling: self.coupling,
        }
    }
}

pub(crate) fn oldest_text_ms(rows: &[SetRow]) -> Option<i64> {
    let with_text = rows.iter().filter(|row| row.observation.text.is_some());
    with_text.map(|row| row.observation.timestamp_ms).min()
}

/// As it is written.
#[must_use]
pub fn known_as_str(known: Known) -> &'static str {
    match known {
        Known::No => "no",
        Known::InScope => "in_scope",
        Known::OutOfScope => "out_of_scope",
    }
}

/// What was written.
#[must_use]
pub fn known_of_str(text: &str) -> Option<Known> {
    [Known::No, Known::InScope, Known::OutOfScope]
        .into_iter()
        .find(|known| known_as_str(*known) == text)
}

/// Name of a set, which is that of its file: the line's time, task and verdict, and the revision. Characters of the task that
/// are not letters, digits, `-` or `_` are written as `~` and two hexadecimal digits for each byte.
#[must_use]
pub fn set_id(material: &WorkMaterial) -> String {
    let time: String = bellwether_monitor::rfc3339(material.said_ms)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let task = match &material.task {
        Some(task) => format!("task.{}", escaped(task)),
        None => "model".to_owned(),
    };
    format!(
        "{time}.{task}.{}.r{}",
        material.verdict.as_str(),
        material.revision
    )
}

fn escaped(task: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(task.len());
    for byte in task.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "~{byte:02x}");
        }
    }
    out
}
