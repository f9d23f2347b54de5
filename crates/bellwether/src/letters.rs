//! Refused records on their way to the dead-letter topic.

use crate::failure::Failure;
use crate::state::{TopicEnds, WrittenLetters, WrittenTopic};
use bellwether_events::Reject;
use bellwether_ingest::{Config, DeadLetter, DeadLetters, Place, RawMessage, Topics};
use std::time::Duration;

/// Between attempts to keep a refused record.
const PAUSE: Duration = Duration::from_secs(1);

/// The dead-letter topic, or the log where none is configured.
#[derive(Debug)]
pub(crate) struct Letters {
    topics: Topics,
    sink: Option<Sink>,
    published: u64,
    failed: u64,
}

#[derive(Debug)]
struct Sink {
    topic: WrittenTopic,
    producer: DeadLetters,
    written: WrittenLetters,
}

impl Letters {
    pub(crate) fn new(config: &Config) -> Result<Self, bellwether_ingest::Error> {
        let sink = match &config.dead_letter_topic {
            None => None,
            Some(topic) => Some(Sink {
                topic: WrittenTopic::new(topic),
                producer: DeadLetters::new(config)?,
                written: WrittenLetters::default(),
            }),
        };
        Ok(Self {
            topics: Topics::new(config),
            sink,
            published: 0,
            failed: 0,
        })
    }

    /// Finds which letters were written after a checkpoint. Waits for brokers that are away.
    pub(crate) async fn resume(&mut self, config: &Config, since: Option<&TopicEnds>) -> Result<(), Failure> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        let records = sink.topic.resume(config, since).await?;
        for origin in records.into_iter().filter_map(|r| DeadLetter::new(r).origin) {
            if self.topics.partition(&origin.topic, origin.partition).is_some() {
                sink.written.add(origin);
            }
        }
        Ok(())
    }

    /// Where the topic stood when nothing was written that may come again. `may_come` says which records may still be refused.
    pub(crate) fn settle(&mut self, may_come: impl Fn(&Place) -> bool) -> Option<TopicEnds> {
        let sink = self.sink.as_mut()?;
        sink.written.retain(may_come);
        Some(sink.topic.settle(sink.written.is_empty()))
    }

    /// Keeps a refused record, or logs it where there is no topic for it. Waits for a topic that is away: a record must not be
    /// forgotten before it is kept.
    pub(crate) async fn keep(&mut self, message: &RawMessage, reject: &Reject) -> Result<(), Failure> {
        let topic = self.topics.name(message.partition.kind).unwrap_or_default();
        let Some(sink) = &mut self.sink else {
            tracing::warn!(
                topic,
                partition = message.partition.partition,
                offset = message.offset,
                reason = reject.reason.as_str(),
                detail = reject.detail,
                "Record refused; no dead-letter topic is configured"
            );
            return Ok(());
        };
        let origin = Place {
            topic: topic.to_owned(),
            partition: message.partition.partition,
            offset: message.offset,
        };
        if sink.written.take(&origin) {
            return Ok(());
        }
        loop {
            let reason = reject.reason.as_str();
            match sink.producer.publish(message, reason, &reject.detail).await {
                Ok(written) => {
                    sink.topic.wrote(written);
                    self.published += 1;
                    return Ok(());
                }
                Err(error) if error.is_retryable() => {
                    self.failed += 1;
                    tracing::warn!(%error, offset = message.offset, "Refused record could not be kept; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    return Err(Failure::at_work("cannot keep a refused record")
                        .because(&error)
                        .fix("make the topic kafka.dead_letter_topic writable"));
                }
            }
        }
    }

    /// Letters written, and attempts that failed.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.published, self.failed)
    }
}
