//! What librdkafka calls back into: rebalances, statistics, faults and log lines.

use crate::beginning::Beginnings;
use crate::health::{Faults, Health, forward_log, lock};
use crate::position::{NextOffset, TopicPartition};
use crate::topics::Topics;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, Statistics, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a rebalance waits for the group's offsets.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(5);

/// A client whose callbacks come here.
pub(crate) type Client = BaseConsumer<Context>;

/// A change of the assignment, made inside a callback and applied by the consumer after it.
pub(crate) enum Change {
    Assigned(Vec<(TopicPartition, PartitionQueue<Context>)>),
    Revoked(Vec<TopicPartition>),
}

/// What callbacks leave for the consumer.
#[derive(Default)]
pub(crate) struct Shared {
    changes: Mutex<Vec<Change>>,
    statistics: Mutex<Snapshot>,
    fatal: OnceLock<String>,
    callbacks: AtomicU64,
    rebalances: AtomicU64,
    pub(crate) beginnings: Mutex<Beginnings>,
    pub(crate) faults: Faults,
    /// Woken when a queue that was empty has something.
    pub(crate) wake: Notify,
}

/// What is kept of the newest statistics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) brokers_up: usize,
    pub(crate) partitions: BTreeMap<TopicPartition, Ends>,
}

/// Offsets of a partition as the broker last told them; negative where it did not yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) committed: i64,
}

impl Shared {
    pub(crate) fn beginning_at(beginnings: Beginnings) -> Self {
        Self {
            beginnings: Mutex::new(beginnings),
            ..Self::default()
        }
    }

    pub(crate) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut lock(&self.changes))
    }

    /// How many callbacks ran so far. A poll that ran one returns nothing although more may be waiting.
    pub(crate) fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    pub(crate) fn fatal(&self) -> Option<&str> {
        self.fatal.get().map(String::as_str)
    }

    pub(crate) fn set_fatal(&self, reason: String) {
        // Only the first reason counts: later ones follow from it.
        self.fatal.get_or_init(|| reason);
    }

    pub(crate) fn statistics(&self) -> Snapshot {
        lock(&self.statistics).clone()
    }

    pub(crate) fn health(&self) -> Health {
        Health {
            faults_total: self.faults.total(),
            last_error: self.faults.last(),
            rebalances_total: self.rebalances.load(Ordering::Relaxed),
            brokers_up: lock(&self.statistics).brokers_up,
        }
    }

    pub(crate) fn push(&self, change: Change) {
        lock(&self.changes).push(change);
    }

    fn called(&self) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
    }
}

/// The receiver of the consumer client's callbacks.
pub(crate) struct Context {
    shared: Arc<Shared>,
    topics: Topics,
    /// The client itself, weak because it owns this context. Set before the client is first polled.
    client: OnceLock<Weak<Client>>,
}

impl Context {
    pub(crate) fn new(shared: Arc<Shared>, topics: Topics) -> Self {
        Self {
            shared,
            topics,
            client: OnceLock::new(),
        }
    }

    pub(crate) fn bind(&self, client: &Arc<Client>) {
        self.client.get_or_init(|| Arc::downgrade(client));
    }

    /// Sets the offsets from which partitions that are known are read; for the others the group's offsets decide.
    fn begin_where_left(&self, client: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        let beginnings = lock(&self.shared.beginnings).clone();
        let partitions = self.topics.partitions(list);
        let asked = partitions.iter().filter(|&&p| beginnings.depends_on_group(p));
        let committed = self.committed(client, asked);
        for &partition in &partitions {
            let begin = beginnings.of(partition, committed.get(&partition).copied());
            let (Some(begin), Some(topic)) = (begin, self.topics.name(partition.kind)) else {
                continue;
            };
            if let Err(error) = list.set_partition_offset(topic, partition.partition, begin.into()) {
                self.report(&error);
            }
        }
    }

    /// The group's offsets; none where the broker does not answer: then we go on where we were, as better read twice than never.
    fn committed<'p>(
        &self,
        client: &BaseConsumer<Self>,
        partitions: impl Iterator<Item = &'p TopicPartition>,
    ) -> BTreeMap<TopicPartition, NextOffset> {
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            if let Some(topic) = self.topics.name(partition.kind) {
                asked.add_partition(topic, partition.partition);
            }
        }
        if asked.count() == 0 {
            return BTreeMap::new();
        }
        let answer = client.committed_offsets(asked, COMMITTED_TIMEOUT);
        let answer = answer.inspect_err(|error| self.report(error)).ok();
        let known = |element: TopicPartitionListElem<'_>| {
            let Offset::Offset(offset) = element.offset() else {
                return None;
            };
            let partition = self.topics.partition(element.topic(), element.partition())?;
            Some((partition, NextOffset(offset)))
        };
        let elements = answer.iter().flat_map(TopicPartitionList::elements);
        elements.filter_map(known).collect()
    }

    /// In the cooperative protocol most rebalances change nothing.
    fn changed(&self, list: &TopicPartitionList, change: impl FnOnce() -> Change) {
        if list.count() > 0 {
            self.shared.rebalances.fetch_add(1, Ordering::Relaxed);
            self.shared.push(change());
        }
    }

    fn report(&self, error: &KafkaError) {
        let code = name(error.rdkafka_error_code());
        self.shared.faults.report("consumer", code, &error.to_string());
    }

    /// Gives each partition its own queue.
    ///
    /// librdkafka's end-of-partition signal, as the bindings pass it on, names the partition but not the topic: with
    /// two topics it says nothing unless it comes through the partition's own queue. This has to happen before the
    /// partitions are assigned: what is fetched earlier would go to the common queue. Own queues also allow a partition
    /// to be held without throwing away what was prefetched, and the others to be read in turn.
    pub(crate) fn split(&self, list: &TopicPartitionList) -> Vec<(TopicPartition, PartitionQueue<Self>)> {
        // None while the client is being closed: nothing is read any more.
        let Some(client) = self.client.get().and_then(Weak::upgrade) else {
            return Vec::new();
        };
        let mut queues = Vec::with_capacity(list.count());
        for partition in self.topics.partitions(list) {
            let Some(topic) = self.topics.name(partition.kind) else {
                continue;
            };
            if let Some(mut queue) = client.split_partition_queue(topic, partition.partition) {
                let shared = Arc::clone(&self.shared);
                queue.set_nonempty_callback(move || shared.wake.notify_one());
                queues.push((partition, queue));
            }
        }
        queues
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.called();
        let code = error.rdkafka_error_code();
        // The end of a partition comes this way as well; the consumer takes it from the partition's queue.
        if code == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        if code == Some(RDKafkaErrorCode::Fatal) {
            self.shared.set_fatal(reason.to_owned());
        }
        self.shared.faults.report("consumer", name(code), reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.shared.called();
        let mut snapshot = Snapshot {
            brokers_up: statistics
                .brokers
                .values()
                .filter(|broker| broker.nodeid >= 0 && broker.state == "UP")
                .count(),
            partitions: BTreeMap::new(),
        };
        for (name, topic) in &statistics.topics {
            // Partition -1 is librdkafka's place for records without a partition.
            for (&number, stats) in topic.partitions.iter().filter(|&(&number, _)| number >= 0) {
                let Some(partition) = self.topics.partition(name, number) else {
                    continue;
                };
                let ends = Ends {
                    low: stats.lo_offset,
                    high: stats.hi_offset,
                    committed: stats.committed_offset,
                };
                snapshot.partitions.insert(partition, ends);
            }
        }
        *lock(&self.shared.statistics) = snapshot;
    }
}

impl ConsumerContext for Context {
    /// As the bindings do it, but partitions that are known are read from where they were left.
    fn rebalance(&self, client: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.shared.called();
        let cooperative = matches!(client.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.begin_where_left(client, list);
                self.changed(list, || Change::Assigned(self.split(list)));
                if cooperative {
                    client.incremental_assign(list)
                } else {
                    client.assign(list)
                }
            }
            code => {
                if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
                    self.report(&KafkaError::Rebalance(code.into()));
                }
                self.changed(list, || Change::Revoked(self.topics.partitions(list)));
                if cooperative {
                    client.incremental_unassign(list)
                } else {
                    client.unassign()
                }
            }
        };
        if let Err(error) = done {
            self.report(&error);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        self.shared.called();
        if let Err(error) = result {
            self.report(&error);
        }
    }
}

/// The code's name as it is reported.
pub(crate) fn name(code: Option<RDKafkaErrorCode>) -> String {
    code.map_or_else(|| String::from("Other"), |code| format!("{code:?}"))
}
