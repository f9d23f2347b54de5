//! What several tests need.

use crate::incident::{Call, Cause, Incident, Said};
use bellwether_monitor::{TimelineLine, Verdict};
use std::collections::BTreeSet;

/// A line about a task, or the model.
pub(crate) fn line(minute: u32, task: Option<&str>, verdict: Verdict) -> TimelineLine {
    let timestamp = format!("2026-03-14T{:02}:{:02}:00.000Z", minute / 60, minute % 60);
    TimelineLine {
        since: timestamp.clone(),
        timestamp,
        task: task.map(str::to_owned),
        verdict: Some(verdict),
        shared_encoder: false,
        confidence: 0.75,
        summary: format!(
            "Accuracy of {} fell from 0.93 to 0.71 <& counting>.",
            task.unwrap_or("all")
        ),
        evidence: serde_json::json!({"observations": 812, "event_ids": ["e-1", "e-2"]}),
    }
}

/// An incident of some tasks that has just opened.
pub(crate) fn incident(tasks: &[&str], call: Call) -> Incident {
    let tasks: BTreeSet<String> = tasks.iter().map(|task| (*task).to_owned()).collect();
    let cause = match call {
        Call::SharedEncoder => Cause::SharedEncoder,
        Call::OtherEncoder => Cause::OtherEncoder,
        Call::NewTask => Cause::NewTask,
        _ => Cause::Task(tasks.first().cloned().unwrap_or_default()),
    };
    let line = line(0, cause.task(), Verdict::Retrain);
    Incident::open("intents", cause, call, tasks, &line.timestamp, Said::by(&line))
}
