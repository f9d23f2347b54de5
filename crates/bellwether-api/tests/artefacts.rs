//! Alert rules and runbooks agree with the metrics of the code and with each other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bellwether_api::{MetricDescription, metric_descriptions};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no .{extension} in {folder}");
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every name that a query can use, and whether it is a counter.
fn exported() -> BTreeMap<String, bool> {
    metric_descriptions()
        .flat_map(MetricDescription::series)
        .collect()
}

/// The names of ours in an expression, each with the text before it.
fn names_in(expression: &str) -> Vec<(&str, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("bellwether") {
        if !expression[..at].ends_with(part) {
            let end = expression[at..]
                .find(|c| !part(c))
                .map_or(expression.len(), |length| at + length);
            found.push((&expression[at..end], &expression[..at]));
        }
    }
    found
}

/// Each name exists, and each counter is read through a function made for counters.
fn check_expression(place: &str, expression: &str, recorded: &BTreeSet<String>) {
    let exported = exported();
    let names = names_in(expression);
    assert!(!names.is_empty(), "{place} names no metric of ours: {expression}");
    for (name, before) in names {
        if recorded.contains(name) {
            continue;
        }
        let counter = *exported
            .get(name)
            .unwrap_or_else(|| panic!("{place}: there is no metric {name}"));
        let in_rate = ["rate(", "increase("]
            .iter()
            .any(|function| before.ends_with(function));
        assert!(
            counter || !in_rate,
            "{place}: {name} is no counter, so its rate means nothing"
        );
    }
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    record: Option<String>,
    alert: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    hold: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

fn rules() -> Vec<Rule> {
    files("alert-rules", "yaml")
        .iter()
        .flat_map(|path| {
            let file: RuleFile = serde_saphyr::from_str(&read(path)).unwrap();
            file.groups.into_iter().flat_map(|group| group.rules)
        })
        .collect()
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<RuleTest>,
}

#[derive(Deserialize)]
struct RuleTest {
    #[serde(default)]
    alert_rule_test: Vec<AlertTest>,
}

#[derive(Deserialize)]
struct AlertTest {
    alertname: String,
    exp_alerts: Vec<Value>,
}

#[test]
fn every_metric_of_the_rules_exists() {
    let rules = rules();
    let recorded: BTreeSet<String> = rules.iter().filter_map(|rule| rule.record.clone()).collect();
    assert!(rules.len() > 10);
    for rule in &rules {
        let name = rule.alert.as_ref().or(rule.record.as_ref()).unwrap();
        check_expression(name, &rule.expr, &recorded);
    }
}

#[test]
fn every_alert_says_how_severe_it_is_what_it_means_and_where_its_runbook_is() {
    let alerts: Vec<Rule> = rules().into_iter().filter(|rule| rule.alert.is_some()).collect();
    let mut pages = BTreeSet::new();
    for rule in &alerts {
        let name = rule.alert.as_deref().unwrap();
        assert!(
            name.starts_with("Bellwether") && name.chars().all(char::is_alphanumeric),
            "{name}"
        );
        assert!(rule.hold.is_some(), "{name} has no `for`");
        let severity = rule.labels.get("severity").map(String::as_str);
        assert!(
            matches!(severity, Some("critical" | "warning" | "info")),
            "{name}: {severity:?}"
        );
        for annotation in ["summary", "description", "runbook_url"] {
            assert!(
                rule.annotations
                    .get(annotation)
                    .is_some_and(|text| !text.is_empty()),
                "{name}: {annotation}"
            );
        }
        let summary = &rule.annotations["summary"];
        assert!(
            !summary.contains('\n') && !summary.ends_with('.'),
            "{name}: {summary}"
        );
        if rule.expr.contains("bellwether_task_") {
            assert!(
                summary.contains("{{ $labels.task }}"),
                "{name} does not name the task"
            );
        }
        let url = &rule.annotations["runbook_url"];
        let page = url
            .split_once("/blob/main/")
            .unwrap_or_else(|| panic!("{name}: {url}"))
            .1;
        assert!(url.starts_with(env!("CARGO_PKG_REPOSITORY")), "{name}: {url}");
        let text = read(&root().join(page));
        assert!(
            text.lines().next().is_some_and(|title| title.contains(name)),
            "{page} is not about {name}"
        );
        for (metric, _) in names_in(&text)
            .into_iter()
            .filter(|(metric, _)| metric.starts_with("bellwether_"))
        {
            assert!(
                exported().contains_key(metric) || metric == "bellwether_batch_rows",
                "{page}: {metric}"
            );
        }
        pages.insert(root().join(page).canonicalize().unwrap());
    }
    for page in files("docs/runbooks", "md") {
        assert!(
            pages.contains(&page.canonicalize().unwrap()),
            "no alert links to {}",
            page.display()
        );
    }
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to_fire() {
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for path in files("alert-rules/tests", "yaml") {
        let file: TestFile = serde_saphyr::from_str(&read(&path)).unwrap();
        for test in file.tests.into_iter().flat_map(|test| test.alert_rule_test) {
            if test.exp_alerts.is_empty() {
                &mut quiet
            } else {
                &mut fires
            }
            .insert(test.alertname);
        }
    }
    let alerts: BTreeSet<String> = rules().into_iter().filter_map(|rule| rule.alert).collect();
    assert_eq!(fires, alerts);
    assert_eq!(quiet, alerts);
}
