//! The routes, written out.

use crate::access::Token;
use crate::exposition::Format;
use crate::guard::Names;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::wire::{
    DriftReportView, LineView, ModelView, QualityReportView, SeriesView, TaskDetailView, TaskView, TasksView,
    TimelineView,
};
use crate::{access, assets, events, exposition, guard};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use bellwether_monitor::{ModelStatus, TaskStatus};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Lines of a timeline page when the client does not say.
const TIMELINE_LIMIT: usize = 100;
/// Lines of a timeline page at the most.
const TIMELINE_LIMIT_MAX: usize = 1000;
/// Silence after which a comment keeps an event stream open through proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone)]
struct App {
    state: ApiState,
    closing: watch::Receiver<bool>,
}

/// All routes. Whoever asks has to know the token, if there is one. Event streams end when `closing` turns true.
pub(crate) fn router(state: ApiState, token: Option<Token>, closing: watch::Receiver<bool>) -> Router {
    // A browser that is fooled by a name does not know the token.
    let names = match token {
        Some(_) => Names::Any,
        None => Names::Local,
    };
    let mut routes = Router::new()
        .route("/", get(|| async { assets::page() }))
        .route("/assets/{*path}", get(asset))
        .route("/metrics", get(metrics))
        .route("/api/v1/version", get(version))
        .route("/api/v1/model", get(model))
        .route("/api/v1/tasks", get(tasks))
        .route("/api/v1/tasks/{task}", get(task))
        .route("/api/v1/tasks/{task}/series", get(series))
        .route("/api/v1/timeline", get(timeline))
        .route("/api/v1/events", get(event_stream))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    if let Some(token) = token {
        routes = routes.layer(middleware::from_fn_with_state(
            Arc::new(token),
            access::authenticate,
        ));
    }
    // Those who ask for these, such as an orchestrator, have no secrets, and the answers tell none.
    routes
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .layer(middleware::from_fn_with_state(names, guard::guard))
        .with_state(App { state, closing })
}

async fn asset(path: Result<Path<String>, PathRejection>) -> Response {
    path.ok()
        .and_then(|Path(path)| assets::asset(&path))
        .unwrap_or_else(|| not_found_problem().into_response())
}

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

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

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

async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    let ready = Json(Health { status: "ready" });
    // An instance that only scores has nothing to tell, and is ready to when it is elected.
    if app.state.stands_by() {
        return Ok(ready);
    }
    status(&app.state).map(|_| ready)
}

#[derive(Serialize)]
struct Build<'a> {
    name: &'static str,
    version: &'static str,
    api: &'static str,
    instance: &'a str,
}

async fn version(State(app): State<App>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    Json(Build {
        name: "bellwether",
        version,
        api: "v1",
        instance: app.state.instance(),
    })
    .into_response()
}

async fn model(State(app): State<App>) -> Result<Response, Problem> {
    let status = status(&app.state)?;
    let pipeline = app.state.lock().pipeline.clone();
    Ok(Json(ModelView::new(&status, &pipeline, app.state.instance())).into_response())
}

async fn tasks(State(app): State<App>) -> Result<Response, Problem> {
    let status = status(&app.state)?;
    Ok(Json(TasksView {
        tasks: status.tasks.iter().map(TaskView::new).collect(),
    })
    .into_response())
}

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

async fn series(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let status = status(&app.state)?;
    let task = find_task(&status, name)?;
    // Copied, so that writing the JSON holds no lock.
    let held = app.state.lock().series.get(&task.task).cloned();
    let series = held.unwrap_or_else(|| crate::series::Series::new(app.state.config().series_points));
    Ok(Json(SeriesView::new(&task.task, &series)).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimelineQuery {
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    before: Option<u64>,
}

async fn timeline(
    State(app): State<App>,
    query: Result<Query<TimelineQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_query",
            rejection.body_text(),
            "task is a name, limit and before are whole numbers",
        )
    })?;
    let limit = query.limit.unwrap_or(TIMELINE_LIMIT);
    if !(1..=TIMELINE_LIMIT_MAX).contains(&limit) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_query",
            format!("limit is {limit}"),
            format!("limit is from 1 to {TIMELINE_LIMIT_MAX}; use before to read on"),
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
        ));
    };
    let last_event_id = headers
        .get("last-event-id")
        .map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let stream = events::stream(app.state, app.closing, last_event_id.as_deref(), permit);
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

async fn not_found() -> Problem {
    not_found_problem()
}

fn not_found_problem() -> Problem {
    let hint = "the page is at /, the API under /api/v1, the metrics at /metrics";
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this path",
        hint,
    )
}

async fn method_not_allowed() -> Problem {
    let hint = "use GET; nothing can be changed over HTTP";
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path is only read",
        hint,
    )
}

fn status(state: &ApiState) -> Result<Arc<ModelStatus>, Problem> {
    if state.stands_by() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_judge",
            "this instance scores, and another one of its group judges",
            "ask the instance whose metric bellwether_judge is 1",
        ));
    }
    state.lock().status.clone().ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            "no status has been published yet",
            "the reference is still being loaded; try again in a moment",
        )
    })
}

fn find_task(
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
