//! `bellwether dead-letters`: what was refused, why, and back again.
//!
//! The dead-letter topic is read to its end beside the live monitor: its group is not joined and nothing is committed.

mod advice;
mod decoding;
mod explain;
mod list;
mod resubmit;

pub(crate) use explain::explain;
pub(crate) use list::list;
pub(crate) use resubmit::resubmit;

use super::read_config;
use crate::cli::Selection;
use crate::config::Config;
use crate::failure::Failure;
use crate::progress;
use bellwether_events::RejectReason;
use bellwether_ingest::{Bound, DeadLetter, Place, RangeReader};
use indicatif::ProgressBar;
use serde_json::Value;
use std::path::Path;

/// Records taken from the topic at once.
const CHUNK: usize = 1000;

/// The configuration and the name of its dead-letter topic.
fn configured(path: &Path) -> Result<(Config, String), Failure> {
    let config = read_config(path)?;
    match config.kafka.dead_letter_topic.clone() {
        Some(topic) => Ok((config, topic)),
        None => Err(
            Failure::usage(format!("{} names no dead-letter topic", path.display()))
                .fix("write kafka.dead_letter_topic"),
        ),
    }
}

impl Selection {
    /// A reason that does not exist would select nothing and look like good news.
    fn check(&self) -> Result<(), Failure> {
        let Some(reason) = &self.reason else { return Ok(()) };
        let known = RejectReason::ALL.map(RejectReason::as_str);
        if known.contains(&reason.as_str()) || reason == "unknown" {
            return Ok(());
        }
        Err(Failure::usage(format!("`{reason}` is no reason"))
            .fix(format!("write one of {}", known.join(", "))))
    }

    fn takes(&self, letter: &DeadLetter) -> bool {
        let of_topic = |topic: &String| {
            letter
                .origin
                .as_ref()
                .is_some_and(|origin| &origin.topic == topic)
        };
        self.reason.as_ref().is_none_or(|reason| &letter.reason == reason)
            && self.topic.as_ref().is_none_or(of_topic)
            && self
                .since
                .is_none_or(|since| letter.written_ms.is_none_or(|written| written >= since))
    }
}

/// Dead letters, a part at a time: in each partition in order of offset.
struct Letters {
    reader: RangeReader,
    topic: String,
    bar: ProgressBar,
}

impl Letters {
    /// Blocks.
    fn open(config: &Config, topic: &str, from: &Bound, to: &Bound) -> Result<Self, Failure> {
        let reader = RangeReader::open(&config.kafka, &[topic], from, to);
        let reader = reader.map_err(|error| failed(topic, &error))?;
        Ok(Self {
            bar: progress::bar(reader.total(), "dead letters"),
            reader,
            topic: topic.to_owned(),
        })
    }

    /// The next ones; none at the end. Blocks.
    fn next(&mut self) -> Result<Vec<DeadLetter>, Failure> {
        let records = self.reader.next_records(CHUNK);
        let records = records.map_err(|error| failed(&self.topic, &error))?;
        self.bar.inc(records.len() as u64);
        if records.is_empty() {
            self.bar.finish_and_clear();
        }
        Ok(records.into_iter().map(DeadLetter::new).collect())
    }

    /// Gives each to `work`. Blocks.
    fn each(mut self, mut work: impl FnMut(DeadLetter)) -> Result<(), Failure> {
        loop {
            let letters = self.next()?;
            if letters.is_empty() {
                return Ok(());
            }
            letters.into_iter().for_each(&mut work);
        }
    }
}

fn failed(topic: &str, error: &bellwether_ingest::Error) -> Failure {
    Failure::at_work(format!("cannot read the dead letters in {topic}"))
        .because(error)
        .fix("check kafka.brokers, kafka.dead_letter_topic and kafka.properties, and whether READ is allowed")
}

/// What of a record can be told without knowing its format.
#[derive(Debug, Default, PartialEq, Eq)]
struct Identity {
    task: Option<String>,
    event_id: Option<String>,
}

/// From the contract's columns where the bytes are JSON, of a list the first; else from the headers of CloudEvents.
fn identity(letter: &DeadLetter) -> Identity {
    let mut first = serde_json::Deserializer::from_slice(&letter.payload).into_iter::<Value>();
    let value = match first.next() {
        Some(Ok(Value::Array(list))) => list.into_iter().next(),
        Some(Ok(value)) => Some(value),
        Some(Err(_)) | None => None,
    };
    let column = |name: &str| Some(value.as_ref()?.get(name)?.as_str()?.to_owned());
    let header = |name: &str| {
        let found = letter.headers.iter().find(|(header, _)| header == name)?;
        String::from_utf8(found.1.clone()).ok()
    };
    Identity {
        task: column("task").or_else(|| header("ce_inferenceservicename")),
        event_id: column("event_id").or_else(|| header("ce_id")),
    }
}

fn time(ms: Option<i64>) -> Option<String> {
    ms.map(bellwether_monitor::rfc3339)
}

fn text(place: Option<&Place>) -> Option<String> {
    place.map(ToString::to_string)
}

#[cfg(test)]
mod tests;
