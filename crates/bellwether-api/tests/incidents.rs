//! Incidents over HTTP: what stands, who takes care, when nobody is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bellwether_api::{ApiConfig, ApiState};
use bellwether_monitor::{TimelineLine, Verdict};
use serde_json::{Value, json};
use support::Server;

fn line(minute: u32, task: &str, verdict: Verdict) -> TimelineLine {
    let timestamp = format!("2026-03-14T10:{minute:02}:00.000Z");
    TimelineLine {
        since: timestamp.clone(),
        timestamp,
        task: Some(task.to_owned()),
        verdict: Some(verdict),
        shared_encoder: false,
        confidence: 0.9,
        summary: format!("{task} is {verdict}"),
        evidence: json!({"observations": 7}),
    }
}

async fn ask(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = server
        .send_body(method, path, &[("content-type", "application/json")], &body)
        .await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

fn keys(answer: &Value) -> Vec<String> {
    let incidents = answer["incidents"].as_array().unwrap().iter();
    incidents
        .map(|incident| incident["key"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_stands_is_listed_and_somebody_takes_care_of_it() {
    let state = ApiState::new(ApiConfig::default());
    let alerts = state.alerts();
    alerts.lines(&[
        line(0, "banking", Verdict::Retrain),
        line(1, "clinic", Verdict::Watch),
    ]);
    alerts.lines(&[line(2, "clinic", Verdict::Healthy)]);
    let server = Server::start(&state).await;
    let get = async |path: &str| ask(&server, "GET", path, &Value::Null).await;
    let (status, all) = get("/api/v1/incidents").await;
    assert_eq!((status, keys(&all).len()), (200, 2));
    let (_, firing) = get("/api/v1/incidents?status=firing").await;
    assert_eq!(firing["incidents"][0]["task"], "banking");
    let (_, over) = get("/api/v1/incidents?status=resolved&task=clinic").await;
    assert_eq!(over["incidents"][0]["ended"], "recovered");
    assert_eq!(
        keys(&get("/api/v1/incidents?task=banking&status=resolved").await.1).len(),
        0
    );
    for wrong in ["?status=open", "?limit=0", "?limit=1001", "?since=1"] {
        assert_eq!(get(&format!("/api/v1/incidents{wrong}")).await.0, 400, "{wrong}");
    }
    let (banking, clinic) = (keys(&firing)[0].clone(), keys(&over)[0].clone());
    let (status, one) = get(&format!("/api/v1/incidents/{banking}")).await;
    assert_eq!(
        (status, &one["record"]["evidence"]["observations"]),
        (200, &json!(7))
    );
    assert_eq!(one["acknowledged"], Value::Null);

    let by = json!({"by": "ada", "comment": "on it"});
    let acknowledge = |key: &str| format!("/api/v1/incidents/{key}/acknowledge");
    let (status, taken) = ask(&server, "POST", &acknowledge(&banking), &by).await;
    assert_eq!((status, &taken["acknowledged"]["by"]), (200, &json!("ada")));
    assert_eq!(
        ask(&server, "POST", &acknowledge(&clinic), &by).await.1["code"],
        "over"
    );
    assert_eq!(
        ask(&server, "POST", &acknowledge("bw-none"), &by).await.1["code"],
        "unknown_incident"
    );
    let long = json!({"by": "x".repeat(1001)});
    for wrong in [&json!({"by": " "}), &json!({"who": "ada"}), &json!([]), &long] {
        assert_eq!(
            ask(&server, "POST", &acknowledge(&banking), wrong).await.1["code"],
            "invalid_body",
            "{wrong}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_silence_is_set_shown_and_ended() {
    let state = ApiState::new(ApiConfig::default());
    state.alerts().lines(&[line(0, "banking", Verdict::Retrain)]);
    let server = Server::start(&state).await;
    let silence = json!({"tasks": ["banking"], "verdicts": ["retrain"], "seconds": 3600, "by": "ada", "comment": "known"});
    let (status, set) = ask(&server, "POST", "/api/v1/silences", &silence).await;
    assert_eq!(
        (status, &set["tasks"], &set["verdicts"]),
        (201, &json!(["banking"]), &json!(["retrain"]))
    );
    let (_, incidents) = ask(&server, "GET", "/api/v1/incidents", &Value::Null).await;
    assert_eq!(incidents["incidents"][0]["silenced"], true);
    for wrong in [
        json!({"seconds": 0, "by": "a"}),
        json!({"seconds": 40_000_000, "by": "a"}),
        json!({"seconds": 60}),
    ] {
        assert_eq!(
            ask(&server, "POST", "/api/v1/silences", &wrong).await.1["code"],
            "invalid_body",
            "{wrong}"
        );
    }
    let path = format!("/api/v1/silences/{}", set["id"].as_str().unwrap());
    assert_eq!(ask(&server, "DELETE", &path, &Value::Null).await.0, 200);
    assert_eq!(
        ask(&server, "DELETE", &path, &Value::Null).await.1["code"],
        "over"
    );
    assert_eq!(
        ask(&server, "DELETE", "/api/v1/silences/none", &Value::Null)
            .await
            .1["code"],
        "unknown_silence"
    );
    let (_, all) = ask(&server, "GET", "/api/v1/silences", &Value::Null).await;
    assert_eq!(all["silences"].as_array().unwrap().len(), 1);
    let (_, incidents) = ask(&server, "GET", "/api/v1/incidents", &Value::Null).await;
    assert_eq!(incidents["incidents"][0]["silenced"], false);
    server.stop().await;
}
