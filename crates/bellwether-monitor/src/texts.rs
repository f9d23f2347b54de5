//! What is kept of texts.

use std::fmt;

/// Decides what is kept of a text once it is scored: the text itself, a part of it, a hash, or nothing.
pub trait KeepText: fmt::Debug + Send + Sync {
    /// What is kept of `text`. The same text has to give the same answer.
    fn keep(&self, text: &str) -> Option<String>;
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepNoText;

impl KeepText for KeepNoText {
    fn keep(&self, _: &str) -> Option<String> {
        None
    }
}
