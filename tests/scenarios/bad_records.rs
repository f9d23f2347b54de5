//! Records that cannot be used, on a real broker.

use crate::fixture::{Fixture, directory, events, text};
use crate::http::{metric, wait_for_count};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bellwether_store::RecordedEvent;
use bellwether_tests::{Binary, Message, RealKafka};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const GOOD: usize = 200;

/// A good record with one field changed.
fn with(event: &RecordedEvent, field: &str, change: impl Fn(&Value) -> Value) -> Vec<u8> {
    let mut record: Value = serde_json::from_slice(&event.observation_json()).expect("a record is JSON");
    record[field] = change(&record[field]);
    record["event_id"] = json!(format!("bad-{field}-{}", event.event_id));
    record.to_string().into_bytes()
}

/// The embedding's bytes, changed.
fn embedding(change: impl Fn(&mut Vec<u8>)) -> impl Fn(&Value) -> Value {
    move |encoded| {
        let mut bytes = STANDARD
            .decode(encoded.as_str().expect("base64"))
            .expect("base64");
        change(&mut bytes);
        json!(STANDARD.encode(bytes))
    }
}

/// Reasons, each with a record that is refused for it.
fn bad(good: &[RecordedEvent]) -> [(&'static str, Vec<u8>); 5] {
    // NaN as little-endian float16.
    let not_a_number = embedding(|bytes| bytes[..2].copy_from_slice(&[0x00, 0x7e]));
    [
        ("malformed", b"{\"event_id\": \"cut off".to_vec()),
        ("malformed", vec![0xff, 0xff, 0xff, 0xff, 1, 2, 3]),
        (
            "embedding_width",
            with(&good[0], "embedding", embedding(|b| b.truncate(b.len() / 4))),
        ),
        ("non_finite", with(&good[1], "embedding", not_a_number)),
        ("unknown_task", with(&good[2], "task", |_| json!("astrology"))),
    ]
}

fn assert_counts_by_reason(url: &str) {
    for (kind, reason, count) in [
        ("observations", "malformed", 2.0),
        ("observations", "embedding_width", 1.0),
        ("observations", "non_finite", 1.0),
        ("observations", "unknown_task", 1.0),
        ("observations", "missing_field", 0.0),
        ("labels", "missing_field", 1.0),
        ("labels", "malformed", 0.0),
    ] {
        let series = format!("bellwether_rejected_records_total{{kind=\"{kind}\",reason=\"{reason}\"}}");
        assert_eq!(
            metric(url, &series).to_string(),
            f64::to_string(&count),
            "{series}"
        );
    }
}

#[test]
fn bad_records_go_to_the_dead_letter_topic_with_their_reason_and_the_stream_goes_on() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (fixture, directory) = (Fixture::shared(), directory());
    let topics = kafka.topics();
    let [predictions, known, dead] =
        ["predictions", "labels", "dead"].map(|topic| format!("bad-records-{topic}"));
    for topic in [&predictions, &known, &dead] {
        topics.create(topic, 1);
    }
    let good = &events()[..GOOD];
    let bad = bad(good);
    let mut produced: Vec<Message> = good
        .iter()
        .map(|e| Message::new(e.observation_json()).key(&e.event_id))
        .collect();
    // Between good ones, each at an offset that is known.
    let offset = |at: usize| (at + 1) * 30;
    for (at, (_, bytes)) in bad.iter().enumerate() {
        produced.insert(offset(at), Message::new(bytes).key(format!("key-{at}")));
    }
    topics.produce(&predictions, &produced);
    let nameless = json!({"event_id": good[3].event_id, "timestamp": good[3].timestamp_ms + 1}).to_string();
    let label =
        json!({"event_id": good[4].event_id, "timestamp": good[4].timestamp_ms + 1, "label": "__other__"});
    topics.produce(
        &known,
        &[
            Message::new(&nameless).header("content-type", "application/json"),
            Message::new(label.to_string()),
        ],
    );

    let config = directory.path().join("bellwether.toml");
    let written = format!(
        "reference = {:?}\n[listen]\naddress = \"127.0.0.1:0\"\n[kafka]\nbrokers = {:?}\ngroup_id = \"bad-records\"\n\
         observations_topic = {predictions:?}\nlabels_topic = {known:?}\ndead_letter_topic = {dead:?}\n\
         idle_timeout = \"1s\"\n[monitor]\nallowed_lateness = \"1s\"\n",
        fixture.path("model.ref"),
        kafka.brokers(),
    );
    std::fs::write(&config, written).expect("writable");
    let run = Binary::locate().spawn(&["run", "--config", text(&config)]);
    let url = run.listening_url(PATIENCE);
    // In the silence after the last record event time goes on as the clock does, so that all are judged.
    wait_for_count(
        &url,
        "/counts/observations",
        u64::try_from(GOOD).expect("a count"),
        PATIENCE,
    );
    wait_for_count(&url, "/counts/labels", 1, PATIENCE);
    assert_counts_by_reason(&url);
    let published = metric(&url, "bellwether_dead_letters_total{outcome=\"published\"}");
    assert_eq!(published.to_string(), "6");

    let letters = topics.consume(&dead, bad.len() + 2, Duration::from_secs(3));
    assert_eq!(letters.len(), bad.len() + 1, "{letters:?}");
    for (at, (reason, bytes)) in bad.iter().enumerate() {
        let letter = letters
            .iter()
            .find(|letter| &letter.payload == bytes)
            .expect("the bytes as they came");
        assert_eq!(letter.key.as_deref(), Some(format!("key-{at}").as_bytes()));
        assert_eq!(letter.header("bellwether-reason"), Some(*reason), "{letter:?}");
        assert_eq!(
            letter.header("bellwether-topic"),
            Some(predictions.as_str()),
            "{letter:?}"
        );
        assert_eq!(letter.header("bellwether-partition"), Some("0"), "{letter:?}");
        assert_eq!(
            letter.header("bellwether-offset"),
            Some(offset(at).to_string().as_str()),
            "{letter:?}"
        );
        let detail = letter.header("bellwether-detail").unwrap_or_default();
        assert!(detail.len() > 10, "{letter:?}");
    }
    let letter = letters
        .iter()
        .find(|letter| letter.header("bellwether-topic") == Some(known.as_str()))
        .expect("the label is there too");
    assert_eq!(letter.payload, nameless.as_bytes());
    assert_eq!(letter.header("bellwether-reason"), Some("missing_field"));
    assert_eq!(letter.header("bellwether-offset"), Some("0"));
    assert_eq!(letter.header("content-type"), Some("application/json"));

    run.terminate();
    let finished = run.wait(Duration::from_secs(30));
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    let end = i64::try_from(produced.len()).expect("a count");
    assert_eq!(topics.committed("bad-records", &predictions), [(0, end)]);
    assert_eq!(topics.committed("bad-records", &known), [(0, 2)]);
}
