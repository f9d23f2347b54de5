//! The forms in which receivers understand a notice.

mod alertmanager;
mod cards;
mod cloudevents;
mod jira;
mod pagerduty;
mod template;

pub use cloudevents::event_source;
pub use template::{Template, TemplateError};

use crate::incident::{Incident, Severity};
use crate::policy::{Item, Notice};
use crate::settings::{AlertsConfig, Grouping, Receiver, Timing};
use crate::sign;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Display;
use std::time::Duration;

/// What a receiver understands.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Alertmanager's webhook body, version 4, signed by Standard Webhooks.
    Webhook,
    /// The same as the data of a CloudEvent in structured mode.
    CloudEvents,
    /// Alerts pushed to an Alertmanager's API, version 2.
    Alertmanager,
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams that posts an adaptive card.
    Teams,
    /// `PagerDuty`'s Events API, version 2.
    PagerDuty,
    /// Alerts of Jira Service Management, the API that was Opsgenie's.
    Jira,
    /// A body made by a template of the owner's.
    Template(Template),
}

impl Format {
    /// Whether it is told one incident at a time.
    #[must_use]
    pub fn is_one_at_a_time(&self) -> bool {
        matches!(self, Self::PagerDuty | Self::Jira)
    }

    pub(crate) fn grouping(&self) -> Grouping {
        if self.is_one_at_a_time() {
            Grouping::Incident
        } else {
            Grouping::Model
        }
    }

    /// Whether it understands that somebody takes care of an incident.
    pub(crate) fn tells_acknowledgements(&self) -> bool {
        self.is_one_at_a_time()
    }

    /// When it is told, by default. An Alertmanager groups and repeats by itself, and forgets what is not pushed again and again.
    pub(crate) fn timing(&self) -> Timing {
        match self {
            Self::Alertmanager => Timing {
                group_wait: Duration::ZERO,
                group_interval: Duration::ZERO,
                repeat_interval: Some(alertmanager::PUSH_EVERY),
            },
            // What these repeat by themselves until somebody takes care need not be repeated to them.
            Self::PagerDuty | Self::Jira => Timing {
                repeat_interval: None,
                ..Timing::default()
            },
            _ => Timing::default(),
        }
    }

    /// Shortest time between two requests that the service takes.
    pub(crate) fn spacing(&self) -> Duration {
        match self {
            Self::Slack | Self::Teams => Duration::from_secs(1),
            _ => Duration::ZERO,
        }
    }
}

/// A request that is ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// What follows the receiver's address.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    fn json(body: &serde_json::Value) -> Self {
        Self {
            path: String::new(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// What a renderer needs beside the notice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) config: &'a AlertsConfig,
    pub(crate) receiver: &'a Receiver,
    /// The time of this attempt, in milliseconds since the epoch.
    pub(crate) now_ms: i64,
}

/// The request by which a receiver is told, for this attempt.
pub(crate) fn request(context: Context<'_>, notice: &Notice) -> Result<Request, TemplateError> {
    let receiver = context.receiver;
    let bearer = |request: Request| match &receiver.token {
        Some(token) => request.with("authorization", format!("Bearer {}", token.reveal())),
        None => request,
    };
    let signed = |request: Request| {
        let headers = sign::headers(
            &receiver.keys,
            &notice.id,
            context.now_ms.div_euclid(1000),
            &request.body,
        );
        headers
            .into_iter()
            .fold(bearer(request), |request, (name, value)| {
                request.with(name, value)
            })
    };
    let mut request = match &receiver.format {
        Format::Webhook => signed(Request::json(&alertmanager::body(context, notice))),
        Format::CloudEvents => signed(cloudevents::request(context, notice)),
        Format::Alertmanager => bearer(alertmanager::push(context, notice)),
        Format::Slack => bearer(Request::json(&cards::slack(context, notice))),
        Format::Teams => bearer(Request::json(&cards::teams(context, notice))),
        Format::PagerDuty => Request::json(&pagerduty::event(context, notice)),
        Format::Jira => jira::request(context, notice),
        Format::Template(template) => signed(template.request(&alertmanager::body(context, notice))?),
    };
    for (name, value) in &receiver.headers {
        request = request.with(&name.to_ascii_lowercase(), value.reveal());
    }
    Ok(request)
}

/// The page of the incident's task, or of the fleet.
fn link(config: &AlertsConfig, incident: &Incident) -> Option<String> {
    let base = config.external_url.as_deref()?.trim_end_matches('/');
    Some(match incident.cause.task() {
        Some(task) => format!("{base}/#/task/{}", encoded(task)),
        None => format!("{base}/"),
    })
}

fn runbook(config: &AlertsConfig, incident: &Incident) -> Option<String> {
    let base = config.runbook_url.as_deref()?.trim_end_matches('/');
    Some(format!("{base}/{}", incident.call.runbook()))
}

/// What a part of an address holds as it is: the unreserved characters of RFC 3986.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A text as a part of an address.
fn encoded(text: &str) -> impl Display {
    utf8_percent_encode(text, PLAIN)
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// What a person reads first of a notice with several incidents.
fn headline(notice: &Notice) -> String {
    let standing = notice.items.iter().filter(|item| item.firing).count();
    match (notice.items.as_slice(), standing) {
        ([only], _) => title(only),
        (_, 0) => format!("{} incidents are over", notice.items.len()),
        (items, _) if standing == items.len() => format!("{standing} incidents stand"),
        (items, _) => format!("{standing} incidents stand, {} are over", items.len() - standing),
    }
}

/// One sentence. What only became less urgent than the receiver wants to hear of is over for it.
fn title(item: &Item) -> String {
    if !item.firing && item.incident.is_firing() {
        return format!("No longer urgent: {}", item.incident.title());
    }
    item.incident.title()
}

/// What a notice says of one incident beside its title: text by name.
fn facts(config: &AlertsConfig, item: &Item) -> Vec<(&'static str, String)> {
    let incident = &item.incident;
    let tasks: Vec<&str> = incident.tasks.iter().map(String::as_str).collect();
    let mut facts = vec![
        ("Verdict", incident.call.to_string()),
        ("Severity", incident.severity().to_string()),
        ("Tasks", cut(&tasks.join(", "), 300)),
        ("Since", incident.said.since.clone()),
        ("Confidence", format!("{:.2}", incident.said.confidence)),
        ("Monitor", config.source.clone()),
    ];
    facts.retain(|(_, text)| !text.is_empty());
    if let Some(by) = &item.acknowledged_by {
        facts.push(("Taken care of by", by.clone()));
    }
    facts
}

fn emoji(item: &Item) -> &'static str {
    match (item.firing, item.incident.severity()) {
        (false, _) => "✅",
        (true, Severity::Critical) => "🔴",
        (true, Severity::Warning) => "🟠",
        (true, Severity::Info) => "🔵",
    }
}

#[cfg(test)]
mod tests;
