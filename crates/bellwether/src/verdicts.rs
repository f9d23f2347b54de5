//! Changes of state as records of the verdict topic.
//!
//! Records are keyed by task, so that a compacted topic keeps the state of each; the model's line has a key of its own.

use crate::config::VerdictsFormat;
use crate::failure::Failure;
use crate::state::{TopicEnds, WrittenLines, WrittenTopic};
use bellwether_alerts::event_source;
use bellwether_ingest::{Config, VerdictProducer};
use bellwether_monitor::{TimelineLine, Verdict};

/// The key of the model's line.
pub(crate) const MODEL_KEY: &str = "__model__";

/// The CloudEvents type of a change of state. A change that old readers cannot read gets another number.
const EVENT_TYPE: &str = "io.bellwether.verdict.v1";

/// Publishes changes of state.
#[derive(Debug)]
pub(crate) struct VerdictTopic {
    topic: WrittenTopic,
    producer: VerdictProducer,
    format: VerdictsFormat,
    source: String,
    written: WrittenLines,
}

impl VerdictTopic {
    /// Where a topic is configured.
    pub(crate) fn new(config: &Config, format: VerdictsFormat) -> Result<Option<Self>, Failure> {
        let Some(topic) = &config.verdicts_topic else {
            return Ok(None);
        };
        let failed = |error| Failure::at_work("cannot publish verdicts").because(&error);
        Ok(Some(Self {
            topic: WrittenTopic::new(topic),
            producer: VerdictProducer::new(config).map_err(failed)?,
            format,
            source: event_source(&config.group_id),
            written: WrittenLines::default(),
        }))
    }

    /// Finds which lines were written after a checkpoint. Waits for brokers that are away.
    pub(crate) async fn resume(&mut self, config: &Config, since: Option<&TopicEnds>) -> Result<(), Failure> {
        // All of it, if it was compacted, is the newest line of each task.
        if since.is_some_and(|since| since.ends.is_empty()) {
            self.written = WrittenLines::compacted();
        }
        for record in self.topic.resume(config, since).await? {
            self.written.add(&record.payload);
        }
        Ok(())
    }

    /// Where the topic stood when nothing was written that may come again.
    pub(crate) fn settle(&mut self) -> TopicEnds {
        self.topic.settle(self.written.is_empty())
    }

    /// Waits until the brokers have it.
    pub(crate) async fn publish(&mut self, line: &TimelineLine, body: &[u8]) -> Result<(), Failure> {
        if self.written.take(line, body) {
            return Ok(());
        }
        let headers = headers(self.format, &self.source, line);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let written = self
            .producer
            .publish(key(line), &headers, body)
            .await
            .map_err(|error| Failure::at_work("cannot publish a verdict").because(&error))?;
        self.topic.wrote(written);
        Ok(())
    }
}

fn key(line: &TimelineLine) -> &str {
    line.task.as_deref().unwrap_or(MODEL_KEY)
}

fn headers(format: VerdictsFormat, source: &str, line: &TimelineLine) -> Vec<(&'static str, String)> {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if format == VerdictsFormat::Json {
        return headers;
    }
    let verdict = line.verdict.map_or("none", Verdict::as_str);
    headers.extend([
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", event_id(line, verdict)),
        ("ce_source", source.to_owned()),
        ("ce_type", EVENT_TYPE.to_owned()),
        ("ce_time", line.timestamp.clone()),
        // Extensions: consumers and brokers filter by attributes without opening the value.
        ("ce_verdict", verdict.to_owned()),
        ("ce_sharedencoder", line.shared_encoder.to_string()),
    ]);
    if let Some(task) = &line.task {
        headers.push(("ce_subject", task.clone()));
    }
    headers
}

/// Made of the contents alone: what is delivered twice has one identifier, whichever process sent it.
fn event_id(line: &TimelineLine, verdict: &str) -> String {
    let shared = if line.shared_encoder {
        "/shared_encoder"
    } else {
        ""
    };
    format!("{}/{}/{verdict}{shared}", line.timestamp, key(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn line(task: Option<&str>, verdict: Verdict, shared_encoder: bool) -> TimelineLine {
        TimelineLine {
            timestamp: "2026-03-14T15:00:00.000Z".to_owned(),
            task: task.map(str::to_owned),
            verdict: Some(verdict),
            shared_encoder,
            since: "2026-03-14T14:00:00.000Z".to_owned(),
            confidence: 0.9,
            summary: "It got worse.".to_owned(),
            evidence: serde_json::json!({}),
        }
    }

    #[test]
    fn json_has_a_content_type_and_a_key_of_its_own_for_the_model() {
        let of = |line| headers(VerdictsFormat::Json, "/bellwether/a", &line);
        let one = line(Some("banking"), Verdict::Retrain, false);
        assert_eq!((key(&one), one.task.as_deref()), ("banking", Some("banking")));
        assert_eq!(of(one), [("content-type", "application/json".to_owned())]);
        assert_eq!(key(&line(None, Verdict::Healthy, true)), "__model__");
    }

    #[test]
    fn cloud_events_have_the_required_attributes_and_an_identifier_of_the_contents() {
        let of = |line: &TimelineLine| -> BTreeMap<&str, String> {
            headers(VerdictsFormat::CloudEvents, "/bellwether/a", line)
                .into_iter()
                .collect()
        };
        let retrain = line(Some("banking"), Verdict::Retrain, false);
        let found = of(&retrain);
        for (name, value) in [
            ("content-type", "application/json"),
            ("ce_specversion", "1.0"),
            ("ce_id", "2026-03-14T15:00:00.000Z/banking/retrain"),
            ("ce_source", "/bellwether/a"),
            ("ce_type", "io.bellwether.verdict.v1"),
            ("ce_time", "2026-03-14T15:00:00.000Z"),
            ("ce_subject", "banking"),
            ("ce_verdict", "retrain"),
            ("ce_sharedencoder", "false"),
        ] {
            assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}");
        }
        let mut reworded = retrain.clone();
        reworded.summary = "Another sentence.".to_owned();
        assert_eq!(of(&reworded)["ce_id"], found["ce_id"]);
        let model = of(&line(None, Verdict::Healthy, true));
        assert_eq!(model.get("ce_subject"), None);
        let ids: std::collections::BTreeSet<String> = [
            retrain,
            line(Some("banking"), Verdict::Watch, false),
            line(Some("travel"), Verdict::Retrain, false),
            line(None, Verdict::Healthy, false),
            line(None, Verdict::Healthy, true),
        ]
        .iter()
        .map(|line| of(line)["ce_id"].clone())
        .collect();
        assert_eq!(ids.len(), 5, "{ids:?}");
    }

    #[test]
    fn the_source_is_a_reference_whatever_the_group_is_called() {
        assert_eq!(event_source("team.monitor-1"), "/bellwether/team.monitor-1");
        assert_eq!(event_source("prod / ü"), "/bellwether/prod%20%2F%20%C3%BC");
    }
}
