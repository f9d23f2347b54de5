//! Dead letters read back: what they say of the record that was refused, and sending it again.

use crate::config::Config;
use crate::error::Error;
use crate::place::Place;
use crate::producer::Publisher;
use crate::range::StoredRecord;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;

pub(crate) const REASON: &str = "bellwether-reason";
pub(crate) const DETAIL: &str = "bellwether-detail";
pub(crate) const TOPIC: &str = "bellwether-topic";
pub(crate) const PARTITION: &str = "bellwether-partition";
pub(crate) const OFFSET: &str = "bellwether-offset";
pub(crate) const TIMESTAMP: &str = "bellwether-timestamp";
/// There, with the value `omitted`, where the payload is not kept.
pub(crate) const PAYLOAD: &str = "bellwether-payload";
pub(crate) const OMITTED: &str = "omitted";
/// How often the record was sent again.
const RESUBMITTED: &str = "bellwether-resubmitted";
/// The place of the dead letter from which it was sent again last.
const RESUBMITTED_FROM: &str = "bellwether-resubmitted-from";

const OURS: [&str; 9] = [
    PAYLOAD,
    REASON,
    DETAIL,
    TOPIC,
    PARTITION,
    OFFSET,
    TIMESTAMP,
    RESUBMITTED,
    RESUBMITTED_FROM,
];

/// A record that was refused, as its dead letter tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where the dead letter stands.
    pub place: Place,
    /// When it was written, in milliseconds since the epoch.
    pub written_ms: Option<i64>,
    /// Why the record was refused: one of a closed set; `unknown` for a record that is no dead letter of ours.
    pub reason: String,
    /// What was wrong, where, and what to do.
    pub detail: String,
    /// Where the record stood.
    pub origin: Option<Place>,
    /// The record's own Kafka timestamp; dead letters of earlier versions do not tell it.
    pub timestamp_ms: Option<i64>,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's bytes.
    pub payload: Vec<u8>,
    /// Whether the bytes were left out, as `dead_letter_payload` asks for.
    pub is_omitted: bool,
    /// The record's own headers, without those that say why it is here.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All headers as they stand.
    pub all_headers: Vec<(String, Vec<u8>)>,
    /// How often it had been sent again before it was refused this time.
    pub resubmissions: u32,
    /// The dead letter from which it had been sent again.
    pub resubmitted_from: Option<Place>,
}

impl DeadLetter {
    /// Reads what a record of the dead-letter topic says.
    #[must_use]
    pub fn new(record: StoredRecord) -> Self {
        // The last of a name: what came before may be the record's own.
        let value = |name: &str| {
            let found = record.headers.iter().rev().find(|(header, _)| header == name);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let origin = (|| {
            let (partition, offset) = (value(PARTITION)?.parse().ok()?, value(OFFSET)?.parse().ok()?);
            Place::new(&value(TOPIC)?, partition, offset)
        })();
        let own = record
            .headers
            .iter()
            .filter(|(name, _)| !OURS.contains(&name.as_str()));
        Self {
            written_ms: record.timestamp_ms,
            reason: value(REASON).unwrap_or_else(|| "unknown".to_owned()),
            detail: value(DETAIL).unwrap_or_default(),
            origin,
            timestamp_ms: value(TIMESTAMP).and_then(|text| text.parse().ok()),
            resubmissions: value(RESUBMITTED).and_then(|text| text.parse().ok()).unwrap_or(0),
            resubmitted_from: value(RESUBMITTED_FROM).and_then(|text| text.parse().ok()),
            is_omitted: value(PAYLOAD).is_some_and(|text| text == OMITTED),
            headers: own.cloned().collect(),
            all_headers: record.headers,
            place: record.place,
            key: record.key,
            payload: record.payload,
        }
    }
}

/// Sends refused records to where they came from, with their bytes, key, headers and Kafka timestamp.
///
/// Idempotent: a record that is sent again after a fault of the connection is stored once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Resubmitter {
    publisher: Publisher,
}

impl Resubmitter {
    /// Creates the client. Does not wait for a broker.
    ///
    /// # Errors
    /// [`Error::ReservedProperty`], [`Error::BadProperty`], [`Error::Client`].
    pub fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            publisher: Publisher::new(config, &config.observations_topic, "resubmitter")?,
        })
    }

    /// Writes the record to the partition that it had been in, and says where it stands now. Two headers are added:
    /// `bellwether-resubmitted`, how often it was sent again, and `bellwether-resubmitted-from`, the place of its dead
    /// letter. Where it is refused again, its next dead letter has them.
    ///
    /// # Errors
    /// [`Error::NoOrigin`] where the dead letter does not say whence it came; [`Error::NoPayload`] where its bytes were left
    /// out; [`Error::Publish`].
    pub async fn send(&self, letter: &DeadLetter) -> Result<Place, Error> {
        let origin = letter.origin.as_ref().ok_or_else(|| Error::NoOrigin {
            place: letter.place.to_string(),
        })?;
        if letter.is_omitted {
            return Err(Error::NoPayload {
                place: letter.place.to_string(),
                origin: origin.to_string(),
            });
        }
        let (count, from) = (
            letter.resubmissions.saturating_add(1).to_string(),
            letter.place.to_string(),
        );
        let own = letter
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()));
        let marks = [
            (RESUBMITTED, count.as_bytes()),
            (RESUBMITTED_FROM, from.as_bytes()),
        ];
        let headers = own
            .chain(marks)
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let mut record = FutureRecord::<[u8], [u8]>::to(&origin.topic)
            .payload(&letter.payload)
            .partition(origin.partition)
            .headers(headers);
        record.key = letter.key.as_deref();
        record.timestamp = letter.timestamp_ms;
        let (partition, offset) = self.publisher.deliver(record).await?;
        Ok(Place {
            topic: origin.topic.clone(),
            partition,
            offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(headers: &[(&str, &str)]) -> StoredRecord {
        StoredRecord {
            place: "dead/0/7".parse().unwrap(),
            timestamp_ms: Some(5),
            key: None,
            payload: b"{".to_vec(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
        }
    }

    #[test]
    fn what_says_why_is_told_from_what_the_record_had() {
        let letter = DeadLetter::new(record(&[
            ("content-type", "application/json"),
            ("bellwether-resubmitted", "1"),
            ("bellwether-resubmitted-from", "dead/0/3"),
            ("bellwether-reason", "schema"),
            ("bellwether-reason", "malformed"),
            ("bellwether-detail", "cut off"),
            ("bellwether-topic", "predictions"),
            ("bellwether-partition", "2"),
            ("bellwether-offset", "30"),
            ("bellwether-timestamp", "1000"),
        ]));
        assert_eq!(
            (letter.reason.as_str(), letter.detail.as_str()),
            ("malformed", "cut off")
        );
        assert_eq!(letter.origin, "predictions/2/30".parse().ok());
        assert_eq!((letter.timestamp_ms, letter.resubmissions), (Some(1000), 1));
        assert_eq!(letter.resubmitted_from, "dead/0/3".parse().ok());
        assert_eq!(
            letter.headers,
            [("content-type".to_owned(), b"application/json".to_vec())]
        );
        assert_eq!(letter.all_headers.len(), 10);
    }

    #[test]
    fn an_origin_that_cannot_be_is_none() {
        // Kafka takes the partition -1 for any.
        for (topic, partition, offset) in [
            ("t", "-1", "0"),
            ("t", "0", "-1"),
            ("", "0", "0"),
            ("t", "x", "0"),
        ] {
            let letter = DeadLetter::new(record(&[
                ("bellwether-topic", topic),
                ("bellwether-partition", partition),
                ("bellwether-offset", offset),
            ]));
            assert_eq!(letter.origin, None, "{topic}/{partition}/{offset}");
        }
    }

    #[test]
    fn a_record_that_is_no_dead_letter_is_shown_as_such() {
        let letter = DeadLetter::new(record(&[("bellwether-topic", "predictions")]));
        assert_eq!((letter.reason.as_str(), letter.origin), ("unknown", None));
    }
}
