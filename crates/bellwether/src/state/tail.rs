//! What a topic was given after a checkpoint.

use super::bookmark::TopicEnds;
use crate::failure::Failure;
use crate::patience::until_answered;
use bellwether_ingest::{Bound, Config, Error, NextOffset, RangeReader, StoredRecord};
use std::collections::BTreeMap;

/// Records taken at once.
const RECORDS: usize = 1024;

/// A topic that we write to, and where it stood.
#[derive(Debug)]
pub(crate) struct WrittenTopic {
    name: String,
    /// Where it ended when nothing was in it that may come again.
    settled: BTreeMap<i32, NextOffset>,
    ends: BTreeMap<i32, NextOffset>,
}

impl WrittenTopic {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            settled: BTreeMap::new(),
            ends: BTreeMap::new(),
        }
    }

    /// Reads what the topic was given since it ended at `since`; without that nothing but where it ends. Waits for brokers that
    /// are away.
    pub(crate) async fn resume(
        &mut self,
        config: &Config,
        since: Option<&TopicEnds>,
    ) -> Result<Vec<StoredRecord>, Failure> {
        let since = since.filter(|since| since.topic == self.name);
        let since = since.map(|since| since.ends.clone());
        let what = format!("read back the topic {}", self.name);
        let read = until_answered(&what, || {
            let (config, name, from) = (config.clone(), self.name.clone(), since.clone());
            let read = tokio::task::spawn_blocking(move || read(&config, &name, from.as_ref()));
            async { read.await.unwrap_or(Err(Error::Interrupted)) }
        });
        let (records, ends) = read.await.map_err(|error| {
            Failure::at_work(format!("cannot {what}"))
                .because(&error)
                .fix("allow bellwether to read it as well as to write it: docs/KAFKA.md")
        })?;
        self.settled = since.unwrap_or_else(|| ends.clone());
        self.ends = ends;
        Ok(records)
    }

    /// The partition has a record of ours before `next`.
    pub(crate) fn wrote(&mut self, (partition, next): (i32, NextOffset)) {
        self.ends.insert(partition, next);
    }

    /// Where to read from after a restart. `nothing_left` says that all that was read back came again.
    pub(crate) fn settle(&mut self, nothing_left: bool) -> TopicEnds {
        if nothing_left {
            self.settled.clone_from(&self.ends);
        }
        TopicEnds {
            topic: self.name.clone(),
            ends: self.settled.clone(),
        }
    }
}

/// Blocks.
fn read(
    config: &Config,
    topic: &str,
    since: Option<&BTreeMap<i32, NextOffset>>,
) -> Result<(Vec<StoredRecord>, BTreeMap<i32, NextOffset>), Error> {
    let ends = RangeReader::ends(config, topic)?;
    let mut records = Vec::new();
    let Some(since) = since else {
        return Ok((records, ends));
    };
    // A partition that is new since then is read from its beginning, and one that was made anew not at all.
    let from = ends.iter().map(|(&partition, &end)| {
        let start = since.get(&partition).copied().unwrap_or(NextOffset(0));
        ((topic.to_owned(), partition), start.min(end).0)
    });
    let from = Bound::Offsets(from.collect());
    if !ends.is_empty() {
        let mut reader = RangeReader::open(config, &[topic], &from, &Bound::Latest)?;
        loop {
            let some = reader.next_records(RECORDS)?;
            if some.is_empty() {
                break;
            }
            records.extend(some);
        }
    }
    Ok((records, ends))
}
