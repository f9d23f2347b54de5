//! The metrics: well-formed, complete from the start, and as documented.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bellwether_api::{ApiConfig, ApiState, MetricKind, metric_descriptions, metrics_markdown};
use bellwether_monitor::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use support::{START_MS, Server, line, status};

/// The text format 0.0.4 as far as it is used: families with help, type and samples.
#[derive(Debug, Default)]
struct Exposition {
    help: BTreeMap<String, String>,
    kind: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Exposition {
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'));
        let mut out = Self::default();
        let mut family = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(
                    out.help.insert(name.to_owned(), help.to_owned()).is_none(),
                    "{name} twice"
                );
                name.clone_into(&mut family);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(name, family, "the type follows the help");
                out.kind.insert(name.to_owned(), kind.to_owned());
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                let suffixes = if out.kind[&family] == "histogram" {
                    &["_bucket", "_sum", "_count"][..]
                } else {
                    &[""]
                };
                assert!(
                    suffixes.iter().any(|s| name == format!("{family}{s}")),
                    "{line} belongs to {family}"
                );
                assert!(
                    out.samples
                        .insert(series.to_owned(), value.parse().unwrap())
                        .is_none(),
                    "{series} twice"
                );
            }
        }
        out
    }

    fn value(&self, series: &str) -> f64 {
        *self
            .samples
            .get(series)
            .unwrap_or_else(|| panic!("no series {series}"))
    }
}

async fn scrape(state: &ApiState) -> Exposition {
    let server = Server::start(state).await;
    let answer = server.get("/metrics").await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    server.stop().await;
    Exposition::parse(&answer.body)
}

#[tokio::test]
async fn every_metric_of_the_catalogue_is_exposed_with_its_words_and_labels() {
    let (server, state) = Server::ready().await;
    server.stop().await;
    let exposed = scrape(&state).await;
    let catalogue: Vec<_> = metric_descriptions().collect();
    assert!(catalogue.len() > 50);
    let names: BTreeSet<&str> = catalogue.iter().map(|m| m.name).collect();
    assert_eq!(names.len(), catalogue.len(), "no name twice");
    assert_eq!(names, exposed.kind.keys().map(String::as_str).collect());
    for metric in &catalogue {
        assert_eq!(exposed.kind[metric.name], metric.kind.as_str());
        assert_eq!(exposed.help[metric.name], metric.help);
        assert!(!metric.help.ends_with('.'), "{}", metric.name);
        assert_eq!(
            metric.kind == MetricKind::Counter,
            metric.name.ends_with("_total"),
            "{}",
            metric.name
        );
        // Those of the process have the names that every exporter gives them.
        let prefixes = ["bellwether_", "process_"];
        assert!(
            prefixes.iter().any(|prefix| metric.name.starts_with(prefix)),
            "{}",
            metric.name
        );
        let series = exposed
            .samples
            .keys()
            .find(|s| s.split('{').next() == Some(metric.name));
        for label in metric.labels {
            assert!(
                series.is_some_and(|s| s.contains(&format!("{label}=\""))),
                "{} has {label}",
                metric.name
            );
        }
    }
}

fn check(exposed: &Exposition, expected: &[(&str, f64)]) {
    for (series, value) in expected {
        assert!(
            (exposed.value(series) - value).abs() < 1e-9,
            "{series} is {}",
            exposed.value(series)
        );
    }
}

#[tokio::test]
async fn the_numbers_of_the_status_are_exposed() {
    let (server, state) = Server::ready().await;
    server.stop().await;
    state.push_lines(&[
        line(Some("banking"), 1, Verdict::Watch),
        line(Some("banking"), 2, Verdict::Retrain),
        line(Some("banking"), 3, Verdict::Retrain),
    ]);
    let exposed = scrape(&state).await;
    for verdict in Verdict::ALL {
        let expected = if verdict == Verdict::Retrain { 1.0 } else { 0.0 };
        let series = format!("bellwether_task_verdict{{task=\"banking\",verdict=\"{verdict}\"}}");
        assert_eq!(
            exposed.value(&series).to_bits(),
            f64::to_bits(expected),
            "{series}"
        );
    }
    check(
        &exposed,
        &[
            ("bellwether_build_info{version=\"0.1.0\"}", 1.0),
            ("bellwether_reference_info{reference=\"reference-7\"}", 1.0),
            ("bellwether_event_timestamp_seconds", START_MS as f64 / 1000.0),
            ("bellwether_shared_encoder", 0.0),
            ("bellwether_moved_task_ratio", 0.5),
            ("bellwether_observations_total", 2400.0),
            ("bellwether_late_observations_total", 1.0),
            ("bellwether_duplicate_observations_total", 2.0),
            ("bellwether_orphan_labels_total", 5.0),
            (
                "bellwether_task_verdict_changes_total{task=\"banking\",verdict=\"retrain\"}",
                1.0,
            ),
            (
                "bellwether_task_verdict_changes_total{task=\"banking\",verdict=\"new_task\"}",
                0.0,
            ),
            (
                "bellwether_task_verdict_changed_timestamp_seconds{task=\"banking\"}",
                (START_MS - 60_000) as f64 / 1000.0,
            ),
            ("bellwether_task_label_coverage_ratio{task=\"banking\"}", 0.25),
            ("bellwether_task_label_delay_seconds{task=\"banking\"}", 5400.0),
            (
                "bellwether_task_drift_within_class_ratio{task=\"banking\"}",
                -0.001,
            ),
            ("bellwether_task_drift_mix_ratio{task=\"banking\"}", 0.125),
            (
                "bellwether_task_quality{task=\"banking\",metric=\"accuracy\"}",
                0.75,
            ),
            (
                "bellwether_task_quality_low{task=\"banking\",metric=\"accuracy\"}",
                0.7,
            ),
            (
                "bellwether_task_quality_high{task=\"banking\",metric=\"accuracy\"}",
                0.8,
            ),
            (
                "bellwether_task_quality_observations{task=\"unlabelled\",metric=\"accuracy\"}",
                0.0,
            ),
            ("bellwether_task_novelty_ratio{task=\"banking\"}", 0.0625),
            (
                "bellwether_task_signal_log_e_value_nats{task=\"banking\",signal=\"loss\"}",
                3.5,
            ),
            (
                "bellwether_task_signal_threshold_nats{task=\"banking\",signal=\"loss\"}",
                15.6,
            ),
            (
                "bellwether_task_signal_active{task=\"unlabelled\",signal=\"loss\"}",
                0.0,
            ),
        ],
    );
    for series in [
        "bellwether_task_quality{task=\"unlabelled\",metric=\"accuracy\"}",
        "bellwether_task_label_delay_seconds{task=\"unlabelled\"}",
        "bellwether_task_estimated_quality_ratio{task=\"banking\"}",
        "bellwether_common_shift_cosine_ratio",
    ] {
        assert!(exposed.value(series).is_nan(), "{series} has no value");
    }
}

#[tokio::test]
async fn joins_and_the_way_from_the_brokers_to_the_disk_are_exposed() {
    let (server, state) = Server::ready().await;
    server.stop().await;
    check(
        &scrape(&state).await,
        &[
            (
                "bellwether_join_evictions_total{what=\"observation\",reason=\"age\"}",
                8.0,
            ),
            (
                "bellwether_join_evictions_total{what=\"observation\",reason=\"number\"}",
                9.0,
            ),
            (
                "bellwether_join_evictions_total{what=\"label\",reason=\"age\"}",
                1.0,
            ),
            (
                "bellwether_join_evictions_total{what=\"label\",reason=\"number\"}",
                4.0,
            ),
            ("bellwether_buffered_bytes", 70_000.0),
            ("bellwether_buffered_bytes_limit", 1_048_576.0),
            ("bellwether_database_bytes", 5000.0),
            ("bellwether_held_partitions", 1.0),
            ("bellwether_judge", 1.0),
            ("bellwether_scored_observations_total", 70.0),
            ("bellwether_evidence_bytes_total", 60_000.0),
            ("bellwether_brokers_up", 3.0),
            ("bellwether_consumer_rebalances_total", 2.0),
            ("bellwether_consumer_faults_total", 1.0),
            ("bellwether_checkpoints_total{outcome=\"taken\"}", 7.0),
            ("bellwether_checkpoints_total{outcome=\"failed\"}", 1.0),
            ("bellwether_checkpoint_timestamp_seconds", 1_800_000_000.0),
            ("bellwether_checkpoint_bytes", 2_000_000.0),
            ("bellwether_checkpoint_duration_seconds", 0.25),
            ("bellwether_changelog_bytes_total", 9000.0),
            ("bellwether_state_from_changelog", 1.0),
        ],
    );
}

#[tokio::test]
async fn what_a_new_version_did_and_what_remedies_cost_is_exposed() {
    let (server, state) = Server::ready().await;
    server.stop().await;
    let exposed = scrape(&state).await;
    check(
        &exposed,
        &[
            ("bellwether_forgetting_watch_active", 1.0),
            (
                "bellwether_forgetting_watch_opened_timestamp_seconds",
                (START_MS - 86_400_000) as f64 / 1000.0,
            ),
            ("bellwether_forgetting_new_version_ratio", 0.75),
            ("bellwether_task_forgotten{task=\"banking\"}", 1.0),
            ("bellwether_task_forgotten{task=\"unlabelled\"}", 0.0),
            (
                "bellwether_task_forgetting_outcome{task=\"banking\",outcome=\"worse\"}",
                1.0,
            ),
            (
                "bellwether_task_forgetting_outcome{task=\"banking\",outcome=\"kept\"}",
                0.0,
            ),
            (
                "bellwether_task_forgetting_loss_before_ratio{task=\"banking\"}",
                0.0625,
            ),
            (
                "bellwether_task_forgetting_loss_after_ratio{task=\"banking\"}",
                0.25,
            ),
            (
                "bellwether_task_forgetting_log_e_value_nats{task=\"banking\"}",
                7.5,
            ),
            (
                "bellwether_task_remedy_expected_cost{task=\"banking\",remedy=\"new_task\"}",
                4.0,
            ),
            ("bellwether_task_waiting_cost{task=\"banking\"}", 0.75),
            ("bellwether_task_waiting_cost{task=\"unlabelled\"}", 0.0),
        ],
    );
    for series in [
        "bellwether_task_forgetting_missing_labels{task=\"banking\"}",
        "bellwether_task_forgetting_loss_after_ratio{task=\"unlabelled\"}",
        "bellwether_task_remedy_expected_cost{task=\"unlabelled\",remedy=\"retrain\"}",
    ] {
        assert!(exposed.value(series).is_nan(), "{series} has no value");
    }
}

#[tokio::test]
async fn the_numbers_of_the_quality_reports_are_exposed() {
    let (server, state) = Server::ready().await;
    server.stop().await;
    let exposed = scrape(&state).await;
    check(
        &exposed,
        &[
            (
                "bellwether_task_quality_metric{task=\"banking\",metric=\"log_loss\"}",
                0.75,
            ),
            (
                "bellwether_task_quality_metric_low{task=\"banking\",metric=\"macro_f1\"}",
                0.6875,
            ),
            (
                "bellwether_task_quality_metric_raw{task=\"banking\",metric=\"accuracy\"}",
                0.625,
            ),
            (
                "bellwether_task_quality_metric_reference{task=\"banking\",metric=\"ece\"}",
                0.9375,
            ),
            ("bellwether_task_quality_window_labels{task=\"unlabelled\"}", 0.0),
            (
                "bellwether_task_quality_window_effective_labels{task=\"banking\"}",
                120.5,
            ),
            (
                "bellwether_task_quality_window_coverage_ratio{task=\"banking\"}",
                0.3125,
            ),
            ("bellwether_task_label_selective{task=\"banking\"}", 1.0),
            (
                "bellwether_task_label_delay_late_seconds{task=\"banking\"}",
                3600.0,
            ),
            (
                "bellwether_task_unlabelled_estimate_ratio{task=\"banking\",method=\"calibrated_confidence\",metric=\"accuracy\"}",
                0.875,
            ),
            (
                "bellwether_task_estimate_disagreement_low_ratio{task=\"banking\",method=\"calibrated_confidence\",metric=\"accuracy\"}",
                0.0625,
            ),
            (
                "bellwether_task_estimate_contradicted{task=\"banking\",method=\"calibrated_confidence\",metric=\"accuracy\"}",
                1.0,
            ),
        ],
    );
    for series in [
        "bellwether_task_quality_metric{task=\"banking\",metric=\"brier\"}",
        "bellwether_task_quality_metric{task=\"unlabelled\",metric=\"accuracy\"}",
        "bellwether_task_unlabelled_estimate_ratio{task=\"unlabelled\",method=\"importance_weighted\",metric=\"accuracy\"}",
        "bellwether_task_estimate_contradicted{task=\"banking\",method=\"importance_weighted\",metric=\"accuracy\"}",
    ] {
        assert!(exposed.value(series).is_nan(), "{series} has no value");
    }
}

#[tokio::test]
async fn the_numbers_of_the_drift_reports_are_exposed() {
    let (server, state) = Server::ready().await;
    server.stop().await;
    let exposed = scrape(&state).await;
    check(
        &exposed,
        &[
            (
                "bellwether_task_drift_statistic{task=\"banking\",test=\"kernel\"}",
                0.0625,
            ),
            (
                "bellwether_task_drift_statistic{task=\"banking\",test=\"energy\"}",
                0.125,
            ),
            (
                "bellwether_task_drift_p_value{task=\"banking\",test=\"linear\"}",
                0.01,
            ),
            (
                "bellwether_task_drift_movement_ratio{task=\"banking\",part=\"total\"}",
                0.25,
            ),
            (
                "bellwether_task_drift_movement_ratio{task=\"banking\",part=\"mix\"}",
                0.1875,
            ),
            (
                "bellwether_task_drift_movement_ratio{task=\"banking\",part=\"within\"}",
                0.03125,
            ),
            ("bellwether_task_drift_spread_ratio{task=\"banking\"}", 0.9375),
            (
                "bellwether_task_drift_classifier_auc_ratio{task=\"banking\"}",
                0.75,
            ),
            (
                "bellwether_task_drift_classifier_auc_low_ratio{task=\"banking\"}",
                0.6875,
            ),
            (
                "bellwether_task_drift_window_observations{task=\"unlabelled\"}",
                0.0,
            ),
        ],
    );
    for series in [
        "bellwether_task_drift_statistic{task=\"unlabelled\",test=\"kernel\"}",
        "bellwether_task_drift_movement_ratio{task=\"unlabelled\",part=\"mix\"}",
        "bellwether_task_drift_classifier_auc_ratio{task=\"unlabelled\"}",
    ] {
        assert!(exposed.value(series).is_nan(), "{series} has no value");
    }
}

#[tokio::test]
async fn the_numbers_of_the_pipeline_are_exposed() {
    let (server, state) = Server::ready().await;
    server.stop().await;
    let exposed = scrape(&state).await;
    check(
        &exposed,
        &[
            ("bellwether_decoded_records_total{kind=\"labels\"}", 605.0),
            (
                "bellwether_rejected_records_total{kind=\"observations\",reason=\"embedding_width\"}",
                9.0,
            ),
            (
                "bellwether_rejected_records_total{kind=\"labels\",reason=\"embedding_width\"}",
                0.0,
            ),
            ("bellwether_dead_letters_total{outcome=\"published\"}", 10.0),
            (
                "bellwether_consumer_lag_records{topic=\"predictions\",partition=\"3\"}",
                42.0,
            ),
            ("bellwether_batch_rows_bucket{le=\"4\"}", 1.0),
            ("bellwether_batch_rows_bucket{le=\"+Inf\"}", 2.0),
            ("bellwether_batch_rows_sum", 503.0),
            ("bellwether_last_poll_timestamp_seconds", 1_800_000_000.5),
        ],
    );
    assert!(
        exposed.value("bellwether_progress_ratio").is_nan(),
        "the stream has no end"
    );
}

#[tokio::test]
async fn what_does_not_need_the_tasks_is_there_before_the_first_status() {
    let exposed = scrape(&support::told()).await;
    // A task, the reference and a partition have no series before they are known.
    let named = |labels: &[&str]| {
        labels
            .iter()
            .any(|label| ["task", "reference", "partition"].contains(label))
    };
    for metric in metric_descriptions().filter(|metric| !named(metric.labels)) {
        assert!(exposed.kind.contains_key(metric.name), "{}", metric.name);
    }
    assert!(exposed.value("bellwether_shared_encoder").is_nan());
    assert!(exposed.value("bellwether_last_poll_timestamp_seconds").is_nan());
    let rejects = "bellwether_rejected_records_total{kind=\"observations\",reason=\"non_finite\"}";
    assert!(exposed.value(rejects).abs() < f64::EPSILON);
}

#[tokio::test]
async fn names_that_need_escaping_do_not_break_the_format() {
    let state = ApiState::new(ApiConfig::default());
    let mut odd = status(START_MS);
    odd.tasks[0].task = "a \"quoted\\\n name".into();
    state.publish(odd);
    let exposed = scrape(&state).await;
    assert!(
        (exposed.value("bellwether_task_drift_mix_ratio{task=\"a \\\"quoted\\\\\\n name\"}") - 0.125).abs()
            < 1e-9
    );
}

#[test]
fn the_documentation_lists_exactly_these_metrics() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let (head, rest) = documented
        .split_once("<!-- catalogue: begin -->\n")
        .expect("the catalogue is marked");
    let (tables, tail) = rest
        .split_once("<!-- catalogue: end -->")
        .expect("the catalogue is marked");
    let expected = format!("\n{}\n", metrics_markdown());
    if std::env::var_os("BELLWETHER_WRITE_DOCS").is_some() {
        let text = format!("{head}<!-- catalogue: begin -->\n{expected}<!-- catalogue: end -->{tail}");
        std::fs::write(path, text).unwrap();
        return;
    }
    assert!(
        tables == expected,
        "docs/METRICS.md differs from the code; write it anew with \
         BELLWETHER_WRITE_DOCS=1 cargo test -p bellwether-api --test exposition documentation"
    );
}

/// The same numbers as in the other format, and where to look for one of what was counted.
#[tokio::test]
async fn a_client_that_asks_for_openmetrics_gets_exemplars() {
    let (server, state) = Server::ready().await;
    server.stop().await;
    state.push_lines(&[line(Some("banking"), 1, Verdict::Retrain)]);
    let server = Server::start(&state).await;
    let answer = server
        .send(
            "GET",
            "/metrics",
            &[(
                "accept",
                "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            )],
        )
        .await;
    server.stop().await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert_eq!(answer.header("vary"), Some("accept"));
    assert!(answer.body.ends_with("# EOF\n"));
    let families: BTreeSet<&str> = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let expected: BTreeSet<&str> = metric_descriptions()
        .map(|metric| metric.name.strip_suffix("_total").unwrap_or(metric.name))
        .collect();
    assert_eq!(families, expected);
    let line_of = |series: &str| {
        let line = answer.body.lines().find(|line| line.starts_with(series));
        line.unwrap_or_else(|| panic!("no {series}")).to_owned()
    };
    assert!(
        line_of("bellwether_rejected_records_total{kind=\"observations\",reason=\"embedding_width\"}")
            .ends_with(" 9.0 # {partition=\"3\",offset=\"1234\"} 1.0")
    );
    assert!(
        line_of("bellwether_task_verdict_changes_total{task=\"banking\",verdict=\"retrain\"}")
            .contains(" 1.0 # {line=\"1\",timestamp=\"")
    );
    assert!(
        !line_of("bellwether_task_verdict_changes_total{task=\"banking\",verdict=\"watch\"}").contains('#')
    );
    assert!(line_of("bellwether_batch_rows_bucket{le=\"+Inf\"}").ends_with(" 2"));
}
