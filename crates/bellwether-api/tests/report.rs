//! The report: what is in it, that nothing in it runs or is fetched, and that it is the same twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bellwether_api::{ApiConfig, ApiState, ReportOptions, WorkSetEntry, WorkSetSource};
use bellwether_monitor::{ModelStatus, Verdict};
use bellwether_worksets::WorkSet;
use std::sync::Arc;
use support::{START_MS, Server, line, pipeline, status, task};

/// A name that would end an attribute or begin an element.
const HOSTILE: &str = "<b>&\"x\"<script>alert(1)</script>";
const HOUR_MS: i64 = 3_600_000;

fn model(event_time_ms: i64) -> ModelStatus {
    let mut hostile = task(HOSTILE, Verdict::NewTask);
    hostile.summary = format!("{HOSTILE}: <img src=x onerror=alert(1)>");
    "</td><script>".clone_into(&mut hostile.report.confusions[0].predicted);
    "'><svg onload=alert(1)>".clone_into(&mut hostile.slices[0].value);
    let mut model = status(event_time_ms);
    model.tasks.push(hostile);
    model.tasks.sort_by(|a, b| a.task.cmp(&b.task));
    model
}

fn state() -> ApiState {
    let state = ApiState::new(ApiConfig::default());
    for hour in 0..30 {
        state.publish(model(START_MS + hour * HOUR_MS));
    }
    let lines = [
        line(Some("banking"), 60, Verdict::Healthy),
        line(Some(HOSTILE), 300, Verdict::NewTask),
        line(Some("banking"), 600, Verdict::Retrain),
        line(None, 700, Verdict::NewTask),
    ];
    state.push_lines(&lines);
    state.alerts().lines(&lines);
    state.pipeline(pipeline());
    state
}

fn html() -> String {
    let options = ReportOptions {
        command: "bellwether replay --observations '<b>.parquet'".to_owned(),
        model_version: Some("v1".to_owned()),
        ..ReportOptions::default()
    };
    state().report(options).unwrap()
}

/// The elements of a document in order, each with its attributes. Panics unless all are closed in order and quoted well.
fn elements(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('\0'));
        let name_end = after.find(|c: char| !(c.is_alphanumeric() || c == '/')).unwrap();
        let (name, mut attributes) = after.split_at(name_end);
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(
                open.pop().as_deref(),
                Some(closed),
                "{}",
                &after[..after.len().min(80)]
            );
            rest = attributes.strip_prefix('>').unwrap();
            continue;
        }
        assert!(!name.is_empty(), "a bare <: {}", &after[..after.len().min(80)]);
        let mut found = Vec::new();
        while let Some(more) = attributes.strip_prefix(' ') {
            let (key, value) = more.split_once("=\"").unwrap();
            let (value, after) = value.split_once('"').unwrap();
            assert!(key.chars().all(|c| c.is_alphanumeric() || c == '-'), "{key}");
            found.push((key.to_owned(), value.to_owned()));
            attributes = after;
        }
        rest = attributes
            .strip_prefix('>')
            .unwrap_or_else(|| panic!("{name} is not closed"));
        if !matches!(name, "meta" | "wbr") {
            open.push(name.to_owned());
        }
        all.push((name.to_owned(), found));
    }
    assert_eq!(open, [""; 0]);
    all
}

#[test]
fn it_is_well_formed_and_nothing_in_it_runs_or_is_fetched() {
    let html = html();
    let elements = elements(&html);
    for (name, attributes) in &elements {
        for forbidden in [
            "script", "link", "iframe", "object", "embed", "img", "base", "form", "b>",
        ] {
            assert_ne!(name, forbidden);
        }
        for (key, value) in attributes {
            assert!(!key.starts_with("on"), "{name} {key}");
            assert!(!value.contains("://"), "{name} {key}={value}");
            if key == "href" {
                assert!(value.starts_with('#'), "{value}");
            }
        }
    }
    for never in [
        "<script",
        "http://",
        "https://",
        "url(",
        "@import",
        "<b>&",
        "onerror=alert(1)>",
    ] {
        assert!(!html.contains(never), "{never}");
    }
    // Escaped, it can be read.
    assert!(html.contains("&lt;b&gt;&amp;&quot;x&quot;&lt;script&gt;"));
    let addresses: Vec<&str> = elements
        .iter()
        .flat_map(|(_, a)| a)
        .filter(|(k, _)| k == "id")
        .map(|(_, v)| v.as_str())
        .collect();
    for (_, link) in elements.iter().flat_map(|(_, a)| a).filter(|(k, _)| k == "href") {
        assert!(addresses.contains(&&link[1..]), "{link} leads nowhere");
    }
}

#[test]
fn every_part_is_there() {
    let html = html();
    for part in [
        "2 of 3 tasks need action",
        "No shift is common to the tasks.",
        "reference-7",
        "14 Mar 2026, 15:00 to 15 Mar 2026, 20:00",
        "Verdicts over time",
        "Incidents and changes",
        "change 600",
        "banking needs re-training",
        "Input drift",
        "70.0\u{202f}% to 80.0\u{202f}%",
        "Drift in its parts",
        "The inputs have moved.",
        "What is taken for what",
        "Expected without labels",
        "Map of inputs",
        "Novel groups",
        "Slices that fell",
        "language = ",
        "The other tasks",
        "Shift of each task",
        "Known texts",
        "What was counted",
        "embedding width",
        "2,400",
        "How to read this",
        "bellwether replay --observations ",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let retrain = html.find("id=\"task-0\"").unwrap();
    assert!(
        html[retrain..].starts_with("id=\"task-0\"><div class=\"top\"><header><h2>banking"),
        "retrain comes first: {}",
        &html[retrain..retrain + 120]
    );
    assert!(html.matches("<svg").count() > 20);
}

#[test]
fn it_is_the_same_twice_and_small_with_many_tasks() {
    assert!(html() == html());
    let state = ApiState::new(ApiConfig::default());
    assert_eq!(state.report(ReportOptions::default()), None, "nothing to say yet");
    for point in 0..800 {
        let mut model = status(START_MS + point * 600_000);
        let number = f64::from(u32::try_from(point).unwrap());
        model.tasks = (0..20)
            .map(|at| {
                let mut one = task(&format!("task {at}"), Verdict::Retrain);
                one.drift_within_class = (number * 0.37).sin();
                one.drift_mix = (number * 0.11).cos();
                one
            })
            .collect();
        state.publish(model);
    }
    let html = state.report(ReportOptions::default()).unwrap();
    assert!(html.len() < 2_000_000, "{}", html.len());
    elements(&html);
}

#[test]
fn a_period_cuts_lines_and_says_what_is_of_now() {
    let state = state();
    let of = |from: i64, to: i64| {
        let options = ReportOptions {
            from_ms: Some(START_MS + from * HOUR_MS),
            to_ms: Some(START_MS + to * HOUR_MS),
            ..ReportOptions::default()
        };
        state.report(options).unwrap()
    };
    let early = of(0, 6);
    assert!(early.contains("<td>change 300</td>") && !early.contains("change 600"));
    assert!(early.contains("The period ends before the newest judgement"));
    let late = of(8, 29);
    assert!(!late.contains("<td>change 300</td>") && late.contains("<td>change 600</td>"));
    assert!(!late.contains("The period ends before"));
    // Its band goes over from what stood when the period began.
    assert!(
        late.contains("banking: healthy from 14 Mar 23:00 UTC for 2 h, retrain from 15 Mar 01:00"),
        "bands"
    );
    // A period before everything is empty, and no failure.
    elements(&of(-1000, -900));
}

/// A folder that cannot be read.
#[derive(Debug)]
struct Unreadable;

impl WorkSetSource for Unreadable {
    fn list(&self, _: usize) -> Result<Vec<WorkSetEntry>, String> {
        Err("the disk is gone".to_owned())
    }

    fn read(&self, _: &str) -> Result<Option<WorkSet>, String> {
        Err("the disk is gone".to_owned())
    }

    fn file(&self, _: &str) -> Result<Option<Vec<u8>>, String> {
        Err("the disk is gone".to_owned())
    }
}

#[test]
fn without_work_sets_novel_observations_are_named() {
    let state = state();
    state.show_work_sets(Arc::new(Unreadable));
    let html = state.report(ReportOptions::default()).unwrap();
    assert!(html.contains("7 observations unlike the reference are looked at"));
}

#[tokio::test]
async fn the_api_gives_one() {
    let server = Server::start(&state()).await;
    let answer = server
        .get("/api/v1/report?from=2026-03-14T15:00:00Z&to=2026-03-15T12:00:00Z")
        .await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .body
            .contains("GET /api/v1/report?from=2026-03-14T15:00:00Z&amp;to=2026-03-15T12:00:00Z")
    );
    assert!(answer.body.contains("Written, UTC"));
    elements(&answer.body);
    for wrong in [
        "?from=yesterday",
        "?from=2026-03-15T00:00:00Z&to=2026-03-14T00:00:00Z",
        "?till=now",
    ] {
        let refused = server.get(&format!("/api/v1/report{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
    }
    server.stop().await;

    let empty = Server::start(&ApiState::new(ApiConfig::default())).await;
    assert_eq!(empty.get("/api/v1/report").await.status, 503);
    empty.stop().await;
}
