//! Receivers that are down, slow, refuse or are not who they say: everything arrives that can, once for each id, and none holds
//! another.

use bellwether_alerts::{Alerts, AlertsConfig, Format, Grouping, Outcome, Receiver, SigningKey, Timing};
use bellwether_monitor::{TimelineLine, Verdict};
use bellwether_tests::{Answer, Call, Hooks, Wire};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn line(minute: u32, task: &str, verdict: Verdict) -> TimelineLine {
    let timestamp = format!("2026-03-14T10:{minute:02}:00.000Z");
    TimelineLine {
        since: timestamp.clone(),
        timestamp,
        task: Some(task.to_owned()),
        verdict: Some(verdict),
        shared_encoder: false,
        confidence: 0.9,
        summary: format!("{task} is {verdict}"),
        evidence: serde_json::json!({}),
    }
}

/// A receiver that is told at once.
fn prompt(name: &str, url: String) -> Receiver {
    let mut receiver = Receiver::new(name, Format::Webhook, url);
    receiver.grouping = Grouping::Incident;
    receiver.timing = Timing {
        group_wait: Duration::ZERO,
        group_interval: Duration::ZERO,
        repeat_interval: None,
    };
    receiver.timeout = Duration::from_millis(500);
    receiver.keys = vec![SigningKey::parse(SECRET).expect("a key")];
    receiver
}

fn config(directory: Option<&Path>, receivers: Vec<Receiver>) -> AlertsConfig {
    AlertsConfig {
        source: "intents".to_owned(),
        directory: directory.map(Path::to_owned),
        receivers,
        ..AlertsConfig::default()
    }
}

/// Waits until nobody has still to be told.
async fn settled(alerts: &Alerts, patience: Duration) {
    let deadline = Instant::now() + patience;
    while alerts.incidents().iter().any(|state| !state.owed.is_empty()) {
        assert!(Instant::now() < deadline, "still owed: {:?}", alerts.metrics());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn verified(call: &Call) -> bool {
    let headers = call
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("webhook-"));
    let headers = headers.map(|(name, value)| {
        let name: ureq::http::HeaderName = name.parse().expect("a header");
        (name, value.parse().expect("a header"))
    });
    let webhook = standardwebhooks::Webhook::new(SECRET).expect("a key");
    webhook.verify(&call.body, &headers.collect()).is_ok()
}

/// Status by incident, as the calls that were taken tell it.
fn heard(calls: &[Call]) -> BTreeMap<String, Vec<String>> {
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.is_taken()) {
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        for alert in body["alerts"].as_array().expect("a list") {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            heard
                .entry(text(&alert["fingerprint"]))
                .or_default()
                .push(text(&alert["status"]));
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_receiver_ends_in_one_delivery() {
    const RETRY: Answer = Answer::Status(429, &["Retry-After: 1"]);
    let faults = [
        ("down for a while", Answer::Status(503, &[])),
        ("broken", Answer::Status(500, &[])),
        ("busy", RETRY),
        ("unknown sender", Answer::Status(401, &[])),
        (
            "moved",
            Answer::Status(302, &["Location: http://127.0.0.1:9/elsewhere"]),
        ),
        ("hanging", Answer::Hang),
        ("half closed", Answer::BreakOff),
        ("endless", Answer::Endless),
        ("dripping", Answer::Drip),
    ];
    let hooks: Vec<Hooks> = faults
        .iter()
        .map(|(_, fault)| {
            let (fault, seen) = (fault.clone(), AtomicUsize::new(0));
            Hooks::start(move |_| match seen.fetch_add(1, Ordering::SeqCst) {
                0 => fault.clone(),
                _ => Answer::TAKEN,
            })
        })
        .collect();
    let healthy = Hooks::start(|_| Answer::TAKEN);
    let mut receivers: Vec<Receiver> = (0..faults.len())
        .map(|at| prompt(&format!("faulty-{at}"), hooks[at].url("/in")))
        .collect();
    receivers.push(prompt("healthy", healthy.url("/in")));
    let alerts = Alerts::open(config(None, receivers)).expect("opened");
    let deliveries = alerts.deliver().expect("receivers are sound");
    let began = Instant::now();
    alerts.lines(&[line(0, "banking", Verdict::Retrain)]);
    assert!(
        began.elapsed() < Duration::from_millis(400),
        "the pipeline waits for nobody"
    );
    settled(&alerts, Duration::from_secs(20)).await;
    for ((name, fault), hooks) in faults.iter().zip(&hooks) {
        let calls = hooks.calls();
        let answers: Vec<&Answer> = calls.iter().map(|call| &call.answer).collect();
        assert_eq!(answers, [fault, &Answer::TAKEN], "{name}");
        assert_eq!(
            calls[0].id(),
            calls[1].id(),
            "{name}: an attempt has the id of the one before"
        );
        assert_eq!(calls[0].body, calls[1].body, "{name}");
        assert!(calls.iter().all(verified), "{name}");
        let pause = calls[1].at - calls[0].at;
        assert!(
            pause >= Duration::from_secs(1),
            "{name}: tried again after {pause:?}"
        );
    }
    let prompt = healthy.calls();
    assert_eq!(prompt.len(), 1);
    assert!(
        prompt[0].at < hooks[5].calls()[1].at,
        "one that hangs holds no other"
    );
    let metrics = alerts.metrics();
    assert!(
        metrics.receivers[..faults.len()]
            .iter()
            .all(|r| (r.delivered, r.failed, r.refused) == (1, 1, 0)),
        "{metrics:?}"
    );
    alerts.lines(&[line(1, "banking", Verdict::Healthy)]);
    settled(&alerts, Duration::from_secs(20)).await;
    for hooks in hooks.iter().chain([&healthy]) {
        let heard = heard(&hooks.calls());
        assert_eq!(
            heard.values().collect::<Vec<_>>(),
            [&["firing", "resolved"]],
            "{heard:?}"
        );
    }
    deliveries.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_or_gone_is_not_sent_again() {
    let hooks = Hooks::start(|call| match call.path.as_str() {
        "/gone" => Answer::Status(410, &[]),
        _ => Answer::Status(422, &[]),
    });
    let folder = tempfile::tempdir().expect("a directory");
    let receivers = vec![
        prompt("gone", hooks.url("/gone")),
        prompt("strict", hooks.url("/strict")),
    ];
    let alerts = Alerts::open(config(Some(folder.path()), receivers.clone())).expect("opened");
    let deliveries = alerts.deliver().expect("receivers are sound");
    let count = |path: &str| hooks.calls().iter().filter(|call| call.path == path).count();
    alerts.lines(&[line(0, "banking", Verdict::Retrain)]);
    let told = || {
        alerts
            .metrics()
            .receivers
            .iter()
            .map(|r| (r.refused, r.gone))
            .collect::<Vec<_>>()
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while told() != [(1, true), (1, false)] {
        assert!(Instant::now() < deadline, "{:?}", told());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    alerts.lines(&[line(1, "banking", Verdict::Healthy)]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        (count("/gone"), count("/strict")),
        (1, 2),
        "its end is another message"
    );
    deliveries.finish().await;
    drop(alerts);
    // Also after a restart; another address is another receiver.
    let alerts = Alerts::open(config(Some(folder.path()), receivers)).expect("opened");
    assert!(alerts.metrics().receivers[0].gone);
    drop(alerts);
    let receivers = vec![prompt("gone", hooks.url("/new"))];
    let alerts = Alerts::open(config(Some(folder.path()), receivers)).expect("opened");
    assert!(!alerts.metrics().receivers[0].gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_delivered_by_the_next_process_and_nothing_that_was_delivered() {
    let folder = tempfile::tempdir().expect("a directory");
    // A port that nobody listens on, for now.
    let closed = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let up = Hooks::start(|_| Answer::TAKEN);
    let receivers = vec![
        prompt("up", up.url("/in")),
        prompt("down", format!("http://{closed}/in")),
    ];
    let first = Alerts::open(config(Some(folder.path()), receivers.clone())).expect("opened");
    let deliveries = first.deliver().expect("receivers are sound");
    let lines = [
        line(0, "banking", Verdict::Retrain),
        line(1, "clinic", Verdict::ContinualUpdate),
        line(2, "banking", Verdict::Healthy),
    ];
    first.lines(&lines);
    let deadline = Instant::now() + Duration::from_secs(10);
    while first.metrics().receivers[0].pending > 0 || first.metrics().receivers[1].failed == 0 {
        assert!(Instant::now() < deadline, "{:?}", first.metrics());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = up.calls().len();
    deliveries.stop().await;
    drop(first);
    let down = Hooks::start_at(closed, |stream| Box::new(stream), |_| Answer::TAKEN);
    let second = Alerts::open(config(Some(folder.path()), receivers)).expect("opened");
    let deliveries = second.deliver().expect("receivers are sound");
    // After a crash the lines since the checkpoint come again.
    second.lines(&lines);
    settled(&second, Duration::from_secs(10)).await;
    assert_eq!(up.calls().len(), before, "it has had all");
    let told: Vec<Vec<String>> = heard(&down.calls()).into_values().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|states| states.len() == 1),
        "the newest state of each: {told:?}"
    );
    second.lines(&[line(3, "clinic", Verdict::Healthy)]);
    settled(&second, Duration::from_secs(10)).await;
    for hooks in [&up, &down] {
        let heard = heard(&hooks.calls());
        assert!(
            heard
                .values()
                .all(|states| states.last().map(String::as_str) == Some("resolved")),
            "{heard:?}"
        );
    }
    deliveries.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_carries_what_is_owed_to_another_machine() {
    let up = Hooks::start(|_| Answer::TAKEN);
    let receivers = vec![prompt("up", up.url("/in"))];
    let here = Alerts::open(config(None, receivers.clone())).expect("opened");
    here.lines(&[
        line(0, "banking", Verdict::Retrain),
        line(1, "clinic", Verdict::Retrain),
        line(2, "clinic", Verdict::Healthy),
    ]);
    let mark = here.mark();
    let there = Alerts::open(config(None, receivers)).expect("opened");
    there.resume(&mark);
    let deliveries = there.deliver().expect("receivers are sound");
    settled(&there, Duration::from_secs(10)).await;
    assert_eq!(heard(&up.calls()).len(), 2);
    // And what was delivered, so that it is not told again.
    let third = Alerts::open(config(None, vec![prompt("up", up.url("/in"))])).expect("opened");
    third.resume(&there.mark());
    assert_eq!(third.metrics().receivers[0].pending, 0);
    deliveries.finish().await;
}

/// TLS with a certificate of its own, for `localhost`.
fn tls() -> (
    String,
    impl Fn(TcpStream) -> Box<dyn Wire> + Send + Sync + 'static,
) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("key and certificate fit");
    let config = Arc::new(config);
    let wrap = move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a configuration");
        Box::new(rustls::StreamOwned::new(connection, stream)) as Box<dyn Wire>
    };
    (made.cert.pem(), wrap)
}

#[test]
fn who_cannot_show_that_it_is_the_receiver_is_told_nothing() {
    let (pem, wrap) = tls();
    let hooks = Hooks::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), wrap, |_| Answer::TAKEN);
    let folder = tempfile::tempdir().expect("a directory");
    let authorities = folder.path().join("ca.pem");
    std::fs::write(&authorities, pem).expect("writable");
    let port = hooks.address().port();
    let known = Receiver {
        authorities: Some(authorities),
        ..prompt("tls", format!("https://localhost:{port}/in"))
    };
    let stranger = Receiver {
        authorities: None,
        ..known.clone()
    };
    let other_name = Receiver {
        url: bellwether_alerts::Secret::new(format!("https://127.0.0.1:{port}/in")),
        ..known.clone()
    };
    let config = config(None, Vec::new());
    for receiver in [&stranger, &other_name] {
        let outcome = Alerts::test(&config, receiver, 0).expect("the receiver is sound");
        assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
    }
    assert!(hooks.calls().is_empty());
    assert_eq!(
        Alerts::test(&config, &known, 0).expect("the receiver is sound"),
        Outcome::Delivered
    );
    assert_eq!(hooks.calls().len(), 2);
    std::fs::write(known.authorities.as_ref().expect("a path"), "no certificate").expect("writable");
    let problem = Alerts::test(&config, &known, 0)
        .expect_err("no certificate")
        .to_string();
    assert!(problem.contains("there is none"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_incidents_does_not_flood_a_channel() {
    let hooks = Hooks::start(|_| Answer::TAKEN);
    let mut receiver = Receiver::new("chat", Format::Slack, hooks.url("/in"));
    receiver.timing.group_wait = Duration::from_millis(200);
    let alerts = Alerts::open(config(None, vec![receiver])).expect("opened");
    let deliveries = alerts.deliver().expect("receivers are sound");
    for number in 0..500 {
        alerts.lines(&[line(0, &format!("task-{number}"), Verdict::Retrain)]);
    }
    settled_or(&alerts, Duration::from_secs(3)).await;
    let calls = hooks.calls();
    assert!((1..=2).contains(&calls.len()), "{}", calls.len());
    deliveries.finish().await;
}

/// Waits until all are told or the time is over.
async fn settled_or(alerts: &Alerts, most: Duration) {
    let deadline = Instant::now() + most;
    while Instant::now() < deadline && alerts.incidents().iter().any(|state| !state.owed.is_empty()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
