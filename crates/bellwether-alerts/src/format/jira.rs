//! Alerts of Jira Service Management, by the API that was Opsgenie's: created and closed by the incident's key as alias.

use super::{Context, Request, cut, encoded, link, runbook, title};
use crate::incident::Severity;
use crate::policy::Notice;
use serde_json::{Value, json};

/// Characters of each part that the service takes.
const MESSAGE: usize = 130;
const DESCRIPTION: usize = 15_000;
const NOTE: usize = 25_000;

pub(super) fn request(context: Context<'_>, notice: &Notice) -> Request {
    let config = context.config;
    let Some(item) = notice.items.first() else {
        return Request::json(&Value::Null);
    };
    let incident = &item.incident;
    let alias = encoded(&incident.key);
    let note = |path: &str| {
        let body = json!({
            "user": "Bellwether", "source": config.source,
            "note": cut(&format!("{}. {}", title(item), incident.said.summary), NOTE),
        });
        let mut request = Request::json(&body);
        request.path = format!("/v2/alerts/{alias}/{path}?identifierType=alias");
        request
    };
    let request = if !item.firing {
        note("close")
    } else if item.is_acknowledgement {
        note("acknowledge")
    } else {
        let priority = match incident.severity() {
            Severity::Critical => "P1",
            Severity::Warning => "P3",
            Severity::Info => "P5",
        };
        let mut description = incident.said.summary.clone();
        for url in [link(config, incident), runbook(config, incident)]
            .into_iter()
            .flatten()
        {
            description.push('\n');
            description.push_str(&url);
        }
        let mut request = Request::json(&json!({
            "message": cut(&title(item), MESSAGE),
            "alias": incident.key,
            "description": cut(&description, DESCRIPTION),
            "entity": incident.cause.task().unwrap_or("model"),
            "source": config.source,
            "priority": priority,
            "tags": ["bellwether", incident.call.as_str()],
            "details": {
                "tasks": cut(&incident.tasks.iter().map(String::as_str).collect::<Vec<_>>().join(", "), 1000),
                "since": incident.said.since,
                "confidence": incident.said.confidence.to_string(),
                "verdict": incident.call.as_str(),
            },
        }));
        "/v2/alerts".clone_into(&mut request.path);
        request
    };
    let key = context.receiver.token.as_ref().map_or("", |token| token.reveal());
    request.with("authorization", format!("GenieKey {key}"))
}
