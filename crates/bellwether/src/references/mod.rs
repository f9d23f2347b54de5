//! References that are registered in a directory, and the one that is chosen.
//!
//! ```text
//! directory/
//!   <sha-256>.ref    a reference by the digest of its file; never changed
//!   active.json      which one is chosen, since when and why, and those before; written aside and renamed
//!   .upload-<n>      what is being uploaded; removed at the start
//! ```
//!
//! Whoever judges waits for [`Chosen`] to change. The choice is durable before it is told, so that a process that ends at any
//! moment goes on with the one that was answered.

mod active;
mod files;

use crate::config::{Config, ReferencesConfig};
use crate::encoder::{Embedder, expect};
use crate::failure::Failure;
use active::{Active, MOST_BEFORE};
use bellwether_api::{Activation, ReferenceRefusal, References, RefusalKind, RegisteredReference};
use bellwether_events::OtherEncoders;
use bellwether_monitor::{MonitorConfig, Reference};
use files::Files;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// The reference by which events are to be judged.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    /// The digest of its file; empty where references are not registered.
    pub(crate) id: String,
    pub(crate) reference: Arc<Reference>,
}

/// Keeps references in a directory.
#[derive(Debug)]
pub(crate) struct ReferenceKeeper {
    files: Files,
    monitor: MonitorConfig,
    max_upload_bytes: u64,
    uploads: AtomicU64,
    /// One change at a time; also guards `active.json`.
    state: Mutex<State>,
    chosen: watch::Sender<Chosen>,
    embedder: Option<Arc<Embedder>>,
    /// The versions of encoders that there are references of.
    encoders: OtherEncoders,
}

#[derive(Debug)]
struct State {
    active: Active,
    in_force: Option<String>,
}

impl ReferenceKeeper {
    /// Opens the directory, which is made if it does not exist, registers the reference of the configuration, and loads the
    /// one that is chosen: the one that was activated last, else that of the configuration.
    pub(crate) fn open(
        settings: &ReferencesConfig,
        config: &Config,
        embedder: Option<Arc<Embedder>>,
    ) -> Result<Self, Failure> {
        let files = Files::open(&settings.directory)?;
        let configured = match &config.reference {
            Some(path) => Some(configured(&files, path, &config.monitor)?),
            None => None,
        };
        let active = match (Active::read(files.directory())?, configured) {
            (Some(active), configured) => {
                if configured.is_some_and(|id| id != active.id) {
                    tracing::info!(
                        active = active.id,
                        "The reference that was activated takes the place of the one in the configuration"
                    );
                }
                active
            }
            (None, Some(id)) => Active::configured(id),
            (None, None) => {
                return Err(Failure::usage("no reference is named and none was activated")
                    .fix("build one with `bellwether reference build` and write `reference = \"…\"`"));
            }
        };
        let mut reference = files.load(&active.id, &config.monitor).map_err(|refusal| {
            Failure::at_work(format!(
                "cannot load the active reference in {}: {}",
                files.directory().display(),
                refusal.what
            ))
            .fix(
                "put its file back, or remove active.json, so that the reference of the configuration counts",
            )
        })?;
        let encoders = OtherEncoders::default();
        expect(&mut reference, embedder.as_ref(), encoders.clone())?;
        let chosen = Chosen {
            id: active.id.clone(),
            reference: Arc::new(reference),
        };
        let keeper = Self {
            files,
            monitor: config.monitor.clone(),
            max_upload_bytes: settings.max_upload_bytes,
            uploads: AtomicU64::new(0),
            state: Mutex::new(State {
                active,
                in_force: None,
            }),
            chosen: watch::Sender::new(chosen),
            embedder,
            encoders,
        };
        keeper.know_encoders();
        Ok(keeper)
    }

    /// Which versions of encoders there are references of.
    fn know_encoders(&self) {
        if let Ok(list) = self.files.list() {
            let versions = list.into_iter().filter_map(|reference| reference.encoder_version);
            self.encoders.set(versions.collect());
        }
    }

    /// The stream has gone over to this version of the encoder: of its references the newest is chosen.
    pub(crate) fn go_over(&self, version: &str) {
        let of_version = self.files.list().ok().and_then(|list| {
            list.into_iter()
                .find(|reference| reference.encoder_version.as_deref() == Some(version))
        });
        let Some(reference) = of_version else {
            tracing::error!(
                version,
                "The stream has gone over to an encoder whose reference is gone"
            );
            return;
        };
        let reason = format!("the stream has gone over to the encoder {version}");
        if let Err(refusal) = self.activate(&reference.id, Some(&reason)) {
            tracing::error!(
                version,
                what = refusal.what,
                "The reference of the new encoder cannot be used"
            );
        }
    }

    /// Tells of the choice and of every other one.
    pub(crate) fn chosen(&self) -> watch::Receiver<Chosen> {
        self.chosen.subscribe()
    }

    /// Events are judged by this one from here on.
    pub(crate) fn in_force(&self, id: &str) {
        self.state().in_force = Some(id.to_owned());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves a whole state behind: it is replaced at once.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses for good, then tells whoever judges.
    fn choose(&self, state: &mut State, next: Active) -> Result<Activation, ReferenceRefusal> {
        let mut reference = self.files.load(&next.id, &self.monitor)?;
        expect(&mut reference, self.embedder.as_ref(), self.encoders.clone()).map_err(|failure| {
            ReferenceRefusal {
                kind: RefusalKind::Unusable,
                what: failure.cause(),
                fix: "build the reference with the encoder of the configuration".to_owned(),
            }
        })?;
        next.write(self.files.directory())
            .map_err(|error| failed(&error))?;
        tracing::info!(
            active = next.id,
            before = state.active.id,
            reason = next.reason,
            "Another reference is active"
        );
        state.active = next;
        self.chosen.send_replace(Chosen {
            id: state.active.id.clone(),
            reference: Arc::new(reference),
        });
        Ok(told(state))
    }

    fn usable(&self, path: &Path) -> Result<(), ReferenceRefusal> {
        files::ready(path, &self.monitor).map(drop)
    }
}

/// The digest of the configured reference, which is registered.
fn configured(files: &Files, path: &Path, config: &MonitorConfig) -> Result<String, Failure> {
    // For its words, which name the file and what to do.
    crate::commands::load_reference(path, config)?;
    let (registered, _) = files.keep(path, files::Keep::Copy).map_err(|refusal| {
        Failure::at_work(format!(
            "cannot register the reference {}: {}",
            path.display(),
            refusal.what
        ))
        .fix(refusal.fix)
    })?;
    Ok(registered.id)
}

impl References for ReferenceKeeper {
    fn list(&self) -> Result<Vec<RegisteredReference>, ReferenceRefusal> {
        self.files.list()
    }

    fn activation(&self) -> Activation {
        told(&self.state())
    }

    fn upload(&self) -> PathBuf {
        self.files.upload(self.uploads.fetch_add(1, Ordering::Relaxed))
    }

    fn upload_bytes(&self) -> u64 {
        self.max_upload_bytes
    }

    fn register(&self, upload: &Path) -> Result<(RegisteredReference, bool), ReferenceRefusal> {
        self.usable(upload)?;
        let _one_at_a_time = self.state();
        let kept = self.files.keep(upload, files::Keep::Move)?;
        self.know_encoders();
        Ok(kept)
    }

    fn register_file(&self, name: &str) -> Result<(RegisteredReference, bool), ReferenceRefusal> {
        let path = self.files.named(name)?;
        self.usable(&path)?;
        let _one_at_a_time = self.state();
        let kept = self.files.keep(&path, files::Keep::Copy)?;
        self.know_encoders();
        Ok(kept)
    }

    fn activate(&self, id: &str, reason: Option<&str>) -> Result<Activation, ReferenceRefusal> {
        let mut state = self.state();
        if state.active.id == id {
            return Ok(told(&state));
        }
        let mut before = state.active.before.clone();
        before.push(state.active.id.clone());
        // The oldest are forgotten.
        before.drain(..before.len().saturating_sub(MOST_BEFORE));
        let next = Active {
            id: id.to_owned(),
            before,
            activated_ms: Some(now_ms()),
            reason: reason.map(str::to_owned),
        };
        self.choose(&mut state, next)
    }

    fn roll_back(&self, reason: Option<&str>) -> Result<Activation, ReferenceRefusal> {
        let mut state = self.state();
        let mut before = state.active.before.clone();
        let Some(id) = before.pop() else {
            return Err(ReferenceRefusal {
                kind: RefusalKind::Conflict,
                what: "no other reference was active before this one".to_owned(),
                fix: "activate the one you want: POST /api/v1/references/{id}/activate".to_owned(),
            });
        };
        let next = Active {
            id,
            before,
            activated_ms: Some(now_ms()),
            reason: reason.map(str::to_owned),
        };
        self.choose(&mut state, next)
    }
}

fn told(state: &State) -> Activation {
    Activation {
        active: state.active.id.clone(),
        in_force: state.in_force.clone(),
        previous: state.active.before.last().cloned(),
        activated_ms: state.active.activated_ms,
        reason: state.active.reason.clone(),
    }
}

fn failed(error: &std::io::Error) -> ReferenceRefusal {
    ReferenceRefusal {
        kind: RefusalKind::Failed,
        what: format!("the directory of references cannot be used: {error}"),
        fix: "look whether references.directory is there, can be written, and has room".to_owned(),
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
