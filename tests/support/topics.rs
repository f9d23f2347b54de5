//! Topics of any Kafka cluster: create, fill, read back.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How long the cluster has for each call.
const PATIENCE: Duration = Duration::from_secs(60);

/// A record to produce.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Partition; chosen by key if `None`.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub payload: Vec<u8>,
    /// Kafka timestamp in milliseconds since the epoch; the wall clock's if `None` or 0.
    pub timestamp_ms: Option<i64>,
    /// Headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Message {
    /// A record with this value and nothing else.
    #[must_use]
    pub fn new(payload: impl AsRef<[u8]>) -> Self {
        Self {
            payload: payload.as_ref().to_vec(),
            ..Self::default()
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    /// The same for one partition.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The same with a Kafka timestamp in milliseconds since the epoch.
    #[must_use]
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((key.to_owned(), value.as_ref().to_vec()));
        self
    }
}

/// A record that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    /// Partition it was in.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub payload: Vec<u8>,
    /// Kafka timestamp in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// Headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Consumed {
    /// The value of a header as text.
    #[must_use]
    pub fn header(&self, key: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == key)?;
        std::str::from_utf8(value).ok()
    }

    fn new(message: &BorrowedMessage<'_>) -> Self {
        let header =
            |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.unwrap_or_default().to_vec());
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().unwrap_or_default().to_vec(),
            timestamp_ms: message.timestamp().to_millis(),
            headers: message
                .headers()
                .map(|headers| headers.iter().map(header).collect())
                .unwrap_or_default(),
        }
    }
}

/// The topics of a cluster.
#[derive(Debug, Clone)]
pub struct Topics {
    brokers: String,
}

impl Topics {
    /// Those of the cluster at these bootstrap brokers.
    #[must_use]
    pub fn at(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
        }
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers);
        client
    }

    /// Creates a topic, on as many brokers as the cluster's default says. One that exists stays as it is.
    ///
    /// # Panics
    /// When the cluster does not do it within a minute.
    pub fn create(&self, topic: &str, partitions: i32) {
        self.create_with(topic, partitions, &[]);
    }

    /// Creates a topic of one partition in which the newest record of each key stays, and older ones go as soon as they can.
    ///
    /// # Panics
    /// As [`create`](Self::create).
    pub fn create_compacted(&self, topic: &str) {
        let settings = [
            ("cleanup.policy", "compact"),
            ("segment.ms", "1000"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("delete.retention.ms", "1000"),
        ];
        self.create_with(topic, 1, &settings);
    }

    fn create_with(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> =
            self.client().create().expect("the settings are valid");
        let options = AdminOptions::new()
            .request_timeout(Some(PATIENCE))
            .operation_timeout(Some(PATIENCE));
        // -1: the broker's default replication factor.
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
        let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
        let results = futures::executor::block_on(admin.create_topics([&new], &options));
        let results = results.unwrap_or_else(|error| panic!("cannot create topic `{topic}`: {error}"));
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => panic!("cannot create topic `{topic}`: {code}"),
            }
        }
        // The answer may come before every broker has the new metadata; records would find no leader.
        crate::wait_until(&format!("leaders of topic `{topic}`"), PATIENCE, || {
            let metadata = admin.inner().fetch_metadata(Some(topic), PATIENCE).ok()?;
            let found = metadata.topics().iter().find(|found| found.name() == topic)?;
            let led = found
                .partitions()
                .iter()
                .filter(|partition| partition.leader() >= 0)
                .count();
            (found.error().is_none() && i32::try_from(led) == Ok(partitions)).then_some(())
        });
    }

    /// Writes records and waits until the cluster has them all.
    ///
    /// # Panics
    /// When the cluster does not take them within a minute.
    pub fn produce(&self, topic: &str, messages: &[Message]) {
        let producer: BaseProducer = self
            .client()
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .create()
            .expect("the settings are valid");
        for message in messages {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(&message.payload);
            if let Some(key) = &message.key {
                record = record.key(key);
            }
            if let Some(partition) = message.partition {
                record = record.partition(partition);
            }
            if let Some(timestamp_ms) = message.timestamp_ms {
                record = record.timestamp(timestamp_ms);
            }
            if !message.headers.is_empty() {
                let headers = message
                    .headers
                    .iter()
                    .fold(OwnedHeaders::new(), |headers, (key, value)| {
                        headers.insert(Header {
                            key,
                            value: Some(value),
                        })
                    });
                record = record.headers(headers);
            }
            loop {
                match producer.send(record) {
                    Ok(()) => break,
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                        record = refused;
                        producer.poll(Duration::from_millis(10));
                    }
                    Err((error, _)) => panic!("cannot produce to `{topic}`: {error}"),
                }
            }
        }
        producer
            .flush(PATIENCE)
            .unwrap_or_else(|error| panic!("cannot produce to `{topic}`: {error}"));
        assert_eq!(
            producer.in_flight_count(),
            0,
            "records for `{topic}` are not delivered"
        );
    }

    /// Is a member of a group for so long, is given partitions, and reads nothing of them.
    ///
    /// # Panics
    /// When the group cannot be joined.
    pub fn join_for(&self, group: &str, topics: &[&str], time: Duration) {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("partition.assignment.strategy", "cooperative-sticky")
            // Should its farewell be lost.
            .set("session.timeout.ms", "6000")
            .create()
            .expect("the settings are valid");
        consumer
            .subscribe(topics)
            .expect("the topics can be subscribed to");
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            // What it is given goes nowhere: others read it again.
            drop(consumer.poll(Duration::from_millis(50)));
        }
    }

    /// Reads all that a topic holds, in order of partition and offset.
    ///
    /// # Panics
    /// When there is no such topic, or the cluster does not give it within a minute.
    #[must_use]
    pub fn all(&self, topic: &str) -> Vec<Consumed> {
        let client: BaseConsumer = self.client().create().expect("the settings are valid");
        let held = self.partitions(&client, topic).into_iter().map(|partition| {
            let (first, next) = client
                .fetch_watermarks(topic, partition, PATIENCE)
                .unwrap_or_else(|error| panic!("cannot look at `{topic}`: {error}"));
            usize::try_from(next - first).expect("a count")
        });
        self.consume(topic, held.sum(), PATIENCE)
    }

    /// Reads the topic from its beginning until `count` records are there or `timeout` has passed, in order of partition
    /// and offset. May return fewer or, when they come together, more.
    ///
    /// # Panics
    /// When the topic does not exist.
    #[must_use]
    pub fn consume(&self, topic: &str, count: usize, timeout: Duration) -> Vec<Consumed> {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", "bellwether-tests-reader")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "50")
            .create()
            .expect("the settings are valid");
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(&consumer, topic) {
            list.add_partition_offset(topic, partition, Offset::Beginning)
                .expect("the beginning is an offset");
        }
        consumer
            .assign(&list)
            .unwrap_or_else(|error| panic!("cannot read `{topic}`: {error}"));
        let deadline = Instant::now() + timeout;
        let mut consumed = Vec::new();
        while consumed.len() < count && Instant::now() < deadline {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                consumed.push(Consumed::new(&message));
            }
        }
        consumed.sort_by_key(|message| (message.partition, message.offset));
        consumed
    }

    /// What a group has committed for a topic: the next offset of each partition that has one, by partition.
    ///
    /// # Panics
    /// When the cluster does not answer within a minute.
    #[must_use]
    pub fn committed(&self, group: &str, topic: &str) -> Vec<(i32, i64)> {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", group)
            .create()
            .expect("the settings are valid");
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(&consumer, topic) {
            list.add_partition(topic, partition);
        }
        let answer = consumer
            .committed_offsets(list, Timeout::After(PATIENCE))
            .unwrap_or_else(|error| panic!("cannot learn the offsets of group `{group}`: {error}"));
        let offset = |offset| {
            if let Offset::Offset(offset) = offset {
                Some(offset)
            } else {
                None
            }
        };
        answer
            .elements()
            .iter()
            .filter_map(|element| offset(element.offset()).map(|next| (element.partition(), next)))
            .collect()
    }

    fn partitions(&self, consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
        let metadata = consumer
            .fetch_metadata(Some(topic), PATIENCE)
            .unwrap_or_else(|error| {
                panic!(
                    "cannot learn the partitions of `{topic}` at {}: {error}",
                    self.brokers
                )
            });
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let partitions: Vec<i32> = found
            .map(|found| {
                found
                    .partitions()
                    .iter()
                    .map(rdkafka::metadata::MetadataPartition::id)
                    .collect()
            })
            .unwrap_or_default();
        assert!(!partitions.is_empty(), "topic `{topic}` does not exist");
        partitions
    }
}
