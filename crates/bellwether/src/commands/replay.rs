//! `bellwether replay`: recorded observations and labels, merged by time.

mod kafka;
mod report_file;

use super::{load_reference, read_config};
use crate::cli::{Output, ReplayArgs};
use crate::config::{Config, WINDOW_MS, WorkSetsConfig};
use crate::encoder::{Embedder, expect};
use crate::failure::Failure;
use crate::file_columns::FileColumns;
use crate::history::Windows;
use crate::pipeline::{Pipeline, Refused, Release, Turn};
use crate::sinks::{Sinks, TimelineFile};
use crate::work_sets::{ShownWorkSets, WorkSetFolder, WorkSets};
use crate::{progress, report};
use bellwether_api::TopicKind;
use bellwether_events::{LabelRow, OtherEncoders, Reject};
use bellwether_monitor::{Engine, MonitorConfig, Reference, Switch, rfc3339};
use bellwether_store::ObservationReader;
use report_file::ReportFile;
use std::collections::BTreeSet;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec::IntoIter;

/// Rejected rows that are named one by one.
const NAMED_REJECTS: usize = 10;

pub(crate) async fn replay(args: ReplayArgs) -> Result<(), Failure> {
    super::use_threads(args.threads)?;
    let config = args.config.as_deref().map(read_config).transpose()?;
    if args.from_kafka {
        let settings = settings(config, args.work_sets.as_deref());
        return Box::pin(kafka::replay(args, settings)).await;
    }
    // The command line does not let these be absent.
    let missing =
        |what: &str| Failure::usage(format!("{what} is missing")).fix("name it, or read `--from-kafka`");
    if args.reference.is_empty() {
        return Err(missing("--reference"));
    }
    let observed = args
        .observations
        .as_deref()
        .ok_or_else(|| missing("--observations"))?;
    let windows = history(&args, config.as_ref())?;
    let settings = settings(config, args.work_sets.as_deref());
    let embedder = embedder(&args, &settings)?;
    let mut references = References::load(&args.reference, &settings.monitor, embedder.as_ref())?;
    let report = ReportFile::start(&args)?;
    let sinks = sinks(&args, &settings, report.as_ref())?;
    let engine = Engine::new(references.first(), settings.monitor.clone());
    let mut pipeline = Pipeline::new(engine, sinks, windows);
    if report.is_some() {
        pipeline.draw_course();
    }
    pipeline.keep_texts(settings.texts.keeper());
    pipeline.embed_with(embedder);
    let columns = FileColumns::of(&settings.payloads);
    let windows = loop {
        match play(&mut pipeline, observed, args.labels.as_deref(), &columns).await? {
            Played::All(windows) => break windows,
            Played::To(switch) => references.go_over(&mut pipeline, &switch, &settings)?,
        }
    };
    finish(&mut pipeline, report, &args, windows)
}

/// Where the changes of state go.
fn sinks(args: &ReplayArgs, settings: &Config, report: Option<&ReportFile>) -> Result<Sinks, Failure> {
    let sinks = Sinks {
        timeline: Some(TimelineFile::create(&args.timeline)?),
        work_sets: work_sets(settings)?,
        ..Sinks::default()
    };
    let Some(report) = report else {
        return Ok(sinks);
    };
    if let Some(sets) = &settings.work_sets {
        report.show_work_sets(ShownWorkSets::of(sets));
    }
    Ok(report.listen(sinks))
}

/// Writes the report where one is asked for, and says what was found.
fn finish(
    pipeline: &mut Pipeline,
    report: Option<ReportFile>,
    args: &ReplayArgs,
    windows: Option<usize>,
) -> Result<(), Failure> {
    let written = report.map(|report| report.finish(pipeline)).transpose()?;
    summarise(pipeline, args, windows);
    if let (Some(path), Output::Text) = (written, args.output) {
        report::note(&format!("report in {}", path.display()));
    }
    Ok(())
}

/// How far a recording was played.
pub(super) enum Played {
    /// To its end: so many windows of the history were written, where one is.
    All(Option<usize>),
    /// To where the stream goes over to another encoder.
    To(Switch),
}

/// The references of a replay: one for each version of the encoder.
struct References(Vec<Arc<Reference>>);

impl References {
    fn load(
        paths: &[PathBuf],
        config: &MonitorConfig,
        embedder: Option<&Arc<Embedder>>,
    ) -> Result<Self, Failure> {
        let others = OtherEncoders::default();
        let mut references = Vec::new();
        let mut versions = BTreeSet::new();
        for path in paths {
            let mut reference = load_reference(path, config)?;
            expect(&mut reference, embedder, others.clone())?;
            let version = reference.manifest().encoder_version.clone();
            let is_alone = paths.len() == 1;
            if !is_alone && !version.is_some_and(|version| versions.insert(version)) {
                return Err(Failure::usage(format!(
                    "{} states no encoder version, or that of another reference",
                    path.display()
                ))
                .fix("build each reference with --encoder-version, as events state it"));
            }
            references.push(Arc::new(reference));
        }
        others.set(versions);
        Ok(Self(references))
    }

    fn first(&self) -> Arc<Reference> {
        Arc::clone(&self.0[0])
    }

    /// From the event on at which the stream went over, the reference of the new encoder judges.
    fn go_over(
        &mut self,
        pipeline: &mut Pipeline,
        switch: &Switch,
        settings: &Config,
    ) -> Result<(), Failure> {
        let is_next = |reference: &&Arc<Reference>| {
            reference.manifest().encoder_version.as_deref() == Some(&*switch.version)
        };
        let Some(next) = self.0.iter().find(is_next) else {
            return Err(Failure::at_work(format!(
                "there is no reference of the encoder {}",
                switch.version
            )));
        };
        report::note(&format!(
            "at {} the stream goes over to the encoder {}: reference {}",
            rfc3339(switch.at_ms),
            switch.version,
            next.manifest().id
        ));
        let mut engine = Engine::new(Arc::clone(next), settings.monitor.clone());
        engine.keep_texts(settings.texts.keeper());
        // What is older was judged by the former reference.
        engine
            .advance(switch.at_ms)
            .map_err(|error| Failure::at_work("cannot go over to another reference").because(&error))?;
        pipeline.go_over(engine);
        Ok(())
    }
}

/// The encoder of the command line, or of the configuration.
fn embedder(args: &ReplayArgs, settings: &Config) -> Result<Option<Arc<Embedder>>, Failure> {
    Embedder::open(settings.encoder_in(args.encoder.as_deref()).as_ref())
}

/// Plays recorded observations and labels through the pipeline, merged by time.
pub(super) async fn play(
    pipeline: &mut Pipeline,
    observed: &Path,
    labelled: Option<&Path>,
    columns: &FileColumns,
) -> Result<Played, Failure> {
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
        let of_encoder = observations
            .encoder_events()
            .iter()
            .map(|event| event.timestamp_ms);
        let times = observations.timestamps_ms().iter().copied().chain(of_encoder);
        newest_ms = times.fold(newest_ms, i64::max);
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
        if let Some(switch) = pipeline.switch() {
            bar.finish_and_clear();
            return Ok(Played::To(switch.clone()));
        }
    }
    let rest = Turn {
        labels: labels.rest(),
        rejects: first_rejects,
        ..Turn::last()
    };
    pipeline.turn(rest).await?;
    bar.finish_and_clear();
    if let Some(switch) = pipeline.switch() {
        return Ok(Played::To(switch.clone()));
    }
    Ok(Played::All(pipeline.finish_history().await?))
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
