//! The watch as people and the API see it.

use super::task::{Outcome, Split, TaskWatch};
use super::{End, Finding, Forgetting, Watch};
use crate::explain::{estimate as estimate_json, number};
use crate::status::Estimate;
use crate::timeline::rfc3339;
use crate::verdict::Verdict;
use bellwether_stats::LossCounts;
use serde::Serialize;
use serde_json::{Value, json};

/// The newest change of version, watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForgettingStatus {
    /// The new version.
    pub model_version: String,
    /// The version before; `None` when it is not remembered or had no name.
    pub previous_version: Option<String>,
    /// Event time of the first observation under the new version.
    pub opened_ms: i64,
    /// Event time at which the watch ends at the latest.
    pub ends_ms: i64,
    /// Why it is over: `time`, `labels` or `withdrawn`; `None` while it goes on.
    pub ended: Option<&'static str>,
    /// Share of the observations since then that are the new version's, from 0 to 1; of tasks that are to take it over.
    pub share: f64,
    /// What the watch says, in one sentence.
    pub summary: String,
}

/// What a change of version did to one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskForgetting {
    /// `undecided`, `kept`, `better` or `worse`.
    pub outcome: &'static str,
    /// Whether no `retrain` or `continual_update` stood for the task when the version came, so that the update was not for it.
    pub left_alone: bool,
    /// Whether the task was left alone and got worse.
    pub forgotten: bool,
    /// What the labels are compared with: `past`, the task's own, or for want of labels the `reference`.
    pub baseline: &'static str,
    /// Mean loss before: share of wrong predictions (classes, whole tag sequences), or rank of the absolute error among
    /// the reference's; `None` without labels.
    pub loss_before: Option<Estimate>,
    /// Mean loss under the new version.
    pub loss_after: Option<Estimate>,
    /// Natural logarithm of the e-value that the loss rose by more than is tolerated.
    pub log_e_value: f64,
    /// The logarithm at which the task is called worse.
    pub threshold: f64,
    /// Labels under the new version until a fall by the margin can be excluded; `None` when the outcome is known, or when no
    /// number is enough because too little is known of the time before.
    pub labels_missing: Option<u64>,
    /// Mean of one minus confidence before; `None` without probabilities.
    pub doubt_before: Option<Estimate>,
    /// The same under the new version.
    pub doubt_after: Option<Estimate>,
    /// Natural logarithm of the e-value that confidence fell by more than is tolerated.
    pub doubt_log_e_value: f64,
    /// Whether confidence has fallen while labels do not tell yet.
    pub doubtful: bool,
    /// Quality expected by calibrated confidence before, from 0 to 1; `None` where it is not known.
    pub estimated_before: Option<f64>,
    /// The same under the new version.
    pub estimated_after: Option<f64>,
    /// The estimate under the new version less what its labels say; `None` without one of them.
    pub disagreement: Option<f64>,
    /// Observations under the new version.
    pub observations: u64,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Labels => "labels",
            Self::Withdrawn => "withdrawn",
        }
    }
}

pub(super) fn estimate(losses: &LossCounts) -> Option<Estimate> {
    (!losses.is_empty()).then(|| Estimate {
        value: losses.mean(),
        interval: losses.interval().into(),
        size: usize::try_from(losses.len()).unwrap_or(usize::MAX),
    })
}

impl Forgetting {
    /// The newest watch; `None` before the first change of version.
    pub(crate) fn status(&self, names: &[&str]) -> Option<ForgettingStatus> {
        let watch = self.watch.as_ref()?;
        let (with, all) = watch
            .tasks
            .iter()
            .filter(|t| matches!(t.split, Split::Version(_)))
            .fold((0, 0), |(with, all), t| (with + t.with, all + t.with + t.without));
        Some(ForgettingStatus {
            model_version: watch.name.clone(),
            previous_version: watch.before.clone(),
            opened_ms: watch.opened_ms,
            ends_ms: match watch.ended {
                Some((_, at_ms)) => at_ms,
                None => watch.opened_ms.saturating_add(self.rules.config.watch_for_ms),
            },
            ended: watch.ended.map(|(end, _)| end.as_str()),
            share: with as f64 / f64::max(all as f64, 1.0),
            summary: summary(watch, names),
        })
    }

    /// What the newest watch says of a task.
    pub(crate) fn task_status(&self, at: usize) -> Option<TaskForgetting> {
        let watch = self.watch.as_ref()?;
        let own = &watch.tasks[at];
        let worse = own.outcome == Outcome::Worse;
        let estimated_after = own.expected.get();
        let labelled = estimate(&own.losses);
        Some(TaskForgetting {
            outcome: own.outcome.as_str(),
            left_alone: own.aim.is_none(),
            forgotten: worse && own.aim.is_none(),
            baseline: if own.before.own { "past" } else { "reference" },
            loss_before: estimate(&own.before.losses),
            loss_after: labelled,
            log_e_value: own.log_e_worse,
            threshold: self.rules.threshold,
            labels_missing: own.labels_missing,
            doubt_before: estimate(&own.before.doubts),
            doubt_after: estimate(&own.doubts),
            doubt_log_e_value: own.log_e_doubt,
            doubtful: self.finding(at) == Some(Finding::Doubtful),
            estimated_before: own.before.expected.get(),
            estimated_after,
            disagreement: estimated_after.zip(labelled).map(|(e, l)| e - (1.0 - l.value)),
            observations: own.with,
        })
    }

    /// For the timeline; `None` before the first change of version.
    pub(crate) fn evidence(&self, at: usize) -> Option<Value> {
        let watch = self.watch.as_ref()?;
        let status = self.task_status(at)?;
        Some(json!({
            "model_version": watch.name,
            "previous_version": watch.before,
            "opened": rfc3339(watch.opened_ms),
            "ended": watch.ended.map(|(end, _)| end.as_str()),
            "outcome": status.outcome,
            "left_alone": status.left_alone,
            "forgotten": status.forgotten,
            "baseline": status.baseline,
            "loss_before": status.loss_before.map(estimate_json),
            "loss_after": status.loss_after.map(estimate_json),
            "log_e_value": number(status.log_e_value),
            "threshold": number(status.threshold),
            "tolerance": number(self.rules.config.tolerance),
            "labels_missing": status.labels_missing,
            "confidence_before": status.doubt_before.map(|d| number(1.0 - d.value)),
            "confidence_after": status.doubt_after.map(|d| number(1.0 - d.value)),
            "confidence_log_e_value": number(status.doubt_log_e_value),
            "doubtful": status.doubtful,
            "disagreement": status.disagreement.map(number),
            "observations": status.observations,
        }))
    }

    /// A finding as part of a sentence.
    pub(crate) fn clause(&self, at: usize, wanted: Finding) -> Option<String> {
        let finding = self.finding(at).filter(|f| *f == wanted)?;
        let watch = self.watch.as_ref()?;
        let own = &watch.tasks[at];
        let of_its_own = match wanted {
            Finding::Worse => own.before.own,
            Finding::Doubtful => own.before.own_doubts,
        };
        let against = match (&watch.before, of_its_own) {
            (Some(before), true) => format!("before it ({before})"),
            (None, true) => "before it".to_owned(),
            (_, false) => "in the reference".to_owned(),
        };
        Some(match finding {
            Finding::Worse => {
                let interval = own.losses.interval();
                format!(
                    "{} model_version {}, loss {:.2} [{:.2}, {:.2}] by {} labels, {:.2} {against}",
                    if own.aim.is_none() {
                        "forgotten under"
                    } else {
                        "worse under"
                    },
                    watch.name,
                    own.losses.mean(),
                    interval.low,
                    interval.high,
                    own.losses.len(),
                    own.before.losses.mean(),
                )
            }
            Finding::Doubtful => format!(
                "the head is less confident under model_version {} (mean {:.2}) than {against} ({:.2}), and labels do not tell yet",
                watch.name,
                1.0 - own.doubts.mean(),
                1.0 - own.before.doubts.mean(),
            ),
        })
    }
}

fn summary(watch: &Watch, names: &[&str]) -> String {
    let of = |filter: &dyn Fn(&TaskWatch) -> bool| -> Vec<&str> {
        let tasks = watch.tasks.iter().zip(names);
        tasks.filter(|(t, _)| filter(t)).map(|(_, name)| *name).collect()
    };
    let parts: Vec<String> = [
        (
            "forgotten",
            of(&|t| t.outcome == Outcome::Worse && t.aim.is_none()),
        ),
        (
            "worse though the update was for it",
            of(&|t| t.outcome == Outcome::Worse && t.aim.is_some()),
        ),
        ("better", of(&|t| t.outcome == Outcome::Better)),
        ("as before", of(&|t| t.outcome == Outcome::Kept)),
    ]
    .into_iter()
    .filter(|(_, tasks)| !tasks.is_empty())
    .map(|(word, tasks)| format!("{word}: {}", tasks.join(", ")))
    .chain(undecided(watch, names))
    .collect();
    let state = match watch.ended {
        Some((End::Withdrawn, _)) => " was withdrawn",
        Some(_) => ", watch over",
        None => "",
    };
    format!("model_version {}{state}: {}.", watch.name, parts.join("; "))
}

/// The tasks of which nothing can be said yet, with the labels that are missing.
fn undecided(watch: &Watch, names: &[&str]) -> Option<String> {
    let tasks: Vec<String> = watch
        .tasks
        .iter()
        .zip(names)
        .filter(|(t, _)| t.outcome == Outcome::Undecided)
        .map(|(t, name)| match t.labels_missing {
            Some(missing) => format!("{name} (about {missing} labels missing)"),
            None => format!("{name} (too few labels from before)"),
        })
        .collect();
    (!tasks.is_empty()).then(|| format!("cannot be told yet: {}", tasks.join(", ")))
}

/// Whether a verdict says that an update is for the task.
pub(super) fn is_aim(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Retrain | Verdict::ContinualUpdate)
}
