//! A changelog: a compacted topic of one partition that is written in transactions, by one process at a time.

use crate::config::{Config, client_error};
use crate::context::name;
use crate::error::Error;
use crate::health::{Faults, forward_log};
use crate::range::{Bound, RangeReader, StoredRecord};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for the brokers to begin, end or abort a transaction, and for any record to be delivered: while a checkpoint
/// waits nothing is judged, and a stop waits too.
const ANSWER: Duration = Duration::from_secs(5);
/// Longest time of a transaction, which may be a copy of gigabytes: what brokers allow unless they are told otherwise.
const TRANSACTION: Duration = Duration::from_secs(900);
/// Between looks at a queue that is full.
const PAUSE: Duration = Duration::from_millis(5);
/// The one partition.
const PARTITION: i32 = 0;
/// Records from the end that are looked at first for the newest of a key; then so many times as many.
const LAST: (i64, i64) = (4, 64);
/// Records taken at once.
const RECORDS: usize = 1024;

/// Where the writer stands. Calls that ran out of time go on in the client, and have to be made again before any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Idle,
    /// Begun, and to be aborted unless it is committed.
    Open,
    Committing,
    Aborting,
}

/// Writes a changelog. Its calls block.
///
/// Records reach readers together, when they are committed. Whoever takes over shuts out those before, for good:
/// [`Error::Fenced`].
pub struct ChangelogWriter {
    topic: String,
    producer: ThreadedProducer<ChangelogEvents>,
    step: Step,
    /// Keys and values, in bytes: of this transaction, and of all that were committed.
    bytes: (u64, u64),
}

impl ChangelogWriter {
    /// Creates the client. Does not wait for a broker.
    ///
    /// # Errors
    /// [`Error::ReservedProperty`], [`Error::BadProperty`], [`Error::Client`].
    pub fn new(config: &Config, topic: &str) -> Result<Self, Error> {
        let events = ChangelogEvents(Arc::new(Faults::default()));
        let producer = settings(config)?.create_with_context(events);
        Ok(Self {
            topic: topic.to_owned(),
            producer: producer.map_err(|source| client_error("producer", source))?,
            step: Step::Idle,
            bytes: (0, 0),
        })
    }

    /// Shuts out whoever has written so far; what that one had not committed is gone. Once, before anything else.
    ///
    /// # Errors
    /// [`Error::Transaction`], after which it can be called again; [`Error::Fatal`].
    pub fn take_over(&self) -> Result<(), Error> {
        let done = self.producer.init_transactions(ANSWER);
        done.map_err(|source| self.failed(source))
    }

    /// Begins a transaction, in the place of one that was given up.
    ///
    /// # Errors
    /// [`Error::Transaction`] while the one before cannot be ended; [`Error::Fenced`], [`Error::Fatal`].
    pub fn begin(&mut self) -> Result<(), Error> {
        if self.step == Step::Committing {
            // Whether it is committed now or not: what comes has all of it.
            match self.end() {
                Err(error) if self.step != Step::Open => return Err(error),
                _ => {}
            }
        }
        self.abort()?;
        let begun = self.producer.begin_transaction();
        begun.map_err(|source| self.failed(source))?;
        (self.step, self.bytes.0) = (Step::Open, 0);
        Ok(())
    }

    /// Adds a record; without a value its key is gone.
    ///
    /// # Errors
    /// [`Error::Transaction`] when the brokers take nothing; [`Error::Fenced`], [`Error::Fatal`].
    pub fn send(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        let mut record = BaseRecord::to(&self.topic).partition(PARTITION).key(key);
        record.payload = value;
        let mut waiting = Waiting::new();
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if waiting.goes_on(self.producer.in_flight_count()) =>
                {
                    record = back;
                }
                Err((source, _)) => return Err(self.failed(source)),
            }
        }
        self.bytes.0 += (key.len() + value.map_or(0, <[u8]>::len)) as u64;
        Ok(())
    }

    /// Commits what was sent since [`begin`](Self::begin). After an error it may be committed all the same.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn commit(&mut self) -> Result<(), Error> {
        let mut waiting = Waiting::new();
        while self.producer.in_flight_count() > 0 {
            if !waiting.goes_on(self.producer.in_flight_count()) {
                let timed_out = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
                return Err(self.failed(timed_out));
            }
        }
        self.step = Step::Committing;
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.producer.commit_transaction(ANSWER) {
            Ok(()) => {
                self.step = Step::Idle;
                self.bytes.1 += self.bytes.0;
                Ok(())
            }
            Err(source) => {
                if !goes_on(&source) {
                    self.step = Step::Open;
                }
                Err(self.failed(source))
            }
        }
    }

    /// Gives up a transaction that is open.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn abort(&mut self) -> Result<(), Error> {
        if !matches!(self.step, Step::Open | Step::Aborting) {
            return Ok(());
        }
        self.step = Step::Aborting;
        match self.producer.abort_transaction(ANSWER) {
            Ok(()) => {
                self.step = Step::Idle;
                Ok(())
            }
            Err(source) => {
                if !goes_on(&source) {
                    self.step = Step::Open;
                }
                Err(self.failed(source))
            }
        }
    }

    /// Bytes of keys and values that were committed.
    #[must_use]
    pub fn committed_bytes(&self) -> u64 {
        self.bytes.1
    }

    fn failed(&self, source: KafkaError) -> Error {
        let Some((code, reason)) = self.producer.client().fatal_error() else {
            return Error::Transaction {
                topic: self.topic.clone(),
                source,
            };
        };
        match code {
            RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::ProducerFenced
            | RDKafkaErrorCode::InvalidProducerEpoch => Error::Fenced {
                topic: self.topic.clone(),
            },
            _ => Error::Fatal { reason },
        }
    }
}

impl fmt::Debug for ChangelogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangelogWriter")
            .field("topic", &self.topic)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// Whether a call has to be made again to learn its end.
fn goes_on(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(error) if error.is_retriable() && !error.txn_requires_abort())
}

/// Waits as long as records are delivered.
struct Waiting {
    left: i32,
    since: Instant,
}

impl Waiting {
    fn new() -> Self {
        Self {
            left: i32::MAX,
            since: Instant::now(),
        }
    }

    /// Pauses; whether it is worth it.
    fn goes_on(&mut self, left: i32) -> bool {
        if left < self.left {
            (self.left, self.since) = (left, Instant::now());
        }
        std::thread::sleep(PAUSE);
        self.since.elapsed() < ANSWER
    }
}

/// librdkafka's settings for the writer.
fn settings(config: &Config) -> Result<ClientConfig, Error> {
    let mut settings = config.producer()?;
    if !config.properties.contains_key("transaction.timeout.ms") {
        settings.set("transaction.timeout.ms", TRANSACTION.as_millis().to_string());
    }
    if !config.properties.contains_key("message.timeout.ms") {
        // Then that of the transaction counts, which it may not exceed.
        settings.remove("message.timeout.ms");
    }
    settings
        .set("transactional.id", format!("{}-state", config.group_id))
        .set("enable.idempotence", "true");
    Ok(settings)
}

/// The receiver of the writer's callbacks.
struct ChangelogEvents(Arc<Faults>);

impl ClientContext for ChangelogEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = name(error.rdkafka_error_code());
        self.0.report("changelog writer", code, reason);
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext for ChangelogEvents {
    type DeliveryOpaque = ();

    // A record that was not delivered is told by the commit.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Reads what was committed to a changelog. Its calls block.
#[derive(Debug, Clone)]
pub struct Changelog {
    config: Config,
    topic: String,
    end: i64,
}

impl Changelog {
    /// Looks at the topic, of which all is read up to where it ends now.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`]; [`Error::Partitions`] when it has more than one. Those of [`RangeReader::ends`].
    pub fn open(config: &Config, topic: &str) -> Result<Self, Error> {
        let mut config = config.clone();
        let committed = ("isolation.level".to_owned(), "read_committed".to_owned());
        config.properties.extend([committed]);
        let ends = RangeReader::ends(&config, topic)?;
        let topic = topic.to_owned();
        match (ends.len(), ends.get(&PARTITION)) {
            (0, _) => Err(Error::NoSuchTopic { topic }),
            (1, Some(end)) => Ok(Self {
                config,
                topic,
                end: end.0,
            }),
            (partitions, _) => Err(Error::Partitions { topic, partitions }),
        }
    }

    /// The newest record with a key, looked for from the end: all is read only where there is none.
    ///
    /// # Errors
    /// Those of [`RangeReader`].
    pub fn newest(&self, key: &[u8]) -> Result<Option<StoredRecord>, Error> {
        let mut last = LAST.0;
        loop {
            let from = self.end.saturating_sub(last).max(0);
            let mut newest = None;
            self.read_from(from, |record| {
                if record.key.as_deref() == Some(key) {
                    newest = Some(record);
                }
                Ok(())
            })?;
            if newest.is_some() || from == 0 {
                return Ok(newest);
            }
            last = last.saturating_mul(LAST.1);
        }
    }

    /// Gives all records, in order; of each key the last one counts.
    ///
    /// # Errors
    /// Those of [`RangeReader`] and of `take`.
    pub fn read<E: From<Error>>(&self, take: impl FnMut(StoredRecord) -> Result<(), E>) -> Result<(), E> {
        self.read_from(0, take)
    }

    fn read_from<E: From<Error>>(
        &self,
        from: i64,
        mut take: impl FnMut(StoredRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let at = |offset| Bound::Offsets(BTreeMap::from([((self.topic.clone(), PARTITION), offset)]));
        let topics = [self.topic.as_str()];
        let mut reader = RangeReader::open(&self.config, &topics, &at(from), &at(self.end))?;
        loop {
            let records = reader.next_records(RECORDS)?;
            if records.is_empty() {
                return Ok(());
            }
            records.into_iter().try_for_each(&mut take)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guarantees_rest_on_is_ours_and_times_are_the_users() {
        let properties = [
            ("transactional.id", "mine"),
            ("enable.idempotence", "false"),
            ("transaction.timeout.ms", "60000"),
        ];
        let properties = properties.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = Config {
            properties: properties.into(),
            ..Config::default()
        };
        let settings = settings(&config).unwrap();
        assert_eq!(settings.get("transactional.id"), Some("bellwether-state"));
        assert_eq!(settings.get("enable.idempotence"), Some("true"));
        assert_eq!(settings.get("transaction.timeout.ms"), Some("60000"));
        assert_eq!(settings.get("message.timeout.ms"), None);
    }
}
