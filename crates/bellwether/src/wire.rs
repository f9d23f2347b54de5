//! From a batch of raw Kafka records to observations, labels and rejects.

use crate::config::Payloads;
use bellwether_api::TopicKind as Kind;
use bellwether_events::{LabelBatch, ModelSchema, ObservationBatch, Reject};
use bellwether_ingest::{Batch, NextOffset, RawMessage, TopicKind, TopicPartition, Topics};
use bellwether_payloads::{
    GivenBack, Halves, HttpRegistry, Outcome, OwnedRecord, PayloadDecoder, Position, Record, Registry,
    RegistryError, Unavailable,
};
use std::ops::Range;

/// A decoded batch of records.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) observations: ObservationBatch,
    pub(crate) labels: LabelBatch,
    /// Refused records, each with the index of its message.
    pub(crate) rejects: Vec<(usize, Kind, Reject)>,
    /// Messages of batches before that had waited for another and are refused now.
    pub(crate) given_back: Vec<(RawMessage, Kind, Reject)>,
    /// What each message came to.
    pub(crate) of_message: Vec<OfMessage>,
}

/// What one message came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfMessage {
    /// Its rows among the observations.
    pub(crate) observations: Range<usize>,
    /// Canaries and observations of other encoders, among those of the observations.
    pub(crate) encoder_events: Range<usize>,
    /// Its rows among the labels.
    pub(crate) labels: Range<usize>,
    /// Its newest event time; `None` where nothing could be read.
    pub(crate) event_time_ms: Option<i64>,
    /// It is half of a call, and halves are another's business.
    pub(crate) is_half: bool,
}

impl Decoded {
    /// Takes the observations out; what each message came to stays.
    pub(crate) fn take_observations(&mut self, schema: &ModelSchema) -> ObservationBatch {
        let nothing = ObservationBatch::builder(schema, 0).finish();
        std::mem::replace(&mut self.observations, nothing)
    }

    /// Every refused message of the batch and of those before it.
    pub(crate) fn refused<'a>(
        &'a self,
        batch: &'a Batch,
    ) -> impl Iterator<Item = (&'a RawMessage, Kind, &'a Reject)> {
        let here = self
            .rejects
            .iter()
            .map(|(at, kind, reject)| (&batch.messages[*at], *kind, reject));
        let before = self
            .given_back
            .iter()
            .map(|(message, kind, reject)| (message, *kind, reject));
        here.chain(before)
    }

    /// How far the batch takes each partition, in offsets and in event time.
    pub(crate) fn read<'a>(
        &'a self,
        batch: &'a Batch,
    ) -> impl Iterator<Item = (TopicPartition, NextOffset, Option<i64>)> + 'a {
        let messages = batch.messages.iter().zip(&self.of_message);
        messages.map(|(message, of_message)| {
            let next = NextOffset::after(message.offset);
            (message.partition, next, of_message.event_time_ms)
        })
    }
}

/// Decodes records in the formats of their topics.
#[derive(Debug)]
pub(crate) struct WireDecoder {
    payloads: PayloadDecoder,
    topics: Topics,
    leaves_halves: bool,
}

impl WireDecoder {
    /// A decoder of the records of two topics.
    ///
    /// # Errors
    /// When no registry can be asked at the configured address.
    pub(crate) fn new(config: &Payloads, topics: &Topics) -> Result<Self, RegistryError> {
        let registry = config.registry.as_ref().map(HttpRegistry::new).transpose()?;
        let registry = registry.map(|source| Registry::new(Box::new(source)));
        Ok(Self {
            payloads: PayloadDecoder::new(config.decode.clone(), registry),
            topics: topics.clone(),
            leaves_halves: false,
        })
    }

    /// The same, but halves of calls are left alone: the other half may be in a partition that somebody else reads.
    pub(crate) fn leaving_halves(self) -> Self {
        Self {
            leaves_halves: true,
            ..self
        }
    }

    /// Decodes a batch.
    ///
    /// # Errors
    /// [`Unavailable`] when a schema cannot be fetched now; then nothing was decoded, and the same batch can be tried again.
    pub(crate) fn decode(&mut self, schema: &ModelSchema, batch: &Batch) -> Result<Decoded, Unavailable> {
        let headers = Headers::of(batch);
        if self.payloads.has_registry() {
            let headers = &headers;
            let of_kind = |kind: TopicKind| {
                let messages = batch.messages.iter().enumerate();
                messages
                    .filter(move |(_, message)| message.partition.kind == kind)
                    .map(move |(at, message)| record(message, "", headers.of_message(at)))
            };
            self.payloads
                .prepare(of_kind(TopicKind::Observations), of_kind(TopicKind::Labels))?;
        }
        Ok(self.decode_prepared(schema, batch, &headers))
    }

    /// Records that wait for another, and their bytes.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        let (records, bytes) = self.payloads.waiting();
        (records as u64, bytes as u64)
    }

    /// The halves of calls that wait for their other half.
    pub(crate) fn halves(&self) -> Halves {
        self.payloads.halves()
    }

    /// Goes on from halves that waited.
    pub(crate) fn resume(&mut self, halves: &Halves) {
        self.payloads.resume(halves);
    }

    fn decode_prepared(&mut self, schema: &ModelSchema, batch: &Batch, headers: &Headers<'_>) -> Decoded {
        let mut builder = ObservationBatch::builder(schema, batch.messages.len());
        let mut labels = LabelBatch::new();
        let (mut rejects, mut given_back) = (Vec::new(), Vec::new());
        let mut of_message = Vec::with_capacity(batch.messages.len());
        for (at, message) in batch.messages.iter().enumerate() {
            let (observations_before, labels_before) = (builder.len(), labels.len());
            let events_before = builder.encoder_events().len();
            let topic = self.topics.name(message.partition.kind).unwrap_or_default();
            let record = record(message, topic, headers.of_message(at));
            let is_half = self.leaves_halves && self.payloads.is_half_of_a_call(&record);
            let (kind, outcome) = match message.partition.kind {
                TopicKind::Observations if is_half => (Kind::Observations, Outcome::default()),
                TopicKind::Observations => {
                    let outcome = self.payloads.observations(schema, &record, &mut builder);
                    (Kind::Observations, outcome)
                }
                TopicKind::Labels => (Kind::Labels, self.payloads.labels(&record, &mut labels)),
            };
            rejects.extend(outcome.rejects.into_iter().map(|reject| (at, kind, reject)));
            let back =
                |GivenBack { record, reject }| (message_of(&record, message.partition.kind), kind, reject);
            given_back.extend(outcome.given_back.into_iter().map(back));
            of_message.push(OfMessage {
                observations: observations_before..builder.len(),
                encoder_events: events_before..builder.encoder_events().len(),
                labels: labels_before..labels.len(),
                event_time_ms: outcome.waits_at_ms,
                is_half,
            });
        }
        let observations = builder.finish();
        for of_message in &mut of_message {
            let observed = observations.timestamps_ms()[of_message.observations.clone()].iter();
            let labelled = labels[of_message.labels.clone()].iter();
            let of_encoder = observations.encoder_events()[of_message.encoder_events.clone()].iter();
            let observed = observed
                .copied()
                .chain(of_encoder.map(|event| event.timestamp_ms));
            let times = observed.chain(labelled.map(|label| label.timestamp_ms));
            of_message.event_time_ms = times.chain(of_message.event_time_ms).max();
        }
        Decoded {
            observations,
            labels,
            rejects,
            given_back,
            of_message,
        }
    }
}

/// The headers of all messages of a batch, one after the other.
struct Headers<'b> {
    all: Vec<(&'b str, &'b [u8])>,
    /// Where each message's end in `all`.
    ends: Vec<usize>,
}

impl<'b> Headers<'b> {
    fn of(batch: &'b Batch) -> Self {
        let mut headers = Self {
            all: Vec::new(),
            ends: Vec::with_capacity(batch.messages.len()),
        };
        for message in &batch.messages {
            headers.all.extend(message.headers());
            headers.ends.push(headers.all.len());
        }
        headers
    }

    fn of_message(&self, at: usize) -> &[(&'b str, &'b [u8])] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[at]]
    }
}

fn record<'a>(message: &'a RawMessage, topic: &'a str, headers: &'a [(&'a str, &'a [u8])]) -> Record<'a> {
    Record {
        topic,
        position: Position {
            partition: message.partition.partition,
            offset: message.offset,
        },
        key: message.key.as_deref(),
        headers,
        timestamp_ms: message.timestamp_ms,
        payload: &message.payload,
    }
}

/// A record that had waited, as the message that it was.
fn message_of(record: &OwnedRecord, kind: TopicKind) -> RawMessage {
    let partition = TopicPartition {
        kind,
        partition: record.position.partition,
    };
    let payload = record.payload.to_vec().into();
    let headers = record.headers.iter().map(|(name, value)| (&**name, &**value));
    let mut message = RawMessage::new(partition, record.position.offset, payload).with_headers(headers);
    message.key = record.key.as_ref().map(|key| key.to_vec().into());
    message.timestamp_ms = record.timestamp_ms;
    message
}

#[cfg(test)]
mod tests;
