//! From a record of any format to observations, labels and rejects: the one entry.

use crate::confluent;
use crate::format::{Carried, Format};
use crate::kserve::{self, GivenBack, Halves, KserveDecoder, PairLimits};
use crate::mapping::{LabelFields, ObservationFields, Part, Scratch};
use crate::native;
use crate::protobuf;
use crate::record::Record;
use crate::registry::{Registry, Schema, Unavailable};
use crate::sagemaker;
use crate::source::Context;
use crate::value::Value;
use bellwether_events::arrow::{decode_ipc_labels, decode_ipc_observations};
use bellwether_events::{
    Fault, JsonDecoder, LabelRow, ModelSchema, ObservationBatchBuilder, Reject, RejectReason,
};

/// Largest payload that is read as a tree: the tree takes several times as much.
const MAX_TREE_BYTES: usize = 32 << 20;

/// How the records of the two topics are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PayloadConfig {
    /// What the topic of observations carries.
    pub observations: Format,
    /// Where the columns of observations are; without it, under the contract's names.
    pub observation_fields: Option<ObservationFields>,
    /// What the topic of labels carries.
    pub labels: Format,
    /// Where the columns of labels are; without it, under the contract's names.
    pub label_fields: Option<LabelFields>,
    /// How many halves of a call may wait, and how long.
    pub pairs: PairLimits,
}

/// What one record came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What in it is refused, with the index of the row in the record.
    pub rejects: Vec<Reject>,
    /// Records from before that are refused now.
    pub given_back: Vec<GivenBack>,
    /// Its event time, where it waits for another record.
    pub waits_at_ms: Option<i64>,
}

/// Decodes records. Holds buffers, the schemas that are known, and halves of calls that wait: keep one for a stream.
#[derive(Debug)]
pub struct PayloadDecoder {
    json: JsonDecoder,
    scratch: Scratch,
    formats: [Format; 2],
    observation_fields: Option<ObservationFields>,
    label_fields: Option<LabelFields>,
    /// The contract's names, for formats that are always mapped.
    own_names: (ObservationFields, LabelFields),
    sagemaker: LabelFields,
    kserve: KserveDecoder,
    registry: Option<Registry>,
}

impl PayloadDecoder {
    /// A decoder; without a registry, records that need one are refused.
    #[must_use]
    pub fn new(config: PayloadConfig, registry: Option<Registry>) -> Self {
        let kserve_fields = config
            .observation_fields
            .clone()
            .unwrap_or_else(kserve::default_fields);
        Self {
            json: JsonDecoder::default(),
            scratch: Scratch::default(),
            formats: [config.observations, config.labels],
            sagemaker: config.label_fields.clone().unwrap_or_else(sagemaker::fields),
            observation_fields: config.observation_fields,
            label_fields: config.label_fields,
            own_names: Default::default(),
            kserve: KserveDecoder::new(kserve_fields, config.pairs),
            registry,
        }
    }

    /// Whether [`prepare`](Self::prepare) has anything to do.
    #[must_use]
    pub fn has_registry(&self) -> bool {
        self.registry.is_some()
    }

    /// To be called before a batch is decoded, with all its records: fetches the schemas that they name.
    ///
    /// # Errors
    /// [`Unavailable`] when the registry cannot answer now. Nothing was decoded: call again later with the same records.
    pub fn prepare<'r>(
        &mut self,
        observations: impl Iterator<Item = Record<'r>>,
        labels: impl Iterator<Item = Record<'r>>,
    ) -> Result<(), Unavailable> {
        let Some(registry) = &mut self.registry else {
            return Ok(());
        };
        registry.trim();
        let [observation_format, label_format] = self.formats;
        let named = observations
            .map(|record| (observation_format, record))
            .chain(labels.map(|record| (label_format, record)));
        for (format, record) in named {
            if format.of(&record) == Carried::Confluent
                && let Ok(framed) = confluent::split(record.payload)
            {
                registry.prepare(framed.schema_id)?;
            }
        }
        Ok(())
    }

    /// Adds the observations of a record to the batch.
    pub fn observations(
        &mut self,
        schema: &ModelSchema,
        record: &Record<'_>,
        builder: &mut ObservationBatchBuilder,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let rejects = &mut outcome.rejects;
        let done = match self.formats[0].of(record) {
            Carried::Json => self.json_observations(schema, record, record.payload, builder, rejects),
            Carried::Arrow => {
                decode_ipc_observations(schema, record.payload, builder, rejects).and_then(not_empty)
            }
            Carried::Protobuf => native::observations(schema, record.payload, builder, rejects),
            Carried::Confluent => self.confluent_observations(schema, record, builder, rejects),
            Carried::Kserve => too_large(record.payload).map(|()| {
                let given_back = &mut outcome.given_back;
                let taken = self
                    .kserve
                    .observations(schema, record, &mut self.scratch, builder, given_back);
                rejects.extend(taken.rejects);
                outcome.waits_at_ms = taken.waits_at_ms;
            }),
            Carried::Sagemaker => Err(Fault::new(
                RejectReason::InvalidField,
                "SageMaker's ground truth holds labels, and this is the topic of observations",
            )),
        };
        rejects.extend(done.err().map(|fault| fault.at(0)));
        outcome
    }

    /// Whether a record of the topic of observations is one half of a call, which is nothing without the other.
    #[must_use]
    pub fn is_half_of_a_call(&self, record: &Record<'_>) -> bool {
        self.formats[0].of(record) == Carried::Kserve
    }

    /// Adds the labels of a record to `labels`.
    pub fn labels(&mut self, record: &Record<'_>, labels: &mut Vec<LabelRow>) -> Outcome {
        let mut outcome = Outcome::default();
        let rejects = &mut outcome.rejects;
        let done = match self.formats[1].of(record) {
            Carried::Json => self.json_labels(record, record.payload, labels, rejects),
            Carried::Arrow => decode_ipc_labels(record.payload, labels, rejects).and_then(not_empty),
            Carried::Protobuf => native::labels(record.payload, labels, rejects),
            Carried::Confluent => self.confluent_labels(record, labels, rejects),
            Carried::Sagemaker => each(record.payload, rejects, |value| {
                let context = Context { record, value };
                sagemaker::read(&self.sagemaker, context).map(|row| labels.push(row))
            }),
            Carried::Kserve => Err(Fault::new(
                RejectReason::InvalidField,
                "KServe's inference logger holds no labels, and this is their topic",
            )),
        };
        rejects.extend(done.err().map(|fault| fault.at(0)));
        outcome
    }

    /// The halves of calls that wait for their other half: all that a decoder remembers of what it read.
    #[must_use]
    pub fn halves(&self) -> Halves {
        self.kserve.halves()
    }

    /// Goes on from the halves that another decoder remembered, having read nothing itself.
    pub fn resume(&mut self, halves: &Halves) {
        self.kserve.resume(halves);
    }

    /// Halves of calls that wait for their other half, and the bytes they take.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        self.kserve.waiting()
    }

    fn json_observations(
        &mut self,
        schema: &ModelSchema,
        record: &Record<'_>,
        payload: &[u8],
        builder: &mut ObservationBatchBuilder,
        rejects: &mut Vec<Reject>,
    ) -> Result<(), Fault> {
        let Some(fields) = &self.observation_fields else {
            return not_empty(self.json.observations(schema, payload, builder, rejects));
        };
        each(payload, rejects, |value| {
            let context = Context { record, value };
            fields.push(schema, context, Part::ONLY, &mut self.scratch, builder)
        })
    }

    fn json_labels(
        &mut self,
        record: &Record<'_>,
        payload: &[u8],
        labels: &mut Vec<LabelRow>,
        rejects: &mut Vec<Reject>,
    ) -> Result<(), Fault> {
        let Some(fields) = &self.label_fields else {
            return not_empty(self.json.labels(payload, labels, rejects));
        };
        each(payload, rejects, |value| {
            fields.read(Context { record, value }).map(|row| labels.push(row))
        })
    }

    fn confluent_observations(
        &mut self,
        schema: &ModelSchema,
        record: &Record<'_>,
        builder: &mut ObservationBatchBuilder,
        rejects: &mut Vec<Reject>,
    ) -> Result<(), Fault> {
        match self.framed(record)? {
            Framed::Json(body) => self.json_observations(schema, record, body, builder, rejects),
            Framed::Value(value) => {
                let fields = self.observation_fields.as_ref().unwrap_or(&self.own_names.0);
                let context = Context {
                    record,
                    value: &value,
                };
                fields.push(schema, context, Part::ONLY, &mut self.scratch, builder)
            }
        }
    }

    fn confluent_labels(
        &mut self,
        record: &Record<'_>,
        labels: &mut Vec<LabelRow>,
        rejects: &mut Vec<Reject>,
    ) -> Result<(), Fault> {
        match self.framed(record)? {
            Framed::Json(body) => self.json_labels(record, body, labels, rejects),
            Framed::Value(value) => {
                let fields = self.label_fields.as_ref().unwrap_or(&self.own_names.1);
                let context = Context {
                    record,
                    value: &value,
                };
                labels.push(fields.read(context)?);
                Ok(())
            }
        }
    }

    /// Reads a record by its writer's schema.
    fn framed<'r>(&self, record: &Record<'r>) -> Result<Framed<'r>, Fault> {
        let framed = confluent::split(record.payload)?;
        let registry = self.registry.as_ref().ok_or_else(|| {
            Fault::new(
                RejectReason::Schema,
                "the record names a schema of a registry, and none is configured; set payloads.registry.url",
            )
        })?;
        too_large(record.payload)?;
        let id = framed.schema_id;
        let unreadable = |language: &str, what: String| {
            Fault::new(
                RejectReason::Malformed,
                format!(
                    "the record does not fit its {language} schema {id}: {what}; write it by the schema that it names"
                ),
            )
        };
        match registry.schema(id)? {
            Schema::Json => Ok(Framed::Json(framed.body)),
            Schema::Avro(schema) => schema
                .decode(framed.body)
                .map(Framed::Value)
                .map_err(|what| unreadable("Avro", what)),
            Schema::Protobuf(schema) => {
                let mut body = framed.body;
                let indexes = confluent::message_indexes(&mut body)?;
                let message = schema
                    .message(&indexes)
                    .ok_or_else(|| unreadable("Protobuf", format!("it has no message at {indexes:?}")))?;
                protobuf::decode(message, body)
                    .map(Framed::Value)
                    .map_err(|what| unreadable("Protobuf", what))
            }
        }
    }
}

/// A record without its frame.
enum Framed<'r> {
    Json(&'r [u8]),
    Value(Value),
}

/// Hands out each object of a JSON payload: one, several in an array, or one after the other.
fn each(
    payload: &[u8],
    rejects: &mut Vec<Reject>,
    mut take: impl FnMut(&Value) -> Result<(), Fault>,
) -> Result<(), Fault> {
    too_large(payload)?;
    let mut row = 0;
    let mut one = |value: &Value, rejects: &mut Vec<Reject>| {
        let outcome = match value {
            Value::Map(_) => take(value),
            other => Err(Fault::new(
                RejectReason::Malformed,
                format!("a record must be a JSON object, found {}", other.kind()),
            )),
        };
        rejects.extend(outcome.err().map(|fault| fault.at(row)));
        row += 1;
    };
    for value in serde_json::Deserializer::from_slice(payload).into_iter::<Value>() {
        match value {
            Ok(Value::List(items)) => items.iter().for_each(|item| one(item, rejects)),
            Ok(value) => one(&value, rejects),
            Err(error) => {
                let fault = Fault::new(
                    RejectReason::Malformed,
                    format!(
                        "the message is not JSON: {error}; send one JSON object, an array of them, or JSON lines"
                    ),
                );
                rejects.push(fault.at(row));
                return Ok(());
            }
        }
    }
    not_empty(row)
}

/// A record without a row would vanish without a trace.
fn not_empty(rows: usize) -> Result<(), Fault> {
    if rows > 0 {
        return Ok(());
    }
    Err(Fault::new(
        RejectReason::Malformed,
        "the message is empty; send at least one row",
    ))
}

fn too_large(payload: &[u8]) -> Result<(), Fault> {
    if payload.len() <= MAX_TREE_BYTES {
        return Ok(());
    }
    Err(Fault::new(
        RejectReason::Malformed,
        format!(
            "the payload has {} bytes, and in this format at most {MAX_TREE_BYTES} are read; send fewer rows a record",
            payload.len()
        ),
    ))
}
