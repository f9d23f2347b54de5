//! `bellwether dead-letters` beside a live monitor, on the broker in this process.

mod support;

use bellwether_tests::{Consumed, Message};
use serde_json::{Value, json};
use std::time::Duration;
use support::{PATIENCE, START_MS, Site, json_output, output, program, records, traffic};

const DEAD: &str = "dead_letter_topic = \"dead\"";
const GOOD: usize = 20;

fn site() -> Site {
    Site::new(&[("predictions", 2), ("labels", 1), ("dead", 1)])
}

/// Lets the monitor run until the dead-letter topic holds so many, and gives them.
fn run_until(site: &Site, config: &str, letters: usize) -> Vec<Consumed> {
    let run = program(&["run", "--config", config]);
    let _url = run.listening_url(PATIENCE);
    let found = site.topics().consume("dead", letters, PATIENCE);
    // Longer than the idle timeout: what was read is judged and committed.
    std::thread::sleep(Duration::from_secs(3));
    run.terminate();
    let finished = run.wait(Duration::from_secs(30));
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    assert_eq!(found.len(), letters, "{finished:?}");
    found
}

/// Good traffic with three records that are refused: cut off, of a task that is not known, a label without its label.
fn fill(site: &Site) {
    let good = traffic(GOOD);
    site.topics().produce("predictions", &records(&good, 2));
    let mut stranger = good[0].clone();
    stranger["task"] = json!("weather");
    stranger["event_id"] = json!("w1");
    let at = START_MS + 60_000 * 30;
    stranger["timestamp"] = json!(at);
    site.topics().produce(
        "predictions",
        &[
            Message::new("{\"event_id\": \"cut")
                .key("cut")
                .partition(0)
                .timestamp_ms(at),
            Message::new(stranger.to_string())
                .key("w1")
                .partition(1)
                .timestamp_ms(at)
                .header("trace", "t-1"),
        ],
    );
    let label = json!({"event_id": "e1", "timestamp": START_MS + 60_000}).to_string();
    site.topics()
        .produce("labels", &[Message::new(label).partition(0)]);
}

/// The record of a task that is not known, in a list.
fn stranger(list: &Value) -> &Value {
    let letters = list["dead_letters"].as_array().expect("a list");
    let mut strangers = letters.iter().filter(|letter| letter["reason"] == "unknown_task");
    strangers.next().expect("it was refused")
}

fn fates(document: &Value) -> Vec<(&str, &str)> {
    let letters = document["dead_letters"].as_array().expect("a list");
    let mut fates: Vec<(&str, &str)> = letters
        .iter()
        .map(|letter| {
            let text = |key: &str| letter[key].as_str().expect("a text");
            (text("reason"), text("fate"))
        })
        .collect();
    fates.sort_unstable();
    fates
}

#[test]
fn what_was_refused_is_listed_and_explained() {
    let site = site();
    let config = site.configure("bellwether.toml", "model.ref", DEAD);
    fill(&site);
    run_until(&site, &config, 3);

    let list = |more: &[&str]| json_output(&[&["dead-letters", "list", "--config", &config], more].concat());
    let all = list(&[]);
    assert_eq!(all["total"], 3);
    assert_eq!(
        all["by_reason"],
        json!({"malformed": 1, "missing_field": 1, "unknown_task": 1})
    );
    let stranger = stranger(&all);
    assert_eq!(
        (&stranger["task"], &stranger["event_id"]),
        (&json!("weather"), &json!("w1"))
    );
    assert_eq!(stranger["origin"], format!("predictions/1/{}", GOOD / 2));
    assert_eq!(
        list(&["--topic", "labels"])["by_reason"],
        json!({"missing_field": 1})
    );
    assert_eq!(list(&["--reason", "malformed"])["total"], 1);
    assert_eq!(list(&["--since", "2026-01-01T00:00:00Z"])["total"], 3);
    assert_eq!(list(&["--since", "2999-01-01T00:00:00Z"])["total"], 0);
    let one = list(&["--limit", "1"]);
    assert_eq!(
        (&one["total"], one["dead_letters"].as_array().map(Vec::len)),
        (&json!(3), Some(1))
    );
    let table = output(&["dead-letters", "list", "--config", &config]);
    assert!(
        table.contains("weather") && table.contains("3 dead letters in dead"),
        "{table}"
    );

    // With a reference that has the task it would be accepted.
    site.build("next.ref", &["mood", "topic", "weather"]);
    let next = site.configure("next.toml", "next.ref", DEAD);
    let place = stranger["place"].as_str().expect("a place");
    let explain = |config: &str| json_output(&["dead-letters", "explain", "--config", config, place]);
    let now = explain(&config);
    assert_eq!(
        (&now["now"]["outcome"], &now["now"]["reason"]),
        (&json!("refused"), &json!("unknown_task"))
    );
    assert!(
        now["headers"].to_string().contains("t-1") && now["value"].is_null(),
        "{now}"
    );
    assert_eq!(explain(&next)["now"], json!({"outcome": "accepted", "rows": 1}));
    let story = output(&[
        "dead-letters",
        "explain",
        "--config",
        &next,
        "--show-value",
        place,
    ]);
    assert!(
        story.contains("it would be accepted now") && story.contains("\"event_id\":\"w1\""),
        "{story}"
    );
}

#[test]
fn what_can_be_used_now_is_sent_again_as_it_was_and_nothing_is_committed() {
    let site = site();
    let config = site.configure("bellwether.toml", "model.ref", DEAD);
    fill(&site);
    run_until(&site, &config, 3);
    let committed = || {
        let topics = site.topics();
        ["predictions", "labels", "dead"].map(|topic| topics.committed("site", topic))
    };
    let before = committed();
    assert!(!before[0].is_empty(), "the monitor has committed");
    site.build("next.ref", &["mood", "topic", "weather"]);
    let next = site.configure("next.toml", "next.ref", DEAD);
    let all = json_output(&["dead-letters", "list", "--config", &next]);
    let place = stranger(&all)["place"].as_str().expect("a place");
    let resubmit = |config: &str, more: &[&str]| {
        json_output(&[&["dead-letters", "resubmit", "--config", config], more].concat())
    };
    let dry = resubmit(&next, &["--only-accepted"]);
    assert_eq!(
        fates(&dry),
        [
            ("malformed", "not_accepted"),
            ("missing_field", "not_accepted"),
            ("unknown_task", "would_send")
        ]
    );
    let stored = || {
        site.topics()
            .consume("predictions", GOOD + 4, Duration::from_secs(2))
    };
    assert_eq!(stored().len(), GOOD + 2, "a dry run writes nothing");
    assert_eq!(committed(), before, "nothing is committed");

    let done = resubmit(&next, &["--only-accepted", "--yes"]);
    assert_eq!(done["counts"]["sent"], 1);
    let stored = stored();
    assert_eq!(stored.len(), GOOD + 3);
    let sent = stored
        .iter()
        .find(|record| record.header("bellwether-resubmitted").is_some())
        .expect("it is marked");
    let original = stored
        .iter()
        .find(|record| record.header("trace").is_some())
        .expect("the original");
    assert_eq!(
        (sent.partition, &sent.key, &sent.payload),
        (1, &original.key, &original.payload)
    );
    assert_eq!(
        (sent.timestamp_ms, sent.header("trace")),
        (original.timestamp_ms, Some("t-1"))
    );
    assert_eq!(sent.header("bellwether-resubmitted"), Some("1"));
    assert_eq!(sent.header("bellwether-resubmitted-from"), Some(place));
    assert_eq!(sent.header("bellwether-reason"), None);

    // The monitor takes it: no further dead letter.
    assert_eq!(run_until(&site, &next, 3).len(), 3);
    assert_eq!(site.topics().consume("dead", 4, Duration::from_secs(2)).len(), 3);
}

#[test]
fn what_is_refused_again_is_told_and_not_sent_in_a_loop() {
    let site = site();
    let config = site.configure("bellwether.toml", "model.ref", DEAD);
    fill(&site);
    run_until(&site, &config, 3);
    let resubmit = |more: &[&str]| {
        let base = [
            "dead-letters",
            "resubmit",
            "--config",
            &config,
            "--reason",
            "malformed",
            "--yes",
        ];
        json_output(&[&base, more].concat())
    };
    assert_eq!(fates(&resubmit(&[])), [("malformed", "sent")]);
    let letters = run_until(&site, &config, 4);
    let again = letters.last().expect("four");
    assert_eq!(again.header("bellwether-resubmitted"), Some("1"));
    assert_eq!(again.payload, b"{\"event_id\": \"cut");
    // One was sent from here and came back as the other, which was sent before.
    assert_eq!(
        fates(&resubmit(&[])),
        [("malformed", "refused_again"), ("malformed", "sent_before")]
    );
    assert_eq!(
        fates(&resubmit(&["--again"])),
        [("malformed", "refused_again"), ("malformed", "sent")]
    );
    let stored = site
        .topics()
        .consume("predictions", GOOD + 9, Duration::from_secs(2));
    let counts: Vec<_> = stored
        .iter()
        .filter_map(|record| record.header("bellwether-resubmitted"))
        .collect();
    assert_eq!(counts, ["1", "2"]);
}

#[test]
fn what_is_missing_is_said() {
    let site = site();
    let without = site.configure("without.toml", "model.ref", "");
    let config = site.configure("bellwether.toml", "model.ref", DEAD);
    for (arguments, code, said) in [
        (
            &["list", "--config", &without][..],
            2,
            "names no dead-letter topic",
        ),
        (
            &["list", "--config", &config, "--reason", "malform"],
            2,
            "is no reason",
        ),
        (
            &["list", "--config", &config, "--since", "yesterday"],
            2,
            "2026-03-14T15:00:00Z",
        ),
        (&["explain", "--config", &config, "17"], 2, "names no dead letter"),
        (
            &["explain", "--config", &config, "0/17"],
            1,
            "there is no record at dead/0/17",
        ),
        (&["explain", "--config", &config, "9/17"], 1, "has no partition 9"),
    ] {
        let finished = program(&[&["dead-letters"], arguments].concat()).wait(PATIENCE);
        assert_eq!(finished.code(), Some(code), "{finished:?}");
        assert!(finished.stderr.contains(said), "{said}: {finished:?}");
    }
    let none = output(&["dead-letters", "list", "--config", &config]);
    assert_eq!(none.trim(), "no dead letters in dead");
    let none = output(&["dead-letters", "resubmit", "--config", &config]);
    assert_eq!(none.trim(), "nothing to send");
}
