//! The metrics.

use super::{App, Routes};
use crate::exposition::{self, Format};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(metrics))
}

/// The metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "metrics", responses(
    (status = 200, description = "The metrics, in the form that `Accept` asks for", content(
        (String = "text/plain"), (String = "application/openmetrics-text"),
    )),
))]
async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept);
    let text = exposition::render(&app.state, format);
    let told = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::VARY, "accept"),
    ];
    (told, text).into_response()
}
