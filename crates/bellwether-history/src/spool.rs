//! What waits on this machine until the store of the history has it.
//!
//! A batch is a file for each kind that has rows: `<number>-<windows>.<kind>.parquet`, written beside, synced and renamed. What is
//! here may be in the store already, if a crash came between writing there and removing here: windows that are there are not
//! added again.

use crate::error::Error;
use crate::file;
use crate::rows::{Row, Rows, each_kind};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A directory of batches that wait, with a bound.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    batches: Mutex<BTreeMap<u64, Batch>>,
    added: Notify,
    dropped_windows: AtomicU64,
}

/// One batch that waits.
#[derive(Debug, Clone, Default)]
struct Batch {
    windows: u64,
    bytes: u64,
    names: Vec<String>,
}

/// How much waits, and how much there was no room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Windows that wait.
    pub windows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Windows that were given up since the start, because too much waited.
    pub dropped_windows: u64,
}

impl Spool {
    /// Opens the directory, which is made if it does not exist. At most `max_bytes` wait there; when there are more, the oldest
    /// batches are given up.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or written.
    pub fn open(directory: &Path, max_bytes: u64) -> Result<Self, Error> {
        let failed = |what| move |source| file_error(what, directory, source);
        std::fs::create_dir_all(directory).map_err(failed("make"))?;
        let mut batches: BTreeMap<u64, Batch> = BTreeMap::new();
        for entry in std::fs::read_dir(directory).map_err(failed("read"))? {
            let entry = entry.map_err(failed("read"))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                // Half written when a process ended.
                std::fs::remove_file(entry.path()).map_err(failed("clean"))?;
            } else if let Some((number, windows)) = parse(&name) {
                let bytes = entry.metadata().map_err(failed("read"))?.len();
                let batch = batches.entry(number).or_default();
                batch.windows = windows;
                batch.bytes += bytes;
                batch.names.push(name);
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            max_bytes,
            batches: Mutex::new(batches),
            added: Notify::new(),
            dropped_windows: AtomicU64::new(0),
        })
    }

    /// Keeps rows until they are shipped. When it returns, they survive whatever happens to the process.
    ///
    /// # Errors
    /// [`Error::File`] when they cannot be written; then some may be there, which does no harm.
    pub fn add(&self, rows: &Rows) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        // Whoever moves a damaged state away may have taken it along.
        std::fs::create_dir_all(&self.directory)
            .map_err(|source| file_error("make", &self.directory, source))?;
        let mut batches = self.lock();
        let number = batches.keys().next_back().map_or(1, |last| last + 1);
        let mut batch = Batch {
            windows: rows.model.len() as u64,
            ..Batch::default()
        };
        each_kind!(Kind => self.write_kind::<Kind>(number, rows, &mut batch)?);
        let failed = |source| file_error("sync", &self.directory, source);
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed)?;
        batches.insert(number, batch);
        self.make_room(&mut batches);
        drop(batches);
        self.added.notify_one();
        Ok(())
    }

    fn write_kind<R: Row>(&self, number: u64, rows: &Rows, batch: &mut Batch) -> Result<(), Error> {
        let rows = R::of(rows);
        if rows.is_empty() {
            return Ok(());
        }
        let name = format!("{number:012}-{}.{}.parquet", batch.windows, R::KIND);
        let path = self.directory.join(&name);
        let bytes = file::encode(rows, &name)?;
        let staged = self.directory.join(format!(".{name}"));
        let written = File::create(&staged).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&staged, &path)
        });
        written.map_err(|source| file_error("write", &path, source))?;
        batch.bytes += bytes.len() as u64;
        batch.names.push(name);
        Ok(())
    }

    /// Gives up the oldest batches beyond the bound, but never the newest.
    fn make_room(&self, batches: &mut BTreeMap<u64, Batch>) {
        let mut bytes: u64 = batches.values().map(|batch| batch.bytes).sum();
        while bytes > self.max_bytes && batches.len() > 1 {
            let Some((_, oldest)) = batches.pop_first() else {
                return;
            };
            bytes -= oldest.bytes;
            self.dropped_windows.fetch_add(oldest.windows, Ordering::Relaxed);
            tracing::error!(
                windows = oldest.windows,
                limit_bytes = self.max_bytes,
                "Too much of the history waits for its store; the oldest is given up"
            );
            self.remove_files(&oldest);
        }
    }

    /// Numbers of the oldest batches, together of at most so many bytes, but at least one.
    pub(crate) fn oldest(&self, most_bytes: u64) -> Vec<u64> {
        let batches = self.lock();
        let mut bytes = 0;
        let within = batches.iter().take_while(|(_, batch)| {
            let first = bytes == 0;
            bytes += batch.bytes;
            first || bytes <= most_bytes
        });
        within.map(|(&number, _)| number).collect()
    }

    /// Rows of a kind of these batches, window by window; of windows that are there twice, the first.
    pub(crate) fn rows<R: Row>(&self, numbers: &[u64]) -> Result<Vec<R>, Error> {
        let suffix = format!(".{}.parquet", R::KIND);
        let names: Vec<String> = {
            let batches = self.lock();
            let wanted = numbers.iter().filter_map(|number| batches.get(number));
            let names = wanted.flat_map(|batch| &batch.names);
            names.filter(|name| name.ends_with(&suffix)).cloned().collect()
        };
        let mut rows = Vec::new();
        for name in names {
            let path = self.directory.join(&name);
            match std::fs::read(&path) {
                Ok(bytes) => {
                    crate::day::add_new_windows(&mut rows, file::decode(Bytes::from(bytes), &name)?);
                }
                // Shipped or given up in between.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(file_error("read", &path, source)),
            }
        }
        Ok(rows)
    }

    /// All rows of a kind that wait.
    pub(crate) fn all_rows<R: Row>(&self) -> Result<Vec<R>, Error> {
        let numbers: Vec<u64> = self.lock().keys().copied().collect();
        self.rows(&numbers)
    }

    /// Forgets batches that the store has.
    pub(crate) fn remove(&self, numbers: &[u64]) {
        let mut batches = self.lock();
        for number in numbers {
            if let Some(batch) = batches.remove(number) {
                self.remove_files(&batch);
            }
        }
    }

    /// What cannot be removed is shipped again after a restart, which changes nothing.
    fn remove_files(&self, batch: &Batch) {
        for name in &batch.names {
            if let Err(error) = std::fs::remove_file(self.directory.join(name)) {
                tracing::warn!(%error, name, "A batch of the history was not removed");
            }
        }
    }

    /// Waits until something was added.
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// How much waits.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        let batches = self.lock();
        Waiting {
            windows: batches.values().map(|batch| batch.windows).sum(),
            bytes: batches.values().map(|batch| batch.bytes).sum(),
            dropped_windows: self.dropped_windows.load(Ordering::Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Batch>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Number and windows of a batch's file.
fn parse(name: &str) -> Option<(u64, u64)> {
    let (number, rest) = name.split_once('-')?;
    let (windows, kind) = rest.split_once('.')?;
    kind.ends_with(".parquet")
        .then(|| Some((number.parse().ok()?, windows.parse().ok()?)))?
}

fn file_error(what: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File {
        what,
        path: path.to_owned(),
        source,
    }
}
