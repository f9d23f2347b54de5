//! `bellwether alert test`: whether alerts arrive, before one is needed.

use super::read_config;
use crate::cli::{Output, TestArgs};
use crate::failure::Failure;
use crate::report;
use bellwether_alerts::{Alerts, Outcome, Receiver};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn test(args: &TestArgs) -> Result<(), Failure> {
    let config = read_config(&args.config)?.alerts;
    let names: Vec<&str> = config
        .receivers
        .iter()
        .map(|receiver| receiver.name.as_str())
        .collect();
    if names.is_empty() {
        return Err(
            Failure::usage(format!("{} names no receiver of alerts", args.config.display()))
                .fix("write one in [alerts.receivers.NAME]; docs/ALERTS.md has examples"),
        );
    }
    if let Some(unknown) = args.receiver.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Failure::usage(format!("there is no receiver `{unknown}`"))
            .fix(format!("choose among {}", names.join(", "))));
    }
    let is_chosen = |receiver: &&Receiver| args.receiver.is_empty() || args.receiver.contains(&receiver.name);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let mut results = Vec::new();
    for receiver in config.receivers.iter().filter(is_chosen) {
        let outcome = Alerts::test(&config, receiver, now_ms)?;
        let (delivered, said) = match outcome {
            Outcome::Delivered => (true, "it took the test alert and its end".to_owned()),
            Outcome::Later { why, .. } | Outcome::Refused { why } => (false, why),
            Outcome::Gone => (false, "it answers 410: it is gone for good".to_owned()),
        };
        results.push((receiver, delivered, said));
    }
    if args.output == Output::Json {
        let listed: Vec<_> = results
            .iter()
            .map(|(receiver, delivered, said)| {
                json!({"receiver": receiver.name, "at": receiver.place(), "delivered": delivered, "answer": said})
            })
            .collect();
        report::result(&json!({"receivers": listed}).to_string());
    } else {
        for (receiver, delivered, said) in &results {
            let mark = if *delivered {
                report::paint(report::GOOD, "delivered")
            } else {
                report::paint(report::BAD, "NOT delivered")
            };
            report::styled(&format!(
                "{} ({}): {mark}: {said}",
                receiver.name,
                receiver.place()
            ));
        }
    }
    let failed: Vec<&str> = results
        .iter()
        .filter(|(_, delivered, _)| !delivered)
        .map(|(receiver, ..)| receiver.name.as_str())
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(
        Failure::at_work(format!("the test alert did not reach {}", failed.join(", ")))
            .fix("correct url, token or signing_keys of the receiver, or look into what it logs"),
    )
}
