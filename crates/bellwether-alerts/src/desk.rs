//! What people ask of incidents, and what they say to them: who takes care, when nobody is to be told.

use crate::alerts::{Alerts, is_gone, now_ms, told_of};
use crate::incident::{Call, digest};
use crate::ledger::{Acknowledgement, Entry, Records};
use crate::policy;
use crate::silence::{Matcher, Silence};
use std::collections::BTreeMap;

/// Silences that may be set at one time.
const MOST_SILENCES: usize = 1000;

/// Deliveries to one receiver since the start, and what it has still to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverMetrics {
    /// Its name.
    pub name: String,
    /// Notices that it has taken.
    pub delivered: u64,
    /// Attempts that failed and are tried again.
    pub failed: u64,
    /// Notices that it refused for good.
    pub refused: u64,
    /// Incidents of whose state it does not know yet.
    pub pending: u64,
    /// Since when the oldest of them waits, in milliseconds since the epoch.
    pub pending_since_ms: Option<i64>,
    /// Whether it wants nothing any more.
    pub gone: bool,
}

/// What can be said of alerts in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertMetrics {
    /// Incidents that stand, by what they ask for; all kinds.
    pub standing: BTreeMap<&'static str, u64>,
    /// Silences that hold.
    pub silences: u64,
    /// One entry a receiver.
    pub receivers: Vec<ReceiverMetrics>,
    /// Writes to the directory that failed since the start.
    pub failed_writes: u64,
}

/// An incident as people ask for it.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentState {
    /// The incident with what belongs to it by the clock.
    pub entry: Entry,
    /// Whether nobody is told of it now.
    pub silenced: bool,
    /// The receivers that have it as it is.
    pub told: Vec<String>,
    /// Those that have still to be told.
    pub owed: Vec<String>,
}

/// Why something cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such incident or silence.
    #[error("there is nothing of this name")]
    Unknown,
    /// It would end before it begins, or has ended already.
    #[error("it would be over at once")]
    Over,
    /// There are as many as there may be.
    #[error("there are {MOST_SILENCES} silences already")]
    TooMany,
}

impl Alerts {
    /// All incidents that are known, the newest change first.
    #[must_use]
    pub fn incidents(&self) -> Vec<IncidentState> {
        let now_ms = now_ms();
        let state = self.lock();
        let records = &state.ledger.records;
        let mut incidents: Vec<IncidentState> = records
            .entries
            .values()
            .map(|entry| self.shown(records, entry, now_ms))
            .collect();
        incidents.sort_by(|a, b| {
            let (a, b) = (&a.entry.incident, &b.entry.incident);
            b.changed.cmp(&a.changed).then_with(|| a.key.cmp(&b.key))
        });
        incidents
    }

    /// One incident.
    #[must_use]
    pub fn incident(&self, key: &str) -> Option<IncidentState> {
        let state = self.lock();
        let records = &state.ledger.records;
        records
            .entries
            .get(key)
            .map(|entry| self.shown(records, entry, now_ms()))
    }

    /// Notes that somebody takes care of an incident: it is not repeated any more.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], or [`Refusal::Over`] when the incident is.
    pub fn acknowledge(&self, key: &str, by: &str, comment: &str) -> Result<IncidentState, Refusal> {
        let now_ms = now_ms();
        let mut state = self.lock();
        let entry = state.ledger.records.entries.get(key).ok_or(Refusal::Unknown)?;
        if !entry.incident.is_firing() {
            return Err(Refusal::Over);
        }
        let acknowledgement = Acknowledgement {
            by: by.to_owned(),
            comment: comment.to_owned(),
            at_ms: now_ms,
        };
        let entry = state
            .ledger
            .acknowledge(key, acknowledgement)
            .ok_or(Refusal::Unknown)?;
        self.write(&mut state, now_ms);
        let shown = self.shown(&state.ledger.records, &entry, now_ms);
        drop(state);
        self.tell_news();
        Ok(shown)
    }

    /// Sets a silence from now on, for so many seconds.
    ///
    /// # Errors
    /// [`Refusal::Over`] for none, [`Refusal::TooMany`].
    pub fn silence_for(
        &self,
        matcher: Matcher,
        seconds: u64,
        by: &str,
        comment: &str,
    ) -> Result<Silence, Refusal> {
        let starts_ms = now_ms();
        let ends_ms =
            starts_ms.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000));
        if ends_ms <= starts_ms {
            return Err(Refusal::Over);
        }
        let mut state = self.lock();
        let now_ms = starts_ms;
        let silences = &state.ledger.records.silences;
        if silences
            .values()
            .filter(|silence| silence.ends_ms > now_ms)
            .count()
            >= MOST_SILENCES
        {
            return Err(Refusal::TooMany);
        }
        let number = silences.len();
        let parts = [
            now_ms.to_string(),
            number.to_string(),
            by.to_owned(),
            comment.to_owned(),
        ];
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let silence = Silence {
            id: format!("silence-{}", digest(&parts)),
            matcher,
            starts_ms,
            ends_ms,
            by: by.to_owned(),
            comment: comment.to_owned(),
        };
        state.ledger.put_silence(silence.clone());
        self.write(&mut state, now_ms);
        Ok(silence)
    }

    /// All silences that are kept, those that end last first.
    #[must_use]
    pub fn silences(&self) -> Vec<Silence> {
        let mut silences: Vec<Silence> = self.lock().ledger.records.silences.values().cloned().collect();
        silences.sort_by(|a, b| b.ends_ms.cmp(&a.ends_ms).then_with(|| a.id.cmp(&b.id)));
        silences
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], or [`Refusal::Over`] when it has ended.
    pub fn end_silence(&self, id: &str) -> Result<Silence, Refusal> {
        let now_ms = now_ms();
        let mut state = self.lock();
        let silence = state.ledger.records.silences.get(id).ok_or(Refusal::Unknown)?;
        if silence.ends_ms <= now_ms {
            return Err(Refusal::Over);
        }
        let ended = Silence {
            ends_ms: now_ms,
            starts_ms: silence.starts_ms.min(now_ms),
            ..silence.clone()
        };
        state.ledger.put_silence(ended.clone());
        self.write(&mut state, now_ms);
        drop(state);
        self.tell_news();
        Ok(ended)
    }

    /// What can be said in numbers.
    #[must_use]
    pub fn metrics(&self) -> AlertMetrics {
        let now_ms = now_ms();
        let state = self.lock();
        let records = &state.ledger.records;
        let mut standing: BTreeMap<&'static str, u64> =
            Call::ALL.iter().map(|call| (call.as_str(), 0)).collect();
        for entry in records
            .entries
            .values()
            .filter(|entry| entry.incident.is_firing())
        {
            *standing.entry(entry.incident.call.as_str()).or_default() += 1;
        }
        let receivers = self.receivers().iter().map(|receiver| {
            let waiting = records.entries.values().filter(|entry| {
                let silenced = || policy::is_silenced(self.config(), records, &entry.incident, now_ms);
                policy::is_owed(receiver, told_of(records, receiver, entry), entry) && !silenced()
            });
            let waiting: Vec<i64> = waiting.map(|entry| entry.changed_ms).collect();
            ReceiverMetrics {
                pending: waiting.len() as u64,
                pending_since_ms: waiting.into_iter().min(),
                gone: is_gone(records, receiver),
                ..state.counts.get(&receiver.name).cloned().unwrap_or_default()
            }
        });
        AlertMetrics {
            standing,
            silences: records
                .silences
                .values()
                .filter(|silence| silence.holds(now_ms))
                .count() as u64,
            receivers: receivers.collect(),
            failed_writes: state.ledger.failed_writes,
        }
    }

    fn shown(&self, records: &Records, entry: &Entry, now_ms: i64) -> IncidentState {
        let (mut told, mut owed) = (Vec::new(), Vec::new());
        for receiver in self.receivers() {
            let of_it = told_of(records, receiver, entry);
            if policy::is_owed(receiver, of_it, entry) {
                owed.push(receiver.name.clone());
            } else if of_it.is_some() {
                told.push(receiver.name.clone());
            }
        }
        IncidentState {
            entry: entry.clone(),
            silenced: policy::is_silenced(self.config(), records, &entry.incident, now_ms),
            told,
            owed,
        }
    }
}
