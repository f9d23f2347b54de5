//! `bellwether check`: every problem of a configuration, before anything runs.

use super::{config_failure, load_reference};
use crate::cli::{ConfigArgs, Output};
use crate::config::{Config, Problem};
use crate::failure::Failure;
use crate::report;
use serde_json::json;

pub(crate) fn check(args: &ConfigArgs) -> Result<(), Failure> {
    let (config, mut problems) = match Config::read(&args.config) {
        Ok(config) => (Some(config), Vec::new()),
        Err(problems) => (None, problems),
    };
    if let Some(config) = &config {
        problems.extend(reference_problem(config));
    }
    if args.output == Output::Json {
        let listed: Vec<_> = problems
            .iter()
            .map(|p| json!({"line": p.line, "key": p.key, "problem": p.what, "fix": p.fix}))
            .collect();
        report::result(&json!({"file": args.config, "problems": listed}).to_string());
    }
    if !problems.is_empty() {
        return Err(config_failure(&args.config, &problems));
    }
    if args.output == Output::Text {
        report::result(&format!("{}: no problem found", args.config.display()));
    }
    Ok(())
}

/// A reference that is missing or cannot be used.
fn reference_problem(config: &Config) -> Option<Problem> {
    let Some(path) = &config.reference else {
        return Some(Problem {
            line: None,
            key: "reference".to_owned(),
            what: "it is missing, and `run` needs it".to_owned(),
            fix: "build one with `bellwether reference build` and name it here".to_owned(),
        });
    };
    let failure = load_reference(path, &config.monitor).err()?;
    Some(Problem {
        line: None,
        key: "reference".to_owned(),
        what: failure.cause(),
        fix: failure.remedy().unwrap_or_default().to_owned(),
    })
}
