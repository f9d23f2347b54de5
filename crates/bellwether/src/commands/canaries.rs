//! `bellwether reference canaries`.

use crate::encoder::own_canaries;
use crate::failure::Failure;
use crate::report;
use bellwether_events::CANARY_PREFIX;
use serde_json::json;
use std::path::Path;

/// Prints an event a line: what to send through the encoder, and under which name its embedding is to come back.
pub(crate) fn canaries(reference: Option<&Path>) -> Result<(), Failure> {
    let texts: Vec<(String, String)> = match reference {
        None => own_canaries()
            .into_iter()
            .map(|canary| (canary.name, canary.text))
            .collect(),
        Some(path) => {
            let manifest = super::read_reference(path, super::reference::A_FILE)?.0;
            let canaries = manifest
                .encoder
                .map(|encoder| encoder.canaries)
                .unwrap_or_default();
            if canaries.is_empty() {
                return Err(Failure::usage(format!("{} has no canaries", path.display())).fix(
                    "build it with --encoder DIR, or from observations among which production has sent canaries",
                ));
            }
            canaries
                .into_iter()
                .map(|canary| (canary.name, canary.text))
                .collect()
        }
    };
    for (name, text) in texts {
        report::result(&json!({"event_id": format!("{CANARY_PREFIX}{name}"), "text": text}).to_string());
    }
    Ok(())
}
