//! What the Kafka side is told: where the brokers are, which topics, which bounds.

use crate::error::Error;
use crate::position::TopicKind;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Properties that the guarantees of this crate rest on.
const RESERVED: [&str; 6] = [
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "group.id",
    "metadata.broker.list",
];

/// How partitions come to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// As a member of the consumer group: partitions are shared with the other members and may move.
    #[default]
    Group,
    /// Every partition that the topics have at start, at once and for good.
    ///
    /// For the embedded broker, where this process is alone and joining a group takes three seconds.
    Assign,
    /// This one partition of the topic of observations, at once and for good, whoever else reads it.
    Only(i32),
}

/// The Kafka side's part of the configuration. Durations are written as text, such as `"30s"` or `"100ms"`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bootstrap brokers, `host:port`, separated by commas.
    pub brokers: String,
    /// Consumer group; offsets are committed under this name.
    pub group_id: String,
    /// Topic of prediction events.
    pub observations_topic: String,
    /// Topic of labels, if there are any.
    pub labels_topic: Option<String>,
    /// Topic to publish verdicts to, if wanted.
    pub verdicts_topic: Option<String>,
    /// Topic for records that cannot be used, if wanted.
    pub dead_letter_topic: Option<String>,
    /// Whether dead letters have the records' bytes. Without them a record is known by its position, and cannot be sent again.
    pub dead_letter_payload: bool,
    /// Properties handed to librdkafka as they are, for consumers and producers alike, such as `security.protocol`.
    #[serde(deserialize_with = "scalars")]
    pub properties: BTreeMap<String, String>,
    /// How partitions come to this process.
    pub subscription: Subscription,
    /// A partition that has been at its end for this long no longer holds back the watermark.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// A batch ends at this many records.
    pub max_batch_records: usize,
    /// A batch ends at this many bytes of payload, keys and headers.
    pub max_batch_bytes: usize,
    /// A batch ends after this time, full or not, empty or not.
    #[serde(with = "duration")]
    pub max_batch_wait: Duration,
    /// While what waits behind the watermark takes more than this, only the slowest partitions are read on. What comes within
    /// the lateness that is allowed has to wait in any case.
    pub max_buffered_bytes: u64,
    /// Prefetched records kept per partition, in KiB. Memory for prefetching is at most this and one fetch (1 MiB) for
    /// each assigned partition.
    pub queue_kbytes_per_partition: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: String::from("127.0.0.1:9092"),
            group_id: String::from("bellwether"),
            observations_topic: String::from("predictions"),
            labels_topic: None,
            verdicts_topic: None,
            dead_letter_topic: None,
            dead_letter_payload: true,
            properties: BTreeMap::new(),
            subscription: Subscription::Group,
            idle_timeout: Duration::from_secs(10),
            max_batch_records: 4096,
            max_batch_bytes: 16 << 20,
            max_batch_wait: Duration::from_millis(100),
            max_buffered_bytes: 256 << 20,
            queue_kbytes_per_partition: 4096,
        }
    }
}

impl Config {
    /// The name of a topic, `None` where it is not configured.
    #[must_use]
    pub fn topic(&self, kind: TopicKind) -> Option<&str> {
        match kind {
            TopicKind::Observations => Some(&self.observations_topic),
            TopicKind::Labels => self.labels_topic.as_deref(),
        }
    }

    /// Whether a topic of this name is read or written already.
    #[must_use]
    pub fn names_topic(&self, name: &str) -> bool {
        let optional = [&self.labels_topic, &self.verdicts_topic, &self.dead_letter_topic];
        self.observations_topic == name || optional.into_iter().any(|topic| topic.as_deref() == Some(name))
    }

    /// Every client property that would be refused when the clients are created, each as its error.
    #[must_use]
    pub fn property_problems(&self) -> Vec<Error> {
        let problem = |(key, value): (&String, &String)| {
            if RESERVED.contains(&key.as_str()) {
                return Some(Error::ReservedProperty { key: key.clone() });
            }
            let mut client = ClientConfig::new();
            client.set(key, value);
            let refused = client.create_native_config().err()?;
            Some(client_error("consumer", refused))
        };
        self.properties.iter().filter_map(problem).collect()
    }

    /// librdkafka's settings for the consumer.
    pub(crate) fn consumer(&self) -> Result<ClientConfig, Error> {
        let mut client = ClientConfig::new();
        // Defaults that a user may change.
        client
            .set("client.id", "bellwether")
            .set("auto.offset.reset", "earliest")
            // The default of one second stalls every consumer that is slower than its fetcher.
            .set("fetch.queue.backoff.ms", "2")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.message.max.bytes", "1048576")
            // The bound is the number of bytes: the default of 100,000 records would be reached first by small ones.
            .set("queued.min.messages", "1000000")
            .set(
                "queued.max.messages.kbytes",
                self.queue_kbytes_per_partition.to_string(),
            )
            .set("reconnect.backoff.max.ms", "5000")
            // A topic that is created after us is found within this time, not within librdkafka's five minutes.
            .set("topic.metadata.refresh.interval.ms", "15000")
            .set("statistics.interval.ms", "1000")
            .set("socket.keepalive.enable", "true");
        if self
            .properties
            .get("group.protocol")
            .is_none_or(|protocol| protocol != "consumer")
        {
            // The broker decides in the newer protocol, and refuses to be told.
            client.set("partition.assignment.strategy", "cooperative-sticky");
        }
        self.common(&mut client)?;
        client
            .set("group.id", &self.group_id)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true");
        Ok(client)
    }

    /// librdkafka's settings for a reader beside the group. It joins none, but the client wants a name for one.
    pub(crate) fn range_reader(&self) -> Result<ClientConfig, Error> {
        let mut client = self.consumer()?;
        client
            .set("group.id", format!("{}-reader", self.group_id))
            .set("statistics.interval.ms", "0");
        // A name of a member that is live must not be taken.
        client.remove("group.instance.id");
        Ok(client)
    }

    /// librdkafka's settings for a producer.
    pub(crate) fn producer(&self) -> Result<ClientConfig, Error> {
        let mut client = ClientConfig::new();
        client
            .set("client.id", "bellwether")
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            // Long enough for a broker to fail over, short enough that a caller learns of a dead cluster.
            .set("message.timeout.ms", "60000")
            .set("queue.buffering.max.kbytes", "32768")
            .set("reconnect.backoff.max.ms", "5000")
            .set("socket.keepalive.enable", "true");
        self.common(&mut client)?;
        Ok(client)
    }

    fn common(&self, client: &mut ClientConfig) -> Result<(), Error> {
        for (key, value) in &self.properties {
            if RESERVED.contains(&key.as_str()) {
                return Err(Error::ReservedProperty { key: key.clone() });
            }
            client.set(key, value);
        }
        client.set("bootstrap.servers", &self.brokers);
        Ok(())
    }
}

/// Turns a failure to create a client into an error that never shows a secret.
pub(crate) fn client_error(role: &'static str, source: KafkaError) -> Error {
    match source {
        KafkaError::ClientConfig(_, reason, key, _) => {
            let reason = if is_secret(&key) {
                String::from("the value does not have the form it needs")
            } else {
                reason
            };
            Error::BadProperty { key, reason }
        }
        source => Error::Client { role, source },
    }
}

/// Whether the property's value must not be shown.
fn is_secret(key: &str) -> bool {
    [
        "password",
        "secret",
        "pem",
        "ssl.key",
        "token",
        "jaas",
        "credential",
        "oauthbearer.config",
        "assertion",
    ]
    .iter()
    .any(|part| key.contains(part))
}

/// Accepts `5` and `true` besides `"5"` and `"true"`: librdkafka takes every value as text.
fn scalars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text, a whole number or a boolean")]
    enum Scalar {
        Text(String),
        Integer(i64),
        Boolean(bool),
    }
    let raw = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
    let text = |value| match value {
        Scalar::Text(text) => text,
        Scalar::Integer(number) => number.to_string(),
        Scalar::Boolean(flag) => flag.to_string(),
    };
    Ok(raw.into_iter().map(|(key, value)| (key, text(value))).collect())
}

/// Shows the properties with secrets replaced.
struct Redacted<'a>(&'a BTreeMap<String, String>);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(key, value): (&'_ String, &'_ String)| {
            (
                key.clone(),
                if is_secret(key) {
                    String::from("[redacted]")
                } else {
                    value.clone()
                },
            )
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("brokers", &self.brokers)
            .field("group_id", &self.group_id)
            .field("observations_topic", &self.observations_topic)
            .field("labels_topic", &self.labels_topic)
            .field("verdicts_topic", &self.verdicts_topic)
            .field("dead_letter_topic", &self.dead_letter_topic)
            .field("dead_letter_payload", &self.dead_letter_payload)
            .field("properties", &Redacted(&self.properties))
            .field("subscription", &self.subscription)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_batch_records", &self.max_batch_records)
            .field("max_batch_bytes", &self.max_batch_bytes)
            .field("max_batch_wait", &self.max_batch_wait)
            .field("max_buffered_bytes", &self.max_buffered_bytes)
            .field("queue_kbytes_per_partition", &self.queue_kbytes_per_partition)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_property(key: &str, value: &str) -> Config {
        Config {
            properties: BTreeMap::from([(key.to_owned(), value.to_owned())]),
            ..Config::default()
        }
    }

    #[test]
    fn configuration_is_read_from_toml_with_durations_as_text() {
        let config: Config = toml::from_str(
            r#"
            brokers = "kafka-1:9092,kafka-2:9092"
            labels_topic = "labels"
            idle_timeout = "1m 30s"
            max_batch_wait = "50ms"
            [properties]
            "security.protocol" = "SASL_SSL"
            "session.timeout.ms" = 10000
            "socket.nagle.disable" = true
            "#,
        )
        .unwrap();
        assert_eq!(config.idle_timeout, Duration::from_secs(90));
        assert_eq!(config.max_batch_wait, Duration::from_millis(50));
        assert_eq!(config.topic(TopicKind::Labels), Some("labels"));
        assert_eq!(config.properties["session.timeout.ms"], "10000");
        assert_eq!(config.properties["socket.nagle.disable"], "true");
        assert_eq!(config.group_id, "bellwether");
    }

    #[test]
    fn unknown_key_is_refused() {
        assert!(
            toml::from_str::<Config>("broker = \"x\"")
                .unwrap_err()
                .to_string()
                .contains("broker")
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut config = with_property("sasl.password", "hunter2");
        config
            .properties
            .insert("ssl.key.pem".into(), "-----BEGIN hunter2".into());
        config.properties.insert("sasl.username".into(), "alice".into());
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("alice"), "{shown}");
    }

    #[test]
    fn reserved_property_is_refused_by_name() {
        let error = with_property("enable.auto.commit", "true")
            .consumer()
            .unwrap_err();
        assert!(matches!(error, Error::ReservedProperty { key } if key == "enable.auto.commit"));
    }

    #[test]
    fn tuning_is_overridden_by_properties() {
        let client = with_property("fetch.wait.max.ms", "7").consumer().unwrap();
        assert_eq!(client.get("fetch.wait.max.ms"), Some("7"));
    }

    #[test]
    fn every_property_that_would_be_refused_is_found_before_a_client_is_made() {
        let mut config = with_property("no.such.property", "1");
        for (key, value) in [
            ("group.id", "other"),
            ("client.id", "fine"),
            ("ssl.key.pem", "hunter2"),
            ("session.timeout.ms", "soon"),
        ] {
            config.properties.insert(key.to_owned(), value.to_owned());
        }
        let problems: Vec<String> = config
            .property_problems()
            .iter()
            .map(ToString::to_string)
            .collect();
        for (problem, key) in problems.iter().zip([
            "group.id",
            "no.such.property",
            "session.timeout.ms",
            "ssl.key.pem",
        ]) {
            assert!(
                problem.starts_with(&format!("client property `{key}`")),
                "{problem}"
            );
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        // With TLS a key is looked into only when the client is made.
        assert_eq!(
            problems.len(),
            if cfg!(feature = "tls") { 3 } else { 4 },
            "{problems:?}"
        );
    }

    #[test]
    fn tls_is_there_when_it_was_built_in() {
        let config = with_property("security.protocol", "sasl_ssl");
        let problems = config.property_problems();
        assert_eq!(problems.is_empty(), cfg!(feature = "tls"), "{problems:?}");
    }

    #[test]
    fn a_reader_takes_neither_the_name_of_the_group_nor_that_of_a_member() {
        let client = with_property("group.instance.id", "one").range_reader().unwrap();
        assert_eq!(client.get("group.id"), Some("bellwether-reader"));
        assert_eq!(client.get("group.instance.id"), None);
        assert_eq!(client.get("enable.auto.commit"), Some("false"));
    }

    #[test]
    fn rejected_secret_is_not_in_the_error() {
        let mut config = with_property("ssl.key.pem", "hunter2");
        if cfg!(feature = "tls") {
            // Only then is the key looked into.
            config.properties.insert("security.protocol".into(), "ssl".into());
        }
        let client = config.producer().unwrap();
        let error = client
            .create::<rdkafka::producer::BaseProducer>()
            .map(|_| ())
            .map_err(|source| client_error("producer", source))
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn unknown_property_names_its_key() {
        let client = with_property("no.such.property", "1").producer().unwrap();
        let error = client
            .create::<rdkafka::producer::BaseProducer>()
            .map(|_| ())
            .map_err(|source| client_error("producer", source))
            .unwrap_err();
        assert!(matches!(error, Error::BadProperty { key, .. } if key == "no.such.property"));
    }
}
