//! One CloudEvent of the logger, in binary or structured mode.

use super::{EVENT_TYPE_PREFIX, invalid};
use crate::record::Record;
use crate::value::Value;
use crate::vector;
use bellwether_events::raw::{quote, time_ms};
use bellwether_events::{Fault, RejectReason};

/// What the logger writes instead of what must not be seen.
const REDACTED: &str = "__REDACTED__";

/// Which half of a call an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Request,
    Response,
}

impl Half {
    pub(super) fn other_name(self) -> &'static str {
        match self {
            Self::Request => "response",
            Self::Response => "request",
        }
    }
}

/// An event, read.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) half: Half,
    pub(super) id: String,
    /// Its own time, or the record's.
    pub(super) time_ms: i64,
    /// Attributes by their names without prefix, as text.
    pub(super) attributes: Vec<(String, Value)>,
    pub(super) body: Value,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// A [`Fault`] when it is no CloudEvent of the logger, or its body is no JSON.
    pub(super) fn read(record: &Record<'_>) -> Result<Self, Fault> {
        let (mut attributes, mut body) = if record.content_type() == Some("application/cloudevents+json") {
            structured(record.payload)?
        } else {
            (binary(record), json("body", record.payload)?)
        };
        redact(&mut body);
        for (_, value) in &mut attributes {
            redact(value);
        }
        let attribute = |name: &str| {
            let found = attributes.iter().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.as_str())
        };
        let missing = |name: &str| {
            Fault::new(
                RejectReason::MissingField,
                format!(
                    "the CloudEvents attribute `{name}` is missing; send the header `ce_{name}`, or `content-type: \
                     application/cloudevents+json` with the attribute in the event"
                ),
            )
        };
        let version = attribute("specversion").ok_or_else(|| missing("specversion"))?;
        if version.split('.').next() != Some("1") {
            return Err(invalid(format!(
                "the event is of version {} of CloudEvents, and version 1.0 is read",
                quote(version)
            )));
        }
        let kind = attribute("type").ok_or_else(|| missing("type"))?;
        let half = match kind.strip_prefix(EVENT_TYPE_PREFIX) {
            Some("request") => Half::Request,
            Some("response") => Half::Response,
            _ => {
                return Err(invalid(format!(
                    "the event is of type {}, and {EVENT_TYPE_PREFIX}request and {EVENT_TYPE_PREFIX}response are read",
                    quote(kind)
                )));
            }
        };
        let id = attribute("id")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| missing("id"))?
            .to_owned();
        let time = match attribute("time") {
            Some(text) => Some(time_ms(text).ok_or_else(|| {
                invalid(
                    "the CloudEvents attribute `time` must be RFC 3339 with an offset (2026-03-14T15:00:00Z)"
                        .to_owned(),
                )
            })?),
            None => record.timestamp_ms,
        };
        let time_ms = time.ok_or_else(|| missing("time"))?;
        Ok(Self {
            half,
            id,
            time_ms,
            attributes,
            body,
        })
    }

    /// What both halves of a call have in common. A transformer and a predictor of one service may both log a call, under one
    /// identifier.
    pub(super) fn call(&self) -> String {
        let mut call = self.id.clone();
        for name in ["namespace", "inferenceservicename", "component"] {
            let found = self.attributes.iter().find(|(key, _)| key == name);
            call.push('\0');
            call.push_str(found.and_then(|(_, value)| value.as_str()).unwrap_or_default());
        }
        call
    }
}

/// The attributes of an event whose body is the record's value.
fn binary(record: &Record<'_>) -> Vec<(String, Value)> {
    let attribute = |(name, value): &(&str, &[u8])| {
        let name = name
            .strip_prefix("ce_")
            .or_else(|| name.strip_prefix("CE_"))
            .or_else(|| name.strip_prefix("ce-"))?;
        let text = std::str::from_utf8(value).ok()?;
        Some((name.to_ascii_lowercase(), Value::Text(text.to_owned())))
    };
    record.headers.iter().filter_map(attribute).collect()
}

/// The attributes and the body of an event that is one JSON object.
fn structured(payload: &[u8]) -> Result<(Vec<(String, Value)>, Value), Fault> {
    let Value::Map(entries) = json("event", payload)? else {
        return Err(malformed("the event must be a JSON object".to_owned()));
    };
    let mut attributes = Vec::with_capacity(entries.len());
    let mut body = None;
    for (name, value) in entries {
        match (name.as_str(), value) {
            ("data", Value::Text(text)) => body = Some(json("data", text.as_bytes())?),
            ("data", value) => body = Some(value),
            ("data_base64", Value::Text(text)) => {
                let bytes = vector::base64(&text)
                    .ok_or_else(|| malformed("`data_base64` is not base64".to_owned()))?;
                body = Some(json("data_base64", &bytes)?);
            }
            (_, value @ Value::Text(_)) => attributes.push((name, value)),
            (_, Value::Int(number)) => attributes.push((name, Value::Text(number.to_string()))),
            (_, Value::Bool(flag)) => attributes.push((name, Value::Text(flag.to_string()))),
            _ => {}
        }
    }
    let body = body.ok_or_else(|| {
        Fault::new(
            RejectReason::MissingField,
            "the event has neither `data` nor `data_base64`; send the body of the call in one of them",
        )
    })?;
    Ok((attributes, body))
}

fn json(what: &str, bytes: &[u8]) -> Result<Value, Fault> {
    Value::from_json(bytes).map_err(|error| {
        malformed(format!(
            "the {what} of the event is not JSON: {error}; only JSON bodies of the V1 and Open Inference protocols are read"
        ))
    })
}

fn malformed(detail: String) -> Fault {
    Fault::new(RejectReason::Malformed, detail)
}

/// Turns what was redacted into nothing. Depth is bounded where the value was read.
fn redact(value: &mut Value) {
    match value {
        Value::Text(text) if text == REDACTED => *value = Value::Null,
        Value::List(items) => items.iter_mut().for_each(redact),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| redact(value)),
        _ => {}
    }
}
