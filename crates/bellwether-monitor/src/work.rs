//! What there is to label and to train on, taken at the moment an alarm is said.
//!
//! The material of a work set is a copy of what the task's ring holds since the onset, and of the far observations that have left
//! the ring since. It is taken inside the judge, so that it does not depend on where turns begin and end. Nothing is taken, and
//! nothing counted, while no alarm stands. What is made of it is the business of `bellwether-worksets`.

mod leavers;

pub(crate) use leavers::Leavers;

use crate::judge::Judge;
use crate::recent::RecentRow;
use crate::score::FAR_P;
use crate::task::TaskState;
use crate::verdict::Verdict;
use bellwether_stats::inner_product;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fewest of the newest observations that are taken, however young the onset.
const LEAST_ROWS: u64 = 100;
/// Most observations of a model's set, shared by its tasks.
const MODEL_ROWS: usize = 2048;
/// Material has grown by so much when a set is made anew.
const GROWTH: u64 = 2;

/// The observations an alarm rests on, with what the monitor knows of each.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkMaterial {
    /// Identity of the reference.
    pub reference: String,
    /// The task, or `None` where a fault is common to the tasks.
    pub task: Option<String>,
    /// What is to be done: `retrain`, `continual_update` or `new_task`.
    pub verdict: Verdict,
    /// Event time of the line that said so, milliseconds since the epoch: with task and verdict the alarm's name.
    pub said_ms: i64,
    /// When what is said began, as dated by the detectors, milliseconds since the epoch.
    pub since_ms: i64,
    /// Event time at which the material was taken, milliseconds since the epoch.
    pub taken_ms: i64,
    /// 0 with the alarm; one more each time the material has doubled.
    pub revision: u32,
    /// Whether a shift common to the tasks stands.
    pub shared_encoder: bool,
    /// The sentence of the line.
    pub summary: String,
    /// Every other task of the model, and what it has to do with this one.
    pub tasks: Vec<AffectedTask>,
    /// Mean cosine of two observations of one class in the reference: what is less alike is taken for two things.
    pub class_cosine: f64,
    /// Embedding width.
    pub dim: usize,
    /// The observations, oldest first within a task.
    pub rows: Vec<WorkRow>,
    /// Their unit vectors, `[rows, dim]`, row-major.
    pub vectors: Vec<f32>,
}

/// One observation.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkRow {
    /// The event's identifier.
    pub event_id: String,
    /// Its task.
    pub task: String,
    /// When the prediction was made, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// The class the head named; `None` for tasks without classes.
    pub predicted: Option<String>,
    /// The head's probability for its answer; NaN without.
    pub confidence: f64,
    /// Conformal p-value of its similarity to the reference.
    pub p_similarity: f64,
    /// Conformal p-value of similarity and confidence together.
    pub p_novelty: f64,
    /// What an annotator has said already.
    pub known: Known,
    /// What may be kept of its text.
    pub text: Option<String>,
}

/// What a label has said of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// There is no label yet.
    No,
    /// A label of the head's own set.
    InScope,
    /// A label outside of it.
    OutOfScope,
}

/// How another task stands to the one that is to be trained.
#[derive(Debug, Clone, PartialEq)]
pub struct AffectedTask {
    /// Its name.
    pub task: String,
    /// What stands for it.
    pub verdict: Verdict,
    /// Whether its inputs have moved as well.
    pub moved: bool,
    /// Cosine of the two tasks' drift, where both have moved; NaN otherwise.
    pub drift_cosine: f64,
    /// Cosine of the two tasks' novel groups, where both have one; NaN otherwise.
    pub novelty_cosine: f64,
    /// How near its inputs lie in the reference, from 0 to 1: a re-training moves those most that lie near.
    pub coupling: f64,
}

/// The set that was last made for a standing alarm, and how much there has been since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WorkMark {
    said_ms: i64,
    verdict: Verdict,
    revision: u32,
    then: u64,
    now: u64,
}

impl WorkMark {
    fn is_due(&self) -> bool {
        self.then > 0 && self.now >= GROWTH * self.then || self.then == 0 && self.now > 0
    }
}

fn is_of_novelty(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::ContinualUpdate | Verdict::NewTask)
}

/// Whether an observation is of the kind that a remedy feeds on.
fn feeds(verdict: Verdict, p_novelty: f64, repeated: bool) -> bool {
    !repeated && (!is_of_novelty(verdict) || p_novelty < FAR_P)
}

impl Judge {
    /// Begins the set of an alarm that has just been said for the task, or ends that of an alarm that is over.
    pub(crate) fn begin_work(&mut self, at: usize) {
        let verdict = self.standing[at].verdict;
        // One cause is one set: under a common shift it is the model's.
        if !self.config.work_sets || !verdict.is_alarm() || self.model.shift.stands {
            self.end_work(at);
            return;
        }
        self.standing[at].work = Some(WorkMark {
            said_ms: self.now_ms,
            verdict,
            revision: 0,
            then: 0,
            now: 0,
        });
        let material = self.task_material(at);
        self.settle_mark(material, |judge| &mut judge.standing[at].work);
    }

    fn end_work(&mut self, at: usize) {
        self.standing[at].work = None;
        self.tasks[at].leavers.clear();
    }

    /// The same for the model, when a common shift calls for re-training or does not any more.
    pub(crate) fn begin_model_work(&mut self) {
        self.model.work = None;
        if !self.config.work_sets || !self.model.shift.stands || self.model.verdict != Verdict::Retrain {
            return;
        }
        self.model.work = Some(WorkMark {
            said_ms: self.now_ms,
            verdict: Verdict::Retrain,
            revision: 0,
            then: 0,
            now: 0,
        });
        let material = self.model_material();
        self.settle_mark(material, |judge| &mut judge.model.work);
    }

    fn settle_mark(
        &mut self,
        material: Option<WorkMaterial>,
        mark: impl Fn(&mut Self) -> &mut Option<WorkMark>,
    ) {
        let Some(material) = material else {
            return;
        };
        let feed = |row: &&WorkRow| feeds(material.verdict, row.p_novelty, false);
        let count = material.rows.iter().filter(feed).count() as u64;
        if let Some(mark) = mark(self) {
            // What is taken is bounded; what has been seen is not.
            mark.now = mark.now.max(count);
            mark.then = mark.now;
        }
        self.work.push(material);
    }

    /// Counts an observation for the sets that stand.
    pub(crate) fn count_work(&mut self, at: usize, p_novelty: f64, repeated: bool) {
        for mark in [&mut self.standing[at].work, &mut self.model.work]
            .into_iter()
            .flatten()
        {
            mark.now += u64::from(feeds(mark.verdict, p_novelty, repeated));
        }
    }

    /// Keeps the observation that leaves the ring next, when a standing alarm feeds on it.
    pub(crate) fn keep_leaver(&mut self, at: usize) {
        let standing = &self.standing[at];
        let Some(mark) = &standing.work else {
            return;
        };
        let state = &mut self.tasks[at];
        if let Some((step, row, vector)) = state.recent.leaving()
            && is_of_novelty(mark.verdict)
            && row.timestamp_ms >= standing.since_ms
            && feeds(mark.verdict, row.p_novelty, row.repeated)
        {
            state.leavers.push(step, row.clone(), vector);
        }
    }

    /// Makes the sets anew whose material has doubled.
    pub(crate) fn renew_work(&mut self, at: usize) {
        if let Some(mark) = self.standing[at].work.as_mut().filter(|mark| mark.is_due()) {
            mark.revision += 1;
            let material = self.task_material(at);
            self.settle_mark(material, |judge| &mut judge.standing[at].work);
        }
        if let Some(mark) = self.model.work.as_mut().filter(|mark| mark.is_due()) {
            mark.revision += 1;
            let material = self.model_material();
            self.settle_mark(material, |judge| &mut judge.model.work);
        }
    }

    fn task_material(&self, at: usize) -> Option<WorkMaterial> {
        let standing = &self.standing[at];
        let name = self.reference.schema().name(self.tasks[at].task);
        let mut material = WorkMaterial {
            task: Some(name.to_owned()),
            since_ms: standing.since_ms,
            summary: standing.summary.clone(),
            tasks: (0..self.tasks.len())
                .filter(|&other| other != at)
                .map(|other| self.affected(at, other))
                .collect(),
            ..self.empty_material(standing.work.as_ref()?)
        };
        self.take(at, standing.since_ms, usize::MAX, &mut material);
        Some(material)
    }

    fn model_material(&self) -> Option<WorkMaterial> {
        let since_ms = self.model.shared_since_ms;
        let mut material = WorkMaterial {
            task: None,
            since_ms,
            summary: self.model.summary.clone(),
            tasks: (0..self.tasks.len())
                .map(|other| self.affected_by_model(other))
                .collect(),
            ..self.empty_material(self.model.work.as_ref()?)
        };
        let share = (MODEL_ROWS / self.tasks.len().max(1)).max(1);
        for at in 0..self.tasks.len() {
            self.take(at, since_ms, share, &mut material);
        }
        Some(material)
    }

    fn empty_material(&self, mark: &WorkMark) -> WorkMaterial {
        let manifest = self.reference.manifest();
        WorkMaterial {
            reference: manifest.id.clone(),
            task: None,
            verdict: mark.verdict,
            said_ms: mark.said_ms,
            since_ms: mark.said_ms,
            taken_ms: self.now_ms,
            revision: mark.revision,
            shared_encoder: self.model.shift.stands,
            summary: String::new(),
            tasks: Vec::new(),
            class_cosine: manifest.self_play.class_cosine,
            dim: self.reference.schema().dim(),
            rows: Vec::new(),
            vectors: Vec::new(),
        }
    }

    /// Takes the newest `most` observations of a task since the onset, and what has left the ring since then.
    fn take(&self, at: usize, since_ms: i64, most: usize, out: &mut WorkMaterial) {
        let state = &self.tasks[at];
        let labels = labels_by_step(state);
        let newest = state.recent.next_step().saturating_sub(LEAST_ROWS);
        // What came under a common shift that is over is neither the task's own nor of the present.
        let eclipse = self.model.eclipse.filter(|_| !self.model.shift.stands);
        let counts = |row: &RecentRow| !row.repeated && !eclipse.is_some_and(|e| e.covers(row.timestamp_ms));
        let of_ring: Vec<(u64, &RecentRow)> = state
            .recent
            .since(0)
            .filter(|(step, row)| counts(row) && (row.timestamp_ms >= since_ms || *step >= newest))
            .collect();
        let of_ring = &of_ring[of_ring.len().saturating_sub(most)..];
        let room = most.saturating_sub(of_ring.len());
        for (step, row) in state.leavers.newest(room).filter(|(_, row)| counts(row)) {
            state.leavers.vector(step, &mut out.vectors);
            out.rows.push(self.row(at, step, row, &labels));
        }
        for &(step, row) in of_ring {
            state.recent.vector(step, &mut out.vectors);
            out.rows.push(self.row(at, step, row, &labels));
        }
    }

    fn row(&self, at: usize, step: u64, row: &RecentRow, labels: &BTreeMap<u64, bool>) -> WorkRow {
        let schema = self.reference.schema();
        let task = self.tasks[at].task;
        WorkRow {
            event_id: row.event_id.clone(),
            task: schema.name(task).to_owned(),
            timestamp_ms: row.timestamp_ms,
            predicted: schema
                .spec(task)
                .labels
                .get(row.class)
                .cloned()
                .filter(|_| schema.spec(task).kind == bellwether_events::TaskKind::Classification),
            confidence: row.confidence,
            p_similarity: row.p_similarity,
            p_novelty: row.p_novelty,
            known: match labels.get(&step) {
                None => Known::No,
                Some(false) => Known::InScope,
                Some(true) => Known::OutOfScope,
            },
            text: row
                .text_at(self.now_ms, self.config.text_retention_ms)
                .map(str::to_owned),
        }
    }

    fn affected(&self, at: usize, other: usize) -> AffectedTask {
        let of = |task: usize| self.reference.schema().name(self.tasks[task].task);
        let coupling = self.reference.manifest().coupling.get(of(at));
        let both_moved = moved(&self.tasks[at]) && moved(&self.tasks[other]);
        AffectedTask {
            drift_cosine: if both_moved {
                cosine(self.tasks[at].drift.sum(), self.tasks[other].drift.sum())
            } else {
                f64::NAN
            },
            novelty_cosine: match (&self.standing[at].own.group, &self.standing[other].own.group) {
                (Some(own), Some(group)) => own
                    .direction
                    .iter()
                    .zip(&group.direction)
                    .map(|(a, b)| a * b)
                    .sum(),
                _ => f64::NAN,
            },
            coupling: coupling.and_then(|c| c.get(of(other))).copied().unwrap_or(0.0),
            ..self.affected_by_model(other)
        }
    }

    fn affected_by_model(&self, other: usize) -> AffectedTask {
        AffectedTask {
            task: self.reference.schema().name(self.tasks[other].task).to_owned(),
            verdict: self.standing[other].verdict,
            moved: moved(&self.tasks[other]),
            drift_cosine: f64::NAN,
            novelty_cosine: f64::NAN,
            coupling: 0.0,
        }
    }
}

fn moved(task: &TaskState) -> bool {
    task.signals.movement.is_active() || task.signals.novelty.is_active()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let norms = f64::from(inner_product(a, a)).sqrt() * f64::from(inner_product(b, b)).sqrt();
    f64::from(inner_product(a, b)) / norms.max(1e-12)
}

/// Whether the label of each labelled observation is outside the label set, by step.
fn labels_by_step(state: &TaskState) -> BTreeMap<u64, bool> {
    let records = state.labelled.newest(usize::MAX);
    records
        .filter_map(|record| Some((record.step?, record.outcome.is_unknown_label())))
        .collect()
}
