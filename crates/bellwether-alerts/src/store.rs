//! What is still to be delivered, on disk: texts by key, each durable before anybody is told.

use crate::error::Error;
use fjall::{KeyspaceCreateOptions, PersistMode};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// It holds some hundred small records: more memory would be of no use.
const CACHE_BYTES: u64 = 1 << 20;
const WRITE_BUFFER_BYTES: u64 = 1 << 20;
const JOURNAL_BYTES: u64 = 64 << 20;
/// So many damaged directories are kept.
const MOST_ASIDE: u32 = 100;

/// Records with their keys.
type Found = Vec<(String, Vec<u8>)>;

/// A directory of records.
pub(crate) struct Store {
    directory: PathBuf,
    /// Gone after a write that failed: fjall refuses every other until it is opened again.
    open: Option<(fjall::Database, fjall::Keyspace)>,
    /// What could not be written yet.
    unwritten: BTreeMap<String, Option<Vec<u8>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Store")
            .field("directory", &self.directory)
            .field("unwritten", &self.unwritten.len())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a directory, or begins it, and reads all that is there. One that is damaged is moved aside.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Found), Error> {
        let (open, records) = match read(directory) {
            Ok(read) => read,
            Err(error @ (Problem::Locked | Problem::Io(_))) => return Err(error.of(directory)),
            Err(error) => {
                let aside = set_aside(directory)?;
                tracing::error!(
                    cause = %error.of(directory),
                    aside = %aside.display(),
                    "What was kept of alerts is damaged and moved aside; some may be delivered again"
                );
                read(directory).map_err(|error| error.of(directory))?
            }
        };
        let store = Self {
            directory: directory.to_owned(),
            open: Some(open),
            unwritten: BTreeMap::new(),
        };
        Ok((store, records))
    }

    /// Writes and takes out records, all or none; returns once they are durable. What cannot be written, as on a full disk, is
    /// tried again with the next.
    pub(crate) fn write(
        &mut self,
        changes: impl IntoIterator<Item = (String, Option<Vec<u8>>)>,
    ) -> Result<(), Error> {
        self.unwritten.extend(changes);
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => open(&self.directory).map_err(|error| Problem::from(error).of(&self.directory))?,
        };
        let (database, records) = &open;
        let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
        for (key, value) in &self.unwritten {
            match value {
                Some(value) => batch.insert(records, key.as_bytes(), value.as_slice()),
                None => batch.remove(records, key.as_bytes()),
            }
        }
        batch
            .commit()
            .map_err(|error| Problem::from(error).of(&self.directory))?;
        self.unwritten.clear();
        self.open = Some(open);
        Ok(())
    }
}

enum Problem {
    /// Another process has it.
    Locked,
    Io(std::io::Error),
    Damaged(String),
}

impl From<fjall::Error> for Problem {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Locked => Self::Locked,
            fjall::Error::Io(error) => Self::Io(error),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl Problem {
    fn of(self, directory: &Path) -> Error {
        let directory = directory.to_owned();
        match self {
            Self::Locked => Error::Locked { directory },
            Self::Io(source) => Error::Io { directory, source },
            Self::Damaged(problem) => Error::Damaged { directory, problem },
        }
    }
}

type Open = (fjall::Database, fjall::Keyspace);

fn read(directory: &Path) -> Result<(Open, Found), Problem> {
    // A damaged file may make fjall panic.
    let all = catch_unwind(AssertUnwindSafe(|| {
        let open = open(directory)?;
        let mut records = Vec::new();
        for entry in open.1.iter() {
            let (key, value) = entry.into_inner()?;
            records.push((String::from_utf8_lossy(&key).into_owned(), value.to_vec()));
        }
        Ok::<_, fjall::Error>((open, records))
    }));
    match all {
        Ok(read) => read.map_err(Problem::from),
        Err(_) => Err(Problem::Damaged("its decoder gave up".to_owned())),
    }
}

fn open(directory: &Path) -> fjall::Result<Open> {
    let database = fjall::Database::builder(directory)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNAL_BYTES)
        .worker_threads(1)
        .open()?;
    let options = || KeyspaceCreateOptions::default().max_memtable_size(WRITE_BUFFER_BYTES);
    let records = database.keyspace("alerts", options)?;
    Ok((database, records))
}

/// Moves a directory to a name that is free, for whoever wants to look at it.
fn set_aside(directory: &Path) -> Result<PathBuf, Error> {
    let named = |number: u32| {
        let mut name = directory.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        PathBuf::from(name)
    };
    let free = (1..MOST_ASIDE).map(named).find(|path| !path.exists());
    let free = free.unwrap_or_else(|| named(MOST_ASIDE));
    match std::fs::rename(directory, &free) {
        Ok(()) => Ok(free),
        Err(source) => Err(Error::Io {
            directory: directory.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_there_again_and_a_damaged_directory_is_moved_aside() {
        let folder = tempfile::tempdir().expect("a directory");
        let directory = folder.path().join("alerts");
        let (mut store, records) = Store::open(&directory).expect("it begins");
        assert!(records.is_empty());
        let change =
            |key: &str, value: Option<&str>| (key.to_owned(), value.map(|text| text.as_bytes().to_vec()));
        store
            .write([change("a", Some("1")), change("b", Some("2"))])
            .expect("written");
        store
            .write([change("a", None), change("c", Some("3"))])
            .expect("written");
        assert!(matches!(Store::open(&directory), Err(Error::Locked { .. })));
        drop(store);
        let (store, records) = Store::open(&directory).expect("it is there");
        assert_eq!(
            records,
            [("b".to_owned(), b"2".to_vec()), ("c".to_owned(), b"3".to_vec())]
        );
        drop(store);
        for file in std::fs::read_dir(&directory).expect("there").flatten() {
            if file.path().is_file() {
                std::fs::write(file.path(), b"not a database").expect("writable");
            }
        }
        let (_, records) = Store::open(&directory).expect("it begins anew");
        assert!(records.is_empty());
        assert!(folder.path().join("alerts.damaged-1").exists());
    }
}
