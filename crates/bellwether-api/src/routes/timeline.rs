//! The recent lines of the timeline.

use super::body::{invalid_query, page_limit};
use super::tasks::find_task;
use super::{App, Routes, status};
use crate::problem::Problem;
use crate::wire::{LineView, TimelineView};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(timeline))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TimelineQuery {
    /// Lines of this task alone.
    #[serde(default)]
    #[param(nullable = false)]
    task: Option<String>,
    /// Lines of a page, 100 if it is not said.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<usize>,
    /// The `id` before which to go on: `next_before` of the page before.
    #[serde(default)]
    #[param(nullable = false)]
    before: Option<u64>,
}

/// Recent timeline lines, newest first.
#[utoipa::path(get, path = "/api/v1/timeline", tag = "timeline", params(TimelineQuery), responses(
    (status = 200, description = "A page of lines", body = TimelineView),
    (status = 400, description = "`invalid_query`: a parameter is unknown or out of range"),
    (status = 404, description = "`unknown_task`: the reference has no such task"),
))]
async fn timeline(
    State(app): State<App>,
    query: Result<Query<TimelineQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| {
        invalid_query(&rejection, "task is a name, limit and before are whole numbers")
    })?;
    let limit = page_limit(query.limit, "; use before to read on")?;
    if query.before.is_some_and(|before| i64::try_from(before).is_err()) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_query",
            "before is greater than any number of a line",
            "give next_before of the page before",
        ));
    }
    let task = query.task.as_deref().filter(|task| !task.is_empty());
    if let (Some(name), Ok(status)) = (task, status(&app.state)) {
        find_task(&status, Ok(Path(name.to_owned())))?;
    }
    // One more than asked for tells whether there is another page.
    let mut lines = app.state.lock().timeline.before(query.before, task, limit + 1);
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next_before = lines.last().filter(|_| more).map(|line| line.id);
    Ok(Json(TimelineView {
        lines: lines.iter().map(LineView::new).collect(),
        next_before,
    })
    .into_response())
}
