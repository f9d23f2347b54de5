//! The consumer and the producers against the embedded broker.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use bellwether_ingest::{
    Batch, Config, Consumer, DeadLetters, DemoProducer, DemoRecord, EmbeddedBroker, Error, NextOffset,
    PartitionEvent, PartitionTracker, RawMessage, Subscription, TopicKind, TopicPartition, VerdictProducer,
    Watermark,
};
use bellwether_tests::Topics;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const PARTITIONS: i32 = 2;

fn broker() -> (EmbeddedBroker, Config) {
    let topics = [
        ("predictions", PARTITIONS),
        ("labels", PARTITIONS),
        ("verdicts", 1),
        ("dead", 1),
    ];
    let broker = EmbeddedBroker::start(&topics).unwrap();
    let config = Config {
        brokers: broker.brokers().to_owned(),
        labels_topic: Some("labels".into()),
        verdicts_topic: Some("verdicts".into()),
        dead_letter_topic: Some("dead".into()),
        subscription: Subscription::Assign,
        idle_timeout: Duration::from_millis(200),
        max_batch_wait: Duration::from_millis(20),
        ..Config::default()
    };
    (broker, config)
}

async fn publish(producer: &DemoProducer, topic: &str, range: std::ops::Range<usize>) {
    for index in range {
        let (key, payload) = (format!("key-{index}"), format!("{{\"n\":{index}}}"));
        let record = DemoRecord {
            topic,
            key: Some(&key),
            payload: payload.as_bytes(),
            timestamp_ms: Some(1_000 + i64::try_from(index).unwrap()),
            content_type: Some("application/json"),
        };
        producer.publish(record).await.unwrap();
    }
    producer.flush(PATIENCE).await.unwrap();
}

/// Takes batches until `done` says so of all messages and events so far.
async fn read(consumer: &mut Consumer, mut done: impl FnMut(&Batch) -> bool) -> Batch {
    let mut all = Batch::default();
    let deadline = Instant::now() + PATIENCE;
    while !done(&all) {
        assert!(
            Instant::now() < deadline,
            "{} messages, events {:?}",
            all.messages.len(),
            all.events
        );
        let batch = consumer.next_batch().await.unwrap();
        all.messages.extend(batch.messages);
        all.events.extend(batch.events);
        all.size_bytes += batch.size_bytes;
    }
    all
}

fn payloads(messages: &[RawMessage], kind: TopicKind) -> BTreeSet<Vec<u8>> {
    let of_kind = messages.iter().filter(|message| message.partition.kind == kind);
    of_kind.map(|message| message.payload.to_vec()).collect()
}

fn ends(batch: &Batch) -> BTreeSet<TopicPartition> {
    let end = |event: &PartitionEvent| match event {
        PartitionEvent::EndReached { partition, .. } => Some(*partition),
        _ => None,
    };
    batch.events.iter().filter_map(end).collect()
}

#[tokio::test]
async fn both_topics_are_read_whole_and_in_order_with_what_came_with_them() {
    let (broker, config) = broker();
    let producer = broker.producer();
    publish(&producer, "predictions", 0..500).await;
    publish(&producer, "labels", 0..300).await;
    assert_eq!((producer.delivered(), producer.failed()), (800, 0));

    let mut consumer = Consumer::start(&config).await.unwrap();
    let read = read(&mut consumer, |all| {
        all.messages.len() >= 800 && ends(all).len() == 4
    })
    .await;

    assert_eq!(payloads(&read.messages, TopicKind::Observations).len(), 500);
    assert_eq!(payloads(&read.messages, TopicKind::Labels).len(), 300);
    for partition in consumer.assignment() {
        let offsets: Vec<i64> = read
            .messages
            .iter()
            .filter(|message| message.partition == partition)
            .map(|message| message.offset)
            .collect();
        let expected: Vec<i64> = (0..i64::try_from(offsets.len()).unwrap()).collect();
        assert_eq!(offsets, expected, "{partition}");
    }
    let third = read
        .messages
        .iter()
        .find(|message| message.payload == "{\"n\":3}")
        .unwrap();
    assert_eq!(third.content_type(), Some("application/json"));
    assert_eq!(third.key.as_deref(), Some(b"key-3".as_slice()));
    assert_eq!(third.timestamp_ms, Some(1_003));
    let header_bytes = |message: &RawMessage| -> usize {
        // Each name and each value with its length of four bytes.
        message
            .headers()
            .map(|(name, value)| name.len() + value.len() + 8)
            .sum()
    };
    let bytes = |message: &RawMessage| {
        message.payload.len() + message.key.as_ref().map_or(0, bytes::Bytes::len) + header_bytes(message)
    };
    assert_eq!(read.size_bytes, read.messages.iter().map(bytes).sum::<usize>());
}

#[tokio::test]
async fn end_of_a_partition_names_its_topic() {
    let (broker, config) = broker();
    publish(&broker.producer(), "predictions", 0..50).await;
    let mut consumer = Consumer::start(&config).await.unwrap();
    let read = read(&mut consumer, |all| ends(all).len() == 4).await;
    for event in &read.events {
        if let PartitionEvent::EndReached {
            partition,
            next_offset,
        } = event
        {
            let newest = read
                .messages
                .iter()
                .filter(|message| message.partition == *partition)
                .map(|message| message.offset)
                .max();
            assert_eq!(*next_offset, newest.map(NextOffset::after), "{partition}");
            assert_eq!(
                next_offset.is_none(),
                partition.kind == TopicKind::Labels,
                "{partition}"
            );
        }
    }
}

#[tokio::test]
async fn tracker_follows_batches_to_the_drained_watermark_and_commits_everything() {
    let (broker, config) = broker();
    let producer = broker.producer();
    publish(&producer, "predictions", 0..200).await;
    let mut consumer = Consumer::start(&config).await.unwrap();
    let mut tracker = PartitionTracker::new(config.idle_timeout);
    let deadline = Instant::now() + PATIENCE;
    let mut highest = i64::MIN;
    loop {
        let batch = consumer.next_batch().await.unwrap();
        tracker.apply(&batch.events, Instant::now());
        for message in &batch.messages {
            tracker.record(
                message.partition,
                NextOffset::after(message.offset),
                message.timestamp_ms,
                Instant::now(),
            );
        }
        match tracker.watermark(Instant::now()) {
            Watermark::Drained => break,
            Watermark::At(ms) => highest = highest.max(ms),
            Watermark::None => {}
        }
        assert!(Instant::now() < deadline);
    }
    assert!(highest <= 1_199, "{highest}");
    let offsets = tracker.committable(i64::MAX);
    assert_eq!(offsets.iter().map(|(_, next)| next.0).sum::<i64>(), 200);
    consumer.commit(&offsets).await.unwrap();
    tracker.committed(&offsets);
    consumer.close().await;

    // Whoever comes next goes on after what was committed.
    publish(&producer, "predictions", 200..210).await;
    let mut consumer = Consumer::start(&config).await.unwrap();
    let read = read(&mut consumer, |all| ends(all).len() == 4).await;
    assert_eq!(read.messages.len(), 10);
    assert!(
        read.messages
            .iter()
            .all(|message| message.timestamp_ms >= Some(1_200))
    );
}

#[tokio::test]
async fn held_partition_delivers_nothing_until_it_is_let_go() {
    let (broker, config) = broker();
    let mut consumer = Consumer::start(&config).await.unwrap();
    read(&mut consumer, |all| ends(all).len() == 4).await;
    let held = TopicPartition::observations(0);
    consumer.hold(&[held]);
    assert_eq!(consumer.held(), [held]);
    publish(&broker.producer(), "predictions", 0..100).await;
    let others = read(&mut consumer, |all| {
        ends(all).contains(&TopicPartition::observations(1))
    })
    .await;
    assert!(!others.messages.is_empty());
    assert!(others.messages.iter().all(|message| message.partition != held));

    consumer.hold(&[]);
    let rest = read(&mut consumer, |all| ends(all).contains(&held)).await;
    assert_eq!(others.messages.len() + rest.messages.len(), 100);
    assert!(rest.messages.iter().all(|message| message.partition == held));
}

#[tokio::test]
async fn bounds_end_a_batch_and_a_dropped_call_loses_nothing() {
    let (broker, config) = broker();
    publish(&broker.producer(), "predictions", 0..300).await;
    let config = Config {
        max_batch_records: 7,
        max_batch_wait: Duration::from_secs(5),
        ..config
    };
    let mut consumer = Consumer::start(&config).await.unwrap();
    let mut seen = 0;
    while seen < 294 {
        // Often too short for a batch of seven: the call is dropped half-way.
        if let Ok(batch) = tokio::time::timeout(Duration::from_micros(200), consumer.next_batch()).await {
            let batch = batch.unwrap();
            assert_eq!(batch.messages.len(), 7);
            seen += batch.messages.len();
        }
    }
    assert_eq!(seen, 294);

    let config = Config {
        max_batch_records: 1000,
        max_batch_bytes: 100,
        ..config
    };
    let mut consumer = Consumer::start(&config).await.unwrap();
    let batch = consumer.next_batch().await.unwrap();
    assert!((100..200).contains(&batch.size_bytes), "{}", batch.size_bytes);
}

#[tokio::test]
async fn dead_letter_carries_the_record_as_it_was_and_why() {
    let (broker, config) = broker();
    let producer = broker.producer();
    publish(&producer, "predictions", 0..3).await;
    let broken = DemoRecord {
        topic: "labels",
        payload: b"\xff\x00 not json",
        ..DemoRecord::default()
    };
    producer.publish(broken).await.unwrap();
    let mut consumer = Consumer::start(&config).await.unwrap();
    let read = read(&mut consumer, |all| all.messages.len() == 4).await;

    let dead_letters = DeadLetters::new(&config).unwrap();
    let original = read
        .messages
        .iter()
        .find(|message| message.partition.kind == TopicKind::Labels)
        .unwrap();
    dead_letters
        .publish(original, "malformed_json", "expected value at column 1")
        .await
        .unwrap();
    let keyed = read
        .messages
        .iter()
        .find(|message| message.payload == "{\"n\":2}")
        .unwrap();
    dead_letters
        .publish(keyed, "unknown_task", "task `x` is not in the reference")
        .await
        .unwrap();

    let written = Topics::at(broker.brokers()).consume("dead", 2, PATIENCE);
    assert_eq!(written[0].payload, b"\xff\x00 not json");
    assert_eq!(written[0].key, None);
    assert_eq!(written[0].header("bellwether-reason"), Some("malformed_json"));
    assert_eq!(
        written[0].header("bellwether-detail"),
        Some("expected value at column 1")
    );
    assert_eq!(written[0].header("bellwether-topic"), Some("labels"));
    assert_eq!(
        written[0].header("bellwether-partition"),
        Some(original.partition.partition.to_string().as_str())
    );
    assert_eq!(written[0].header("bellwether-offset"), Some("0"));
    assert_eq!(written[0].header("content-type"), None);
    assert_eq!(written[1].key.as_deref(), Some(b"key-2".as_slice()));
    assert_eq!(written[1].header("bellwether-topic"), Some("predictions"));
    assert_eq!(written[1].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn verdicts_are_written_in_order_with_key_and_headers() {
    let (broker, config) = broker();
    let verdicts = VerdictProducer::new(&config).unwrap();
    let headers = [("content-type", "application/json"), ("ce_id", "7")];
    for (key, line) in [
        ("banking", "{\"verdict\":\"watch\"}"),
        ("banking", "{\"verdict\":\"healthy\"}"),
        ("__model__", "{}"),
    ] {
        verdicts.publish(key, &headers, line.as_bytes()).await.unwrap();
    }
    let written = Topics::at(broker.brokers()).consume("verdicts", 3, PATIENCE);
    let lines: Vec<(Option<&[u8]>, &[u8])> = written
        .iter()
        .map(|record| (record.key.as_deref(), record.payload.as_slice()))
        .collect();
    assert_eq!(
        lines,
        [
            (Some(&b"banking"[..]), &b"{\"verdict\":\"watch\"}"[..]),
            (Some(b"banking"), b"{\"verdict\":\"healthy\"}"),
            (Some(b"__model__"), b"{}"),
        ]
    );
    for record in written {
        assert_eq!(record.header("content-type"), Some("application/json"));
        assert_eq!(record.header("ce_id"), Some("7"));
    }
}

#[tokio::test]
async fn broker_that_goes_away_is_reported_and_reading_goes_on_when_it_is_back() {
    let (broker, config) = broker();
    let producer = broker.producer();
    publish(&producer, "predictions", 0..10).await;
    let mut consumer = Consumer::start(&config).await.unwrap();
    read(&mut consumer, |all| all.messages.len() == 10).await;
    assert_eq!(consumer.health().last_error, None);

    broker.go_away().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while consumer.health().faults_total == 0 {
        assert!(consumer.next_batch().await.unwrap().messages.is_empty());
        assert!(Instant::now() < deadline);
    }
    assert!(
        consumer
            .health()
            .last_error
            .is_some_and(|fault| !fault.reason.is_empty())
    );

    broker.come_back().unwrap();
    publish(&producer, "predictions", 10..20).await;
    let rest = read(&mut consumer, |all| all.messages.len() == 10).await;
    assert_eq!(payloads(&rest.messages, TopicKind::Observations).len(), 10);
}

#[tokio::test]
async fn producer_waits_for_the_reader_instead_of_letting_the_broker_drop_records() {
    let (broker, config) = broker();
    let producer = broker.producer();
    let writer = producer.clone();
    let payload = vec![b'x'; 10_000];
    // 12 MB with one key: more than twice what the broker keeps of a partition.
    let writing = tokio::spawn(async move {
        for index in 1..=1_200_i64 {
            let record = DemoRecord {
                topic: "predictions",
                key: Some("one"),
                payload: &payload,
                timestamp_ms: Some(index),
                content_type: None,
            };
            writer.publish(record).await.unwrap();
        }
    });
    let mut consumer = Consumer::start(&config).await.unwrap();
    let mut next = 1;
    let deadline = Instant::now() + PATIENCE;
    while next <= 1_200 {
        let batch = consumer.next_batch().await.unwrap();
        for message in &batch.messages {
            assert_eq!(message.timestamp_ms, Some(next), "a record was dropped");
            next += 1;
        }
        // A slow reader.
        tokio::time::sleep(Duration::from_millis(20)).await;
        producer.acknowledge(batch.messages.len(), batch.size_bytes);
        assert!(Instant::now() < deadline);
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn lag_is_the_distance_to_the_end() {
    let (broker, config) = broker();
    publish(&broker.producer(), "predictions", 0..100).await;
    let config = Config {
        max_batch_records: 30,
        ..config
    };
    let mut consumer = Consumer::start(&config).await.unwrap();
    consumer.next_batch().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    // Everything but one batch is unread; nothing more is while all are held.
    consumer.hold(&consumer.assignment());
    let mut read = 0;
    loop {
        let batch = consumer.next_batch().await.unwrap();
        read += batch.messages.len();
        let unread: u64 = consumer.lag().iter().map(|lag| lag.lag).sum();
        let first: i64 = consumer.lag().iter().map(|lag| lag.position.0).sum();
        if consumer.lag().len() == 4 && unread + u64::try_from(first).unwrap() == 100 {
            break;
        }
        assert!(Instant::now() < deadline, "{:?}", consumer.lag());
    }
    assert_eq!(read, 0, "all partitions are held");
    consumer.hold(&[]);
    while consumer.lag().iter().any(|lag| lag.lag > 0) {
        consumer.next_batch().await.unwrap();
        assert!(Instant::now() < deadline, "{:?}", consumer.lag());
    }
}

#[tokio::test]
async fn group_member_is_assigned_every_partition_of_both_topics() {
    let (broker, config) = broker();
    publish(&broker.producer(), "predictions", 0..20).await;
    let config = Config {
        subscription: Subscription::Group,
        ..config
    };
    let mut consumer = Consumer::start(&config).await.unwrap();
    let read = read(&mut consumer, |all| all.messages.len() == 20).await;
    let assigned = |event: &PartitionEvent| matches!(event, PartitionEvent::Assigned(partitions) if partitions.len() == 4);
    assert!(assigned(&read.events[0]), "{:?}", read.events);
    assert_eq!(consumer.health().rebalances_total, 1);
    consumer.close().await;
}

#[tokio::test]
async fn topic_that_does_not_exist_is_named() {
    let (_broker, config) = broker();
    let config = Config {
        labels_topic: Some("absent".into()),
        ..config
    };
    let error = Consumer::start(&config).await.unwrap_err();
    assert_eq!(error.to_string(), "topic `absent` does not exist");
}

#[tokio::test]
async fn one_topic_cannot_be_both() {
    let (_broker, config) = broker();
    let config = Config {
        labels_topic: Some("predictions".into()),
        ..config
    };
    assert!(
        matches!(Consumer::start(&config).await, Err(Error::SameTopic { topic }) if topic == "predictions")
    );
}
