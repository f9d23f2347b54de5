//! `[work_sets]`: where work sets go, how large they are, and for how long they stay.

use super::document::Document;
use std::path::{Path, PathBuf};

/// Where and how sets are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkSetsConfig {
    pub(crate) directory: PathBuf,
    /// Observations that may be labelled.
    pub(crate) budget: usize,
    /// How long a set stays, in milliseconds since it was written.
    pub(crate) retention_ms: i64,
    /// Most sets that stay.
    pub(crate) max_sets: usize,
}

/// Thirteen weeks: a quarter's alarms are at hand.
const RETENTION_MS: i64 = 91 * 24 * 3_600_000;

impl Default for WorkSetsConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::new(),
            budget: 200,
            retention_ms: RETENTION_MS,
            max_sets: 200,
        }
    }
}

/// `None` without a directory: then there are no sets.
pub(super) fn work_sets(document: &mut Document, base: &Path) -> Option<WorkSetsConfig> {
    let defaults = WorkSetsConfig::default();
    let directory = document.string("work_sets.directory");
    let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let budget = document.integer("work_sets.budget", 1..=100_000);
    let retention_ms = document.duration_ms("work_sets.retention");
    let max_sets = document.integer("work_sets.max_sets", 1..=100_000);
    let directory = base.join(directory?);
    Some(WorkSetsConfig {
        directory,
        budget: budget.map_or(defaults.budget, whole),
        retention_ms: retention_ms.unwrap_or(defaults.retention_ms),
        max_sets: max_sets.map_or(defaults.max_sets, whole),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn sets_need_a_directory_and_have_defaults() {
        let of = |text: &str| Config::parse(text, Path::new("/etc/bellwether")).expect("no problem");
        let without = of("[work_sets]\nbudget = 50");
        assert!(without.work_sets.is_none() && !without.monitor.work_sets);
        let config = of("[work_sets]\ndirectory = \"sets\"\nbudget = 50\nretention = \"7d\"\nmax_sets = 9");
        assert!(config.monitor.work_sets);
        assert_eq!(
            config.work_sets,
            Some(WorkSetsConfig {
                directory: PathBuf::from("/etc/bellwether/sets"),
                budget: 50,
                retention_ms: 7 * 24 * 3_600_000,
                max_sets: 9,
            })
        );
        let defaults = of("[work_sets]\ndirectory = \"sets\"")
            .work_sets
            .expect("configured");
        assert_eq!((defaults.budget, defaults.max_sets), (200, 200));
    }
}
