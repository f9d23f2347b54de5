//! The tasks: their states, reports and courses.

use super::{App, Routes, status};
use crate::problem::Problem;
use crate::series::Series;
use crate::wire::{
    DriftReportView, LineView, MapView, QualityReportView, SeriesView, TaskDetailView, TaskView, TasksView,
};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellwether_monitor::{ModelStatus, TaskStatus};
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default()
        .read(routes!(tasks))
        .read(routes!(task))
        .read(routes!(series))
        .read(routes!(map))
}

/// All tasks.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", responses(
    (status = 200, description = "The tasks", body = TasksView),
    (status = 503, description = "`not_ready` or `not_judge`: there is no status here"),
))]
async fn tasks(State(app): State<App>) -> Result<Response, Problem> {
    let status = status(&app.state)?;
    Ok(Json(TasksView {
        tasks: status.tasks.iter().map(TaskView::new).collect(),
    })
    .into_response())
}

/// One task, with its reports and its last timeline line.
#[utoipa::path(get, path = "/api/v1/tasks/{task}", tag = "tasks",
    params(("task" = String, Path, description = "Its name in the reference")),
    responses(
        (status = 200, description = "The task", body = TaskDetailView),
        (status = 404, description = "`unknown_task`: the reference has no such task"),
        (status = 503, description = "`not_ready` or `not_judge`: there is no status here"),
    )
)]
async fn task(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let status = status(&app.state)?;
    let task = find_task(&status, name)?;
    let last = app.state.lock().timeline.last_of(&task.task);
    let last_change = last.as_ref().map(LineView::new);
    Ok(Json(TaskDetailView {
        task: TaskView::new(task),
        quality_report: QualityReportView::new(&task.report),
        drift_report: DriftReportView::new(&task.drift),
        last_change,
    })
    .into_response())
}

/// The course of one task in columns.
#[utoipa::path(get, path = "/api/v1/tasks/{task}/series", tag = "tasks",
    params(("task" = String, Path, description = "Its name in the reference")),
    responses(
        (status = 200, description = "The course", body = SeriesView),
        (status = 404, description = "`unknown_task`: the reference has no such task"),
        (status = 503, description = "`not_ready` or `not_judge`: there is no status here"),
    )
)]
async fn series(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let status = status(&app.state)?;
    let task = find_task(&status, name)?;
    // Copied, so that writing the JSON holds no lock.
    let held = app.state.lock().series.get(&task.task).cloned();
    let series = held.unwrap_or_else(|| Series::new(app.state.config().series_points));
    Ok(Json(SeriesView::new(&task.task, &series)).into_response())
}

/// The inputs of one task as points of a plane: the window of its drift report, and a sample of its reference.
#[utoipa::path(get, path = "/api/v1/tasks/{task}/map", tag = "tasks",
    params(("task" = String, Path, description = "Its name in the reference")),
    responses(
        (status = 200, description = "The map; without points while there are too few observations", body = MapView),
        (status = 404, description = "`unknown_task`: the reference has no such task"),
        (status = 503, description = "`not_ready` or `not_judge`: there is no status here"),
    )
)]
async fn map(State(app): State<App>, name: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let status = status(&app.state)?;
    let task = find_task(&status, name)?;
    Ok(Json(MapView::new(task)).into_response())
}

pub(super) fn find_task(
    status: &ModelStatus,
    name: Result<Path<String>, PathRejection>,
) -> Result<&TaskStatus, Problem> {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    status.tasks.iter().find(|task| task.task == name).ok_or_else(|| {
        let known: Vec<&str> = status.tasks.iter().map(|task| task.task.as_str()).collect();
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown_task",
            format!("the reference has no task `{name}`"),
            format!("its tasks are: {}", known.join(", ")),
        )
    })
}
