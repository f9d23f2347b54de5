//! All that a report says, gathered at one moment.

use super::ReportOptions;
use super::words::{at_ms, need};
use crate::pipeline::PipelineMetrics;
use crate::series::{Point, Series};
use crate::state::ApiState;
use bellwether_alerts::IncidentState;
use bellwether_monitor::{ModelStatus, TaskStatus, TimelineLine, Verdict};
use bellwether_worksets::Header;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tasks that are told in full: beyond them nobody reads on, and the file stays fit to mail.
const MOST_DETAILS: usize = 24;
/// Work sets that are looked through.
const MOST_SETS: usize = 500;

/// What stood for a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Task(Verdict),
    /// A shift is common to the tasks.
    Shared,
    /// None is.
    NotShared,
}

impl State {
    /// The name in the style sheet.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Task(verdict) => verdict.as_str(),
            Self::Shared => "shared",
            Self::NotShared => "healthy",
        }
    }

    /// In words.
    pub(super) fn words(self) -> String {
        match self {
            Self::Task(verdict) => super::words::word(verdict.as_str()),
            Self::Shared => "shared encoder".to_owned(),
            Self::NotShared => "no common shift".to_owned(),
        }
    }
}

/// A stretch of one state within the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) state: State,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

/// The groups of a task's newest work set, and which event is in which.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) header: Header,
    pub(super) members: BTreeMap<String, u32>,
}

/// What a report is made of.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) options: ReportOptions,
    pub(super) status: Arc<ModelStatus>,
    pub(super) pipeline: Arc<PipelineMetrics>,
    /// First and last moment of event time.
    pub(super) period: (i64, i64),
    /// Changes within the period, oldest first.
    pub(super) changes: Vec<(i64, Arc<TimelineLine>)>,
    /// All that is held, oldest first: what stood when the period began.
    lines: Vec<(i64, Arc<TimelineLine>)>,
    /// By the order of need: places of the tasks in the status.
    order: Vec<usize>,
    courses: BTreeMap<String, Vec<Point>>,
    pub(super) incidents: Vec<IncidentState>,
    groups: BTreeMap<String, Arc<Groups>>,
}

impl Facts {
    /// `None` before the first status.
    pub(super) fn gather(state: &ApiState, options: ReportOptions) -> Option<Self> {
        let (status, pipeline, lines, series) = {
            let shared = state.lock();
            let lines = shared.timeline.before(None, None, usize::MAX);
            (
                shared.status.clone()?,
                Arc::clone(&shared.pipeline),
                lines,
                shared.series.clone(),
            )
        };
        let lines: Vec<_> = lines
            .into_iter()
            .rev()
            .map(|numbered| (at_ms(&numbered.line.timestamp), numbered.line))
            .collect();
        let period = period(&options, &status, &lines, &series);
        let within = |at: i64| (period.0..=period.1).contains(&at);
        let mut order: Vec<usize> = (0..status.tasks.len()).collect();
        order.sort_by_key(|&at| {
            let task = &status.tasks[at];
            let since = if task.since_ms == 0 {
                i64::MAX
            } else {
                task.since_ms
            };
            (need(task.verdict), since, task.task.clone())
        });
        let courses = series
            .into_iter()
            .map(|(task, series)| {
                let points = series.points().iter().filter(|p| within(p.timestamp_ms));
                (task, points.cloned().collect())
            })
            .collect();
        let mut incidents = state.alerts().incidents();
        incidents.retain(|state| {
            let incident = &state.entry.incident;
            let ended_before = !incident.is_firing() && at_ms(&incident.changed) < period.0;
            at_ms(&incident.opened) <= period.1 && !ended_before
        });
        incidents.sort_by(|a, b| {
            let (a, b) = (&a.entry.incident, &b.entry.incident);
            (&a.opened, &a.key).cmp(&(&b.opened, &b.key))
        });
        let mut facts = Self {
            changes: lines.iter().filter(|(at, _)| within(*at)).cloned().collect(),
            groups: BTreeMap::new(),
            options,
            status,
            pipeline,
            period,
            lines,
            order,
            courses,
            incidents,
        };
        facts.groups = facts.gather_groups(state);
        Some(facts)
    }

    /// The groups of the tasks that are told in full.
    fn gather_groups(&self, state: &ApiState) -> BTreeMap<String, Arc<Groups>> {
        let Some(source) = state.work_sets() else {
            return BTreeMap::new();
        };
        let sets = source.list(MOST_SETS).unwrap_or_else(|error| {
            tracing::warn!(error, "The report has no groups: work sets cannot be read");
            Vec::new()
        });
        let mut read: BTreeMap<String, Arc<Groups>> = BTreeMap::new();
        let mut groups = BTreeMap::new();
        for task in self.detailed() {
            let is_of = |header: &Header| match &header.task {
                Some(of) => *of == task.task,
                None => header.tasks.iter().any(|other| other.task == task.task),
            };
            let Some(entry) = sets.iter().find(|entry| is_of(&entry.header)) else {
                continue;
            };
            let id = &entry.header.id;
            if !read.contains_key(id)
                && let Ok(Some(set)) = source.read(id)
            {
                let of =
                    |row: &bellwether_worksets::SetRow| Some((row.observation.event_id.clone(), row.group?));
                let members = set.rows.iter().filter_map(of).collect();
                let header = set.header;
                read.insert(id.clone(), Arc::new(Groups { header, members }));
            }
            if let Some(found) = read.get(id) {
                groups.insert(task.task.clone(), Arc::clone(found));
            }
        }
        groups
    }

    /// The tasks, what asks for action first.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &TaskStatus> {
        self.order.iter().map(|&at| &self.status.tasks[at])
    }

    /// Those that need something and are told in full.
    pub(super) fn detailed(&self) -> impl Iterator<Item = &TaskStatus> {
        self.tasks()
            .filter(|task| task.verdict.is_alarm() || task.verdict == Verdict::Watch)
            .take(MOST_DETAILS)
    }

    /// The others.
    pub(super) fn in_short(&self) -> impl Iterator<Item = &TaskStatus> {
        self.tasks().skip(self.detailed().count())
    }

    /// The points of a task within the period.
    pub(super) fn course(&self, task: &str) -> &[Point] {
        self.courses.get(task).map_or(&[], Vec::as_slice)
    }

    pub(super) fn groups(&self, task: &str) -> Option<&Groups> {
        self.groups.get(task).map(Arc::as_ref)
    }

    /// The stretches of one state each within the period, oldest first; of `None` those of the shared encoder.
    pub(super) fn segments(&self, task: Option<&str>) -> Vec<Segment> {
        let (start, end) = self.period;
        let of_task = |verdict: Option<Verdict>| State::Task(verdict.unwrap_or(Verdict::Unknown));
        let of_model = |shared: bool| if shared { State::Shared } else { State::NotShared };
        let said = self.lines.iter().filter(|(_, line)| line.task.as_deref() == task);
        let mut states: Vec<(i64, State)> = said
            .map(|(at, line)| {
                let state = match task {
                    Some(_) => of_task(line.verdict),
                    None => of_model(line.shared_encoder),
                };
                (*at, state)
            })
            .collect();
        let first = match (states.is_empty(), task) {
            (false, Some(_)) => State::Task(Verdict::Unknown),
            (false, None) => State::NotShared,
            (true, Some(name)) => {
                let found = self.status.tasks.iter().find(|t| t.task == name);
                of_task(found.map(|t| t.verdict))
            }
            (true, None) => of_model(self.status.shared_encoder),
        };
        let begin = states.first().map_or(start, |(at, _)| start.min(*at));
        states.insert(0, (begin, first));
        states.dedup_by_key(|(_, state)| *state);
        let ends = states
            .iter()
            .skip(1)
            .map(|(at, _)| *at)
            .chain([end])
            .collect::<Vec<_>>();
        states
            .iter()
            .zip(ends)
            .map(|(&(at, state), until)| Segment {
                state,
                start_ms: at.max(start),
                end_ms: until.min(end),
            })
            .filter(|segment| segment.end_ms > segment.start_ms)
            .collect()
    }
}

/// What is asked for, or all that is held.
fn period(
    options: &ReportOptions,
    status: &ModelStatus,
    lines: &[(i64, Arc<TimelineLine>)],
    series: &BTreeMap<String, Series>,
) -> (i64, i64) {
    let end = options.to_ms.unwrap_or(status.event_time_ms);
    let points = series
        .values()
        .filter_map(|s| Some(s.points().first()?.timestamp_ms));
    let oldest = points.chain(lines.first().map(|(at, _)| *at)).min();
    let start = options.from_ms.or(oldest).unwrap_or(end);
    (start.min(end), end)
}
