//! Questions to the history: what is in the store, and what still waits on this machine.

use crate::day::{add_new_windows, file, folder, kind_folder};
use crate::error::Error;
use crate::file::decode;
use crate::place::Place;
use crate::rows::{Row, Rows, SignalRow, VerdictRow, WindowRow};
use crate::ship::blocking;
use crate::spool::Spool;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Days whose files one page reads at the most.
const DAYS_A_PAGE: usize = 31;
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The task; all of them without.
    pub task: Option<String>,
    /// From this moment on.
    pub from_ms: Option<i64>,
    /// Strictly before this moment.
    pub to_ms: Option<i64>,
    /// Behind this place.
    pub after: Option<Cursor>,
    /// So many rows at the most.
    pub limit: usize,
}

/// A place in the rows of one kind: behind the row with this number in its window. What is before it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    window_start_ms: i64,
    row: u32,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.window_start_ms, self.row)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once('.').and_then(|(window, row)| {
            Some(Self {
                window_start_ms: window.parse().ok()?,
                row: row.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| Error::Cursor {
            cursor: text.to_owned(),
        })
    }
}

/// Rows in order of time, and where to read on.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<R> {
    /// The rows; there may be fewer than asked for, and none, although there is more to read.
    pub rows: Vec<R>,
    /// Where to read on; `None` at the end.
    pub next: Option<Cursor>,
}

/// Answers from the history.
#[derive(Debug, Clone)]
pub struct Reader {
    place: Place,
    spool: Option<Arc<Spool>>,
}

impl Reader {
    /// Of a place, with what waits for it.
    #[must_use]
    pub fn new(place: Place, spool: Option<Arc<Spool>>) -> Self {
        Self { place, spool }
    }

    /// Tasks by window; time is the window's beginning.
    ///
    /// # Errors
    /// [`Error`] when the store does not answer, or its files cannot be read.
    pub async fn windows(&self, query: &Query) -> Result<Page<WindowRow>, Error> {
        let of_task = |row: &WindowRow| query.task.as_ref().is_none_or(|task| *task == row.task);
        self.patient(self.page(query, of_task, |row| row.window_start))
            .await
    }

    /// Lines of the timeline; time is that of the line.
    ///
    /// # Errors
    /// As [`windows`](Self::windows).
    pub async fn verdicts(&self, query: &Query) -> Result<Page<VerdictRow>, Error> {
        let of_task = |row: &VerdictRow| query.task.is_none() || query.task == row.task;
        self.patient(self.page(query, of_task, |row| row.timestamp)).await
    }

    /// Windows, signals and verdicts of the windows from one moment to before another, to begin with after a restart.
    ///
    /// # Errors
    /// As [`windows`](Self::windows).
    pub async fn between(&self, from_ms: i64, to_ms: i64) -> Result<Rows, Error> {
        self.patient(async {
            Ok(Rows {
                windows: self.all::<WindowRow>(from_ms, to_ms).await?,
                signals: self.all::<SignalRow>(from_ms, to_ms).await?,
                verdicts: self.all::<VerdictRow>(from_ms, to_ms).await?,
                ..Rows::default()
            })
        })
        .await
    }

    async fn patient<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::time::timeout(PATIENCE, work)
            .await
            .unwrap_or(Err(Error::Silent {
                seconds: PATIENCE.as_secs(),
            }))
    }

    async fn all<R: Row>(&self, from_ms: i64, to_ms: i64) -> Result<Vec<R>, Error> {
        let mut days = self.days::<R>().await?;
        days.within(from_ms, to_ms);
        let mut rows = Vec::new();
        while let Some((_, more)) = days.next(&self.place).await? {
            rows.extend(
                more.into_iter()
                    .filter(|row: &R| (from_ms..to_ms).contains(&row.window_start())),
            );
        }
        Ok(rows)
    }

    async fn page<R: Row>(
        &self,
        query: &Query,
        wanted: impl Fn(&R) -> bool,
        time: impl Fn(&R) -> i64,
    ) -> Result<Page<R>, Error> {
        let mut days = self.days::<R>().await?;
        let from_ms = query.from_ms.unwrap_or(i64::MIN);
        let to_ms = query.to_ms.unwrap_or(i64::MAX);
        let after_ms = query.after.map_or(i64::MIN, |cursor| cursor.window_start_ms);
        // A line is in the window in which it was said, which may begin behind its own time, when a label came late.
        days.within(from_ms.max(after_ms), to_ms.saturating_add(DAY_MS));
        let mut page = Page {
            rows: Vec::new(),
            next: None,
        };
        let mut last = query.after;
        for _ in 0..DAYS_A_PAGE {
            let Some((day_end_ms, rows)) = days.next(&self.place).await? else {
                return Ok(page);
            };
            for (cursor, row) in numbered(rows) {
                if query.after.is_some_and(|after| cursor <= after)
                    || !(from_ms..to_ms).contains(&time(&row))
                    || !wanted(&row)
                {
                    continue;
                }
                if page.rows.len() == query.limit {
                    page.next = last;
                    return Ok(page);
                }
                last = Some(cursor);
                page.rows.push(row);
            }
            last = Some(Cursor {
                window_start_ms: day_end_ms - 1,
                row: u32::MAX,
            });
        }
        page.next = last.filter(|_| !days.folders.is_empty());
        Ok(page)
    }

    async fn days<R: Row>(&self) -> Result<Days<R>, Error> {
        // First what waits: what is shipped in between is found in the store.
        let waiting = match &self.spool {
            Some(spool) => {
                let spool = Arc::clone(spool);
                blocking(move || spool.all_rows::<R>()).await?
            }
            None => Vec::new(),
        };
        let mut by_day: BTreeMap<String, Vec<R>> = BTreeMap::new();
        for row in waiting {
            by_day.entry(folder(row.window_start())).or_default().push(row);
        }
        let stored = self.place.folders(&kind_folder::<R>()).await?;
        let stored = stored.into_iter().filter(|name| day_start_ms(name).is_some());
        Ok(Days {
            folders: stored.chain(by_day.keys().cloned()).collect(),
            waiting: by_day,
        })
    }
}

const DAY_MS: i64 = 86_400_000;

/// The days that have rows of a kind.
struct Days<R> {
    folders: BTreeSet<String>,
    waiting: BTreeMap<String, Vec<R>>,
}

impl<R: Row> Days<R> {
    /// Only those with windows that begin from one moment to before another.
    fn within(&mut self, from_ms: i64, to_ms: i64) {
        let (first, last) = (folder(from_ms), folder(to_ms.saturating_sub(1)));
        self.folders.retain(|day| (&first..=&last).contains(&day));
    }

    /// The rows of the next day, in order, and the moment at which the day ends.
    async fn next(&mut self, place: &Place) -> Result<Option<(i64, Vec<R>)>, Error> {
        let Some(day) = self.folders.pop_first() else {
            return Ok(None);
        };
        let path = file::<R>(&day);
        let found = place.read(&path).await?;
        let waiting = self.waiting.remove(&day).unwrap_or_default();
        let rows = blocking(move || {
            let mut rows = match found {
                Some(found) => decode(found.bytes, &path)?,
                None => Vec::new(),
            };
            add_new_windows(&mut rows, waiting);
            Ok(rows)
        });
        let start_ms = day_start_ms(&day).unwrap_or(i64::MAX - DAY_MS);
        Ok(Some((start_ms + DAY_MS, rows.await?)))
    }
}

/// The first moment of a day's folder; `None` of what is none.
fn day_start_ms(folder: &str) -> Option<i64> {
    let day: jiff::civil::Date = folder.strip_prefix("day=")?.parse().ok()?;
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(start.timestamp().as_millisecond())
}

/// Rows with their places: each window counts from 0.
fn numbered<R: Row>(rows: Vec<R>) -> impl Iterator<Item = (Cursor, R)> {
    let mut next = Cursor {
        window_start_ms: i64::MIN,
        row: 0,
    };
    rows.into_iter().map(move |row| {
        if row.window_start() != next.window_start_ms {
            next = Cursor {
                window_start_ms: row.window_start(),
                row: 0,
            };
        }
        let cursor = next;
        next.row += 1;
        (cursor, row)
    })
}
