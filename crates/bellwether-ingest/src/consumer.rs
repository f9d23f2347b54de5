//! The consumer: one member of the group, reading both topics in batches.

use crate::batch::{Batch, BatchBuilder, PartitionEvent};
use crate::beginning::{Begin, Beginnings, Others};
use crate::config::{Config, Subscription, client_error};
use crate::context::{Change, Client, Context, Shared};
use crate::error::Error;
use crate::health::{Health, lock};
use crate::position::{NextOffset, TopicPartition};
use crate::topics::Topics;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::MetadataPartition;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Records taken from one partition before the next has its turn, and before other tasks have theirs: about half a
/// millisecond of copying.
const TURN: usize = 128;

/// After being woken, let this much time's records gather: each look at the queues costs a lock a partition.
const GATHER: Duration = Duration::from_millis(2);

/// How long to wait for the brokers to name the partitions of a topic.
const METADATA_TIMEOUT: Duration = Duration::from_secs(30);

/// How far reading of one partition is behind its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionLag {
    /// Which partition.
    pub partition: TopicPartition,
    /// The offset that will be delivered next.
    pub position: NextOffset,
    /// The offset that the next record written will have, as of the last statistics (once a second).
    pub end: NextOffset,
    /// Records in between; transaction markers and compacted records count.
    pub lag: u64,
}

/// One partition that is ours.
struct Assigned {
    partition: TopicPartition,
    queue: PartitionQueue<Context>,
    position: Option<NextOffset>,
    held: bool,
}

/// Reads observations and labels in batches.
///
/// Rebalances happen inside [`next_batch`](Self::next_batch) only: while a batch is worked on, its partitions stay ours
/// unless the group has given us up (`max.poll.interval.ms`, five minutes, between two calls). Dropping it leaves the
/// group, which may block for a moment; in async code prefer [`close`](Self::close).
pub struct Consumer {
    assigned: Vec<Assigned>,
    /// Whose turn it is, an index into `assigned`.
    turn: usize,
    /// Not a local of `next_batch`, so that nothing is lost when its future is dropped half-way.
    pending: BatchBuilder,
    max_batch_wait: Duration,
    topics: Topics,
    shared: Arc<Shared>,
    client: Arc<Client>,
}

impl Consumer {
    /// Creates the client and subscribes. With [`Subscription::Group`] this does not wait for a broker: a cluster that
    /// is away is tried again until it answers, which [`health`](Self::health) shows.
    ///
    /// # Errors
    /// [`Error::ReservedProperty`] and [`Error::BadProperty`] for the configuration's properties, [`Error::SameTopic`],
    /// [`Error::Client`], [`Error::Subscribe`]. With [`Subscription::Assign`] also [`Error::Metadata`] and
    /// [`Error::NoSuchTopic`].
    pub async fn start(config: &Config) -> Result<Self, Error> {
        Self::start_from(config, BTreeMap::new(), Others::Committed).await
    }

    /// As [`start`](Self::start), but these partitions are read from these offsets when they are first assigned, whatever
    /// the group has committed: they belong to a state that holds all before them. `others` says where those begin that are
    /// not named.
    ///
    /// An offset that the broker no longer has or not yet is a fault, and reading begins as `auto.offset.reset` says.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_from(
        config: &Config,
        offsets: BTreeMap<TopicPartition, NextOffset>,
        others: Others,
    ) -> Result<Self, Error> {
        if config.labels_topic.as_ref() == Some(&config.observations_topic) {
            return Err(Error::SameTopic {
                topic: config.observations_topic.clone(),
            });
        }
        let topics = Topics::new(config);
        let shared = Arc::new(Shared::beginning_at(Beginnings::kept(offsets, others)));
        let context = Context::new(Arc::clone(&shared), topics.clone());
        let mut client: Client = config
            .consumer()?
            .create_with_context(context)
            .map_err(|source| client_error("consumer", source))?;
        let wake = Arc::clone(&shared);
        client.set_nonempty_callback(move || wake.wake.notify_one());
        let client = Arc::new(client);
        client.context().bind(&client);

        let consumer = Self {
            assigned: Vec::new(),
            turn: 0,
            pending: BatchBuilder::new(config.max_batch_records, config.max_batch_bytes),
            max_batch_wait: config.max_batch_wait,
            topics,
            shared,
            client,
        };
        match config.subscription {
            Subscription::Group => {
                let topics = consumer.topics.names();
                consumer
                    .client
                    .subscribe(&topics)
                    .map_err(|source| Error::Subscribe {
                        topics: topics.join(", "),
                        source,
                    })?;
            }
            Subscription::Assign | Subscription::Only(_) => {
                let only = match config.subscription {
                    Subscription::Only(partition) => Some(TopicPartition::observations(partition)),
                    _ => None,
                };
                let (client, topics) = (Arc::clone(&consumer.client), consumer.topics.clone());
                let beginnings = lock(&consumer.shared.beginnings).clone();
                let changes =
                    tokio::task::spawn_blocking(move || assign(&client, &topics, &beginnings, only))
                        .await
                        .map_err(|_| Error::Interrupted)??;
                consumer.shared.push(changes);
            }
        }
        Ok(consumer)
    }

    /// The next batch: when a bound of the configuration is met, or after `max_batch_wait` with what there is, which may
    /// be nothing. Dropping the future loses no record.
    ///
    /// # Errors
    /// [`Error::Fatal`] when the client cannot go on. Brokers that are away are no error: the client tries again.
    pub async fn next_batch(&mut self) -> Result<Batch, Error> {
        let deadline = Instant::now() + self.max_batch_wait;
        loop {
            self.serve_callbacks()?;
            self.fill().await;
            if self.pending.is_full() || Instant::now() >= deadline {
                return Ok(self.pending.finish());
            }
            if tokio::time::timeout_at(deadline, self.shared.wake.notified())
                .await
                .is_ok()
            {
                tokio::time::sleep_until(deadline.min(Instant::now() + GATHER)).await;
            }
        }
    }

    /// Takes part in the group without reading, and says what happened to partitions since the last call. Call it every few
    /// seconds.
    ///
    /// # Errors
    /// [`Error::Fatal`] when the client cannot go on.
    pub fn stay(&mut self) -> Result<Vec<PartitionEvent>, Error> {
        self.serve_callbacks()?;
        Ok(self.pending.finish().events)
    }

    /// Runs what waits in the client's own queue: rebalances, statistics, faults.
    fn serve_callbacks(&mut self) -> Result<(), Error> {
        loop {
            let before = self.shared.callbacks();
            let polled = match self.client.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    // Not expected, as each partition has its own queue; but no record may get lost.
                    if let Some(partition) = self.topics.partition(message.topic(), message.partition()) {
                        take(&mut self.pending, &mut self.assigned, partition, &message);
                    }
                    true
                }
                Some(Err(error)) => {
                    stop_if_fatal(&self.shared, &error);
                    true
                }
                None => false,
            };
            self.apply_changes();
            if let Some(reason) = self.shared.fatal() {
                return Err(Error::Fatal {
                    reason: reason.to_owned(),
                });
            }
            if !polled && self.shared.callbacks() == before {
                return Ok(());
            }
        }
    }

    fn apply_changes(&mut self) {
        for change in self.shared.take_changes() {
            match change {
                Change::Assigned(queues) => {
                    let partitions: Vec<_> = queues.iter().map(|(partition, _)| *partition).collect();
                    self.assigned
                        .retain(|known| !partitions.contains(&known.partition));
                    self.assigned
                        .extend(queues.into_iter().map(|(partition, queue)| Assigned {
                            partition,
                            queue,
                            position: None,
                            held: false,
                        }));
                    self.assigned.sort_by_key(|assigned| assigned.partition);
                    tracing::info!(partitions = list(&partitions), "Partitions assigned");
                    self.pending.push_event(PartitionEvent::Assigned(partitions));
                }
                Change::Revoked(partitions) => {
                    self.assigned
                        .retain(|known| !partitions.contains(&known.partition));
                    self.pending.forget(&partitions);
                    tracing::info!(partitions = list(&partitions), "Partitions revoked");
                    self.pending.push_event(PartitionEvent::Revoked(partitions));
                }
            }
        }
    }

    /// Takes what the partitions' queues hold, in turns, until all are empty or the batch is full.
    async fn fill(&mut self) {
        let mut empty_in_a_row = 0;
        while empty_in_a_row < self.assigned.len() {
            self.turn %= self.assigned.len();
            let taken = self.take_turn();
            if self.pending.is_full() {
                return;
            }
            self.turn += 1;
            if taken == 0 {
                empty_in_a_row += 1;
            } else {
                empty_in_a_row = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes up to [`TURN`] records of the partition whose turn it is; returns how many.
    fn take_turn(&mut self) -> usize {
        let Some(assigned) = self.assigned.get_mut(self.turn).filter(|assigned| !assigned.held) else {
            return 0;
        };
        let mut taken = 0;
        while taken < TURN && !self.pending.is_full() {
            match assigned.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    assigned.position = Some(NextOffset::after(message.offset()));
                    self.pending.push_message(assigned.partition, &message);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    let (partition, next_offset) = (assigned.partition, assigned.position);
                    self.pending.push_event(PartitionEvent::EndReached {
                        partition,
                        next_offset,
                    });
                }
                Some(Err(error)) => stop_if_fatal(&self.shared, &error),
                None => break,
            }
            taken += 1;
        }
        taken
    }

    /// Holds exactly these partitions: they deliver nothing until a later call leaves them out. What was prefetched is
    /// kept, and fetching stops at `queue_kbytes_per_partition`. Partitions that are not ours are passed over, and a
    /// partition that comes anew is not held.
    pub fn hold(&mut self, partitions: &[TopicPartition]) {
        for assigned in &mut self.assigned {
            assigned.held = partitions.contains(&assigned.partition);
        }
    }

    /// Holds these partitions besides those that are held already; see [`hold`](Self::hold).
    pub fn pause(&mut self, partitions: &[TopicPartition]) {
        self.set_held(partitions, true);
    }

    /// Lets these partitions deliver again.
    pub fn resume(&mut self, partitions: &[TopicPartition]) {
        self.set_held(partitions, false);
    }

    fn set_held(&mut self, partitions: &[TopicPartition], held: bool) {
        for assigned in self
            .assigned
            .iter_mut()
            .filter(|assigned| partitions.contains(&assigned.partition))
        {
            assigned.held = held;
        }
    }

    /// The partitions that are ours, in order.
    #[must_use]
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.assigned.iter().map(|assigned| assigned.partition).collect()
    }

    /// The partitions that are held, in order.
    #[must_use]
    pub fn held(&self) -> Vec<TopicPartition> {
        self.assigned
            .iter()
            .filter(|assigned| assigned.held)
            .map(|assigned| assigned.partition)
            .collect()
    }

    /// What was delivered before these offsets is kept: a partition that goes and comes again is read from there, or from
    /// what others have committed meanwhile. Call it when a batch was worked on.
    pub fn read_to(&self, offsets: impl IntoIterator<Item = (TopicPartition, NextOffset)>) {
        let mut beginnings = lock(&self.shared.beginnings);
        for (partition, next) in offsets {
            beginnings.read_to(partition, next);
        }
    }

    /// Commits offsets and waits for the broker's answer. Nothing happens for an empty list.
    ///
    /// # Errors
    /// [`Error::Commit`]; during a rebalance it [is retryable](Error::is_retryable), by committing with a later batch.
    pub async fn commit(&self, offsets: &[(TopicPartition, NextOffset)]) -> Result<(), Error> {
        if offsets.is_empty() {
            return Ok(());
        }
        let (client, list) = (Arc::clone(&self.client), self.offset_list(offsets)?);
        let partitions = offsets.len();
        tokio::task::spawn_blocking(move || client.commit(&list, CommitMode::Sync))
            .await
            .map_err(|_| Error::Interrupted)?
            .map_err(|source| Error::Commit { partitions, source })
    }

    /// Sends offsets to be committed and does not wait. A failure is counted in [`health`](Self::health).
    ///
    /// # Errors
    /// [`Error::Commit`] when the request cannot even be queued.
    pub fn commit_in_background(&self, offsets: &[(TopicPartition, NextOffset)]) -> Result<(), Error> {
        if offsets.is_empty() {
            return Ok(());
        }
        self.client
            .commit(&self.offset_list(offsets)?, CommitMode::Async)
            .map_err(|source| Error::Commit {
                partitions: offsets.len(),
                source,
            })
    }

    fn offset_list(&self, offsets: &[(TopicPartition, NextOffset)]) -> Result<TopicPartitionList, Error> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, next) in offsets {
            let Some(topic) = self.topics.name(partition.kind) else {
                return Err(Error::TopicNotConfigured {
                    setting: "labels_topic",
                });
            };
            list.add_partition_offset(topic, partition.partition, Offset::Offset(next.0))
                .map_err(|source| Error::Commit {
                    partitions: offsets.len(),
                    source,
                })?;
        }
        Ok(list)
    }

    /// How far each of our partitions is behind; those whose end the broker has not told yet are left out.
    #[must_use]
    pub fn lag(&self) -> Vec<PartitionLag> {
        let ends = self.shared.statistics().partitions;
        let beginnings = lock(&self.shared.beginnings);
        let lag = |assigned: &Assigned| {
            let end = ends.get(&assigned.partition).filter(|end| end.high >= 0)?;
            // Before the first record: where reading starts.
            let committed = Some(NextOffset(end.committed)).filter(|next| next.0 >= 0);
            let start = match beginnings.of(assigned.partition, committed) {
                Some(Begin::At(next)) => next,
                Some(Begin::End) => NextOffset(end.high),
                None => committed.unwrap_or(NextOffset(end.low.max(0))),
            };
            let position = assigned.position.unwrap_or(start);
            // Statistics are up to a second old, so what was read may be beyond the end they name.
            let end = NextOffset(end.high.max(position.0));
            let lag = u64::try_from(end.0 - position.0).unwrap_or(0);
            Some(PartitionLag {
                partition: assigned.partition,
                position,
                end,
                lag,
            })
        };
        self.assigned.iter().filter_map(lag).collect()
    }

    /// The state of the connection.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// Leaves the group, so that others take over at once. Commit before.
    pub async fn close(self) {
        // A join error means that the runtime is going down, which drops the consumer as well.
        let _joined = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // Queues keep the client alive: as long as one is left, the group is not left.
        self.assigned.clear();
        drop(self.shared.take_changes());
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("topics", &self.topics)
            .field("assignment", &list(&self.assignment()))
            .field("held", &list(&self.held()))
            .finish_non_exhaustive()
    }
}

/// Assigns every partition of the topics, or only one, each from where it was left, its committed offset or, without one, its
/// beginning.
fn assign(
    client: &Client,
    topics: &Topics,
    beginnings: &Beginnings,
    only: Option<TopicPartition>,
) -> Result<Change, Error> {
    let failed = |source| Error::Subscribe {
        topics: topics.names().join(", "),
        source,
    };
    let mut partitions = TopicPartitionList::new();
    for topic in topics.names() {
        let metadata = client
            .fetch_metadata(Some(topic), METADATA_TIMEOUT)
            .map_err(|source| Error::Metadata {
                topic: topic.to_owned(),
                source,
            })?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let Some(found) = found.filter(|found| found.error().is_none() && !found.partitions().is_empty())
        else {
            return Err(Error::NoSuchTopic {
                topic: topic.to_owned(),
            });
        };
        for number in found.partitions().iter().map(MetadataPartition::id) {
            let at = topics.partition(topic, number);
            if only.is_some() && at != only {
                continue;
            }
            match at.and_then(|at| beginnings.of(at, None)) {
                Some(begin) => partitions
                    .add_partition_offset(topic, number, begin.into())
                    .map_err(failed)?,
                None => drop(partitions.add_partition(topic, number)),
            }
        }
    }
    if let Some(only) = only.filter(|_| partitions.count() == 0) {
        return Err(Error::NoSuchPartition {
            topic: topics.name(only.kind).unwrap_or_default().to_owned(),
            partition: only.partition,
        });
    }
    let queues = client.context().split(&partitions);
    client.assign(&partitions).map_err(failed)?;
    Ok(Change::Assigned(queues))
}

fn take(
    pending: &mut BatchBuilder,
    assigned: &mut [Assigned],
    partition: TopicPartition,
    message: &BorrowedMessage<'_>,
) {
    if let Some(assigned) = assigned
        .iter_mut()
        .find(|assigned| assigned.partition == partition)
    {
        assigned.position = Some(NextOffset::after(message.offset()));
        pending.push_message(partition, message);
    }
}

/// Errors reach the context's callback first, which counts and logs them: here only the end of everything matters.
fn stop_if_fatal(shared: &Shared, error: &KafkaError) {
    if let KafkaError::MessageConsumptionFatal(code) = error {
        shared.set_fatal(code.to_string());
    }
}

fn list(partitions: &[TopicPartition]) -> String {
    partitions
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}
