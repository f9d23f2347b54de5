//! The handle: the pipeline tells it what changed, receivers are told what is due, people ask what stands.

use crate::deliver::Deliveries;
use crate::error::Error;
use crate::incident::{Call, Incident, digest};
use crate::ledger::{Acknowledgement, Entry, Gone, Ledger, Records, Told, ToldOf};
use crate::policy::{self, Notice, Plan};
use crate::send::{Outcome, Sender};
use crate::settings::{AlertsConfig, Grouping, Receiver};
use crate::silence::{Matcher, Silence};
use crate::tracker::Tracker;
use bellwether_monitor::TimelineLine;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

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

/// Follows incidents and tells receivers of them. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: AlertsConfig,
    receivers: Vec<Arc<Receiver>>,
    // A plain mutex: the work under it is short, but for a write to the disk when an incident changes.
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug)]
struct State {
    tracker: Tracker,
    ledger: Ledger,
    counts: BTreeMap<String, ReceiverMetrics>,
}

/// What a checkpoint takes along.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    tracker: Tracker,
    records: Records,
}

impl Alerts {
    /// Reads what is still to be delivered, where that is kept, and goes on from there.
    ///
    /// # Errors
    /// [`Error`] when the directory cannot be used.
    pub fn open(config: AlertsConfig) -> Result<Self, Error> {
        let ledger = match &config.directory {
            Some(directory) => Ledger::open(directory)?,
            None => Ledger::default(),
        };
        Ok(Self::with_ledger(config, ledger))
    }

    /// Follows the incidents of a monitor of this name in memory, and tells nobody.
    #[must_use]
    pub fn in_memory(source: impl Into<String>) -> Self {
        let config = AlertsConfig {
            source: source.into(),
            ..AlertsConfig::default()
        };
        Self::with_ledger(config, Ledger::default())
    }

    fn with_ledger(config: AlertsConfig, mut ledger: Ledger) -> Self {
        let receivers: Vec<Arc<Receiver>> = config.receivers.iter().cloned().map(Arc::new).collect();
        acquaint(&mut ledger, &receivers);
        let standing = ledger.records.entries.values().map(|entry| &entry.incident);
        let tracker = Tracker::adopting(standing.filter(|incident| incident.is_firing()).cloned());
        ledger.write();
        let counts = receivers.iter().map(|receiver| {
            let name = receiver.name.clone();
            (
                name.clone(),
                ReceiverMetrics {
                    name,
                    ..ReceiverMetrics::default()
                },
            )
        });
        let state = State {
            tracker,
            ledger,
            counts: counts.collect(),
        };
        Self {
            inner: Arc::new(Inner {
                config,
                receivers,
                state: Mutex::new(state),
                news: Notify::new(),
            }),
        }
    }

    /// Takes lines of the timeline, in order. What they change is durable when this returns, where a directory is configured.
    /// Lines that were taken before a crash and come again change nothing.
    pub fn lines(&self, lines: &[TimelineLine]) {
        if lines.is_empty() {
            return;
        }
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let State { tracker, ledger, .. } = &mut *state;
        for line in lines {
            for incident in tracker.observe(&self.inner.config.source, line) {
                ledger.put_incident(incident, now_ms);
            }
        }
        if let Some(last) = lines.last() {
            let standing: BTreeSet<&str> = tracker.standing().map(|incident| incident.key.as_str()).collect();
            ledger.end_orphans(&standing, &last.timestamp, now_ms);
        }
        self.write(&mut state, now_ms);
        drop(state);
        self.inner.news.notify_waiters();
    }

    /// What belongs into a checkpoint, to go on from it here or on another machine.
    #[must_use]
    pub fn mark(&self) -> Vec<u8> {
        let state = self.lock();
        let records = state
            .ledger
            .for_checkpoint(|entry| self.is_owed(&state.ledger.records, entry));
        let mark = Mark {
            tracker: state.tracker.clone(),
            records,
        };
        // Texts and numbers can always be written.
        serde_json::to_vec(&mark).unwrap_or_default()
    }

    /// Goes on from a checkpoint. What was decided after it is known from the directory, if that is still there.
    pub fn resume(&self, mark: &[u8]) {
        match serde_json::from_slice::<Mark>(mark) {
            Ok(mark) => {
                let mut state = self.lock();
                state.tracker = mark.tracker;
                state.ledger.merge(mark.records);
                let now_ms = self.now_ms();
                self.write(&mut state, now_ms);
            }
            Err(error) => {
                tracing::warn!(%error, "What the checkpoint knows of alerts cannot be read; going on with what is kept here");
            }
        }
        self.inner.news.notify_waiters();
    }

    /// Begins to tell the receivers, until the result is dropped. To be called within a runtime of tokio.
    ///
    /// # Errors
    /// [`Error::Receiver`] when one cannot be used as it is configured.
    pub fn deliver(&self) -> Result<Deliveries, Error> {
        let senders = self.inner.receivers.iter();
        let senders = senders.map(|receiver| Ok((Arc::clone(receiver), Sender::new(receiver)?)));
        let senders = senders.collect::<Result<Vec<_>, Error>>()?;
        Ok(Deliveries::start(self, senders))
    }

    /// All incidents that are known, the newest change first.
    #[must_use]
    pub fn incidents(&self) -> Vec<IncidentState> {
        let now_ms = self.now_ms();
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
            .map(|entry| self.shown(records, entry, self.now_ms()))
    }

    /// Notes that somebody takes care of an incident: it is not repeated any more.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], or [`Refusal::Over`] when the incident is.
    pub fn acknowledge(&self, key: &str, by: &str, comment: &str) -> Result<IncidentState, Refusal> {
        let now_ms = self.now_ms();
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
        self.inner.news.notify_waiters();
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
        let starts_ms = self.now_ms();
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
        let now_ms = self.now_ms();
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
        self.inner.news.notify_waiters();
        Ok(ended)
    }

    /// What can be said in numbers.
    #[must_use]
    pub fn metrics(&self) -> AlertMetrics {
        let now_ms = self.now_ms();
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
        let receivers = self.inner.receivers.iter().map(|receiver| {
            let waiting = records.entries.values().filter(|entry| {
                let silenced = || policy::is_silenced(&self.inner.config, records, &entry.incident, now_ms);
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

    /// What is configured.
    #[must_use]
    pub fn config(&self) -> &AlertsConfig {
        &self.inner.config
    }

    /// What is due for a receiver.
    pub(crate) fn plan(&self, receiver: &Receiver) -> Plan {
        let state = self.lock();
        let records = &state.ledger.records;
        if is_gone(records, receiver) {
            return Plan::Nothing;
        }
        policy::plan(&self.inner.config, records, receiver, self.now_ms())
    }

    pub(crate) fn is_anything_due(&self) -> bool {
        self.inner
            .receivers
            .iter()
            .any(|receiver| matches!(self.plan(receiver), Plan::Now(_)))
    }

    /// Notes what became of a notice.
    pub(crate) fn record(&self, receiver: &Receiver, notice: &Notice, outcome: &Outcome) {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let State { ledger, counts, .. } = &mut *state;
        let counts = counts.entry(receiver.name.clone()).or_default();
        match outcome {
            Outcome::Delivered => counts.delivered += 1,
            Outcome::Refused { .. } => counts.refused += 1,
            Outcome::Later { .. } => {
                counts.failed += 1;
                return;
            }
            Outcome::Gone => {
                counts.refused += 1;
                let gone = Gone {
                    address: address(receiver),
                    since_ms: now_ms,
                };
                ledger.set_gone(&receiver.name, Some(gone));
                self.write(&mut state, now_ms);
                return;
            }
        }
        // What is refused is not tried again: the receiver is taken to know.
        let group = (receiver.name.clone(), notice.group.clone());
        let before = ledger.records.told.get(&group).cloned().unwrap_or_default();
        ledger.put_told(group, policy::told(&before, notice, now_ms));
        self.write(&mut state, now_ms);
    }

    /// Waits for news, and no longer than this.
    pub(crate) async fn wait(&self, most: Duration) {
        let _ = tokio::time::timeout(most, self.inner.news.notified()).await;
    }

    /// How long it is until a time.
    pub(crate) fn until(&self, at_ms: i64) -> Duration {
        Duration::from_millis(u64::try_from(at_ms - self.now_ms()).unwrap_or(0))
    }

    /// The clock.
    #[expect(clippy::unused_self, reason = "time is asked for in one place")]
    pub(crate) fn now_ms(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
    }

    fn shown(&self, records: &Records, entry: &Entry, now_ms: i64) -> IncidentState {
        let (mut told, mut owed) = (Vec::new(), Vec::new());
        for receiver in &self.inner.receivers {
            let of_it = told_of(records, receiver, entry);
            if policy::is_owed(receiver, of_it, entry) {
                owed.push(receiver.name.clone());
            } else if of_it.is_some() {
                told.push(receiver.name.clone());
            }
        }
        IncidentState {
            entry: entry.clone(),
            silenced: policy::is_silenced(&self.inner.config, records, &entry.incident, now_ms),
            told,
            owed,
        }
    }

    fn is_owed(&self, records: &Records, entry: &Entry) -> bool {
        let mut receivers = self.inner.receivers.iter();
        receivers.any(|receiver| policy::is_owed(receiver, told_of(records, receiver, entry), entry))
    }

    fn write(&self, state: &mut State, now_ms: i64) {
        let records = &state.ledger.records;
        let owed: BTreeSet<String> = records
            .entries
            .iter()
            .filter(|(_, entry)| self.is_owed(records, entry))
            .map(|(key, _)| key.clone())
            .collect();
        state
            .ledger
            .prune(now_ms, |entry| owed.contains(&entry.incident.key));
        state.ledger.write();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves whole values behind.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a receiver was told of an incident.
fn told_of<'a>(records: &'a Records, receiver: &Receiver, entry: &Entry) -> Option<&'a ToldOf> {
    let key = &entry.incident.key;
    let group = match receiver.grouping {
        Grouping::Incident => key.clone(),
        Grouping::Model => String::new(),
    };
    records
        .told
        .get(&(receiver.name.clone(), group))?
        .incidents
        .get(key)
}

fn address(receiver: &Receiver) -> String {
    digest(&[receiver.url.reveal()])
}

fn is_gone(records: &Records, receiver: &Receiver) -> bool {
    records
        .gone
        .get(&receiver.name)
        .is_some_and(|gone| gone.address == address(receiver))
}

/// Forgets receivers that are not configured any more, and tells new ones nothing of what was over before they came.
fn acquaint(ledger: &mut Ledger, receivers: &[Arc<Receiver>]) {
    let known: BTreeSet<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    ledger.forget_receivers(&known);
    let ended: Vec<Incident> = ledger
        .records
        .entries
        .values()
        .map(|entry| &entry.incident)
        .filter(|i| !i.is_firing())
        .cloned()
        .collect();
    for receiver in receivers {
        let all = (receiver.name.clone(), String::new());
        if ledger.records.told.contains_key(&all) {
            continue;
        }
        let mut told: BTreeMap<String, Told> = BTreeMap::from([(String::new(), Told::default())]);
        for incident in &ended {
            let group = match receiver.grouping {
                Grouping::Incident => incident.key.clone(),
                Grouping::Model => String::new(),
            };
            let of_it = ToldOf {
                revision: incident.revision,
                firing: false,
                severity: incident.severity(),
                acknowledged: false,
            };
            told.entry(group)
                .or_default()
                .incidents
                .insert(incident.key.clone(), of_it);
        }
        for (group, told) in told {
            ledger.put_told((receiver.name.clone(), group), told);
        }
    }
}
