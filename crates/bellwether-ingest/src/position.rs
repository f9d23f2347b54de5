//! Where in the input a record stands.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Which of the two inputs a topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicKind {
    /// Prediction events.
    Observations,
    /// The truth for them, arriving later.
    Labels,
}

impl TopicKind {
    /// `observations` or `labels`, as used in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observations => "observations",
            Self::Labels => "labels",
        }
    }
}

impl fmt::Display for TopicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One partition of one of the two inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Which topic.
    pub kind: TopicKind,
    /// Which partition of it, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of the observations topic.
    #[must_use]
    pub const fn observations(partition: i32) -> Self {
        Self {
            kind: TopicKind::Observations,
            partition,
        }
    }

    /// A partition of the labels topic.
    #[must_use]
    pub const fn labels(partition: i32) -> Self {
        Self {
            kind: TopicKind::Labels,
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.partition)
    }
}

/// The offset to read next, which is what Kafka commits: one more than the last offset read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextOffset(pub i64);

impl NextOffset {
    /// The offset that follows the record at `offset`.
    #[must_use]
    pub fn after(offset: i64) -> Self {
        Self(offset.saturating_add(1))
    }
}

impl fmt::Display for NextOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
