//! Where reading and writing stood when a checkpoint was taken.

use crate::config::{Config, StartFrom, StateConfig};
use bellwether_ingest::{NextOffset, Others, Progress, TopicPartition, Topics};
use bellwether_monitor::KeptWindows;
use bellwether_payloads::Halves;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A bookmark of another form is refused.
const FORMAT: u32 = 5;

/// Everything beside the engine's state that has to be known to go on as if nothing had happened.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Bookmark {
    /// Topic and partition with how far it was read. By name: a topic that is configured anew begins anew.
    pub(crate) partitions: Vec<(String, i32, Progress)>,
    /// Whether partitions that are not named are read from their oldest record, whatever the group has committed.
    pub(crate) others_from_oldest: bool,
    /// Halves of calls that wait for each other.
    pub(crate) halves: Option<Halves>,
    /// Where the evidence of several instances is read on.
    pub(crate) evidence: Option<EvidencePlace>,
    pub(crate) timeline: Option<FileEnd>,
    pub(crate) verdicts: Option<TopicEnds>,
    pub(crate) dead_letters: Option<TopicEnds>,
    /// Which incidents stand, and who was told of them.
    #[serde(with = "serde_bytes")]
    pub(crate) alerts: Option<Vec<u8>>,
    /// The window of the history that was open, and up to where all are closed.
    pub(crate) history: Option<KeptWindows>,
    /// Event time before which everything was judged, where that is known.
    pub(crate) released_ms: Option<i64>,
}

/// How far the evidence topic was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EvidencePlace {
    pub(crate) topic: String,
    pub(crate) next: NextOffset,
    /// What of each source partition is taken next.
    pub(crate) sources: Vec<SourcePlace>,
}

/// A place in a source partition: everything before it was taken from the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourcePlace {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Which part of the record, from 0.
    pub(crate) part: u32,
}

/// A file that was written up to a length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEnd {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// A topic that was written up to an offset of each partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TopicEnds {
    pub(crate) topic: String,
    pub(crate) ends: BTreeMap<i32, NextOffset>,
}

impl Bookmark {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(&(FORMAT, self)).expect("a bookmark is made of numbers, texts and sequences")
    }

    /// `None` for bytes of another form.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = postcard::take_from_bytes::<u32>(bytes).ok()?;
        (format == FORMAT)
            .then(|| postcard::from_bytes(rest).ok())
            .flatten()
    }

    /// For detectors that begin anew: what the former ones had buffered is read again.
    pub(crate) fn at_first_unjudged(self) -> Self {
        let unjudged = |(topic, partition, progress): (String, i32, Progress)| {
            let released = progress.released?;
            let progress = Progress {
                delivered: released,
                newest_ms: None,
                ..progress
            };
            Some((topic, partition, progress))
        };
        Self {
            partitions: self.partitions.into_iter().filter_map(unjudged).collect(),
            halves: None,
            // What was buffered lies before that place: the evidence is read from its beginning, and what was judged passed over.
            evidence: None,
            ..self
        }
    }

    /// With no state to go on from, but perhaps a former process: from the oldest record on, the state is what that one had, and
    /// what it has written is not written again.
    pub(crate) fn of_nothing(state: &StateConfig, config: &Config) -> Self {
        if state.start_from == StartFrom::Committed {
            return Self::default();
        }
        let nothing = |topic: &Option<String>| {
            topic.clone().map(|topic| TopicEnds {
                topic,
                ends: BTreeMap::new(),
            })
        };
        Self {
            others_from_oldest: true,
            timeline: config.timeline.clone().map(|path| FileEnd { path, bytes: 0 }),
            verdicts: nothing(&config.kafka.verdicts_topic),
            dead_letters: nothing(&config.kafka.dead_letter_topic),
            ..Self::default()
        }
    }

    /// Where partitions begin that are not in it.
    pub(crate) fn others(&self) -> Others {
        if self.others_from_oldest {
            Others::Oldest
        } else {
            Others::Committed
        }
    }

    /// How far these topics were read.
    pub(crate) fn progress(&self, topics: &Topics) -> BTreeMap<TopicPartition, Progress> {
        let known = self.partitions.iter().filter_map(|(topic, partition, progress)| {
            Some((topics.partition(topic, *partition)?, *progress))
        });
        known.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detectors_that_begin_anew_begin_with_what_was_not_judged_wherever_it_is_read() {
        let progress = |released| Progress {
            delivered: NextOffset(7),
            released,
            newest_ms: Some(3),
        };
        let partition = |number, released| ("predictions".to_owned(), number, progress(released));
        let bookmark = Bookmark {
            partitions: vec![partition(0, Some(NextOffset(5))), partition(1, None)],
            evidence: Some(EvidencePlace {
                topic: "evidence".to_owned(),
                next: NextOffset(90),
                sources: Vec::new(),
            }),
            ..Bookmark::default()
        };
        let anew = bookmark.at_first_unjudged();
        let begun = Progress {
            delivered: NextOffset(5),
            released: Some(NextOffset(5)),
            newest_ms: None,
        };
        assert_eq!(anew.partitions, [("predictions".to_owned(), 0, begun)]);
        assert_eq!(anew.evidence, None, "what waited lies before that place");
    }

    #[test]
    fn a_bookmark_is_read_as_it_was_written_and_belongs_to_topics_by_name() {
        let progress = Progress {
            delivered: NextOffset(7),
            released: Some(NextOffset(5)),
            newest_ms: Some(-3),
        };
        let partitions = ["predictions", "labels", "former"].map(|topic| (topic.to_owned(), 2, progress));
        let bookmark = Bookmark {
            partitions: partitions.into(),
            verdicts: Some(TopicEnds {
                topic: "verdicts".to_owned(),
                ends: BTreeMap::from([(0, NextOffset(3))]),
            }),
            released_ms: Some(-5),
            ..Bookmark::default()
        };
        let bytes = bookmark.to_bytes();
        assert_eq!(Bookmark::from_bytes(&bytes), Some(bookmark.clone()));
        assert_eq!(Bookmark::from_bytes(&bytes[..bytes.len() - 1]), None);
        let config = bellwether_ingest::Config {
            labels_topic: Some("labels".to_owned()),
            ..bellwether_ingest::Config::default()
        };
        let topics = Topics::new(&config);
        let expected = [TopicPartition::observations(2), TopicPartition::labels(2)];
        assert_eq!(
            bookmark.progress(&topics),
            expected.map(|partition| (partition, progress)).into()
        );
    }
}
