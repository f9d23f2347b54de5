//! The two topics that are read, by what they are and by name.

use crate::config::Config;
use crate::position::{TopicKind, TopicPartition};
use rdkafka::TopicPartitionList;

/// The names of the topics that are read.
#[derive(Debug, Clone)]
pub struct Topics {
    observations: String,
    labels: Option<String>,
}

impl Topics {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            observations: config.observations_topic.clone(),
            labels: config.labels_topic.clone(),
        }
    }

    /// All of them.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        std::iter::once(self.observations.as_str())
            .chain(self.labels.as_deref())
            .collect()
    }

    /// The name of a topic, `None` where it is not configured.
    #[must_use]
    pub fn name(&self, kind: TopicKind) -> Option<&str> {
        match kind {
            TopicKind::Observations => Some(&self.observations),
            TopicKind::Labels => self.labels.as_deref(),
        }
    }

    /// The partition of the topic that has this name; `None` for a topic that is neither.
    #[must_use]
    pub fn partition(&self, name: &str, partition: i32) -> Option<TopicPartition> {
        let kind = if name == self.observations {
            TopicKind::Observations
        } else if Some(name) == self.labels.as_deref() {
            TopicKind::Labels
        } else {
            return None;
        };
        Some(TopicPartition { kind, partition })
    }

    pub(crate) fn partitions(&self, list: &TopicPartitionList) -> Vec<TopicPartition> {
        list.elements()
            .iter()
            .filter_map(|element| self.partition(element.topic(), element.partition()))
            .collect()
    }
}
