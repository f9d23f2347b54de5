//! Rows as a decoder of any format hands them over, and the checks that all formats share.
//!
//! A decoder outside this crate reads its bytes into a [`RawRow`] and calls [`push`]; a label goes through [`label`].
//! So every format refuses the same rows, for the same reasons, in the same words.

use crate::attributes::Attribute;
use crate::batch::{LabelRow, ObservationBatchBuilder};
use crate::check::{self, quoted};
pub use crate::floats::Floats;
use crate::reject::{Fault, RejectReason};
use crate::schema::{ModelSchema, TaskId, TaskKind};

/// One observation as read, before anything is known about it. `None` stands for absent and null alike.
#[derive(Debug)]
pub struct RawRow<'a> {
    /// Identifier of the event.
    pub event_id: Option<&'a str>,
    /// Name of the task.
    pub task: Option<&'a str>,
    /// When the prediction was made, in milliseconds since the epoch, UTC.
    pub timestamp_ms: Option<i64>,
    /// The input.
    pub text: Option<&'a str>,
    /// What the head said.
    pub prediction: Option<RawPrediction<'a>>,
    /// How sure it was; empty where none were sent.
    pub probabilities: RawProbabilities<'a>,
    /// The shared encoder's output.
    pub embedding: Option<Floats<'a>>,
    /// Names and values that cut the traffic into slices.
    pub attributes: &'a [Attribute<'a>],
    /// Version of the model that predicted.
    pub model_version: Option<&'a str>,
    /// Version of the encoder that embedded.
    pub encoder_version: Option<&'a str>,
}

/// A prediction as written.
#[derive(Debug, Clone, Copy)]
pub enum RawPrediction<'a> {
    /// A class, tags, or a number as text.
    Text(&'a str),
    /// A number, or a class whose name is one.
    Number(f64),
}

/// Probabilities as read, row by row; `width` is the length of the rows when they came as arrays of their own.
#[derive(Debug, Clone, Copy)]
pub struct RawProbabilities<'a> {
    /// The numbers, in the order of the task's labels.
    pub values: &'a [f32],
    /// Numbers in each row.
    pub width: Option<usize>,
}

/// Checks a row and adds it to the batch.
///
/// # Errors
/// A [`Fault`] with what is wrong with the row; then nothing was added.
pub fn push(
    schema: &ModelSchema,
    row: &RawRow<'_>,
    builder: &mut ObservationBatchBuilder,
) -> Result<(), Fault> {
    check::push(schema, row, builder)
}

/// Whether a row is a canary, or of another encoder than the reference: then it is noted as such, whatever else it holds.
#[must_use]
pub fn is_of_encoder_alone(
    schema: &ModelSchema,
    event_id: Option<&str>,
    encoder_version: Option<&str>,
) -> bool {
    check::is_of_encoder_alone(schema, event_id, encoder_version)
}

/// Checks a label.
///
/// # Errors
/// A [`Fault`] when a part is missing, empty or out of range.
pub fn label(
    event_id: Option<&str>,
    timestamp_ms: Option<i64>,
    label: Option<&str>,
) -> Result<LabelRow, Fault> {
    Ok(LabelRow {
        event_id: check::event_id(event_id)?.to_owned(),
        timestamp_ms: check::timestamp(timestamp_ms)?,
        label: check::label(label)?.to_owned(),
    })
}

/// Milliseconds since the epoch of an RFC 3339 time with an offset, rounded down; none when it is no such time.
#[must_use]
pub fn time_ms(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond().div_euclid(1_000_000)).ok()
}

/// Puts probabilities that come with their labels into the order of the task's labels; labels that are not named get zero,
/// and `out` stays empty when none is named. A task that is not known leaves it empty too: its row is refused for that.
///
/// # Errors
/// A [`Fault`] when the task is no classification, or a label is not one of its.
pub fn probabilities_by_label<'a>(
    schema: &ModelSchema,
    task: Option<TaskId>,
    named: impl Iterator<Item = (&'a str, f32)>,
    out: &mut Vec<f32>,
) -> Result<(), Fault> {
    out.clear();
    let Some(task) = task else {
        return Ok(());
    };
    let spec = schema.spec(task);
    if spec.kind != TaskKind::Classification {
        return Err(Fault::new(
            RejectReason::Probabilities,
            format!(
                "`probabilities` may be an object only for a classification task, which {} is not; send an array",
                quoted(schema.name(task))
            ),
        ));
    }
    for (label, value) in named {
        out.resize(spec.labels.len(), 0.0);
        let Some(at) = schema.label_index(task, label) else {
            return Err(Fault::new(
                RejectReason::Probabilities,
                format!(
                    "`probabilities` names {}, which is not a label of task {}; if the head was extended, add the label \
                     to tasks.json and rebuild the reference",
                    quoted(label),
                    quoted(schema.name(task))
                ),
            ));
        };
        out[at as usize] = value;
    }
    Ok(())
}

/// A foreign name for a sentence: in backquotes, control characters escaped, cut when long.
#[must_use]
pub fn quote(name: &str) -> String {
    quoted(name)
}
