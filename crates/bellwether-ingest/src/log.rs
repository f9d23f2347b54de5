//! A topic that instances of one group share: written in order by each, not as verdicts and dead letters one at a time.

use crate::config::Config;
use crate::error::Error;
use crate::producer::Publisher;
use rdkafka::producer::DeliveryFuture;
use std::fmt;

/// Writes records whose order counts, without waiting for each.
///
/// Idempotent, and patient with brokers that are away. Records of one writer for one partition are stored in the order in
/// which they were given. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogWriter {
    publisher: Publisher,
}

/// A record on its way to the brokers.
pub struct Underway {
    topic: String,
    delivery: DeliveryFuture,
}

impl LogWriter {
    /// Creates the client. Does not wait for a broker.
    ///
    /// # Errors
    /// [`Error::ReservedProperty`], [`Error::BadProperty`], [`Error::Client`].
    pub fn new(config: &Config, topic: &str) -> Result<Self, Error> {
        Ok(Self {
            publisher: Publisher::patient(config, topic, "log writer")?,
        })
    }

    /// Hands a record over. Waits only while as much is under way as the client's queue takes.
    ///
    /// # Errors
    /// [`Error::Publish`] when the client refuses it, as it does one that is larger than `message.max.bytes`.
    pub async fn write(&self, partition: i32, payload: &[u8]) -> Result<Underway, Error> {
        Ok(Underway {
            delivery: self.publisher.enqueue(partition, payload).await?,
            topic: self.publisher.topic().to_owned(),
        })
    }
}

impl Underway {
    /// Waits until the brokers have the record, however long they are away.
    ///
    /// # Errors
    /// [`Error::Publish`] when the brokers refused it, or did not take it within `message.timeout.ms` where that is configured.
    pub async fn arrived(self) -> Result<(), Error> {
        let refused = |source| Error::Publish {
            topic: self.topic,
            source,
        };
        match self.delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((source, _))) => Err(refused(source)),
            Err(_) => Err(Error::Interrupted),
        }
    }
}

impl fmt::Debug for Underway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Underway")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
