//! A Kafka broker inside this process, for the demo and for tests: librdkafka's mock cluster on a loopback port.
//!
//! It speaks the real protocol, so the same consumer reads from it, and other processes can reach it. It is not a store:
//! it keeps 5 MiB per partition and drops the oldest records without a word. [`DemoProducer`] therefore waits while the
//! bytes that were published and not yet acknowledged reach a limit. It knows no topic administration, and its
//! transactions do nothing.

use crate::config::client_error;
use crate::error::Error;
use crate::health::{Faults, forward_log};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Unread bytes at most: below the 5 MiB that a partition keeps, with room for the format's overhead, even if one
/// partition gets everything.
const UNREAD_LIMIT_BYTES: u32 = 4 << 20;

/// What a record takes beside its key and payload, at most: headers, timestamp, lengths, and a batch of its own.
const RECORD_OVERHEAD_BYTES: u32 = 160;

/// How long to wait before a full send queue is tried again.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// A broker in this process. It ends when this and all its [`DemoProducer`]s are dropped.
#[derive(Clone)]
pub struct EmbeddedBroker {
    // The cluster lives inside the producer's client, which the bindings make safe to share.
    producer: ThreadedProducer<Deliveries>,
    brokers: String,
}

impl EmbeddedBroker {
    /// Starts it on a free loopback port with these topics, each with its number of partitions. Takes milliseconds.
    ///
    /// # Errors
    /// [`Error::Client`] when the cluster cannot be started, [`Error::EmbeddedTopic`] for a topic.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, Error> {
        let faults = Arc::default();
        let context = Deliveries {
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            faults: Arc::clone(&faults),
        };
        let producer: ThreadedProducer<Deliveries> = ClientConfig::new()
            .set("client.id", "bellwether-demo")
            .set("test.mock.num.brokers", "1")
            .set("enable.idempotence", "true")
            .set("linger.ms", "2")
            .set("queue.buffering.max.kbytes", "8192")
            .create_with_context(context)
            .map_err(|source| client_error("embedded broker", source))?;
        let unavailable = KafkaError::MockCluster(RDKafkaErrorCode::Fail);
        let cluster = producer.client().mock_cluster().ok_or(Error::Client {
            role: "embedded broker",
            source: unavailable,
        })?;
        for &(topic, partitions) in topics {
            cluster
                .create_topic(topic, partitions, 1)
                .map_err(|source| Error::EmbeddedTopic {
                    topic: topic.to_owned(),
                    source,
                })?;
        }
        let brokers = cluster.bootstrap_servers();
        drop(cluster);
        Ok(Self { producer, brokers })
    }

    /// Its address, for [`Config::brokers`](crate::Config::brokers).
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// A producer that lets at most 4 MiB be unread, so that nothing is dropped before it is consumed. Whoever reads has
    /// to [acknowledge](DemoProducer::acknowledge) what it read. One per broker, or the limit is theirs together.
    #[must_use]
    pub fn producer(&self) -> DemoProducer {
        DemoProducer {
            producer: self.producer.clone(),
            unread: Arc::new(Semaphore::new(UNREAD_LIMIT_BYTES as usize)),
        }
    }

    /// Cuts all connections and refuses new ones, as a broker that is away does, until
    /// [`come_back`](Self::come_back). Records are kept.
    ///
    /// # Errors
    /// [`Error::Client`] when the cluster refuses.
    pub fn go_away(&self) -> Result<(), Error> {
        self.with_cluster(|cluster| cluster.broker_down(-1))
    }

    /// Accepts connections again.
    ///
    /// # Errors
    /// [`Error::Client`] when the cluster refuses.
    pub fn come_back(&self) -> Result<(), Error> {
        self.with_cluster(|cluster| cluster.broker_up(-1))
    }

    fn with_cluster(
        &self,
        call: impl FnOnce(&rdkafka::mocking::MockCluster<'_, Deliveries>) -> Result<(), KafkaError>,
    ) -> Result<(), Error> {
        let missing = || KafkaError::MockCluster(RDKafkaErrorCode::Fail);
        let cluster = self.producer.client().mock_cluster().ok_or_else(missing);
        cluster
            .and_then(|cluster| call(&cluster))
            .map_err(|source| Error::Client {
                role: "embedded broker",
                source,
            })
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker")
            .field("brokers", &self.brokers)
            .finish_non_exhaustive()
    }
}

/// One record for [`DemoProducer::publish`].
#[derive(Debug, Clone, Copy, Default)]
pub struct DemoRecord<'a> {
    /// Topic to write to.
    pub topic: &'a str,
    /// Key; records with the same key go to the same partition.
    pub key: Option<&'a str>,
    /// Value.
    pub payload: &'a [u8],
    /// Kafka timestamp in milliseconds since the epoch; the wall clock's if `None` or 0.
    pub timestamp_ms: Option<i64>,
    /// Header `content-type`, such as `application/json`.
    pub content_type: Option<&'a str>,
}

impl DemoRecord<'_> {
    fn size_bytes(&self) -> usize {
        self.payload.len() + self.key.map_or(0, str::len) + self.content_type.map_or(0, str::len)
    }
}

/// Plays records into the embedded broker no faster than they are read. Cheap to clone; clones share the limit.
#[derive(Clone)]
pub struct DemoProducer {
    producer: ThreadedProducer<Deliveries>,
    unread: Arc<Semaphore>,
}

impl DemoProducer {
    /// Hands a record to the broker: waits for room, not for delivery.
    ///
    /// # Errors
    /// [`Error::Publish`] when the record is refused at once, as one above 1 MB is. Later failures are counted in
    /// [`failed`](Self::failed).
    pub async fn publish(&self, record: DemoRecord<'_>) -> Result<(), Error> {
        let weight = weight(1, record.size_bytes()).min(UNREAD_LIMIT_BYTES);
        match self.unread.acquire_many(weight).await {
            Ok(permit) => permit.forget(),
            // The semaphore is never closed.
            Err(_) => return Err(Error::Interrupted),
        }
        let mut base = BaseRecord::<str, [u8]>::to(record.topic).payload(record.payload);
        if let Some(key) = record.key {
            base = base.key(key);
        }
        if let Some(timestamp_ms) = record.timestamp_ms {
            base = base.timestamp(timestamp_ms);
        }
        if let Some(content_type) = record.content_type {
            let header = Header {
                key: "content-type",
                value: Some(content_type),
            };
            base = base.headers(OwnedHeaders::new_with_capacity(1).insert(header));
        }
        loop {
            match self.producer.send(base) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    base = refused;
                    tokio::time::sleep(QUEUE_FULL_PAUSE).await;
                }
                Err((source, _)) => {
                    self.unread.add_permits(weight as usize);
                    return Err(Error::Publish {
                        topic: record.topic.to_owned(),
                        source,
                    });
                }
            }
        }
    }

    /// So many records, of so many bytes together ([`Batch::size_bytes`](crate::Batch::size_bytes)), were read: there is
    /// room for as many again.
    pub fn acknowledge(&self, records: usize, size_bytes: usize) {
        let limit = UNREAD_LIMIT_BYTES as usize;
        // Records that others published may be read as well: never allow more than the limit.
        let room = limit.saturating_sub(self.unread.available_permits());
        self.unread
            .add_permits(room.min(weight(records, size_bytes) as usize));
    }

    /// Waits until everything that was published is delivered.
    ///
    /// # Errors
    /// [`Error::Flush`] after `timeout`.
    pub async fn flush(&self, timeout: Duration) -> Result<(), Error> {
        let producer = self.producer.clone();
        tokio::task::spawn_blocking(move || producer.flush(timeout))
            .await
            .map_err(|_| Error::Interrupted)?
            .map_err(|source| Error::Flush { source })
    }

    /// Records that the broker has.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.producer.context().delivered.load(Ordering::Relaxed)
    }

    /// Records that were handed over and did not reach the broker.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.producer.context().failed.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for DemoProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DemoProducer")
            .field("delivered", &self.delivered())
            .field("failed", &self.failed())
            .finish_non_exhaustive()
    }
}

/// What records of this size take of the limit.
fn weight(records: usize, size_bytes: usize) -> u32 {
    let overhead = records.saturating_mul(RECORD_OVERHEAD_BYTES as usize);
    u32::try_from(size_bytes.saturating_add(overhead)).unwrap_or(u32::MAX)
}

/// Counts what became of the records.
struct Deliveries {
    delivered: AtomicU64,
    failed: AtomicU64,
    faults: Arc<Faults>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.faults.report(
            "demo producer",
            crate::context::name(error.rdkafka_error_code()),
            reason,
        );
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        match result {
            Ok(_) => self.delivered.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => {
                self.faults
                    .report("demo producer", String::from("Delivery"), &error.to_string());
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}
