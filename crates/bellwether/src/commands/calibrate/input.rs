//! From files to a reference and a pool of quiet messages.

use super::failure;
use crate::cli::CalibrateArgs;
use crate::failure::Failure;
use crate::file_columns::FileColumns;
use crate::report;
use bellwether_calibrate::{Error, KnownLabel, Period, Pool, ReferenceInput};
use bellwether_events::{ModelSchema, TaskId};
use bellwether_monitor::{MonitorConfig, Reference, ReferenceManifest, ReferenceRows};
use bellwether_store::{ObservationReader, read_reference_input_mapped};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Share of the quiet messages that may be the reference's own: greetings recur, periods do not.
const MOST_IN_SAMPLE: f64 = 0.5;
/// Share from which it is worth a word.
const NOTED_IN_SAMPLE: f64 = 0.05;

/// What is calibrated, and on what.
pub(super) struct Material {
    pub(super) reference: Arc<Reference>,
    /// What the reference was built from: references without a task are built from it.
    pub(super) input: ReferenceInput,
    pub(super) pool: Pool,
}

/// A stored reference and recorded observations.
pub(super) fn recorded(
    args: &CalibrateArgs,
    config: &MonitorConfig,
    columns: &FileColumns,
) -> Result<Material, Failure> {
    let Some(path) = &args.reference else {
        return Err(Failure::usage("no reference is named").fix("name one with --reference, or use --split"));
    };
    if !args.labels.is_empty() && args.labels.len() != args.observations.len() {
        return Err(Failure::usage(format!(
            "{} files of observations and {} of labels",
            args.observations.len(),
            args.labels.len()
        ))
        .fix("name one file of labels for each of observations, in the same order"));
    }
    let (manifest, rows) = bellwether_store::read_reference(path).map_err(|error| {
        Failure::at_work(format!("cannot load the reference {}", path.display()))
            .because(&error)
            .fix("build one with `bellwether reference build`")
    })?;
    let unusable = |error: &bellwether_monitor::ReferenceError| {
        Failure::at_work(format!("cannot use the reference {}", path.display()))
            .because(error)
            .fix("build it anew with `bellwether reference build`")
    };
    let reference = Reference::assemble(manifest.clone(), &rows, config).map_err(|e| unusable(&e))?;
    let schema = reference.schema();
    let labels = args.labels.iter().map(Some).chain(std::iter::repeat(None));
    let mut periods = Vec::new();
    for (observations, labels) in args.observations.iter().zip(labels) {
        periods.push(period(
            observations,
            labels.map(PathBuf::as_path),
            schema,
            columns,
        )?);
    }
    let pool = Pool::new(schema, periods, 1.0).map_err(|e| failure(&e))?;
    refuse_in_sample(&pool, &manifest, &rows)?;
    let input = match &args.reference_input {
        Some(path) => reference_input(path, schema, manifest.encoder_version, columns)?,
        None => ReferenceInput::from_rows(&manifest, &rows).map_err(|e| unusable(&e))?,
    };
    Ok(Material {
        reference: Arc::new(reference),
        input,
        pool,
    })
}

/// One labelled period for both.
pub(super) fn split(
    args: &CalibrateArgs,
    config: &MonitorConfig,
    columns: &FileColumns,
) -> Result<Material, Failure> {
    let (Some(path), Some(tasks)) = (&args.reference_input, &args.tasks) else {
        return Err(Failure::usage("--split has nothing to part")
            .fix("name the labelled observations with --reference-input and the tasks with --tasks"));
    };
    let schema = crate::commands::reference::read_tasks(
        tasks,
        path,
        args.embedding_width,
        columns.reference.as_ref(),
    )?;
    let input = reference_input(path, &schema, None, columns)?;
    let halves = bellwether_calibrate::split(&schema, &input, args.seed).map_err(|e| failure(&e))?;
    let reference = halves.reference.build(&schema, config).map_err(|error| {
        Failure::at_work(format!(
            "cannot build a reference from half of {}",
            path.display()
        ))
        .because(&error)
        .fix("give every task of the tasks file more labelled observations, or leave the task out")
    })?;
    let pool = Pool::new(&schema, vec![halves.quiet], 0.5).map_err(|e| failure(&e))?;
    Ok(Material {
        reference: Arc::new(reference),
        input: halves.reference,
        pool,
    })
}

fn reference_input(
    path: &Path,
    schema: &ModelSchema,
    encoder_version: Option<String>,
    columns: &FileColumns,
) -> Result<ReferenceInput, Failure> {
    let columns = columns.reference.as_ref();
    let (observations, labels, rejects) = read_reference_input_mapped(path, schema, columns, |_, _| {})?;
    note_rejects(path, rejects.len());
    Ok(ReferenceInput {
        observations,
        labels,
        encoder_version,
    })
}

/// A file of observations with its labels: from the file beside it, or from its own column `label`.
fn period(
    path: &Path,
    labels: Option<&Path>,
    schema: &ModelSchema,
    columns: &FileColumns,
) -> Result<Period, Failure> {
    let mut period = Period::default();
    let mut rejected = 0;
    for chunk in ObservationReader::open_mapped(path, schema, columns.observations.as_ref())? {
        let (observations, rejects) = chunk?;
        rejected += rejects.len();
        period.batches.push(observations);
    }
    note_rejects(path, rejected);
    let Some(path) = labels else {
        period.labels = own_labels(path, schema, columns);
        return Ok(period);
    };
    let (rows, rejects) = bellwether_store::read_labels_mapped(path, columns.labels.as_ref())?;
    note_rejects(path, rejects.len());
    for row in rows {
        // The first label counts, as for the monitor.
        period.labels.entry(row.event_id).or_insert(KnownLabel {
            label: row.label,
            known_ms: Some(row.timestamp_ms),
        });
    }
    Ok(period)
}

/// Labels of the file's own column; rows without one, and files without the column, have none.
fn own_labels(path: &Path, schema: &ModelSchema, columns: &FileColumns) -> BTreeMap<String, KnownLabel> {
    let columns = columns.reference.as_ref();
    let Ok((observations, labels, _unlabelled)) =
        read_reference_input_mapped(path, schema, columns, |_, _| {})
    else {
        return BTreeMap::new();
    };
    let known = labels.into_iter().enumerate().map(|(row, label)| {
        let known = KnownLabel {
            label,
            known_ms: None,
        };
        (observations.event_id(row).to_owned(), known)
    });
    known.collect()
}

/// A monitor that is calibrated on what it learnt from looks better than it is.
fn refuse_in_sample(pool: &Pool, manifest: &ReferenceManifest, rows: &ReferenceRows) -> Result<(), Failure> {
    let vectors = |task: TaskId| -> Vec<f32> {
        let of_task = rows
            .task
            .iter()
            .zip(rows.embedding.chunks_exact(manifest.dim.max(1)));
        let of_task = of_task.filter(|(t, _)| **t == task);
        of_task
            .flat_map(|(_, row)| row.iter().map(|x| x.to_f32()))
            .collect()
    };
    let share = pool.share_among(vectors);
    let in_sample = Error::InSample {
        share_percent: 100.0 * share,
    };
    if share > MOST_IN_SAMPLE {
        return Err(failure(&in_sample));
    }
    if share > NOTED_IN_SAMPLE {
        report::note(&format!("note: {in_sample}: the figures are a little too good"));
    }
    Ok(())
}

fn note_rejects(path: &Path, rejects: usize) {
    if rejects > 0 {
        report::note(&format!(
            "left out: {}: {rejects} rows that cannot be used",
            path.display()
        ));
    }
}
