//! What events say about the shared encoder itself: canary texts, and observations that another encoder made.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// An event whose identifier begins so is a canary: a fixed text, sent through the production path, whose embedding the
/// reference knows. `bellwether-canary/<name>`, or `bellwether-canary/<name>/<anything>` to tell one round from the next.
pub const CANARY_PREFIX: &str = "bellwether-canary/";

/// The name of the canary that an event is; `None` for other events.
#[must_use]
pub fn canary_name(event_id: &str) -> Option<&str> {
    let rest = event_id.strip_prefix(CANARY_PREFIX)?;
    Some(rest.split_once('/').map_or(rest, |(name, _)| name))
}

/// What decoders have to know of the encoder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncoderTerms {
    /// The version whose embeddings the reference holds; without one events are not asked for theirs.
    pub version: Option<String>,
    /// Versions for which there is a reference too.
    pub others: OtherEncoders,
    /// Whether a text that comes without an embedding is embedded later.
    pub embeds_text: bool,
}

/// Versions of encoders for which another reference is at hand. A handle: who registers one adds to it while decoders look.
#[derive(Debug, Clone, Default)]
pub struct OtherEncoders(Arc<RwLock<BTreeSet<String>>>);

impl OtherEncoders {
    /// Says for which versions there is a reference.
    pub fn set(&self, versions: BTreeSet<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = versions;
    }

    /// Whether there is a reference for this version.
    #[must_use]
    pub fn contains(&self, version: &str) -> bool {
        let versions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        versions.contains(version)
    }
}

impl PartialEq for OtherEncoders {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || {
            let versions = |of: &Self| of.0.read().unwrap_or_else(PoisonError::into_inner).clone();
            versions(self) == versions(other)
        }
    }
}

impl Eq for OtherEncoders {}

/// An event that says something about the encoder and nothing about a task.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderEvent {
    /// Its identifier.
    pub event_id: String,
    /// When it was made, in milliseconds since the epoch, UTC.
    pub timestamp_ms: i64,
    /// What it is.
    pub kind: EncoderEventKind,
}

/// What an event says about the encoder.
#[derive(Clone, PartialEq)]
pub enum EncoderEventKind {
    /// A canary text and what production made of it.
    Canary {
        /// The canary's name in the reference.
        name: String,
        /// Its text as production had it, if it was sent.
        text: Option<String>,
        /// As it arrived, of any width; empty where only the text came and is still to be embedded.
        embedding: Vec<f32>,
        /// It did not go through production: the monitor's own encoder made it.
        by_monitor: bool,
    },
    /// An observation of an encoder that is not the reference's.
    Other {
        /// The version that it states.
        version: Option<String>,
        /// Width of its embedding, in components; 0 without.
        width: usize,
        /// Whether a reference of its version is at hand, so that it is judged by that one.
        waits: bool,
    },
}

impl fmt::Debug for EncoderEventKind {
    /// Without the text, which must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canary { name, embedding, .. } => f
                .debug_struct("Canary")
                .field("name", name)
                .field("width", &embedding.len())
                .finish_non_exhaustive(),
            Self::Other {
                version,
                width,
                waits,
            } => f
                .debug_struct("Other")
                .field("version", version)
                .field("width", width)
                .field("waits", waits)
                .finish(),
        }
    }
}

/// What an encoder that is known to be the reference's makes of a row's text, beside the vector that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct SpotCheck {
    /// The row.
    pub row: usize,
    /// The width may be another. The first is the encoder as it is; others, by name, as it would be with a known fault.
    pub expected: Vec<(String, Vec<f32>)>,
}
