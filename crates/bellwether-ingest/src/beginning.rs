//! Where partitions are read from when they come to us.

use crate::position::{NextOffset, TopicPartition};
use rdkafka::Offset;
use std::collections::{BTreeMap, BTreeSet};

/// The places where partitions were left.
///
/// A place that comes from a kept state counts as it is: that state holds what lies before it and nothing else. A partition
/// that was ours earlier in this process may have been somebody else's meanwhile: what they committed is not read again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beginnings {
    left: BTreeMap<TopicPartition, NextOffset>,
    kept: BTreeSet<TopicPartition>,
    others: Others,
}

/// Where partitions are read from of which nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Others {
    /// The offsets that the group has committed; without them as `auto.offset.reset` says.
    #[default]
    Committed,
    /// The oldest records that there are, whatever the group has committed.
    Oldest,
    /// What comes from now on, whatever the group has committed.
    Newest,
}

/// Where a partition is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    At(NextOffset),
    End,
}

impl From<Begin> for Offset {
    fn from(begin: Begin) -> Self {
        match begin {
            Begin::At(next) => Self::Offset(next.0),
            Begin::End => Self::End,
        }
    }
}

impl Beginnings {
    /// Of a kept state.
    pub(crate) fn kept(left: BTreeMap<TopicPartition, NextOffset>, others: Others) -> Self {
        Self {
            kept: left.keys().copied().collect(),
            left,
            others,
        }
    }

    /// The partition was read up to here.
    pub(crate) fn read_to(&mut self, partition: TopicPartition, next: NextOffset) {
        self.left.insert(partition, next);
        self.kept.remove(&partition);
    }

    /// Whether the group's offset has a say.
    pub(crate) fn depends_on_group(&self, partition: TopicPartition) -> bool {
        self.left.contains_key(&partition) && !self.kept.contains(&partition)
    }

    /// Where to begin; `None` where the group alone decides.
    pub(crate) fn of(&self, partition: TopicPartition, committed: Option<NextOffset>) -> Option<Begin> {
        let Some(&left) = self.left.get(&partition) else {
            return match self.others {
                Others::Committed => None,
                // Where records are gone already, this is out of range, and the oldest that is left is taken.
                Others::Oldest => Some(Begin::At(NextOffset(0))),
                Others::Newest => Some(Begin::End),
            };
        };
        Some(Begin::At(if self.kept.contains(&partition) {
            left
        } else {
            committed.map_or(left, |committed| committed.max(left))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_state_decides_alone_and_what_was_left_earlier_gives_way_to_what_others_committed() {
        let at = |offset| Some(Begin::At(NextOffset(offset)));
        let (a, b) = (TopicPartition::observations(0), TopicPartition::labels(0));
        let mut beginnings = Beginnings::kept(BTreeMap::from([(a, NextOffset(5))]), Others::Committed);
        assert_eq!(beginnings.of(a, Some(NextOffset(9))), at(5));
        assert_eq!(beginnings.of(b, Some(NextOffset(9))), None);
        assert!(!beginnings.depends_on_group(a) && !beginnings.depends_on_group(b));
        beginnings.read_to(a, NextOffset(7));
        assert!(beginnings.depends_on_group(a));
        assert_eq!(beginnings.of(a, Some(NextOffset(9))), at(9));
        assert_eq!(beginnings.of(a, Some(NextOffset(6))), at(7));
        assert_eq!(beginnings.of(a, None), at(7));
        let anew = Beginnings::kept(BTreeMap::new(), Others::Oldest);
        assert_eq!(anew.of(a, Some(NextOffset(9))), at(0));
        let new = Beginnings::kept(BTreeMap::new(), Others::Newest);
        assert_eq!(new.of(a, Some(NextOffset(9))), Some(Begin::End));
    }
}
