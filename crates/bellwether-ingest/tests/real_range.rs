//! Reading a stretch of topics, where only a real broker can show it: times, transactions, groups.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use bellwether_ingest::{Bound, Config, RangeReader, StoredRecord};
use bellwether_tests::{Message, RealKafka};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn config(kafka: &RealKafka, name: &str) -> Config {
    Config {
        brokers: kafka.brokers().to_owned(),
        group_id: name.to_owned(),
        ..Config::default()
    }
}

fn read(config: &Config, topic: &str, from: &Bound, to: &Bound) -> Vec<StoredRecord> {
    let mut reader = RangeReader::open(config, &[topic], from, to).unwrap();
    let mut all = Vec::new();
    loop {
        let records = reader.next_records(100).unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

fn offsets(records: &[StoredRecord]) -> Vec<(i32, i64)> {
    let mut offsets: Vec<_> = records
        .iter()
        .map(|record| (record.place.partition, record.place.offset))
        .collect();
    offsets.sort_unstable();
    offsets
}

#[test]
fn bounds_are_found_by_offset_and_time_and_no_group_comes_of_it() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (config, topic) = (config(kafka, "range-bounds"), "range-bounds-topic");
    kafka.topics().create(topic, 2);
    let at = |partition: i32, ms: i64| Message::new("x").partition(partition).timestamp_ms(ms);
    // In partition 0 one record is late, as producers' clocks and retries make them.
    let written = [
        at(0, 1_000),
        at(0, 3_000),
        at(0, 2_000),
        at(0, 4_000),
        at(1, 1_500),
        at(1, 9_000),
    ];
    kafka.topics().produce(topic, &written);
    let of = |from: &Bound, to: &Bound| offsets(&read(&config, topic, from, to));
    let all = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)];
    assert_eq!(of(&Bound::Earliest, &Bound::Latest), all);
    assert_eq!(of(&Bound::Latest, &Bound::Latest), []);
    assert_eq!(
        of(&Bound::Time(2_500), &Bound::Latest),
        [(0, 1), (0, 2), (0, 3), (1, 1)]
    );
    assert_eq!(
        of(&Bound::Time(1_500), &Bound::Time(4_000)),
        [(0, 1), (0, 2), (1, 0)]
    );
    assert_eq!(of(&Bound::Time(0), &Bound::Time(9_001)), all);
    assert_eq!(of(&Bound::Time(9_001), &Bound::Latest), []);
    let named = |offset| Bound::Offsets(BTreeMap::from([((topic.to_owned(), 0), offset)]));
    assert_eq!(of(&named(2), &named(3)), [(0, 2), (1, 0), (1, 1)]);
    let one = RangeReader::record(&config, &format!("{topic}/1/1").parse().unwrap()).unwrap();
    assert_eq!(one.and_then(|record| record.timestamp_ms), Some(9_000));
    let none = RangeReader::record(&config, &format!("{topic}/1/2").parse().unwrap()).unwrap();
    assert_eq!(none, None);

    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.brokers())
        .create()
        .unwrap();
    let groups = client.fetch_group_list(None, PATIENCE).unwrap();
    let ours: Vec<&str> = groups
        .groups()
        .iter()
        .map(rdkafka::groups::GroupInfo::name)
        .filter(|name| name.starts_with("range-bounds"))
        .collect();
    assert_eq!(ours, [""; 0]);
}

#[test]
fn markers_of_transactions_at_the_end_are_no_records_to_wait_for() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (config, topic) = (config(kafka, "range-markers"), "range-markers-topic");
    kafka.topics().create(topic, 1);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.brokers())
        .set("transactional.id", "range-markers")
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    for (value, commit) in [("kept", true), ("taken back", false)] {
        producer.begin_transaction().unwrap();
        producer
            .send(BaseRecord::<str, str>::to(topic).payload(value))
            .map_err(|(error, _)| error)
            .unwrap();
        if commit {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.flush(PATIENCE).unwrap();
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }
    let records = read(&config, topic, &Bound::Earliest, &Bound::Latest);
    let values: Vec<&[u8]> = records.iter().map(|record| record.payload.as_slice()).collect();
    assert_eq!(values, [b"kept"]);
    // By time too: the last offset holds a marker, whose time nobody knows.
    assert_eq!(
        read(&config, topic, &Bound::Time(4_000_000_000_000), &Bound::Latest),
        []
    );
}
