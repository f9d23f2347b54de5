//! Questions about the past, which somebody else answers: this crate knows not where it is kept.

use bellwether_monitor::TimelineLine;
use serde::Serialize;
use std::fmt;
use std::pin::Pin;
use utoipa::ToSchema;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastQuery {
    /// Of this task alone.
    pub task: Option<String>,
    /// From this moment on, in milliseconds since the epoch.
    pub from_ms: Option<i64>,
    /// Strictly before this moment.
    pub to_ms: Option<i64>,
    /// Behind this place: [`PastPage::next`] of the page before.
    pub after: Option<String>,
    /// So many at the most.
    pub limit: usize,
}

/// A part of the answer, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct PastPage<T> {
    /// There may be fewer than asked for, and none, although there is more to read.
    pub rows: Vec<T>,
    /// Where to read on; `None` at the end.
    pub next: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PastError {
    /// The place to read on from is none.
    #[error("{0:?} is no place to read on from")]
    Cursor(String),
    /// The history cannot be read now. What is wrong is in the log.
    #[error("the history cannot be read")]
    Unavailable,
}

/// An answer that is on its way.
pub type PastAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<PastPage<T>, PastError>> + Send + 'a>>;

/// Whoever keeps the past.
pub trait PastSource: fmt::Debug + Send + Sync {
    /// Tasks by window.
    fn windows(&self, query: PastQuery) -> PastAnswer<'_, PastWindow>;
    /// Lines of the timeline.
    fn verdicts(&self, query: PastQuery) -> PastAnswer<'_, TimelineLine>;
}

/// One task in one window of event time, as it stood at the window's end.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PastWindow {
    /// First moment of the window.
    pub window_start: String,
    /// First moment behind it.
    pub window_end: String,
    /// The task.
    pub task: String,
    /// What stood: one of the six verdicts.
    pub verdict: String,
    /// Since when its cause held.
    pub since: Option<String>,
    /// From 0 to 1.
    pub confidence: Option<f64>,
    /// Why, in a sentence.
    pub summary: String,
    /// Observations judged in the window.
    pub observations: u64,
    /// Labels joined in the window.
    pub labels: u64,
    /// Share of the recent observations that have a label.
    pub label_coverage: Option<f64>,
    /// Median delay of the recent labels.
    pub label_delay_seconds: Option<f64>,
    /// Squared distance of the mean residual within classes over the reference's residual variance.
    pub drift_within_class: Option<f64>,
    /// Total variation distance of the predicted-class proportions.
    pub drift_mix: Option<f64>,
    /// Share of the recent observations that are far from the reference.
    pub far_ratio: Option<f64>,
    /// `accuracy`, `span_f1` or `mae`.
    pub quality_metric: String,
    /// That metric in the reference.
    pub quality_reference: Option<f64>,
    /// That metric by labels.
    pub quality: PastEstimate,
    /// What is expected without labels.
    pub estimated: PastEstimate,
}

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct PastEstimate {
    /// The value.
    pub value: Option<f64>,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Labels or observations it rests on.
    pub size: Option<u64>,
}
