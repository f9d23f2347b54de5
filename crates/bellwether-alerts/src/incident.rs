//! What a person is called for: one incident a cause, from its first sign to its end.

use bellwether_monitor::{TimelineLine, Verdict};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::{self, Write};

/// What is the matter. While it lasts there is one incident of it, whatever number of tasks it concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "task")]
pub enum Cause {
    /// A shift that is common to the tasks: the encoder, or what feeds it.
    SharedEncoder,
    /// A capability that no head covers, whichever tasks its requests are sent to.
    NewTask,
    /// Observations of another encoder than the reference's arrive.
    OtherEncoder,
    /// The business of this one task.
    Task(String),
}

impl Cause {
    /// The task, where it is the business of one.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::Task(task) => Some(task),
            Self::SharedEncoder | Self::NewTask | Self::OtherEncoder => None,
        }
    }
}

/// How urgent an incident is, in the words of the alert rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be looked at some time.
    Info,
    /// A ticket.
    Warning,
    /// A page.
    Critical,
}

impl Severity {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an incident asks for: a verdict that is none of `unknown` and `healthy`, or a common shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// The inputs of a task moved while quality holds.
    Watch,
    /// A task needs joint re-training.
    Retrain,
    /// A task's head needs classes that it does not have.
    ContinualUpdate,
    /// Requests arrive that no head covers.
    NewTask,
    /// Another encoder arrives, of which there is no reference.
    OtherEncoder,
    /// The encoder or what feeds it has changed.
    SharedEncoder,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Watch,
        Self::Retrain,
        Self::ContinualUpdate,
        Self::NewTask,
        Self::OtherEncoder,
        Self::SharedEncoder,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Retrain => "retrain",
            Self::ContinualUpdate => "continual_update",
            Self::NewTask => "new_task",
            Self::OtherEncoder => "other_encoder",
            Self::SharedEncoder => "shared_encoder",
        }
    }

    /// How urgent it is; as in the alert rules.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Watch => Severity::Info,
            Self::Retrain | Self::ContinualUpdate | Self::NewTask | Self::OtherEncoder => Severity::Warning,
            Self::SharedEncoder => Severity::Critical,
        }
    }

    /// The name of the alert, the same as that of the alert rule.
    #[must_use]
    pub fn alert_name(self) -> &'static str {
        match self {
            Self::Watch => "BellwetherWatch",
            Self::Retrain => "BellwetherRetrain",
            Self::ContinualUpdate => "BellwetherContinualUpdate",
            Self::NewTask => "BellwetherNewTask",
            Self::OtherEncoder => "BellwetherOtherEncoder",
            Self::SharedEncoder => "BellwetherSharedEncoder",
        }
    }

    /// The page that says what to do.
    #[must_use]
    pub fn runbook(self) -> &'static str {
        match self {
            Self::Watch => "watch.md",
            Self::Retrain => "retrain.md",
            Self::ContinualUpdate => "continual-update.md",
            Self::NewTask => "new-task.md",
            Self::OtherEncoder => "other-encoder.md",
            Self::SharedEncoder => "shared-encoder.md",
        }
    }

    /// What a verdict of a task calls for.
    pub(crate) fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Unknown | Verdict::Healthy => None,
            Verdict::Watch => Some(Self::Watch),
            Verdict::Retrain => Some(Self::Retrain),
            Verdict::ContinualUpdate => Some(Self::ContinualUpdate),
            Verdict::NewTask => Some(Self::NewTask),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an incident came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how", content = "incident")]
pub enum End {
    /// What was the matter is over.
    Recovered,
    /// It is part of a wider incident, whose key this is.
    PartOf(String),
}

/// One incident, as it stands after so many changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The same from the first notice to the last, also after a restart, and the same again in a replay.
    pub key: String,
    /// What is the matter.
    pub cause: Cause,
    /// Number of its changes, from 1.
    pub revision: u32,
    /// What it asks for now, or asked for last.
    pub call: Call,
    /// All that it has asked for.
    pub called: BTreeSet<Call>,
    /// The tasks that it concerns.
    pub tasks: BTreeSet<String>,
    /// Event time of the line that opened it, RFC 3339.
    pub opened: String,
    /// Event time of its last change.
    pub changed: String,
    /// How it ended; `None` while it stands.
    pub end: Option<End>,
    /// What was said with its last change.
    pub said: Said,
}

/// A change of state, as much of it as an incident needs, with all of it as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Event time, RFC 3339.
    pub timestamp: String,
    /// Event time at which what is said began.
    pub since: String,
    /// The verdict of the task or of the model.
    pub verdict: Option<Verdict>,
    /// Whether a common shift stood.
    pub shared_encoder: bool,
    /// From 0 to 1.
    pub confidence: f64,
    /// One sentence.
    pub summary: String,
    /// The line of the timeline, byte for byte.
    pub line: String,
}

impl Said {
    pub(crate) fn by(line: &TimelineLine) -> Self {
        Self {
            timestamp: line.timestamp.clone(),
            since: line.since.clone(),
            verdict: line.verdict,
            shared_encoder: line.shared_encoder,
            confidence: line.confidence,
            summary: line.summary.clone(),
            line: serde_json::to_string(line).expect("a line is made of texts and numbers"),
        }
    }
}

impl Incident {
    /// The incident that opens at an event time.
    pub(crate) fn open(
        source: &str,
        cause: Cause,
        call: Call,
        tasks: BTreeSet<String>,
        now: &str,
        said: Said,
    ) -> Self {
        Self {
            key: key(source, &cause, now),
            cause,
            revision: 1,
            call,
            called: BTreeSet::from([call]),
            tasks,
            opened: now.to_owned(),
            changed: now.to_owned(),
            end: None,
            said,
        }
    }

    /// Whether it stands.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.end.is_none()
    }

    /// How urgent it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.call.severity()
    }

    /// One sentence, the tasks included.
    #[must_use]
    pub fn title(&self) -> String {
        let tasks = listed(&self.tasks);
        let what = match self.call {
            Call::Watch => format!("{tasks}: inputs moved, quality holds"),
            Call::Retrain => format!("{tasks} needs re-training"),
            Call::ContinualUpdate => format!("{tasks} receives classes it does not know"),
            Call::NewTask => format!("A new task has arrived, seen in {tasks}"),
            Call::OtherEncoder => {
                "Events of an encoder without a reference arrive and are not judged".to_owned()
            }
            Call::SharedEncoder if self.tasks.is_empty() => "A shift is common to the tasks".to_owned(),
            Call::SharedEncoder => format!("A shift is common to the tasks: {tasks}"),
        };
        match &self.end {
            None => what,
            Some(End::Recovered) => format!("Over: {what}"),
            Some(End::PartOf(_)) => format!("Part of a wider incident: {what}"),
        }
    }
}

/// Names in order, the first few of many.
fn listed(tasks: &BTreeSet<String>) -> String {
    const MOST: usize = 8;
    let first: Vec<&str> = tasks.iter().take(MOST).map(String::as_str).collect();
    let first = first.join(", ");
    match tasks.len().saturating_sub(MOST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Of the monitor, the cause and when it began: two monitors of one model say the same, those of two models do not.
fn key(source: &str, cause: &Cause, opened: &str) -> String {
    let kind = match cause {
        Cause::SharedEncoder => "shared_encoder",
        Cause::NewTask => "new_task",
        Cause::OtherEncoder => "other_encoder",
        Cause::Task(_) => "task",
    };
    let parts = [source, kind, cause.task().unwrap_or_default(), opened];
    format!("bw-{}", digest(&parts))
}

/// 24 hexadecimal digits of texts, each told from its neighbours.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = String::with_capacity(24);
    for byte in &hash.finalize()[..12] {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}
