//! The handle: the pipeline tells it what changed, and receivers are told what is due. What people ask of it is in `desk`.

use crate::deliver::Deliveries;
use crate::desk::ReceiverMetrics;
use crate::error::Error;
use crate::incident::{Incident, digest};
use crate::ledger::{Entry, Gone, Ledger, Records, Told, ToldOf};
use crate::policy::{self, Notice, Plan};
use crate::send::{Outcome, Sender};
use crate::settings::{AlertsConfig, Grouping, Receiver};
use crate::tracker::Tracker;
use bellwether_monitor::TimelineLine;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Follows incidents and tells receivers of them. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: AlertsConfig,
    // A plain mutex: the work under it is short, but for a write to the disk when an incident changes.
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug)]
pub(crate) struct State {
    tracker: Tracker,
    pub(crate) ledger: Ledger,
    pub(crate) counts: BTreeMap<String, ReceiverMetrics>,
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
        acquaint(&mut ledger, &config.receivers);
        let standing = ledger.records.entries.values().map(|entry| &entry.incident);
        let tracker = Tracker::adopting(standing.filter(|incident| incident.is_firing()).cloned());
        ledger.write();
        let counts = config.receivers.iter().map(|receiver| {
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
        let now_ms = now_ms();
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
        self.tell_news();
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
                let now_ms = now_ms();
                self.write(&mut state, now_ms);
            }
            Err(error) => {
                tracing::warn!(%error, "What the checkpoint knows of alerts cannot be read; going on with what is kept here");
            }
        }
        self.tell_news();
    }

    /// Begins to tell the receivers, until the result is dropped. To be called within a runtime of tokio.
    ///
    /// # Errors
    /// [`Error::Receiver`] when one cannot be used as it is configured.
    pub fn deliver(&self) -> Result<Deliveries, Error> {
        let senders = self.inner.config.receivers.iter();
        let senders = senders.map(|receiver| Ok((receiver.clone(), Sender::new(receiver)?)));
        let senders = senders.collect::<Result<Vec<_>, Error>>()?;
        Ok(Deliveries::start(self, senders))
    }

    /// Wakes those who look what is due.
    pub(crate) fn tell_news(&self) {
        self.inner.news.notify_waiters();
    }

    /// Who is told.
    pub(crate) fn receivers(&self) -> &[Receiver] {
        &self.inner.config.receivers
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
        policy::plan(&self.inner.config, records, receiver, now_ms())
    }

    pub(crate) fn is_anything_due(&self) -> bool {
        self.inner
            .config
            .receivers
            .iter()
            .any(|receiver| matches!(self.plan(receiver), Plan::Now(_)))
    }

    /// Notes what became of a notice.
    pub(crate) fn record(&self, receiver: &Receiver, notice: &Notice, outcome: &Outcome) {
        let now_ms = now_ms();
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

    fn is_owed(&self, records: &Records, entry: &Entry) -> bool {
        let mut receivers = self.inner.config.receivers.iter();
        receivers.any(|receiver| policy::is_owed(receiver, told_of(records, receiver, entry), entry))
    }

    pub(crate) fn write(&self, state: &mut State, now_ms: i64) {
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

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves whole values behind.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a receiver was told of an incident.
pub(crate) fn told_of<'a>(records: &'a Records, receiver: &Receiver, entry: &Entry) -> Option<&'a ToldOf> {
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

pub(crate) fn is_gone(records: &Records, receiver: &Receiver) -> bool {
    records
        .gone
        .get(&receiver.name)
        .is_some_and(|gone| gone.address == address(receiver))
}

/// Forgets receivers that are not configured any more, and tells new ones nothing of what was over before they came.
fn acquaint(ledger: &mut Ledger, receivers: &[Receiver]) {
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

/// The clock, in milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
