//! Labels find their observation, in any order, once, within bounds.

use crate::config::MonitorConfig;
use crate::hashed::AlreadyHashed;
use crate::outcome::{TagIndex, facts};
use crate::prediction::StoredPrediction;
use crate::quality::{Facts, StoredProbabilities};
use crate::recent::Place;
use crate::reference::Reference;
use crate::selection::STRATA;
use crate::snapshot::{Reader, SnapshotError, State, Writer};
use bellwether_events::{ModelSchema, ObservationBatch, TaskId};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

/// 128 bits of an `event_id`: two of a billion events share them with probability below 10⁻²⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "[u8; 16]", from = "[u8; 16]")]
pub(crate) struct EventKey(u128);

impl From<EventKey> for [u8; 16] {
    fn from(key: EventKey) -> Self {
        key.0.to_le_bytes()
    }
}

impl From<[u8; 16]> for EventKey {
    fn from(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }
}

impl EventKey {
    pub(crate) fn of(event_id: &str) -> Self {
        Self(twox_hash::XxHash3_128::oneshot(event_id.as_bytes()))
    }

    /// They are a hash already.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of the bits are enough to find a bucket"
    )]
    fn bucket(self) -> u64 {
        self.0 as u64
    }
}

/// What a label needs of its observation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingObservation {
    pub(crate) task: TaskId,
    /// Place within the task; `None` when it came late and the detectors did not see it.
    pub(crate) place: Option<Place>,
    pub(crate) timestamp_ms: i64,
    pub(crate) p_novelty: f64,
    prediction: StoredPrediction,
    /// Of the prediction; NaN without.
    confidence: f32,
    /// Of a classification whose task has few enough classes, until the label comes: two bytes a class.
    probabilities: Option<StoredProbabilities>,
    labelled: bool,
}

impl PendingObservation {
    pub(crate) fn new(
        batch: &ObservationBatch,
        row: usize,
        place: Option<Place>,
        p_novelty: f64,
        probabilities: Option<StoredProbabilities>,
    ) -> Self {
        Self {
            task: batch.tasks()[row],
            place,
            timestamp_ms: batch.timestamps_ms()[row],
            p_novelty,
            prediction: StoredPrediction::of(batch.prediction(row)),
            confidence: batch.confidences()[row],
            probabilities,
            labelled: false,
        }
    }

    /// Whether it is of this reference; `slices` tells how many slices a task has.
    fn fits(&self, reference: &Reference, slices: impl Fn(TaskId) -> usize) -> bool {
        self.prediction.fits(self.task, reference)
            && self
                .probabilities
                .as_ref()
                .is_none_or(|p| p.classes() == reference.task(self.task).classes)
            && self.place.is_none_or(|place| {
                place.stratum.is_none_or(|stratum| stratum < STRATA) && place.slices.fits(slices(self.task))
            })
    }

    /// It beside its label; `None` when the label cannot be read for the task.
    pub(crate) fn facts(&self, schema: &ModelSchema, tags: &[TagIndex], label: &str) -> Option<Facts> {
        let tags = &tags[self.task.index()];
        let probabilities = self.probabilities.clone();
        facts(
            schema,
            self.task,
            tags,
            self.prediction.get(),
            label,
            self.confidence,
            probabilities,
        )
    }
}

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

/// Observations that wait for labels and labels that wait for observations. The tables are only looked up, never walked,
/// so their order cannot matter.
#[derive(Debug, Default)]
pub(crate) struct JoinTable {
    /// In the order in which they came.
    observations: VecDeque<(EventKey, PendingObservation)>,
    /// Observations given up: the number of the first that is kept.
    first: u64,
    /// Numbers of the observations by their keys: small, so that most of a million fit a cache.
    numbers: HashTable<u64>,
    labels: HashMap<EventKey, (i64, String), BuildHasherDefault<AlreadyHashed>>,
    label_order: VecDeque<(i64, EventKey)>,
    orphans: u64,
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

impl JoinTable {
    /// Whether an observation of that id is known.
    pub(crate) fn contains(&self, key: EventKey) -> bool {
        self.find(key).is_some()
    }

    /// Where the observation of that id stands.
    fn find(&self, key: EventKey) -> Option<usize> {
        let is_key = |&number: &u64| key_at(&self.observations, self.first, number) == Some(key);
        let number = self.numbers.find(key.bucket(), is_key)?;
        usize::try_from(number - self.first).ok()
    }

    /// The label that waited for an observation, with the time it became known.
    pub(crate) fn take_label(&mut self, key: EventKey) -> Option<(i64, String)> {
        self.labels.remove(&key)
    }

    /// Adds an observation that is not known yet, to wait for its label.
    pub(crate) fn add_waiting(&mut self, key: EventKey, observation: PendingObservation) {
        let number = self.first + self.observations.len() as u64;
        self.observations.push_back((key, observation));
        let (observations, first) = (&self.observations, self.first);
        self.numbers.insert_unique(key.bucket(), number, |&number| {
            key_at(observations, first, number).map_or(0, EventKey::bucket)
        });
    }

    /// Adds an observation whose label is known: another label for it is a duplicate.
    pub(crate) fn add_labelled(&mut self, key: EventKey, observation: PendingObservation) {
        let labelled = PendingObservation {
            labelled: true,
            probabilities: None,
            ..observation
        };
        self.add_waiting(key, labelled);
    }

    /// Joins a label with its observation, or lets it wait.
    pub(crate) fn add_label(&mut self, event_id: &str, label: &str, timestamp_ms: i64) -> Joined {
        let key = EventKey::of(event_id);
        let known = self.find(key).and_then(|at| self.observations.get_mut(at));
        match known {
            Some((_, observation)) if observation.labelled => Joined::Duplicate,
            Some((_, observation)) => {
                observation.labelled = true;
                // The first label counts, so no other will ask for them.
                let probabilities = observation.probabilities.take();
                Joined::Observation(PendingObservation {
                    probabilities,
                    ..observation.clone()
                })
            }
            None if self.labels.contains_key(&key) => Joined::Duplicate,
            None => {
                self.labels.insert(key, (timestamp_ms, label.to_owned()));
                self.label_order.push_back((timestamp_ms, key));
                Joined::Waits
            }
        }
    }

    /// Gives up what is older than the retention or beyond the bound, oldest first.
    pub(crate) fn evict(&mut self, now_ms: i64, config: &MonitorConfig) {
        let horizon = now_ms.saturating_sub(config.label_retention_ms);
        while let Some((key, oldest)) = self.observations.front() {
            if oldest.timestamp_ms >= horizon && self.observations.len() <= config.max_pending {
                break;
            }
            if let Ok(entry) = self
                .numbers
                .find_entry(key.bucket(), |&number| number == self.first)
            {
                entry.remove();
            }
            self.observations.pop_front();
            self.first += 1;
        }
        while let Some(&(at, key)) = self.label_order.front() {
            if at >= horizon && self.labels.len() <= config.max_pending {
                break;
            }
            self.label_order.pop_front();
            // A label that found its observation left the map but not the queue.
            if self.labels.remove(&key).is_some() {
                self.orphans += 1;
            }
        }
    }

    /// Whether all that waits is of this reference; `slices` tells how many slices a task has.
    pub(crate) fn fits(&self, reference: &Reference, slices: impl Fn(TaskId) -> usize) -> bool {
        let mut waiting = self.observations.iter();
        waiting.all(|(_, observation)| observation.fits(reference, &slices))
    }

    /// Observations and labels that wait, and labels given up.
    pub(crate) fn sizes(&self) -> (u64, u64, u64) {
        (
            self.observations.len() as u64,
            self.labels.len() as u64,
            self.orphans,
        )
    }
}

/// Where observations stand is found anew; labels are written in the order of their keys.
impl State for JoinTable {
    fn write(&self, out: &mut Writer) {
        let mut labels: Vec<_> = self.labels.iter().collect();
        labels.sort_unstable_by_key(|(key, _)| key.0);
        out.put(&(&self.observations, labels, &self.label_order, self.orphans));
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let (observations, labels, label_order, orphans): (Vec<_>, Vec<_>, _, _) = from.take()?;
        for (key, observation) in observations {
            self.add_waiting(key, observation);
        }
        self.labels = labels.into_iter().collect();
        (self.label_order, self.orphans) = (label_order, orphans);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_events::{ObservationRow, Prediction, TaskKind, TaskSpec};
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

    #[test]
    fn a_label_finds_its_observation_in_either_order_and_once() {
        let mut table = JoinTable::default();
        assert!(matches!(table.add_label("late", "3", 10), Joined::Waits));
        assert!(
            matches!(table.add_label("late", "4", 11), Joined::Duplicate),
            "the first counts"
        );
        assert_eq!(table.take_label(EventKey::of("late")), Some((10, "3".to_owned())));
        table.add_labelled(EventKey::of("late"), observation("late", 5));
        assert!(matches!(table.add_label("late", "5", 12), Joined::Duplicate));

        assert_eq!(table.take_label(EventKey::of("early")), None);
        table.add_waiting(EventKey::of("early"), observation("early", 6));
        assert!(matches!(table.add_label("early", "3", 13), Joined::Observation(o) if o.timestamp_ms == 6));
        assert!(matches!(table.add_label("early", "3", 14), Joined::Duplicate));
        assert_eq!(table.sizes(), (2, 0, 0));
    }

    #[test]
    fn what_waits_is_bounded_by_age_and_number_and_what_is_given_up_is_counted() {
        let mut table = JoinTable::default();
        for i in 0..10 {
            table.add_waiting(EventKey::of(&format!("o{i}")), observation("o", i));
            table.add_label(&format!("l{i}"), "1", i);
        }
        let by_age = MonitorConfig {
            label_retention_ms: 100,
            ..MonitorConfig::default()
        };
        table.evict(104, &by_age);
        assert_eq!(table.sizes(), (6, 6, 4));
        let by_number = MonitorConfig {
            max_pending: 2,
            ..by_age
        };
        table.evict(104, &by_number);
        assert_eq!(table.sizes(), (2, 2, 8));
        assert!(
            !table.contains(EventKey::of("o7")) && table.contains(EventKey::of("o8")),
            "the oldest go first"
        );
    }
}
