//! The demo as somebody who looks at it meets it.

use crate::http::{get, json, metric, wait_for_count};
use bellwether_tests::{Binary, wait_until};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_page_the_api_and_the_metrics_answer_while_the_demo_runs() {
    let tasks = crate::fixture::recording().schema.len();
    let mut demo = Binary::locate().spawn(&["demo", "--listen", "127.0.0.1:0", "--speed", "50000"]);
    let url = demo.listening_url(PATIENCE);
    let ready = || (get(&url, "/readyz").status == 200).then_some(());
    wait_until("the demo to be ready", PATIENCE, ready);
    wait_until("a change of state", PATIENCE, || {
        (!json(&url, "/api/v1/timeline")["lines"].as_array()?.is_empty()).then_some(())
    });

    let page = get(&url, "/");
    assert_eq!(page.status, 200);
    assert!(
        page.content_type.starts_with("text/html"),
        "{}",
        page.content_type
    );
    assert!(page.body.contains("Bellwether"), "{}", page.body);
    assert_eq!(get(&url, "/healthz").status, 200);
    let listed = json(&url, "/api/v1/tasks");
    assert_eq!(listed["tasks"].as_array().map(Vec::len), Some(tasks), "{listed}");
    let timeline = json(&url, "/api/v1/timeline");
    assert!(timeline["lines"][0]["summary"].is_string(), "{timeline}");
    let metrics = get(&url, "/metrics");
    assert!(
        metrics.content_type.starts_with("text/plain; version=0.0.4"),
        "{}",
        metrics.content_type
    );
    assert!(metric(&url, "bellwether_decoded_records_total{kind=\"observations\"}") > 0.0);
    assert_eq!(get(&url, "/nothing/here").status, 404);

    let events = u64::try_from(crate::fixture::recording().events.len()).expect("a count");
    wait_for_count(&url, "/counts/observations", events, PATIENCE);
    assert!(demo.is_running(), "without --exit the page stays");
    assert_eq!(get(&url, "/").status, 200);
    demo.interrupt();
    let finished = demo.wait(Duration::from_secs(10));
    assert_eq!(finished.code(), Some(0), "{finished:?}");
}

#[test]
fn an_interrupted_demo_ends_in_good_order() {
    let demo = Binary::locate().spawn(&["demo", "--listen", "127.0.0.1:0", "--speed", "1000"]);
    let url = demo.listening_url(PATIENCE);
    wait_until("the first records", PATIENCE, || {
        (get(&url, "/metrics").body.lines())
            .any(|line| {
                line.strip_prefix("bellwether_decoded_records_total{kind=\"observations\"} ")
                    .is_some_and(|n| n.parse::<f64>().is_ok_and(|n| n > 0.0))
            })
            .then_some(())
    });
    demo.interrupt();
    let finished = demo.wait(Duration::from_secs(10));
    assert_eq!(finished.code(), Some(0), "{finished:?}");
}
