//! `bellwether dead-letters explain`.

use super::advice::advice;
use super::decoding::{Decoding, Outcome};
use super::{configured, failed, identity, text, time};
use crate::cli::{ExplainArgs, Output};
use crate::failure::Failure;
use crate::report;
use bellwether_ingest::{DeadLetter, Place, RangeReader};
use serde_json::json;
use std::fmt::Write;

/// Bytes of a value that are shown.
const SHOWN_BYTES: usize = 4096;

pub(crate) fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let (config, topic) = configured(&args.config)?;
    let place = place(&args.place, &topic)?;
    let found = RangeReader::record(&config.kafka, &place).map_err(|error| failed(&topic, &error))?;
    let letter = found.map(DeadLetter::new);
    let letter = letter.ok_or_else(|| {
        Failure::at_work(format!("there is no record at {place}"))
            .fix("take a place that `bellwether dead-letters list` prints; the topic's retention may have removed it")
    })?;
    let outcome = match Decoding::new(&config) {
        Ok(mut decoding) => decoding.outcome(&letter),
        Err(failure) => Outcome::Unknown(failure.cause()),
    };
    match args.output {
        Output::Json => report::result(&document(&letter, &outcome, args.show_value)),
        Output::Text => report::result(&story(&letter, &outcome, args.show_value)),
    }
    Ok(())
}

fn place(written: &str, topic: &str) -> Result<Place, Failure> {
    let full = match written.matches('/').count() {
        1 => format!("{topic}/{written}"),
        _ => written.to_owned(),
    };
    let place: Place = full.parse().map_err(|error| {
        Failure::usage(format!("`{written}` names no dead letter"))
            .because(&error)
            .fix("write PARTITION/OFFSET as `bellwether dead-letters list` prints it, such as 0/17")
    })?;
    if place.topic == topic {
        Ok(place)
    } else {
        Err(
            Failure::usage(format!("{} is not the configured dead-letter topic", place.topic))
                .fix(format!("write {topic}/{}/{}", place.partition, place.offset)),
        )
    }
}

fn document(letter: &DeadLetter, outcome: &Outcome, show_value: bool) -> String {
    let identity = identity(letter);
    let headers: Vec<_> = letter
        .all_headers
        .iter()
        .map(|(name, value)| json!({"name": name, "value": shown(value)}))
        .collect();
    let mut document = json!({
        "place": letter.place.to_string(),
        "written": time(letter.written_ms),
        "reason": letter.reason,
        "detail": letter.detail,
        "advice": advice(&letter.reason),
        "origin": text(letter.origin.as_ref()),
        "record_time": time(letter.timestamp_ms),
        "task": identity.task,
        "event_id": identity.event_id,
        "key": letter.key.as_deref().map(shown),
        "bytes": letter.payload.len(),
        "headers": headers,
        "resubmissions": letter.resubmissions,
        "resubmitted_from": text(letter.resubmitted_from.as_ref()),
        "now": outcome.to_json(),
    });
    if show_value {
        document["value"] = json!(value(letter));
    }
    document.to_string()
}

fn story(letter: &DeadLetter, outcome: &Outcome, show_value: bool) -> String {
    let identity = identity(letter);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut out = String::new();
    for (name, value) in [
        ("dead letter", letter.place.to_string()),
        ("written", or_dash(time(letter.written_ms))),
        ("came from", or_dash(text(letter.origin.as_ref()))),
        ("record time", or_dash(time(letter.timestamp_ms))),
        ("task", or_dash(identity.task)),
        ("event", or_dash(identity.event_id)),
        ("key", or_dash(letter.key.as_deref().map(shown))),
        ("bytes", letter.payload.len().to_string()),
        ("reason", letter.reason.clone()),
        ("what", letter.detail.clone()),
        ("to do", advice(&letter.reason).to_owned()),
        ("now", outcome.sentence()),
    ] {
        let _infallible = writeln!(out, "{name:<12} {value}");
    }
    if let Some(from) = &letter.resubmitted_from {
        let _infallible = writeln!(
            out,
            "{:<12} {} times, last from {from}",
            "sent again", letter.resubmissions
        );
    }
    out.push_str("headers\n");
    for (name, value) in &letter.all_headers {
        let _infallible = writeln!(out, "  {name}: {}", shown(value));
    }
    if show_value {
        let _infallible = writeln!(out, "value\n{}", value(letter));
    }
    out.trim_end().to_owned()
}

fn value(letter: &DeadLetter) -> String {
    shown(&letter.payload[..letter.payload.len().min(SHOWN_BYTES)])
}

/// Text as it is; other bytes in hexadecimal, after `hex:`.
fn shown(bytes: &[u8]) -> String {
    // A character that the bound cut in two is no reason for hexadecimal.
    let cut_in_two =
        |error: std::str::Utf8Error| (error.error_len().is_none()).then(|| &bytes[..error.valid_up_to()]);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => cut_in_two(error).and_then(|whole| std::str::from_utf8(whole).ok()),
    };
    let text = text.filter(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()));
    text.map_or_else(
        || {
            let mut out = "hex:".to_owned();
            for byte in bytes {
                let _infallible = write!(out, "{byte:02x}");
            }
            out
        },
        str::to_owned,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_text_where_they_are_text() {
        assert_eq!(shown("grün\n".as_bytes()), "grün\n");
        assert_eq!(shown(&"ü".as_bytes()[..1]), "");
        assert_eq!(shown(&[0xff, 0]), "hex:ff00");
        assert_eq!(shown(b"\x1b[31m"), "hex:1b5b33316d");
    }

    #[test]
    fn a_place_is_in_the_dead_letter_topic_or_wrong() {
        let of = |written| place(written, "dead");
        assert_eq!(of("0/17").expect("a place").to_string(), "dead/0/17");
        assert_eq!(of("dead/0/17").expect("a place").to_string(), "dead/0/17");
        for wrong in ["17", "predictions/0/17", "x/y", ""] {
            assert_eq!(of(wrong).expect_err("no place").exit_code(), 2, "{wrong}");
        }
    }
}
