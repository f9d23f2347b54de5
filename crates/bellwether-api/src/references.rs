//! References as the API knows them: who keeps them is plugged in.

use bellwether_events::TaskKind;
use std::fmt;
use std::path::{Path, PathBuf};

/// A reference that is registered.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredReference {
    /// SHA-256 of its file, in hex.
    pub id: String,
    /// The identity that the reference states, made from its contents.
    pub reference: String,
    /// When it was registered, milliseconds since the epoch.
    pub registered_ms: i64,
    /// The encoder's version, where the owner stated one.
    pub encoder_version: Option<String>,
    /// The version of the model that made the predictions, where it is one and the same.
    pub model_version: Option<String>,
    /// Width of the embeddings.
    pub dim: usize,
    /// Time of the oldest observation, milliseconds since the epoch.
    pub from_ms: i64,
    /// Time of the newest observation, milliseconds since the epoch.
    pub to_ms: i64,
    /// Observations.
    pub rows: usize,
    /// Bytes of the file.
    pub bytes: u64,
    /// Its tasks, in order of their names.
    pub tasks: Vec<RegisteredTask>,
}

/// A task of a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredTask {
    /// Its name.
    pub task: String,
    /// What it predicts.
    pub kind: TaskKind,
    /// Its labels; empty for numbers.
    pub labels: Vec<String>,
    /// Metric and value of its quality in the reference, where it was measured.
    pub quality: Option<(String, f64)>,
    /// Labelled observations behind that.
    pub labelled: usize,
    /// Share of its observations that lie nearest to their own task.
    pub own_nearest_ratio: Option<f64>,
}

/// Which reference is chosen, and which one judges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activation {
    /// The chosen one: also after a restart.
    pub active: String,
    /// The one by which events are judged now; `None` before the first turn.
    pub in_force: Option<String>,
    /// What a rollback goes back to.
    pub previous: Option<String>,
    /// When it was chosen, milliseconds since the epoch; `None` where the configuration names it.
    pub activated_ms: Option<i64>,
    /// Why, in the words of whoever chose it.
    pub reason: Option<String>,
}

/// Why something cannot be done with a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRefusal {
    /// Of which kind it is.
    pub kind: RefusalKind,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// Kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// There is no such reference.
    Unknown,
    /// It cannot be used: no reference, damaged, or at odds with the configuration.
    Unusable,
    /// There is nothing to go back to, or no room.
    Conflict,
    /// The directory cannot be read or written.
    Failed,
}

/// Keeps references. Calls may block, for as long as it takes to read a reference and make it ready.
pub trait References: Send + Sync + fmt::Debug {
    /// All that are registered, the newest first.
    ///
    /// # Errors
    /// [`ReferenceRefusal`] when they cannot be read.
    fn list(&self) -> Result<Vec<RegisteredReference>, ReferenceRefusal>;

    /// Which one is chosen.
    fn activation(&self) -> Activation;

    /// A file that is not there yet, for an upload.
    fn upload(&self) -> PathBuf;

    /// Longest upload, bytes.
    fn upload_bytes(&self) -> u64;

    /// Takes a file that was uploaded to [`upload`](Self::upload) when it holds a reference that can be used. Says whether it is
    /// new. Otherwise nothing changes; the file is for the caller to remove.
    ///
    /// # Errors
    /// [`ReferenceRefusal`] when it cannot be used.
    fn register(&self, upload: &Path) -> Result<(RegisteredReference, bool), ReferenceRefusal>;

    /// The same for a file that somebody has put into the directory, which stays there.
    ///
    /// # Errors
    /// [`ReferenceRefusal`] when it cannot be used, or is no name of a file there.
    fn register_file(&self, name: &str) -> Result<(RegisteredReference, bool), ReferenceRefusal>;

    /// Judges by this reference from the next turn on, also after a restart.
    ///
    /// # Errors
    /// [`ReferenceRefusal`] when it is not registered or cannot be used; then nothing changes.
    fn activate(&self, id: &str, reason: Option<&str>) -> Result<Activation, ReferenceRefusal>;

    /// Goes back to the reference before.
    ///
    /// # Errors
    /// [`ReferenceRefusal`] when there was none, or it cannot be used any more; then nothing changes.
    fn roll_back(&self, reason: Option<&str>) -> Result<Activation, ReferenceRefusal>;
}
