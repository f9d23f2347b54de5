//! What we write: verdicts, and records that cannot be used.

use crate::batch::RawMessage;
use crate::config::{Config, client_error};
use crate::context::name;
use crate::dead_letter::{DETAIL, OFFSET, OMITTED, PARTITION, PAYLOAD, REASON, TIMESTAMP, TOPIC};
use crate::error::Error;
use crate::health::{Faults, Health, forward_log};
use crate::position::NextOffset;
use crate::topics::Topics;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Headers may grow a record beyond what the broker takes, so a long explanation is cut here.
const MAX_DETAIL_BYTES: usize = 1024;

/// After so much waiting for the brokers the log says so, and again after as much.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between attempts to hand over a record while the client's queue is full.
const QUEUE_FULL: Duration = Duration::from_millis(5);

/// Publishes verdict lines, each awaited until the brokers have it, however long they are away.
///
/// Idempotent: a line that is sent again after a fault is stored once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct VerdictProducer {
    publisher: Publisher,
}

impl VerdictProducer {
    /// Creates the client for `verdicts_topic`. Does not wait for a broker.
    ///
    /// # Errors
    /// [`Error::TopicNotConfigured`], [`Error::ReservedProperty`], [`Error::BadProperty`], [`Error::Client`].
    pub fn new(config: &Config) -> Result<Self, Error> {
        let topic = config.verdicts_topic.as_deref();
        let topic = topic.ok_or(Error::TopicNotConfigured {
            setting: "verdicts_topic",
        })?;
        Ok(Self {
            publisher: Publisher::patient(config, topic, "verdict producer")?,
        })
    }

    /// Writes one line with its headers, and says at which partition and offset it stands. Lines with the same key keep
    /// their order, when each is awaited before the next is published; a compacted topic keeps the last of each key.
    ///
    /// # Errors
    /// [`Error::Publish`] when the brokers refused it, or did not take it within `message.timeout.ms` where that is configured.
    pub async fn publish(
        &self,
        key: &str,
        headers: &[(&str, &str)],
        line: &[u8],
    ) -> Result<(i32, NextOffset), Error> {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, &(key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        self.publisher.send(Some(key.as_bytes()), line, headers).await
    }

    /// The state of the connection.
    #[must_use]
    pub fn health(&self) -> Health {
        self.publisher.health()
    }
}

/// Publishes records that cannot be used, as they came, with the reason and their position in headers:
/// `bellwether-reason`, `bellwether-detail`, `bellwether-topic`, `bellwether-partition`, `bellwether-offset`,
/// `bellwether-timestamp` (its Kafka timestamp in milliseconds), and before them the original ones.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    publisher: Publisher,
    topics: Topics,
    keeps_payload: bool,
}

impl DeadLetters {
    /// Creates the client for `dead_letter_topic`. Does not wait for a broker.
    ///
    /// # Errors
    /// [`Error::TopicNotConfigured`], [`Error::ReservedProperty`], [`Error::BadProperty`], [`Error::Client`].
    pub fn new(config: &Config) -> Result<Self, Error> {
        let topic = config.dead_letter_topic.as_deref();
        let topic = topic.ok_or(Error::TopicNotConfigured {
            setting: "dead_letter_topic",
        })?;
        Ok(Self {
            publisher: Publisher::patient(config, topic, "dead letter producer")?,
            topics: Topics::new(config),
            keeps_payload: config.dead_letter_payload,
        })
    }

    /// Writes the record's key, and its bytes unless `dead_letter_payload` is off, waits until the brokers have it, however long they are away, and says at which
    /// partition and offset it stands. `reason` is one of a closed set, `detail` a sentence, of which the first 1,024
    /// bytes are kept.
    ///
    /// # Errors
    /// [`Error::Publish`] when the brokers refused it, or did not take it within `message.timeout.ms` where that is
    /// configured. The record is then nowhere but in its own topic: do not commit beyond it.
    pub async fn publish(
        &self,
        original: &RawMessage,
        reason: &str,
        detail: &str,
    ) -> Result<(i32, NextOffset), Error> {
        let topic = self.topics.name(original.partition.kind);
        let topic = topic.ok_or(Error::TopicNotConfigured {
            setting: "labels_topic",
        })?;
        let (partition, offset) = (
            original.partition.partition.to_string(),
            original.offset.to_string(),
        );
        // Without its own headers a record of some formats could not be read again.
        let mut headers = OwnedHeaders::new_with_capacity(8);
        for (key, value) in original.headers() {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let timestamp = original.timestamp_ms.map(|ms| ms.to_string());
        for (key, value) in [
            (REASON, Some(reason)),
            (DETAIL, Some(cut(detail))),
            (TOPIC, Some(topic)),
            (PARTITION, Some(&partition)),
            (OFFSET, Some(&offset)),
            (TIMESTAMP, timestamp.as_deref()),
        ] {
            if value.is_some() {
                headers = headers.insert(Header { key, value });
            }
        }
        let payload: &[u8] = if self.keeps_payload {
            &original.payload
        } else {
            b""
        };
        if !self.keeps_payload {
            headers = headers.insert(Header {
                key: PAYLOAD,
                value: Some(OMITTED),
            });
        }
        self.publisher
            .send(original.key.as_deref(), payload, headers)
            .await
    }

    /// The state of the connection.
    #[must_use]
    pub fn health(&self) -> Health {
        self.publisher.health()
    }
}

/// The first [`MAX_DETAIL_BYTES`] of a text, cut between characters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_DETAIL_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// One topic to write to.
#[derive(Clone)]
pub(crate) struct Publisher {
    topic: String,
    faults: Arc<Faults>,
    producer: FutureProducer<ProducerEvents>,
}

impl Publisher {
    pub(crate) fn new(config: &Config, topic: &str, client: &'static str) -> Result<Self, Error> {
        Self::with(&config.producer()?, topic, client)
    }

    /// One that waits for brokers that are away until they are back: what was given up could have been written all the
    /// same, and would be there twice after another attempt.
    pub(crate) fn patient(config: &Config, topic: &str, client: &'static str) -> Result<Self, Error> {
        let mut settings = config.producer()?;
        if !config.properties.contains_key("message.timeout.ms") {
            settings.set("message.timeout.ms", "0");
        }
        Self::with(&settings, topic, client)
    }

    fn with(settings: &ClientConfig, topic: &str, client: &'static str) -> Result<Self, Error> {
        let faults = Arc::new(Faults::default());
        let producer = settings
            .create_with_context(ProducerEvents {
                client,
                faults: Arc::clone(&faults),
            })
            .map_err(|source| client_error("producer", source))?;
        Ok(Self {
            topic: topic.to_owned(),
            faults,
            producer,
        })
    }

    async fn send(
        &self,
        key: Option<&[u8]>,
        payload: &[u8],
        headers: OwnedHeaders,
    ) -> Result<(i32, NextOffset), Error> {
        let mut record = FutureRecord::to(&self.topic).payload(payload).headers(headers);
        record.key = key;
        let mut delivery = pin!(self.deliver(record));
        loop {
            if let Ok(delivered) = tokio::time::timeout(PATIENCE, &mut delivery).await {
                let (partition, offset) = delivered?;
                return Ok((partition, NextOffset::after(offset)));
            }
            tracing::warn!(
                topic = self.topic,
                "The brokers have not taken a record yet; waiting"
            );
        }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Hands a record to the client, in order. Waits while its queue is full.
    pub(crate) async fn enqueue(&self, partition: i32, payload: &[u8]) -> Result<DeliveryFuture, Error> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic)
            .partition(partition)
            .payload(payload);
        loop {
            record = match self.producer.send_result(record) {
                Ok(delivery) => return Ok(delivery),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => record,
                Err((source, _)) => {
                    return Err(Error::Publish {
                        topic: self.topic.clone(),
                        source,
                    });
                }
            };
            tokio::time::sleep(QUEUE_FULL).await;
        }
    }

    /// Writes any record, and says at which partition and offset it stands.
    pub(crate) async fn deliver(&self, record: FutureRecord<'_, [u8], [u8]>) -> Result<(i32, i64), Error> {
        let topic = record.topic;
        // A full queue is waited for without a limit of its own: it empties, at the latest when its records time out.
        match self.producer.send(record, Timeout::Never).await {
            Ok(delivery) => Ok((delivery.partition, delivery.offset)),
            Err((source, _)) => Err(Error::Publish {
                topic: topic.to_owned(),
                source,
            }),
        }
    }

    fn health(&self) -> Health {
        Health {
            faults_total: self.faults.total(),
            last_error: self.faults.last(),
            ..Health::default()
        }
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// The receiver of a producer's callbacks.
struct ProducerEvents {
    client: &'static str,
    faults: Arc<Faults>,
}

impl ClientContext for ProducerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.faults
            .report(self.client, name(error.rdkafka_error_code()), reason);
    }

    // Statistics are switched on for the consumer only; a user may ask for them, but nobody reads them here.
    fn stats_raw(&self, _: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_detail_is_cut_between_characters() {
        let text = format!("{}é", "a".repeat(MAX_DETAIL_BYTES - 1));
        assert_eq!(cut(&text), "a".repeat(MAX_DETAIL_BYTES - 1));
        assert_eq!(cut("é"), "é");
    }

    #[test]
    fn topic_that_is_not_configured_is_named() {
        let error = VerdictProducer::new(&Config::default()).unwrap_err();
        assert_eq!(error.to_string(), "`verdicts_topic` is not configured");
        let error = DeadLetters::new(&Config::default()).unwrap_err();
        assert_eq!(error.to_string(), "`dead_letter_topic` is not configured");
    }
}
