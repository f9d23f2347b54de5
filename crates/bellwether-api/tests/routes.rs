//! Every route, over a real connection.

mod support;

use bellwether_api::{
    Access, ApiConfig, ApiState, Encryption, Error, MemberMetrics, PipelineMetrics, Token, serve,
};
use bellwether_monitor::Verdict;
use serde_json::{Value, json};
use std::time::Duration;
use support::{START_MS, Server, line, status};
use tokio::net::TcpListener;

#[tokio::test]
async fn the_page_and_its_files_come_embedded_with_their_types() {
    let (server, _) = Server::ready().await;
    let page = server.get("/").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    // Every file that the page asks for is there.
    let files: Vec<&str> = page
        .body
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert_eq!(server.get(file).await.status, 200, "{file}");
    }
    let script = server.get("/assets/app.js").await;
    assert_eq!(
        script.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    for import in script.body.split('"').filter(|part| part.starts_with("./")) {
        assert_eq!(
            server.get(&format!("/assets/{}", &import[2..])).await.status,
            200,
            "{import}"
        );
    }
    server
        .get("/assets/none.js")
        .await
        .assert_problem(404, "not_found");
    server
        .get("/assets/../Cargo.toml")
        .await
        .assert_problem(404, "not_found");
    server
        .get("/assets/%2e%2e/Cargo.toml")
        .await
        .assert_problem(404, "not_found");
    server.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_none_allows_other_origins() {
    let (server, _) = Server::ready().await;
    for path in [
        "/",
        "/assets/app.js",
        "/metrics",
        "/api/v1/model",
        "/nothing",
        "/healthz",
    ] {
        let answer = server
            .send("GET", path, &[("origin", "http://elsewhere.example")])
            .await;
        let policy = answer
            .header("content-security-policy")
            .unwrap_or_else(|| panic!("{path}"));
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("deny"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    assert_eq!(
        server.get("/api/v1/model").await.header("cache-control"),
        Some("no-store")
    );
    server.stop().await;
}

#[tokio::test]
async fn a_foreign_host_name_is_refused() {
    let (server, _) = Server::ready().await;
    let refused = server
        .send("GET", "/api/v1/model", &[("host", "rebound.example:9464")])
        .await;
    refused.assert_problem(403, "forbidden_host");
    assert!(refused.header("content-security-policy").is_some());
    let local = server
        .send("GET", "/api/v1/model", &[("host", "[::1]:9464")])
        .await;
    assert_eq!(local.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_listener_that_others_can_reach_is_refused_without_a_token_and_encryption() {
    let token = || Some(Token::new("a token that nobody knows"));
    for (token, encryption) in [
        (None, Encryption::None),
        (token(), Encryption::None),
        (None, Encryption::Elsewhere),
    ] {
        let listener = TcpListener::bind(("0.0.0.0", 0)).await.unwrap();
        let state = ApiState::new(ApiConfig::default());
        let access = Access {
            token,
            encryption,
            ..Access::default()
        };
        let result = serve(listener, state, access, std::future::pending()).await;
        let error = result.expect_err("everybody could read it");
        assert!(matches!(error, Error::Open { .. }));
        let text = error.to_string();
        assert!(text.starts_with("refusing to serve on 0.0.0.0:"), "{text}");
        assert!(text.contains("token") && text.contains("127.0.0.1"), "{text}");
    }
}

#[tokio::test]
async fn an_instance_that_only_scores_is_ready_and_says_who_to_ask() {
    let state = ApiState::new(ApiConfig::default());
    let server = Server::start(&state).await;
    let as_member = |is_judge| {
        let member = MemberMetrics {
            is_judge,
            ..MemberMetrics::default()
        };
        state.pipeline(PipelineMetrics {
            member: Some(member),
            ..PipelineMetrics::default()
        });
    };
    as_member(false);
    assert_eq!(server.get("/readyz").await.status, 200);
    server.get("/api/v1/model").await.assert_problem(503, "not_judge");
    as_member(true);
    server.get("/readyz").await.assert_problem(503, "not_ready");
    state.publish(status(START_MS));
    assert_eq!(server.get("/api/v1/model").await.status, 200);
    state.withdraw();
    as_member(false);
    server.get("/api/v1/model").await.assert_problem(503, "not_judge");
}

#[tokio::test]
async fn health_does_not_wait_for_a_status_but_readiness_does() {
    let state = ApiState::new(ApiConfig {
        stale_after: Duration::from_millis(40),
        ..ApiConfig::default()
    });
    let server = Server::start(&state).await;
    state.pipeline(PipelineMetrics::default());
    let live = server.get("/healthz").await;
    assert_eq!((live.status, live.json()), (200, json!({"status": "live"})));
    server.get("/readyz").await.assert_problem(503, "not_ready");
    server.get("/api/v1/model").await.assert_problem(503, "not_ready");
    server.get("/api/v1/tasks").await.assert_problem(503, "not_ready");

    state.publish(status(START_MS));
    assert_eq!(server.get("/readyz").await.json(), json!({"status": "ready"}));
    // Silence for longer than allowed: wait for the condition, whatever the machine's speed.
    let mut answer = server.get("/healthz").await;
    while answer.status == 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        answer = server.get("/healthz").await;
    }
    answer.assert_problem(503, "stalled");
    state.pipeline(PipelineMetrics {
        progress_ratio: Some(1.0),
        ..PipelineMetrics::default()
    });
    assert_eq!(
        server.get("/healthz").await.status,
        200,
        "a recording that is over is no stall"
    );
    server.stop().await;
}

#[tokio::test]
async fn the_model_and_its_tasks_are_told_without_nan_or_zero_times() {
    let (server, state) = Server::ready().await;
    state.push_lines(&[
        line(Some("banking"), 1, Verdict::Watch),
        line(Some("banking"), 2, Verdict::Retrain),
    ]);
    let model = server.get("/api/v1/model").await.json();
    assert_eq!(model["event_time"], "2026-03-14T15:00:00.000Z");
    assert_eq!(model["reference"], "reference-7");
    assert_eq!(model["shared_since"], Value::Null);
    assert_eq!(model["common_shift_cosine"], Value::Null);
    assert_eq!(
        model["verdicts"],
        json!({"unknown": 0, "healthy": 1, "watch": 0, "retrain": 1, "continual_update": 0, "new_task": 0})
    );
    assert_eq!(model["counts"]["orphan_labels"], 5);
    assert_eq!(model["pipeline"]["rejected"], 10);
    assert_eq!(
        model["pipeline"]["rejected_by_reason"],
        json!({"embedding_width": 9, "malformed": 1})
    );
    assert_eq!(model["pipeline"]["lag_records"], 42);

    let tasks = server.get("/api/v1/tasks").await.json();
    assert_eq!(tasks["tasks"], model["tasks"]);
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(2));

    let task = server.get("/api/v1/tasks/banking").await.json();
    assert_eq!(task["kind"], "classification");
    assert_eq!(task["verdict"], "retrain");
    assert_eq!(task["since"], "2026-03-14T14:58:00.000Z");
    assert_eq!(
        task["quality"]["current"],
        json!({"value": 0.75, "low": 0.7, "high": 0.8, "size": 300})
    );
    assert_eq!(task["novelty"]["coherence"], Value::Null);
    assert_eq!(task["signals"][1]["signal"], "loss");
    assert_eq!(task["last_change"]["id"], 2);
    assert_eq!(task["last_change"]["evidence"], json!({"minute": 2}));

    assert_eq!(model["forgetting"]["model_version"], "v2");
    assert_eq!(model["forgetting"]["opened"], "2026-03-13T15:00:00.000Z");
    assert_eq!(model["forgetting"]["ended"], Value::Null);
    assert_eq!(task["forgetting"]["forgotten"], true);
    assert_eq!(
        task["forgetting"]["loss_after"],
        json!({"value": 0.25, "low": 0.1875, "high": 0.3125, "size": 80})
    );
    assert_eq!(task["forgetting"]["doubt_after"], Value::Null);
    assert_eq!(
        task["costs"]["remedies"][1],
        json!({"remedy": "continual_update", "probability": 0.5, "cost": 2.0, "expected": 4.0})
    );
    assert_eq!(task["costs"]["due"], false);

    let report = &task["quality_report"];
    assert_eq!(report["as_of"], "2026-03-14T15:00:00.000Z");
    assert_eq!(report["selection"]["corrected"], true);
    assert_eq!(
        report["metrics"][0],
        json!({
            "metric": "accuracy",
            "current": {"value": 0.75, "low": 0.6875, "high": 0.8125, "size": 200},
            "raw": {"value": 0.625, "low": 0.5625, "high": 0.6875, "size": 200},
            "reference": 0.9375,
        })
    );
    assert_eq!(report["classes"][0]["recall"], Value::Null);
    assert_eq!(
        report["reliability"]["points"],
        json!([{"confidence": 0.9, "frequency": 0.75, "low": 0.7, "high": 0.8, "labels": 200}])
    );
    assert_eq!(
        report["estimates"][0]["disagreement"],
        json!({"value": 0.125, "low": 0.0625, "high": 0.1875, "size": 200, "significant": true})
    );
    assert_eq!(report["advice"], "Do not trust the estimates.");
    let drift = &task["drift_report"];
    assert_eq!(
        drift["kernel"],
        json!({"value": 0.0625, "p_value": 0.005, "deviations": 8.0})
    );
    assert_eq!(
        drift["split"]["mix"],
        json!({"value": 0.1875, "low": 0.125, "high": 0.25, "size": 250})
    );
    assert_eq!(drift["classes"][0]["moved"], Value::Null);
    assert_eq!(
        drift["direction"],
        json!({"shift_deviations": 0.25, "examples": ["e9"], "reference_examples": ["r1"]})
    );
    assert_eq!(drift["season"], "quarters of the day");
    let model = server.get("/api/v1/model").await.json();
    assert!(
        model["tasks"][0].get("quality_report").is_none() && model["tasks"][0].get("drift_report").is_none(),
        "the stream of states stays small"
    );
    server.stop().await;
}

#[tokio::test]
async fn what_a_task_without_labels_lacks_is_null() {
    let (server, _state) = Server::ready().await;
    let unlabelled = server.get("/api/v1/tasks/unlabelled").await.json();
    assert_eq!(unlabelled["quality_report"]["coverage"], Value::Null);
    assert_eq!(
        (&unlabelled["forgetting"], &unlabelled["costs"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(unlabelled["quality_report"]["from"], Value::Null);
    assert_eq!(unlabelled["drift_report"]["split"], Value::Null);
    assert_eq!(unlabelled["drift_report"]["as_of"], Value::Null);
    assert_eq!(unlabelled["quality_report"]["metrics"][0]["current"], Value::Null);
    assert_eq!(unlabelled["quality"]["current"], Value::Null);
    assert_eq!(unlabelled["label_delay_seconds"], Value::Null);
    assert_eq!(unlabelled["last_change"], Value::Null);

    let unknown = server.get("/api/v1/tasks/none").await;
    unknown.assert_problem(404, "unknown_task");
    assert!(unknown.hint().contains("banking, unlabelled"));
    server
        .get("/api/v1/tasks/%ff")
        .await
        .assert_problem(404, "unknown_task");
    server.stop().await;
}

#[tokio::test]
async fn a_series_has_columns_of_one_length_and_stays_bounded() {
    let state = ApiState::new(ApiConfig {
        series_points: 20,
        ..ApiConfig::default()
    });
    let server = Server::start(&state).await;
    state.publish(status(0));
    let empty = server.get("/api/v1/tasks/banking/series").await.json();
    assert_eq!(
        empty["timestamp_ms"],
        json!([]),
        "before the first event there is no time to put a point at"
    );

    for minute in 0..100 {
        state.publish(status(START_MS + minute * 60_000));
    }
    let series = server.get("/api/v1/tasks/banking/series").await.json();
    let columns = [
        "/timestamp_ms",
        "/verdict",
        "/observations",
        "/label_coverage",
        "/drift_within_class",
        "/drift_mix",
        "/far_ratio",
        "/quality/value",
        "/quality/low",
        "/quality/high",
        "/estimated/value",
        "/log_e_value/novelty",
        "/log_e_value/loss",
    ];
    let points = series["timestamp_ms"].as_array().map(Vec::len).unwrap();
    assert!((10..=20).contains(&points), "{points}");
    for column in columns {
        assert_eq!(
            series.pointer(column).and_then(Value::as_array).map(Vec::len),
            Some(points),
            "{column}"
        );
    }
    assert_eq!(series["timestamp_ms"][points - 1], START_MS + 99 * 60_000);
    assert_eq!(series["quality"]["low"][0], 0.7);
    assert_eq!(series["estimated"]["value"][0], Value::Null);
    assert_eq!(series["verdict"][0], "retrain");
    server
        .get("/api/v1/tasks/none/series")
        .await
        .assert_problem(404, "unknown_task");
    server.stop().await;
}

#[tokio::test]
async fn courses_of_all_tasks_come_thinned_and_from_a_moment_on() {
    let state = ApiState::new(ApiConfig::default());
    let server = Server::start(&state).await;
    server
        .get("/api/v1/sparklines")
        .await
        .assert_problem(503, "not_ready");
    for minute in 0..200 {
        state.publish(status(START_MS + minute * 60_000));
    }
    let all = server.get("/api/v1/sparklines").await.json();
    let first = &all["tasks"][0];
    assert_eq!(all["tasks"].as_array().map(Vec::len), Some(2));
    for column in [
        "timestamp_ms",
        "observations",
        "drift_within_class",
        "drift_mix",
        "quality",
    ] {
        assert_eq!(first[column].as_array().map(Vec::len), Some(48), "{column}");
    }
    assert_eq!(
        (&first["timestamp_ms"][0], &first["timestamp_ms"][47]),
        (&json!(START_MS), &json!(START_MS + 199 * 60_000))
    );
    assert_eq!(first["drift_mix"][0], 0.125);
    let late = server
        .get("/api/v1/sparklines?from=2026-03-14T18:09:00Z")
        .await
        .json();
    assert_eq!(
        late["tasks"][0]["timestamp_ms"].as_array().map(Vec::len),
        Some(11),
        "{late}"
    );
    server
        .get("/api/v1/sparklines?from=soon")
        .await
        .assert_problem(400, "invalid_query");
    server
        .get("/api/v1/sparklines?to=1")
        .await
        .assert_problem(400, "invalid_query");
    server.stop().await;
}

#[tokio::test]
async fn a_map_has_points_with_what_may_be_told_of_them() {
    let (server, _state) = Server::ready().await;
    let map = server.get("/api/v1/tasks/banking/map").await.json();
    let point = json!({"event_id": "e7", "x": 0.25, "y": -0.5, "class": "pay_bill", "timestamp": "2026-03-14T15:00:00.000Z", "novel": true, "text": "[email] sent it back"});
    assert_eq!(map["now"], json!([point]));
    assert_eq!(map["reference"][0]["timestamp"], Value::Null);
    assert_eq!(map["reference"][0]["text"], Value::Null);
    assert_eq!(map["kept_ratios"], json!([0.25, 0.125]));
    let none = server.get("/api/v1/tasks/unlabelled/map").await.json();
    assert_eq!((&none["now"], &none["kept_ratios"]), (&json!([]), &json!([])));
    server
        .get("/api/v1/tasks/none/map")
        .await
        .assert_problem(404, "unknown_task");
    server.stop().await;
}

#[tokio::test]
async fn the_pipeline_tells_its_numbers_and_what_is_not_configured() {
    let state = ApiState::new(ApiConfig::default());
    let server = Server::start(&state).await;
    let bare = server.get("/api/v1/pipeline").await.json();
    for absent in ["checkpoints", "brokers", "member", "history", "last_poll"] {
        assert_eq!(bare[absent], Value::Null, "{absent}");
    }
    assert_eq!(bare["deliveries"]["receivers"], json!([]));
    state.pipeline(support::pipeline());
    let told = server.get("/api/v1/pipeline").await.json();
    assert!(told["decoded_observations"].as_u64() > Some(0), "{told}");
    assert!(
        told["lag"].as_array().is_some_and(|lag| !lag.is_empty()),
        "{told}"
    );
    assert!(
        told["rejected"]
            .as_array()
            .is_some_and(|all| all.iter().all(|r| r["total"].as_u64() > Some(0)))
    );
    server.stop().await;
}

#[tokio::test]
async fn the_timeline_is_paged_from_the_newest_line() {
    let (server, state) = Server::ready().await;
    let lines: Vec<_> = (1..=5)
        .map(|n| {
            line(
                (n != 3).then_some(if n % 2 == 0 { "banking" } else { "unlabelled" }),
                n,
                Verdict::Watch,
            )
        })
        .collect();
    state.push_lines(&lines);
    let ids = |body: &Value| {
        body["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l["id"].as_u64().unwrap())
            .collect()
    };
    let page = server.get("/api/v1/timeline?limit=2").await.json();
    let newest: Vec<u64> = ids(&page);
    assert_eq!((newest, &page["next_before"]), (vec![5, 4], &json!(4)));
    let page = server.get("/api/v1/timeline?limit=3&before=4").await.json();
    let rest: Vec<u64> = ids(&page);
    assert_eq!((rest, &page["next_before"]), (vec![3, 2, 1], &Value::Null));
    assert_eq!(page["lines"][0]["task"], Value::Null, "the model's own line");
    assert_eq!(page["lines"][1]["timestamp"], "2026-03-14T15:02:00.000Z");
    let page = server.get("/api/v1/timeline?task=banking").await.json();
    let banking: Vec<u64> = ids(&page);
    assert_eq!(banking, [4, 2]);

    for query in ["limit=0", "limit=1001", "limit=x", "before=-1", "tusk=banking"] {
        server
            .get(&format!("/api/v1/timeline?{query}"))
            .await
            .assert_problem(400, "invalid_query");
    }
    server
        .get("/api/v1/timeline?task=none")
        .await
        .assert_problem(404, "unknown_task");
    server.stop().await;
}

#[tokio::test]
async fn the_rest_answers_in_the_one_shape_of_errors() {
    let (server, _) = Server::ready().await;
    let version = server.get("/api/v1/version").await.json();
    assert_eq!(
        (&version["version"], &version["api"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!("v1"))
    );
    server.get("/api/v2/model").await.assert_problem(404, "not_found");
    server
        .send("POST", "/api/v1/model", &[("content-length", "0")])
        .await
        .assert_problem(405, "method_not_allowed");
    server.stop().await;
}

#[test]
fn every_error_code_is_documented() {
    let docs = include_str!("../../../docs/api.md");
    let mut folders = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src").into()];
    let mut codes = std::collections::BTreeSet::new();
    while let Some(folder) = folders.pop() {
        let folder: std::path::PathBuf = folder;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(path).unwrap();
            let problems = source.split("Problem::new(").skip(1);
            codes.extend(problems.filter_map(|rest| Some(rest.split('"').nth(1)?.to_owned())));
        }
    }
    assert!(codes.len() > 10, "{codes:?}");
    for code in codes {
        assert!(
            docs.contains(&format!("| `{code}` |")),
            "{code} is not in docs/api.md"
        );
    }
}
