//! Checkpoints: the engine's state and the bookmark that belongs to it, kept together, so that a process goes on as if it had
//! never stopped.

mod bookmark;
mod changelog;
mod checkpoints;
mod moved;
mod tail;
mod written;

pub(crate) use bookmark::{Bookmark, EvidencePlace, FileEnd, SourcePlace, TopicEnds};
pub(crate) use checkpoints::{Checkpoints, Kept};
pub(crate) use tail::WrittenTopic;
pub(crate) use written::{WrittenLetters, WrittenLines};
