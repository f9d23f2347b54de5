//! `bellwether work-set`: one set, from recorded events or from a set that is there.

use super::{load_reference, read_config, replay};
use crate::cli::{Output, WorkSetArgs};
use crate::config::Config;
use crate::encoder::{Embedder, expect};
use crate::failure::Failure;
use crate::file_columns::FileColumns;
use crate::pipeline::Pipeline;
use crate::report;
use crate::sinks::Sinks;
use crate::work_sets::{WorkSets, file_failed};
use bellwether_events::OtherEncoders;
use bellwether_monitor::{Engine, WorkMaterial};
use bellwether_store::{read_work_set, write_work_set};
use bellwether_worksets::{PlanOptions, WorkSet, plan, rank_again};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Budget where none is named.
const BUDGET: usize = 200;

pub(crate) async fn work_set(args: WorkSetArgs) -> Result<(), Failure> {
    let config = args.config.as_deref().map(read_config).transpose()?;
    let budget = args.budget.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let set = if let Some(path) = &args.from {
        let set = read_work_set(path).map_err(|error| file_failed(&error))?;
        let budget = budget.unwrap_or(set.header.budget);
        rank_again(set, budget)
    } else {
        let config = config.unwrap_or_default();
        let of_config = config.work_sets.as_ref().map(|sets| sets.budget);
        let options = PlanOptions {
            budget: budget.or(of_config).unwrap_or(BUDGET),
            texts: config.texts.form,
        };
        plan(Box::pin(material(&args, config)).await?, options)
    };
    write_work_set(&args.to, &set).map_err(|error| file_failed(&error))?;
    print(&set, &args.to, args.output);
    Ok(())
}

/// The material of the newest alarm that was meant.
async fn material(args: &WorkSetArgs, mut config: Config) -> Result<WorkMaterial, Failure> {
    let missing =
        |what: &str| Failure::usage(format!("{what} is missing")).fix("name it, or a set with `--from`");
    let reference = args.reference.as_deref().ok_or_else(|| missing("--reference"))?;
    let observed = args.observations.as_deref();
    let observed = observed.ok_or_else(|| missing("--observations"))?;
    config.monitor.work_sets = true;
    let embedder = Embedder::open(config.encoder.as_ref())?;
    let mut reference = load_reference(reference, &config.monitor)?;
    expect(&mut reference, embedder.as_ref(), OtherEncoders::default())?;
    let reference = Arc::new(reference);
    if let Some(task) = &args.task
        && reference
            .schema()
            .tasks()
            .all(|t| reference.schema().name(t) != task)
    {
        let names: Vec<&str> = reference
            .schema()
            .tasks()
            .map(|t| reference.schema().name(t))
            .collect();
        return Err(Failure::usage(format!("the reference has no task `{task}`"))
            .fix(format!("write one of {}", names.join(", "))));
    }
    let sinks = Sinks {
        work_sets: Some(WorkSets::Newest(args.task.clone(), None)),
        ..Sinks::default()
    };
    let mut pipeline = Pipeline::new(Engine::new(reference, config.monitor.clone()), sinks, None);
    pipeline.embed_with(embedder);
    pipeline.keep_texts(config.texts.keeper());
    let columns = FileColumns::of(&config.payloads);
    replay::play(&mut pipeline, observed, args.labels.as_deref(), &columns).await?;
    pipeline.newest_material().ok_or_else(|| match &args.task {
        Some(task) => Failure::at_work(format!("nothing is said of `{task}` that asks for work"))
            .fix("look at the timeline of `bellwether replay`: a set is made of retrain, continual_update and new_task"),
        None => Failure::at_work("no fault common to the tasks asks for re-training")
            .fix("name a task with --task"),
    })
}

fn print(set: &WorkSet, path: &Path, output: Output) {
    let header = &set.header;
    let text = match output {
        Output::Json => serde_json::to_string_pretty(header).unwrap_or_default(),
        Output::Text => {
            let mut text = format!(
                "{}\n{} of {} observations to label, in {}",
                header.summary,
                set.chosen().count(),
                set.rows.iter().filter(|row| row.rank.is_some()).count(),
                path.display()
            );
            for group in &header.groups {
                let words: Vec<&str> = group.words.iter().map(|w| w.word.as_str()).collect();
                let said = if words.is_empty() {
                    format!("such as {}", group.examples.join(", "))
                } else {
                    words.join(", ")
                };
                // Writing to a string does not fail.
                let _ = write!(
                    text,
                    "\ngroup {}: {} observations: {said}",
                    group.group, group.size
                );
            }
            text
        }
    };
    report::result(&text);
}
