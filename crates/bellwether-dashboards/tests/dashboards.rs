//! The files that Grafana reads are those that the code writes, and keep what an operator relies on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bellwether_api::{MetricDescription, MetricKind, metric_descriptions};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Metrics that no dashboard shows, and why.
const NOT_SHOWN: &[(&str, &str)] = &[
    (
        "process_virtual_memory_bytes",
        "addresses cost nothing; memory that does is shown",
    ),
    (
        "process_max_fds",
        "far above what is ever open; it would flatten the picture",
    ),
    (
        "process_start_time_seconds",
        "a restart shows as a fall of every total",
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards")
}

fn dashboards() -> Vec<(String, Value)> {
    let files = std::fs::read_dir(folder()).unwrap();
    let mut found: Vec<(String, Value)> = files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            (name, serde_json::from_str(&text).unwrap())
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .unwrap_or_else(|| panic!("no {pointer}"))
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "/panels")
        .iter()
        .filter(|panel| panel["type"] != "row")
}

/// Every expression, with the place where it is.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all = Vec::new();
    for panel in panels(dashboard) {
        for target in list(panel, "/targets") {
            all.push((text(&panel["title"]), text(&target["expr"])));
        }
    }
    for annotation in list(dashboard, "/annotations/list") {
        all.push((
            format!("annotation {}", annotation["name"]),
            text(&annotation["expr"]),
        ));
    }
    for variable in list(dashboard, "/templating/list") {
        if variable["type"] == "query" {
            all.push((
                format!("variable {}", variable["name"]),
                text(&variable["definition"]),
            ));
        }
    }
    all
}

/// The names of ours in an expression, each with the text before it.
fn names_in(expression: &str) -> Vec<(&str, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let ours = ["bellwether_", "process_"]
        .into_iter()
        .flat_map(|prefix| expression.match_indices(prefix));
    let found = ours.filter(|(at, _)| !expression[..*at].ends_with(part));
    found
        .map(|(at, _)| {
            let length = expression[at..]
                .find(|c| !part(c))
                .unwrap_or(expression.len() - at);
            (&expression[at..at + length], &expression[..at])
        })
        .collect()
}

/// Every name that a query can use, and whether it only grows.
fn exported() -> BTreeMap<String, bool> {
    metric_descriptions()
        .flat_map(MetricDescription::series)
        .collect()
}

#[test]
fn files_are_what_the_code_writes() {
    let written: BTreeMap<String, String> = bellwether_dashboards::all()
        .iter()
        .map(|dashboard| (dashboard.uid(), dashboard.file()))
        .collect();
    for (name, text) in &written {
        let path = folder().join(name).with_extension("json");
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            there == *text,
            "dashboards/{name}.json is not what the code writes: run `cargo dashboards`"
        );
    }
    let there: BTreeSet<String> = dashboards().into_iter().map(|(name, _)| name).collect();
    assert_eq!(there, written.into_keys().collect());
}

#[test]
fn metrics_exist_and_counters_are_read_as_rates() {
    let exported = exported();
    for (name, dashboard) in dashboards() {
        for (place, expression) in expressions(&dashboard) {
            for (metric, before) in names_in(&expression) {
                let counter = *exported
                    .get(metric)
                    .unwrap_or_else(|| panic!("{name}, {place}: there is no metric {metric}"));
                let in_rate = before.ends_with("rate(") || before.ends_with("increase(");
                assert_eq!(counter, in_rate, "{name}, {place}: {metric} in {expression}");
            }
        }
    }
}

#[test]
fn windows_fit_the_step_or_the_time_that_is_looked_at() {
    for (name, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            for target in list(panel, "/targets") {
                let expression = target["expr"].as_str().unwrap();
                for window in expression.split('[').skip(1) {
                    let of_rate = window.starts_with("$__rate_interval]");
                    let of_number = target["instant"] == true && window.starts_with("$__range]");
                    let of_subquery = window.starts_with("$__range:$__interval] @ end()");
                    assert!(
                        of_rate || of_number || of_subquery,
                        "{name}, {}: {expression}",
                        panel["title"]
                    );
                }
                assert_eq!(target["instant"], !target["range"].as_bool().unwrap());
            }
        }
    }
}

#[test]
fn every_metric_is_on_a_dashboard_or_has_a_reason_not_to_be() {
    let mut shown = BTreeSet::new();
    for (_, dashboard) in dashboards() {
        for (_, expression) in expressions(&dashboard) {
            for (metric, _) in names_in(&expression) {
                shown.insert(metric.to_owned());
            }
        }
    }
    let not_shown: BTreeSet<&str> = NOT_SHOWN.iter().map(|(name, _)| *name).collect();
    for metric in metric_descriptions() {
        let name = match metric.kind {
            MetricKind::Histogram => format!("{}_bucket", metric.name),
            _ => metric.name.to_owned(),
        };
        assert_ne!(
            shown.contains(&name),
            not_shown.contains(metric.name),
            "{name}: put it on a dashboard, or into NOT_SHOWN with a reason, and not both"
        );
    }
}

#[test]
fn every_panel_explains_itself_and_asks_the_chosen_data_source() {
    for (name, dashboard) in dashboards() {
        let mut titles = BTreeSet::new();
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap();
            assert!(
                !title.is_empty() && titles.insert(title),
                "{name}: {title:?} is there twice, or empty"
            );
            let description = panel["description"].as_str().unwrap();
            assert!(
                description.ends_with('.') && !description.contains("  "),
                "{name}, {title}: {description}"
            );
            assert!(
                panel["fieldConfig"]["defaults"]["unit"].is_string(),
                "{name}, {title}: unit"
            );
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}, {title}");
            let targets = list(panel, "/targets");
            assert!(!targets.is_empty(), "{name}, {title} shows nothing");
            let mut letters = BTreeSet::new();
            for target in targets {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{name}, {title}");
                assert!(
                    letters.insert(target["refId"].as_str().unwrap()),
                    "{name}, {title}"
                );
            }
            let legends: BTreeSet<&str> = targets
                .iter()
                .map(|target| target["legendFormat"].as_str().unwrap())
                .collect();
            assert_eq!(
                legends.len(),
                targets.len(),
                "{name}, {title}: two series are called alike"
            );
        }
    }
}

#[test]
fn panels_have_a_number_and_a_place_of_their_own() {
    for (name, dashboard) in dashboards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard, "/panels") {
            let title = &panel["title"];
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}, {title}: id");
            let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
            let (left, right) = (at("x"), at("x") + at("w"));
            assert!(
                right <= 24 && at("w") > 0 && at("h") > 0,
                "{name}, {title}: {}",
                panel["gridPos"]
            );
            for x in left..right {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{name}, {title} lies over another panel");
                }
            }
        }
    }
}

#[test]
fn dashboards_are_stable_read_only_and_lead_to_each_other() {
    let all = dashboards();
    assert_eq!(all.len(), 4);
    for (name, dashboard) in &all {
        assert_eq!(dashboard["uid"].as_str(), Some(name.as_str()));
        assert_eq!(dashboard["editable"], false, "{name}");
        assert!(dashboard["schemaVersion"].is_u64(), "{name}");
        assert!(
            dashboard.get("id").is_none(),
            "{name}: an id is Grafana's to give"
        );

        let variables: BTreeMap<&str, &Value> = list(dashboard, "/templating/list")
            .iter()
            .map(|variable| (variable["name"].as_str().unwrap(), variable))
            .collect();
        assert_eq!(variables["datasource"]["type"], "datasource");
        assert_eq!(variables["page"]["type"], "textbox");
        for variable in variables.values().filter(|variable| variable["type"] == "query") {
            assert_eq!(variable["refresh"], 2, "{name}: as the time range changes");
            assert_eq!(variable["datasource"]["uid"], "${datasource}");
        }
        // Every `$name` of an expression is a variable or one of Grafana's own.
        let text = dashboard.to_string();
        for (place, expression) in expressions(dashboard) {
            for rest in expression.split('$').skip(1) {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let variable = &rest[..end];
                assert!(
                    variables.contains_key(variable)
                        || ["__rate_interval", "__range", "__interval"].contains(&variable),
                    "{name}, {place}: ${variable}"
                );
            }
        }

        let links = list(dashboard, "/links");
        let others = links.iter().find(|link| link["type"] == "dashboards").unwrap();
        assert_eq!(
            (&others["keepTime"], &others["includeVars"]),
            (&Value::Bool(true), &Value::Bool(true)),
            "{name}"
        );
        for tag in list(others, "/tags") {
            assert!(list(dashboard, "/tags").contains(tag), "{name}: {tag}");
        }
        assert!(links.iter().any(|link| link["url"] == "${page}"), "{name}");
        for uid in text
            .split("\"/d/")
            .skip(1)
            .filter_map(|rest| rest.split('?').next())
        {
            assert!(all.iter().any(|(other, _)| other == uid), "{name} leads to {uid}");
        }
        for annotation in list(dashboard, "/annotations/list") {
            assert_eq!(annotation["datasource"]["uid"], "${datasource}", "{name}");
        }
    }
}
