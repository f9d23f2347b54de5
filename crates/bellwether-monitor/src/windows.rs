//! Event time in windows of equal length, each summarised once when event time has passed it.
//!
//! Windows begin at multiples of their length since the epoch and are there only where something was judged. The engine is
//! taken exactly to the end of each, however far the watermark is: what a summary says depends on the events, and not on how
//! they came in turns. The exception are observations and labels that came later than allowed: they count in the window in
//! which they were judged.

use crate::engine::Engine;
use crate::join::PendingError;
use crate::status::{ModelStatus, PipelineCounts};
use crate::timeline::StoredLine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Cuts the way of an engine into windows.
#[derive(Debug, Clone)]
pub struct WindowCutter {
    length_ms: i64,
    /// Everything before it is in a window that is closed.
    closed_to_ms: i64,
    open: Option<OpenWindow>,
}

/// The window that event time is in.
#[derive(Debug, Clone)]
struct OpenWindow {
    start_ms: i64,
    end_ms: i64,
    lines: Vec<StoredLine>,
    /// What the engine had counted when the window began.
    before: Totals,
}

/// A window that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedWindow {
    /// Its first moment, in milliseconds since the epoch.
    pub start_ms: i64,
    /// The first moment behind it.
    pub end_ms: i64,
    /// Whether event time has passed its end; otherwise the stream has ended within it.
    pub is_complete: bool,
    /// The state at its end. Tasks in which nothing happened have an empty quality report, and no task has a drift report: they
    /// take longer than all the rest. Its counters are empty.
    pub status: ModelStatus,
    /// What was counted within it.
    pub counts: WindowCounts,
    /// Observations and labels of each task within it, in the order of the status.
    pub tasks: Vec<TaskCounts>,
    /// What was said within it, in order.
    pub lines: Vec<StoredLine>,
}

/// What was counted in a window, over all tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Observations judged.
    pub observations: u64,
    /// Observations that came later than allowed.
    pub late_observations: u64,
    /// Observations whose `event_id` was seen before.
    pub duplicate_observations: u64,
    /// Labels joined with their observation.
    pub labels: u64,
    /// Labels of observations already labelled.
    pub duplicate_labels: u64,
}

/// What was counted of one task in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    /// Observations judged, in order of time.
    pub observations: u64,
    /// Labels joined.
    pub labels: u64,
}

impl TaskCounts {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A cutter as it is kept over a restart, also over one with another reference or with detectors that begin anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptWindows {
    closed_to_ms: i64,
    open: Option<KeptOpen>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptOpen {
    start_ms: i64,
    end_ms: i64,
    lines: Vec<StoredLine>,
    counts: WindowCounts,
    tasks: BTreeMap<String, TaskCounts>,
}

impl KeptWindows {
    /// The first moment that is in no closed window; `None` before the first was closed.
    #[must_use]
    pub fn closed_to_ms(&self) -> Option<i64> {
        (self.closed_to_ms > i64::MIN).then_some(self.closed_to_ms)
    }

    /// What was said in the window that was open.
    #[must_use]
    pub fn lines(&self) -> &[StoredLine] {
        self.open.as_ref().map_or(&[], |open| &open.lines)
    }
}

/// What an engine has counted. Of an engine that began anew within a window, less than nothing before it: differences wrap.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Totals {
    counts: WindowCounts,
    tasks: Vec<TaskCounts>,
}

impl Totals {
    fn of(engine: &Engine) -> Self {
        let PipelineCounts {
            observations,
            late_observations,
            duplicate_observations,
            labels,
            duplicate_labels,
            ..
        } = engine.totals();
        Self {
            counts: WindowCounts {
                observations,
                late_observations,
                duplicate_observations,
                labels,
                duplicate_labels,
            },
            tasks: engine.task_totals().collect(),
        }
    }

    fn less(&self, before: &Self) -> Self {
        let tasks = self.tasks.iter().zip(&before.tasks);
        Self {
            counts: WindowCounts {
                observations: self.counts.observations.wrapping_sub(before.counts.observations),
                late_observations: self
                    .counts
                    .late_observations
                    .wrapping_sub(before.counts.late_observations),
                duplicate_observations: self
                    .counts
                    .duplicate_observations
                    .wrapping_sub(before.counts.duplicate_observations),
                labels: self.counts.labels.wrapping_sub(before.counts.labels),
                duplicate_labels: self
                    .counts
                    .duplicate_labels
                    .wrapping_sub(before.counts.duplicate_labels),
            },
            tasks: tasks
                .map(|(now, before)| TaskCounts {
                    observations: now.observations.wrapping_sub(before.observations),
                    labels: now.labels.wrapping_sub(before.labels),
                })
                .collect(),
        }
    }
}

impl WindowCutter {
    /// With windows of so many milliseconds, at least one.
    #[must_use]
    pub fn new(length_ms: i64) -> Self {
        Self {
            length_ms: length_ms.max(1),
            closed_to_ms: i64::MIN,
            open: None,
        }
    }

    /// Goes on with a cutter that was kept, beside the engine that goes on, or one that begins anew with what the former one had
    /// not judged. A window that was open keeps its end, whatever the length now is.
    #[must_use]
    pub fn resume(length_ms: i64, kept: &KeptWindows, engine: &Engine) -> Self {
        let open = kept.open.as_ref().map(|open| {
            let names = engine.task_names();
            let within = Totals {
                counts: open.counts,
                tasks: names
                    .map(|name| open.tasks.get(name).copied().unwrap_or_default())
                    .collect(),
            };
            OpenWindow {
                start_ms: open.start_ms,
                end_ms: open.end_ms,
                lines: open.lines.clone(),
                before: Totals::of(engine).less(&within),
            }
        });
        Self {
            closed_to_ms: kept.closed_to_ms,
            open,
            ..Self::new(length_ms)
        }
    }

    /// The cutter that goes on beside another engine, which begins where `before` has ended.
    #[must_use]
    pub fn gone_over(&self, before: &Engine, next: &Engine) -> Self {
        Self::resume(self.length_ms, &self.kept(before), next)
    }

    /// What is needed to go on, beside the snapshot of the engine.
    #[must_use]
    pub fn kept(&self, engine: &Engine) -> KeptWindows {
        let open = self.open.as_ref().map(|open| {
            let within = Totals::of(engine).less(&open.before);
            let tasks = engine.task_names().map(str::to_owned).zip(within.tasks);
            KeptOpen {
                start_ms: open.start_ms,
                end_ms: open.end_ms,
                lines: open.lines.clone(),
                counts: within.counts,
                tasks: tasks.filter(|(_, counts)| !counts.is_empty()).collect(),
            }
        });
        KeptWindows {
            closed_to_ms: self.closed_to_ms,
            open,
        }
    }

    /// Judges everything strictly before `watermark_ms`, as [`Engine::advance`] does, and adds the windows that are over then
    /// to `closed`. The lines are those that the engine would say without windows.
    ///
    /// # Errors
    /// As [`Engine::advance`].
    pub fn advance(
        &mut self,
        engine: &mut Engine,
        watermark_ms: i64,
        closed: &mut Vec<ClosedWindow>,
    ) -> Result<Vec<crate::TimelineLine>, PendingError> {
        let mut all = Vec::new();
        loop {
            if self.open.is_none() {
                let Some(oldest_ms) = engine.oldest_before(watermark_ms) else {
                    // Nothing is judged, but what comes later than this is late.
                    all.extend(engine.advance(watermark_ms)?);
                    return Ok(all);
                };
                self.begin(oldest_ms, engine);
            }
            let Some(open) = &mut self.open else {
                return Ok(all);
            };
            let lines = engine.advance(open.end_ms.min(watermark_ms))?;
            open.lines.extend(lines.iter().map(StoredLine::from));
            all.extend(lines);
            if open.end_ms > watermark_ms {
                return Ok(all);
            }
            closed.extend(self.close(engine, true));
        }
    }

    /// Judges all that is buffered, as [`Engine::drain`] does, and closes the window that this ends in as well.
    ///
    /// # Errors
    /// As [`Engine::drain`].
    pub fn drain(
        &mut self,
        engine: &mut Engine,
        closed: &mut Vec<ClosedWindow>,
    ) -> Result<Vec<crate::TimelineLine>, PendingError> {
        let lines = match engine.newest_buffered_ms() {
            Some(newest) => self.advance(engine, newest.saturating_add(1), closed)?,
            None => Vec::new(),
        };
        closed.extend(self.close(engine, false));
        Ok(lines)
    }

    /// What comes too late for its own window is judged in the first that is not closed.
    fn begin(&mut self, first_ms: i64, engine: &Engine) {
        let first_ms = first_ms.max(self.closed_to_ms);
        let start_ms = first_ms.div_euclid(self.length_ms).saturating_mul(self.length_ms);
        self.open = Some(OpenWindow {
            // A window of another length may have ended within this one.
            start_ms: start_ms.max(self.closed_to_ms),
            end_ms: start_ms.saturating_add(self.length_ms),
            lines: Vec::new(),
            before: Totals::of(engine),
        });
    }

    fn close(&mut self, engine: &Engine, is_complete: bool) -> Option<ClosedWindow> {
        let open = self.open.take()?;
        self.closed_to_ms = open.end_ms;
        let within = Totals::of(engine).less(&open.before);
        let happened = |at: usize| within.tasks.get(at).is_some_and(|counts| !counts.is_empty());
        Some(ClosedWindow {
            start_ms: open.start_ms,
            end_ms: open.end_ms,
            is_complete,
            status: engine.summary(happened),
            counts: within.counts,
            tasks: within.tasks,
            lines: open.lines,
        })
    }
}
