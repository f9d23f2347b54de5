//! A record as it lies in its topic: what a decoder may look at, and a copy of it for those that must wait.

use serde::{Deserialize, Serialize};
use std::mem::size_of;

/// Where a record lies in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Number of the partition.
    pub partition: i32,
    /// Offset there.
    pub offset: i64,
}

/// A record, borrowed from whoever read it.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its place there.
    pub position: Position,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Its timestamp in milliseconds since the epoch, if it has one.
    pub timestamp_ms: Option<i64>,
    /// Its value.
    pub payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// The last header of this name, in any case of letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let found = self
            .headers
            .iter()
            .rev()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }

    /// A header that is text.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The header `content-type` without its parameters.
    #[must_use]
    pub fn content_type(&self) -> Option<&'a str> {
        let full = self.header_text("content-type")?;
        full.split(';').next().map(str::trim)
    }
}

/// A copy of a record that outlives the batch it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedRecord {
    /// Its topic.
    pub topic: Box<str>,
    /// Its place there.
    pub position: Position,
    /// Its key, if it has one.
    pub key: Option<Box<[u8]>>,
    /// Its headers, in order.
    pub headers: Vec<(Box<str>, Box<[u8]>)>,
    /// Its timestamp in milliseconds since the epoch, if it has one.
    pub timestamp_ms: Option<i64>,
    /// Its value.
    pub payload: Box<[u8]>,
}

impl OwnedRecord {
    /// Calls `f` with the record as a decoder sees it.
    pub fn with<R>(&self, f: impl FnOnce(&Record<'_>) -> R) -> R {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        f(&Record {
            topic: &self.topic,
            position: self.position,
            key: self.key.as_deref(),
            headers: &headers,
            timestamp_ms: self.timestamp_ms,
            payload: &self.payload,
        })
    }

    /// What it takes in memory, near enough for a bound.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let header = |(name, value): &(Box<str>, Box<[u8]>)| {
            size_of::<(Box<str>, Box<[u8]>)>() + name.len() + value.len()
        };
        size_of::<Self>()
            + self.topic.len()
            + self.key.as_ref().map_or(0, |key| key.len())
            + self.headers.iter().map(header).sum::<usize>()
            + self.payload.len()
    }
}

impl From<&Record<'_>> for OwnedRecord {
    fn from(record: &Record<'_>) -> Self {
        Self {
            topic: record.topic.into(),
            position: record.position,
            key: record.key.map(Into::into),
            headers: record
                .headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            timestamp_ms: record.timestamp_ms,
            payload: record.payload.into(),
        }
    }
}
