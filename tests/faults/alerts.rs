//! The process is killed between a decision and its delivery, while receivers are away, slow or refuse: every incident is told, and
//! each message once for its id.

use crate::fixture::Fixture;
use crate::monitor::{Monitor, PATIENCE};
use crate::report;
use crate::stream::Stream;
use bellwether_alerts::Tracker;
use bellwether_monitor::TimelineLine;
use bellwether_tests::{Answer, Call, Hooks, RealKafka, wait_until};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const EVENTS: usize = 10_000;
/// Times that the process is killed.
const KILLS: usize = 10;
/// Longest time between listening and the end.
const LONGEST: Duration = Duration::from_millis(2500);
const RECEIVERS: [&str; 3] = ["sound", "faulty", "moody"];

fn alerts(hooks: &Hooks) -> String {
    let mut text =
        "[alerts]\ndirectory = \"alerts\"\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"\n".to_owned();
    for name in RECEIVERS {
        text += &format!(
            "[alerts.receivers.{name}]\nformat = \"webhook\"\nurl = {:?}\ngroup_by = \"incident\"\ntimeout = \"300ms\"\n\
             verdicts = [\"watch\", \"retrain\", \"continual_update\", \"new_task\", \"shared_encoder\"]\n",
            hooks.url(&format!("/{name}"))
        );
    }
    text
}

/// Whether each incident stands at the end, by the timeline alone.
fn expected(timeline: &str, source: &str) -> BTreeMap<String, bool> {
    let mut tracker = Tracker::default();
    let mut expected = BTreeMap::new();
    for line in timeline.lines() {
        let line: TimelineLine = serde_json::from_str(line).expect("a line");
        for incident in tracker.observe(source, &line) {
            expected.insert(incident.key.clone(), incident.is_firing());
        }
    }
    expected
}

/// What a receiver has been told last of each incident.
fn told(calls: &[&Call]) -> BTreeMap<String, bool> {
    let mut told = BTreeMap::new();
    for call in calls {
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        for alert in body["alerts"].as_array().expect("a list") {
            let key = alert["fingerprint"].as_str().expect("a key").to_owned();
            told.insert(key, alert["status"] == "firing");
        }
    }
    told
}

#[test]
fn every_incident_is_told_though_the_process_is_killed_and_receivers_fail() {
    let Some(kafka) = RealKafka::shared() else { return };
    let fixture = Fixture::shared();
    let stream = Stream::new(&kafka.topics(), "alerts", EVENTS, 3);
    stream.write(&kafka.topics());
    let undisturbed = Monitor::new(kafka, &fixture, &stream, "alerts-undisturbed", "1h").undisturbed();
    // Of the faulty one every other request fails, each time in another way; the moody one is away until all is judged.
    let (requests, away) = (AtomicU64::new(0), Arc::new(AtomicBool::new(true)));
    let is_away = Arc::clone(&away);
    let hooks = Hooks::start(move |call| match call.path.as_str() {
        "/faulty" => match requests.fetch_add(1, Ordering::SeqCst) % 10 {
            0 => Answer::Hang,
            2 => Answer::Status(500, &[]),
            4 => Answer::BreakOff,
            6 => Answer::Status(429, &["Retry-After: 1"]),
            8 => Answer::Drip,
            _ => Answer::TAKEN,
        },
        "/moody" if is_away.load(Ordering::SeqCst) => Answer::Status(503, &[]),
        _ => Answer::TAKEN,
    });
    let name = "alerts-killed";
    let monitor = Monitor::with(kafka, &fixture, &stream, name, "200ms", &alerts(&hooks));
    let mut random = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..KILLS {
        let (run, _) = monitor.start();
        std::thread::sleep(LONGEST.mul_f64(random.random()));
        run.crash();
        drop(run.wait(Duration::from_secs(60)));
    }
    let (run, url) = monitor.start();
    away.store(false, Ordering::SeqCst);
    let outcome = monitor.finish_with(run, &url, &undisturbed, || {
        wait_until("everybody to be told", PATIENCE, || {
            let now = crate::http::json(&url, "/api/v1/incidents?limit=1000");
            let owed = |incident: &Value| incident["owed"].as_array().is_some_and(|owed| !owed.is_empty());
            let now = now["incidents"].as_array().expect("a list");
            (!now.iter().any(owed)).then_some(())
        });
    });
    outcome.check(&undisturbed, "alerts, killed again and again");
    let expected = expected(&outcome.timeline, name);
    let standing = expected.values().filter(|firing| **firing).count();
    assert!(expected.len() > 3 && standing < expected.len(), "{expected:?}");
    let calls = hooks.calls();
    let (mut messages, mut repeated) = (0, 0);
    for name in RECEIVERS {
        let path = format!("/{name}");
        let of_it: Vec<&Call> = calls.iter().filter(|call| call.path == path).collect();
        let taken: Vec<&Call> = of_it.iter().copied().filter(|call| call.is_taken()).collect();
        assert_eq!(told(&taken), expected, "{name}");
        // An id stands for one message: what comes twice is known by it.
        let mut bodies: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
        for call in &of_it {
            bodies.entry(call.id()).or_default().insert(&call.body);
        }
        assert!(
            bodies.values().all(|bodies| bodies.len() == 1),
            "{name}: an id with two messages"
        );
        let ids: BTreeSet<&str> = taken.iter().map(|call| call.id()).collect();
        messages += ids.len();
        repeated += taken.len() - ids.len();
    }
    let failed = calls.iter().filter(|call| !call.is_taken()).count();
    report(&format!(
        "alerts: killed {KILLS} times; {} incidents told to {} receivers in {messages} messages, {failed} attempts failed; \
         lost 0, {repeated} came again with the id they had",
        expected.len(),
        RECEIVERS.len(),
    ));
}

#[test]
fn what_a_receiver_had_not_answered_when_the_process_was_killed_comes_again_with_its_id() {
    let Some(kafka) = RealKafka::shared() else { return };
    let fixture = Fixture::shared();
    let stream = Stream::new(&kafka.topics(), "alerts-hung", 4000, 4);
    stream.write(&kafka.topics());
    let hangs = Arc::new(AtomicBool::new(true));
    let does_hang = Arc::clone(&hangs);
    let hooks = Hooks::start(move |_| {
        if does_hang.load(Ordering::SeqCst) {
            Answer::Hang
        } else {
            Answer::TAKEN
        }
    });
    let more = alerts(&hooks).replace("300ms", "30s");
    let monitor = Monitor::with(kafka, &fixture, &stream, "alerts-hung", "1h", &more);
    let (run, _) = monitor.start();
    let first = wait_until("a first request", PATIENCE, || hooks.calls().into_iter().next());
    run.crash();
    drop(run.wait(Duration::from_secs(60)));
    hangs.store(false, Ordering::SeqCst);
    let (run, _) = monitor.start();
    let again = wait_until("the same again", PATIENCE, || {
        let mut calls = hooks.calls().into_iter();
        calls.find(|call| call.is_taken() && call.id() == first.id() && call.path == first.path)
    });
    assert_eq!(again.body, first.body);
    run.crash();
    drop(run.wait(Duration::from_secs(60)));
}
