//! The catalogue of metrics: each row says what a metric means and where its samples come from.

mod alerts;
mod decision;
mod drift;
mod encoder;
mod model;
mod past;
mod pipeline;
mod process;
mod quality;
mod slice;
mod task;

use crate::exposition::{MetricDescription, MetricKind};
use crate::history::NumberedLine;
use crate::past::PastMetrics;
use crate::pipeline::PipelineMetrics;
use crate::process::ProcessMetrics;
use crate::samples::{Sample, Samples};
use crate::state::{ApiState, Exports};
use bellwether_alerts::AlertMetrics;
use bellwether_monitor::{ModelStatus, PipelineCounts, TaskStatus, Verdict};
use std::sync::Arc;

/// The sections of the catalogue in the order of the exposition.
pub(crate) static FAMILIES: &[(&str, &[Family])] = &[
    ("Model", model::FAMILIES),
    ("Encoder", encoder::FAMILIES),
    ("Tasks", task::FAMILIES),
    ("Quality reports", quality::FAMILIES),
    ("Drift reports", drift::FAMILIES),
    ("Slices", slice::FAMILIES),
    ("New versions and costs", decision::FAMILIES),
    ("Incidents and alerts", alerts::FAMILIES),
    ("History", past::FAMILIES),
    ("Pipeline", pipeline::FAMILIES),
    ("Process", process::FAMILIES),
];

/// One metric.
pub(crate) struct Family {
    pub(crate) description: MetricDescription,
    pub(crate) collect: fn(&Snapshot, &mut Samples),
}

const fn family(
    kind: MetricKind,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    collect: fn(&Snapshot, &mut Samples),
) -> Family {
    Family {
        description: MetricDescription {
            name,
            kind,
            labels,
            help,
        },
        collect,
    }
}

/// Everything that is measured, at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    status: Option<Arc<ModelStatus>>,
    published_ms: Option<i64>,
    pipeline: Arc<PipelineMetrics>,
    /// Per task, in the order of the status: how often each verdict was given, in the order of [`Verdict::ALL`].
    verdict_changes: Vec<[u64; Verdict::ALL.len()]>,
    /// Per task the line that was written last.
    last_lines: Vec<Option<NumberedLine>>,
    process: Option<ProcessMetrics>,
    exports: Exports,
    alerts: AlertMetrics,
    history: Option<PastMetrics>,
    shared_changes: u64,
    timeline_lines: usize,
    timeline_limit: usize,
    event_streams: usize,
    event_streams_limit: usize,
}

impl Snapshot {
    pub(crate) fn take(state: &ApiState) -> Self {
        let config = state.config();
        let alerts = state.alerts().metrics();
        let free = state.streams().available_permits();
        let shared = state.lock();
        let tasks = shared.status.as_deref().map_or(&[][..], |status| &status.tasks);
        let changes =
            |task: &TaskStatus| Verdict::ALL.map(|v| shared.timeline.verdict_changes(&task.task, v));
        Self {
            published_ms: shared.published_ms,
            pipeline: shared.pipeline.clone(),
            verdict_changes: tasks.iter().map(changes).collect(),
            last_lines: tasks
                .iter()
                .map(|task| shared.timeline.last_of(&task.task))
                .collect(),
            process: ProcessMetrics::now(),
            exports: shared.exports,
            alerts,
            history: state.past().map(|past| past.metrics()),
            shared_changes: shared.timeline.shared_changes(),
            timeline_lines: shared.timeline.len(),
            timeline_limit: config.timeline_lines,
            event_streams: config.event_streams.saturating_sub(free),
            event_streams_limit: config.event_streams,
            status: shared.status.clone(),
        }
    }

    /// Every family with its samples, in the order of the catalogue. The formats know no family without a sample; those per
    /// task have none before the tasks are known.
    pub(crate) fn families(&self) -> impl Iterator<Item = (&'static MetricDescription, Vec<Sample>)> {
        let sampled = |family: &'static Family| {
            let mut samples = Samples::new(family.description);
            (family.collect)(self, &mut samples);
            (&family.description, samples.into_samples())
        };
        let all = FAMILIES.iter().flat_map(|(_, families)| families.iter());
        all.map(sampled).filter(|(_, samples)| !samples.is_empty())
    }

    fn tasks(&self) -> &[TaskStatus] {
        self.status.as_deref().map_or(&[], |status| &status.tasks)
    }

    /// A number of the model, NaN before the first status.
    fn of_model(&self, value: fn(&ModelStatus) -> f64) -> f64 {
        self.status.as_deref().map_or(f64::NAN, value)
    }

    /// A counter of the engine, 0 before the first status.
    fn count(&self, count: fn(&PipelineCounts) -> u64) -> f64 {
        self.status
            .as_deref()
            .map_or(0.0, |status| count(&status.counts) as f64)
    }
}

/// Milliseconds as seconds; NaN for the 0 that stands for "not yet".
fn seconds(timestamp_ms: i64) -> f64 {
    if timestamp_ms == 0 {
        f64::NAN
    } else {
        timestamp_ms as f64 / 1000.0
    }
}

/// 1 for true.
fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}
