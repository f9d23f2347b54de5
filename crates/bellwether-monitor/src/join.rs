//! Labels find their observation, in any order, once, within bounds.

use crate::config::MonitorConfig;
use crate::outcome::{Outcome, TagIndex, outcome};
use bellwether_events::{ModelSchema, ObservationBatch, Prediction, TaskId};
use std::collections::{HashMap, VecDeque};

/// 128 bits of an `event_id`: two of a billion events share them with probability below 10⁻²⁰.
type Key = u128;

/// What a label needs of its observation.
#[derive(Debug, Clone)]
pub(crate) struct PendingObservation {
    pub(crate) task: TaskId,
    /// Step within the task; `None` when it came late and the detectors did not see it.
    pub(crate) step: Option<u64>,
    pub(crate) timestamp_ms: i64,
    pub(crate) p_novelty: f64,
    prediction: StoredPrediction,
    labelled: bool,
}

/// A prediction without borrowing its batch.
#[derive(Debug, Clone)]
enum StoredPrediction {
    Class(u32),
    Tags(Box<str>),
    Value(f64),
}

impl PendingObservation {
    pub(crate) fn new(batch: &ObservationBatch, row: usize, step: Option<u64>, p_novelty: f64) -> Self {
        Self {
            task: batch.tasks()[row],
            step,
            timestamp_ms: batch.timestamps_ms()[row],
            p_novelty,
            prediction: match batch.prediction(row) {
                Prediction::Class(class) => StoredPrediction::Class(class),
                Prediction::Tags(tags) => StoredPrediction::Tags(tags.into()),
                Prediction::Value(value) => StoredPrediction::Value(value),
            },
            labelled: false,
        }
    }

    /// How it turned out.
    pub(crate) fn outcome(&self, schema: &ModelSchema, tags: &[TagIndex], label: &str) -> Outcome {
        let prediction = match &self.prediction {
            StoredPrediction::Class(class) => Prediction::Class(*class),
            StoredPrediction::Tags(tags) => Prediction::Tags(tags),
            StoredPrediction::Value(value) => Prediction::Value(*value),
        };
        outcome(schema, self.task, &tags[self.task.index()], prediction, label)
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

/// Observations that wait for labels and labels that wait for observations. The maps are only looked up, never walked,
/// so their order cannot matter.
#[derive(Debug, Default)]
pub(crate) struct JoinTable {
    observations: HashMap<Key, PendingObservation>,
    observation_order: VecDeque<(i64, Key)>,
    labels: HashMap<Key, (i64, String)>,
    label_order: VecDeque<(i64, Key)>,
    orphans: u64,
}

fn key(event_id: &str) -> Key {
    twox_hash::XxHash3_128::oneshot(event_id.as_bytes())
}

impl JoinTable {
    /// Whether an observation of that id is known.
    pub(crate) fn contains(&self, event_id: &str) -> bool {
        self.observations.contains_key(&key(event_id))
    }

    /// Adds an observation; returns the label that waited for it, with the time it became known.
    pub(crate) fn add_observation(
        &mut self,
        event_id: &str,
        mut observation: PendingObservation,
    ) -> Option<(i64, String)> {
        let key = key(event_id);
        let waiting = self.labels.remove(&key);
        observation.labelled = waiting.is_some();
        self.observation_order.push_back((observation.timestamp_ms, key));
        self.observations.insert(key, observation);
        waiting
    }

    /// Joins a label with its observation, or lets it wait.
    pub(crate) fn add_label(&mut self, event_id: &str, label: &str, timestamp_ms: i64) -> Joined {
        let key = key(event_id);
        match self.observations.get_mut(&key) {
            Some(observation) if observation.labelled => Joined::Duplicate,
            Some(observation) => {
                observation.labelled = true;
                Joined::Observation(observation.clone())
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
        while let Some(&(at, key)) = self.observation_order.front() {
            if at >= horizon && self.observations.len() <= config.max_pending {
                break;
            }
            self.observation_order.pop_front();
            self.observations.remove(&key);
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

    /// Observations and labels that wait, and labels given up.
    pub(crate) fn sizes(&self) -> (u64, u64, u64) {
        (
            self.observations.len() as u64,
            self.labels.len() as u64,
            self.orphans,
        )
    }
}
