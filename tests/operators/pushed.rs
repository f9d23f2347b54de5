//! Incidents pushed to a real Alertmanager, without Prometheus in between: it takes them, tells its receiver, and tells the end.

use crate::prometheus::Alertmanager;
use crate::receiver::Receiver;
use crate::web;
use bellwether_alerts::{Alerts, AlertsConfig, Call, Format};
use bellwether_monitor::{TimelineLine, Verdict};
use bellwether_tests::{Program, wait_until};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn line(minute: u32, verdict: Verdict) -> TimelineLine {
    let timestamp = format!("2026-03-14T10:{minute:02}:00.000Z");
    TimelineLine {
        since: timestamp.clone(),
        timestamp,
        task: Some("banking".to_owned()),
        verdict: Some(verdict),
        shared_encoder: false,
        confidence: 0.9,
        summary: format!("banking is {verdict}."),
        evidence: serde_json::json!({}),
    }
}

#[test]
fn what_is_pushed_is_taken_told_and_told_to_be_over() {
    if !Program::are_installed(&["prometheus-alertmanager"]) {
        return;
    }
    let receiver = Receiver::start();
    let alertmanager = Alertmanager::start(receiver.url());
    let mut target = bellwether_alerts::Receiver::new(
        "alertmanager",
        Format::Alertmanager,
        format!("http://{}", alertmanager.address()),
    );
    target.calls = Call::ALL.into();
    let config = AlertsConfig {
        source: "intents".to_owned(),
        runbook_url: Some("https://example.com/runbooks".to_owned()),
        receivers: vec![target],
        ..AlertsConfig::default()
    };
    let alerts = Alerts::open(config).expect("opened");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let deliveries = runtime
        .block_on(async { alerts.deliver() })
        .expect("the receiver is sound");
    let told = |name: &str, status: &str| {
        let what = format!("{name} to be {status}");
        wait_until(&what, PATIENCE, || {
            let mut calls = receiver.calls().into_iter();
            calls.find(|call| call.name == name && call.status == status)
        })
    };
    alerts.lines(&[line(0, Verdict::Watch)]);
    told("BellwetherWatch", "firing");
    // Another verdict is another alert there; the incident is the same.
    alerts.lines(&[line(1, Verdict::Retrain)]);
    let call = told("BellwetherRetrain", "firing");
    assert_eq!(
        (call.task.as_str(), call.summary.as_str()),
        ("banking", "banking needs re-training")
    );
    told("BellwetherWatch", "resolved");
    let url = format!("http://{}", alertmanager.address());
    let standing = web::json(&url, "/api/v2/alerts");
    let labels = &standing[0]["labels"];
    assert_eq!(
        labels["incident"],
        alerts.incidents()[0].entry.incident.key.as_str(),
        "{standing}"
    );
    assert_eq!(labels["severity"], "warning");
    assert_eq!(
        standing[0]["annotations"]["runbook_url"],
        "https://example.com/runbooks/retrain.md"
    );
    alerts.lines(&[line(2, Verdict::Healthy)]);
    told("BellwetherRetrain", "resolved");
    let metrics = alerts.metrics();
    assert_eq!(
        (metrics.receivers[0].failed, metrics.receivers[0].refused),
        (0, 0),
        "{}",
        alertmanager.log()
    );
    runtime.block_on(deliveries.finish());
}
