//! The files of registered references, by their digests.

use super::failed;
use crate::failure::Failure;
use bellwether_api::{ReferenceRefusal, RefusalKind, RegisteredReference, RegisteredTask};
use bellwether_monitor::{MonitorConfig, Reference, ReferenceManifest, ReferenceRows};
use bellwether_store::ReferenceFileError;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Result as IoResult;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

/// References that may be registered; old ones are removed by hand.
const MOST: usize = 100;
const SUFFIX: &str = ".ref";
const UPLOAD: &str = ".upload-";

/// What becomes of the file that is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is moved to its place.
    Move,
    /// It stays, and a copy is kept.
    Copy,
}

/// The directory.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    /// What was read of them: a name stands for contents that do not change.
    known: Mutex<BTreeMap<String, RegisteredReference>>,
}

impl Files {
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        let files = Self {
            directory: directory.to_owned(),
            known: Mutex::default(),
        };
        files.clear().map_err(|error| {
            Failure::at_work(format!("cannot use the directory {}", directory.display()))
                .because(&error)
                .fix("name one in references.directory that can be written")
        })?;
        Ok(files)
    }

    /// Makes the directory, and removes what a process that ended had not finished.
    fn clear(&self) -> IoResult<()> {
        std::fs::create_dir_all(&self.directory)?;
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UPLOAD) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn upload(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{UPLOAD}{number}"))
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}{SUFFIX}"))
    }

    /// A file that somebody has put here.
    pub(super) fn named(&self, name: &str) -> Result<PathBuf, ReferenceRefusal> {
        let mut parts = Path::new(name).components();
        let is_name = matches!(
            (parts.next(), parts.next()),
            (Some(std::path::Component::Normal(part)), None) if part == name
        );
        let path = self.directory.join(name);
        // What is behind a link is not in the directory.
        let is_file = || path.symlink_metadata().is_ok_and(|file| file.is_file());
        if !is_name || name.starts_with('.') || name.contains(['\0', '\\']) || !is_file() {
            return Err(ReferenceRefusal {
                kind: RefusalKind::Unusable,
                what: format!("there is no file {name:?} in the directory of references"),
                fix: "name a file that lies in references.directory itself".to_owned(),
            });
        }
        Ok(path)
    }

    /// The newest first.
    pub(super) fn list(&self) -> Result<Vec<RegisteredReference>, ReferenceRefusal> {
        let mut list = Vec::new();
        for id in self.ids().map_err(|error| failed(&error))? {
            match self.registered(&id) {
                Ok(reference) => list.push(reference),
                // One that is damaged must not hide the others.
                Err(refusal) => {
                    tracing::warn!(id, what = refusal.what, "A registered reference cannot be read");
                }
            }
        }
        list.sort_by(|a, b| (b.registered_ms, &a.id).cmp(&(a.registered_ms, &b.id)));
        Ok(list)
    }

    fn ids(&self) -> IoResult<Vec<String>> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            ids.extend(id.filter(|id| is_id(id)).map(str::to_owned));
        }
        Ok(ids)
    }

    fn registered(&self, id: &str) -> Result<RegisteredReference, ReferenceRefusal> {
        let path = self.path(id);
        let known = |files: &Self| {
            let known = files.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(id).cloned()
        };
        if let Some(reference) = known(self) {
            return Ok(reference);
        }
        let (manifest, rows) = read(&path)?;
        let file = path.metadata().map_err(|error| failed(&error))?;
        let since = file
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let registered_ms = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        let reference = describe(id, &manifest, &rows, file.len(), registered_ms.unwrap_or(0));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(id.to_owned(), reference.clone());
        Ok(reference)
    }

    /// Puts a file that can be used where its digest says. Says whether it is new.
    pub(super) fn keep(
        &self,
        from: &Path,
        keep: Keep,
    ) -> Result<(RegisteredReference, bool), ReferenceRefusal> {
        let id = digest(from).map_err(|error| failed(&error))?;
        let path = self.path(&id);
        let is_new = !path.exists();
        if is_new {
            if self.ids().map_err(|error| failed(&error))?.len() >= MOST {
                return Err(ReferenceRefusal {
                    kind: RefusalKind::Conflict,
                    what: format!("{MOST} references are registered, and there is no room for more"),
                    fix: "remove files of references.directory that are not active any more".to_owned(),
                });
            }
            self.put(from, &path, keep).map_err(|error| failed(&error))?;
        }
        Ok((self.registered(&id)?, is_new))
    }

    fn put(&self, from: &Path, path: &Path, keep: Keep) -> IoResult<()> {
        let from = match keep {
            Keep::Move => from.to_owned(),
            Keep::Copy => {
                let copy = self.directory.join(format!("{UPLOAD}copy"));
                std::fs::copy(from, &copy)?;
                File::open(&copy)?.sync_all()?;
                copy
            }
        };
        // When it was registered, not when it was built.
        File::options()
            .write(true)
            .open(&from)?
            .set_modified(std::time::SystemTime::now())?;
        std::fs::rename(from, path)?;
        File::open(&self.directory)?.sync_all()
    }

    /// Makes a registered reference ready.
    pub(super) fn load(&self, id: &str, config: &MonitorConfig) -> Result<Reference, ReferenceRefusal> {
        let path = self.path(id);
        if !is_id(id) || !path.exists() {
            return Err(ReferenceRefusal {
                kind: RefusalKind::Unknown,
                what: format!("no reference `{id}` is registered"),
                fix: "GET /api/v1/references lists them".to_owned(),
            });
        }
        let found = digest(&path).map_err(|error| failed(&error))?;
        if found != id {
            return Err(unusable("its file is not the one that was registered"));
        }
        ready(&path, config)
    }
}

/// Reads a file and makes its reference ready.
pub(super) fn ready(path: &Path, config: &MonitorConfig) -> Result<Reference, ReferenceRefusal> {
    let (manifest, rows) = read(path)?;
    if let Some(task) = crate::commands::weighted_task_without_reference(config, &manifest) {
        return Err(unusable(&format!(
            "costs.task_weights names the task `{task}`, which it does not have"
        )));
    }
    // A file may be made so that what is computed of it fails in ways that nobody has thought of.
    let assembled = std::panic::catch_unwind(|| Reference::assemble(manifest, &rows, config));
    let assembled = assembled.map_err(|_| unusable("it is damaged"))?;
    assembled.map_err(|error| unusable(&with_causes(&error)))
}

fn read(path: &Path) -> Result<(ReferenceManifest, ReferenceRows), ReferenceRefusal> {
    bellwether_store::read_reference(path).map_err(|error| match &error {
        ReferenceFileError::Io { source, .. } => failed(source),
        ReferenceFileError::NotAReference { .. } => unusable("it is not a reference"),
        ReferenceFileError::Damaged { .. } => unusable("it is damaged"),
        ReferenceFileError::Manifest { source, .. } => {
            unusable(&format!("its manifest cannot be read: {source}"))
        }
        ReferenceFileError::Columns { source, .. } => {
            unusable(&format!("its columns cannot be read: {source}"))
        }
    })
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.extend([": ", &error.to_string()]);
        cause = error.source();
    }
    text
}

fn unusable(what: &str) -> ReferenceRefusal {
    ReferenceRefusal {
        kind: RefusalKind::Unusable,
        what: format!("the reference cannot be used: {what}"),
        fix: "build it with `bellwether reference build` of this version".to_owned(),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn digest(path: &Path) -> IoResult<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(format!("{:x}", hash.finalize()))
}

fn describe(
    id: &str,
    manifest: &ReferenceManifest,
    rows: &ReferenceRows,
    bytes: u64,
    registered_ms: i64,
) -> RegisteredReference {
    let tasks = manifest.tasks.iter().map(|(name, spec)| {
        let quality = manifest.quality.get(name);
        RegisteredTask {
            task: name.clone(),
            kind: spec.kind,
            labels: spec.labels.clone(),
            quality: quality.map(|quality| (quality.metric.clone(), quality.value)),
            labelled: quality.map_or(0, |quality| quality.size),
            own_nearest_ratio: manifest.own_nearest_ratio.get(name).copied(),
        }
    });
    RegisteredReference {
        id: id.to_owned(),
        reference: manifest.id.clone(),
        registered_ms,
        encoder_version: manifest.encoder_version.clone(),
        model_version: manifest.model_version.clone(),
        dim: manifest.dim,
        from_ms: manifest.from_ms,
        to_ms: manifest.to_ms,
        rows: rows.len(),
        bytes,
        tasks: tasks.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_no_name() {
        let folder = tempfile::tempdir().expect("a directory");
        let inner = folder.path().join("references");
        let files = Files::open(&inner).expect("it is made");
        std::fs::write(folder.path().join("secret"), "s").expect("writable");
        std::fs::write(inner.join("a.ref"), "a").expect("writable");
        std::fs::create_dir(inner.join("folder")).expect("writable");
        #[cfg(unix)]
        std::os::unix::fs::symlink("../secret", inner.join("link")).expect("writable");
        assert!(files.named("a.ref").is_ok());
        let absolute = folder.path().join("secret").display().to_string();
        for name in [
            "../secret",
            "..",
            ".",
            "",
            "folder",
            "link",
            "a.ref/",
            "./a.ref",
            "none",
            &absolute,
            "a\0b",
        ] {
            let refusal = files.named(name).expect_err(name);
            assert_eq!(refusal.kind, RefusalKind::Unusable, "{name}");
        }
    }

    #[test]
    fn what_was_left_half_done_is_cleared_away_and_the_rest_stays() {
        let folder = tempfile::tempdir().expect("a directory");
        for name in [".upload-3", "model.ref"] {
            std::fs::write(folder.path().join(name), "x").expect("writable");
        }
        let files = Files::open(folder.path()).expect("it is there");
        assert!(!files.upload(3).exists() && folder.path().join("model.ref").exists());
        assert_eq!(files.list().expect("readable"), [], "no digest, not registered");
        let refusal = files.load("../model", &MonitorConfig::default());
        assert_eq!(refusal.expect_err("no digest").kind, RefusalKind::Unknown);
    }
}
