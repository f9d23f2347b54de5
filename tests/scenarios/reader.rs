//! The timeline as a reader of it sees it: the verdict that stands at a time.

use serde_json::Value;
use std::collections::BTreeSet;

/// The keys of the contract, no more and no fewer.
const KEYS: [&str; 8] = [
    "confidence",
    "evidence",
    "shared_encoder",
    "since",
    "summary",
    "task",
    "timestamp",
    "verdict",
];
const VERDICTS: [&str; 6] = [
    "unknown",
    "healthy",
    "watch",
    "retrain",
    "continual_update",
    "new_task",
];

/// The lines of a timeline, each held against the contract.
pub(crate) fn parse(timeline: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(timeline).expect("a timeline is UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        let keys: BTreeSet<&str> = line
            .as_object()
            .expect("a line is an object")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, BTreeSet::from(KEYS), "{line}");
        let verdict = line["verdict"].as_str();
        assert!(verdict.is_none_or(|v| VERDICTS.contains(&v)), "{line}");
        assert!(line["task"].is_null() || line["task"].is_string(), "{line}");
        assert!(line["shared_encoder"].is_boolean(), "{line}");
        assert!(line["evidence"].is_object(), "{line}");
        let confidence = line["confidence"].as_f64().expect("a number");
        assert!((0.0..=1.0).contains(&confidence), "{line}");
        let summary = line["summary"].as_str().expect("a sentence");
        assert!(summary.ends_with('.'), "{line}");
        assert!(line["since"].as_str() <= line["timestamp"].as_str(), "{line}");
    }
    for pair in lines.windows(2) {
        // Of one width and in one zone, so that the order of the text is that of time.
        assert!(time(&pair[0]) <= time(&pair[1]), "{} then {}", pair[0], pair[1]);
    }
    lines
}

/// When a line was said: RFC 3339 in UTC with milliseconds.
pub(crate) fn time(line: &Value) -> &str {
    let text = line["timestamp"].as_str().expect("a time");
    assert!(text.len() == 24 && text.ends_with('Z'), "{line}");
    text
}

/// Lines of a task, or of the model.
pub(crate) fn of<'a>(
    lines: &'a [Value],
    task: Option<&'a str>,
) -> impl DoubleEndedIterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["task"].as_str() == task)
}
