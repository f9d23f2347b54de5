//! Whether the program lives and is ready. Those who ask, such as an orchestrator, have no secrets, and the answers tell none.

use super::{App, Routes, status};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::time::{Duration, Instant};
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default().open(routes!(healthz)).open(routes!(readyz))
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// Whether the pipeline reports.
#[utoipa::path(get, path = "/healthz", tag = "health", responses(
    (status = 200, description = "The pipeline reports, or a finite input is over", body = Health),
    (status = 503, description = "`stalled`: it has been silent for more than a minute"),
))]
async fn healthz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    match app.state.stalled(Instant::now()) {
        None => Ok(Json(Health { status: "live" })),
        Some(silence) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stalled",
            format!("the pipeline has not reported for {} seconds", silence.as_secs()),
            "look for errors of the consumer in the log; restart the process if there are none",
        )),
    }
}

/// Whether there is a status to show: the reference is loaded and Kafka was reached.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "A status was published, or another instance of the group judges", body = Health),
    (status = 503, description = "`not_ready`: not yet"),
))]
async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    let ready = Json(Health { status: "ready" });
    // An instance that only scores has nothing to tell, and is ready to when it is elected.
    if app.state.stands_by() {
        return Ok(ready);
    }
    match status(&app.state) {
        Ok(_) => Ok(ready),
        Err(problem) => Err(problem.retry_after(Duration::from_secs(1))),
    }
}
