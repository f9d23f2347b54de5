//! The recorded days through a broker in this process into `bellwether run`, with all that can be switched on: state, slices,
//! a new version of the model, records that cannot be used.

use crate::fixture::{PATIENCE, directory, lines, recording, run, tasks_json, text};
use crate::prometheus::{Span, now};
use crate::web;
use bellwether_ingest::EmbeddedBroker;
use bellwether_store::{RecordedEvent, Recording};
use bellwether_tests::{Binary, Message, Running, Topics, wait_until};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const HOUR_MS: i64 = 3_600_000;
/// Between two handfuls of records.
const BEAT: Duration = Duration::from_millis(100);
/// When the new version of the model comes: nothing else begins then.
const NEW_VERSION_HOUR: i64 = 98;
/// One record in so many is cut off.
const CUT_OFF: usize = 60;

/// How fast the days go by: up to this hour, so many hours of the recording in a second. Slow where panels are asked.
const PACE: [(f64, f64); 5] = [
    (24.0, 8.0),
    (48.0, 2.5),
    (186.0, 10.0),
    // Long enough that a shift common to the tasks is found and stands.
    (209.0, 2.0),
    (212.0, 2.0),
];
/// Quiet days, in hours of the recording.
const HEALTHY: (f64, f64) = (28.0, 47.0);
/// Everything at once.
const DRIFTED: (f64, f64) = (190.0, 208.0);

/// What was played, and when.
pub(crate) struct Played {
    pub(crate) healthy: Span,
    pub(crate) drifted: Span,
}

/// A monitor, its broker and its files.
pub(crate) struct Stream {
    directory: TempDir,
    broker: EmbeddedBroker,
    monitor: Option<(Running, String)>,
}

impl Stream {
    /// Builds the reference and starts the monitor.
    pub(crate) fn start() -> Self {
        let broker = EmbeddedBroker::start(&[("predictions", 4), ("labels", 1), ("dead", 1)]);
        let mut stream = Self {
            directory: directory(),
            broker: broker.expect("a loopback port is free"),
            monitor: None,
        };
        stream.build_reference();
        let config = stream.path("bellwether.toml");
        let written = format!(
            "reference = \"model.ref\"\n[listen]\naddress = \"127.0.0.1:0\"\n\
             [state]\ndirectory = \"state\"\ncheckpoint_interval = \"1s\"\n\
             [kafka]\nbrokers = {:?}\nobservations_topic = \"predictions\"\nlabels_topic = \"labels\"\n\
             dead_letter_topic = \"dead\"\nidle_timeout = \"1s\"\n",
            stream.broker.brokers()
        );
        std::fs::write(&config, written).expect("writable");
        let running = Binary::locate().spawn(&["run", "--config", text(&config)]);
        let url = running.listening_url(PATIENCE);
        // Partitions come to a new member of a group after some seconds.
        let ready = || {
            web::get(&url, "/readyz")
                .ok()
                .filter(|(status, _)| *status == 200)
        };
        wait_until("the monitor to be ready", PATIENCE, ready);
        stream.monitor = Some((running, url));
        stream
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn build_reference(&self) {
        let file: &'static [u8] = include_bytes!("../../crates/bellwether/assets/demo.parquet");
        let rows = Recording::reference_events(file).expect("the demo's recording can be read");
        let rows = rows.iter().enumerate().map(|(n, event)| {
            let mut row: Value = serde_json::from_slice(&event.reference_json()).expect("JSON");
            extend(&mut row, n, "2026-03-a");
            row.to_string().into_bytes()
        });
        let write = |path: &Path, bytes| std::fs::write(path, bytes).expect("writable");
        write(&self.path("reference.jsonl"), lines(rows));
        write(&self.path("tasks.json"), tasks_json().into_bytes());
        let built = run(&[
            "reference",
            "build",
            "--observations",
            text(&self.path("reference.jsonl")),
            "--tasks",
            text(&self.path("tasks.json")),
            "--embedding-width",
            &recording().schema.dim().to_string(),
            "--output",
            text(&self.path("model.ref")),
        ]);
        assert!(built.success(), "{built:?}");
    }

    /// Host and port of the monitor's metrics.
    pub(crate) fn target(&self) -> &str {
        let (_, url) = self.monitor.as_ref().expect("it was started");
        url.trim_start_matches("http://")
    }

    /// Plays the days up to the recovery, and says when each part of them was.
    pub(crate) fn play(&self) -> Played {
        let events = &recording().events;
        let start_ms = events[0].timestamp_ms;
        let hour = |ms: i64| (ms - start_ms) as f64 / HOUR_MS as f64;
        let records = schedule(events, start_ms);
        let topics = Topics::at(self.broker.brokers());
        let (started, wall) = (Instant::now(), now());
        let mut next = 0;
        let last = PACE.last().map_or(0.0, |(hour, _)| *hour);
        while next < records.len() && hour(records[next].0) < last {
            let reached = hour_at(started.elapsed().as_secs_f64());
            let due = records[next..]
                .iter()
                .take_while(|(ms, _, _)| hour(*ms) <= reached);
            let due: Vec<_> = due.collect();
            for topic in ["predictions", "labels"] {
                let messages: Vec<Message> = due
                    .iter()
                    .filter(|(_, to, _)| *to == topic)
                    .map(|(_, _, message)| message.clone())
                    .collect();
                if !messages.is_empty() {
                    topics.produce(topic, &messages);
                }
            }
            next += due.len();
            std::thread::sleep(BEAT);
        }
        let span = |(from, to): (f64, f64)| Span {
            from: wall + seconds_to(from),
            to: wall + seconds_to(to),
        };
        Played {
            healthy: span(HEALTHY),
            drifted: span(DRIFTED),
        }
    }
}

/// The hour of the recording that is reached after so many seconds.
fn hour_at(seconds: f64) -> f64 {
    let (mut hour, mut left) = (0.0, seconds);
    for (end, pace) in PACE {
        let takes = (end - hour) / pace;
        if left < takes {
            return hour + left * pace;
        }
        left -= takes;
        hour = end;
    }
    hour
}

/// The seconds after which an hour of the recording is reached.
fn seconds_to(reached: f64) -> f64 {
    let (mut hour, mut seconds) = (0.0, 0.0);
    for (end, pace) in PACE {
        seconds += (end.min(reached) - hour).max(0.0) / pace;
        hour = end;
    }
    seconds
}

/// What an event has in a production that uses all there is: attributes, which make slices, and a version.
fn extend(row: &mut Value, n: usize, version: &str) {
    let channel = if n.is_multiple_of(3) { "app" } else { "web" };
    row["attributes"] = json!({"channel": channel});
    row["model_version"] = json!(version);
}

/// Every record with its time and topic, in order.
fn schedule(events: &[RecordedEvent], start_ms: i64) -> Vec<(i64, &'static str, Message)> {
    let mut out = Vec::new();
    for (n, event) in events.iter().enumerate() {
        let new = event.timestamp_ms >= start_ms + NEW_VERSION_HOUR * HOUR_MS;
        let mut row: Value = serde_json::from_slice(&event.observation_json()).expect("JSON");
        extend(&mut row, n, if new { "2026-03-b" } else { "2026-03-a" });
        let body = row.to_string();
        let message = |body: &[u8]| Message::new(body).key(&event.event_id);
        out.push((event.timestamp_ms, "predictions", message(body.as_bytes())));
        if n % CUT_OFF == 0 {
            let half = &body.as_bytes()[..body.len() / 2];
            out.push((event.timestamp_ms, "predictions", message(half)));
        }
        if let (Some(ms), Some(body)) = (event.label_timestamp_ms, event.label_json()) {
            out.push((ms, "labels", message(&body)));
        }
    }
    out.sort_by_key(|(ms, _, _)| *ms);
    out
}
