//! Bodies about work sets.

use super::VerdictName;
use crate::work_sets::WorkSetEntry;
use bellwether_monitor::{Verdict, rfc3339};
use bellwether_worksets::{Affected, Group, Header, SetRow, Word, WorkSet, known_as_str};
use serde::Serialize;
use utoipa::ToSchema;

/// Observations of groups that are told: a set has hardly more.
const MOST_MEMBERS: usize = 2048;

/// All work sets, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkSets)]
pub(crate) struct WorkSetsView<'a> {
    pub(crate) work_sets: Vec<WorkSetView<'a>>,
}

/// One work set without its rows. Times are event time; `task` is null where a fault is common to the tasks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkSet)]
pub(crate) struct WorkSetView<'a> {
    id: &'a str,
    task: Option<&'a str>,
    #[schema(value_type = VerdictName)]
    verdict: Verdict,
    said: String,
    since: String,
    taken: String,
    revision: u32,
    shared_encoder: bool,
    summary: &'a str,
    reference: &'a str,
    /// Observations that may be labelled.
    budget: usize,
    /// Observations in it.
    rows: u64,
    /// What is kept of texts: none, hashed, redacted or plain.
    #[schema(value_type = String)]
    texts: bellwether_worksets::TextForm,
    groups: Vec<WorkSetGroupView<'a>>,
    tasks: Vec<AffectedTaskView<'a>>,
}

impl<'a> WorkSetView<'a> {
    pub(crate) fn new(entry: &'a WorkSetEntry) -> Self {
        Self::of(&entry.header, entry.rows)
    }

    fn of(header: &'a Header, rows: u64) -> Self {
        Self {
            id: &header.id,
            task: header.task.as_deref(),
            verdict: header.verdict,
            said: rfc3339(header.said_ms),
            since: rfc3339(header.since_ms),
            taken: rfc3339(header.taken_ms),
            revision: header.revision,
            shared_encoder: header.shared_encoder,
            summary: &header.summary,
            reference: &header.reference,
            budget: header.budget,
            rows,
            texts: header.texts,
            groups: header.groups.iter().map(WorkSetGroupView::new).collect(),
            tasks: header.tasks.iter().map(AffectedTaskView::new).collect(),
        }
    }
}

/// A proposed class. Texts and words are there where texts may be kept and read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkSetGroup)]
struct WorkSetGroupView<'a> {
    group: u32,
    size: u32,
    novelty: f64,
    examples: &'a [String],
    texts: &'a [String],
    words: Vec<WordView<'a>>,
}

impl<'a> WorkSetGroupView<'a> {
    fn new(group: &'a Group) -> Self {
        Self {
            group: group.group,
            size: group.size,
            novelty: group.novelty,
            examples: &group.examples,
            texts: &group.texts,
            words: group.words.iter().map(WordView::new).collect(),
        }
    }
}

/// A word that sets a group apart.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkSetWord)]
struct WordView<'a> {
    word: &'a str,
    count: u32,
    z: f64,
}

impl<'a> WordView<'a> {
    fn new(word: &'a Word) -> Self {
        Self {
            word: &word.word,
            count: word.count,
            z: word.z,
        }
    }
}

/// How another task stands to the one that is to be trained.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AffectedTask)]
struct AffectedTaskView<'a> {
    task: &'a str,
    #[schema(value_type = VerdictName)]
    verdict: Verdict,
    moved: bool,
    drift_cosine: Option<f64>,
    novelty_cosine: Option<f64>,
    coupling: f64,
}

impl<'a> AffectedTaskView<'a> {
    fn new(task: &'a Affected) -> Self {
        Self {
            task: &task.task,
            verdict: task.verdict,
            moved: task.moved,
            drift_cosine: task.drift_cosine,
            novelty_cosine: task.novelty_cosine,
            coupling: task.coupling,
        }
    }
}

/// One work set with the first observations to label.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkSetDetail)]
pub(crate) struct WorkSetDetailView<'a> {
    work_set: WorkSetView<'a>,
    first: Vec<WorkSetRowView<'a>>,
    /// Which observations are in which group.
    members: Vec<WorkSetMemberView<'a>>,
}

/// An observation of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkSetMember)]
struct WorkSetMemberView<'a> {
    event_id: &'a str,
    group: u32,
}

impl<'a> WorkSetDetailView<'a> {
    pub(crate) fn new(set: &'a WorkSet, most: usize) -> Self {
        Self {
            work_set: WorkSetView::of(&set.header, set.rows.len() as u64),
            first: set.chosen().take(most).map(WorkSetRowView::new).collect(),
            members: set
                .rows
                .iter()
                .filter_map(|row| {
                    Some(WorkSetMemberView {
                        event_id: &row.observation.event_id,
                        group: row.group?,
                    })
                })
                .take(MOST_MEMBERS)
                .collect(),
        }
    }
}

/// An observation to label. Its vector is in the file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkSetRow)]
struct WorkSetRowView<'a> {
    rank: Option<u32>,
    event_id: &'a str,
    task: &'a str,
    timestamp: String,
    reason: Option<&'static str>,
    novelty: f64,
    group: Option<u32>,
    copies: u32,
    known: &'static str,
    predicted: Option<&'a str>,
    confidence: Option<f64>,
    p_similarity: f64,
    p_novelty: f64,
    text: Option<&'a str>,
}

impl<'a> WorkSetRowView<'a> {
    fn new(row: &'a SetRow) -> Self {
        let observation = &row.observation;
        Self {
            rank: row.rank,
            event_id: &observation.event_id,
            task: &observation.task,
            timestamp: rfc3339(observation.timestamp_ms),
            reason: row.reason.map(bellwether_worksets::Reason::as_str),
            novelty: row.novelty,
            group: row.group,
            copies: row.copies,
            known: known_as_str(observation.known),
            predicted: observation.predicted.as_deref(),
            confidence: Some(observation.confidence).filter(|c| c.is_finite()),
            p_similarity: observation.p_similarity,
            p_novelty: observation.p_novelty,
            text: observation.text.as_deref(),
        }
    }
}
