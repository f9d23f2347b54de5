//! After an update: did the tasks that were left alone get worse?
//!
//! When a task's observations begin to name another `model_version`, a watch is opened over every task. It compares the
//! losses under the new version with those before by an e-value for two samples (`bellwether_stats::log_e_rise`), within
//! one rate of false findings for all tasks together, and confidence by the same test without labels. In force is a
//! version from its twentieth observation of a task on: what is sent fewer times opens nothing. A new version is told by
//! what each observation names, not by time, so that versions may run side by side while they are rolled out; a task that
//! has versions of its own, or names none, is split at the time of the change.

mod compare;
mod config;
mod past;
mod status;
mod task;
mod versions;

pub use compare::{ComparedTask, compare};
pub use config::ForgettingConfig;
pub(crate) use past::{LabelledLoss, Unlabelled};
pub use status::{ForgettingStatus, TaskForgetting};
pub(crate) use versions::{NO_VERSION, VersionId};

use crate::config::MonitorConfig;
use crate::reference::Reference;
use crate::snapshot::state;
use crate::verdict::Verdict;
use bellwether_stats::LossCounts;
use past::Past;
use serde::{Deserialize, Serialize};
use task::{Baseline, Mean, Outcome, Split, TaskWatch};
use versions::Versions;

/// Observations of a task from which a version is in force there.
const ESTABLISHED: u64 = 20;
/// Losses, or observations, of its own below which a task's quality before is taken from the reference.
const OWN_PAST: usize = 100;
/// Event time without it after which a version that others replace again is withdrawn, and after which a task that never
/// took it over is taken to have versions of its own.
const SILENCE_MS: i64 = 24 * 3_600_000;
/// Observations of others that this takes besides.
const SILENCE_OBSERVATIONS: u64 = 30;

/// What the tests of a watch go by.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) config: ForgettingConfig,
    /// Logarithm at which a task is called worse, better, or as before.
    pub(crate) threshold: f64,
    /// Logarithm of the likelihood ratio for health that ends a finding.
    pub(crate) recovery: f64,
    /// Fall of mean confidence that is tolerated.
    pub(crate) doubt_tolerance: f64,
}

/// What a watch says of a task that bears on its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// By labels.
    Worse,
    /// By confidence alone.
    Doubtful,
}

/// Why a watch is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// Its time is.
    Time,
    /// All tasks have as many labels as were asked for.
    Labels,
    /// The version is no longer seen while its predecessors are.
    Withdrawn,
}

/// One change of version, watched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub(crate) version: VersionId,
    pub(crate) name: String,
    /// The version before; `None` when it is not remembered or had none.
    pub(crate) before: Option<String>,
    pub(crate) opened_ms: i64,
    pub(crate) ended: Option<(End, i64)>,
    pub(crate) tasks: Vec<TaskWatch>,
    last_seen_ms: i64,
    others_since: u64,
}

/// All that is known of versions and of what they did to the tasks.
#[derive(Debug, Clone)]
pub(crate) struct Forgetting {
    pub(crate) rules: Rules,
    versions: Versions,
    /// The version in force of each task, `[tasks]`.
    in_force: Vec<VersionId>,
    past: Vec<Past>,
    pub(crate) watch: Option<Watch>,
}

state!(Forgetting {
    values: in_force, past, watch;
    parts: versions
});

impl Forgetting {
    pub(crate) fn new(tasks: usize, config: &MonitorConfig) -> Self {
        let own = &config.forgetting;
        Self {
            versions: Versions::new(tasks, own.watch_for_ms),
            in_force: vec![NO_VERSION; tasks],
            past: vec![Past::default(); tasks],
            watch: None,
            rules: Rules {
                threshold: own.threshold(tasks),
                recovery: config.recovery_ratio.ln(),
                doubt_tolerance: config.confidence_tolerance,
                config: own.clone(),
            },
        }
    }

    /// Whether all that was read is of as many tasks as there are.
    pub(crate) fn fits(&self) -> bool {
        let tasks = self.versions.tasks();
        self.in_force.len() == tasks
            && self.past.len() == tasks
            && self.watch.as_ref().is_none_or(|watch| watch.tasks.len() == tasks)
            && self.versions.fits()
    }

    /// Notes which version made a prediction; returns its number, for the label that may come. `verdicts` is what stands.
    pub(crate) fn version(
        &mut self,
        task: usize,
        name: Option<&str>,
        at_ms: i64,
        reference: &Reference,
        verdicts: impl Iterator<Item = Verdict>,
        clouded: impl Fn(i64) -> bool,
    ) -> VersionId {
        if self.rules.config.watch_for_ms == 0 {
            return NO_VERSION;
        }
        let id = match name {
            Some(name) => {
                let (id, seen) = self.versions.note(name, task, at_ms, &self.in_force, verdicts);
                if seen == ESTABLISHED && self.in_force[task] != id {
                    self.establish(task, id, at_ms, reference, clouded);
                    return id;
                }
                id
            }
            None => NO_VERSION,
        };
        self.follow(task, id, at_ms);
        id
    }

    /// A version is in force in a task from now on.
    fn establish(
        &mut self,
        task: usize,
        id: VersionId,
        now_ms: i64,
        reference: &Reference,
        clouded: impl Fn(i64) -> bool,
    ) {
        let previous = std::mem::replace(&mut self.in_force[task], id);
        if let Some(watch) = &mut self.watch
            && watch.version == id
        {
            watch.tasks[task].previous = previous;
            return;
        }
        let Some(version) = self.versions.get(id) else {
            return;
        };
        let of_reference = reference.manifest().model_version.as_deref();
        let before = match self.versions.get(previous) {
            Some(previous) => Some(previous.name.to_string()),
            None if previous == NO_VERSION => {
                // The first version ever seen is no change, unless the reference is another's.
                if of_reference.is_none_or(|name| name == &*version.name) {
                    return;
                }
                of_reference.map(str::to_owned)
            }
            None => None,
        };
        let (name, opened_ms, verdicts) = (
            version.name.to_string(),
            version.first_ms,
            version.verdicts.clone(),
        );
        let mut tasks: Vec<TaskWatch> = (0..self.in_force.len())
            .map(|at| {
                let names = |version| self.versions.get(version).is_some_and(|v| v.seen(at) > 0);
                let same_line = match self.in_force[at] {
                    NO_VERSION => previous == NO_VERSION || names(previous) || names(id),
                    version => version == previous || version == id,
                };
                let split = if same_line {
                    Split::Version(id)
                } else {
                    Split::Time(opened_ms)
                };
                let aim = Some(verdicts[at]).filter(|v| status::is_aim(*v));
                self.open(at, split, aim, now_ms, reference, &clouded)
            })
            .collect();
        tasks[task].previous = previous;
        self.watch = Some(Watch {
            version: id,
            name,
            before,
            opened_ms,
            ended: None,
            tasks,
            last_seen_ms: now_ms,
            others_since: 0,
        });
    }

    /// The watch over one task, with what has been seen already.
    fn open(
        &self,
        at: usize,
        split: Split,
        aim: Option<Verdict>,
        now_ms: i64,
        reference: &Reference,
        clouded: &impl Fn(i64) -> bool,
    ) -> TaskWatch {
        let past = &self.past[at];
        let before = |version, observed_ms| !split.is_after(version, observed_ms) && !clouded(observed_ms);
        let baseline = self.unsettled(at).unwrap_or_else(|| {
            let mut baseline = Baseline::of_reference(at, reference);
            let losses = || past.labelled(now_ms).filter(|l| before(l.version, l.observed_ms));
            if losses().count() >= OWN_PAST {
                baseline.own = true;
                baseline.losses = LossCounts::default();
                losses().for_each(|l| baseline.losses.add(l.loss, l.weight));
            }
            let seen = || {
                past.unlabelled(now_ms)
                    .filter(|u| before(u.version, u.observed_ms))
            };
            if seen().count() >= OWN_PAST {
                baseline.own_doubts = true;
                baseline.doubts = LossCounts::default();
                seen().for_each(|u| baseline.observe(u));
            }
            baseline
        });
        let previous = if self.in_force[at] == NO_VERSION || matches!(split, Split::Time(_)) {
            NO_VERSION
        } else {
            self.in_force[at]
        };
        let mut watch = TaskWatch::new(split, aim, previous, baseline);
        for seen in past
            .unlabelled(now_ms)
            .filter(|u| split.is_after(u.version, u.observed_ms))
        {
            watch.observe(seen, false, &self.rules);
        }
        if let Split::Version(id) = split {
            watch.with = self.versions.get(id).map_or(0, |v| v.seen(at));
        }
        for loss in past
            .labelled(now_ms)
            .filter(|l| split.is_after(l.version, l.observed_ms))
        {
            watch.label(loss, false, &self.rules);
        }
        watch.answer(&self.rules);
        watch
    }

    /// The quality before an earlier change that the task has not been shown to have outlived: it stays the measure.
    fn unsettled(&self, at: usize) -> Option<Baseline> {
        let watch = self.watch.as_ref()?;
        let own = &watch.tasks[at];
        let unsettled = match (own.outcome, watch.ended) {
            (_, Some((End::Withdrawn, _))) => false,
            (Outcome::Worse, _) | (Outcome::Undecided, None) => true,
            _ => false,
        };
        unsettled.then(|| Baseline {
            grows: false,
            ..own.before.clone()
        })
    }

    /// Counts who speaks, and ends what is over.
    fn follow(&mut self, task: usize, id: VersionId, at_ms: i64) {
        let Some(watch) = self.watch.as_mut().filter(|w| w.ended.is_none()) else {
            return;
        };
        let own = &mut watch.tasks[task];
        if own.split.is_after(id, at_ms) {
            own.with += 1;
        } else {
            own.without += 1;
        }
        if id == watch.version {
            watch.last_seen_ms = at_ms;
            watch.others_since = 0;
        } else if self.in_force[task] == watch.version {
            watch.others_since += 1;
        }
        let silent = at_ms - watch.last_seen_ms >= SILENCE_MS;
        let never = own.with == 0 && own.without >= SILENCE_OBSERVATIONS;
        if never && at_ms - watch.opened_ms >= SILENCE_MS && matches!(own.split, Split::Version(_)) {
            // It names the same version as ever while others took over the new one: its versions are its own.
            own.split = Split::Time(at_ms);
        }
        let enough = self.rules.config.max_labels;
        if silent && watch.others_since >= SILENCE_OBSERVATIONS {
            watch.ended = Some((End::Withdrawn, at_ms));
            for (in_force, task) in self.in_force.iter_mut().zip(&watch.tasks) {
                if *in_force == watch.version {
                    *in_force = task.previous;
                }
            }
            self.versions.forget(watch.version);
        } else if at_ms - watch.opened_ms >= self.rules.config.watch_for_ms {
            watch.ended = Some((End::Time, at_ms));
        } else if watch.tasks.iter().all(|t| t.losses.len() >= enough) {
            watch.ended = Some((End::Labels, at_ms));
        }
    }

    /// Takes what is known of an observation without its label; `clouded` when a shift is common to the tasks.
    pub(crate) fn observe(&mut self, task: usize, seen: Unlabelled, clouded: bool) {
        if self.versions.is_empty() {
            return;
        }
        self.past[task].observe(seen);
        if let Some(watch) = self.watch.as_mut().filter(|w| w.ended.is_none()) {
            watch.tasks[task].observe(&seen, clouded, &self.rules);
        }
    }

    /// Takes the loss of a labelled observation; `clouded` when it was made under a shift common to the tasks.
    pub(crate) fn label(&mut self, task: usize, loss: LabelledLoss, clouded: bool) {
        if self.versions.is_empty() {
            return;
        }
        self.past[task].label(loss);
        let Some(watch) = &mut self.watch else {
            return;
        };
        let own = &mut watch.tasks[task];
        match watch.ended {
            None => own.label(&loss, clouded, &self.rules),
            // What was found stands until the task is as good as before, the version goes, or another comes.
            Some(_) if own.split.is_after(loss.version, loss.observed_ms) => {
                own.recover(loss.loss, &self.rules);
            }
            Some(_) => {}
        }
    }

    /// What bears on the verdict of a task.
    pub(crate) fn finding(&self, task: usize) -> Option<Finding> {
        let watch = self.watch.as_ref()?;
        let withdrawn = matches!(watch.ended, Some((End::Withdrawn, _)));
        let own = &watch.tasks[task];
        match own.outcome {
            _ if withdrawn => None,
            Outcome::Worse => Some(Finding::Worse),
            Outcome::Undecided if own.doubtful && watch.ended.is_none() => Some(Finding::Doubtful),
            _ => None,
        }
    }

    /// How far the evidence of a finding is beyond its threshold, in nats.
    pub(crate) fn excess(&self, task: usize) -> Option<f64> {
        let own = &self.watch.as_ref()?.tasks[task];
        let log_e = match self.finding(task)? {
            Finding::Worse => own.log_e_worse,
            Finding::Doubtful => own.log_e_doubt,
        };
        Some(log_e - self.rules.threshold)
    }

    /// When the version that a finding is about was first seen.
    pub(crate) fn since_ms(&self, task: usize) -> Option<i64> {
        self.finding(task)?;
        self.watch.as_ref().map(|w| w.opened_ms)
    }
}

impl Baseline {
    fn of_reference(at: usize, reference: &Reference) -> Self {
        let before = reference.losses(at);
        Self {
            losses: before.losses.clone(),
            doubts: before.doubts.clone(),
            expected: Mean::default(),
            own: false,
            own_doubts: false,
            grows: true,
        }
    }
}
