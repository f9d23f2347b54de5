//! What is known of incidents, and who was told what: in memory, and on disk before anybody is told.

use crate::error::Error;
use crate::incident::{End, Incident, Severity};
use crate::silence::Silence;
use crate::store::Store;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Incidents that are over and known to whoever is told of them; more are forgotten, the oldest first.
const MOST_ENDED: usize = 1000;
/// How long a silence that is over is kept, so that nobody is told late of what ended under it.
const SILENCES_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// An incident with what belongs to it by the clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The incident.
    pub incident: Incident,
    /// When it was decided here, in milliseconds since the epoch, by the clock.
    pub decided_ms: i64,
    /// When its last change was.
    pub changed_ms: i64,
    /// Whether somebody takes care of it.
    pub acknowledged: Option<Acknowledgement>,
}

/// That somebody takes care of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// What they say.
    pub comment: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
}

/// What a receiver was told of an incident last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToldOf {
    pub(crate) revision: u32,
    pub(crate) firing: bool,
    pub(crate) severity: Severity,
    pub(crate) acknowledged: bool,
}

/// What a receiver was told of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Notices so far.
    pub(crate) sequence: u64,
    /// When the last was, in milliseconds since the epoch.
    pub(crate) last_ms: Option<i64>,
    pub(crate) incidents: BTreeMap<String, ToldOf>,
}

/// A receiver that wants nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gone {
    /// Digest of its address: another address is another receiver.
    pub(crate) address: String,
    pub(crate) since_ms: i64,
}

/// Receiver and group.
pub(crate) type Group = (String, String);

/// All of it; what is kept on disk, and what a checkpoint takes along.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Records {
    pub(crate) entries: BTreeMap<String, Entry>,
    #[serde(with = "pairs")]
    pub(crate) told: BTreeMap<Group, Told>,
    pub(crate) gone: BTreeMap<String, Gone>,
    pub(crate) silences: BTreeMap<String, Silence>,
}

/// JSON has texts as keys alone.
mod pairs {
    use super::{Group, Told};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Group, Told>, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Group, Told>, D::Error> {
        Ok(Vec::<(Group, Told)>::deserialize(from)?.into_iter().collect())
    }
}

/// The records with their disk.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) records: Records,
    store: Option<Store>,
    /// Keys of what has changed since it was written.
    changed: BTreeSet<Key>,
    /// Writes that failed since the start.
    pub(crate) failed_writes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Entry(String),
    Told(Group),
    Gone(String),
    Silence(String),
}

/// Receivers and groups are told apart by what no name holds.
const BETWEEN: char = '\u{1f}';

impl Key {
    fn text(&self) -> String {
        match self {
            Self::Entry(key) => format!("incident/{key}"),
            Self::Told((receiver, group)) => format!("told/{receiver}{BETWEEN}{group}"),
            Self::Gone(receiver) => format!("gone/{receiver}"),
            Self::Silence(id) => format!("silence/{id}"),
        }
    }
}

impl Ledger {
    /// Reads what is in a directory, or begins it.
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        let (store, found) = Store::open(directory)?;
        let mut records = Records::default();
        for (key, value) in found {
            if !records.take(&key, &value) {
                tracing::warn!(key, "A record of alerts cannot be read; it is passed over");
            }
        }
        Ok(Self {
            records,
            store: Some(store),
            ..Self::default()
        })
    }

    /// Takes a newer state of an incident; one that is known already, as after a restart, changes nothing.
    pub(crate) fn put_incident(&mut self, incident: Incident, now_ms: i64) {
        let key = incident.key.clone();
        match self.records.entries.get_mut(&key) {
            Some(entry) if entry.incident.revision >= incident.revision => return,
            Some(entry) => {
                entry.incident = incident;
                entry.changed_ms = now_ms;
            }
            None => {
                let entry = Entry {
                    incident,
                    decided_ms: now_ms,
                    changed_ms: now_ms,
                    acknowledged: None,
                };
                self.records.entries.insert(key.clone(), entry);
            }
        }
        self.changed.insert(Key::Entry(key));
    }

    /// Ends what stands here and is not among what stands by the timeline, which has gone past it: it was decided before a
    /// crash on what came differently after it.
    pub(crate) fn end_orphans(&mut self, standing: &BTreeSet<&str>, timestamp: &str, now_ms: i64) {
        for (key, entry) in &mut self.records.entries {
            let incident = &mut entry.incident;
            if incident.is_firing() && !standing.contains(key.as_str()) && *incident.changed < *timestamp {
                incident.revision += 1;
                incident.end = Some(End::Recovered);
                timestamp.clone_into(&mut incident.changed);
                entry.changed_ms = now_ms;
                self.changed.insert(Key::Entry(key.clone()));
            }
        }
    }

    pub(crate) fn acknowledge(&mut self, key: &str, by: Acknowledgement) -> Option<Entry> {
        let entry = self.records.entries.get_mut(key)?;
        entry.acknowledged = Some(by);
        self.changed.insert(Key::Entry(key.to_owned()));
        Some(entry.clone())
    }

    pub(crate) fn put_silence(&mut self, silence: Silence) {
        self.changed.insert(Key::Silence(silence.id.clone()));
        self.records.silences.insert(silence.id.clone(), silence);
    }

    pub(crate) fn put_told(&mut self, group: Group, told: Told) {
        self.changed.insert(Key::Told(group.clone()));
        self.records.told.insert(group, told);
    }

    pub(crate) fn set_gone(&mut self, receiver: &str, gone: Option<Gone>) {
        let known = match gone {
            Some(gone) => self.records.gone.insert(receiver.to_owned(), gone.clone()) != Some(gone),
            None => self.records.gone.remove(receiver).is_some(),
        };
        if known {
            self.changed.insert(Key::Gone(receiver.to_owned()));
        }
    }

    /// Forgets what was told to receivers that are not among these.
    pub(crate) fn forget_receivers(&mut self, known: &BTreeSet<&str>) {
        let Records { told, gone, .. } = &mut self.records;
        let strange: Vec<Group> = told
            .keys()
            .filter(|group| !known.contains(group.0.as_str()))
            .cloned()
            .collect();
        for group in strange {
            told.remove(&group);
            self.changed.insert(Key::Told(group));
        }
        let strange: Vec<String> = gone
            .keys()
            .filter(|name| !known.contains(name.as_str()))
            .cloned()
            .collect();
        for name in strange {
            self.set_gone(&name, None);
        }
    }

    /// Takes up what a checkpoint knows and the disk does not, as after a move to another machine.
    pub(crate) fn merge(&mut self, other: Records) {
        for (key, entry) in other.entries {
            let known = self.records.entries.get(&key);
            if known.is_none_or(|known| known.incident.revision < entry.incident.revision) {
                self.changed.insert(Key::Entry(key.clone()));
                self.records.entries.insert(key, entry);
            }
        }
        for (group, told) in other.told {
            let known = self.records.told.get(&group);
            if known.is_none_or(|known| known.sequence < told.sequence) {
                self.put_told(group, told);
            }
        }
        for (receiver, gone) in other.gone {
            if !self.records.gone.contains_key(&receiver) {
                self.set_gone(&receiver, Some(gone));
            }
        }
        for (id, silence) in other.silences {
            if !self.records.silences.contains_key(&id) {
                self.put_silence(silence);
            }
        }
    }

    /// What a checkpoint takes along: what stands, and what somebody may still have to be told.
    pub(crate) fn for_checkpoint(&self, is_owed: impl Fn(&Entry) -> bool) -> Records {
        let mut records = self.records.clone();
        records
            .entries
            .retain(|_, entry| entry.incident.is_firing() || is_owed(entry));
        for told in records.told.values_mut() {
            told.incidents.retain(|key, _| records.entries.contains_key(key));
        }
        records
    }

    /// Forgets the oldest of what is over and owed to nobody, and what was told of it.
    pub(crate) fn prune(&mut self, now_ms: i64, is_owed: impl Fn(&Entry) -> bool) {
        let over = |entry: &Entry| !entry.incident.is_firing() && !is_owed(entry);
        let mut ended: Vec<(i64, String)> = self
            .records
            .entries
            .iter()
            .filter(|(_, entry)| over(entry))
            .map(|(key, entry)| (entry.changed_ms, key.clone()))
            .collect();
        ended.sort_unstable();
        let surplus = ended.len().saturating_sub(MOST_ENDED);
        for (_, key) in ended.drain(..surplus) {
            self.records.entries.remove(&key);
            self.changed.insert(Key::Entry(key));
        }
        let Records {
            entries,
            told,
            silences,
            ..
        } = &mut self.records;
        for (group, told) in told.iter_mut() {
            let before = told.incidents.len();
            told.incidents.retain(|key, _| entries.contains_key(key));
            if told.incidents.len() < before {
                self.changed.insert(Key::Told(group.clone()));
            }
        }
        told.retain(|group, told| {
            let keep = group.1.is_empty() || !told.incidents.is_empty();
            if !keep {
                self.changed.insert(Key::Told(group.clone()));
            }
            keep
        });
        silences.retain(|id, silence| {
            let keep = silence.ends_ms + SILENCES_KEPT_MS > now_ms;
            if !keep {
                self.changed.insert(Key::Silence(id.clone()));
            }
            keep
        });
    }

    /// Makes all changes durable. Where that fails, as on a full disk, they are kept in memory and tried again with the next.
    pub(crate) fn write(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        let Some(store) = &mut self.store else { return };
        let changes = changed
            .into_iter()
            .map(|key| (key.text(), self.records.bytes(&key)));
        if let Err(error) = store.write(changes) {
            self.failed_writes += 1;
            tracing::error!(
                %error,
                "Cannot write down what is to be delivered; after a crash some alerts may be delivered again"
            );
        }
    }
}

impl Records {
    /// Whether a record of the disk can be read.
    fn take(&mut self, key: &str, value: &[u8]) -> bool {
        fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
            serde_json::from_slice(value).ok()
        }
        let Some((kind, name)) = key.split_once('/') else {
            return false;
        };
        let name = name.to_owned();
        let taken = match kind {
            "incident" => read(value).map(|entry| drop(self.entries.insert(name, entry))),
            "gone" => read(value).map(|gone| drop(self.gone.insert(name, gone))),
            "silence" => read(value).map(|silence| drop(self.silences.insert(name, silence))),
            "told" => name.split_once(BETWEEN).and_then(|(receiver, group)| {
                let group = (receiver.to_owned(), group.to_owned());
                read(value).map(|told| drop(self.told.insert(group, told)))
            }),
            _ => None,
        };
        taken.is_some()
    }

    /// What is to be written under a key; `None` where nothing is there any more.
    fn bytes(&self, key: &Key) -> Option<Vec<u8>> {
        fn json<T: Serialize>(value: Option<&T>) -> Option<Vec<u8>> {
            value.map(|value| serde_json::to_vec(value).expect("it is made of texts and numbers"))
        }
        match key {
            Key::Entry(key) => json(self.entries.get(key)),
            Key::Told(group) => json(self.told.get(group)),
            Key::Gone(receiver) => json(self.gone.get(receiver)),
            Key::Silence(id) => json(self.silences.get(id)),
        }
    }
}
