//! The event stream: everything once, in order, across reconnections, and an end when the server ends.

mod support;

use bellwether_api::{ApiConfig, ApiState};
use bellwether_monitor::Verdict;
use support::{START_MS, Server, line, status};

#[tokio::test]
async fn a_client_gets_the_status_at_once_and_then_what_is_new() {
    let (server, state) = Server::ready().await;
    state.push_lines(&[line(Some("banking"), 1, Verdict::Watch)]);
    let mut events = server.events(None).await;
    let first = events.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.id), ("status", &None));
    assert_eq!(first.data["tasks"][0]["task"], "banking");

    state.push_lines(&[line(Some("banking"), 2, Verdict::Retrain)]);
    state.publish(status(START_MS + 120_000));
    let change = events.next_named("timeline").await;
    assert_eq!(
        change.data["summary"], "change 2",
        "the line from before the connection is not repeated"
    );
    assert_eq!(change.data["id"], 2);
    state.publish(status(START_MS + 180_000));
    loop {
        let event = events.next_named("status").await;
        if event.data["event_time"] == "2026-03-14T15:03:00.000Z" {
            break;
        }
    }
    drop(events);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_comes_back_gets_every_line_it_missed_once() {
    let (server, state) = Server::ready().await;
    let mut events = server.events(None).await;
    events.next_named("status").await;
    state.push_lines(&[line(Some("banking"), 1, Verdict::Watch)]);
    let seen = events
        .next_named("timeline")
        .await
        .id
        .expect("lines are numbered");
    drop(events);

    // More than are written at one look, and while nobody listens.
    let missed: Vec<_> = (2..=700)
        .map(|n| line(Some("banking"), n, Verdict::Watch))
        .collect();
    state.push_lines(&missed);
    let mut events = server.events(Some(&seen)).await;
    for n in 2..=700 {
        assert_eq!(events.next_named("timeline").await.data["id"], n);
    }
    state.push_lines(&[line(None, 701, Verdict::Healthy)]);
    assert_eq!(events.next_named("timeline").await.data["id"], 701);
    drop(events);
    server.stop().await;
}

#[tokio::test]
async fn a_number_of_another_run_brings_all_lines_that_are_held() {
    let state = ApiState::new(ApiConfig {
        timeline_lines: 2,
        ..ApiConfig::default()
    });
    let server = Server::start(&state).await;
    state.push_lines(&[1, 2, 3].map(|n| line(Some("banking"), n, Verdict::Watch)));
    for id in ["otherrun-900", "nonsense", ""] {
        let mut events = server.events(Some(id)).await;
        assert_eq!(events.next().await.unwrap().data["id"], 2, "{id}");
        assert_eq!(events.next().await.unwrap().data["id"], 3, "{id}");
    }
    server.stop().await;
}

#[tokio::test]
async fn streams_are_bounded_and_free_their_place() {
    let state = ApiState::new(ApiConfig {
        event_streams: 1,
        ..ApiConfig::default()
    });
    state.publish(status(START_MS));
    let server = Server::start(&state).await;
    let mut events = server.events(None).await;
    events.next().await.unwrap();
    server
        .get("/api/v1/events")
        .await
        .assert_problem(503, "too_many_streams");
    assert!(
        server
            .get("/metrics")
            .await
            .body
            .contains("bellwether_api_event_streams 1.0\n")
    );
    drop(events);
    // The server notices a gone client when it writes to it.
    let mut minute = 0;
    while !server
        .get("/metrics")
        .await
        .body
        .contains("bellwether_api_event_streams 0.0\n")
    {
        minute += 1;
        state.publish(status(START_MS + minute * 60_000));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn open_streams_end_with_the_server() {
    let (server, _) = Server::ready().await;
    let mut events = server.events(None).await;
    events.next().await.unwrap();
    let (ended, ()) = tokio::join!(events.next(), server.stop());
    assert!(ended.is_none(), "{ended:?}");
}
