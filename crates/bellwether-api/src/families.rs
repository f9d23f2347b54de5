//! The catalogue of metrics: each row says what a metric means and where its samples come from.

mod decision;
mod drift;
mod model;
mod pipeline;
mod quality;
mod slice;
mod task;

use crate::exposition::{MetricDescription, MetricKind};
use crate::pipeline::PipelineMetrics;
use crate::state::ApiState;
use bellwether_monitor::{ModelStatus, PipelineCounts, TaskStatus, Verdict};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric};
use std::sync::Arc;

/// The sections of the catalogue in the order of the exposition.
pub(crate) static FAMILIES: &[(&str, &[Family])] = &[
    ("Model", model::FAMILIES),
    ("Tasks", task::FAMILIES),
    ("Quality reports", quality::FAMILIES),
    ("Drift reports", drift::FAMILIES),
    ("Slices", slice::FAMILIES),
    ("New versions and costs", decision::FAMILIES),
    ("Pipeline", pipeline::FAMILIES),
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
pub(crate) struct Snapshot {
    status: Option<Arc<ModelStatus>>,
    published_ms: Option<i64>,
    pipeline: Arc<PipelineMetrics>,
    /// Per task, in the order of the status: how often each verdict was given, in the order of [`Verdict::ALL`].
    verdict_changes: Vec<[u64; Verdict::ALL.len()]>,
    shared_changes: u64,
    timeline_lines: usize,
    timeline_limit: usize,
    event_streams: usize,
    event_streams_limit: usize,
}

impl Snapshot {
    pub(crate) fn take(state: &ApiState) -> Self {
        let config = state.config();
        let free = state.streams().available_permits();
        let shared = state.lock();
        let tasks = shared.status.as_deref().map_or(&[][..], |status| &status.tasks);
        let changes =
            |task: &TaskStatus| Verdict::ALL.map(|v| shared.timeline.verdict_changes(&task.task, v));
        Self {
            published_ms: shared.published_ms,
            pipeline: shared.pipeline.clone(),
            verdict_changes: tasks.iter().map(changes).collect(),
            shared_changes: shared.timeline.shared_changes(),
            timeline_lines: shared.timeline.len(),
            timeline_limit: config.timeline_lines,
            event_streams: config.event_streams.saturating_sub(free),
            event_streams_limit: config.event_streams,
            status: shared.status.clone(),
        }
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

/// The samples of one family.
pub(crate) struct Samples {
    family: MetricDescription,
    metrics: Vec<Metric>,
}

impl Samples {
    pub(crate) fn new(family: MetricDescription) -> Self {
        Self {
            family,
            metrics: Vec::new(),
        }
    }

    pub(crate) fn into_metrics(self) -> Vec<Metric> {
        self.metrics
    }

    /// The one sample of a family without labels.
    fn value(&mut self, value: f64) {
        self.labelled(&[], value);
    }

    /// A sample; the label values are in the order of the family's labels.
    fn labelled(&mut self, labels: &[&str], value: f64) {
        let mut metric = Metric::from_label(self.labels(labels));
        if self.family.kind == MetricKind::Counter {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
    }

    /// The one sample of a histogram without labels.
    fn histogram(&mut self, count: u64, sum: u64, cumulative: impl Iterator<Item = (u64, u64)>) {
        let bucket = |(bound, count): (u64, u64)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound as f64);
            bucket.set_cumulative_count(count);
            bucket
        };
        let mut histogram = Histogram::default();
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum as f64);
        histogram.set_bucket(cumulative.map(bucket).collect());
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }

    fn labels(&self, values: &[&str]) -> Vec<LabelPair> {
        debug_assert_eq!(self.family.labels.len(), values.len(), "{}", self.family.name);
        let pair = |(name, value): (&&str, &&str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        self.family.labels.iter().zip(values).map(pair).collect()
    }
}
