//! The recent lines of the timeline, numbered, and how often each verdict was given.

use bellwether_monitor::{TimelineLine, Verdict};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A line and its number; numbers start at 1 and grow by 1.
#[derive(Debug, Clone)]
pub(crate) struct NumberedLine {
    pub(crate) id: u64,
    pub(crate) line: Arc<TimelineLine>,
}

/// The most recent lines; older ones are forgotten, their counts are not.
#[derive(Debug)]
pub(crate) struct Timeline {
    capacity: usize,
    last_id: u64,
    lines: VecDeque<NumberedLine>,
    last_of_task: BTreeMap<String, NumberedLine>,
    verdict_changes: BTreeMap<(String, &'static str), u64>,
    shared_encoder: bool,
    shared_changes: u64,
}

impl Timeline {
    /// At most `capacity` lines, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            last_id: 0,
            lines: VecDeque::new(),
            last_of_task: BTreeMap::new(),
            verdict_changes: BTreeMap::new(),
            shared_encoder: false,
            shared_changes: 0,
        }
    }

    /// Adds lines of the past at the end. They were counted when they were said, by the process that said them.
    pub(crate) fn restore(&mut self, lines: &[TimelineLine]) {
        let counted = (self.verdict_changes.clone(), self.shared_changes);
        for line in lines {
            self.push(line);
        }
        (self.verdict_changes, self.shared_changes) = counted;
    }

    /// Adds a line at the end.
    pub(crate) fn push(&mut self, line: &TimelineLine) {
        self.last_id += 1;
        let numbered = NumberedLine {
            id: self.last_id,
            line: Arc::new(line.clone()),
        };
        match (&line.task, line.verdict) {
            (Some(task), Some(verdict)) => {
                let previous = self.last_of_task.insert(task.clone(), numbered.clone());
                // A task's line may also renew its reasons: only another verdict is a change.
                if previous.and_then(|p| p.line.verdict) != Some(verdict) {
                    *self
                        .verdict_changes
                        .entry((task.clone(), verdict.as_str()))
                        .or_insert(0) += 1;
                }
            }
            (None, _) => {
                self.shared_changes += u64::from(self.shared_encoder != line.shared_encoder);
                self.shared_encoder = line.shared_encoder;
            }
            (Some(_), None) => {}
        }
        if self.lines.len() == self.capacity {
            self.lines.pop_front();
        }
        self.lines.push_back(numbered);
    }

    /// Number of the newest line; 0 before the first.
    pub(crate) fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Number of lines held.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The oldest lines after number `id`, at most `limit`, in order.
    pub(crate) fn after(&self, id: u64, limit: usize) -> Vec<NumberedLine> {
        let first = self.lines.front().map_or(1, |line| line.id);
        let skip = usize::try_from(id.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.lines.iter().skip(skip).take(limit).cloned().collect()
    }

    /// The newest lines before number `before`, newest first, of one task or of all, at most `limit`.
    pub(crate) fn before(&self, before: Option<u64>, task: Option<&str>, limit: usize) -> Vec<NumberedLine> {
        self.lines
            .iter()
            .rev()
            .filter(|l| before.is_none_or(|id| l.id < id))
            .filter(|l| task.is_none_or(|task| l.line.task.as_deref() == Some(task)))
            .take(limit)
            .cloned()
            .collect()
    }

    /// The newest line of a task, kept even when the lines around it are forgotten.
    pub(crate) fn last_of(&self, task: &str) -> Option<NumberedLine> {
        self.last_of_task.get(task).cloned()
    }

    /// How often `task` changed to `verdict`.
    pub(crate) fn verdict_changes(&self, task: &str, verdict: Verdict) -> u64 {
        self.verdict_changes
            .get(&(task.to_owned(), verdict.as_str()))
            .copied()
            .unwrap_or(0)
    }

    /// How often `shared_encoder` was raised or cleared.
    pub(crate) fn shared_changes(&self) -> u64 {
        self.shared_changes
    }
}

#[cfg(test)]
mod tests {
    use super::Timeline;
    use bellwether_monitor::{TimelineLine, Verdict, rfc3339};

    fn line(task: Option<&str>, verdict: Verdict, shared_encoder: bool) -> TimelineLine {
        TimelineLine {
            timestamp: rfc3339(0),
            task: task.map(str::to_owned),
            verdict: Some(verdict),
            shared_encoder,
            since: rfc3339(0),
            confidence: 1.0,
            summary: String::new(),
            evidence: serde_json::Value::Null,
        }
    }

    fn ids(lines: &[super::NumberedLine]) -> Vec<u64> {
        lines.iter().map(|l| l.id).collect()
    }

    #[test]
    fn the_newest_lines_stay_and_keep_their_numbers() {
        let mut timeline = Timeline::new(3);
        assert!(timeline.after(0, 10).is_empty());
        for task in ["a", "b", "a", "b", "a"] {
            timeline.push(&line(Some(task), Verdict::Watch, false));
        }
        assert_eq!(ids(&timeline.after(0, 10)), [3, 4, 5]);
        assert_eq!(ids(&timeline.after(3, 1)), [4]);
        assert!(timeline.after(5, 10).is_empty());
        assert!(
            timeline.after(99, 10).is_empty(),
            "a number from the future is no reason to repeat"
        );
        assert_eq!(ids(&timeline.before(None, None, 2)), [5, 4]);
        assert_eq!(ids(&timeline.before(Some(5), Some("a"), 10)), [3]);
        assert_eq!((timeline.last_id(), timeline.len()), (5, 3));
    }

    #[test]
    fn only_another_verdict_counts_as_a_change() {
        let mut timeline = Timeline::new(2);
        for verdict in [Verdict::Watch, Verdict::Watch, Verdict::Healthy, Verdict::Watch] {
            timeline.push(&line(Some("a"), verdict, false));
        }
        assert_eq!(timeline.verdict_changes("a", Verdict::Watch), 2);
        assert_eq!(timeline.verdict_changes("a", Verdict::Healthy), 1);
        assert_eq!(timeline.verdict_changes("b", Verdict::Watch), 0);
        for shared in [true, true, false] {
            timeline.push(&line(None, Verdict::Healthy, shared));
        }
        assert_eq!(timeline.shared_changes(), 2);
        assert_eq!(
            timeline.last_of("a").map(|l| l.id),
            Some(4),
            "kept though its place in the list is gone"
        );
    }
}
