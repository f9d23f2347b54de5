//! What makes a row usable: one order of checks and one set of sentences for all wire formats.

use crate::batch::{ObservationBatchBuilder, ObservationRow, Prediction};
use crate::encoder::{EncoderEvent, EncoderEventKind, canary_name};
use crate::floats::Floats;
use crate::raw::{RawPrediction, RawProbabilities, RawRow};
use crate::reject::{Fault, RejectReason};
use crate::schema::{ModelSchema, TaskId, TaskKind};

/// Milliseconds since the epoch of the years 0 to 9999: what RFC 3339 can write.
const TIMESTAMP_RANGE_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// Above one by what rounding to four digits can add up to.
const MAX_PROBABILITY: f32 = 1.001;

/// Tasks and labels named in a sentence before the rest is counted.
const MAX_NAMES: usize = 8;

/// Characters of a foreign name that are repeated in a sentence.
const MAX_NAME_CHARS: usize = 64;

/// Checks a row and adds it to the batch; no observation is added when it is refused. What says something of the encoder
/// is noted beside the rows, be it refused or not.
pub(crate) fn push(
    schema: &ModelSchema,
    row: &RawRow<'_>,
    builder: &mut ObservationBatchBuilder,
) -> Result<(), Fault> {
    let event_id = event_id(row.event_id)?;
    if let Some(name) = canary_name(event_id) {
        return canary(event_id, name, row, builder);
    }
    if let Some(version) = other_version(schema, row.encoder_version) {
        return of_other_encoder(schema, event_id, version, row, builder);
    }
    let task_name = row.task.ok_or_else(|| missing("task"))?;
    let task = schema
        .task(task_name)
        .ok_or_else(|| unknown_task(schema, task_name))?;
    let timestamp_ms = timestamp(row.timestamp_ms)?;
    let prediction = prediction(schema, task, row.prediction)?;
    probabilities(schema, task, prediction, row.probabilities)?;
    let embedding = embedding(schema, row, builder)?;
    let checked = ObservationRow {
        event_id,
        task,
        timestamp_ms,
        text: row.text,
        embedding: &[],
        prediction,
        probabilities: row.probabilities.values,
        attributes: row.attributes,
        model_version: row.model_version,
    };
    match embedding {
        None => builder.push_unembedded(&checked),
        Some(embedding) if builder.push_with_embedding(&checked, embedding) => {}
        Some(_) => return Err(non_finite("embedding")),
    }
    Ok(())
}

/// The version that a row states where it is another than the reference's.
fn other_version<'a>(schema: &ModelSchema, version: Option<&'a str>) -> Option<&'a str> {
    let ours = schema.encoder().version.as_deref()?;
    version.filter(|version| !version.is_empty() && *version != ours)
}

/// Whether a row is none of the reference's encoder: then what else it holds is not looked at.
pub(crate) fn is_of_encoder_alone(
    schema: &ModelSchema,
    event_id: Option<&str>,
    version: Option<&str>,
) -> bool {
    event_id.is_some_and(|id| canary_name(id).is_some()) || other_version(schema, version).is_some()
}

fn canary(
    event_id: &str,
    name: &str,
    row: &RawRow<'_>,
    builder: &mut ObservationBatchBuilder,
) -> Result<(), Fault> {
    let timestamp_ms = timestamp(row.timestamp_ms)?;
    let mut embedding = Vec::new();
    if let Some(floats) = row.embedding {
        floats.append_to(&mut embedding);
    }
    if embedding.is_empty() && row.text.is_none() {
        return Err(Fault::new(
            RejectReason::MissingField,
            format!(
                "the canary {} has no `embedding`; send what the encoder makes of its text",
                quoted(name)
            ),
        ));
    }
    if embedding.iter().any(|x| !x.is_finite()) {
        return Err(non_finite("embedding"));
    }
    builder.push_encoder_event(EncoderEvent {
        event_id: event_id.to_owned(),
        timestamp_ms,
        kind: EncoderEventKind::Canary {
            name: name.to_owned(),
            text: row.text.map(str::to_owned),
            embedding,
            by_monitor: false,
        },
    });
    Ok(())
}

/// Notes an observation of another encoder. It waits where there is a reference for it, and is refused where there is none.
fn of_other_encoder(
    schema: &ModelSchema,
    event_id: &str,
    version: &str,
    row: &RawRow<'_>,
    builder: &mut ObservationBatchBuilder,
) -> Result<(), Fault> {
    let waits = schema.encoder().others.contains(version);
    builder.push_encoder_event(EncoderEvent {
        event_id: event_id.to_owned(),
        timestamp_ms: timestamp(row.timestamp_ms)?,
        kind: EncoderEventKind::Other {
            version: Some(version.to_owned()),
            width: row.embedding.map_or(0, Floats::len),
            waits,
        },
    });
    if waits {
        return Ok(());
    }
    Err(Fault::new(
        RejectReason::EncoderVersion,
        format!(
            "`encoder_version` is {}, the reference is of {}; build and register a reference for the new encoder, and send \
             the event again",
            quoted(version),
            quoted(schema.encoder().version.as_deref().unwrap_or_default()),
        ),
    ))
}

pub(crate) fn event_id(event_id: Option<&str>) -> Result<&str, Fault> {
    match event_id {
        None => Err(missing("event_id")),
        Some("") => Err(Fault::new(
            RejectReason::MissingField,
            "`event_id` is empty; send an identifier that is unique within the stream",
        )),
        Some(id) => Ok(id),
    }
}

pub(crate) fn timestamp(timestamp_ms: Option<i64>) -> Result<i64, Fault> {
    let timestamp_ms = timestamp_ms.ok_or_else(|| missing("timestamp"))?;
    if TIMESTAMP_RANGE_MS.contains(&timestamp_ms) {
        Ok(timestamp_ms)
    } else {
        Err(Fault::new(
            RejectReason::InvalidField,
            "`timestamp` is outside the years 0 to 9999; send milliseconds since the epoch, not a finer unit",
        ))
    }
}

pub(crate) fn missing(field: &str) -> Fault {
    Fault::new(
        RejectReason::MissingField,
        format!("`{field}` is missing or null"),
    )
}

pub(crate) fn non_finite(field: &str) -> Fault {
    Fault::new(
        RejectReason::NonFinite,
        format!("`{field}` holds NaN, an infinity or a null; drop the event or mend the model that sent it"),
    )
}

/// A foreign name for a sentence: in backquotes, control characters escaped, cut when long.
pub(crate) fn quoted(name: &str) -> String {
    let mut chars = name.chars();
    let mut shown: String = chars
        .by_ref()
        .take(MAX_NAME_CHARS)
        .flat_map(char::escape_debug)
        .collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The first few names, and how many more there are.
pub(crate) fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(MAX_NAMES);
    let mut list: Vec<String> = names.take(MAX_NAMES).map(quoted).collect();
    if more > 0 {
        list.push(format!("{more} more"));
    }
    list.join(", ")
}

fn unknown_task(schema: &ModelSchema, name: &str) -> Fault {
    let known: Vec<&str> = schema.tasks().map(|task| schema.name(task)).collect();
    Fault::new(
        RejectReason::UnknownTask,
        format!(
            "task {} is not one of the model's ({}); name one of these, or add the task to tasks.json and rebuild the \
             reference",
            quoted(name),
            listed(known.into_iter())
        ),
    )
}

fn prediction<'a>(
    schema: &ModelSchema,
    task: TaskId,
    raw: Option<RawPrediction<'a>>,
) -> Result<Prediction<'a>, Fault> {
    let raw = raw.ok_or_else(|| missing("prediction"))?;
    match schema.spec(task).kind {
        TaskKind::Classification => {
            let found = match raw {
                RawPrediction::Text(label) => schema.label_index(task, label),
                // Only numbers in JSON come this way; a class that is written as a number is rare enough to allocate.
                RawPrediction::Number(number) => schema.label_index(task, &number.to_string()),
            };
            found.map(Prediction::Class).ok_or_else(|| match raw {
                RawPrediction::Text(label) => unknown_label(schema, task, label),
                RawPrediction::Number(number) => unknown_label(schema, task, &number.to_string()),
            })
        }
        TaskKind::SequenceLabelling => {
            let RawPrediction::Text(tags) = raw else {
                return Err(Fault::new(
                    RejectReason::InvalidField,
                    format!(
                        "`prediction` of the sequence-labelling task {} must be space-separated tags, found a number",
                        quoted(schema.name(task))
                    ),
                ));
            };
            let mut tag_count = 0_usize;
            for tag in tags.split_whitespace() {
                if schema.label_index(task, tag).is_none() {
                    return Err(unknown_label(schema, task, tag));
                }
                tag_count += 1;
            }
            if tag_count == 0 {
                return Err(Fault::new(
                    RejectReason::MissingField,
                    format!(
                        "`prediction` of the sequence-labelling task {} holds no tag",
                        quoted(schema.name(task))
                    ),
                ));
            }
            Ok(Prediction::Tags(tags))
        }
        TaskKind::Regression => {
            let value = match raw {
                RawPrediction::Number(value) => value,
                RawPrediction::Text(text) => text.trim().parse::<f64>().map_err(|_| {
                    Fault::new(
                        RejectReason::InvalidField,
                        format!(
                            "`prediction` of the regression task {} must be a number",
                            quoted(schema.name(task))
                        ),
                    )
                })?,
            };
            if value.is_finite() {
                Ok(Prediction::Value(value))
            } else {
                Err(non_finite("prediction"))
            }
        }
    }
}

fn unknown_label(schema: &ModelSchema, task: TaskId, label: &str) -> Fault {
    Fault::new(
        RejectReason::UnknownPrediction,
        format!(
            "prediction {} is not one of the labels of task {} ({}); if the head was extended, add the label to tasks.json \
             and rebuild the reference",
            quoted(label),
            quoted(schema.name(task)),
            listed(schema.spec(task).labels.iter().map(String::as_str))
        ),
    )
}

fn probabilities(
    schema: &ModelSchema,
    task: TaskId,
    prediction: Prediction<'_>,
    raw: RawProbabilities<'_>,
) -> Result<(), Fault> {
    let got = raw.values.len();
    if got == 0 {
        return Ok(());
    }
    let refuse = |detail: String| Err(Fault::new(RejectReason::Probabilities, detail));
    // Only a refusal pays for the name.
    let name = || quoted(schema.name(task));
    let labels = schema.spec(task).labels.len();
    match prediction {
        Prediction::Class(_) if got != labels || raw.width.is_some() => {
            return refuse(format!(
                "`probabilities` must hold one number for each of the {labels} labels of task {}, got {}",
                name(),
                shape(got, raw.width)
            ));
        }
        Prediction::Tags(tags) => {
            let tokens = tags.split_whitespace().count();
            if got != tokens * labels || raw.width.is_some_and(|width| width != labels) {
                return refuse(format!(
                    "`probabilities` must hold {tokens} tags × {labels} labels = {} numbers for task {}, got {}",
                    tokens * labels,
                    name(),
                    shape(got, raw.width)
                ));
            }
        }
        Prediction::Value(_) => {
            return refuse(format!(
                "the regression task {} has no labels and takes no `probabilities`, got {got}",
                name()
            ));
        }
        Prediction::Class(_) => {}
    }
    if raw.values.iter().any(|p| !p.is_finite()) {
        return Err(non_finite("probabilities"));
    }
    if let Some(outside) = raw.values.iter().find(|p| !(0.0..=MAX_PROBABILITY).contains(*p)) {
        return refuse(format!(
            "`probabilities` holds {outside}, which is not between 0 and 1; send probabilities, not scores or logits"
        ));
    }
    Ok(())
}

fn shape(values: usize, width: Option<usize>) -> String {
    match width {
        Some(width) if width > 0 => format!("{} arrays of {width}", values / width),
        _ => values.to_string(),
    }
}

/// The embedding, or none where the text is embedded later.
fn embedding<'a>(
    schema: &ModelSchema,
    row: &RawRow<'a>,
    builder: &mut ObservationBatchBuilder,
) -> Result<Option<Floats<'a>>, Fault> {
    let Some(embedding) = row.embedding.filter(|e| !e.is_empty()) else {
        return match row.text {
            Some(_) if schema.encoder().embeds_text => Ok(None),
            Some(_) => Err(Fault::new(
                RejectReason::MissingField,
                "`embedding` is missing and no encoder is configured for `text`; send the shared encoder's embedding, or \
                 name the encoder",
            )),
            None => Err(Fault::new(
                RejectReason::MissingField,
                "`embedding` is missing or null; send the shared encoder's embedding",
            )),
        };
    };
    if embedding.len() == schema.dim() {
        return Ok(Some(embedding));
    }
    if let (Some(event_id), Some(timestamp_ms)) = (row.event_id, row.timestamp_ms) {
        builder.push_encoder_event(EncoderEvent {
            event_id: event_id.to_owned(),
            timestamp_ms,
            kind: EncoderEventKind::Other {
                version: row.encoder_version.map(str::to_owned),
                width: embedding.len(),
                waits: false,
            },
        });
    }
    Err(embedding_width(
        schema,
        &format!("{} components", embedding.len()),
    ))
}

pub(crate) fn embedding_width(schema: &ModelSchema, got: &str) -> Fault {
    Fault::new(
        RejectReason::EmbeddingWidth,
        format!(
            "`embedding` has {got}, the reference was built for {}; send the same encoder's output, or rebuild the \
             reference for the new encoder",
            schema.dim()
        ),
    )
}

/// A label, not empty.
pub(crate) fn label(label: Option<&str>) -> Result<&str, Fault> {
    match label {
        None => Err(missing("label")),
        Some(label) if label.trim().is_empty() => Err(Fault::new(
            RejectReason::MissingField,
            "`label` is empty; send the truth as the prediction is written",
        )),
        Some(label) => Ok(label),
    }
}

/// The truth of a reference row: of a regression, a finite number. A class outside the task's labels is allowed: it is an
/// input that no prediction can get right. An unknown task is left to the checks of the observation.
pub(crate) fn reference_label(schema: &ModelSchema, task: &str, label: &str) -> Result<(), Fault> {
    let Some(task) = schema.task(task) else {
        return Ok(());
    };
    if schema.spec(task).kind != TaskKind::Regression {
        return Ok(());
    }
    match label.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(()),
        Ok(_) => Err(non_finite("label")),
        Err(_) => Err(Fault::new(
            RejectReason::InvalidField,
            format!(
                "`label` of the regression task {} must be a number",
                quoted(schema.name(task))
            ),
        )),
    }
}
