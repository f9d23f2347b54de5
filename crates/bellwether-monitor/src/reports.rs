//! Reports at hand, for whoever looks more often than they change.

use crate::drift::DriftReport;
use crate::quality::QualityReport;
use bellwether_events::TaskId;
use std::collections::BTreeMap;

/// Quality reports that one look makes anew at the most: each takes up to some milliseconds, and there may be many tasks.
const QUALITY_RENEWED: usize = 4;
/// Drift reports that one look makes anew at the most: each takes some ten milliseconds.
const DRIFT_RENEWED: usize = 1;

/// Observations and labels of a task: what has happened to it. And when texts were last looked at, where a report shows some.
pub(crate) type Version = (u64, u64, i64);

/// The last reports of each task.
#[derive(Debug, Clone)]
pub struct TaskReports {
    pub(crate) quality: PerTask<QualityReport>,
    pub(crate) drift: PerTask<DriftReport>,
}

impl Default for TaskReports {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskReports {
    /// Nothing at hand.
    #[must_use]
    pub fn new() -> Self {
        Self {
            quality: PerTask::new(QUALITY_RENEWED),
            drift: PerTask::new(DRIFT_RENEWED),
        }
    }
}

/// The last report of each task, of one sort.
#[derive(Debug, Clone)]
pub(crate) struct PerTask<T> {
    /// With its version and the look at which it was made.
    reports: BTreeMap<TaskId, (Version, u64, T)>,
    looks: u64,
    renewed: usize,
}

impl<T: Clone> PerTask<T> {
    /// Nothing at hand; a look makes at most `renewed` anew.
    fn new(renewed: usize) -> Self {
        Self {
            reports: BTreeMap::new(),
            looks: 0,
            renewed,
        }
    }

    /// Makes the missing reports, and the oldest few of those whose task has a new version.
    pub(crate) fn renew(
        &mut self,
        tasks: impl Iterator<Item = (TaskId, Version)>,
        make: impl Fn(TaskId) -> T,
    ) {
        self.looks += 1;
        // Those never made come first: look 0.
        let mut stale: Vec<(u64, TaskId, Version)> = tasks
            .filter_map(|(task, version)| match self.reports.get(&task) {
                Some((made, ..)) if *made == version => None,
                Some((_, look, _)) => Some((*look, task, version)),
                None => Some((0, task, version)),
            })
            .collect();
        stale.sort_unstable();
        let missing = stale.iter().filter(|(look, ..)| *look == 0).count();
        for (_, task, version) in stale.into_iter().take(missing.max(self.renewed)) {
            self.reports.insert(task, (version, self.looks, make(task)));
        }
    }

    /// The report at hand.
    pub(crate) fn get(&self, task: TaskId) -> Option<T> {
        self.reports.get(&task).map(|(.., report)| report.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_look_renews_the_oldest_few_and_only_what_has_changed() {
        let mut reports = PerTask::new(4);
        let made = RefCell::new(Vec::new());
        let mut look = |version: u64, changed: u16| {
            made.borrow_mut().clear();
            let tasks = (0..10).map(|t| (TaskId(t), (if t < changed { version } else { 0 }, 0, 0)));
            reports.renew(tasks, |task| {
                made.borrow_mut().push(task.0);
                task.0
            });
            assert!((0..10).all(|t| reports.get(TaskId(t)).is_some()));
            made.borrow().clone()
        };
        assert_eq!(look(0, 10).len(), 10, "none is missing after the first look");
        assert!(look(0, 10).is_empty());
        assert_eq!(look(1, 10), [0, 1, 2, 3]);
        assert_eq!(look(2, 10), [4, 5, 6, 7]);
        assert_eq!(look(3, 10), [8, 9, 0, 1], "the oldest first");
    }
}
