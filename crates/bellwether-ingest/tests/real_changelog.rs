//! A changelog on a real broker: what is committed is read, what is not is not, and one process writes at a time.

use bellwether_ingest::{Changelog, ChangelogWriter, Config, Error};
use bellwether_tests::RealKafka;
use std::collections::BTreeMap;

fn config(kafka: &RealKafka, group: &str) -> Config {
    Config {
        brokers: kafka.brokers().to_owned(),
        group_id: group.to_owned(),
        ..Config::default()
    }
}

/// What a topic says of each key in the end.
fn newest(changelog: &Changelog) -> BTreeMap<String, String> {
    let mut newest = BTreeMap::new();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    changelog
        .read::<Error>(|record| {
            newest.insert(text(record.key.expect("a key")), text(record.payload));
            Ok(())
        })
        .expect("it can be read");
    newest.retain(|_, value| !value.is_empty());
    newest
}

#[test]
fn transactions_are_read_whole_and_whoever_was_before_is_shut_out() {
    let Some(kafka) = RealKafka::shared() else { return };
    let config = config(kafka, "changelog");
    kafka.topics().create_compacted("changelog-topic");
    let open = || Changelog::open(&config, "changelog-topic").unwrap();
    assert_eq!(open().newest(b"head").unwrap(), None);

    let mut first = ChangelogWriter::new(&config, "changelog-topic").unwrap();
    first.take_over().unwrap();
    for n in 0..3 {
        first.begin().unwrap();
        first.send(b"large", Some(&vec![b'a'; 512 << 10])).unwrap();
        first.send(format!("one-{n}").as_bytes(), Some(b"1")).unwrap();
        if n == 2 {
            first.send(b"one-0", None).unwrap();
        }
        first.send(b"head", Some(n.to_string().as_bytes())).unwrap();
        first.commit().unwrap();
    }
    assert!(first.committed_bytes() > 3 * (512 << 10));
    // More than what is looked at first.
    first.begin().unwrap();
    for n in 0..2000 {
        first.send(format!("lost-{n}").as_bytes(), Some(b"1")).unwrap();
    }
    first.send(b"head", Some(b"lost")).unwrap();
    first.abort().unwrap();
    let head = open().newest(b"head").unwrap().unwrap();
    assert_eq!(head.payload, b"2");

    // What is on its way when another takes over is gone.
    first.begin().unwrap();
    first.send(b"head", Some(b"late")).unwrap();
    let mut second = ChangelogWriter::new(&config, "changelog-topic").unwrap();
    second.take_over().unwrap();
    let found = newest(&open());
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        ["head", "large", "one-1", "one-2"]
    );
    assert_eq!(found["head"], "2");
    let shut_out = first.commit().and_then(|()| first.begin());
    let shut_out = shut_out.or_else(|error| match error {
        Error::Fenced { .. } => Err(error),
        _ => first.abort(),
    });
    assert!(matches!(shut_out, Err(Error::Fenced { .. })), "{shut_out:?}");

    second.begin().unwrap();
    second.send(b"head", Some(b"3")).unwrap();
    second.commit().unwrap();
    assert_eq!(open().newest(b"head").unwrap().unwrap().payload, b"3");
}

#[test]
fn a_topic_that_cannot_be_a_changelog_is_told() {
    let Some(kafka) = RealKafka::shared() else { return };
    let config = config(kafka, "no-changelog");
    kafka.topics().create("two-partitions", 2);
    let refused = Changelog::open(&config, "two-partitions").unwrap_err();
    assert!(
        matches!(refused, Error::Partitions { partitions: 2, .. }),
        "{refused}"
    );
    let refused = Changelog::open(&config, "no-such-topic").unwrap_err();
    assert!(matches!(refused, Error::NoSuchTopic { .. }), "{refused}");
}
