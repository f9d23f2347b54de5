//! `bellwether calibrate`: what silence is worth, from the owner's own quiet period.

mod input;
mod tables;

use super::read_config;
use crate::cli::{CalibrateArgs, Output};
use crate::failure::Failure;
use crate::file_columns::FileColumns;
use crate::{progress, report};
use bellwether_calibrate::{
    Error, Pool, PowerPlan, PowerStudy, QuietPlan, QuietStudy, ReferenceInput, power_runs, power_study,
    quiet_study,
};
use bellwether_monitor::{MonitorConfig, Reference, Seasons};
use input::Material;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Version of the document's form.
const FORMAT: u32 = 1;

/// The result, as JSON has it.
#[derive(Debug, Serialize)]
struct Calibration {
    format: u32,
    reference: String,
    /// Whether one labelled period was parted into reference and streams.
    split: bool,
    seed: u64,
    quiet_messages: usize,
    quiet: QuietStudy,
    power: Option<PowerStudy>,
}

pub(crate) fn calibrate(args: &CalibrateArgs) -> Result<(), Failure> {
    super::use_threads(args.threads)?;
    let settings = args.config.as_deref().map(read_config).transpose()?;
    let settings = settings.unwrap_or_default();
    let columns = FileColumns::of(&settings.payloads);
    let mut config = settings.monitor;
    // Resampled streams keep the owner's messages and not the hours at which each kind of them came.
    config.seasons = Seasons::Off;
    // Files that cannot be written are told of before the work, not after it.
    for path in [&args.report, &args.picture].into_iter().flatten() {
        write(path, "")?;
    }
    let material = if args.split {
        input::split(args, &config, &columns)?
    } else {
        input::recorded(args, &config, &columns)?
    };
    let calibration = measure(args, &config, material)?;

    let document = serde_json::to_string_pretty(&calibration).unwrap_or_default();
    if let Some(path) = &args.report {
        write(path, &document)?;
    }
    if let (Some(path), Some(power)) = (&args.picture, &calibration.power) {
        write(path, &bellwether_calibrate::picture(power))?;
    }
    match args.output {
        Output::Json => report::result(&document),
        Output::Text => {
            tables::quiet(&calibration.quiet);
            if let Some(power) = &calibration.power {
                tables::power(power);
            }
        }
    }
    Ok(())
}

fn measure(args: &CalibrateArgs, config: &MonitorConfig, material: Material) -> Result<Calibration, Failure> {
    let Material {
        reference,
        input,
        pool,
    } = material;
    let plan = QuietPlan {
        streams: args.streams,
        events: args.events,
        seed: args.seed,
    };
    let bar = progress::bar(args.streams as u64, "quiet streams");
    let quiet = quiet_study(&pool, &reference, config, plan, || bar.inc(1));
    bar.finish_and_clear();
    let power = if args.runs > 0 {
        Some(measure_power(args, config, &reference, &input, &pool)?)
    } else {
        None
    };
    Ok(Calibration {
        format: FORMAT,
        reference: reference.manifest().id.clone(),
        split: args.split,
        seed: args.seed,
        quiet_messages: pool.len(),
        quiet,
        power,
    })
}

fn measure_power(
    args: &CalibrateArgs,
    config: &MonitorConfig,
    reference: &Arc<Reference>,
    input: &ReferenceInput,
    pool: &Pool,
) -> Result<PowerStudy, Failure> {
    let plan = PowerPlan {
        runs: args.runs,
        within: args.within,
        seed: args.seed,
    };
    let bar = progress::bar(power_runs(pool.schema(), args.runs) as u64, "runs with a change");
    let power =
        power_study(pool, reference, input, config, plan, || bar.inc(1)).map_err(|error| failure(&error));
    bar.finish_and_clear();
    power
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::at_work(format!("cannot write {}", path.display()))
            .because(&error)
            .fix("choose a file in a directory that exists and can be written")
    })
}

/// A calibration that cannot be made, and what to do about it.
fn failure(error: &Error) -> Failure {
    let failure = Failure::at_work("cannot calibrate").because(error);
    match error {
        Error::NoObservations | Error::NoExtent => {
            failure.fix("give observations of at least a few days with --observations")
        }
        Error::InSample { .. } => failure.fix(
            "give observations of another quiet period, or part the reference's own with --split --reference-input",
        ),
        Error::TooFewToSplit { .. } => failure.fix("give a longer period, or leave the task out of the tasks file"),
        Error::HeldOut { .. } | Error::Classes(_) => failure.fix("leave the power study out with --runs 0, or give a larger reference"),
    }
}
