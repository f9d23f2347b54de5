//! CloudEvents 1.0, structured mode: everything in one object, so that what is signed is all of it.

use super::{Context, Request, alertmanager};
use crate::policy::Notice;
use jiff::Timestamp;
use serde_json::json;

/// A change that old readers cannot read gets another number.
const TYPE: &str = "io.bellwether.alert.v1";

/// The monitor of this name as the source of a `CloudEvent`: a relative reference, which instances of one monitor share.
#[must_use]
pub fn event_source(monitor: &str) -> String {
    format!("/bellwether/{}", super::encoded(monitor))
}

pub(super) fn request(context: Context<'_>, notice: &Notice) -> Request {
    let data = alertmanager::body(context, notice);
    // The newest event time there is: an event is the same for each attempt.
    let time = notice
        .items
        .iter()
        .map(|item| item.incident.changed.as_str())
        .max();
    let time = time.map_or_else(|| Timestamp::UNIX_EPOCH.to_string(), str::to_owned);
    let subject = match notice.items.as_slice() {
        [only] => only.incident.cause.task().unwrap_or("__model__"),
        _ => "__model__",
    };
    let event = json!({
        "specversion": "1.0",
        "id": notice.id,
        "source": event_source(&context.config.source),
        "type": TYPE,
        "time": time,
        "subject": subject,
        "datacontenttype": "application/json",
        "data": data,
    });
    let mut request = Request::json(&event);
    "application/cloudevents+json; charset=UTF-8".clone_into(&mut request.headers[0].1);
    request
}
