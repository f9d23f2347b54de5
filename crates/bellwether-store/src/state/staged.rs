//! Changes of waiting observations since the last checkpoint.

use std::collections::HashMap;

/// What a change takes beside its value: its places in the maps, bytes.
const PER_VALUE: u64 = 64;
const PER_NUMBER: u64 = 48;

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Its entry has this number.
    Known(u64),
    Gone,
}

/// Changes that are not in the database yet.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// Entries that are new or have a new value.
    values: HashMap<u64, Vec<u8>>,
    numbers: HashMap<[u8; 16], Change>,
    value_bytes: u64,
}

impl Staged {
    pub(super) fn value(&self, number: u64) -> Option<&[u8]> {
        self.values.get(&number).map(Vec::as_slice)
    }

    /// What became of a key; `None` where the database knows.
    pub(super) fn change(&self, key: &[u8; 16]) -> Option<Change> {
        self.numbers.get(key).copied()
    }

    pub(super) fn push(&mut self, key: &[u8; 16], number: u64, value: Vec<u8>) {
        self.numbers.insert(*key, Change::Known(number));
        self.replace(number, value);
    }

    pub(super) fn replace(&mut self, number: u64, value: Vec<u8>) {
        self.value_bytes += value.len() as u64;
        let before = self.values.insert(number, value);
        self.value_bytes -= before.map_or(0, |before| before.len() as u64);
    }

    pub(super) fn remove(&mut self, key: &[u8; 16], number: u64) {
        self.numbers.insert(*key, Change::Gone);
        let before = self.values.remove(&number);
        self.value_bytes -= before.map_or(0, |before| before.len() as u64);
    }

    pub(super) fn values(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.values
            .iter()
            .map(|(number, value)| (*number, value.as_slice()))
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = (&[u8; 16], Change)> {
        self.numbers.iter().map(|(key, change)| (key, *change))
    }

    /// Memory in use, about.
    pub(super) fn bytes(&self) -> u64 {
        let (values, numbers) = (self.values.len() as u64, self.numbers.len() as u64);
        self.value_bytes + values * PER_VALUE + numbers * PER_NUMBER
    }
}
