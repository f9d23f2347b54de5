//! The verdict topic of a live monitor, on the broker in this process.

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use support::{PATIENCE, Site, labels, program, records, replay_files, traffic};

#[test]
fn verdicts_are_cloud_events_keyed_by_task() {
    let site = Site::new(&[("predictions", 1), ("labels", 1), ("verdicts", 2)]);
    let config = site.configure(
        "bellwether.toml",
        "model.ref",
        "verdicts_topic = \"verdicts\"\nverdicts_format = \"cloudevents\"",
    );
    let observed = traffic(400);
    let known = labels(&observed);
    site.topics().produce("predictions", &records(&observed, 1));
    site.topics().produce("labels", &records(&known, 1));
    let expected = replay_files(&site, &config, &observed, &known);
    let expected = String::from_utf8(expected).expect("JSON is UTF-8");
    let run = program(&["run", "--config", &config]);
    let _url = run.listening_url(PATIENCE);
    let count = expected.lines().count();
    let published = site.topics().consume("verdicts", count, PATIENCE);
    run.terminate();
    assert_eq!(run.wait(Duration::from_secs(30)).code(), Some(0));

    assert_eq!(published.len(), count);
    let (mut ids, mut lines) = (BTreeSet::new(), BTreeSet::new());
    for record in &published {
        let line: Value = serde_json::from_slice(&record.payload).expect("the value is the line");
        let task = line["task"].as_str();
        assert_eq!(
            record.key.as_deref(),
            Some(task.unwrap_or("__model__").as_bytes())
        );
        assert_eq!(record.header("ce_subject"), task);
        assert_eq!(record.header("ce_specversion"), Some("1.0"));
        assert_eq!(record.header("ce_type"), Some("io.bellwether.verdict.v1"));
        assert_eq!(record.header("ce_source"), Some("/bellwether/site"));
        assert_eq!(record.header("ce_time"), line["timestamp"].as_str());
        assert_eq!(record.header("ce_verdict"), line["verdict"].as_str());
        assert_eq!(record.header("content-type"), Some("application/json"));
        ids.insert(record.header("ce_id").expect("an identifier").to_owned());
        lines.insert(String::from_utf8(record.payload.clone()).expect("JSON is UTF-8"));
    }
    assert_eq!(ids.len(), count, "{ids:?}");
    assert_eq!(lines, expected.lines().map(str::to_owned).collect());
    assert!(
        published
            .iter()
            .any(|record| record.key.as_deref() == Some(b"__model__"))
    );
}
