//! The state in Kafka: a compacted topic that holds the newest checkpoint, for a process whose directory is empty, older or
//! damaged.
//!
//! Each checkpoint is committed there before it is committed to the directory, so that the topic never knows less.

use crate::failure::Failure;
use bellwether_ingest::{Changelog, ChangelogWriter, Config, Error};
use bellwether_store::{Draft, LogHead, Standing, StateError, StateStore};
use std::time::{Duration, Instant};

/// Between attempts to reach the brokers, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// What stands in the way of a checkpoint.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Kafka(#[from] Error),
}

impl LogError {
    /// Whether no later attempt of this process can succeed.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Kafka(Error::Fenced { .. } | Error::Fatal { .. }))
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Kafka(error) if error.is_retryable())
    }

    /// What it means for whoever reads the log.
    pub(super) fn failure(self, log: Option<&Log>) -> Failure {
        match (self, log) {
            (Self::State(error), _) => error.into(),
            (Self::Kafka(error), Some(log)) => failure(&error, &log.kafka, &log.topic),
            (Self::Kafka(error), None) => Failure::at_work("cannot write the changelog").because(&error),
        }
    }
}

fn failure(error: &Error, kafka: &Config, topic: &str) -> Failure {
    let create = |why: &str| {
        format!(
            "{why}: kafka-topics.sh --bootstrap-server {} --create --topic {topic} --partitions 1 --config cleanup.policy=compact",
            kafka.brokers
        )
    };
    match error {
        Error::NoSuchTopic { .. } => {
            Failure::at_work(format!("the changelog topic `{topic}` does not exist")).fix(create("create it"))
        }
        Error::Partitions { .. } => Failure::at_work(format!("`{topic}` cannot be a changelog"))
            .because(error)
            .fix(create("name one in state.changelog_topic that has one partition")),
        Error::Fenced { .. } => Failure::at_work(format!(
            "another process has taken over the state of group `{}`",
            kafka.group_id
        ))
        .because(error)
        .fix("run one process of a group; what this one has judged since its last checkpoint, the other judges as well"),
        _ => Failure::at_work(format!("cannot use the changelog topic `{topic}`"))
            .because(error)
            .fix(format!(
                "allow bellwether to read and to write it, and the transactional id `{}-state`: docs/KAFKA.md",
                kafka.group_id
            )),
    }
}

/// The changelog of this process, which no other writes.
#[derive(Debug)]
pub(super) struct Log {
    kafka: Config,
    topic: String,
    writer: ChangelogWriter,
    /// Whether what is in the topic is of no use, so that the next checkpoint is written whole.
    whole: bool,
}

impl Log {
    /// Shuts out whoever has written the topic so far, and brings directory and topic to the same checkpoint. Returns whether
    /// it came from the topic. Waits for brokers that are away.
    pub(super) async fn open(
        kafka: &Config,
        topic: &str,
        store: StateStore,
    ) -> Result<(Self, StateStore, bool), Failure> {
        let failed = |error: LogError| match error {
            LogError::Kafka(error) => failure(&error, kafka, topic),
            LogError::State(error) => error.into(),
        };
        let log = Self {
            kafka: kafka.clone(),
            topic: topic.to_owned(),
            writer: ChangelogWriter::new(kafka, topic).map_err(|error| failed(error.into()))?,
            whole: false,
        };
        let mut opening = (log, store, false);
        let mut pause = PAUSE.0;
        loop {
            let attempt = tokio::task::spawn_blocking(move || {
                let (log, store, is_ours) = &mut opening;
                let done = log.attempt(store, is_ours);
                (opening, done)
            });
            let interrupted =
                |_| Failure::at_work("cannot go on from the changelog").because(&Error::Interrupted);
            let (log, store, is_ours) = match attempt.await.map_err(interrupted)? {
                ((log, store, _), Ok(restored)) => return Ok((log, store, restored)),
                (opening, Err(error)) if error.is_retryable() => {
                    tracing::warn!(%error, topic, "Cannot go on from the changelog; trying again");
                    opening
                }
                (_, Err(error)) => return Err(failed(error)),
            };
            opening = (log, store, is_ours);
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(PAUSE.1);
        }
    }

    /// Blocks.
    fn attempt(&mut self, store: &mut StateStore, is_ours: &mut bool) -> Result<bool, LogError> {
        if !*is_ours {
            // A topic that cannot be used is no reason to shut anybody out.
            Changelog::open(&self.kafka, &self.topic)?;
            self.writer.take_over()?;
            *is_ours = true;
        }
        // Nobody else writes it from here on, so that where it ends now is its end.
        let changelog = Changelog::open(&self.kafka, &self.topic)?;
        let record = changelog.newest(LogHead::KEY)?;
        let value = record.map(|record| record.payload).unwrap_or_default();
        if let Some(head) = LogHead::from_bytes(&value) {
            match store.standing(&head) {
                Standing::Behind => return self.restore(store, &changelog, head),
                Standing::Equal => return Ok(false),
                Standing::Ahead => {}
            }
        } else if let Some(number) = LogHead::number_in(&value) {
            tracing::warn!(
                topic = self.topic,
                "The changelog is of another format; it is written anew"
            );
            store.go_beyond(number);
            self.whole = true;
            return Ok(false);
        }
        self.whole = true;
        if let Some(checkpoint) = store.load()? {
            tracing::info!(
                topic = self.topic,
                "The changelog lacks this state; it is copied there"
            );
            self.write(store, &store.committed(&checkpoint))?;
        }
        Ok(false)
    }

    /// Builds the directory again.
    fn restore(
        &mut self,
        store: &mut StateStore,
        changelog: &Changelog,
        head: LogHead,
    ) -> Result<bool, LogError> {
        let (began, checkpoint, waiting) = (Instant::now(), head.number(), head.waiting());
        tracing::info!(
            topic = self.topic,
            checkpoint,
            waiting,
            "Building the state again from the changelog"
        );
        let (mut records, mut bytes) = (0_u64, 0_u64);
        let mut rebuild = store.rebuild(head)?;
        changelog.read::<LogError>(|record| {
            let key = record.key.unwrap_or_default();
            records += 1;
            bytes += (key.len() + record.payload.len()) as u64;
            Ok(rebuild.put(&key, &record.payload)?)
        })?;
        match rebuild.finish() {
            Ok(()) => {
                let seconds = began.elapsed().as_secs_f64();
                tracing::info!(
                    topic = self.topic,
                    checkpoint,
                    records,
                    bytes,
                    seconds,
                    "The state is built again from the changelog"
                );
                Ok(true)
            }
            Err(error @ StateError::Changelog { .. }) => {
                let fix = error.fix();
                tracing::error!(%error, fix, topic = self.topic, "The changelog is damaged; the state is built again from the topics");
                store.reset()?;
                self.whole = true;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the topic has is of no use any more.
    pub(super) fn begin_anew(&mut self) {
        self.whole = true;
    }

    /// Commits a checkpoint to the topic, or whatever it takes to make it one of this checkpoint. Blocks. After an error it may
    /// be there all the same; the next one then takes its place.
    pub(super) fn write(&mut self, store: &StateStore, draft: &Draft<'_>) -> Result<(), LogError> {
        match self.write_now(store, draft) {
            Ok(()) => {
                self.whole = false;
                Ok(())
            }
            // Giving it up says whether another process has taken over.
            Err(error) => match self.writer.abort().map_err(LogError::from) {
                Err(last) if last.is_final() => Err(last),
                _ => Err(error),
            },
        }
    }

    fn write_now(&mut self, store: &StateStore, draft: &Draft<'_>) -> Result<(), LogError> {
        self.writer.begin()?;
        if self.whole {
            self.sweep()?;
            store.log_all::<LogError>(draft, |key, value| Ok(self.writer.send(key, value)?))?;
        } else {
            store.log_changes::<LogError>(draft, |key, value| Ok(self.writer.send(key, value)?))?;
        }
        Ok(self.writer.commit()?)
    }

    /// Takes back all that is in the topic: keys of another state would stay there for good.
    fn sweep(&mut self) -> Result<(), LogError> {
        let changelog = Changelog::open(&self.kafka, &self.topic)?;
        changelog.read::<LogError>(|record| match &record.key {
            Some(key) if !record.payload.is_empty() && LogHead::has(key) => {
                Ok(self.writer.send(key, None)?)
            }
            _ => Ok(()),
        })
    }

    /// Bytes of keys and values that were written.
    pub(super) fn written_bytes(&self) -> u64 {
        self.writer.committed_bytes()
    }
}
