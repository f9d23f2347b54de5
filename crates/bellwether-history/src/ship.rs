//! From the spool to the store: one file for each kind and day, replaced whole.
//!
//! A window is in a file or it is not, so that to ship it again changes nothing. There is never more than one file of a kind and
//! day: no reader sees a row twice or misses one, and nothing is left to be compacted.

use crate::day::{add_new_windows, file, folder, kind_folder};
use crate::error::Error;
use crate::file::{decode, encode};
use crate::place::{Found, Place, Replaced};
use crate::rows::{ModelRow, Row, Rows, each_kind};
use crate::spool::Spool;
use backon::{BackoffBuilder, ExponentialBuilder};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Spooled bytes that are merged at one time.
const AT_ONCE: u64 = 8 << 20;
/// Attempts at one object that another process writes too.
const CONTENDED: usize = 8;
/// First and longest time between attempts at a store that is away.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Writes rows to a place, one writer at a time.
#[derive(Debug)]
pub struct Writer {
    place: Place,
    retention_ms: Option<i64>,
    /// Event time of the newest window for which older days were removed.
    cleaned_ms: AtomicI64,
}

impl Writer {
    /// To a place. Days that are older than the newest by more than the retention are removed.
    #[must_use]
    pub fn new(place: Place, retention_ms: Option<i64>) -> Self {
        Self {
            place,
            retention_ms,
            cleaned_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// Writes the windows that are not there yet. Says how many these are.
    ///
    /// # Errors
    /// The first [`Error`]. What is wrong with one day keeps no other from being written.
    pub async fn write(&self, rows: Rows) -> Result<usize, Error> {
        let _lock = self.place.lock()?;
        let newest_ms = rows.model.last().map(|row| row.window_start);
        let (mut windows, mut first_error) = (0, None);
        let mut rows = rows;
        each_kind!(Kind => match self.write_kind(std::mem::take(Kind::of_mut(&mut rows))).await {
            Ok(written) if Kind::KIND == ModelRow::KIND => windows = written,
            Ok(_) => {}
            Err(error) => {
                first_error.get_or_insert(error);
            }
        });
        if let Some(error) = first_error {
            return Err(error);
        }
        if let Some(newest_ms) = newest_ms {
            self.remove_old(newest_ms).await?;
        }
        Ok(windows)
    }

    async fn write_kind<R: Row>(&self, rows: Vec<R>) -> Result<usize, Error> {
        let mut days: BTreeMap<String, Vec<R>> = BTreeMap::new();
        for row in rows {
            days.entry(folder(row.window_start())).or_default().push(row);
        }
        let (mut windows, mut first_error) = (0, None);
        for (day, rows) in days {
            match self.merge(&day, rows).await {
                Ok(added) => windows += added,
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(windows), Err)
    }

    /// Puts the windows that are new into the file of their day. Says how many these are.
    async fn merge<R: Row>(&self, day: &str, rows: Vec<R>) -> Result<usize, Error> {
        let path = file::<R>(day);
        for _ in 0..CONTENDED {
            let found = self.place.read(&path).await?;
            let there = match &found {
                Some(found) => self.sound(&path, found).await?,
                None => Vec::new(),
            };
            let (more, name) = (rows.clone(), path.clone());
            let merged = blocking(move || {
                let mut all = there;
                match add_new_windows(&mut all, more) {
                    0 => Ok(None),
                    added => Ok(Some((added, encode(&all, &name)?))),
                }
            });
            let Some((added, bytes)) = merged.await? else {
                return Ok(0);
            };
            if self.place.replace(&path, bytes, found).await? == Replaced::Yes {
                return Ok(added);
            }
        }
        Err(Error::Contended { path })
    }

    /// The rows of a file, none where it is damaged: then its bytes are kept aside.
    async fn sound<R: Row>(&self, path: &str, found: &Found) -> Result<Vec<R>, Error> {
        let (bytes, name) = (found.bytes.clone(), path.to_owned());
        match blocking(move || decode(bytes, &name)).await {
            Err(error @ (Error::Parquet { .. } | Error::Columns { .. })) => {
                let aside = self.place.set_aside(path, found.bytes.clone()).await?;
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    aside,
                    "A file of the history is damaged; its bytes are kept aside, and it begins anew"
                );
                Ok(Vec::new())
            }
            rows => rows,
        }
    }

    /// Removes the days that are too old beside the newest window, once for each day that is new.
    async fn remove_old(&self, newest_ms: i64) -> Result<(), Error> {
        let Some(retention_ms) = self.retention_ms else {
            return Ok(());
        };
        let last = self.cleaned_ms.load(Ordering::Relaxed);
        if last >= newest_ms || last > i64::MIN && folder(last) == folder(newest_ms) {
            return Ok(());
        }
        let oldest = folder(newest_ms.saturating_sub(retention_ms));
        each_kind!(Kind => self.remove_before::<Kind>(&oldest).await?);
        self.cleaned_ms.store(newest_ms, Ordering::Relaxed);
        Ok(())
    }

    async fn remove_before<R: Row>(&self, oldest: &str) -> Result<(), Error> {
        let kind = kind_folder::<R>();
        for day in self.place.folders(&kind).await? {
            // Somebody else's folders are no days.
            if day.starts_with("day=") && day.as_str() < oldest {
                self.place.remove_folder(&format!("{kind}/{day}")).await?;
            }
        }
        Ok(())
    }
}

/// Ships what is spooled.
#[derive(Debug)]
pub struct Shipper {
    writer: Writer,
    spool: Arc<Spool>,
    windows: AtomicU64,
    failed: AtomicU64,
}

/// What a shipper has done since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shipped {
    /// Windows written.
    pub windows: u64,
    /// Attempts that failed.
    pub failed: u64,
}

impl Shipper {
    /// From a spool to where the writer writes.
    #[must_use]
    pub fn new(writer: Writer, spool: Arc<Spool>) -> Self {
        Self {
            writer,
            spool,
            windows: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Ships whatever comes, for ever. A store that is away is tried again, after longer and longer times.
    pub async fn run(&self) -> Infallible {
        loop {
            self.ship_patiently().await;
            self.spool.added().await;
        }
    }

    async fn ship_patiently(&self) {
        let (first, longest) = BACKOFF;
        let backoff = ExponentialBuilder::new()
            .with_jitter()
            .without_max_times()
            .with_min_delay(first)
            .with_max_delay(longest);
        let (mut pauses, mut is_away) = (backoff.build(), false);
        let place = self.writer.place.name();
        while let Err(error) = self.ship().await {
            if !is_away {
                is_away = true;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    place,
                    "The history is not written; it waits on this machine and is tried again"
                );
            }
            tokio::time::sleep(pauses.next().unwrap_or(longest)).await;
        }
        if is_away {
            tracing::info!(place, "The history is written again");
        }
    }

    /// Ships all that waits.
    ///
    /// # Errors
    /// The first [`Error`]. What could not be shipped still waits, what could is not written again.
    pub async fn ship(&self) -> Result<(), Error> {
        while !self.spool.is_empty() {
            let numbers = self.spool.oldest(AT_ONCE);
            if let Err(error) = self.ship_batches(&numbers).await {
                self.failed.fetch_add(1, Ordering::Relaxed);
                return Err(error);
            }
            self.spool.remove(&numbers);
        }
        Ok(())
    }

    async fn ship_batches(&self, numbers: &[u64]) -> Result<(), Error> {
        let (spool, numbers) = (Arc::clone(&self.spool), numbers.to_owned());
        let rows = blocking(move || {
            let mut rows = Rows::default();
            each_kind!(Kind => *Kind::of_mut(&mut rows) = spool.rows(&numbers)?);
            Ok(rows)
        });
        let windows = self.writer.write(rows.await?).await?;
        self.windows.fetch_add(windows as u64, Ordering::Relaxed);
        Ok(())
    }

    /// What was done so far.
    #[must_use]
    pub fn shipped(&self) -> Shipped {
        Shipped {
            windows: self.windows.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// Work that takes more than a moment, off the threads that serve sockets.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that ends gives up such work.
            Err(_) => Err(Error::Silent { seconds: 0 }),
        },
    }
}
