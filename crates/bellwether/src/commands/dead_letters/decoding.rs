//! Whether a refused record would be accepted now: it is decoded again, as the monitor would.

use crate::commands::load_reference;
use crate::config::Config;
use crate::failure::Failure;
use crate::wire::WireDecoder;
use bellwether_events::ModelSchema;
use bellwether_ingest::{Batch, DeadLetter, RawMessage, Topics};
use serde_json::{Value, json};

/// What would become of a record now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted {
        /// Observations and labels in it.
        rows: usize,
    },
    Refused {
        reason: String,
        detail: String,
        /// Rows of it that can be used, besides those that cannot.
        usable: usize,
    },
    /// It is a half of a call, and the other half is not among the dead letters before it.
    Waits,
    Unknown(String),
}

impl Outcome {
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Accepted { rows } => format!("it would be accepted now ({rows} rows)"),
            Self::Refused {
                reason,
                detail,
                usable: 0,
            } => format!("it would be refused again, {reason}: {detail}"),
            Self::Refused {
                reason,
                detail,
                usable,
            } => {
                format!(
                    "{usable} of its rows can be used and were; the rest would be refused again, {reason}: {detail}"
                )
            }
            Self::Waits => "as half of a call it would wait for its other half".to_owned(),
            Self::Unknown(why) => format!("it cannot be told: {why}"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let (word, more) = match self {
            Self::Accepted { rows } => ("accepted", json!({"rows": rows})),
            Self::Refused {
                reason,
                detail,
                usable,
            } => (
                "refused",
                json!({"reason": reason, "detail": detail, "usable_rows": usable}),
            ),
            Self::Waits => ("waits", json!({})),
            Self::Unknown(why) => ("unknown", json!({"detail": why})),
        };
        let mut out = more;
        out["outcome"] = json!(word);
        out
    }
}

/// Decodes records with the configured formats and the reference's schema.
#[derive(Debug)]
pub(super) struct Decoding {
    schema: ModelSchema,
    decoder: WireDecoder,
    topics: Topics,
}

impl Decoding {
    pub(super) fn new(config: &Config) -> Result<Self, Failure> {
        let Some(path) = &config.reference else {
            return Err(
                Failure::usage("without a reference it cannot be told what would be accepted")
                    .fix("name it in `reference`"),
            );
        };
        let reference = load_reference(path, &config.monitor)?;
        let topics = Topics::new(&config.kafka);
        let decoder = WireDecoder::new(&config.payloads, &topics).map_err(|error| {
            Failure::usage("cannot ask the schema registry")
                .because(&error)
                .fix("correct payloads.registry")
        })?;
        Ok(Self {
            schema: reference.schema().clone(),
            decoder,
            topics,
        })
    }

    /// What would become of the record, after all those that were asked for before it.
    pub(super) fn outcome(&mut self, letter: &DeadLetter) -> Outcome {
        let Some(origin) = &letter.origin else {
            return Outcome::Unknown("the dead letter does not say where its record came from".to_owned());
        };
        let Some(partition) = self.topics.partition(&origin.topic, origin.partition) else {
            return Outcome::Unknown(format!("`{}` is no topic of this configuration", origin.topic));
        };
        let headers = letter
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()));
        let mut message =
            RawMessage::new(partition, origin.offset, letter.payload.clone().into()).with_headers(headers);
        message.key = letter.key.clone().map(Into::into);
        message.timestamp_ms = letter.timestamp_ms.or(letter.written_ms);
        let batch = Batch {
            messages: vec![message],
            ..Batch::default()
        };
        let waiting = self.decoder.waiting().0;
        let decoded = match self.decoder.decode(&self.schema, &batch) {
            Ok(decoded) => decoded,
            Err(error) => return Outcome::Unknown(error.to_string()),
        };
        let rows = decoded.observations.len() + decoded.labels.len();
        match decoded.rejects.into_iter().next() {
            Some((_, _, reject)) => Outcome::Refused {
                reason: reject.reason.as_str().to_owned(),
                detail: reject.detail,
                usable: rows,
            },
            None if rows == 0 && self.decoder.waiting().0 > waiting => Outcome::Waits,
            None => Outcome::Accepted { rows },
        }
    }
}
