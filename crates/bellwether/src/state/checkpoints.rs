//! When a checkpoint is taken, and what there is to go on from.

use super::bookmark::Bookmark;
use crate::config::{Config, StateConfig};
use crate::failure::Failure;
use bellwether_api::CheckpointMetrics;
use bellwether_monitor::{Engine, Reference};
use bellwether_store::{Checkpoint, StateStore};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Checkpoints take at most one part in so many of the time.
const SHARE: u32 = 20;
/// A checkpoint is taken early when so much has changed on its way to the disk.
const MAX_STAGED_BYTES: u64 = 64 << 20;

/// What an earlier process left.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The engine as it was, or one that has seen nothing.
    pub(crate) engine: Engine,
    /// Where it was.
    pub(crate) bookmark: Bookmark,
}

/// Takes checkpoints.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    store: StateStore,
    interval: Duration,
    /// Whether there is a checkpoint.
    any: bool,
    /// When the last attempt began, and how long it took.
    last: (Instant, Duration),
    metrics: CheckpointMetrics,
}

impl Checkpoints {
    /// Opens the directory and goes on from what is there. A state that does not fit is given up with a warning: its detectors
    /// begin anew, and reading goes on with the first record that they had not judged.
    pub(crate) fn open(
        state: &StateConfig,
        config: &Config,
        reference: Arc<Reference>,
    ) -> Result<(Self, Kept), Failure> {
        let mut store = StateStore::open(&state.directory, &state.options)?;
        let checkpoint = store.load()?;
        let any = checkpoint.is_some();
        let fresh = || Engine::new(Arc::clone(&reference), config.monitor.clone());
        let kept = match checkpoint {
            None => Kept {
                engine: fresh(),
                bookmark: Bookmark::of_nothing(state, config),
            },
            Some(Checkpoint { engine, source }) => {
                let restored = Engine::restore(Arc::clone(&reference), config.monitor.clone(), &engine);
                match (restored, Bookmark::from_bytes(&source)) {
                    (Ok(engine), Some(bookmark)) => Kept { engine, bookmark },
                    (outcome, bookmark) => {
                        let why = outcome.err().map_or_else(
                            || "its bookmark was written by another version".to_owned(),
                            |error| error.to_string(),
                        );
                        tracing::warn!(
                            why,
                            "The state that was kept cannot be gone on from; detectors begin anew"
                        );
                        store.reset()?;
                        Kept {
                            engine: fresh(),
                            bookmark: bookmark.map(Bookmark::from_first_unjudged).unwrap_or_default(),
                        }
                    }
                }
            }
        };
        let checkpoints = Self {
            store,
            interval: state.checkpoint_interval,
            any,
            last: (Instant::now(), Duration::ZERO),
            metrics: CheckpointMetrics::default(),
        };
        Ok((checkpoints, kept))
    }

    /// Whether there is a checkpoint to go on from.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// Whether it is time.
    pub(crate) fn due(&self, now: Instant) -> bool {
        let (began, took) = self.last;
        let passed = now.saturating_duration_since(began);
        let early = self.store.staged_bytes() > MAX_STAGED_BYTES;
        passed >= (took * SHARE).max(if early { Duration::ZERO } else { self.interval })
    }

    /// Writes the state; once this is true it survives whatever happens to the process. Otherwise, as on a full disk, the
    /// checkpoint before still counts, and the next attempt may succeed.
    pub(crate) fn take(&mut self, engine: &Engine, bookmark: &Bookmark, now: Instant) -> bool {
        let checkpoint = Checkpoint {
            engine: engine.snapshot(),
            source: bookmark.to_bytes(),
        };
        let done = self.store.commit(&checkpoint);
        let took = now.elapsed();
        self.last = (now, took);
        match done {
            Ok(()) => {
                self.any = true;
                let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                self.metrics = CheckpointMetrics {
                    taken: self.metrics.taken + 1,
                    last_ms: i64::try_from(wall.as_millis()).ok(),
                    last_bytes: (checkpoint.engine.len() + checkpoint.source.len()) as u64,
                    last_seconds: took.as_secs_f64(),
                    ..self.metrics
                };
                true
            }
            Err(error) => {
                self.metrics.failed += 1;
                let failure = Failure::from(error);
                tracing::error!(
                    cause = failure.cause(),
                    fix = failure.remedy(),
                    "No checkpoint was taken; after a crash more is read again"
                );
                false
            }
        }
    }

    pub(crate) fn metrics(&self) -> CheckpointMetrics {
        self.metrics
    }
}
