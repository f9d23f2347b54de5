//! The history: what each window of event time was like, and what was said, as far back as it is kept.

use super::body::{invalid_query, page_limit};
use super::{App, Routes};
use crate::past::{PastError, PastPage, PastQuery, PastSource, PastWindow};
use crate::problem::Problem;
use crate::wire::PastLineView;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

const HINT: &str = "task is a name, from and to are times such as 2026-03-14T15:00:00Z, limit is a whole number, after is `next` of the page before";

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(windows)).read(routes!(verdicts))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// Of this task alone.
    #[serde(default)]
    #[param(nullable = false)]
    task: Option<String>,
    /// From this moment of event time on, RFC 3339.
    #[serde(default)]
    #[param(nullable = false)]
    from: Option<String>,
    /// Strictly before this moment, RFC 3339.
    #[serde(default)]
    #[param(nullable = false)]
    to: Option<String>,
    /// Rows of a page, 100 if it is not said.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<usize>,
    /// Where to read on: `next` of the page before.
    #[serde(default)]
    #[param(nullable = false)]
    after: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryWindows)]
struct WindowsView {
    windows: Vec<PastWindow>,
    /// What to give as `after` for the next page; `null` on the last. A page may have fewer rows than asked for, and none,
    /// although there is more.
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryVerdicts)]
struct VerdictsView<'a> {
    lines: Vec<PastLineView<'a>>,
    /// What to give as `after` for the next page; `null` on the last. A page may have fewer rows than asked for, and none,
    /// although there is more.
    next: Option<String>,
}

/// Tasks by window of event time, oldest first, of windows that are over.
#[utoipa::path(get, path = "/api/v1/history/windows", operation_id = "history_windows", tag = "history", params(HistoryQuery), responses(
    (status = 200, description = "A page", body = WindowsView),
    (status = 400, description = "`invalid_query`: a parameter is unknown or out of range"),
    (status = 404, description = "`no_history`: none is kept"),
    (status = 503, description = "`history_unavailable`: it cannot be read now"),
))]
async fn windows(
    State(app): State<App>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = checked(query)?;
    let (source, _permit) = source(&app).await?;
    let PastPage { rows, next } = source.windows(query).await.map_err(refused)?;
    Ok(Json(WindowsView { windows: rows, next }).into_response())
}

/// Lines of the timeline, oldest first, of windows that are over.
#[utoipa::path(get, path = "/api/v1/history/verdicts", operation_id = "history_verdicts", tag = "history", params(HistoryQuery), responses(
    (status = 200, description = "A page", body = VerdictsView),
    (status = 400, description = "`invalid_query`: a parameter is unknown or out of range"),
    (status = 404, description = "`no_history`: none is kept"),
    (status = 503, description = "`history_unavailable`: it cannot be read now"),
))]
async fn verdicts(
    State(app): State<App>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = checked(query)?;
    let (source, _permit) = source(&app).await?;
    let PastPage { rows, next } = source.verdicts(query).await.map_err(refused)?;
    let lines = rows.iter().map(PastLineView::new).collect();
    Ok(Json(VerdictsView { lines, next }).into_response())
}

fn checked(query: Result<Query<HistoryQuery>, QueryRejection>) -> Result<PastQuery, Problem> {
    let Query(query) = query.map_err(|rejection| invalid_query(&rejection, HINT))?;
    let wrong = |what: String| Problem::new(StatusCode::BAD_REQUEST, "invalid_query", what, HINT);
    let time = |name: &str, text: Option<String>| {
        let parse = |text: String| match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(time.as_millisecond()),
            Err(_) => Err(wrong(format!("{name} is {text:?}"))),
        };
        text.map(parse).transpose()
    };
    let limit = page_limit(query.limit, "; use after to read on")?;
    Ok(PastQuery {
        task: query.task.filter(|task| !task.is_empty()),
        from_ms: time("from", query.from)?,
        to_ms: time("to", query.to)?,
        after: query.after,
        limit,
    })
}

/// Whoever keeps the past, and leave to ask: files are read for it, so that few ask at one time and others wait.
async fn source(app: &App) -> Result<(Arc<dyn PastSource>, SemaphorePermit<'_>), Problem> {
    let source = app.state.past().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no_history",
            "no history is kept",
            "set history.path or history.url in the configuration",
        )
    })?;
    let permit = app.state.past_queries().acquire().await;
    let permit = permit.map_err(|_| refused(PastError::Unavailable))?;
    Ok((source, permit))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err asks for")]
fn refused(error: PastError) -> Problem {
    match error {
        PastError::Cursor(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "invalid_query", error.to_string(), HINT)
        }
        PastError::Unavailable => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "history_unavailable",
            error.to_string(),
            "the log of the program says why; try again later",
        )
        .retry_after(Duration::from_secs(10)),
    }
}
