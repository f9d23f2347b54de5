//! What can go wrong between us and the brokers.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// An error of the Kafka side.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A client property that the consumer's guarantees rest on was set in the configuration.
    #[error("client property `{key}` is decided by bellwether and cannot be set")]
    ReservedProperty {
        /// The property.
        key: String,
    },
    /// librdkafka did not accept a client property.
    #[error("client property `{key}` is not accepted: {reason}")]
    BadProperty {
        /// The property.
        key: String,
        /// What librdkafka says; without the value when that may be a secret.
        reason: String,
    },
    /// A topic that an operation needs is not configured.
    #[error("`{setting}` is not configured")]
    TopicNotConfigured {
        /// The configuration key.
        setting: &'static str,
    },
    /// Observations and labels are told apart by their topic, so one topic cannot be both.
    #[error("topic `{topic}` is configured both for observations and for labels")]
    SameTopic {
        /// The topic.
        topic: String,
    },
    /// A client could not be created.
    #[error("cannot create the {role} client")]
    Client {
        /// `consumer`, `producer` or `embedded broker`.
        role: &'static str,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// The topics could not be subscribed to or assigned.
    #[error("cannot subscribe to {topics}")]
    Subscribe {
        /// The topics, separated by commas.
        topics: String,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// The partitions of a topic could not be learnt.
    #[error("cannot learn the partitions of topic `{topic}`")]
    Metadata {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// The topic does not exist.
    #[error("topic `{topic}` does not exist")]
    NoSuchTopic {
        /// The topic.
        topic: String,
    },
    /// The topic exists and has no such partition.
    #[error("topic `{topic}` has no partition {partition}")]
    NoSuchPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A partition may not be read.
    #[error("cannot read at {place}")]
    Read {
        /// The record that is waited for.
        place: String,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// Reading a stretch of topics came to a halt.
    #[error("nothing came for a minute at {place}: {reason}")]
    Stalled {
        /// The record that is waited for.
        place: String,
        /// The last fault of the connection.
        reason: String,
    },
    /// The client cannot go on; it has to be created anew.
    #[error("the client failed for good: {reason}")]
    Fatal {
        /// What librdkafka says.
        reason: String,
    },
    /// Offsets were not committed.
    #[error("cannot commit offsets of {partitions} partitions")]
    Commit {
        /// How many partitions the commit named.
        partitions: usize,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// A record was not accepted by the brokers.
    #[error("cannot publish to topic `{topic}`")]
    Publish {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// A transaction was not begun, ended or aborted.
    #[error("cannot write to topic `{topic}` in a transaction")]
    Transaction {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// Another process writes in our place.
    #[error("another process has taken over topic `{topic}`")]
    Fenced {
        /// The topic.
        topic: String,
    },
    /// The order of records counts, and there is none over partitions.
    #[error("topic `{topic}` has {partitions} partitions, not one")]
    Partitions {
        /// The topic.
        topic: String,
        /// How many it has.
        partitions: usize,
    },
    /// A dead letter does not say where its record came from.
    #[error("the dead letter {place} does not say where its record came from")]
    NoOrigin {
        /// The dead letter.
        place: String,
    },
    /// A dead letter does not have the record's bytes.
    #[error("the dead letter {place} was written without the record's bytes; the record stood at {origin}")]
    NoPayload {
        /// The dead letter.
        place: String,
        /// Where the record stood.
        origin: String,
    },
    /// Records are still on their way after the time allowed.
    #[error("records to the embedded broker were not delivered in time")]
    Flush {
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// The embedded broker could not be set up.
    #[error("cannot create topic `{topic}` in the embedded broker")]
    EmbeddedTopic {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// The runtime was shut down while a blocking call was under way.
    #[error("the runtime was shut down during a call to Kafka")]
    Interrupted,
}

impl Error {
    /// Whether the same call may succeed later without anything being changed by hand.
    ///
    /// Commits fail in this way during a rebalance; publishing fails in this way while brokers are away.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let code = match self {
            // The topic was found, and asked for its ends a moment later: the partition has no leader for now.
            Self::Metadata { source, .. }
                if source.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownPartition) =>
            {
                return true;
            }
            Self::Commit { source, .. } | Self::Publish { source, .. } | Self::Metadata { source, .. } => {
                source.rdkafka_error_code()
            }
            Self::Transaction {
                source: KafkaError::Transaction(error),
                ..
            } if error.is_retriable() || error.txn_requires_abort() => return true,
            Self::Transaction { source, .. } => source.rdkafka_error_code(),
            Self::Flush { .. } | Self::Stalled { .. } => return true,
            Self::ReservedProperty { .. }
            | Self::BadProperty { .. }
            | Self::TopicNotConfigured { .. }
            | Self::SameTopic { .. }
            | Self::Client { .. }
            | Self::Subscribe { .. }
            | Self::NoSuchTopic { .. }
            | Self::NoSuchPartition { .. }
            | Self::NoOrigin { .. }
            | Self::NoPayload { .. }
            | Self::Fenced { .. }
            | Self::Partitions { .. }
            | Self::Read { .. }
            | Self::Fatal { .. }
            | Self::EmbeddedTopic { .. }
            | Self::Interrupted => None,
        };
        matches!(
            code,
            Some(
                RDKafkaErrorCode::RebalanceInProgress
                    | RDKafkaErrorCode::IllegalGeneration
                    | RDKafkaErrorCode::UnknownMemberId
                    | RDKafkaErrorCode::WaitingForCoordinator
                    | RDKafkaErrorCode::NotCoordinator
                    | RDKafkaErrorCode::CoordinatorNotAvailable
                    | RDKafkaErrorCode::CoordinatorLoadInProgress
                    | RDKafkaErrorCode::NotLeaderForPartition
                    | RDKafkaErrorCode::LeaderNotAvailable
                    | RDKafkaErrorCode::ReplicaNotAvailable
                    | RDKafkaErrorCode::OffsetNotAvailable
                    | RDKafkaErrorCode::NotEnoughReplicas
                    | RDKafkaErrorCode::NotEnoughReplicasAfterAppend
                    | RDKafkaErrorCode::RequestTimedOut
                    | RDKafkaErrorCode::OperationTimedOut
                    | RDKafkaErrorCode::MessageTimedOut
                    | RDKafkaErrorCode::QueueFull
                    | RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::AllBrokersDown
            )
        )
    }
}
