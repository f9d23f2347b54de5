//! Changes as they happen: server-sent events.

use super::{App, Routes};
use crate::events;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use utoipa_axum::routes;

/// Silence after which a comment keeps a stream open through proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(event_stream))
}

/// Server-sent events: `status` with the model, `timeline` with one line each.
#[utoipa::path(get, path = "/api/v1/events", tag = "timeline",
    params(("last-event-id" = Option<String>, Header, description = "The id of the last event that was taken")),
    responses(
        (status = 200, description = "A stream that ends with the server", content_type = "text/event-stream", body = String),
        (status = 503, description = "`too_many_streams`: all of them are taken"),
    )
)]
async fn event_stream(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let Ok(permit) = app.state.streams().clone().try_acquire_owned() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            format!(
                "{} event streams are open already",
                app.state.config().event_streams
            ),
            "close one, or read /api/v1/model instead",
        )
        .retry_after(Duration::from_secs(5)));
    };
    let last_event_id = headers
        .get("last-event-id")
        .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let stream = events::stream(app.state, app.closing, last_event_id.as_deref(), permit);
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}
