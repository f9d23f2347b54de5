//! Whole records as one input, written so that people and mutations can change a part of them.
//!
//! ```text
//! content-type: application/json
//! :key: 17
//! :timestamp: 1773500400000
//!
//! {"the": "payload"}
//! ```
//!
//! Lines `name: value` up to an empty line, and the payload behind it; the names `:key` and `:timestamp` are not headers, but
//! the record's own. Several records are separated by a line of three dashes.

use bellwether_payloads::{Position, Record};

const SEPARATOR: &[u8] = b"\n---\n";

/// A record, borrowed from its input.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its Kafka timestamp.
    pub timestamp_ms: Option<i64>,
    /// Its headers.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// Its value.
    pub payload: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Reads one record. Lines that are no headers are left out.
    #[must_use]
    pub fn of(input: &'a [u8]) -> Self {
        let mut parts = Self::default();
        let mut rest = input;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = header(line) else {
                continue;
            };
            match name {
                ":key" => parts.key = Some(value),
                ":timestamp" => parts.timestamp_ms = text(value).and_then(|text| text.parse().ok()),
                name => parts.headers.push((name, value)),
            }
        }
        parts.payload = rest;
        parts
    }

    /// The record, at this offset of its partition.
    #[must_use]
    pub fn record(&'a self, offset: i64) -> Record<'a> {
        Record {
            topic: "topic",
            position: Position { partition: 0, offset },
            key: self.key,
            headers: &self.headers,
            timestamp_ms: self.timestamp_ms,
            payload: self.payload,
        }
    }
}

fn header(line: &[u8]) -> Option<(&str, &[u8])> {
    // From the second byte, so that a name may start with a colon.
    let colon = 1 + line.get(1..)?.windows(2).position(|pair| pair == b": ")?;
    Some((text(&line[..colon])?, &line[colon + 2..]))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The parts of an input between separators; at least one.
#[must_use]
pub fn split(input: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = input;
    while let Some(at) = rest
        .windows(SEPARATOR.len())
        .position(|window| window == SEPARATOR)
    {
        parts.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    parts.push(rest);
    parts
}

/// The input that holds these parts.
#[must_use]
pub fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.join(SEPARATOR)
}
