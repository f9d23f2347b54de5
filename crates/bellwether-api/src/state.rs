//! What the server knows: the newest status, the pipeline's numbers and a bounded history.

use crate::history::Timeline;
use crate::past::PastSource;
use crate::pipeline::PipelineMetrics;
use crate::references::References;
use crate::series::{PastPoint, Series};
use crate::work_sets::WorkSetSource;
use bellwether_alerts::Alerts;
use bellwether_monitor::{ModelStatus, TimelineLine};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, watch};

/// Questions about the past that are answered at one time: each reads files.
const PAST_QUERIES: usize = 2;

/// Bounds of what the server keeps and when it calls the pipeline stalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Timeline lines held for the page and the API; at least one. Default 10,000, about 20 MB at the most.
    pub timeline_lines: usize,
    /// Points held per task; at least two. When they are too many, neighbours merge. Default 720.
    pub series_points: usize,
    /// Clients of `/api/v1/events` at one time; more are refused. Default 64.
    pub event_streams: usize,
    /// Silence of the pipeline after which `/healthz` fails. Default one minute.
    pub stale_after: Duration,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            timeline_lines: 10_000,
            series_points: 720,
            event_streams: 64,
            stale_after: Duration::from_secs(60),
        }
    }
}

/// The handle that the pipeline writes to and the server reads from. A clone is another handle to the same state.
///
/// Every call takes a plain lock for a few microseconds and never waits for a client.
#[derive(Debug, Clone)]
pub struct ApiState {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ApiConfig,
    /// Identity of this run: line numbers start again when the process does.
    instance: String,
    /// The incidents.
    alerts: Alerts,
    // A plain mutex: it is never held across an await, and the work under it is short.
    shared: Mutex<Shared>,
    news: watch::Sender<News>,
    streams: Arc<Semaphore>,
    work_sets: OnceLock<Arc<dyn WorkSetSource>>,
    past: OnceLock<Arc<dyn PastSource>>,
    past_queries: Semaphore,
    references: OnceLock<Arc<dyn References>>,
}

/// Versions of what can change; a client that has seen both is up to date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) status_version: u64,
    pub(crate) last_line: u64,
}

/// Pushes of the metrics to a collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Exports {
    pub(crate) taken: u64,
    pub(crate) failed: u64,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) status: Option<Arc<ModelStatus>>,
    pub(crate) published_ms: Option<i64>,
    pub(crate) pipeline: Arc<PipelineMetrics>,
    pub(crate) timeline: Timeline,
    pub(crate) series: BTreeMap<String, Series>,
    pub(crate) exports: Exports,
    last_report: Instant,
}

impl ApiState {
    /// An empty state, with no incidents.
    #[must_use]
    pub fn new(config: ApiConfig) -> Self {
        Self::with_alerts(config, Alerts::in_memory("bellwether"))
    }

    /// An empty state that shows these incidents.
    #[must_use]
    pub fn with_alerts(config: ApiConfig, alerts: Alerts) -> Self {
        let shared = Shared {
            status: None,
            published_ms: None,
            pipeline: Arc::default(),
            timeline: Timeline::new(config.timeline_lines),
            series: BTreeMap::new(),
            exports: Exports::default(),
            last_report: Instant::now(),
        };
        let streams = Arc::new(Semaphore::new(config.event_streams.min(Semaphore::MAX_PERMITS)));
        let instance = format!("{:x}", wall_clock_ms());
        let inner = Inner {
            config,
            instance,
            alerts,
            shared: Mutex::new(shared),
            news: watch::Sender::default(),
            streams,
            work_sets: OnceLock::new(),
            past: OnceLock::new(),
            past_queries: Semaphore::new(PAST_QUERIES),
            references: OnceLock::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Shows these work sets. The first that are handed in stay.
    pub fn show_work_sets(&self, source: Arc<dyn WorkSetSource>) {
        self.inner.work_sets.get_or_init(|| source);
    }

    pub(crate) fn work_sets(&self) -> Option<Arc<dyn WorkSetSource>> {
        self.inner.work_sets.get().cloned()
    }

    /// Replaces the status and samples the course of each task. The pipeline calls this when it starts, so that every
    /// task is known, and then a few times a second.
    pub fn publish(&self, status: ModelStatus) {
        {
            let mut shared = self.lock();
            // Before the first event there is no time to put a point at.
            if status.event_time_ms != 0 {
                for task in &status.tasks {
                    if !shared.series.contains_key(&task.task) {
                        let empty = Series::new(self.inner.config.series_points);
                        shared.series.insert(task.task.clone(), empty);
                    }
                    if let Some(series) = shared.series.get_mut(&task.task) {
                        series.observe(status.event_time_ms, task);
                    }
                }
            }
            // A task that is no longer in the reference takes its history with it: what is held stays bounded.
            let tasks: Vec<&str> = status.tasks.iter().map(|t| t.task.as_str()).collect();
            shared.series.retain(|task, _| tasks.contains(&task.as_str()));
            shared.status = Some(Arc::new(status));
            shared.published_ms = Some(wall_clock_ms());
            shared.last_report = Instant::now();
        }
        self.inner.news.send_modify(|news| news.status_version += 1);
    }

    /// Appends lines to the timeline, in order.
    pub fn push_lines(&self, lines: &[TimelineLine]) {
        if lines.is_empty() {
            return;
        }
        let last_line = {
            let mut shared = self.lock();
            for line in lines {
                shared.timeline.push(line);
            }
            shared.timeline.last_id()
        };
        // Two writers may get here in either order.
        self.inner
            .news
            .send_modify(|news| news.last_line = news.last_line.max(last_line));
    }

    /// Begins with the past: lines in order, and points of each task in order. To be called before the first status and line;
    /// of tasks that the first status does not name, the points go.
    pub fn restore(&self, lines: &[TimelineLine], points: Vec<(String, PastPoint)>) {
        let last_line = {
            let mut shared = self.lock();
            shared.timeline.restore(lines);
            let capacity = self.inner.config.series_points;
            for (task, point) in points {
                let series = shared.series.entry(task);
                series.or_insert_with(|| Series::new(capacity)).restore(&point);
            }
            shared.timeline.last_id()
        };
        self.inner
            .news
            .send_modify(|news| news.last_line = news.last_line.max(last_line));
    }

    /// Replaces the pipeline's own numbers. Counts as a sign of life, so call it also while there is nothing to read.
    pub fn pipeline(&self, metrics: PipelineMetrics) {
        let mut shared = self.lock();
        shared.pipeline = Arc::new(metrics);
        shared.last_report = Instant::now();
    }

    /// Reports these numbers once a second, for ever: a sign of life while something takes long before the first turn.
    pub async fn keep_alive(&self, metrics: impl Fn() -> PipelineMetrics) -> Infallible {
        loop {
            self.pipeline(metrics());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Takes the status and the timeline back: they are another instance's to show now.
    pub fn withdraw(&self) {
        let mut shared = self.lock();
        shared.status = None;
        shared.published_ms = None;
        shared.series.clear();
        shared.timeline = Timeline::new(self.inner.config.timeline_lines);
    }

    /// Plugs in who keeps references; the first one counts. Without, the routes of references say that there are none.
    pub fn plug_references(&self, references: Arc<dyn References>) {
        self.inner.references.get_or_init(|| references);
    }

    /// Who keeps references.
    pub(crate) fn references(&self) -> Option<&Arc<dyn References>> {
        self.inner.references.get()
    }

    /// Counts a push of the metrics.
    pub(crate) fn count_export(&self, was_taken: bool) {
        let mut shared = self.lock();
        let exports = &mut shared.exports;
        let count = if was_taken {
            &mut exports.taken
        } else {
            &mut exports.failed
        };
        *count += 1;
    }

    /// Whether another instance judges, so that there is nothing to show here.
    pub(crate) fn stands_by(&self) -> bool {
        self.lock().pipeline.stands_by()
    }

    /// Identity of this run.
    pub(crate) fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// The bounds.
    pub(crate) fn config(&self) -> &ApiConfig {
        &self.inner.config
    }

    /// The incidents.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.inner.alerts
    }

    /// Tells of changes.
    pub(crate) fn news(&self) -> watch::Receiver<News> {
        self.inner.news.subscribe()
    }

    /// Names whoever keeps the past. The first one stays.
    pub fn keep_past(&self, source: Arc<dyn PastSource>) {
        self.inner.past.get_or_init(|| source);
    }

    /// Whoever keeps the past, if anybody does.
    pub(crate) fn past(&self) -> Option<Arc<dyn PastSource>> {
        self.inner.past.get().cloned()
    }

    /// One permit per question about the past.
    pub(crate) fn past_queries(&self) -> &Semaphore {
        &self.inner.past_queries
    }

    /// One permit per event stream.
    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.inner.streams
    }

    /// How long the pipeline has been silent for too long at `now`; `None` while it is live or its input is over.
    pub(crate) fn stalled(&self, now: Instant) -> Option<Duration> {
        let shared = self.lock();
        let silence = now.saturating_duration_since(shared.last_report);
        (silence > self.inner.config.stale_after && !shared.pipeline.is_over()).then_some(silence)
    }

    /// The state itself, for a short read. Not to be held across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic under the lock leaves whole values behind: each is replaced or appended at once.
        self.inner.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn wall_clock_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{ApiConfig, ApiState};
    use crate::PipelineMetrics;
    use std::time::{Duration, Instant};

    #[test]
    fn silence_beyond_a_minute_is_a_stall_unless_the_input_is_over() {
        let state = ApiState::new(ApiConfig::default());
        let start = Instant::now();
        assert_eq!(state.stalled(start + Duration::from_secs(59)), None);
        let silence = state
            .stalled(start + Duration::from_secs(61))
            .expect("a minute has passed");
        assert!(silence > Duration::from_secs(60));

        state.pipeline(PipelineMetrics {
            progress_ratio: Some(0.99),
            ..PipelineMetrics::default()
        });
        assert!(state.stalled(Instant::now() + Duration::from_secs(61)).is_some());
        state.pipeline(PipelineMetrics {
            progress_ratio: Some(1.0),
            ..PipelineMetrics::default()
        });
        assert_eq!(state.stalled(Instant::now() + Duration::from_secs(3600)), None);
    }
}
