//! The memory tier: the newest observations, found by key.

use super::pending::{EventKey, PendingObservation};
use hashbrown::HashTable;
use serde::{Serialize, Serializer};
use std::collections::VecDeque;

/// Observations in the order in which they came. The table is only looked up, never walked, so its order cannot matter.
#[derive(Debug, Default)]
pub(super) struct MemoryTier {
    observations: VecDeque<(EventKey, PendingObservation)>,
    /// Observations taken out: the number of the first that is kept.
    first: u64,
    /// Numbers of the observations by their keys: small, so that most of a million fit a cache.
    numbers: HashTable<u64>,
}

/// The key of the observation of this number.
fn key_at(
    observations: &VecDeque<(EventKey, PendingObservation)>,
    first: u64,
    number: u64,
) -> Option<EventKey> {
    let at = usize::try_from(number - first).ok()?;
    observations.get(at).map(|&(key, _)| key)
}

impl MemoryTier {
    pub(super) fn len(&self) -> usize {
        self.observations.len()
    }

    /// Where the observation of that id stands.
    fn find(&self, key: EventKey) -> Option<usize> {
        let is_key = |&number: &u64| key_at(&self.observations, self.first, number) == Some(key);
        let number = self.numbers.find(key.bucket(), is_key)?;
        usize::try_from(number - self.first).ok()
    }

    pub(super) fn contains(&self, key: EventKey) -> bool {
        self.find(key).is_some()
    }

    pub(super) fn get_mut(&mut self, key: EventKey) -> Option<&mut PendingObservation> {
        let at = self.find(key)?;
        self.observations.get_mut(at).map(|(_, observation)| observation)
    }

    /// Adds the newest; its key is not known yet.
    pub(super) fn push(&mut self, key: EventKey, observation: PendingObservation) {
        let number = self.first + self.observations.len() as u64;
        self.observations.push_back((key, observation));
        let (observations, first) = (&self.observations, self.first);
        self.numbers.insert_unique(key.bucket(), number, |&number| {
            key_at(observations, first, number).map_or(0, EventKey::bucket)
        });
    }

    pub(super) fn oldest(&self) -> Option<&PendingObservation> {
        self.observations.front().map(|(_, observation)| observation)
    }

    /// Takes the oldest out.
    pub(super) fn pop(&mut self) -> Option<(EventKey, PendingObservation)> {
        let (key, observation) = self.observations.pop_front()?;
        let is_first = |&number: &u64| number == self.first;
        if let Ok(entry) = self.numbers.find_entry(key.bucket(), is_first) {
            entry.remove();
        }
        self.first += 1;
        Some((key, observation))
    }

    /// From the oldest to the newest.
    pub(super) fn all(&self) -> impl Iterator<Item = &PendingObservation> {
        self.observations.iter().map(|(_, observation)| observation)
    }
}

/// The observations; their numbers are found anew.
impl Serialize for MemoryTier {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.observations.serialize(out)
    }
}
