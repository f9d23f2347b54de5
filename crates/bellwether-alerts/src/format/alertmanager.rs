//! Alertmanager's own forms: the body of its webhooks, version 4, and what its API, version 2, is pushed.

use super::{Context, Request, link, runbook, title};
use crate::incident::Call;
use crate::policy::{Item, Notice, Occasion};
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How often an Alertmanager is told what stands.
pub(super) const PUSH_EVERY: Duration = Duration::from_secs(60);
/// After so many minutes without, it takes an alert to be over: a push or two may be lost.
const VALID_MINUTES: i64 = 4;
/// What Alertmanager writes for an end that has not come.
const NOT_ENDED: &str = "0001-01-01T00:00:00Z";

fn labels(context: Context<'_>, item: &Item, call: Call) -> Map<String, Value> {
    let incident = &item.incident;
    let mut labels = Map::new();
    let mut put = |name: &str, value: &str| labels.insert(name.to_owned(), json!(value));
    put("alertname", call.alert_name());
    put("incident", &incident.key);
    put("monitor", &context.config.source);
    put("severity", call.severity().as_str());
    if let Some(task) = incident.cause.task() {
        put("task", task);
    }
    put("verdict", call.as_str());
    labels
}

fn annotations(context: Context<'_>, item: &Item) -> Map<String, Value> {
    let incident = &item.incident;
    let tasks: Vec<&str> = incident.tasks.iter().map(String::as_str).collect();
    let mut annotations = Map::new();
    let mut put = |name: &str, value: String| annotations.insert(name.to_owned(), Value::String(value));
    put("summary", title(item));
    put("description", incident.said.summary.clone());
    put("tasks", tasks.join(", "));
    put("since", incident.said.since.clone());
    put("confidence", incident.said.confidence.to_string());
    if let Some(url) = runbook(context.config, incident) {
        put("runbook_url", url);
    }
    if let Some(by) = &item.acknowledged_by {
        put("acknowledged_by", by.clone());
    }
    annotations
}

/// The body of a webhook. Beside what Alertmanager writes, each alert has the line of the timeline as its `record`, and the body the
/// notice's `id` and why it comes.
pub(super) fn body(context: Context<'_>, notice: &Notice) -> Value {
    let config = context.config;
    let alerts: Vec<Value> = notice
        .items
        .iter()
        .map(|item| {
            let incident = &item.incident;
            let record: Value = serde_json::from_str(&incident.said.line).unwrap_or(Value::Null);
            json!({
                "status": status(item.firing),
                "labels": labels(context, item, incident.call),
                "annotations": annotations(context, item),
                "startsAt": incident.opened,
                "endsAt": if item.firing { NOT_ENDED } else { &incident.changed },
                "generatorURL": link(config, incident).unwrap_or_default(),
                "fingerprint": incident.key,
                "revision": incident.revision,
                "record": record,
            })
        })
        .collect();
    let any_firing = notice.items.iter().any(|item| item.firing);
    let reason = match notice.occasion {
        Occasion::News => "news",
        Occasion::Repeat => "repeat",
        Occasion::Test => "test",
    };
    json!({
        "receiver": context.receiver.name,
        "status": status(any_firing),
        "commonLabels": common(&alerts, "labels"),
        "commonAnnotations": common(&alerts, "annotations"),
        "groupLabels": {"monitor": config.source},
        "groupKey": format!("{{}}:{{monitor={:?}}}/{}", config.source, notice.group),
        "externalURL": config.external_url.as_deref().unwrap_or_default(),
        "version": "4",
        "truncatedAlerts": 0,
        "id": notice.id,
        "reason": reason,
        "alerts": alerts,
    })
}

fn status(firing: bool) -> &'static str {
    if firing { "firing" } else { "resolved" }
}

/// What all alerts have alike.
fn common(alerts: &[Value], part: &str) -> Map<String, Value> {
    let mut parts = alerts.iter().filter_map(|alert| alert[part].as_object());
    let mut common = parts.next().cloned().unwrap_or_default();
    for other in parts {
        common.retain(|name, value| other.get(name) == Some(value));
    }
    common
}

/// A push to `/api/v2/alerts`. The severity and the verdict are labels, by which routes are chosen, so that an incident whose verdict
/// has changed is another alert there: the one before is ended.
pub(super) fn push(context: Context<'_>, notice: &Notice) -> Request {
    let now = Timestamp::from_millisecond(context.now_ms).unwrap_or(Timestamp::MAX);
    let valid_until = now.saturating_add(VALID_MINUTES.minutes()).unwrap_or(now);
    let mut alerts = Vec::new();
    for item in &notice.items {
        let incident = &item.incident;
        for call in &incident.called {
            let firing = item.firing && *call == incident.call;
            // Event time may be ahead of the clock, and an end before the beginning is refused.
            let starts: Timestamp = incident.opened.parse().unwrap_or(now);
            let ends = (if firing { valid_until } else { now }).max(starts);
            alerts.push(json!({
                "labels": labels(context, item, *call),
                "annotations": annotations(context, item),
                "startsAt": incident.opened,
                "endsAt": ends.to_string(),
                "generatorURL": link(context.config, incident).unwrap_or_default(),
            }));
        }
    }
    let mut request = Request::json(&Value::Array(alerts));
    "/api/v2/alerts".clone_into(&mut request.path);
    request
}
