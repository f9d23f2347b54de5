//! `bellwether replay`: recorded observations and labels, merged by time.

mod kafka;

use super::{load_reference, read_config};
use crate::cli::{Output, ReplayArgs};
use crate::config::{Config, WINDOW_MS, WorkSetsConfig};
use crate::failure::Failure;
use crate::file_columns::FileColumns;
use crate::history::Windows;
use crate::pipeline::{Pipeline, Refused, Release, Turn};
use crate::sinks::{Sinks, TimelineFile};
use crate::work_sets::{WorkSetFolder, WorkSets};
use crate::{progress, report};
use bellwether_api::TopicKind;
use bellwether_events::{LabelRow, Reject};
use bellwether_monitor::Engine;
use bellwether_store::ObservationReader;
use std::iter::Peekable;
use std::path::Path;
use std::sync::Arc;
use std::vec::IntoIter;

/// Rejected rows that are named one by one.
const NAMED_REJECTS: usize = 10;

pub(crate) async fn replay(args: ReplayArgs) -> Result<(), Failure> {
    super::use_threads(args.threads)?;
    let config = args.config.as_deref().map(read_config).transpose()?;
    if args.from_kafka {
        let settings = settings(config, args.work_sets.as_deref());
        return kafka::replay(args, settings).await;
    }
    // The command line does not let these be absent.
    let missing =
        |what: &str| Failure::usage(format!("{what} is missing")).fix("name it, or read `--from-kafka`");
    let reference = args.reference.as_deref().ok_or_else(|| missing("--reference"))?;
    let observed = args
        .observations
        .as_deref()
        .ok_or_else(|| missing("--observations"))?;
    let windows = history(&args, config.as_ref())?;
    let settings = settings(config, args.work_sets.as_deref());
    let config = settings.monitor.clone();
    let reference = Arc::new(load_reference(reference, &config)?);
    let sinks = Sinks {
        timeline: Some(TimelineFile::create(&args.timeline)?),
        work_sets: work_sets(&settings)?,
        ..Sinks::default()
    };
    let mut pipeline = Pipeline::new(Engine::new(reference, config), sinks, windows);
    pipeline.keep_texts(settings.texts.keeper());
    let columns = FileColumns::of(&settings.payloads);
    let windows = play(&mut pipeline, observed, args.labels.as_deref(), &columns).await?;
    summarise(&pipeline, &args, windows);
    Ok(())
}

/// Plays recorded observations and labels through the pipeline to their end, merged by time; gives how many windows of
/// the history were written, where one is.
pub(super) async fn play(
    pipeline: &mut Pipeline,
    observed: &Path,
    labelled: Option<&Path>,
    columns: &FileColumns,
) -> Result<Option<usize>, Failure> {
    let reader = ObservationReader::open_mapped(
        observed,
        pipeline.engine().schema(),
        columns.observations.as_ref(),
    )?;
    let (labels, label_rejects) = match labelled {
        Some(path) => bellwether_store::read_labels_mapped(path, columns.labels.as_ref())?,
        None => (Vec::new(), Vec::new()),
    };
    if let Some(path) = labelled {
        name_rejects(path, &label_rejects);
    }
    let bar = progress::bar(reader.total_rows() as u64, "observations");

    let mut labels = LabelsInTime::new(labels);
    let mut first_rejects = label_rejects
        .into_iter()
        .map(|r| Refused::of_row(TopicKind::Labels, r))
        .collect();
    let lateness_ms = pipeline.engine().allowed_lateness_ms();
    let mut newest_ms = i64::MIN;
    for chunk in reader {
        let (observations, rejects) = chunk?;
        name_rejects(observed, &rejects);
        newest_ms = observations
            .timestamps_ms()
            .iter()
            .copied()
            .fold(newest_ms, i64::max);
        let watermark_ms = newest_ms.saturating_sub(lateness_ms);
        bar.inc((observations.len() + rejects.len()) as u64);
        let mut turn = Turn {
            observations: Some(observations),
            evidence: None,
            labels: labels.take_before(watermark_ms),
            rejects: std::mem::take(&mut first_rejects),
            release: Release::Before(watermark_ms),
        };
        turn.rejects.extend(
            rejects
                .into_iter()
                .map(|r| Refused::of_row(TopicKind::Observations, r)),
        );
        pipeline.turn(turn).await?;
    }
    let rest = Turn {
        labels: labels.rest(),
        rejects: first_rejects,
        ..Turn::last()
    };
    pipeline.turn(rest).await?;
    let windows = pipeline.finish_history().await?;
    bar.finish_and_clear();
    Ok(windows)
}

/// The configuration's settings with the command line's directory of work sets, which alone counts: a replay writes nothing
/// where the live monitor does.
fn settings(config: Option<Config>, work_sets: Option<&Path>) -> Config {
    let mut config = config.unwrap_or_default();
    config.work_sets = work_sets.map(|directory| WorkSetsConfig {
        directory: directory.to_owned(),
        ..config.work_sets.take().unwrap_or_default()
    });
    config.monitor.work_sets = config.work_sets.is_some();
    config
}

/// Where a replay's sets go. Nothing there is deleted: the past is old.
fn work_sets(config: &Config) -> Result<Option<WorkSets>, Failure> {
    let sets = config.work_sets.as_ref();
    let folder = sets
        .map(|sets| WorkSetFolder::open_for_replay(sets, &config.texts))
        .transpose()?;
    Ok(folder.map(WorkSets::Folder))
}

/// The history that is to be written, if one is.
fn history(args: &ReplayArgs, config: Option<&Config>) -> Result<Option<Windows>, Failure> {
    let window_ms = config.and_then(|config| Some(config.history.as_ref()?.window_ms));
    let directory = args.history.as_deref();
    directory
        .map(|directory| Windows::of_recording(directory, window_ms.unwrap_or(WINDOW_MS)))
        .transpose()
}

fn summarise(pipeline: &Pipeline, args: &ReplayArgs, windows: Option<usize>) {
    let status = pipeline.status();
    report::table(&status, args.output);
    if args.output == Output::Text {
        let counts = status.counts;
        report::note(&format!(
            "{} observations and {} labels judged; {} rejected, {} late, {} duplicate observations, {} duplicate labels, {} labels without observation; timeline in {}",
            counts.observations,
            counts.labels,
            pipeline.rejected_total(),
            counts.late_observations,
            counts.duplicate_observations,
            counts.duplicate_labels,
            counts.pending_labels + counts.orphan_labels,
            args.timeline.display()
        ));
        if let (Some(windows), Some(directory)) = (windows, &args.history) {
            report::note(&format!(
                "{windows} windows written to the history in {}",
                directory.display()
            ));
        }
    }
}

fn name_rejects(path: &Path, rejects: &[Reject]) {
    for reject in rejects.iter().take(NAMED_REJECTS) {
        report::note(&format!("rejected: {}: {reject}", path.display()));
    }
    if rejects.len() > NAMED_REJECTS {
        report::note(&format!(
            "rejected: {}: {} more in this part",
            path.display(),
            rejects.len() - NAMED_REJECTS
        ));
    }
}

/// Labels in order of the time they became known: they reach the monitor as they would have reached it then.
struct LabelsInTime {
    rest: Peekable<IntoIter<LabelRow>>,
}

impl LabelsInTime {
    fn new(mut labels: Vec<LabelRow>) -> Self {
        labels.sort_by_key(|label| label.timestamp_ms);
        Self {
            rest: labels.into_iter().peekable(),
        }
    }

    fn take_before(&mut self, watermark_ms: i64) -> Vec<LabelRow> {
        std::iter::from_fn(|| self.rest.next_if(|label| label.timestamp_ms < watermark_ms)).collect()
    }

    fn rest(self) -> Vec<LabelRow> {
        self.rest.collect()
    }
}
