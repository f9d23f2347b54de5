//! The watch over one task: its losses before and after the change, and what they say so far.

use super::past::{LabelledLoss, Unlabelled};
use super::versions::VersionId;
use super::{ForgettingConfig, Rules};
use crate::verdict::Verdict;
use bellwether_stats::{LossCounts, RecoveryTest, log_e_rise, losses_to_exclude_rise};
use serde::{Deserialize, Serialize};

/// Most losses that make the quality before: beyond it the interval hardly narrows.
const MOST_BEFORE: u64 = 1000;
/// Most observations on either side of the comparison without labels.
const MOST_OBSERVED: u64 = 2000;
/// Losses after the change between two answers: an answer costs some half of a millisecond.
const LABEL_STRIDE: u64 = 5;
/// Losses of the time before that count like one after: there are more, and each says less.
const BEFORE_STRIDE: u64 = 10;
/// Observations between two answers.
const OBSERVATION_STRIDE: u64 = 50;

/// What the labels say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// Not enough labels to say.
    Undecided,
    /// A fall by the margin or more is excluded.
    Kept,
    /// The loss is lower than before.
    Better,
    /// The loss is higher than before by more than is tolerated.
    Worse,
}

impl Outcome {
    /// What two samples of losses say at once.
    pub(super) fn of(
        before: &LossCounts,
        after: &LossCounts,
        config: &ForgettingConfig,
        threshold: f64,
    ) -> Self {
        if log_e_rise(before, after, config.tolerance) > threshold {
            Self::Worse
        } else {
            Self::unless_worse(before, after, config, threshold)
        }
    }

    /// The same, of samples that do not show a rise.
    fn unless_worse(
        before: &LossCounts,
        after: &LossCounts,
        config: &ForgettingConfig,
        threshold: f64,
    ) -> Self {
        if log_e_rise(after, before, 0.0) > threshold {
            Self::Better
        } else if log_e_rise(after, before, -config.margin) > threshold {
            Self::Kept
        } else {
            Self::Undecided
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Kept => "kept",
            Self::Better => "better",
            Self::Worse => "worse",
        }
    }
}

/// How a task's observations fall before and after the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Split {
    /// By the version each names, so that versions may run side by side.
    Version(VersionId),
    /// By time: the task has versions of its own, or names none.
    Time(i64),
}

impl Split {
    pub(crate) fn is_after(self, version: VersionId, observed_ms: i64) -> bool {
        match self {
            Self::Version(new) => version == new,
            Self::Time(from_ms) => observed_ms >= from_ms,
        }
    }
}

/// Quality before the change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) losses: LossCounts,
    pub(crate) doubts: LossCounts,
    pub(crate) expected: Mean,
    /// Whether the losses are of the task's own recent past; otherwise they are the reference's.
    pub(crate) own: bool,
    /// The same of the doubts, which need no labels.
    pub(crate) own_doubts: bool,
    /// Whether what the old version goes on doing is added to them: not to the measure of an earlier change.
    pub(crate) grows: bool,
}

impl Baseline {
    /// Takes one minus the confidence of an observation, and what it is worth.
    pub(super) fn observe(&mut self, seen: &Unlabelled) {
        self.doubts.add(seen.doubt, 1.0);
        self.expected.add(seen.expected_quality);
    }

    fn may_take_doubts(&self) -> bool {
        self.own_doubts && self.grows && self.doubts.len() < MOST_OBSERVED
    }

    fn may_take_losses(&self) -> bool {
        self.own && self.grows && self.losses.len() < MOST_BEFORE
    }
}

/// A plain mean.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Mean {
    sum: f64,
    n: u64,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.sum += value;
            self.n += 1;
        }
    }

    pub(crate) fn get(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

/// The watch over one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskWatch {
    pub(crate) split: Split,
    /// What the update was for: the verdict that stood when the version was first seen.
    pub(crate) aim: Option<Verdict>,
    /// The version in force before.
    pub(crate) previous: VersionId,
    pub(crate) before: Baseline,
    pub(crate) losses: LossCounts,
    pub(crate) doubts: LossCounts,
    pub(crate) expected: Mean,
    /// Observations since the change under the new version, and under others.
    pub(crate) with: u64,
    pub(crate) without: u64,
    pub(crate) outcome: Outcome,
    pub(crate) log_e_worse: f64,
    pub(crate) log_e_doubt: f64,
    /// Whether the head is less confident than before.
    pub(crate) doubtful: bool,
    /// Labels until a fall by the margin can be excluded; `None` when decided, or when no number is enough.
    pub(crate) labels_missing: Option<u64>,
    recovery: RecoveryTest,
    recovered: bool,
    /// Losses, and observations, at the last answer.
    answered: (u64, u64),
}

impl TaskWatch {
    pub(crate) fn new(split: Split, aim: Option<Verdict>, previous: VersionId, before: Baseline) -> Self {
        Self {
            split,
            aim,
            previous,
            before,
            losses: LossCounts::default(),
            doubts: LossCounts::default(),
            expected: Mean::default(),
            with: 0,
            without: 0,
            outcome: Outcome::Undecided,
            log_e_worse: 0.0,
            log_e_doubt: 0.0,
            doubtful: false,
            labels_missing: None,
            recovery: RecoveryTest::default(),
            recovered: false,
            answered: (0, 0),
        }
    }

    /// Adds an observation; `clouded` when it fell under a shift common to the tasks.
    pub(crate) fn observe(&mut self, seen: &Unlabelled, clouded: bool, rules: &Rules) {
        if self.split.is_after(seen.version, seen.observed_ms) {
            if self.doubts.len() < MOST_OBSERVED {
                self.doubts.add(seen.doubt, 1.0);
                self.expected.add(seen.expected_quality);
            }
        } else if self.before.may_take_doubts() && !clouded {
            self.before.observe(seen);
        }
        if self.doubts.len() >= self.answered.1 + OBSERVATION_STRIDE {
            self.answered.1 = self.doubts.len();
            self.log_e_doubt = log_e_rise(&self.before.doubts, &self.doubts, rules.doubt_tolerance);
            self.doubtful = self.log_e_doubt > if self.doubtful { 0.0 } else { rules.threshold };
        }
    }

    /// Adds a loss.
    pub(crate) fn label(&mut self, loss: &LabelledLoss, clouded: bool, rules: &Rules) {
        if self.split.is_after(loss.version, loss.observed_ms) {
            self.recover(loss.loss, rules);
            if self.losses.len() < rules.config.max_labels {
                self.losses.add(loss.loss, loss.weight);
            }
        } else if self.before.may_take_losses() && !clouded {
            self.before.losses.add(loss.loss, loss.weight);
        }
        if self.known() >= self.answered.0 + LABEL_STRIDE {
            self.answer(rules);
        }
    }

    fn known(&self) -> u64 {
        self.losses.len() + self.before.losses.len() / BEFORE_STRIDE
    }

    /// Evidence that it is as good as before ends what was found.
    pub(crate) fn recover(&mut self, loss: f64, rules: &Rules) {
        if self.outcome != Outcome::Worse {
            return;
        }
        let bound = self.before.losses.mean() + rules.config.tolerance;
        if self.recovery.observe(loss, bound) > rules.recovery {
            self.outcome = Outcome::Kept;
            self.recovered = true;
        }
    }

    /// What the losses say now. What was once shown stands: each test errs at most at its rate, however often one looks.
    pub(crate) fn answer(&mut self, rules: &Rules) {
        let (config, threshold) = (&rules.config, rules.threshold);
        self.answered.0 = self.known();
        let (before, after) = (&self.before.losses, &self.losses);
        self.log_e_worse = log_e_rise(before, after, config.tolerance);
        let found = if self.log_e_worse > threshold && !self.recovered {
            Outcome::Worse
        } else {
            Outcome::unless_worse(before, after, config, threshold)
        };
        if found == Outcome::Worse && self.outcome != Outcome::Worse {
            self.recovery.start();
        }
        self.outcome = self.outcome.max(found);
        self.labels_missing = if self.outcome == Outcome::Undecided {
            losses_to_exclude_rise(before, config.margin, threshold)
                .map(|needed| needed.saturating_sub(after.len()).max(LABEL_STRIDE))
        } else {
            None
        };
    }
}
