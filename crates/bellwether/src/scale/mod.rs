//! Several instances of one group as one monitor.
//!
//! Every instance is a *scorer*: its share of the partitions comes to it, and what it makes of their records it writes to the
//! evidence topic. One of them is the *judge* as well: it reads all evidence, owns the detectors, and says the verdicts.
//!
//! ```text
//!  partitions ──► scorer ─┐                   ┌─► judge ─► verdicts, dead letters, state
//!  partitions ──► scorer ─┼─► evidence topic ─┘     │
//!  partitions ──► scorer ─┘◄─ control topic ◄─── what to hold
//! ```
//!
//! The evidence topic has one partition and so one order: what was read of each source partition with its offsets, and once a second which
//! partitions are whose. The judge takes each offset once, whoever wrote it and how often, and its clock is the log's. So it
//! is a function of the log alone, and needs nothing of who scored what. Through the control topic it tells the scorers
//! which partitions run too far ahead.

mod attendance;
mod control;
mod cut;
mod election;
mod evidence;
mod member;
mod message;
mod scorer;

pub(crate) use member::Member;

use crate::failure::Failure;
use bellwether_ingest::{Config, Error, Subscription, TopicPartition};

/// The one partition of the evidence topic, and of the control topic.
const PARTITION: i32 = 0;
/// The same for a consumer that is told of one topic. Whoever is given that of the evidence topic judges.
const LOG: TopicPartition = TopicPartition::observations(PARTITION);

/// Settings that concern membership in a group, which a reader of one partition is not.
const OF_MEMBERS: [&str; 3] = ["group.instance.id", "group.protocol", "group.remote.assignor"];

/// The group in which the instances elect a judge.
fn judges(config: &Config) -> String {
    format!("{}-judge", config.group_id)
}

/// To read a topic of one partition, outside of any group.
fn reader_of(config: &Config, topic: &str) -> Config {
    let mut config = Config {
        observations_topic: topic.to_owned(),
        labels_topic: None,
        // The judges' group: it is not joined, but the client looks for its coordinator, which wants a right.
        group_id: judges(config),
        subscription: Subscription::Only(PARTITION),
        ..config.clone()
    };
    config
        .properties
        .retain(|key, _| !OF_MEMBERS.contains(&key.as_str()));
    config
}

fn cannot_read(topic: &str, error: &Error) -> Failure {
    Failure::at_work(format!("cannot read the topic {topic}"))
        .because(error)
        .fix("create the topic with one partition, and allow bellwether to read it: docs/KAFKA.md")
}

fn cannot_write(error: &Error) -> Failure {
    Failure::at_work("cannot write evidence")
        .because(error)
        .fix("create the topic with one partition, for messages as large as those of the other topics: docs/KAFKA.md")
}
