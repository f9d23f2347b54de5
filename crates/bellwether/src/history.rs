//! The history between the monitor and its store: windows that are over are kept on this machine before the next checkpoint,
//! and shipped behind the consumer's back.

mod past;

use crate::config::{HistoryAddress, HistoryConfig};
use crate::failure::Failure;
use crate::pipeline::Release;
use crate::state::Bookmark;
use bellwether_api::{ApiState, PastPoint};
use bellwether_history::{Place, Reader, Rows, Shipper, Spool, Writer};
use bellwether_monitor::{
    Engine, KeptWindows, PendingError, StoredLine, TimelineLine, Verdict, WindowCutter,
};
use past::Past;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Rows that are kept in memory until they are written: some ten megabytes.
const MOST_ROWS: usize = 20_000;
/// Rows beyond which the oldest windows are given up while the disk takes none.
const MOST_ROWS_AT_ALL: usize = 50 * MOST_ROWS;
/// How long a start waits for the past.
const PAST: Duration = Duration::from_secs(5);
/// How long a stop ships what is left; what is not shipped then is at the next start.
const LAST: Duration = Duration::from_secs(3);

/// The history of one process.
#[derive(Debug)]
pub(crate) struct History {
    spool: Arc<Spool>,
    shipper: Arc<Shipper>,
    reader: Reader,
    window_ms: i64,
    shown_ms: i64,
    shipping: JoinHandle<()>,
}

impl History {
    /// Opens what is on this machine and begins to ship it. The store is not asked for anything yet.
    pub(crate) fn start(config: &HistoryConfig) -> Result<Self, Failure> {
        let place = place(config)?;
        let spool = Spool::open(&config.spool, config.max_spool_bytes).map_err(|error| {
            Failure::at_work("cannot keep what waits for the history's store")
                .because(&error)
                .fix("make state.directory writable")
        })?;
        let spool = Arc::new(spool);
        let writer = Writer::new(place.clone(), config.retention_ms);
        let shipper = Arc::new(Shipper::new(writer, Arc::clone(&spool)));
        let reader = Reader::new(place, Some(Arc::clone(&spool)));
        let shipping = tokio::spawn({
            let shipper = Arc::clone(&shipper);
            async move { match shipper.run().await {} }
        });
        Ok(Self {
            spool,
            shipper,
            reader,
            window_ms: config.window_ms,
            shown_ms: config.shown_ms,
            shipping,
        })
    }

    /// Answers questions about the past.
    pub(crate) fn answers(&self, api: &ApiState) {
        api.keep_past(Arc::new(Past {
            reader: self.reader.clone(),
            spool: Arc::clone(&self.spool),
            shipper: Arc::clone(&self.shipper),
        }));
    }

    /// For a monitor that goes on from what was kept.
    fn windows(&self, kept: Option<&KeptWindows>, engine: &Engine) -> Windows {
        let cutter = match kept {
            Some(kept) => WindowCutter::resume(self.window_ms, kept, engine),
            None => WindowCutter::new(self.window_ms),
        };
        Windows::new(cutter, Target::Spool(Arc::clone(&self.spool)))
    }

    /// Shows the past up to where the monitor goes on. Where it begins with the oldest records, the past comes again by itself.
    async fn show_past(&self, api: &ApiState, kept: Option<&KeptWindows>) {
        let Some((kept, to_ms)) = kept.and_then(|kept| Some((kept, kept.closed_to_ms()?))) else {
            return;
        };
        let past = self.reader.between(to_ms.saturating_sub(self.shown_ms), to_ms);
        let rows = match tokio::time::timeout(PAST, past).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "The past is not shown: it cannot be read"
                );
                return;
            }
            Err(_) => {
                tracing::warn!("The past is not shown: the store of the history does not answer");
                return;
            }
        };
        let lines: Vec<TimelineLine> = rows
            .verdicts
            .iter()
            .map(bellwether_history::VerdictRow::line)
            .chain(kept.lines().iter().map(StoredLine::line))
            .collect();
        api.restore(&lines, points(&rows));
    }

    /// Ships what is left, for a moment.
    pub(crate) async fn stop(self) {
        self.shipping.abort();
        let left = match tokio::time::timeout(LAST, self.shipper.ship()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store does not answer".to_owned(),
        };
        tracing::warn!(
            error = left,
            windows = self.spool.waiting().windows,
            "Not all of the history is written; it waits on this machine for the next start"
        );
    }
}

/// What a monitor begins with that goes on as the bookmark says: its windows, where a history is kept, and the past to be seen.
pub(crate) async fn begin(
    history: Option<&History>,
    api: Option<&ApiState>,
    bookmark: &Bookmark,
    engine: &Engine,
) -> Option<Windows> {
    let history = history?;
    if let Some(api) = api {
        history.show_past(api, bookmark.history.as_ref()).await;
    }
    Some(history.windows(bookmark.history.as_ref(), engine))
}

fn place(config: &HistoryConfig) -> Result<Place, Failure> {
    let place = match &config.address {
        HistoryAddress::Directory(path) => Place::directory(path),
        HistoryAddress::Url(url) => Place::url(url, &config.options),
    };
    place.map_err(|error| {
        Failure::usage("cannot use the place of the history")
            .because(&error)
            .fix("correct history.path, history.url or [history.options]; docs/HISTORY.md names them")
    })
}

/// The course of each task, as the page draws it.
fn points(rows: &Rows) -> Vec<(String, PastPoint)> {
    let mut evidence: BTreeMap<(i64, &str), Vec<(&str, f64)>> = BTreeMap::new();
    for row in &rows.signals {
        let of = evidence.entry((row.window_start, &row.task)).or_default();
        of.push((&row.signal, row.log_e_value.unwrap_or(f64::NAN)));
    }
    let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let point = |row: &bellwether_history::WindowRow| {
        let signals = evidence.get(&(row.window_start, row.task.as_str()));
        let verdict = Verdict::ALL.into_iter().find(|v| v.as_str() == row.verdict)?;
        let point = PastPoint {
            // The state is that at the end of the window.
            timestamp_ms: row.window_end - 1,
            verdict,
            observations: row.observations_total.unsigned_abs(),
            label_coverage: number(row.label_coverage),
            drift_within_class: number(row.drift_within_class),
            drift_mix: number(row.drift_mix),
            far_ratio: number(row.far_ratio),
            quality: [row.quality, row.quality_low, row.quality_high].map(number),
            estimated: [row.estimated, row.estimated_low, row.estimated_high].map(number),
            log_e_values: signals
                .into_iter()
                .flatten()
                .map(|(n, e)| ((*n).to_owned(), *e))
                .collect(),
        };
        Some((row.task.clone(), point))
    };
    rows.windows.iter().filter_map(point).collect()
}

/// Cuts the monitor's way into windows and keeps those that are over.
#[derive(Debug)]
pub(crate) struct Windows {
    cutter: WindowCutter,
    rows: Rows,
    target: Target,
    written: usize,
}

/// Where windows go.
#[derive(Debug)]
enum Target {
    /// To wait for the shipper.
    Spool(Arc<Spool>),
    /// At once to their place: of a recording, which can be played again.
    Place(Writer),
}

impl Windows {
    fn new(cutter: WindowCutter, target: Target) -> Self {
        Self {
            cutter,
            rows: Rows::default(),
            target,
            written: 0,
        }
    }

    /// Of a recording, to a directory.
    pub(crate) fn of_recording(directory: &Path, window_ms: i64) -> Result<Self, Failure> {
        let place = Place::directory(directory).map_err(|error| {
            Failure::usage("cannot write the history")
                .because(&error)
                .fix("name a directory that can be written")
        })?;
        let target = Target::Place(Writer::new(place, None));
        Ok(Self::new(WindowCutter::new(window_ms), target))
    }

    /// Goes on beside another engine, which begins where `before` has ended.
    pub(crate) fn go_over(&mut self, before: &Engine, next: &Engine) {
        self.cutter = self.cutter.gone_over(before, next);
    }

    /// Judges what is released.
    pub(crate) fn release(
        &mut self,
        engine: &mut Engine,
        release: Release,
    ) -> Result<Vec<TimelineLine>, PendingError> {
        let mut closed = Vec::new();
        let lines = match release {
            Release::Hold => Vec::new(),
            Release::Before(watermark_ms) => self.cutter.advance(engine, watermark_ms, &mut closed)?,
            Release::All => self.cutter.drain(engine, &mut closed)?,
        };
        for window in &closed {
            self.rows.append(Rows::of_window(window));
        }
        Ok(lines)
    }

    /// Writes what has become much.
    pub(crate) async fn relieve(&mut self) -> Result<(), Failure> {
        if self.rows.len() < MOST_ROWS {
            return Ok(());
        }
        if !self.write().await? && self.rows.len() > MOST_ROWS_AT_ALL {
            let given_up = self.rows.model.len();
            self.rows = Rows::default();
            tracing::error!(
                windows = given_up,
                "The disk takes nothing; windows of the history are given up"
            );
        }
        Ok(())
    }

    /// Makes the windows that are over durable. Says whether they are: a checkpoint must not be taken otherwise.
    ///
    /// # Errors
    /// [`Failure`] when a recording's history cannot be written.
    pub(crate) async fn write(&mut self) -> Result<bool, Failure> {
        if self.rows.is_empty() {
            return Ok(true);
        }
        match &self.target {
            Target::Spool(spool) => {
                let kept = tokio::task::block_in_place(|| spool.add(&self.rows));
                if let Err(error) = kept {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "Windows of the history are not kept yet, and no checkpoint is taken before they are"
                    );
                    return Ok(false);
                }
                self.rows = Rows::default();
            }
            Target::Place(writer) => {
                let written = writer.write(std::mem::take(&mut self.rows)).await;
                self.written += written.map_err(|error| {
                    Failure::at_work("cannot write the history")
                        .because(&error)
                        .fix("name a directory that can be written, and that no other process writes to")
                })?;
            }
        }
        Ok(true)
    }

    /// Windows that were written and had not been there.
    pub(crate) fn written(&self) -> usize {
        self.written
    }

    /// What is needed to go on.
    pub(crate) fn kept(&self, engine: &Engine) -> KeptWindows {
        self.cutter.kept(engine)
    }
}
