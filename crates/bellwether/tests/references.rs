//! Another reference takes over while the monitor runs, on the broker in this process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bellwether_tests::{Running, Stream, wait_until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use support::{PATIENCE, Site, embedded_by, output, program, records, traffic};

const TOPICS: [(&str, i32); 3] = [("predictions", 2), ("labels", 1), ("verdicts", 1)];
const EVENTS: usize = 1200;

fn site() -> (Site, String) {
    let site = Site::new(&TOPICS);
    site.build("second.ref", &["mood", "topic", "weather"]);
    let more = "verdicts_topic = \"verdicts\"\n\
        [timeline]\npath = \"timeline.jsonl\"\n\
        [state]\ndirectory = \"state\"\ncheckpoint_interval = \"200ms\"\n\
        [references]\ndirectory = \"references\"\n";
    let config = site.configure("bellwether.toml", "model.ref", more);
    (site, config)
}

/// A monitor that runs, and its API.
struct Monitor {
    run: Running,
    address: String,
}

impl Monitor {
    fn start(config: &str) -> Self {
        let run = program(&["run", "--config", config]);
        let url = run.listening_url(PATIENCE);
        let address = url
            .strip_prefix("http://")
            .unwrap()
            .trim_end_matches('/')
            .to_owned();
        Self { run, address }
    }

    fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let kind = if kind.is_empty() {
            String::new()
        } else {
            format!("content-type: {kind}\r\n")
        };
        let head = format!(
            "{method} {path} HTTP/1.0\r\nhost: localhost\r\n{kind}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // Refused before it was read as a whole, perhaps.
        drop(stream.write_all(body));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, "", b"").1
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, "application/json", body.to_string().as_bytes())
    }

    fn upload(&self, bytes: &[u8]) -> (u16, Value) {
        self.ask(
            "POST",
            "/api/v1/references",
            "application/vnd.apache.parquet",
            bytes,
        )
    }

    fn active(&self) -> String {
        let list = self.get("/api/v1/references");
        list["activation"]["active"].as_str().unwrap().to_owned()
    }

    fn wait_for<T>(&self, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
        wait_until(what, PATIENCE, || look(&self.get("/api/v1/model")))
    }

    fn wait_in_force(&self, id: &str) {
        wait_until("the reference in force", PATIENCE, || {
            let list = self.get("/api/v1/references");
            (list["activation"]["in_force"] == id).then_some(())
        });
    }

    /// Waits until the monitor has judged so many observations by its present reference.
    fn wait_for_observations(&self, count: usize) {
        self.wait_for("all is judged", |model| {
            let found = model["counts"]["observations"].as_u64()?;
            assert!(found <= count as u64, "{found} were judged of {count}");
            (found == count as u64).then_some(())
        });
    }

    /// What those before have judged, as each said when it was over.
    fn judged_before(&self) -> Vec<usize> {
        let printed = self.run.printed(Stream::Stderr);
        let told = printed.split("this one judged ").skip(1);
        told.map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
            .collect()
    }

    fn stop(self) {
        self.run.terminate();
        let finished = self.run.wait(Duration::from_secs(30));
        assert_eq!(finished.code(), Some(0), "{finished:?}");
    }
}

fn timeline(site: &Site) -> Vec<String> {
    let text = std::fs::read_to_string(site.path("timeline.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn assert_lines_once_and_in_topic(site: &Site) {
    let lines = timeline(site);
    let mut times: Vec<String> = Vec::new();
    for line in &lines {
        let line: Value = serde_json::from_str(line).unwrap();
        times.push(line["timestamp"].as_str().unwrap().to_owned());
    }
    assert!(times.is_sorted(), "event time does not run backwards: {times:?}");
    let mut once = lines.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), lines.len(), "no line twice");
    let published = site.topics().consume("verdicts", lines.len(), PATIENCE);
    let published: Vec<String> = published
        .into_iter()
        .map(|record| String::from_utf8(record.payload).unwrap())
        .collect();
    assert_eq!(published, lines);
}

#[test]
fn another_reference_takes_over_and_goes_back_with_each_event_judged_once() {
    let (site, config) = site();
    let events = traffic(EVENTS);
    let (first, rest) = events.split_at(EVENTS / 3);
    let (second, third) = rest.split_at(EVENTS / 3);
    let topics = site.topics();
    let monitor = Monitor::start(&config);
    let original = monitor.active();
    topics.produce("predictions", &records(first, 2));
    monitor.wait_for_observations(first.len());
    let lines_before = timeline(&site).len();

    let (status, registered) = monitor.upload(&std::fs::read(site.path("second.ref")).unwrap());
    assert_eq!(status, 201, "{registered}");
    let id = registered["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&registered["active"], &registered["tasks"]),
        (&json!(false), &json!(["mood", "topic", "weather"]))
    );
    // Half of what follows comes before the change, half after it.
    let (early, late) = second.split_at(second.len() / 2);
    topics.produce("predictions", &records(early, 2));
    let (status, activation) = monitor.post(
        &format!("/api/v1/references/{id}/activate"),
        &json!({"reason": "a third task"}),
    );
    assert_eq!((status, &activation["active"]), (200, &json!(id)), "{activation}");
    assert_eq!(activation["previous"], json!(original));
    topics.produce("predictions", &records(late, 2));
    monitor.wait_in_force(&id);
    let judged = monitor.judged_before()[0];
    monitor.wait_for_observations(first.len() + second.len() - judged);
    let model = monitor.get("/api/v1/model");
    assert_eq!(model["reference"], registered["reference"]);
    assert_eq!(model["counts"]["late_observations"], 0);
    assert_eq!(model["tasks"].as_array().map(Vec::len), Some(3));

    let (status, activation) = monitor.post("/api/v1/references/rollback", &json!({}));
    assert_eq!(
        (status, &activation["active"]),
        (200, &json!(original)),
        "{activation}"
    );
    assert_eq!(
        (&activation["previous"], &activation["reason"]),
        (&Value::Null, &Value::Null)
    );
    monitor.wait_in_force(&original);
    topics.produce("predictions", &records(third, 2));
    let judged: usize = monitor.judged_before().iter().sum();
    monitor.wait_for_observations(EVENTS - judged);
    assert_eq!(
        monitor.get("/api/v1/model")["tasks"].as_array().map(Vec::len),
        Some(2)
    );
    let (status, refused) = monitor.post("/api/v1/references/rollback", &json!({}));
    assert_eq!((status, &refused["code"]), (409, &json!("reference_conflict")));
    monitor.stop();
    assert!(timeline(&site).len() > lines_before, "verdicts go on");
    assert_lines_once_and_in_topic(&site);
}

#[test]
fn what_is_no_reference_is_refused_and_changes_nothing() {
    let (site, config) = site();
    let monitor = Monitor::start(&config);
    monitor.wait_in_force(&monitor.active());
    let before = monitor.get("/api/v1/references");
    let files = || {
        let entries = std::fs::read_dir(site.path("references")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let files_before = files();
    let whole = std::fs::read(site.path("second.ref")).unwrap();
    let mut altered = whole.clone();
    let middle = altered.len() / 3;
    altered[middle..middle + 64].fill(0xff);
    for (story, bytes) in [
        ("nothing", &b""[..]),
        ("no Parquet", b"PAR1 and nothing else"),
        ("cut off", &whole[..whole.len() / 2]),
        ("altered", &altered),
    ] {
        let (status, refused) = monitor.upload(bytes);
        assert_eq!(
            (status, &refused["code"]),
            (422, &json!("unusable_reference")),
            "{story}: {refused}"
        );
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .starts_with("the reference cannot be used"),
            "{refused}"
        );
    }
    for (name, status) in [
        ("../second.ref", 422),
        ("none.ref", 422),
        ("/etc/passwd", 422),
        (".upload-0", 422),
    ] {
        let (found, refused) = monitor.post("/api/v1/references", &json!({"file": name}));
        assert_eq!(found, status, "{name}: {refused}");
    }
    let (status, _) = monitor.ask("POST", "/api/v1/references", "text/plain", &whole);
    assert_eq!(status, 415);
    let none = "0".repeat(64);
    let (status, refused) = monitor.post(&format!("/api/v1/references/{none}/activate"), &json!({}));
    assert_eq!((status, &refused["code"]), (404, &json!("unknown_reference")));
    assert_eq!(
        monitor.get("/api/v1/references")["references"],
        before["references"]
    );
    assert_eq!(files(), files_before, "nothing is left of what was refused");

    // A file that somebody has put there, then the same once more.
    std::fs::copy(site.path("second.ref"), site.path("references/by-hand.ref")).unwrap();
    for status in [201, 200] {
        let (found, registered) = monitor.post("/api/v1/references", &json!({"file": "by-hand.ref"}));
        assert_eq!(found, status, "{registered}");
    }
    let id = monitor.get("/api/v1/references")["references"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let detail = monitor.get(&format!("/api/v1/references/{id}"));
    let shown = support::json_output(&["reference", "inspect", &site.text("second.ref")]);
    assert_eq!(detail["reference"]["rows"], shown["rows"]);
    assert_eq!(detail["reference"]["reference"], shown["manifest"]["id"]);
    assert_eq!(detail["tasks"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        detail["tasks"][0]["quality"],
        shown["manifest"]["quality"]["mood"]["value"]
    );

    // Its file is not the one that was registered any more.
    std::fs::write(site.path(&format!("references/{id}.ref")), &altered).unwrap();
    let (status, refused) = monitor.post(&format!("/api/v1/references/{id}/activate"), &json!({}));
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("unusable_reference")),
        "{refused}"
    );
    assert_eq!(monitor.active(), before["activation"]["active"]);
    monitor.stop();
}

#[test]
fn a_crash_right_after_the_answer_comes_back_with_the_new_one() {
    let (site, config) = site();
    let events = traffic(EVENTS);
    let (first, rest) = events.split_at(EVENTS / 2);
    let monitor = Monitor::start(&config);
    site.topics().produce("predictions", &records(first, 2));
    monitor.wait_for_observations(first.len());
    let (_, registered) = monitor.upload(&std::fs::read(site.path("second.ref")).unwrap());
    let id = registered["id"].as_str().unwrap().to_owned();
    // A checkpoint that holds all of it, so that what comes back can be counted.
    std::thread::sleep(Duration::from_secs(1));
    let (status, _) = monitor.post(&format!("/api/v1/references/{id}/activate"), &json!({}));
    assert_eq!(status, 200);
    monitor.run.crash();
    drop(monitor.run.wait(PATIENCE));

    let monitor = Monitor::start(&config);
    assert_eq!(monitor.active(), id);
    monitor.wait_in_force(&id);
    site.topics().produce("predictions", &records(rest, 2));
    monitor.wait_for_observations(rest.len());
    assert_eq!(monitor.get("/api/v1/model")["reference"], registered["reference"]);
    // Killed amid what follows, it goes on with the state by the new one.
    std::thread::sleep(Duration::from_secs(1));
    monitor.run.crash();
    drop(monitor.run.wait(PATIENCE));
    let monitor = Monitor::start(&config);
    monitor.wait_in_force(&id);
    monitor.wait_for_observations(rest.len());
    monitor.stop();
    assert_lines_once_and_in_topic(&site);
}

/// Traffic of one encoder, then of another.
fn two_encoders() -> (Vec<Value>, Vec<Value>) {
    let mut events = traffic(EVENTS);
    let late = events.split_off(EVENTS / 2);
    (embedded_by("v1", events), embedded_by("v2", late))
}

fn site_of_encoders() -> (Site, String) {
    let site = Site::new(&[TOPICS[0], TOPICS[1], TOPICS[2], ("dead", 1)]);
    site.build_with("model.ref", &["mood", "topic"], &["--encoder-version", "v1"]);
    site.build_with(
        "second.ref",
        &["mood", "topic", "weather"],
        &["--encoder-version", "v2"],
    );
    let more = "verdicts_topic = \"verdicts\"\ndead_letter_topic = \"dead\"\n\
        [timeline]\npath = \"timeline.jsonl\"\n\
        [state]\ndirectory = \"state\"\ncheckpoint_interval = \"200ms\"\n\
        [references]\ndirectory = \"references\"\n";
    let config = site.configure("bellwether.toml", "model.ref", more);
    (site, config)
}

fn assert_second_in_force(monitor: &Monitor, registered: &Value, judged: usize) {
    monitor.wait_in_force(registered["id"].as_str().unwrap());
    monitor.wait_for_observations(judged);
    assert_eq!(
        monitor.judged_before(),
        [EVENTS / 2],
        "all of the first encoder, and no other"
    );
    let model = monitor.get("/api/v1/model");
    assert_eq!(model["reference"], registered["reference"]);
    assert_eq!(model["counts"]["late_observations"], 0);
    let activation = monitor.get("/api/v1/references")["activation"].clone();
    assert_eq!(activation["reason"], "the stream has gone over to the encoder v2");
}

#[test]
fn a_stream_that_goes_over_to_another_encoder_is_judged_by_its_reference_from_its_first_event_on() {
    let (site, config) = site_of_encoders();
    let (first, second) = two_encoders();
    let monitor = Monitor::start(&config);
    let (status, registered) = monitor.upload(&std::fs::read(site.path("second.ref")).unwrap());
    assert_eq!(status, 201, "{registered}");
    let all: Vec<Value> = first.into_iter().chain(second).collect();
    site.topics().produce("predictions", &records(&all, 2));
    assert_second_in_force(&monitor, &registered, EVENTS / 2);
    monitor.stop();
    assert_lines_once_and_in_topic(&site);
}

#[test]
fn without_its_reference_another_encoder_is_said_and_its_events_are_kept_until_there_is_one() {
    let (site, config) = site_of_encoders();
    let (first, second) = two_encoders();
    let monitor = Monitor::start(&config);
    let original = monitor.active();
    let topics = site.topics();
    topics.produce("predictions", &records(&first, 2));
    monitor.wait_for_observations(first.len());
    let (second, later) = second.split_at(second.len() / 2);
    topics.produce("predictions", &records(second, 2));
    monitor.wait_for("another encoder is said", |model| {
        let other = &model["encoder"]["other"];
        (other["events"] == second.len()).then(|| assert_eq!(other["version"], "v2"))
    });
    let model = monitor.get("/api/v1/model");
    assert_eq!(model["shared_encoder"], false, "it is not drift");
    assert!(
        model["summary"]
            .as_str()
            .unwrap()
            .contains("register a reference"),
        "{model}"
    );
    assert_eq!(model["counts"]["observations"], first.len());
    assert_eq!(monitor.active(), original);
    let refused = topics.consume("dead", second.len(), PATIENCE);
    let reason = "encoder_version";
    assert!(
        refused
            .iter()
            .all(|letter| letter.header("bellwether-reason") == Some(reason))
    );

    let (_, registered) = monitor.upload(&std::fs::read(site.path("second.ref")).unwrap());
    topics.produce("predictions", &records(later, 2));
    assert_second_in_force(&monitor, &registered, later.len());
    // What was refused can be sent again. Its time has passed: it counts for labelled quality.
    let sent = output(&["dead-letters", "resubmit", "--config", &config, "--yes"]);
    assert!(sent.contains(&second.len().to_string()), "{sent}");
    monitor.wait_for("what was sent again has come", |model| {
        (model["counts"]["late_observations"] == second.len()).then_some(())
    });
    monitor.stop();
}
