//! KServe's inference logger: requests and responses of a model as CloudEvents, joined into observations.
//!
//! The logger sends two events for one call of the model, of the types `org.kubeflow.serving.inference.request` and
//! `….response`, with the same identifier. Their bodies are those of the V1 protocol (`instances`, `predictions`) or of the Open
//! Inference Protocol v2 (`inputs`, `outputs`). One call may hold several instances; each is an observation.

mod body;
mod event;
mod pairs;
mod tensor;

pub use pairs::{Halves, PairLimits};

use crate::mapping::{ObservationFields, Part, Scratch};
use crate::record::{OwnedRecord, Record};
use crate::source::{Context, Sources};
use crate::value::Value;
use bellwether_events::{Fault, ModelSchema, ObservationBatchBuilder, Reject, RejectReason};
use event::{Event, Half};
use pairs::{Met, Pairs};

/// The type of every event of the logger starts like this.
pub(crate) const EVENT_TYPE_PREFIX: &str = "org.kubeflow.serving.inference.";

/// A record that was kept for later and comes back refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// The record, as it was read.
    pub record: OwnedRecord,
    /// Why.
    pub reject: Reject,
}

/// What became of a record of the logger.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Why it, or instances in it, are refused.
    pub(crate) rejects: Vec<Reject>,
    /// Its event time, where it waits for its other half.
    pub(crate) waits_at_ms: Option<i64>,
}

/// Joins the two halves of each call.
#[derive(Debug)]
pub(crate) struct KserveDecoder {
    fields: ObservationFields,
    pairs: Pairs,
}

/// Where the columns are when the configuration does not say: tensors and fields of the columns' names.
#[must_use]
pub fn default_fields() -> ObservationFields {
    let field = Sources::of;
    ObservationFields {
        task: field("response.task | event.inferenceservicename | model.name"),
        event_id: field("event.id"),
        timestamp: field("event.time | kafka:timestamp"),
        text: Some(field("request.text")),
        embedding: Some(field("response.embedding | request.embedding")),
        prediction: Some(field("response.prediction | response.label")),
        probabilities: Some(field("response.probabilities")),
        model_version: Some(field("model.version")),
        encoder_version: None,
        attributes: None,
        ..ObservationFields::default()
    }
}

impl KserveDecoder {
    pub(crate) fn new(fields: ObservationFields, limits: PairLimits) -> Self {
        Self {
            fields,
            pairs: Pairs::new(limits),
        }
    }

    /// Takes one event: keeps it, or joins it with its other half into observations. Halves that had to go for it, or whose
    /// observations are all refused, are given back.
    pub(crate) fn observations(
        &mut self,
        schema: &ModelSchema,
        record: &Record<'_>,
        scratch: &mut Scratch,
        builder: &mut ObservationBatchBuilder,
        given_back: &mut Vec<GivenBack>,
    ) -> Taken {
        let mut taken = Taken::default();
        if let Err(fault) = self.take(schema, record, scratch, builder, &mut taken, given_back) {
            taken.rejects.push(fault.at(0));
        }
        taken
    }

    fn take(
        &mut self,
        schema: &ModelSchema,
        record: &Record<'_>,
        scratch: &mut Scratch,
        builder: &mut ObservationBatchBuilder,
        taken: &mut Taken,
        given_back: &mut Vec<GivenBack>,
    ) -> Result<(), Fault> {
        let event = Event::read(record)?;
        let other = match self.pairs.meet(&event, record, given_back) {
            Met::Waits => {
                taken.waits_at_ms = Some(event.time_ms);
                return Ok(());
            }
            Met::Other(other) => other,
        };
        let before = builder.len();
        let outcome = other.with(|other_record| {
            // It was read when it came, so this succeeds again.
            let other_event = Event::read(other_record)?;
            // Whichever came first, headers, key and time are those of the response's record.
            let (request, response, record) = match event.half {
                Half::Response => (&other_event, &event, record),
                Half::Request => (&event, &other_event, other_record),
            };
            let instances = body::instances(&request.body, &response.body)?;
            let of = instances.len();
            if of == 0 {
                return Err(invalid(
                    "the call holds no instance, so that there is nothing to judge; send at least one"
                        .to_owned(),
                ));
            }
            for (index, instance) in instances.into_iter().enumerate() {
                let value = observation(request, response, index, instance);
                let context = Context {
                    record,
                    value: &value,
                };
                let part = Part { index, of };
                if let Err(fault) = self.fields.push(schema, context, part, scratch, builder) {
                    taken.rejects.push(fault.at(index));
                }
            }
            Ok(())
        });
        // The other half may hold what is wrong: where nothing came of the two, both can be looked at.
        if builder.len() == before
            && let Some(reject) = outcome
                .as_ref()
                .err()
                .map(|fault: &Fault| fault.clone().at(0))
                .or_else(|| taken.rejects.first().cloned())
        {
            given_back.push(GivenBack {
                record: other,
                reject,
            });
        }
        outcome
    }

    /// What waits for its other half.
    pub(crate) fn halves(&self) -> Halves {
        self.pairs.halves()
    }

    /// Goes on from what waited.
    pub(crate) fn resume(&mut self, halves: &Halves) {
        self.pairs.resume(halves);
    }

    /// Halves that wait, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        self.pairs.waiting()
    }
}

/// What a mapping sees of one instance: `event`, `request`, `response`, `model` and `instance`.
fn observation(request: &Event, response: &Event, index: usize, instance: body::Instance) -> Value {
    let text = |name: &str| response.body.get(name).cloned().unwrap_or(Value::Null);
    let entry = |name: &str, value| (name.to_owned(), value);
    let mut attributes = request.attributes.clone();
    // Where both say something, the response's is nearer to the prediction.
    attributes.extend(response.attributes.iter().cloned());
    Value::Map(vec![
        entry("event", Value::Map(attributes)),
        entry("request", instance.request),
        entry("response", instance.response),
        entry(
            "model",
            Value::Map(vec![
                entry("name", text("model_name")),
                entry("version", text("model_version")),
            ]),
        ),
        entry("instance", Value::Int(i128::try_from(index).unwrap_or(i128::MAX))),
    ])
}

fn invalid(detail: String) -> Fault {
    Fault::new(RejectReason::InvalidField, detail)
}

#[cfg(test)]
mod tests;
