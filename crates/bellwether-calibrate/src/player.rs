//! Events through a fresh engine, as production would see them: in order, labels when they become known.

use bellwether_events::{LabelRow, ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskId};
use bellwether_monitor::{Engine, MonitorConfig, Reference, TimelineLine};
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

/// One event to play.
#[derive(Debug, Clone)]
pub(crate) struct Event<'a> {
    pub(crate) task: TaskId,
    pub(crate) at_ms: i64,
    pub(crate) text: Option<&'a str>,
    pub(crate) embedding: Cow<'a, [f32]>,
    pub(crate) prediction: Prediction<'a>,
    /// The head's probability of its answer; NaN where it gives none.
    pub(crate) confidence: f32,
    /// When the label becomes known, and what it says.
    pub(crate) label: Option<(i64, Cow<'a, str>)>,
}

/// Plays events that are in order of time; `see` is shown the lines of every `chunk` events, and of what is left at the
/// end, and may stop.
pub(crate) fn play<'a>(
    reference: &Arc<Reference>,
    config: &MonitorConfig,
    events: impl Iterator<Item = Event<'a>>,
    chunk: usize,
    mut see: impl FnMut(&[TimelineLine]) -> ControlFlow<()>,
) {
    let mut engine = Engine::new(Arc::clone(reference), config.clone());
    let schema = reference.schema().clone();
    let mut labels: Vec<LabelRow> = Vec::new();
    let mut events = events.enumerate().peekable();
    while let Some((_, next)) = events.peek() {
        let first_ms = next.at_ms;
        // Labels that became known before this chunk; those of its own time follow with the next.
        engine.push_labels(take_before(&mut labels, first_ms));
        let mut builder = ObservationBatch::builder(&schema, chunk);
        let mut last_ms = first_ms;
        for (number, event) in events.by_ref().take(chunk) {
            last_ms = event.at_ms;
            let id = push(&mut builder, &schema, number, &event);
            if let Some((known_ms, label)) = event.label {
                labels.push(LabelRow {
                    event_id: id,
                    timestamp_ms: known_ms,
                    label: label.into_owned(),
                });
            }
        }
        engine.push_observations(builder.finish());
        engine.push_labels(take_before(&mut labels, last_ms));
        let lines = engine.advance(last_ms).expect("no store that could fail");
        if see(&lines).is_break() {
            return;
        }
    }
    engine.push_labels(labels);
    // The very end: whether the caller would stop no longer matters.
    let lines = engine.drain().expect("no store that could fail");
    let _end = see(&lines);
}

/// Adds an event to a batch; returns its id, whose order is that of the events.
fn push(
    builder: &mut bellwether_events::ObservationBatchBuilder,
    schema: &ModelSchema,
    number: usize,
    event: &Event<'_>,
) -> String {
    let id = format!("calibrate-{number:010}");
    // The batch keeps the largest probability alone, of one token for tags: it is handed over as the only one.
    let probabilities = [event.confidence];
    let known = event.confidence.is_finite() && !schema.spec(event.task).labels.is_empty();
    builder.push(&ObservationRow {
        event_id: &id,
        task: event.task,
        timestamp_ms: event.at_ms,
        text: event.text,
        embedding: &event.embedding,
        prediction: event.prediction,
        probabilities: if known { &probabilities } else { &[] },
        attributes: &[],
        model_version: None,
    });
    id
}

/// Takes out the labels that became known before a moment.
fn take_before(labels: &mut Vec<LabelRow>, before_ms: i64) -> Vec<LabelRow> {
    labels
        .extract_if(.., |label| label.timestamp_ms < before_ms)
        .collect()
}

/// The event time of a line, milliseconds since the epoch.
pub(crate) fn time_of(line: &TimelineLine) -> i64 {
    // The monitor writes RFC 3339; what cannot be read is put at the end, where it counts for nothing.
    line.timestamp
        .parse::<jiff::Timestamp>()
        .map_or(i64::MAX, jiff::Timestamp::as_millisecond)
}
