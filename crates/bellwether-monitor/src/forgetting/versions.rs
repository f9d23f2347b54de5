//! The versions of the model that were seen lately, by name, with what stood when each came.

use crate::snapshot::state;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// Number of a version; never used twice. [`NO_VERSION`] for an observation that names none.
pub(crate) type VersionId = u32;

/// Of an observation that names no version.
pub(crate) const NO_VERSION: VersionId = 0;

/// Versions that are remembered beyond two a task.
const SPARE: usize = 16;

/// One version of the model, or of one of its heads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) id: VersionId,
    pub(crate) name: Box<str>,
    pub(crate) first_ms: i64,
    last_ms: i64,
    /// Observations by task, `[tasks]`.
    seen: Vec<u64>,
    /// What stood for each task when the version was first seen: what the update may have been for. `[tasks]`.
    pub(crate) verdicts: Vec<Verdict>,
}

impl Version {
    /// Observations of the task at `at`.
    pub(crate) fn seen(&self, at: usize) -> u64 {
        self.seen[at]
    }
}

/// What is known of versions. Bounded: beyond it the one that was not seen for longest is forgotten.
#[derive(Debug, Clone)]
pub(crate) struct Versions {
    known: Vec<Version>,
    last: VersionId,
    tasks: usize,
    capacity: usize,
    forget_after_ms: i64,
}

state!(Versions {
    values: known, last;
    parts:
});

impl Versions {
    pub(crate) fn new(tasks: usize, forget_after_ms: i64) -> Self {
        Self {
            known: Vec::new(),
            last: NO_VERSION,
            tasks,
            capacity: 2 * tasks + SPARE,
            forget_after_ms,
        }
    }

    pub(crate) fn tasks(&self) -> usize {
        self.tasks
    }

    /// Whether each counts as many tasks as there are.
    pub(crate) fn fits(&self) -> bool {
        let fits = |v: &Version| v.seen.len() == self.tasks && v.verdicts.len() == self.tasks;
        self.known.iter().all(fits)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(crate) fn get(&self, id: VersionId) -> Option<&Version> {
        self.known.iter().find(|v| v.id == id)
    }

    /// Counts an observation of `task` under the version `name`; returns its number and how many of the task it has.
    /// `in_force` are versions that are kept whatever their age.
    pub(crate) fn note(
        &mut self,
        name: &str,
        task: usize,
        at_ms: i64,
        in_force: &[VersionId],
        verdicts: impl Iterator<Item = Verdict>,
    ) -> (VersionId, u64) {
        let at = match self.known.iter().position(|v| *v.name == *name) {
            Some(at) => at,
            None => self.add(name, at_ms, in_force, verdicts.collect()),
        };
        let version = &mut self.known[at];
        version.last_ms = version.last_ms.max(at_ms);
        version.seen[task] += 1;
        (version.id, version.seen[task])
    }

    fn add(&mut self, name: &str, at_ms: i64, in_force: &[VersionId], verdicts: Vec<Verdict>) -> usize {
        let horizon = at_ms.saturating_sub(self.forget_after_ms);
        self.known
            .retain(|v| v.last_ms >= horizon || in_force.contains(&v.id));
        if self.known.len() >= self.capacity {
            let oldest = (0..self.known.len())
                .filter(|&at| !in_force.contains(&self.known[at].id))
                .min_by_key(|&at| (self.known[at].last_ms, self.known[at].id));
            if let Some(oldest) = oldest {
                self.known.remove(oldest);
            }
        }
        self.last += 1;
        self.known.push(Version {
            id: self.last,
            name: name.into(),
            first_ms: at_ms,
            last_ms: at_ms,
            seen: vec![0; verdicts.len()],
            verdicts,
        });
        self.known.len() - 1
    }

    /// Forgets a version, so that it is new when it comes back.
    pub(crate) fn forget(&mut self, id: VersionId) {
        self.known.retain(|v| v.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(versions: &mut Versions, name: &str, at_ms: i64, in_force: &[VersionId]) -> (VersionId, u64) {
        versions.note(name, 0, at_ms, in_force, [Verdict::Healthy; 2].into_iter())
    }

    #[test]
    fn a_version_keeps_its_number_until_it_is_forgotten() {
        let mut versions = Versions::new(2, 100);
        assert_eq!(note(&mut versions, "a", 0, &[]), (1, 1));
        assert_eq!(note(&mut versions, "b", 1, &[]), (2, 1));
        assert_eq!(note(&mut versions, "a", 2, &[]), (1, 2));
        versions.forget(1);
        assert_eq!(note(&mut versions, "a", 3, &[]), (3, 1));
        assert_eq!(note(&mut versions, "c", 200, &[2]), (4, 1));
        assert!(versions.get(3).is_none(), "unseen for long");
        assert!(versions.get(2).is_some(), "in force");
    }

    #[test]
    fn a_name_for_every_event_takes_bounded_room_and_leaves_those_in_force() {
        let mut versions = Versions::new(2, i64::MAX);
        let (real, _) = note(&mut versions, "real", 0, &[]);
        for i in 0..1000 {
            note(&mut versions, &format!("junk {i}"), i, &[real]);
        }
        assert_eq!(versions.known.len(), versions.capacity);
        assert_eq!(note(&mut versions, "real", 1000, &[real]), (real, 2));
    }
}
