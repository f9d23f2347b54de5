//! What only a real broker can show: groups, committed offsets, rebalances.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use bellwether_ingest::{
    Batch, Config, Consumer, NextOffset, PartitionEvent, PartitionTracker, TopicPartition, Watermark,
};
use bellwether_tests::{Message, RealKafka};
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn config(kafka: &RealKafka, name: &str) -> Config {
    Config {
        brokers: kafka.brokers().to_owned(),
        group_id: name.to_owned(),
        observations_topic: format!("{name}-predictions"),
        labels_topic: Some(format!("{name}-labels")),
        idle_timeout: Duration::from_millis(500),
        max_batch_wait: Duration::from_millis(50),
        ..Config::default()
    }
}

fn messages(range: std::ops::Range<i64>) -> Vec<Message> {
    range
        .map(|index| {
            Message::new(index.to_string())
                .key(format!("key-{index}"))
                .timestamp_ms(1_000 + index)
        })
        .collect()
}

fn record(tracker: &mut PartitionTracker, batch: &Batch) {
    tracker.apply(&batch.events, Instant::now());
    for message in &batch.messages {
        let next = NextOffset::after(message.offset);
        tracker.record(message.partition, next, message.timestamp_ms, Instant::now());
    }
}

/// Reads until everything is read, committing only what is released; gives the payloads.
async fn read_and_commit(consumer: &mut Consumer, idle_timeout: Duration) -> Vec<String> {
    let mut tracker = PartitionTracker::new(idle_timeout);
    let mut payloads = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let batch = consumer.next_batch().await.unwrap();
        record(&mut tracker, &batch);
        payloads.extend(
            batch
                .messages
                .iter()
                .map(|message| String::from_utf8(message.payload.to_vec()).unwrap()),
        );
        let watermark = tracker.watermark(Instant::now());
        let offsets = tracker.committable(watermark.released_up_to_ms());
        consumer.commit(&offsets).await.unwrap();
        tracker.committed(&offsets);
        if watermark == Watermark::Drained {
            return payloads;
        }
        assert!(Instant::now() < deadline, "{payloads:?}");
    }
}

#[tokio::test]
async fn reading_goes_on_at_the_committed_offset() {
    let Some(kafka) = RealKafka::shared() else { return };
    let config = config(kafka, "resume");
    let topics = kafka.topics();
    topics.create(&config.observations_topic, 3);
    topics.create("resume-labels", 2);
    topics.produce(&config.observations_topic, &messages(0..100));
    topics.produce("resume-labels", &messages(0..40));

    let mut consumer = Consumer::start(&config).await.unwrap();
    assert_eq!(
        read_and_commit(&mut consumer, config.idle_timeout).await.len(),
        140
    );
    consumer.close().await;
    let committed = |topic: &str| {
        topics
            .committed("resume", topic)
            .iter()
            .map(|(_, next)| next)
            .sum::<i64>()
    };
    assert_eq!(committed(&config.observations_topic), 100);
    assert_eq!(committed("resume-labels"), 40);

    topics.produce(&config.observations_topic, &messages(100..130));
    let mut consumer = Consumer::start(&config).await.unwrap();
    let mut rest = read_and_commit(&mut consumer, config.idle_timeout).await;
    rest.sort();
    assert_eq!(
        rest,
        (100..130).map(|index| index.to_string()).collect::<Vec<_>>()
    );
    // Statistics come once a second.
    let deadline = Instant::now() + PATIENCE;
    while consumer.health().brokers_up != 1 {
        consumer.next_batch().await.unwrap();
        assert!(Instant::now() < deadline, "{:?}", consumer.health());
    }
    assert_eq!(consumer.health().faults_total, 0, "{:?}", consumer.health());
    consumer.close().await;
}

#[tokio::test]
async fn topic_that_is_missing_is_a_fault_and_is_read_once_it_exists() {
    let Some(kafka) = RealKafka::shared() else { return };
    let mut config = config(kafka, "missing");
    config
        .properties
        .insert("topic.metadata.refresh.interval.ms".into(), "500".into());
    let topics = kafka.topics();
    topics.create("missing-labels", 1);
    let mut consumer = Consumer::start(&config).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while consumer
        .health()
        .last_error
        .is_none_or(|fault| fault.code != "UnknownTopicOrPartition")
    {
        consumer.next_batch().await.unwrap();
        assert!(Instant::now() < deadline, "{:?}", consumer.health());
    }
    topics.create(&config.observations_topic, 2);
    topics.produce(&config.observations_topic, &messages(0..10));
    let mut read = 0;
    while read < 10 {
        read += consumer.next_batch().await.unwrap().messages.len();
        assert!(Instant::now() < deadline, "{:?}", consumer.health());
    }
    assert_eq!(read, 10);
    consumer.close().await;
}

/// One member of a group: what it owns and what it read, by partition and offset.
struct Member {
    consumer: Consumer,
    tracker: PartitionTracker,
    owned: HashSet<TopicPartition>,
    read: Vec<(TopicPartition, i64)>,
    revoked: usize,
}

impl Member {
    async fn start(config: &Config) -> Self {
        Self {
            consumer: Consumer::start(config).await.unwrap(),
            tracker: PartitionTracker::new(config.idle_timeout),
            owned: HashSet::new(),
            read: Vec::new(),
            revoked: 0,
        }
    }

    async fn turn(&mut self) {
        let batch = self.consumer.next_batch().await.unwrap();
        record(&mut self.tracker, &batch);
        for event in &batch.events {
            match event {
                PartitionEvent::Assigned(partitions) => self.owned.extend(partitions),
                PartitionEvent::Revoked(partitions) => {
                    self.revoked += partitions.len();
                    self.owned.retain(|partition| !partitions.contains(partition));
                }
                PartitionEvent::EndReached { .. } => {}
            }
        }
        for message in &batch.messages {
            assert!(
                self.owned.contains(&message.partition),
                "{} is not ours",
                message.partition
            );
            self.read.push((message.partition, message.offset));
        }
        // Everything read counts as released here: the point is what a rebalance does to it.
        let offsets = self.tracker.committable(i64::MAX);
        match self.consumer.commit(&offsets).await {
            Ok(()) => self.tracker.committed(&offsets),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn rebalance_of_two_members_loses_no_record() {
    let Some(kafka) = RealKafka::shared() else { return };
    let config = config(kafka, "rebalance");
    let topics = kafka.topics();
    topics.create(&config.observations_topic, 4);
    topics.create("rebalance-labels", 2);
    let deadline = Instant::now() + PATIENCE;

    let mut first = Member::start(&config).await;
    topics.produce(&config.observations_topic, &messages(0..2_000));
    while first.read.len() < 2_000 {
        first.turn().await;
        assert!(Instant::now() < deadline, "{} read", first.read.len());
    }
    assert_eq!(first.owned.len(), 6);

    let mut second = Member::start(&config).await;
    let mut produced = 2_000;
    while second.owned.len() != 3 || first.owned.len() != 3 {
        topics.produce(&config.observations_topic, &messages(produced..produced + 50));
        produced += 50;
        tokio::join!(first.turn(), second.turn());
        assert!(
            Instant::now() < deadline,
            "{:?} and {:?}",
            first.owned,
            second.owned
        );
    }
    assert_eq!(first.revoked, 3, "cooperative: only what moves is revoked");

    topics.produce(&config.observations_topic, &messages(produced..produced + 500));
    produced += 500;
    let total = usize::try_from(produced).unwrap();
    let distinct = |members: [&Member; 2]| {
        members
            .iter()
            .flat_map(|member| &member.read)
            .copied()
            .collect::<HashSet<_>>()
    };
    while distinct([&first, &second]).len() < total {
        tokio::join!(first.turn(), second.turn());
        assert!(
            Instant::now() < deadline,
            "{} of {total}",
            distinct([&first, &second]).len()
        );
    }

    // The first leaves: the second takes over what it had.
    let Member { consumer, read, .. } = first;
    consumer.close().await;
    topics.produce(&config.observations_topic, &messages(produced..produced + 500));
    let total = total + 500;
    let all = |second: &Member| read.iter().chain(&second.read).copied().collect::<HashSet<_>>();
    while all(&second).len() < total {
        second.turn().await;
        assert!(Instant::now() < deadline, "{} of {total}", all(&second).len());
    }
    assert_eq!(second.owned.len(), 6);

    // No gap in any partition, and twice only what was read and not yet committed when it moved.
    let mut partitions: BTreeMap<TopicPartition, HashSet<i64>> = BTreeMap::new();
    for (partition, offset) in all(&second) {
        partitions.entry(partition).or_default().insert(offset);
    }
    for (partition, offsets) in partitions {
        let end = i64::try_from(offsets.len()).unwrap();
        assert!(
            (0..end).all(|offset| offsets.contains(&offset)),
            "gap in {partition}"
        );
    }
}
