//! The demo, scraped by a real Prometheus with our rules, whose real Alertmanager calls somebody: what happens in the recorded
//! days is told once, and told to be over.
//!
//! The demo plays ten days in a minute and a half, so the durations of the rules are scaled with it.

use crate::fixture::PATIENCE;
use crate::prometheus::{Alertmanager, Prometheus};
use crate::receiver::{Call, Receiver};
use crate::rules::scaled_rules;
use crate::web;
use bellwether_tests::{Binary, Program, wait_until};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How much faster than it was the recording is played: the speed of the demo, unless it is told otherwise.
const SPEED: &str = "9600";
/// What the recorded days hold: the alert, and the task that it is about.
const INTENDED: [(&str, &str); 7] = [
    ("BellwetherContinualUpdate", "payments"),
    ("BellwetherNewTask", "account_access"),
    ("BellwetherQualityFell", "product_advice"),
    ("BellwetherQualityFellFar", "product_advice"),
    ("BellwetherRetrain", "product_advice"),
    ("BellwetherSharedEncoder", ""),
    ("BellwetherWatch", "orders_and_delivery"),
];
/// Tasks to which nothing happens but what happens to all.
const LEFT_ALONE: [&str; 2] = ["delivery_booking", "device_support"];

/// All calls about one incident: an alert, its task, and when it began.
type Incidents = BTreeMap<(String, String, String), Vec<Call>>;

fn incidents(calls: Vec<Call>) -> Incidents {
    let mut incidents = Incidents::new();
    for call in calls {
        let incident = (call.name.clone(), call.task.clone(), call.starts_at.clone());
        incidents.entry(incident).or_default().push(call);
    }
    incidents
}

/// Names, help and types are as Prometheus' own linter asks for.
fn check_metrics(text: &str) {
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool can be run");
    let mut input = check.stdin.take().expect("it is piped");
    input.write_all(text.as_bytes()).expect("promtool reads");
    drop(input);
    let done = check.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.is_empty(), "{said}");
}

#[test]
fn what_happens_in_the_demo_is_told_once_and_told_to_be_over() {
    if !Program::are_installed(&["prometheus", "prometheus-alertmanager", "promtool"]) {
        return;
    }
    let receiver = Receiver::start();
    let alertmanager = Alertmanager::start(receiver.url());
    let demo = Binary::locate().spawn(&["demo", "--listen", "127.0.0.1:0", "--speed", SPEED]);
    let url = demo.listening_url(PATIENCE);
    let ready = || {
        web::get(&url, "/readyz")
            .ok()
            .filter(|(status, _)| *status == 200)
    };
    wait_until("the demo to be ready", PATIENCE, ready);
    let prometheus = Prometheus::start(
        url.trim_start_matches("http://"),
        &scaled_rules(),
        Some(&alertmanager.address()),
    );
    let played = || {
        let progress = &web::json(&url, "/api/v1/model")["pipeline"]["progress_ratio"];
        (progress.as_f64() == Some(1.0)).then_some(())
    };
    wait_until("the ten days to be over", PATIENCE * 2, played);
    assert_eq!(prometheus.health(), "\"up\" \"\"");
    let (_, metrics) = web::get(&url, "/metrics").expect("the demo still answers");
    check_metrics(&metrics);
    let while_it_ran = receiver.calls();

    // What still stands ends with the monitor, whose end is an incident itself.
    demo.interrupt();
    assert_eq!(demo.wait(Duration::from_secs(30)).code(), Some(0));
    let all_over = || {
        let incidents = incidents(receiver.calls());
        let mut down = false;
        let over = incidents.iter().all(|((name, _, _), calls)| {
            down |= name == "BellwetherDown";
            name == "BellwetherDown" || calls.last().is_some_and(|call| call.status == "resolved")
        });
        (down && over).then_some(())
    };
    let calls = |calls: Vec<Call>| {
        let told = calls.iter().map(|call| {
            format!(
                "{} {} {} {} {}",
                call.starts_at, call.status, call.name, call.task, call.summary
            )
        });
        told.collect::<Vec<String>>().join("\n")
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while all_over().is_none() {
        assert!(
            Instant::now() < deadline,
            "not all is over:\n{}\n{}\n{}",
            calls(receiver.calls()),
            prometheus.log(),
            alertmanager.log()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let story = calls(receiver.calls());
    eprintln!("{story}");

    let incidents = incidents(receiver.calls());
    for ((name, task, at), calls) in &incidents {
        let statuses: Vec<&str> = calls.iter().map(|call| call.status.as_str()).collect();
        if name == "BellwetherDown" {
            assert_eq!(statuses, ["firing"], "{name}\n{story}");
        } else {
            assert_eq!(statuses, ["firing", "resolved"], "{name} {task} {at}\n{story}");
        }
        assert!(
            task.is_empty() || calls[0].summary.contains(task.as_str()),
            "{name} does not name {task}: {}",
            calls[0].summary
        );
    }
    let told: BTreeSet<(&str, &str)> = while_it_ran
        .iter()
        .map(|call| (call.name.as_str(), call.task.as_str()))
        .collect();
    for intended in INTENDED {
        assert!(told.contains(&intended), "{intended:?} was not told\n{story}");
    }
    for (name, task) in &told {
        assert!(!LEFT_ALONE.contains(task), "{name} for {task}\n{story}");
        assert!(
            INTENDED.iter().any(|(intended, _)| intended == name),
            "{name} was told, and nothing is wrong with the pipeline\n{story}"
        );
    }
    let times = |name: &str, task: &str| {
        let of = incidents.keys().filter(|(n, t, _)| n == name && t == task);
        of.count()
    };
    assert_eq!(times("BellwetherSharedEncoder", ""), 1, "{story}");
    assert_eq!(times("BellwetherRetrain", "product_advice"), 1, "{story}");
    assert_eq!(times("BellwetherDown", ""), 1, "{story}");
}
