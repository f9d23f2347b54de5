//! `bellwether init`: a commented configuration and the tasks, from a sample of the user's own file or topic.

mod roles;
mod tasks;
mod topic;
mod write;

use crate::cli::{InitArgs, Output};
use crate::config::{Config, read_secret};
use crate::failure::Failure;
use crate::report;
use bellwether_store::{Format, Sample};
use roles::Roles;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What was looked at.
#[derive(Debug)]
struct Looked {
    /// The file or topic, as the user named it.
    source: String,
    sample: Sample,
    roles: Roles,
    /// The format of a topic, as the configuration names it; none of a file.
    format: Option<&'static str>,
    /// What else was in the topic.
    formats: String,
    brokers: Option<String>,
    topic: Option<String>,
    labels_topic: Option<String>,
    properties: Vec<(String, String)>,
    keys_are_unique: bool,
    labels: Option<Labels>,
    /// The task where no column names one.
    only_task: String,
    tasks_file: String,
    /// The commands to run next.
    next: Vec<String>,
}

#[derive(Debug)]
struct Labels {
    sample: Sample,
    roles: Roles,
    rows: usize,
    format: Option<&'static str>,
}

pub(crate) fn init(args: &InitArgs) -> Result<(), Failure> {
    let tasks_path = args
        .tasks
        .clone()
        .unwrap_or_else(|| args.output.with_file_name("tasks.json"));
    for path in [&args.output, &tasks_path] {
        if path.exists() && !args.force {
            return Err(Failure::usage(format!("{} is there already", path.display()))
                .fix("write elsewhere with --output and --tasks, or over it with --force"));
        }
    }
    let looked = match (&args.from_file, &args.from_topic) {
        (Some(file), _) => of_file(args, file, &tasks_path)?,
        (None, Some(topic)) => of_topic(args, topic, &tasks_path)?,
        // The command line does not let both be absent.
        (None, None) => {
            return Err(Failure::usage("there is nothing to look at").fix("name a file with --from-file"));
        }
    };
    let known = looked
        .labels
        .as_ref()
        .map(|labels| (&labels.sample, &labels.roles));
    let tasks = tasks::tasks(&looked.sample, &looked.roles, &looked.only_task, known);
    let mut text = write::configuration(&looked, &tasks);
    let decide = std::mem::take(&mut text.decide);
    put(&args.output, &text.into_string())?;
    put(&tasks_path, &tasks::document(&tasks))?;
    if let Err(problems) = Config::read(&args.output) {
        let listed: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(Failure::at_work(format!(
            "{} was written and needs to be corrected",
            args.output.display()
        ))
        .fix(listed.join("; ")));
    }
    print(args, &looked, &tasks_path, tasks.len(), &decide);
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::at_work(format!("cannot write {}", path.display()))
            .because(&error)
            .fix("choose a file in a directory that exists and can be written")
    })
}

fn of_file(args: &InitArgs, file: &Path, tasks_path: &Path) -> Result<Looked, Failure> {
    let (sample, format) = Sample::of_file(file, args.rows)?;
    if sample.rows.is_empty() {
        return Err(
            Failure::at_work(format!("{} holds no rows that can be read", file.display()))
                .fix("name a file of observations: one row, or one JSON object a line, for each prediction"),
        );
    }
    let roles = Roles::of(&sample);
    let labels = match &args.labels {
        Some(path) => {
            let (sample, _) = Sample::of_file(path, args.rows)?;
            Some(Labels {
                roles: Roles::of_labels(&sample),
                rows: sample.rows.len(),
                sample,
                format: None,
            })
        }
        None => None,
    };
    let stem = file
        .file_stem()
        .map_or_else(|| "task".to_owned(), |stem| stem.to_string_lossy().into_owned());
    Ok(Looked {
        source: file.display().to_string(),
        next: next_of_file(args, file, format, &roles, tasks_path),
        sample,
        roles,
        format: None,
        formats: String::new(),
        brokers: args.brokers.clone(),
        topic: None,
        labels_topic: args.labels_topic.clone(),
        properties: args.property.clone(),
        keys_are_unique: false,
        labels,
        only_task: stem,
        tasks_file: tasks_path.display().to_string(),
    })
}

/// The commands that make a reference of the file.
fn next_of_file(args: &InitArgs, file: &Path, format: Format, roles: &Roles, tasks: &Path) -> Vec<String> {
    let mut next = Vec::new();
    let mut observations = file.to_owned();
    if roles.embedding.is_none()
        && let Some(text) = &roles.text
        && (text.path.len() == 1 || text.path.iter().all(|name| !name.contains('.')))
    {
        observations = PathBuf::from(format!("encoded.{}", format.extension()));
        next.push(format!(
            "bellwether encode --model ENCODER --text-column {} {} --output {}",
            quoted(&text.path.join(".")),
            quoted(&file.display().to_string()),
            observations.display()
        ));
    }
    let reference = args.output.with_file_name("model.ref");
    next.push(format!(
        "bellwether reference build --observations {} --tasks {} --config {} --output {}",
        quoted(&observations.display().to_string()),
        quoted(&tasks.display().to_string()),
        quoted(&args.output.display().to_string()),
        quoted(&reference.display().to_string()),
    ));
    next
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn of_topic(args: &InitArgs, name: &str, tasks_path: &Path) -> Result<Looked, Failure> {
    let kafka = kafka(args)?;
    let seen = topic::look(&kafka, name, args.rows)?;
    let common = seen.formats.iter().max_by_key(|(_, count)| **count);
    let format = common.map(|(format, _)| *format);
    let formats: Vec<String> = seen
        .formats
        .iter()
        .map(|(format, count)| format!("{count} {format}"))
        .collect();
    let labels = match &args.labels_topic {
        Some(topic) => {
            let seen = topic::look(&kafka, topic, args.rows)?;
            let common = seen.formats.iter().max_by_key(|(_, count)| **count);
            Some(Labels {
                roles: Roles::of_labels(&seen.sample),
                rows: seen.sample.rows.len(),
                format: common.map(|(format, _)| *format),
                sample: seen.sample,
            })
        }
        None => None,
    };
    let mut formats = format!("of {} records: {}", seen.records, formats.join(", "));
    if seen.unread > 0 {
        // Writing to a string does not fail.
        let _ = write!(formats, "; {} could not be looked into", seen.unread);
    }
    Ok(Looked {
        source: format!("the topic {name}"),
        roles: Roles::of(&seen.sample),
        sample: seen.sample,
        format,
        formats,
        brokers: Some(kafka.brokers.clone()),
        topic: Some(name.to_owned()),
        labels_topic: args.labels_topic.clone(),
        properties: args.property.clone(),
        keys_are_unique: seen.keys_are_unique,
        labels,
        only_task: name.to_owned(),
        tasks_file: tasks_path.display().to_string(),
        next: vec![format!(
            "bellwether reference build --observations LABELLED --tasks {} --config {} --output {}",
            quoted(&tasks_path.display().to_string()),
            quoted(&args.output.display().to_string()),
            quoted(&args.output.with_file_name("model.ref").display().to_string()),
        )],
    })
}

fn kafka(args: &InitArgs) -> Result<bellwether_ingest::Config, Failure> {
    let brokers = args.brokers.clone().unwrap_or_default();
    let mut config = bellwether_ingest::Config {
        brokers,
        ..Default::default()
    };
    for (key, value) in &args.property {
        let value = read_secret(value.clone()).map_err(|(what, fix)| {
            Failure::usage(format!("the property {key} cannot be read: {what}")).fix(fix)
        })?;
        config.properties.insert(key.clone(), value);
    }
    Ok(config)
}

fn print(args: &InitArgs, looked: &Looked, tasks_path: &Path, tasks: usize, decide: &[String]) {
    let roles = &looked.roles;
    let truth = looked
        .labels
        .as_ref()
        .and_then(|labels| labels.roles.truth.as_ref());
    let of_labels = |name| truth.filter(|_| name == "label");
    let found = roles
        .keys()
        .into_iter()
        .chain(roles.parts())
        .chain([("label", &roles.truth)]);
    let places = found.map(|(name, column)| {
        let column = column.as_ref().or(of_labels(name));
        (name, column.map(roles::Column::place))
    });
    if args.output_format == Output::Json {
        let places: serde_json::Map<String, serde_json::Value> = places
            .map(|(name, place)| (name.to_owned(), json!(place)))
            .collect();
        let summary = json!({
            "config": args.output,
            "tasks": tasks_path,
            "rows": looked.sample.rows.len(),
            "format": looked.format,
            "columns": places,
            "number_of_tasks": tasks,
            "decide": decide,
            "next": looked.next,
        });
        report::result(&summary.to_string());
        return;
    }
    report::header(&format!(
        "{:<14} found in {} rows of {}",
        "part",
        looked.sample.rows.len(),
        looked.source
    ));
    for (name, place) in places {
        match place {
            Some(place) => report::styled(&format!("{name:<14} {}", report::paint(report::GOOD, &place))),
            None => report::result(&format!("{name:<14} -")),
        }
    }
    report::result("");
    report::result(&format!(
        "{} and {} ({tasks} tasks) were written.",
        args.output.display(),
        tasks_path.display()
    ));
    for what in decide {
        report::result(&format!("decide: {what}"));
    }
    for command in &looked.next {
        report::result(&format!("next:   {command}"));
    }
    if roles.truth.is_none() {
        report::result("        whose rows need a column `label` with the truth");
    }
}
