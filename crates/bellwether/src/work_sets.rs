//! Work sets on disk: one file each, named by its alarm, written before the checkpoint that passes it.
//!
//! An alarm that is judged again after a crash is the same alarm: its set has the same name and the same bytes, and takes its own
//! place. A new revision takes the place of those before it. Sets go by age and by number, and texts in them by the age of texts.

use crate::config::{TextsConfig, WorkSetsConfig};
use crate::failure::Failure;
use bellwether_api::{WorkSetEntry, WorkSetSource};
use bellwether_monitor::WorkMaterial;
use bellwether_store::{WorkSetFileError, read_work_set, read_work_set_header, write_work_set};
use bellwether_worksets::{PlanOptions, WorkSet, plan, set_id};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the files end in.
const ENDING: &str = ".parquet";
/// What the file of a set that is being written ends in.
const PARTIAL: &str = ".parquet.partial";
/// How often old sets are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Where material goes.
#[derive(Debug)]
pub(crate) enum WorkSets {
    /// To files.
    Folder(WorkSetFolder),
    /// The newest of one task, or of the model, is kept.
    Newest(Option<String>, Option<Box<WorkMaterial>>),
}

impl WorkSets {
    pub(crate) fn accept(&mut self, material: Vec<WorkMaterial>) -> Result<(), Failure> {
        match self {
            Self::Folder(folder) => folder.accept(material),
            Self::Newest(task, newest) => {
                if let Some(found) = material.into_iter().rfind(|m| m.task == *task) {
                    *newest = Some(Box::new(found));
                }
                Ok(())
            }
        }
    }
}

/// A directory of sets.
#[derive(Debug)]
pub(crate) struct WorkSetFolder {
    sets: WorkSetsConfig,
    options: PlanOptions,
    text_retention_ms: i64,
    /// When old sets were looked for last; `None` where nothing is deleted.
    looked: Option<Instant>,
}

impl WorkSetFolder {
    /// Of the live monitor: makes the directory where it is missing, and deletes what is too old.
    pub(crate) fn open(sets: &WorkSetsConfig, texts: &TextsConfig) -> Result<Self, Failure> {
        let mut folder = Self::open_for_replay(sets, texts)?;
        folder.looked = Some(Instant::now());
        folder.sweep(now_ms())?;
        Ok(folder)
    }

    /// Of a replay: the past is old, and nothing is deleted but what a new revision takes the place of.
    pub(crate) fn open_for_replay(sets: &WorkSetsConfig, texts: &TextsConfig) -> Result<Self, Failure> {
        std::fs::create_dir_all(&sets.directory).map_err(|error| failed(&sets.directory, &error))?;
        Ok(Self {
            options: PlanOptions {
                budget: sets.budget,
                texts: texts.form,
            },
            text_retention_ms: texts.retention_ms,
            sets: sets.clone(),
            looked: None,
        })
    }

    /// Writes the sets; durable when it returns.
    pub(crate) fn accept(&mut self, material: Vec<WorkMaterial>) -> Result<(), Failure> {
        let any = !material.is_empty();
        for material in material {
            let id = set_id(&material);
            let revision = material.revision;
            let path = self.sets.directory.join(format!("{id}{ENDING}"));
            write_work_set(&path, &plan(material, self.options)).map_err(|error| file_failed(&error))?;
            if let Some(alarm) = id.strip_suffix(&format!("r{revision}")) {
                for before in 0..revision {
                    remove(&self.sets.directory.join(format!("{alarm}r{before}{ENDING}")))?;
                }
            }
        }
        if let Some(looked) = self.looked
            && (any || looked.elapsed() >= LOOK_EVERY)
        {
            self.looked = Some(Instant::now());
            self.sweep(now_ms())?;
        }
        Ok(())
    }

    /// Deletes sets that are too old or too many, and texts that are too old.
    fn sweep(&self, now_ms: i64) -> Result<(), Failure> {
        let mut kept = 0;
        for path in list(&self.sets.directory)? {
            let Ok((header, _)) = read_work_set_header(&path) else {
                // Somebody else's, or one that a broken disk has left: it is not ours to take away.
                continue;
            };
            if kept == self.sets.max_sets || age_ms(&path, now_ms) > self.sets.retention_ms {
                remove(&path)?;
                continue;
            }
            kept += 1;
            let oldest_ms = now_ms.saturating_sub(self.text_retention_ms);
            if header.oldest_text_ms.is_some_and(|oldest| oldest < oldest_ms) {
                let mut set = read_work_set(&path).map_err(|error| file_failed(&error))?;
                set.forget_texts_before(oldest_ms);
                write_work_set(&path, &set).map_err(|error| file_failed(&error))?;
            }
        }
        self.remove_partial()
    }

    /// What a crash has left half written.
    fn remove_partial(&self) -> Result<(), Failure> {
        let directory = &self.sets.directory;
        for entry in std::fs::read_dir(directory).map_err(|error| failed(directory, &error))? {
            let entry = entry.map_err(|error| failed(directory, &error))?;
            if entry.file_name().to_string_lossy().ends_with(PARTIAL) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// The sets of a directory, for the API.
#[derive(Debug)]
pub(crate) struct ShownWorkSets(PathBuf);

impl ShownWorkSets {
    pub(crate) fn of(sets: &WorkSetsConfig) -> Self {
        Self(sets.directory.clone())
    }

    /// The file of a set; names that no set has are never looked for on the disk.
    fn path(&self, id: &str) -> Result<Option<PathBuf>, String> {
        let paths = list(&self.0).map_err(|failure| failure.cause())?;
        Ok(paths
            .into_iter()
            .find(|path| path.file_stem().is_some_and(|stem| stem == id)))
    }
}

impl WorkSetSource for ShownWorkSets {
    fn list(&self, most: usize) -> Result<Vec<WorkSetEntry>, String> {
        let paths = list(&self.0).map_err(|failure| failure.cause())?;
        // What is no set, or has just gone, is not one.
        let headers = paths.iter().filter_map(|path| read_work_set_header(path).ok());
        let entries = headers.map(|(header, rows)| WorkSetEntry { header, rows });
        Ok(entries.take(most).collect())
    }

    fn read(&self, id: &str) -> Result<Option<WorkSet>, String> {
        match self.path(id)?.map(|path| read_work_set(&path)) {
            Some(Ok(set)) => Ok(Some(set)),
            Some(Err(error)) => gone_or(&error).map(|()| None),
            None => Ok(None),
        }
    }

    fn file(&self, id: &str) -> Result<Option<Vec<u8>>, String> {
        match self.path(id)?.map(std::fs::read) {
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Some(Err(error)) => Err(error.to_string()),
            None => Ok(None),
        }
    }
}

/// A set that went between being listed and being read is no error.
fn gone_or(error: &WorkSetFileError) -> Result<(), String> {
    match error {
        WorkSetFileError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
        error => Err(error.to_string()),
    }
}

/// The files of sets, the newest alarm first, and of one alarm the newest revision.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|error| failed(directory, &error))? {
        let path = entry.map_err(|error| failed(directory, &error))?.path();
        if path.extension().is_some_and(|e| e == "parquet") && path.is_file() {
            paths.push(path);
        }
    }
    // Names begin with the time.
    paths.sort_unstable_by(|a, b| b.file_name().cmp(&a.file_name()));
    Ok(paths)
}

/// How long ago the file was written: a set of old records is new work. 0 where the disk does not tell.
fn age_ms(path: &Path, now_ms: i64) -> i64 {
    let written = path.metadata().and_then(|data| data.modified()).ok();
    let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let written_ms = written.and_then(|since| i64::try_from(since.as_millis()).ok());
    written_ms.map_or(0, |written_ms| now_ms.saturating_sub(written_ms))
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::at_work(format!("cannot keep work sets in {}", path.display()))
        .because(error)
        .fix("let bellwether write there, or name another directory in work_sets.directory")
}

pub(crate) fn file_failed(error: &WorkSetFileError) -> Failure {
    Failure::at_work("cannot use the file of a work set")
        .because(error)
        .fix("look at the path and at the space on its disk")
}

/// The clock of this machine, by which sets and their texts age.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
