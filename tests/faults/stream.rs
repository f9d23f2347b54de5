//! A stream with everything that happens to one: duplicates, malformed records, neighbours in another order, labels that come
//! twice, first, or never.

use crate::fixture::{labels, recording};
use bellwether_store::RecordedEvent;
use bellwether_tests::{Message, Topics};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Partitions of the topic of observations.
pub(crate) const OBSERVATIONS: i32 = 4;
/// Partitions of the topic of labels.
pub(crate) const LABELS: i32 = 2;
/// Neighbours change places within this time, which is less than may come late.
const SHUFFLED_MS: i64 = 60_000;
/// After the last event: what moves event time past all of them, one in each partition.
const CLOSING_MS: i64 = 3_600_000;

/// Chunks in which a stream comes that takes its time.
const CHUNKS: u32 = 20;

/// A stream and its topics.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) predictions: String,
    pub(crate) labels: String,
    /// Observations, those that come twice counted twice.
    pub(crate) observations: usize,
    /// Records that are no events.
    pub(crate) malformed: usize,
    observed: Vec<Message>,
    known: Vec<Message>,
}

impl Stream {
    /// The first `events` of the recording, disturbed by chance, for topics whose names begin with `name`, which are made.
    pub(crate) fn new(topics: &Topics, name: &str, events: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let events = &recording().events[..events];
        let mut observed = observations(events, &mut random);
        let (observations, malformed) = (observed.len(), events.len() / 100);
        for number in 0..malformed {
            let broken = Message::new(format!("{{\"event_id\": \"broken-{number}\""));
            let broken = broken.partition(random.random_range(0..OBSERVATIONS));
            observed.insert(random.random_range(0..=observed.len()), broken);
        }
        let mut known = known_labels(events, &mut random);
        let last = events
            .iter()
            .map(|e| e.label_timestamp_ms.unwrap_or(e.timestamp_ms))
            .max();
        let closing_ms = last.expect("there are events") + CLOSING_MS;
        observed.extend((0..OBSERVATIONS).map(|p| closing_observation(&events[0], p, closing_ms)));
        known.extend((0..LABELS).map(|p| closing_label(p, closing_ms)));
        let stream = Self {
            predictions: format!("{name}-predictions"),
            labels: format!("{name}-labels"),
            observations,
            malformed,
            observed,
            known,
        };
        topics.create(&stream.predictions, OBSERVATIONS);
        topics.create(&stream.labels, LABELS);
        stream
    }

    /// Writes all at once.
    pub(crate) fn write(&self, topics: &Topics) {
        topics.produce(&self.predictions, &self.observed);
        topics.produce(&self.labels, &self.known);
    }

    /// Writes what belongs into one partition of observations, all at once.
    pub(crate) fn write_partition(&self, topics: &Topics, partition: i32) {
        topics.produce(&self.predictions, &self.of(|of| of == partition));
    }

    /// Writes what belongs into the others, and the labels.
    pub(crate) fn write_but_partition(&self, topics: &Topics, partition: i32) {
        topics.produce(&self.predictions, &self.of(|of| of != partition));
        topics.produce(&self.labels, &self.known);
    }

    /// Observations by partition: those that have none go by their number.
    fn of(&self, wanted: impl Fn(i32) -> bool) -> Vec<Message> {
        let numbered = self.observed.iter().zip((0..OBSERVATIONS).cycle());
        let placed = numbered.map(|(message, number)| {
            let partition = message.partition.unwrap_or(number);
            (partition, message.clone().partition(partition))
        });
        placed
            .filter(|(partition, _)| wanted(*partition))
            .map(|(_, message)| message)
            .collect()
    }

    /// Writes it little by little, over so long.
    pub(crate) fn write_over(&self, topics: &Topics, time: Duration) {
        let chunk = |messages: &[Message], number: u32| {
            let at = |number: u32| messages.len() * number as usize / CHUNKS as usize;
            messages[at(number)..at(number + 1)].to_vec()
        };
        for number in 0..CHUNKS {
            topics.produce(&self.predictions, &chunk(&self.observed, number));
            topics.produce(&self.labels, &chunk(&self.known, number));
            std::thread::sleep(time / CHUNKS);
        }
    }
}

fn observations(events: &[RecordedEvent], random: &mut impl Rng) -> Vec<Message> {
    let mut events: Vec<(i64, &RecordedEvent)> = events
        .iter()
        .map(|event| (event.timestamp_ms + random.random_range(0..SHUFFLED_MS), event))
        .collect();
    events.sort_by_key(|(arrival, _)| *arrival);
    let mut messages = Vec::new();
    for (_, event) in events {
        let message = Message::new(event.observation_json())
            .key(&event.event_id)
            .header("content-type", "application/json");
        if random.random_bool(0.02) {
            messages.push(message.clone());
        }
        messages.push(message);
    }
    messages
}

fn known_labels(events: &[RecordedEvent], random: &mut impl Rng) -> Vec<Message> {
    let mut messages = Vec::new();
    for event in labels(events) {
        let body = event.label_json().expect("it has a label");
        let message = Message::new(body).key(&event.event_id);
        let copies = match random.random_range(0..100) {
            0..5 => 0,
            5..10 => 2,
            _ => 1,
        };
        messages.extend(std::iter::repeat_n(message, copies));
    }
    messages
}

/// Like `event`, in one partition, later.
fn closing_observation(event: &RecordedEvent, partition: i32, timestamp_ms: i64) -> Message {
    let mut body: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&event.observation_json()).expect("a record is JSON");
    body.insert("event_id".to_owned(), json!(format!("closing-{partition}")));
    body.insert("timestamp".to_owned(), json!(timestamp_ms));
    Message::new(serde_json::to_vec(&body).expect("it is JSON")).partition(partition)
}

fn closing_label(partition: i32, timestamp_ms: i64) -> Message {
    let body =
        json!({"event_id": format!("closing-label-{partition}"), "timestamp": timestamp_ms, "label": "none"});
    Message::new(body.to_string()).partition(partition)
}
