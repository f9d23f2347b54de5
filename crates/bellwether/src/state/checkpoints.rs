//! When a checkpoint is taken, and what there is to go on from.

use super::bookmark::{Bookmark, FileEnd};
use super::changelog::{Log, LogError};
use super::moved::timeline_end;
use crate::config::{Config, StateConfig};
use crate::failure::Failure;
use bellwether_api::CheckpointMetrics;
use bellwether_monitor::{Engine, Reference, SnapshotError};
use bellwether_store::{Checkpoint, StateError, StateStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Checkpoints take at most one part in so many of the time, unless too much is staged.
const SHARE: u32 = 20;
/// A checkpoint is taken early when so much has changed on its way to the disk.
const MAX_STAGED_BYTES: u64 = 64 << 20;

/// So many damaged states are kept; one more takes the place of the last, and fails if that is not empty.
const MOST_ASIDE: u32 = 100;

/// What waits for the history's store, in the state directory.
const HISTORY: &str = "history";

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
    /// The same in Kafka, where that is configured.
    log: Option<Log>,
    metrics: CheckpointMetrics,
}

impl Checkpoints {
    /// Opens the directory and goes on from what is there, or from the changelog where that knows more. Waits for brokers that are
    /// away where there is a changelog, and shuts out whoever writes it: to be called by a process that is to judge.
    ///
    /// A damaged state is moved aside and built again. One that belongs to something else, such as another reference, is given up:
    /// detectors begin anew, and reading goes on with the first record that they had not judged.
    pub(crate) async fn open(
        state: &StateConfig,
        config: &Config,
        reference: Arc<Reference>,
    ) -> Result<(Self, Kept), Failure> {
        let store = tokio::task::block_in_place(|| sound(state))?;
        let (mut store, mut log, moved) = match &state.changelog_topic {
            Some(topic) => {
                let (log, store, moved) = Log::open(&config.kafka, topic, store).await?;
                (store, Some(log), moved)
            }
            None => (store, None, false),
        };
        let checkpoint = store.load()?;
        let any = checkpoint.is_some();
        let restored = match &checkpoint {
            Some(checkpoint) => restore(&store, config, &reference, checkpoint),
            None => Restored::Nothing,
        };
        match &restored {
            // Until the next checkpoint the one before says where the former detectors stood, also after a crash.
            Restored::Bookmark(_) => tokio::task::block_in_place(|| store.forget_pending())?,
            Restored::Nothing if any => {
                store.reset()?;
                if let Some(log) = &mut log {
                    log.begin_anew();
                }
            }
            Restored::Whole(_) | Restored::Nothing => {}
        }
        // One that begins anew is kept before anything is written.
        let any = matches!(restored, Restored::Whole(_));
        let fresh = |bookmark| {
            let pending = Box::new(store.pending());
            Engine::with_pending_store(reference, config.monitor.clone(), pending)
                .map(|engine| Kept { engine, bookmark })
                .map_err(|error| Failure::at_work("cannot begin with an empty state").because(&error))
        };
        let mut kept = match restored {
            Restored::Whole(mut kept) => {
                if moved {
                    kept.bookmark.timeline = timeline_here(config, &kept)?;
                }
                *kept
            }
            Restored::Bookmark(bookmark) => fresh(Bookmark {
                // Fresh detectors do not say again what those on another machine have said.
                timeline: bookmark.timeline.clone().filter(|_| !moved),
                ..bookmark.at_first_unjudged()
            })?,
            Restored::Nothing => fresh(Bookmark::of_nothing(state, config))?,
        };
        if let Some(released_ms) = kept.bookmark.released_ms.filter(|_| !any) {
            // What comes again and was judged by the former detectors, out of order, is late for these.
            let nothing = kept.engine.advance(released_ms);
            nothing.map_err(|error| Failure::at_work("cannot begin with an empty state").because(&error))?;
        }
        let checkpoints = Self {
            store,
            interval: state.checkpoint_interval,
            any,
            last: (Instant::now(), Duration::ZERO),
            log,
            metrics: CheckpointMetrics {
                from_changelog: moved,
                ..CheckpointMetrics::default()
            },
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
        // What is staged is in memory: it must not grow because the disk is slow.
        let early = self.store.staged_bytes() > MAX_STAGED_BYTES;
        passed
            >= if early {
                took
            } else {
                (took * SHARE).max(self.interval)
            }
    }

    /// Writes the state; once this is true it survives whatever happens to the process. Otherwise, as on a full disk, the
    /// checkpoint before still counts, and the next attempt may succeed.
    ///
    /// With a changelog it reaches the topic before the directory: what is committed there is never older.
    ///
    /// # Errors
    /// [`Failure`] when another process has taken over, which goes on from an earlier checkpoint of ours.
    pub(crate) fn take(
        &mut self,
        engine: &Engine,
        bookmark: &Bookmark,
        now: Instant,
    ) -> Result<bool, Failure> {
        let checkpoint = Checkpoint {
            engine: engine.snapshot(),
            source: bookmark.to_bytes(),
        };
        let draft = self.store.draft(&checkpoint);
        let logged = match &mut self.log {
            Some(log) => log.write(&self.store, &draft),
            None => Ok(()),
        };
        let reached = logged.is_ok();
        let done = logged.and_then(|()| self.store.keep(draft).map_err(LogError::from));
        let took = now.elapsed();
        // Brokers that are away make nothing slow: it is tried again when they may be back.
        self.last = (now, if reached { took } else { took / SHARE });
        let bytes = self.log.as_ref().map_or(0, Log::written_bytes);
        self.metrics.changelog_bytes = bytes;
        match done {
            Ok(()) => {
                self.any = true;
                let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                self.metrics = CheckpointMetrics {
                    taken: self.metrics.taken + 1,
                    last_ms: i64::try_from(wall.as_millis()).ok(),
                    last_bytes: (checkpoint.engine.len() + checkpoint.source.len()) as u64,
                    last_seconds: took.as_secs_f64(),
                    database_bytes: self.store.disk_bytes().ok(),
                    ..self.metrics
                };
                Ok(true)
            }
            Err(error) => {
                self.metrics.failed += 1;
                let is_final = error.is_final();
                let failure = error.failure(self.log.as_ref());
                if is_final {
                    return Err(failure);
                }
                tracing::error!(
                    cause = failure.cause(),
                    fix = failure.remedy(),
                    "No checkpoint was taken; after a crash more is read again"
                );
                Ok(false)
            }
        }
    }

    pub(crate) fn metrics(&self) -> CheckpointMetrics {
        self.metrics
    }
}

/// The directory, with a state that can be read or none.
fn sound(state: &StateConfig) -> Result<StateStore, Failure> {
    match load(state) {
        Ok((store, _)) => Ok(store),
        Err(error) if error.is_damaged() => {
            let aside = set_aside(&state.directory)?;
            let failure = Failure::from(error);
            let from = match &state.changelog_topic {
                Some(_) => "the changelog",
                None => "the topics",
            };
            tracing::error!(
                cause = failure.cause(),
                aside = %aside.display(),
                from,
                "The state is damaged; it is moved aside and built again"
            );
            Ok(load(state)?.0)
        }
        Err(error) => Err(error.into()),
    }
}

/// Where the timeline of this machine stands to a state that came from another.
fn timeline_here(config: &Config, kept: &Kept) -> Result<Option<FileEnd>, Failure> {
    let Some(path) = &config.timeline else {
        return Ok(None);
    };
    let (known, newest_ms) = (
        kept.bookmark.timeline.as_ref(),
        kept.engine.status().event_time_ms,
    );
    let end = timeline_end(path, known, newest_ms);
    end.map(Some).map_err(|error| {
        Failure::at_work(format!("cannot read the timeline {}", path.display()))
            .because(&error)
            .fix("choose a file that can be read and written")
    })
}

fn load(state: &StateConfig) -> Result<(StateStore, Option<Checkpoint>), StateError> {
    let store = StateStore::open(&state.directory, &state.options)?;
    let checkpoint = store.load()?;
    Ok((store, checkpoint))
}

/// Moves a directory to a name that is free, for whoever wants to look at it.
fn set_aside(directory: &Path) -> Result<PathBuf, Failure> {
    let named = |number: u32| {
        let mut name = directory.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        PathBuf::from(name)
    };
    let free = (1..MOST_ASIDE).map(named).find(|path| !path.exists());
    let free = free.unwrap_or_else(|| named(MOST_ASIDE));
    std::fs::rename(directory, &free).map_err(|error| {
        Failure::at_work(format!(
            "cannot move the damaged state {} aside",
            directory.display()
        ))
        .because(&error)
        .fix("move it away by hand; the monitor then builds its state again")
    })?;
    // What waits for the history's store is sound, and may not come again from the topics.
    let waiting = free.join(HISTORY);
    if waiting.exists() {
        let kept = std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::rename(&waiting, directory.join(HISTORY)));
        kept.map_err(|error| {
            Failure::at_work(format!("cannot keep {}", waiting.display()))
                .because(&error)
                .fix("move it back into the state directory by hand")
        })?;
    }
    Ok(free)
}

/// What can be used of a checkpoint.
enum Restored {
    Whole(Box<Kept>),
    /// Only where it was.
    Bookmark(Box<Bookmark>),
    Nothing,
}

fn restore(
    store: &StateStore,
    config: &Config,
    reference: &Arc<Reference>,
    checkpoint: &Checkpoint,
) -> Restored {
    let Some(bookmark) = Bookmark::from_bytes(&checkpoint.source) else {
        tracing::warn!("The bookmark of the state is of another version; it is built again from the topics");
        return Restored::Nothing;
    };
    let restored = Engine::restore_with_pending_store(
        Arc::clone(reference),
        config.monitor.clone(),
        Box::new(store.pending()),
        &checkpoint.engine,
    );
    match restored {
        Ok(engine) => Restored::Whole(Box::new(Kept { engine, bookmark })),
        Err(
            error @ (SnapshotError::OtherReference { .. }
            | SnapshotError::OtherConfiguration
            | SnapshotError::OtherFormat { .. }),
        ) => {
            tracing::warn!(%error, "The state cannot be gone on from; detectors begin anew");
            Restored::Bookmark(Box::new(bookmark))
        }
        Err(error) => {
            tracing::error!(%error, "The state cannot be gone on from; it is built again from the topics");
            Restored::Nothing
        }
    }
}
