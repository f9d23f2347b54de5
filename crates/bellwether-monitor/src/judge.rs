//! Stage two: evidence in order, verdicts out. Owns every task's state and the model's.

use crate::config::MonitorConfig;
use crate::diagnosis::{Diagnosis, diagnose};
use crate::encoder::{EncoderWatch, Note};
use crate::explain;
use crate::forgetting::{Finding, Forgetting, LabelledLoss, Unlabelled, VersionId};
use crate::outcome::Outcome;
use crate::quality::LabelRecord;
use crate::recent::Place;
use crate::reference::Reference;
use crate::score::ScoredBatch;
use crate::shared::{CommonShift, Eclipse};
use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use crate::task::TaskState;
use crate::timeline::TimelineLine;
use crate::verdict::Verdict;
use crate::work::{WorkMark, WorkMaterial};
use bellwether_events::TaskId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Share of the tasks whose own diagnosis is `retrain` from which a common fault is taken to harm the others too.
const HARMED_RATIO: f64 = 0.5;
/// Tasks that must see a new task before the same novelty elsewhere is taken for it.
const LEAKING_TASKS: usize = 2;
/// Cosine of two novel groups' mean directions above which they are one. Each group holds some of its own task's far tail,
/// so one subject gives less than one, and two give more than zero.
const SAME_NOVELTY: f64 = 0.6;
const HOUR_MS: f64 = 3_600_000.0;
/// How often, in event time, old texts are forgotten.
pub(crate) const TEXTS_LOOKED_AT_MS: i64 = 3_600_000;

/// What stands for one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) verdict: Verdict,
    pub(crate) changed_ms: i64,
    pub(crate) since_ms: i64,
    pub(crate) confidence: f64,
    pub(crate) summary: String,
    pub(crate) own: Diagnosis,
    /// Whether the last line said that a new version made the task worse.
    said_worse: bool,
    /// Whether the last line was said under a common shift: then it is not known to be the task's own.
    said_under_shift: bool,
    diagnosed: Option<DiagnosisKey>,
    pending: Option<(Verdict, i64)>,
    /// The work set of the alarm that stands.
    pub(crate) work: Option<WorkMark>,
}

/// A diagnosis is made anew when what stands has changed, or with every tenth observation or fifth label.
type DiagnosisKey = (u16, u64, u64);

/// What stands for the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelStanding {
    pub(crate) verdict: Verdict,
    pub(crate) shift: CommonShift,
    pub(crate) changed_ms: i64,
    pub(crate) shared_since_ms: i64,
    pub(crate) summary: String,
    /// The last common shift that has ended.
    pub(crate) eclipse: Option<Eclipse>,
    /// The work set of the shift that stands.
    pub(crate) work: Option<WorkMark>,
}

impl ModelStanding {
    /// Whether what was observed then fell under a shift common to the tasks.
    fn clouds(&self, at_ms: i64) -> bool {
        self.shift.stands && at_ms >= self.shared_since_ms || self.eclipse.is_some_and(|e| e.covers(at_ms))
    }
}

/// The judge of one model: deterministic, one observation or label at a time, in order.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) reference: Arc<Reference>,
    pub(crate) config: MonitorConfig,
    pub(crate) tasks: Vec<TaskState>,
    pub(crate) standing: Vec<Standing>,
    pub(crate) model: ModelStanding,
    pub(crate) forgetting: Forgetting,
    pub(crate) encoder: EncoderWatch,
    pub(crate) now_ms: i64,
    /// Material of work sets that nobody has taken yet.
    pub(crate) work: Vec<WorkMaterial>,
}

impl Judge {
    pub(crate) fn new(reference: Arc<Reference>, config: MonitorConfig) -> Self {
        let tasks: Vec<TaskState> = reference
            .schema()
            .tasks()
            .map(|t| TaskState::new(t, &reference, &config))
            .collect();
        let standing = tasks
            .iter()
            .map(|t| Standing {
                verdict: Verdict::Unknown,
                changed_ms: 0,
                since_ms: 0,
                confidence: 0.0,
                summary: explain::waiting(reference.schema().name(t.task), 0, config.min_observations),
                own: Diagnosis::healthy(),
                said_worse: false,
                said_under_shift: false,
                diagnosed: None,
                pending: None,
                work: None,
            })
            .collect();
        let model = ModelStanding {
            verdict: Verdict::Unknown,
            shift: CommonShift::default(),
            changed_ms: 0,
            shared_since_ms: 0,
            summary: "Waiting for the first observations.".to_owned(),
            eclipse: None,
            work: None,
        };
        Self {
            forgetting: Forgetting::new(tasks.len(), &config),
            encoder: EncoderWatch::new(&reference),
            reference,
            config,
            tasks,
            standing,
            model,
            now_ms: 0,
            work: Vec::new(),
        }
    }

    /// How many slices a task has.
    pub(crate) fn slices_of(&self, task: TaskId) -> usize {
        self.tasks[task.index()].slices.all().len()
    }

    /// Takes one observation, in order of time; returns its place within the task.
    pub(crate) fn observe(
        &mut self,
        batch: &ScoredBatch,
        row: usize,
        lines: &mut Vec<TimelineLine>,
    ) -> Place {
        let task = batch.observations.tasks()[row];
        self.tick(batch.observations.timestamps_ms()[row]);
        self.keep_leaver(task.index());
        let state = &mut self.tasks[task.index()];
        let mut place = state.observe(self.reference.task(task), &self.config, batch, row);
        let due = state.seen().is_multiple_of(self.config.stride);
        place.version = self.watch_version(batch, row, &place);
        self.count_work(task.index(), batch.score(row).p_novelty, place.repeated);
        if due {
            self.evaluate(task, lines);
            self.renew_work(task.index());
        }
        place
    }

    /// Takes one joined label, in order of the time it became known.
    pub(crate) fn label(&mut self, task: TaskId, record: LabelRecord, lines: &mut Vec<TimelineLine>) {
        self.tick(record.labelled_ms);
        let weight = self.tasks[task.index()].label(self.reference.task(task), record);
        let outcome = record.outcome;
        let counts = outcome != Outcome::Unreadable && !outcome.is_unknown_label() && !record.repeated;
        if counts && record.step.is_some() {
            let loss = LabelledLoss {
                version: record.version,
                observed_ms: record.observed_ms,
                loss: record.loss,
                weight,
            };
            let clouded = self.model.clouds(record.observed_ms);
            self.forgetting.label(task.index(), loss, clouded);
        }
        self.evaluate(task, lines);
    }

    /// Takes what was learnt of the encoder, in order of time.
    pub(crate) fn encoder(&mut self, note: &Note, lines: &mut Vec<TimelineLine>) {
        self.tick(note.timestamp_ms);
        let changed = self.encoder.take(note.timestamp_ms, &note.kind);
        if changed {
            self.judge_model(true, lines);
            for at in 0..self.tasks.len() {
                self.judge_task(at, lines);
            }
        }
    }

    /// Goes on in event time; once an hour of it, texts that may be kept no longer are forgotten.
    fn tick(&mut self, at_ms: i64) {
        let before_ms = self.now_ms;
        self.now_ms = before_ms.max(at_ms);
        if self.now_ms.div_euclid(TEXTS_LOOKED_AT_MS) != before_ms.div_euclid(TEXTS_LOOKED_AT_MS) {
            let oldest_ms = self.now_ms.saturating_sub(self.config.text_retention_ms);
            for task in &mut self.tasks {
                task.recent.forget_texts(oldest_ms);
                task.leavers.forget_texts(oldest_ms);
            }
        }
    }

    /// Hands an observation to the forgetting watch; returns the number of its model's version.
    fn watch_version(&mut self, batch: &ScoredBatch, row: usize, place: &Place) -> VersionId {
        let observations = &batch.observations;
        let task = observations.tasks()[row].index();
        let observed_ms = observations.timestamps_ms()[row];
        let name = observations
            .model_version(row)
            .and_then(|at| observations.model_versions().get(at as usize));
        let verdicts = self.standing.iter().map(|s| s.verdict);
        let model = &self.model;
        let version = self.forgetting.version(
            task,
            name.map(AsRef::as_ref),
            observed_ms,
            &self.reference,
            verdicts,
            |at_ms| model.clouds(at_ms),
        );
        if !place.repeated {
            let expected_quality = self.tasks[task]
                .recent
                .get(place.step)
                .map_or(f64::NAN, |row| row.expected_quality);
            let seen = Unlabelled {
                version,
                observed_ms,
                doubt: 1.0 - f64::from(observations.confidences()[row]),
                expected_quality,
            };
            let clouded = model.clouds(observed_ms);
            self.forgetting.observe(task, seen, clouded);
        }
        version
    }

    fn evaluate(&mut self, task: TaskId, lines: &mut Vec<TimelineLine>) {
        self.diagnose(task);
        let encoder_changed = self.encoder.tick(self.now_ms);
        self.judge_model(encoder_changed, lines);
        if self.model.shift.stands {
            for at in 0..self.tasks.len() {
                self.judge_task(at, lines);
            }
        } else {
            self.judge_task(task.index(), lines);
        }
    }

    fn diagnose(&mut self, task: TaskId) {
        let state = &self.tasks[task.index()];
        let standing = &mut self.standing[task.index()];
        if !state.signals.any_active() {
            if standing.diagnosed.take().is_some() {
                standing.own = Diagnosis::healthy();
            }
            return;
        }
        let key = (
            state.signals.active_set(),
            state.seen() / 10,
            state.labelled.total() / 5,
        );
        if standing.diagnosed != Some(key) {
            // While the shift stands, its rows tell whether it harms; afterwards they would be taken for the task's own.
            let eclipse = if self.model.shift.stands {
                None
            } else {
                self.model.eclipse
            };
            standing.own = diagnose(state, &self.reference, &self.config, &standing.own, eclipse);
            standing.diagnosed = Some(key);
        }
    }

    /// The common shift, and whether any task sees a new one.
    fn judge_model(&mut self, encoder_changed: bool, lines: &mut Vec<TimelineLine>) {
        let known_since_ms = self.encoder.fault().map(|fault| fault.since_ms);
        let shift = self
            .model
            .shift
            .update(&self.tasks, &self.config, known_since_ms.is_some());
        let verdict = if shift.stands {
            if self.harmed_ratio() >= HARMED_RATIO {
                Verdict::Retrain
            } else {
                Verdict::Watch
            }
        } else if self.standing.iter().any(|s| s.own.verdict == Verdict::NewTask) {
            Verdict::NewTask
        } else if self
            .tasks
            .iter()
            .any(|t| t.seen() >= self.config.min_observations)
        {
            Verdict::Healthy
        } else {
            Verdict::Unknown
        };
        let changed =
            shift.stands != self.model.shift.stands || verdict != self.model.verdict || encoder_changed;
        if shift.stands && !self.model.shift.stands {
            self.model.shared_since_ms = known_since_ms.unwrap_or_else(|| self.shift_onset());
        } else if !shift.stands && self.model.shift.stands {
            let eclipse = Eclipse {
                from_ms: self.model.shared_since_ms,
                to_ms: self.now_ms,
            };
            self.model.eclipse = Some(eclipse);
            for task in &mut self.tasks {
                task.end_common_shift(eclipse);
            }
            // What was found under the shift must not lean the next diagnosis.
            for standing in &mut self.standing {
                standing.own = Diagnosis::healthy();
                standing.diagnosed = None;
            }
            self.model.shared_since_ms = self.now_ms;
        }
        self.model.shift = shift;
        if changed {
            self.model.verdict = verdict;
            self.model.changed_ms = self.now_ms;
            self.model.summary = explain::model_summary(self);
            lines.push(explain::model_line(self));
            self.begin_model_work();
        }
    }

    fn harmed_ratio(&self) -> f64 {
        let active: Vec<usize> = (0..self.tasks.len())
            .filter(|&t| self.tasks[t].seen() >= self.config.min_observations)
            .collect();
        let harmed = active
            .iter()
            .filter(|&&t| self.standing[t].own.verdict == Verdict::Retrain)
            .count();
        harmed as f64 / active.len().max(1) as f64
    }

    /// Median onset of the moved tasks: one of them may have had a cause of its own before.
    fn shift_onset(&self) -> i64 {
        let mut onsets: Vec<i64> = self
            .tasks
            .iter()
            .filter_map(|t| t.signals.movement.active().or(t.signals.novelty.active()))
            .map(|onset| onset.timestamp_ms)
            .collect();
        onsets.sort_unstable();
        onsets.get(onsets.len() / 2).copied().unwrap_or(self.now_ms)
    }

    fn judge_task(&mut self, at: usize, lines: &mut Vec<TimelineLine>) {
        let verdict = self.decide(at);
        let now_ms = self.now_ms;
        let standing = &mut self.standing[at];
        if verdict == standing.verdict {
            standing.pending = None;
            let worse = self.forgetting.finding(at) == Some(Finding::Worse);
            let calls = !matches!(verdict, Verdict::Healthy | Verdict::Unknown);
            let is_own_now = calls && standing.said_under_shift && !self.model.shift.stands;
            if worse && !standing.said_worse || is_own_now {
                // The verdict stands already, and now its cause is known.
                self.say(at, lines);
            }
            return;
        }
        // Escalation is immediate; every other change away from what was said must hold for a while.
        let escalates = rank(verdict) > rank(standing.verdict) || standing.verdict == Verdict::Unknown;
        let hold_hours = if escalates { 0.0 } else { self.config.hold_hours };
        let since = match standing.pending {
            Some((pending, since)) if pending == verdict => since,
            _ => now_ms,
        };
        standing.pending = Some((verdict, since));
        if (now_ms - since) as f64 >= hold_hours * HOUR_MS {
            standing.pending = None;
            standing.verdict = verdict;
            standing.changed_ms = now_ms;
            self.say(at, lines);
        }
    }

    /// Puts what stands for a task into words and into the timeline.
    fn say(&mut self, at: usize, lines: &mut Vec<TimelineLine>) {
        let explained = explain::task(self, at);
        let standing = &mut self.standing[at];
        standing.since_ms = explained.since_ms;
        standing.confidence = explained.confidence;
        standing.summary = explained.summary;
        standing.said_under_shift = self.model.shift.stands;
        standing.said_worse = self.forgetting.finding(at) == Some(Finding::Worse);
        lines.push(explain::task_line(self, at));
        self.begin_work(at);
    }

    /// The task's diagnosis in the light of the others', and of what a new version of the model did to it.
    fn decide(&self, at: usize) -> Verdict {
        let verdict = self.decide_by_signals(at);
        match self.forgetting.finding(at) {
            // What the task says of itself by its novelty is the wider word.
            Some(Finding::Worse) if !verdict.is_alarm() => Verdict::Retrain,
            Some(Finding::Doubtful) if verdict == Verdict::Healthy => Verdict::Watch,
            _ => verdict,
        }
    }

    /// The task's own diagnosis in the light of the others'.
    fn decide_by_signals(&self, at: usize) -> Verdict {
        let state = &self.tasks[at];
        let own = &self.standing[at].own;
        if self.model.shift.stands {
            return self.decide_under_common_shift(at);
        }
        let (loss_of_a_slice, any_of_a_slice) = state.slices.standing();
        match own.verdict {
            // What the task says of itself by its labels or its novelty is the wider word.
            Verdict::Healthy | Verdict::Watch if loss_of_a_slice => Verdict::Retrain,
            Verdict::Healthy if any_of_a_slice => Verdict::Watch,
            Verdict::ContinualUpdate if self.others_with_same_novelty(at) >= LEAKING_TASKS => {
                Verdict::NewTask
            }
            Verdict::Healthy if state.seen() < self.config.min_observations => Verdict::Unknown,
            verdict => verdict,
        }
    }

    /// A common cause explains novelty away; where it harms most tasks, it harms those that cannot tell as well.
    fn decide_under_common_shift(&self, at: usize) -> Verdict {
        let state = &self.tasks[at];
        let own = &self.standing[at].own;
        if own.verdict == Verdict::Retrain {
            return Verdict::Retrain;
        }
        let cleared = own.cleared_by_labels(state.signals.loss.bound(), &self.config);
        if self.harmed_ratio() >= HARMED_RATIO && state.seen() > 0 && !cleared {
            Verdict::Retrain
        } else if state.seen() == 0 {
            Verdict::Unknown
        } else {
            Verdict::Watch
        }
    }

    /// Other tasks that see a new task of the same direction: a capability leaks into whatever task it is sent to.
    fn others_with_same_novelty(&self, at: usize) -> usize {
        let Some(own) = &self.standing[at].own.group else {
            return 0;
        };
        let others = self.standing.iter().enumerate().filter(|(other, _)| *other != at);
        others
            .filter(|(_, s)| s.own.verdict == Verdict::NewTask)
            .filter_map(|(_, s)| s.own.group.as_ref())
            .filter(|other| {
                let cosine: f64 = own
                    .direction
                    .iter()
                    .zip(&other.direction)
                    .map(|(a, b)| a * b)
                    .sum();
                cosine > SAME_NOVELTY
            })
            .count()
    }
}

impl State for Judge {
    fn write(&self, out: &mut Writer) {
        self.tasks.write(out);
        self.forgetting.write(out);
        out.put(&(&self.standing, &self.model, &self.encoder, self.now_ms));
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.tasks.read(from)?;
        self.forgetting.read(from)?;
        (self.standing, self.model, self.encoder, self.now_ms) = from.take()?;
        ensure(
            self.encoder.fits(&self.reference),
            "its canaries are not those of the reference",
        )?;
        for task in &self.tasks {
            let fits = task.fits(self.reference.task(task.task));
            ensure(fits, "a task's observations or labels are not of its classes")?;
        }
        let tasks = self.tasks.len();
        let misrouted_to = |s: &Standing| s.own.group.as_ref().and_then(|group| group.misrouted_to);
        let mut misrouted = self.standing.iter().filter_map(misrouted_to);
        let fits = self.standing.len() == tasks && misrouted.all(|to| to.index() < tasks);
        ensure(fits, "what stands is not of its tasks")?;
        ensure(self.forgetting.fits(), "its versions are not of its tasks")
    }
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Unknown | Verdict::Healthy => 0,
        Verdict::Watch => 1,
        Verdict::Retrain | Verdict::ContinualUpdate | Verdict::NewTask => 2,
    }
}
