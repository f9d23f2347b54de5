//! A real broker: what is said does not depend on how the records came.

use crate::consumed::{consume, stop};
use crate::fixture::{Fixture, arrow_ipc, directory, events, labels};
use crate::http::get;
use crate::reader;
use bellwether_store::RecordedEvent;
use bellwether_tests::{Message, RealKafka};
use std::time::Duration;

const OBSERVATION_PARTITIONS: i32 = 4;
const LABEL_PARTITIONS: i32 = 2;
/// Rows of an Arrow message.
const ROWS: usize = 64;

/// The first half as JSON, a record a message; the second as Arrow, a batch a message.
fn observations(events: &[RecordedEvent]) -> Vec<Message> {
    let (first, second) = events.split_at(events.len() / 2);
    let json = first.iter().map(|event| {
        Message::new(event.observation_json())
            .key(&event.event_id)
            .header("content-type", "application/json")
    });
    let arrow = second.chunks(ROWS).map(|rows| {
        Message::new(arrow_ipc(rows))
            .key(&rows[0].event_id)
            .header("content-type", "application/vnd.apache.arrow.stream")
    });
    json.chain(arrow).collect()
}

#[test]
fn a_real_broker_gives_the_timeline_of_a_replay() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (fixture, directory) = (Fixture::shared(), directory());
    let topics = kafka.topics();
    let [predictions, known, verdicts, dead] =
        ["predictions", "labels", "verdicts", "dead"].map(|topic| format!("same-timeline-{topic}"));
    topics.create(&predictions, OBSERVATION_PARTITIONS);
    topics.create(&known, LABEL_PARTITIONS);
    topics.create(&verdicts, 1);
    topics.create(&dead, 1);
    let observed = observations(events());
    topics.produce(&predictions, &observed);
    let labelled: Vec<Message> = labels(events())
        .iter()
        .filter_map(|event| Some(Message::new(event.label_json()?).key(&event.event_id)))
        .collect();
    topics.produce(&known, &labelled);

    let timeline = directory.path().join("timeline.jsonl");
    let config = directory.path().join("bellwether.toml");
    let written = format!(
        "reference = {:?}\n[listen]\naddress = \"127.0.0.1:0\"\n[timeline]\npath = {timeline:?}\n\
         [kafka]\nbrokers = {:?}\ngroup_id = \"same-timeline\"\nobservations_topic = {predictions:?}\n\
         labels_topic = {known:?}\nverdicts_topic = {verdicts:?}\ndead_letter_topic = {dead:?}\nidle_timeout = \"2s\"\n",
        fixture.path("model.ref"),
        kafka.brokers(),
    );
    std::fs::write(&config, written).expect("writable");
    let (run, url) = consume(&config, events().len(), labelled.len());
    assert_eq!(get(&url, "/healthz").status, 200);
    stop(run);

    let replayed = fixture.replay(&directory.path().join("replayed.jsonl"), &[]);
    let consumed = std::fs::read(&timeline).expect("the timeline was written");
    let lines = reader::parse(&consumed);
    assert!(lines.len() > 6, "{lines:?}");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for (one, other) in text(&consumed).lines().zip(text(&replayed).lines()) {
        assert_eq!(one, other, "the first line that differs, broker and replay");
    }
    assert!(consumed == replayed, "one timeline goes on beyond the other");

    let published = topics.consume(&verdicts, lines.len() + 1, Duration::from_secs(3));
    let mut joined = Vec::new();
    for (record, line) in published.iter().zip(&lines) {
        let key = record
            .key
            .as_deref()
            .map(|key| String::from_utf8_lossy(key).into_owned());
        // The model's line has a key too, so that the topic can be compacted.
        assert_eq!(key.as_deref(), line["task"].as_str().or(Some("__model__")));
        assert_eq!(record.header("content-type"), Some("application/json"));
    }
    for record in published {
        joined.extend(record.payload);
        joined.push(b'\n');
    }
    assert!(
        joined == consumed,
        "the topic and the file of verdicts differ:\n{}",
        text(&joined)
    );
    assert_eq!(topics.consume(&dead, 1, Duration::from_secs(1)), []);

    for (topic, partitions, count) in [
        (&predictions, OBSERVATION_PARTITIONS, observed.len()),
        (&known, LABEL_PARTITIONS, labelled.len()),
    ] {
        let committed = topics.committed("same-timeline", topic);
        let of: Vec<i32> = committed.iter().map(|(partition, _)| *partition).collect();
        assert_eq!(of, (0..partitions).collect::<Vec<_>>(), "{topic}");
        // Nothing was in the topics before, so that offsets count records.
        let sum: i64 = committed.iter().map(|(_, next)| next).sum();
        assert_eq!(usize::try_from(sum), Ok(count), "{topic}: {committed:?}");
    }
}
