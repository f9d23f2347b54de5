use super::*;
use bellwether_ingest::StoredRecord;

fn letter(payload: &[u8], headers: &[(&str, &str)]) -> DeadLetter {
    DeadLetter::new(StoredRecord {
        place: "dead/0/7".parse().expect("a place"),
        timestamp_ms: Some(1_000),
        key: None,
        payload: payload.to_vec(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
    })
}

fn named(task: Option<&str>, event_id: Option<&str>) -> Identity {
    Identity {
        task: task.map(str::to_owned),
        event_id: event_id.map(str::to_owned),
    }
}

#[test]
fn a_record_is_named_where_its_bytes_or_headers_tell() {
    for (payload, headers, expected) in [
        (
            &br#"{"task": "mood", "event_id": "e1"}"#[..],
            &[][..],
            named(Some("mood"), Some("e1")),
        ),
        (
            br#"[{"task": "mood", "event_id": "e1"}, {"task": "b", "event_id": "e2"}]"#,
            &[],
            named(Some("mood"), Some("e1")),
        ),
        (
            b"{\"event_id\": \"e1\"}\n{\"event_id\": \"e2\"}\n",
            &[],
            named(None, Some("e1")),
        ),
        (
            b"{}",
            &[("ce_id", "c"), ("ce_inferenceservicename", "mood")],
            named(Some("mood"), Some("c")),
        ),
        (b"{\"event_id\": \"cut", &[], named(None, None)),
        (b"", &[], named(None, None)),
        (br#"{"task": 3, "event_id": null}"#, &[], named(None, None)),
    ] {
        assert_eq!(identity(&letter(payload, headers)), expected, "{payload:?}");
    }
}

#[test]
fn a_selection_takes_what_all_its_parts_take() {
    let of = |reason: Option<&str>, topic: Option<&str>, since| Selection {
        reason: reason.map(str::to_owned),
        topic: topic.map(str::to_owned),
        since,
    };
    let letter = letter(
        b"",
        &[
            ("bellwether-reason", "malformed"),
            ("bellwether-topic", "labels"),
            ("bellwether-partition", "0"),
            ("bellwether-offset", "1"),
        ],
    );
    assert!(of(None, None, None).takes(&letter));
    assert!(of(Some("malformed"), Some("labels"), Some(1_000)).takes(&letter));
    assert!(!of(Some("schema"), None, None).takes(&letter));
    assert!(!of(None, Some("predictions"), None).takes(&letter));
    assert!(!of(None, None, Some(1_001)).takes(&letter));
    let unknown = of(Some("malform"), None, None)
        .check()
        .expect_err("no such reason");
    assert_eq!(unknown.exit_code(), 2);
    assert!(
        unknown.report().contains("malformed, missing_field"),
        "{unknown:?}"
    );
}
