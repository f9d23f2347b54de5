//! Kafka: consume predictions and labels, publish verdicts and dead letters, and an in-process broker for the demo.
//!
//! Owns the connection to the brokers, group membership, batching of raw records, offsets and the event-time
//! watermark over partitions. It is the only crate that knows `rdkafka`. Does not know what a payload means: records
//! come out as bytes with their position, verdict lines and dead letters go in as bytes.
//!
//! Start from [`Consumer`] and [`PartitionTracker`]. One turn of a pipeline looks like this:
//!
//! ```no_run
//! use bellwether_ingest::{Config, Consumer, NextOffset, PartitionTracker};
//! use std::time::Instant;
//!
//! # async fn turn() -> Result<(), bellwether_ingest::Error> {
//! let config = Config { brokers: "127.0.0.1:9092".into(), ..Config::default() };
//! let mut consumer = Consumer::start(&config).await?;
//! let mut tracker = PartitionTracker::new(config.idle_timeout);
//! loop {
//!     let batch = consumer.next_batch().await?;
//!     tracker.apply(&batch.events, Instant::now());
//!     for message in &batch.messages {
//!         let event_time_ms = message.timestamp_ms; // here from the broker; from the decoded record in earnest
//!         tracker.record(message.partition, NextOffset::after(message.offset), event_time_ms, Instant::now());
//!     }
//!     let watermark = tracker.watermark(Instant::now());
//!     consumer.hold(&tracker.ahead_of(3_600_000));
//!     let offsets = tracker.committable(watermark.released_up_to_ms());
//!     consumer.commit(&offsets).await?;
//!     tracker.committed(&offsets);
//! }
//! # }
//! ```

mod batch;
mod beginning;
mod changelog;
mod config;
mod consumer;
mod context;
mod dead_letter;
mod embedded;
mod error;
mod headers;
mod health;
mod log;
mod place;
mod position;
mod producer;
mod range;
mod topics;
mod tracker;

pub use batch::{Batch, PartitionEvent, RawMessage};
pub use beginning::Others;
pub use changelog::{Changelog, ChangelogWriter};
pub use config::{Config, Subscription};
pub use consumer::{Consumer, PartitionLag};
pub use dead_letter::{DeadLetter, Resubmitter};
pub use embedded::{DemoProducer, DemoRecord, EmbeddedBroker};
pub use error::Error;
pub use health::{Fault, Health};
pub use log::{LogWriter, Underway};
pub use place::{NoPlace, Place};
pub use position::{NextOffset, TopicKind, TopicPartition};
pub use producer::{DeadLetters, VerdictProducer};
pub use range::{Bound, RangeReader, StoredRecord};
pub use topics::Topics;
pub use tracker::{PartitionTracker, Progress, Watermark};
