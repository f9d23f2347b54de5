//! `PagerDuty`'s Events API, version 2: one event an incident, with its key from the first to the last.

use super::{Context, cut, link, runbook, title};
use crate::incident::Severity;
use crate::policy::Notice;
use serde_json::{Value, json};

/// Characters of a summary that `PagerDuty` takes.
const SUMMARY: usize = 1024;
/// Bytes of a line of the timeline that are sent along: `PagerDuty` takes 512 kB in all.
const MOST_RECORD_BYTES: usize = 256 << 10;

pub(super) fn event(context: Context<'_>, notice: &Notice) -> Value {
    let config = context.config;
    let key = context.receiver.token.as_ref().map_or("", |token| token.reveal());
    let Some(item) = notice.items.first() else {
        return Value::Null;
    };
    let incident = &item.incident;
    let action = if !item.firing {
        "resolve"
    } else if item.is_acknowledgement {
        "acknowledge"
    } else {
        "trigger"
    };
    let severity = match incident.severity() {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let record = Some(&incident.said.line).filter(|line| line.len() <= MOST_RECORD_BYTES);
    let record: Value = record
        .and_then(|line| serde_json::from_str(line).ok())
        .unwrap_or(Value::Null);
    let links = [
        ("Page", link(config, incident)),
        ("Runbook", runbook(config, incident)),
    ];
    let links: Vec<Value> = links
        .into_iter()
        .filter_map(|(text, href)| Some(json!({"href": href?, "text": text})))
        .collect();
    json!({
        "routing_key": key,
        "event_action": action,
        "dedup_key": incident.key,
        "client": "Bellwether",
        "client_url": link(config, incident),
        "links": links,
        "payload": {
            "summary": cut(&format!("{}. {}", title(item), incident.said.summary), SUMMARY),
            "source": config.source,
            "severity": severity,
            "timestamp": incident.changed,
            "component": incident.cause.task().unwrap_or("model"),
            "group": config.source,
            "class": incident.call.as_str(),
            "custom_details": {
                "tasks": incident.tasks,
                "since": incident.said.since,
                "confidence": incident.said.confidence,
                "revision": incident.revision,
                "record": record,
            },
        },
    })
}
