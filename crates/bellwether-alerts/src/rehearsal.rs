//! Whether alerts arrive, before one is needed: a test alert and its end.

use crate::alerts::Alerts;
use crate::error::Error;
use crate::format::{self, Context};
use crate::incident::{Call, Cause, End, Incident, Said, digest};
use crate::policy::{Item, Notice, Occasion};
use crate::send::{Outcome, Sender};
use crate::settings::{AlertsConfig, Receiver};
use bellwether_monitor::{TimelineLine, Verdict, rfc3339};
use std::collections::BTreeSet;

impl Alerts {
    /// Sends a receiver a test alert and waits for its answer: one that stands, and its end. Blocks.
    ///
    /// # Errors
    /// [`Error::Receiver`] when the receiver cannot be used as it is configured.
    pub fn test(config: &AlertsConfig, receiver: &Receiver, now_ms: i64) -> Result<Outcome, Error> {
        let sender = Sender::new(receiver)?;
        for notice in test_notices(config, receiver, now_ms) {
            let request = rehearsed(config, receiver, now_ms, &notice)?;
            let outcome = sender.send(&request);
            if outcome != Outcome::Delivered {
                return Ok(outcome);
            }
            std::thread::sleep(receiver.spacing);
        }
        Ok(Outcome::Delivered)
    }

    /// Makes what a receiver would be sent, and sends nothing.
    ///
    /// # Errors
    /// [`Error::Receiver`] when it cannot be made, as by a template that asks for what is not there.
    pub fn rehearse(config: &AlertsConfig, receiver: &Receiver) -> Result<(), Error> {
        let notices = test_notices(config, receiver, 0);
        notices
            .iter()
            .try_for_each(|notice| rehearsed(config, receiver, 0, notice).map(drop))
    }
}

fn rehearsed(
    config: &AlertsConfig,
    receiver: &Receiver,
    now_ms: i64,
    notice: &Notice,
) -> Result<format::Request, Error> {
    format::request(
        Context {
            config,
            receiver,
            now_ms,
        },
        notice,
    )
    .map_err(|error| Error::Receiver {
        receiver: receiver.name.clone(),
        problem: format!("its template fails: {error}"),
    })
}

/// An incident that is none, and its end.
fn test_notices(config: &AlertsConfig, receiver: &Receiver, now_ms: i64) -> [Notice; 2] {
    let opened = test_incident(config, receiver, now_ms);
    let mut ended = opened.clone();
    ended.revision = 2;
    ended.end = Some(End::Recovered);
    [opened, ended].map(|incident| Notice {
        id: format!("msg_{}", digest(&[&incident.key, &incident.revision.to_string()])),
        group: incident.key.clone(),
        occasion: Occasion::Test,
        items: vec![Item {
            firing: incident.is_firing(),
            incident,
            acknowledged_by: None,
            is_news: true,
            is_acknowledgement: false,
        }],
    })
}

fn test_incident(config: &AlertsConfig, receiver: &Receiver, now_ms: i64) -> Incident {
    let call = receiver.calls.iter().max().copied().unwrap_or(Call::Watch);
    let now = rfc3339(now_ms);
    let line = TimelineLine {
        timestamp: now.clone(),
        task: Some("test".to_owned()),
        verdict: Some(Verdict::Watch),
        shared_encoder: false,
        since: now.clone(),
        confidence: 1.0,
        summary: "This is a test: nothing is the matter, and nothing has to be done.".to_owned(),
        evidence: serde_json::json!({"test": true}),
    };
    let mut incident = Incident::open(
        &format!("{} {}", config.source, receiver.name),
        Cause::Task("test".to_owned()),
        call,
        BTreeSet::from(["test".to_owned()]),
        &now,
        Said::by(&line),
    );
    incident.called = BTreeSet::from([call]);
    incident
}
