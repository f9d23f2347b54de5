//! A real Prometheus that scrapes a monitor, and what can be asked of it.

use crate::fixture::{directory, text};
use crate::web;
use bellwether_tests::{Program, wait_until};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Between two scrapes, and two evaluations of the rules.
pub(crate) const INTERVAL_MS: u64 = 500;

/// Seconds since 1970, as Prometheus counts.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs_f64()
}

/// A stretch of time, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Span {
    pub(crate) fn seconds(self) -> f64 {
        self.to - self.from
    }
}

/// The server, and the directory of its configuration and data.
#[derive(Debug)]
pub(crate) struct Prometheus {
    program: Program,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts it for the monitor at `target`, host and port, with these rules, and tells this Alertmanager, where
    /// there is one.
    pub(crate) fn start(target: &str, rules: &str, alertmanager: Option<&str>) -> Self {
        let directory = directory();
        let path = |name: &str| directory.path().join(name);
        let mut config = format!(
            "global: {{scrape_interval: {INTERVAL_MS}ms, evaluation_interval: {INTERVAL_MS}ms}}\n\
             scrape_configs: [{{job_name: bellwether, static_configs: [{{targets: ['{target}']}}]}}]\n\
             rule_files: [rules.yaml]\n"
        );
        if let Some(address) = alertmanager {
            writeln!(
                config,
                "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{address}']}}]}}]}}"
            )
            .expect("memory takes it");
        }
        std::fs::write(path("rules.yaml"), rules).expect("writable");
        std::fs::write(path("prometheus.yaml"), config).expect("writable");
        let program = Program::start("prometheus", |port| {
            vec![
                format!("--config.file={}", text(&path("prometheus.yaml"))),
                format!("--storage.tsdb.path={}", text(&path("data"))),
                format!("--web.listen-address=127.0.0.1:{port}"),
                "--log.level=warn".to_owned(),
            ]
        });
        let ready = || {
            web::get(&program.url(), "/-/ready")
                .ok()
                .filter(|(status, _)| *status == 200)
        };
        wait_until("Prometheus to be ready", Duration::from_secs(60), ready);
        Self {
            program,
            _directory: directory,
        }
    }

    /// What it says of its target: `up`, or what is wrong.
    pub(crate) fn health(&self) -> String {
        let targets = web::json(&self.program.url(), "/api/v1/targets");
        let target = &targets["data"]["activeTargets"][0];
        format!("{} {}", target["health"], target["lastError"])
    }

    /// The answer to an expression over a stretch of time, a second a step.
    pub(crate) fn range(&self, expression: &str, span: Span) -> Result<Vec<Value>, String> {
        let (from, to) = (span.from.to_string(), span.to.to_string());
        self.ask(
            "/api/v1/query_range",
            &[
                ("query", expression),
                ("start", &from),
                ("end", &to),
                ("step", "1"),
            ],
        )
    }

    /// The answer to an expression at one time.
    pub(crate) fn instant(&self, expression: &str, at: f64) -> Result<Vec<Value>, String> {
        self.ask(
            "/api/v1/query",
            &[("query", expression), ("time", &at.to_string())],
        )
    }

    /// The values that a label has in the series that match.
    pub(crate) fn label_values(&self, selector: &str, label: &str, span: Span) -> Vec<String> {
        let (from, to) = (span.from.to_string(), span.to.to_string());
        let path = web::with_query(
            &format!("/api/v1/label/{label}/values"),
            &[("match[]", selector), ("start", &from), ("end", &to)],
        );
        let answer = web::json(&self.program.url(), &path);
        let values = answer["data"].as_array().cloned().unwrap_or_default();
        values
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect()
    }

    fn ask(&self, path: &str, fields: &[(&str, &str)]) -> Result<Vec<Value>, String> {
        let answer = web::json(&self.program.url(), &web::with_query(path, fields));
        if answer["status"] == "success" {
            Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
        } else {
            Err(answer["error"].to_string())
        }
    }

    /// What it has complained about.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }
}

/// A real Alertmanager that tells each alert apart to a receiver at once.
#[derive(Debug)]
pub(crate) struct Alertmanager {
    program: Program,
    _directory: TempDir,
}

impl Alertmanager {
    pub(crate) fn start(receiver: &str) -> Self {
        let directory = directory();
        let path = |name: &str| directory.path().join(name);
        let config = format!(
            "route: {{receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers: [{{name: test, webhook_configs: [{{url: '{receiver}', send_resolved: true}}]}}]\n"
        );
        std::fs::write(path("alertmanager.yaml"), config).expect("writable");
        let program = Program::start("prometheus-alertmanager", |port| {
            vec![
                format!("--config.file={}", text(&path("alertmanager.yaml"))),
                format!("--storage.path={}", text(&path("data"))),
                format!("--web.listen-address=127.0.0.1:{port}"),
                "--cluster.listen-address=".to_owned(),
                "--log.level=warn".to_owned(),
            ]
        });
        Self {
            program,
            _directory: directory,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.program.address()
    }

    pub(crate) fn log(&self) -> String {
        self.program.log()
    }
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
