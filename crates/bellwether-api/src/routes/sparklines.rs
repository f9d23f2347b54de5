//! The courses of all tasks, small.

use super::body::invalid_query;
use super::{App, Routes, status};
use crate::problem::Problem;
use crate::wire::{SparklineView, SparklinesView};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

/// Points of a course that is drawn as small as a word.
const POINTS: usize = 48;
const HINT: &str = "from is a time such as 2026-03-14T15:00:00Z";

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(sparklines))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SparklinesQuery {
    /// Points from this moment of event time on, RFC 3339; all that are held if it is not said.
    #[serde(default)]
    #[param(nullable = false)]
    from: Option<String>,
}

/// The course of every task, in at most 48 points each.
#[utoipa::path(get, path = "/api/v1/sparklines", tag = "tasks", params(SparklinesQuery), responses(
    (status = 200, description = "The courses", body = SparklinesView),
    (status = 400, description = "`invalid_query`: a parameter is unknown or out of range"),
    (status = 503, description = "`not_ready` or `not_judge`: there is no status here"),
))]
async fn sparklines(
    State(app): State<App>,
    query: Result<Query<SparklinesQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| invalid_query(&rejection, HINT))?;
    let from_ms = match query.from {
        None => i64::MIN,
        Some(text) => text
            .parse::<jiff::Timestamp>()
            .map_err(|_| {
                let what = format!("from is {text:?}");
                Problem::new(StatusCode::BAD_REQUEST, "invalid_query", what, HINT)
            })?
            .as_millisecond(),
    };
    let status = status(&app.state)?;
    let view = {
        let shared = app.state.lock();
        SparklinesView {
            tasks: status
                .tasks
                .iter()
                .map(|task| SparklineView::new(&task.task, shared.series.get(&task.task), from_ms, POINTS))
                .collect(),
        }
    };
    // Writing the JSON holds no lock.
    Ok(Json(view).into_response())
}
