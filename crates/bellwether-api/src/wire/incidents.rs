//! Incidents and silences.

use bellwether_alerts::{Acknowledgement, Cause, End, IncidentState, Silence};
use bellwether_monitor::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

/// What an incident asks for, for the description of the API.
#[derive(ToSchema)]
#[schema(as = Call, rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
pub(crate) enum CallName {
    Watch,
    Retrain,
    ContinualUpdate,
    NewTask,
    SharedEncoder,
    OtherEncoder,
}

/// Incidents, the newest change first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incidents)]
pub(crate) struct IncidentsView<'a> {
    incidents: Vec<IncidentView<'a>>,
}

impl<'a> IncidentsView<'a> {
    pub(crate) fn new(incidents: &'a [IncidentState]) -> Self {
        Self {
            incidents: incidents.iter().map(IncidentView::new).collect(),
        }
    }
}

/// One incident.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incident)]
pub(crate) struct IncidentView<'a> {
    /// The same from the first notice to the last.
    key: &'a str,
    /// `firing` or `resolved`.
    status: &'static str,
    /// `shared_encoder`, `other_encoder`, `new_task` or `task`.
    cause: &'static str,
    /// The task, where it is the business of one.
    task: Option<&'a str>,
    /// All tasks that it concerns.
    tasks: Vec<&'a str>,
    /// What it asks for now, or asked for last.
    #[schema(value_type = CallName)]
    verdict: &'static str,
    severity: &'static str,
    title: String,
    summary: &'a str,
    /// Number of its changes, from 1.
    revision: u32,
    /// Event times.
    opened: &'a str,
    changed: &'a str,
    since: &'a str,
    confidence: f64,
    /// How it ended: `recovered`, or `part_of` another; `null` while it stands.
    ended: Option<&'static str>,
    /// The incident that it became part of.
    part_of: Option<&'a str>,
    /// When it was decided, by the clock.
    decided: String,
    acknowledged: Option<AcknowledgementView<'a>>,
    /// Whether nobody is told of it now.
    silenced: bool,
    /// Receivers that have it as it is.
    told: Vec<&'a str>,
    /// Receivers that have still to be told.
    owed: Vec<&'a str>,
    /// The line of the timeline behind its last change.
    #[schema(value_type = Object)]
    record: serde_json::Value,
}

impl<'a> IncidentView<'a> {
    pub(crate) fn new(state: &'a IncidentState) -> Self {
        let incident = &state.entry.incident;
        let (ended, part_of) = match &incident.end {
            None => (None, None),
            Some(End::Recovered) => (Some("recovered"), None),
            Some(End::PartOf(key)) => (Some("part_of"), Some(key.as_str())),
        };
        Self {
            key: &incident.key,
            status: if incident.is_firing() {
                "firing"
            } else {
                "resolved"
            },
            cause: match incident.cause {
                Cause::SharedEncoder => "shared_encoder",
                Cause::OtherEncoder => "other_encoder",
                Cause::NewTask => "new_task",
                Cause::Task(_) => "task",
            },
            task: incident.cause.task(),
            tasks: incident.tasks.iter().map(String::as_str).collect(),
            verdict: incident.call.as_str(),
            severity: incident.severity().as_str(),
            title: incident.title(),
            summary: &incident.said.summary,
            revision: incident.revision,
            opened: &incident.opened,
            changed: &incident.changed,
            since: &incident.said.since,
            confidence: incident.said.confidence,
            ended,
            part_of,
            decided: rfc3339(state.entry.decided_ms),
            acknowledged: state.entry.acknowledged.as_ref().map(AcknowledgementView::new),
            silenced: state.silenced,
            told: state.told.iter().map(String::as_str).collect(),
            owed: state.owed.iter().map(String::as_str).collect(),
            record: serde_json::from_str(&incident.said.line).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Acknowledgement)]
struct AcknowledgementView<'a> {
    by: &'a str,
    comment: &'a str,
    at: String,
}

impl<'a> AcknowledgementView<'a> {
    fn new(acknowledgement: &'a Acknowledgement) -> Self {
        Self {
            by: &acknowledgement.by,
            comment: &acknowledgement.comment,
            at: rfc3339(acknowledgement.at_ms),
        }
    }
}

/// Silences, those that end last first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Silences)]
pub(crate) struct SilencesView<'a> {
    silences: Vec<SilenceView<'a>>,
}

impl<'a> SilencesView<'a> {
    pub(crate) fn new(silences: &'a [Silence]) -> Self {
        Self {
            silences: silences.iter().map(SilenceView::new).collect(),
        }
    }
}

/// One silence; what is empty or `null` fits all.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Silence)]
pub(crate) struct SilenceView<'a> {
    id: &'a str,
    tasks: Vec<&'a str>,
    #[schema(value_type = Vec<CallName>)]
    verdicts: Vec<&'static str>,
    incident: Option<&'a str>,
    starts: String,
    ends: String,
    by: &'a str,
    comment: &'a str,
}

impl<'a> SilenceView<'a> {
    pub(crate) fn new(silence: &'a Silence) -> Self {
        let matcher = &silence.matcher;
        Self {
            id: &silence.id,
            tasks: matcher.tasks.iter().map(String::as_str).collect(),
            verdicts: matcher.calls.iter().map(|call| call.as_str()).collect(),
            incident: matcher.incident.as_deref(),
            starts: rfc3339(silence.starts_ms),
            ends: rfc3339(silence.ends_ms),
            by: &silence.by,
            comment: &silence.comment,
        }
    }
}
