//! From a batch of raw Kafka records to observations, labels and rejects.

use bellwether_api::TopicKind as Kind;
use bellwether_events::arrow::{decode_ipc_labels, decode_ipc_observations};
use bellwether_events::{JsonDecoder, LabelBatch, ModelSchema, ObservationBatch, Reject};
use bellwether_ingest::{Batch, RawMessage, TopicKind};

/// Content types under which Arrow IPC travels.
const ARROW_TYPES: [&str; 2] = [
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
];

/// A decoded batch of records.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) observations: ObservationBatch,
    pub(crate) labels: LabelBatch,
    /// Refused records, each with the index of its message.
    pub(crate) rejects: Vec<(usize, Kind, Reject)>,
    /// Newest event time in each message; `None` where nothing could be read.
    pub(crate) event_times: Vec<Option<i64>>,
}

/// Decodes records by their content type, or by their first bytes where there is none.
#[derive(Debug, Default)]
pub(crate) struct WireDecoder {
    json: JsonDecoder,
}

impl WireDecoder {
    pub(crate) fn decode(&mut self, schema: &ModelSchema, batch: &Batch) -> Decoded {
        let mut builder = ObservationBatch::builder(schema, batch.messages.len());
        let mut labels = LabelBatch::new();
        let mut rejects = Vec::new();
        let mut spans = Vec::with_capacity(batch.messages.len());
        let mut refused = Vec::new();
        for (at, message) in batch.messages.iter().enumerate() {
            let (observations_before, labels_before) = (builder.len(), labels.len());
            let arrow = is_arrow(message);
            let payload = &message.payload;
            let kind = match message.partition.kind {
                TopicKind::Observations => {
                    let outcome = if arrow {
                        decode_ipc_observations(schema, payload, &mut builder, &mut refused)
                    } else {
                        Ok(self
                            .json
                            .observations(schema, payload, &mut builder, &mut refused))
                    };
                    refused.extend(outcome.err().map(|fault| fault.at(0)));
                    Kind::Observations
                }
                TopicKind::Labels => {
                    let outcome = if arrow {
                        decode_ipc_labels(payload, &mut labels, &mut refused)
                    } else {
                        Ok(self.json.labels(payload, &mut labels, &mut refused))
                    };
                    refused.extend(outcome.err().map(|fault| fault.at(0)));
                    Kind::Labels
                }
            };
            rejects.extend(refused.drain(..).map(|reject| (at, kind, reject)));
            spans.push((observations_before..builder.len(), labels_before..labels.len()));
        }
        let observations = builder.finish();
        let event_times = spans
            .into_iter()
            .map(|(observed, labelled)| {
                let observed = observations.timestamps_ms()[observed].iter().copied();
                observed
                    .chain(labels[labelled].iter().map(|l| l.timestamp_ms))
                    .max()
            })
            .collect();
        Decoded {
            observations,
            labels,
            rejects,
            event_times,
        }
    }
}

fn is_arrow(message: &RawMessage) -> bool {
    match message.content_type() {
        Some(kind) => ARROW_TYPES.contains(&kind.split(';').next().unwrap_or_default().trim()),
        // An IPC stream starts with the continuation marker, an IPC file with its magic; JSON with neither.
        None => message.payload.starts_with(&[0xFF; 4]) || message.payload.starts_with(b"ARROW1"),
    }
}
