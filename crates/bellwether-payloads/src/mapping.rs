//! From a foreign record to the contract's columns, as the configuration maps them.

use crate::scalar::{self, TimeUnit};
use crate::source::{Context, Sources};
use crate::value::Value;
use crate::vector;
use bellwether_events::raw::{self, RawPrediction, RawProbabilities, RawRow};
use bellwether_events::{
    Attribute, Fault, LabelRow, ModelSchema, ObservationBatchBuilder, RejectReason, TaskId, TaskKind,
};
use std::borrow::Cow;

/// How a topic writes the class that was predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PredictionForm {
    /// By its name.
    #[default]
    Label,
    /// By its place in the task's labels, from 0.
    Index,
}

/// Where each column of an observation is. What is absent here is absent from every record.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservationFields {
    /// The task.
    pub task: Sources,
    /// The event's identifier.
    pub event_id: Sources,
    /// When the prediction was made.
    pub timestamp: Sources,
    /// The unit of `timestamp` where it is a number.
    pub timestamp_unit: TimeUnit,
    /// The input's text.
    pub text: Option<Sources>,
    /// The embedding: numbers, base64, bytes or a tensor.
    pub embedding: Option<Sources>,
    /// What the head said. A classification without it is the class of the largest probability.
    pub prediction: Option<Sources>,
    /// How the class is written.
    pub prediction_form: PredictionForm,
    /// The probabilities: numbers, base64, bytes, a tensor, or an object from label to number.
    pub probabilities: Option<Sources>,
    /// Version of the model.
    pub model_version: Option<Sources>,
    /// Version of the encoder.
    pub encoder_version: Option<Sources>,
    /// An object whose strings and whole numbers are attributes.
    pub attributes: Option<Sources>,
    /// Single attributes, by name.
    pub attribute: Vec<(String, Sources)>,
}

/// Where each column of a label is.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelFields {
    /// The observation that it belongs to.
    pub event_id: Sources,
    /// When it became known.
    pub timestamp: Sources,
    /// The unit of `timestamp` where it is a number.
    pub timestamp_unit: TimeUnit,
    /// The truth.
    pub label: Sources,
}

impl Default for ObservationFields {
    /// The contract's own names.
    fn default() -> Self {
        let field = Sources::of;
        Self {
            task: field("task"),
            event_id: field("event_id"),
            timestamp: field("timestamp"),
            timestamp_unit: TimeUnit::default(),
            text: Some(field("text")),
            embedding: Some(field("embedding")),
            prediction: Some(field("prediction")),
            prediction_form: PredictionForm::default(),
            probabilities: Some(field("probabilities")),
            model_version: Some(field("model_version")),
            encoder_version: Some(field("encoder_version")),
            attributes: Some(field("attributes")),
            attribute: Vec::new(),
        }
    }
}

impl Default for LabelFields {
    /// The contract's own names.
    fn default() -> Self {
        let field = Sources::of;
        Self {
            event_id: field("event_id"),
            timestamp: field("timestamp"),
            timestamp_unit: TimeUnit::default(),
            label: field("label"),
        }
    }
}

/// Buffers that are reused from record to record.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    embedding: Vec<f32>,
    probabilities: Vec<f32>,
}

/// Which of several observations of one event this is; its identifier gets the number where there are several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl Part {
    pub(crate) const ONLY: Self = Self { index: 0, of: 1 };
}

impl ObservationFields {
    /// Reads one observation and adds it to the batch.
    ///
    /// # Errors
    /// A [`Fault`] that names the field and where it was looked for.
    pub(crate) fn push(
        &self,
        schema: &ModelSchema,
        context: Context<'_>,
        part: Part,
        scratch: &mut Scratch,
        builder: &mut ObservationBatchBuilder,
    ) -> Result<(), Fault> {
        let optional = |sources: &'_ Option<Sources>| {
            sources
                .as_ref()
                .and_then(|s| s.resolve(context).map(Cow::into_owned))
        };
        let event_id = required("event_id", &self.event_id, context)?;
        let mut event_id = scalar::identifier("event_id", &event_id)
            .map_err(|fault| at(&self.event_id, fault))?
            .into_owned();
        if part.of > 1 {
            event_id = format!("{event_id}-{}", part.index);
        }
        let task = required("task", &self.task, context)?;
        let task = scalar::text("task", &task).map_err(|fault| at(&self.task, fault))?;
        let task_id = schema.task(task);
        let timestamp = required("timestamp", &self.timestamp, context)?;
        let timestamp_ms = scalar::timestamp_ms(&timestamp, self.timestamp_unit)
            .map_err(|fault| at(&self.timestamp, fault))?;
        let text = optional(&self.text);
        let text = text.as_ref().map(|value| joined("text", value)).transpose()?;
        let Scratch {
            embedding,
            probabilities,
        } = scratch;
        let versions = [optional(&self.model_version), optional(&self.encoder_version)];
        // As in the contract's own formats, a version of another type says nothing and refuses no record.
        let [model_version, encoder_version] = versions.each_ref().map(|value| {
            value
                .as_ref()
                .and_then(|value| scalar::identifier("version", value).ok())
        });
        embedding.clear();
        if let Some(sources) = &self.embedding
            && let Some(value) = sources.resolve(context)
            && let Err(fault) = vector::read("embedding", &value, Some(schema.dim()), embedding)
        {
            embedding.clear();
            // Of an observation that is not the reference's the width does not matter.
            if !raw::is_of_encoder_alone(schema, Some(&event_id), encoder_version.as_deref()) {
                return Err(at(sources, fault));
            }
        }
        probabilities.clear();
        let mut width = None;
        if let Some(sources) = &self.probabilities
            && let Some(value) = sources.resolve(context)
        {
            width = read_probabilities(schema, task_id, &value, probabilities)
                .map_err(|fault| at(sources, fault))?;
        }
        let prediction = match &self.prediction {
            Some(sources) => self
                .prediction(schema, task_id, optional(&self.prediction))
                .map_err(|fault| at(sources, fault))?,
            None => None,
        };
        let prediction = prediction.or_else(|| likeliest(schema, task_id, probabilities));
        let attributes = self.read_attributes(context);
        let row = RawRow {
            event_id: Some(&event_id),
            task: Some(task),
            timestamp_ms: Some(timestamp_ms),
            text: text.as_deref(),
            prediction: prediction.as_ref().map(Answer::raw),
            probabilities: RawProbabilities {
                values: probabilities,
                width,
            },
            embedding: (!embedding.is_empty()).then_some(raw::Floats::F32(embedding)),
            attributes: &attributes,
            model_version: model_version.as_deref(),
            encoder_version: encoder_version.as_deref(),
        };
        raw::push(schema, &row, builder).map_err(|fault| self.explain(fault))
    }

    fn prediction(
        &self,
        schema: &ModelSchema,
        task: Option<TaskId>,
        value: Option<Value>,
    ) -> Result<Option<Answer>, Fault> {
        let Some(value) = value else { return Ok(None) };
        let value = alone(value);
        let kind = task.map(|task| schema.spec(task).kind);
        if let Value::List(_) = value
            && kind == Some(TaskKind::SequenceLabelling)
        {
            return joined("prediction", &value).map(|tags| Some(Answer::Text(tags.into_owned())));
        }
        if self.prediction_form == PredictionForm::Index
            && kind == Some(TaskKind::Classification)
            && let Some(task) = task
        {
            let labels = &schema.spec(task).labels;
            let index = match &value {
                Value::Int(index) => usize::try_from(*index).ok(),
                Value::Text(text) => text.trim().parse().ok(),
                other => return Err(scalar::wrong("prediction", "the index of a class", other.kind())),
            };
            let label = index.and_then(|index| labels.get(index)).ok_or_else(|| {
                Fault::new(
                    RejectReason::UnknownPrediction,
                    format!(
                        "`prediction` is not the index of one of the {} labels of task {}; count from 0 in the order of tasks.json",
                        labels.len(),
                        raw::quote(schema.name(task))
                    ),
                )
            })?;
            return Ok(Some(Answer::Text(label.clone())));
        }
        Ok(Some(match scalar::prediction(&value)? {
            RawPrediction::Text(text) => Answer::Text(text.to_owned()),
            RawPrediction::Number(number) => Answer::Number(number),
        }))
    }

    fn read_attributes(&self, context: Context<'_>) -> Vec<Attribute<'static>> {
        let scalar = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()),
            Value::Int(number) => Some(number.to_string()),
            _ => None,
        };
        let mut attributes = Vec::new();
        if let Some(object) = self.attributes.as_ref().and_then(|s| s.resolve(context))
            && let Value::Map(entries) = &*object
        {
            attributes.extend(
                entries
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone().into(), scalar(value)?.into()))),
            );
        }
        for (name, sources) in &self.attribute {
            let value = sources.resolve(context).and_then(|value| scalar(&value));
            attributes.extend(value.map(|value| (Cow::Owned(name.clone()), Cow::Owned(value))));
        }
        attributes
    }

    /// Adds to a missing field where it was looked for.
    fn explain(&self, fault: Fault) -> Fault {
        if fault.reason != RejectReason::MissingField {
            return fault;
        }
        let place = [
            ("`embedding`", &self.embedding),
            ("`prediction`", &self.prediction),
        ]
        .into_iter()
        .find(|(name, _)| fault.detail.starts_with(name));
        match place {
            Some((_, Some(sources))) => at(sources, fault),
            Some((name, None)) => Fault::new(
                fault.reason,
                format!(
                    "{}; {name} is mapped to nothing in the configuration",
                    fault.detail
                ),
            ),
            None => fault,
        }
    }
}

impl LabelFields {
    /// Reads one label.
    ///
    /// # Errors
    /// A [`Fault`] that names the field and where it was looked for.
    pub(crate) fn read(&self, context: Context<'_>) -> Result<LabelRow, Fault> {
        let event_id = required("event_id", &self.event_id, context)?;
        let event_id =
            scalar::identifier("event_id", &event_id).map_err(|fault| at(&self.event_id, fault))?;
        let timestamp = required("timestamp", &self.timestamp, context)?;
        let timestamp_ms = scalar::timestamp_ms(&timestamp, self.timestamp_unit)
            .map_err(|fault| at(&self.timestamp, fault))?;
        let label = required("label", &self.label, context)?;
        let label = scalar::label(&label).map_err(|fault| at(&self.label, fault))?;
        raw::label(Some(&event_id), Some(timestamp_ms), Some(&label))
    }
}

/// A prediction that is kept while the row is put together.
enum Answer {
    Text(String),
    Number(f64),
}

impl Answer {
    fn raw(&self) -> RawPrediction<'_> {
        match self {
            Self::Text(text) => RawPrediction::Text(text),
            Self::Number(number) => RawPrediction::Number(*number),
        }
    }
}

/// The class of the largest probability, where a task has classes and each has a number.
fn likeliest(schema: &ModelSchema, task: Option<TaskId>, probabilities: &[f32]) -> Option<Answer> {
    let spec = schema.spec(task?);
    if spec.kind != TaskKind::Classification || probabilities.len() != spec.labels.len() {
        return None;
    }
    let largest = (0..probabilities.len()).max_by(|&a, &b| {
        // Of equals the first, as everywhere.
        probabilities[a].total_cmp(&probabilities[b]).then(b.cmp(&a))
    })?;
    Some(Answer::Text(spec.labels[largest].clone()))
}

fn read_probabilities(
    schema: &ModelSchema,
    task: Option<TaskId>,
    value: &Value,
    out: &mut Vec<f32>,
) -> Result<Option<usize>, Fault> {
    if let Value::Map(entries) = value
        && value.get("data").is_none()
    {
        let mut number = Vec::with_capacity(1);
        let mut named = Vec::with_capacity(entries.len());
        for (label, value) in entries {
            number.clear();
            vector::read(
                "probabilities",
                &Value::List(vec![value.clone()]),
                Some(1),
                &mut number,
            )?;
            named.push((label.as_str(), number.first().copied().unwrap_or(f32::NAN)));
        }
        raw::probabilities_by_label(schema, task, named.into_iter(), out)?;
        return Ok(None);
    }
    let components = task.map(|task| schema.spec(task).labels.len());
    vector::read("probabilities", value, components, out)
}

/// A text; a list of texts is joined by spaces, as tokens and tags come.
fn joined<'v>(field: &str, value: &'v Value) -> Result<Cow<'v, str>, Fault> {
    let Value::List(items) = value else {
        return scalar::text(field, value).map(Cow::Borrowed);
    };
    let texts: Result<Vec<&str>, Fault> = items.iter().map(|item| scalar::text(field, item)).collect();
    Ok(Cow::Owned(texts?.join(" ")))
}

/// The one element of a tensor or list that has one, as models answer a batch of one.
fn alone(value: Value) -> Value {
    match value {
        Value::List(mut items) if items.len() == 1 => items.pop().map_or(Value::Null, alone),
        Value::Floats(items) if items.len() == 1 => Value::Float(items[0].into()),
        Value::Map(entries) => {
            let tensor = Value::Map(entries);
            match (tensor.get("data"), tensor.get("shape")) {
                (Some(data), Some(_)) => alone(data.clone()),
                _ => tensor,
            }
        }
        other => other,
    }
}

fn required<'a>(field: &str, sources: &'a Sources, context: Context<'a>) -> Result<Cow<'a, Value>, Fault> {
    sources.resolve(context).ok_or_else(|| {
        Fault::new(
            RejectReason::MissingField,
            format!(
                "`{field}` is missing or null; it is looked for at {}",
                place(sources)
            ),
        )
    })
}

/// The fault, with the place of the field in the record.
fn at(sources: &Sources, Fault { reason, detail }: Fault) -> Fault {
    Fault::new(
        reason,
        format!("{detail}; it is looked for at {}", place(sources)),
    )
}

fn place(sources: &Sources) -> String {
    raw::quote(&sources.to_string())
}
