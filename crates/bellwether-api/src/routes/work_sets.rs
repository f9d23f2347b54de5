//! The work sets of alarms: what to label and to train on.

use super::{App, Routes};
use crate::problem::Problem;
use crate::wire::{WorkSetDetailView, WorkSetView, WorkSetsView};
use crate::work_sets::WorkSetSource;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

/// Sets that are listed at the most.
const LISTED: usize = 200;
/// Observations of a set that are shown.
const FIRST: usize = 50;

pub(super) fn routes() -> Routes {
    Routes::default()
        .read(routes!(work_sets))
        .read(routes!(work_set))
        .read(routes!(work_set_file))
}

/// The work sets, newest alarm first: at most 200. None where `work_sets.directory` is not configured.
#[utoipa::path(get, path = "/api/v1/work-sets", tag = "work sets", responses(
    (status = 200, description = "The sets, without their observations", body = WorkSetsView),
    (status = 500, description = "`work_sets_unreadable`: the log has the reason"),
))]
async fn work_sets(State(app): State<App>) -> Result<Response, Problem> {
    let entries = ask(&app, |sets| sets.list(LISTED)).await?.unwrap_or_default();
    let work_sets = entries.iter().map(WorkSetView::new).collect();
    Ok(Json(WorkSetsView { work_sets }).into_response())
}

/// One work set: its groups with their members, the other tasks, and the first 50 observations to label.
#[utoipa::path(get, path = "/api/v1/work-sets/{id}", tag = "work sets",
    params(("id" = String, Path, description = "Its `id`")),
    responses(
        (status = 200, description = "The set", body = WorkSetDetailView),
        (status = 404, description = "`unknown_work_set`: there is no such set, or not any more"),
        (status = 500, description = "`work_sets_unreadable`: the log has the reason"),
    )
)]
async fn work_set(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let set = ask(&app, move |sets| sets.read(&id))
        .await?
        .flatten()
        .ok_or_else(unknown)?;
    Ok(Json(WorkSetDetailView::new(&set, FIRST)).into_response())
}

/// The whole of a work set: a Parquet file, as `docs/WORK_SETS.md` describes it.
#[utoipa::path(get, path = "/api/v1/work-sets/{id}/file", tag = "work sets",
    params(("id" = String, Path, description = "Its `id`")),
    responses(
        (status = 200, description = "The file", body = [u8], content_type = "application/vnd.apache.parquet"),
        (status = 404, description = "`unknown_work_set`: there is no such set, or not any more"),
        (status = 500, description = "`work_sets_unreadable`: the log has the reason"),
    )
)]
async fn work_set_file(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let bytes = ask(&app, move |sets| sets.file(&id))
        .await?
        .flatten()
        .ok_or_else(unknown)?;
    let told = [(header::CONTENT_TYPE, "application/vnd.apache.parquet")];
    Ok((told, bytes).into_response())
}

/// Asks off the threads that serve sockets; `None` where there are no sets at all.
async fn ask<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&dyn WorkSetSource) -> Result<T, String> + Send + 'static,
) -> Result<Option<T>, Problem> {
    let Some(sets) = app.state.work_sets() else {
        return Ok(None);
    };
    let answer = tokio::task::spawn_blocking(move || question(&*sets)).await;
    let answer = answer.unwrap_or_else(|error| Err(error.to_string()));
    answer.map(Some).map_err(|error| {
        tracing::warn!(error, "Work sets cannot be read");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "work_sets_unreadable",
            "the work sets cannot be read",
            "look at the log, and at the directory that work_sets.directory names",
        )
    })
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_work_set",
        "there is no work set of that id, or not any more",
        "/api/v1/work-sets lists those there are",
    )
}
