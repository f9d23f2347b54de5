//! Labels find their observation, in any order, once, within bounds.
//!
//! The newest observations lie in memory. With a store, older ones lie there; without one, they are given up when there
//! are too many. What is said of a stream is the same either way, as long as nothing is given up for its number.

mod disk;
mod memory;
mod pending;

pub use disk::{PendingError, PendingStore};
pub(crate) use pending::{EventKey, PendingObservation};

use crate::config::MonitorConfig;
use crate::hashed::AlreadyHashed;
use crate::reference::Reference;
use crate::snapshot::{Reader, SnapshotError, State, Writer};
use bellwether_events::TaskId;
use disk::DiskTier;
use memory::MemoryTier;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::ops::Range;

/// What became of a label.
#[derive(Debug)]
pub(crate) enum Joined {
    /// Its observation, at the first label.
    Observation(PendingObservation),
    /// The observation has a label already: the first counts.
    Duplicate,
    /// The observation has not come yet; the label waits.
    Waits,
}

/// What was given up: what never found the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evictions {
    pub(crate) observations_by_age: u64,
    pub(crate) observations_by_number: u64,
    pub(crate) labels_by_age: u64,
    pub(crate) labels_by_number: u64,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) observations: u64,
    /// Of them, those in the store.
    pub(crate) on_disk: u64,
    pub(crate) labels: u64,
}

/// Observations that wait for labels and labels that wait for observations. The table of labels is only looked up, never
/// walked, so its order cannot matter.
#[derive(Debug, Default)]
pub(crate) struct JoinTable {
    memory: MemoryTier,
    /// What came before all that is in memory.
    disk: Option<DiskTier>,
    labels: HashMap<EventKey, (i64, String), BuildHasherDefault<AlreadyHashed>>,
    label_order: VecDeque<(i64, EventKey)>,
    evictions: Evictions,
}

impl JoinTable {
    /// A table whose older observations lie in a store.
    pub(crate) fn with_store(store: Box<dyn PendingStore>) -> Self {
        Self {
            disk: Some(DiskTier::new(store)),
            ..Self::default()
        }
    }

    /// Whether an observation of that id is known.
    pub(crate) fn contains(&self, key: EventKey) -> Result<bool, PendingError> {
        match &self.disk {
            Some(disk) if !self.memory.contains(key) => disk.contains(key),
            _ => Ok(self.memory.contains(key)),
        }
    }

    /// The label that waited for an observation, with the time it became known.
    pub(crate) fn take_label(&mut self, key: EventKey) -> Option<(i64, String)> {
        self.labels.remove(&key)
    }

    /// Adds an observation that is not known yet, to wait for its label.
    pub(crate) fn add_waiting(&mut self, key: EventKey, observation: PendingObservation) {
        self.memory.push(key, observation);
    }

    /// Adds an observation whose label is known: another label for it is a duplicate.
    pub(crate) fn add_labelled(&mut self, key: EventKey, mut observation: PendingObservation) {
        observation.label();
        self.memory.push(key, observation);
    }

    /// Joins a label with its observation, or lets it wait. What comes from a store is asked whether it is of the model: what is
    /// not must not reach what is indexed by it.
    pub(crate) fn add_label(
        &mut self,
        event_id: &str,
        label: &str,
        timestamp_ms: i64,
        of_model: impl Fn(&PendingObservation) -> bool,
    ) -> Result<Joined, PendingError> {
        let key = EventKey::of(event_id);
        let known = match (self.memory.get_mut(key), &mut self.disk) {
            (Some(observation), _) => Some(observation.label()),
            (None, Some(disk)) => {
                let known = disk.label(key)?;
                if known.as_ref().is_some_and(|observation| !of_model(observation)) {
                    return Err(PendingError::foreign());
                }
                known
            }
            (None, None) => None,
        };
        Ok(match known {
            Some(observation) if observation.labelled => Joined::Duplicate,
            Some(observation) => Joined::Observation(observation),
            None if self.labels.contains_key(&key) => Joined::Duplicate,
            None => {
                self.labels.insert(key, (timestamp_ms, label.to_owned()));
                self.label_order.push_back((timestamp_ms, key));
                Joined::Waits
            }
        })
    }

    /// Gives up what is older than the retention or beyond the bound, oldest first, and moves what is too much for memory to
    /// the store. After every event: what is known must not depend on how the stream is cut.
    pub(crate) fn settle(&mut self, now_ms: i64, config: &MonitorConfig) -> Result<(), PendingError> {
        let horizon = now_ms.saturating_sub(config.label_retention_ms);
        while let Some((at, labelled)) = self.oldest()? {
            let too_old = at < horizon;
            if !too_old && self.observations() <= config.max_pending {
                break;
            }
            self.give_up_oldest()?;
            if !labelled {
                let (by_age, by_number) = (too_old, !too_old);
                self.evictions.observations_by_age += u64::from(by_age);
                self.evictions.observations_by_number += u64::from(by_number);
            }
        }
        self.give_up_labels(horizon, config.max_pending_labels());
        if let Some(disk) = &mut self.disk {
            while self.memory.len() > config.max_pending_in_memory
                && let Some((key, observation)) = self.memory.pop()
            {
                disk.push(key, &observation)?;
            }
        }
        Ok(())
    }

    fn give_up_labels(&mut self, horizon: i64, most: usize) {
        while let Some(&(at, key)) = self.label_order.front() {
            let too_old = at < horizon;
            if !too_old && self.labels.len() <= most {
                break;
            }
            self.label_order.pop_front();
            // A label that found its observation left the map but not the queue.
            if self.labels.remove(&key).is_some() {
                self.evictions.labels_by_age += u64::from(too_old);
                self.evictions.labels_by_number += u64::from(!too_old);
            }
        }
    }

    /// Time of the oldest observation, and whether it has a label.
    fn oldest(&mut self) -> Result<Option<(i64, bool)>, PendingError> {
        if let Some(disk) = &mut self.disk
            && let Some(oldest) = disk.oldest()?
        {
            return Ok(Some(oldest));
        }
        let oldest = self.memory.oldest();
        Ok(oldest.map(|observation| (observation.timestamp_ms, observation.labelled)))
    }

    fn give_up_oldest(&mut self) -> Result<(), PendingError> {
        match &mut self.disk {
            Some(disk) if disk.len() > 0 => disk.pop(),
            _ => {
                self.memory.pop();
                Ok(())
            }
        }
    }

    fn observations(&self) -> usize {
        self.memory.len() + self.disk.as_ref().map_or(0, DiskTier::len)
    }

    /// The part of the store that is this table's; empty without a store.
    pub(crate) fn span(&self) -> Range<u64> {
        self.disk.as_ref().map_or(0..0, DiskTier::span)
    }

    /// Whether all that waits in memory is of this reference; `slices` tells how many slices a task has.
    pub(crate) fn fits(&self, reference: &Reference, slices: impl Fn(TaskId) -> usize) -> bool {
        let mut waiting = self.memory.all();
        waiting.all(|observation| observation.fits(reference, &slices))
    }

    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {
            observations: self.observations() as u64,
            on_disk: self.disk.as_ref().map_or(0, DiskTier::len) as u64,
            labels: self.labels.len() as u64,
        }
    }

    pub(crate) fn evictions(&self) -> Evictions {
        self.evictions
    }
}

/// Where observations stand is found anew; of those in the store only the span is written; labels are written in the order
/// of their keys.
impl State for JoinTable {
    fn write(&self, out: &mut Writer) {
        let mut labels: Vec<_> = self.labels.iter().collect();
        labels.sort_unstable_by_key(|(key, _)| key.0);
        out.put(&self.span());
        out.put(&(&self.memory, labels, &self.label_order, self.evictions));
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let (snapshot, store): (Range<u64>, _) = (from.take()?, self.span());
        if snapshot != store && !(snapshot.is_empty() && store.is_empty()) {
            return Err(SnapshotError::OtherPendingStore { snapshot, store });
        }
        let (observations, labels, label_order, evictions): (Vec<_>, Vec<_>, _, _) = from.take()?;
        for (key, observation) in observations {
            self.memory.push(key, observation);
        }
        self.labels = labels.into_iter().collect();
        (self.label_order, self.evictions) = (label_order, evictions);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_events::{ModelSchema, ObservationBatch, ObservationRow, Prediction, TaskKind, TaskSpec};
    use std::collections::BTreeMap;

    fn observation(event_id: &str, timestamp_ms: i64) -> PendingObservation {
        let spec = TaskSpec {
            kind: TaskKind::Regression,
            labels: Vec::new(),
        };
        let schema =
            ModelSchema::new(BTreeMap::from([("size".to_owned(), spec)]), 1).expect("a sound schema");
        let mut builder = ObservationBatch::builder(&schema, 1);
        builder.push(&ObservationRow {
            event_id,
            task: TaskId(0),
            timestamp_ms,
            text: None,
            embedding: &[1.0],
            prediction: Prediction::Value(2.0),
            probabilities: &[],
            attributes: &[],
            model_version: None,
        });
        PendingObservation::new(&builder.finish(), 0, None, 0.5, None)
    }

    fn waiting(table: &JoinTable) -> (u64, u64) {
        (table.waiting().observations, table.waiting().labels)
    }

    fn label(table: &mut JoinTable, event_id: &str, label: &str, at: i64) -> Joined {
        table.add_label(event_id, label, at, |_| true).expect("in memory")
    }

    #[test]
    fn a_label_finds_its_observation_in_either_order_and_once() {
        let mut table = JoinTable::default();
        assert!(matches!(label(&mut table, "late", "3", 10), Joined::Waits));
        assert!(
            matches!(label(&mut table, "late", "4", 11), Joined::Duplicate),
            "the first counts"
        );
        assert_eq!(table.take_label(EventKey::of("late")), Some((10, "3".to_owned())));
        table.add_labelled(EventKey::of("late"), observation("late", 5));
        assert!(matches!(label(&mut table, "late", "5", 12), Joined::Duplicate));

        assert_eq!(table.take_label(EventKey::of("early")), None);
        table.add_waiting(EventKey::of("early"), observation("early", 6));
        let joined = label(&mut table, "early", "3", 13);
        assert!(matches!(joined, Joined::Observation(o) if o.timestamp_ms == 6));
        assert!(matches!(label(&mut table, "early", "3", 14), Joined::Duplicate));
        assert_eq!(waiting(&table), (2, 0));
    }

    #[test]
    fn what_waits_is_bounded_by_age_and_number_and_what_is_given_up_is_counted() {
        let mut table = JoinTable::default();
        for i in 0..10 {
            table.add_waiting(EventKey::of(&format!("o{i}")), observation("o", i));
            label(&mut table, &format!("l{i}"), "1", i);
        }
        label(&mut table, "o0", "1", 9);
        let by_age = MonitorConfig {
            label_retention_ms: 100,
            ..MonitorConfig::default()
        };
        table.settle(104, &by_age).expect("in memory");
        assert_eq!(waiting(&table), (6, 6));
        let by_number = MonitorConfig {
            max_pending: 2,
            ..by_age
        };
        table.settle(104, &by_number).expect("in memory");
        assert_eq!(waiting(&table), (2, 2));
        let known = |id| table.contains(EventKey::of(id)).expect("in memory");
        assert!(!known("o7") && known("o8"), "the oldest go first");
        let expected = Evictions {
            observations_by_age: 3,
            observations_by_number: 4,
            labels_by_age: 4,
            labels_by_number: 4,
        };
        assert_eq!(table.evictions(), expected, "o0 had its label");
    }
}
