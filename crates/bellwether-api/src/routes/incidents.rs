//! The incidents: what stands, who was told, who takes care.

use super::body::{Body, invalid_query, page_limit};
use super::{App, Routes};
use crate::problem::Problem;
use crate::wire::{IncidentView, IncidentsView};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellwether_alerts::Refusal;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

/// Characters of a name or a comment at the most.
pub(super) const TEXT_MAX: usize = 1000;

pub(super) fn routes() -> Routes {
    Routes::default()
        .read(routes!(incidents))
        .read(routes!(incident))
        .operate(routes!(acknowledge))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct IncidentsQuery {
    /// `firing` for those that stand, `resolved` for those that are over; all if it is not said.
    #[serde(default)]
    #[param(nullable = false, inline)]
    status: Option<IncidentStatus>,
    /// Incidents that concern this task.
    #[serde(default)]
    #[param(nullable = false)]
    task: Option<String>,
    /// At most so many, 100 if it is not said.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum IncidentStatus {
    Firing,
    Resolved,
}

/// Incidents, the newest change first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(IncidentsQuery), responses(
    (status = 200, description = "The incidents that are known here", body = IncidentsView),
    (status = 400, description = "`invalid_query`: a parameter is unknown or out of range"),
))]
async fn incidents(
    State(app): State<App>,
    query: Result<Query<IncidentsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| {
        invalid_query(
            &rejection,
            "status is firing or resolved, task is a name, limit a whole number",
        )
    })?;
    let limit = page_limit(query.limit, "")?;
    let mut incidents = app.state.alerts().incidents();
    incidents.retain(|state| {
        let incident = &state.entry.incident;
        let status = if incident.is_firing() {
            IncidentStatus::Firing
        } else {
            IncidentStatus::Resolved
        };
        query.status.is_none_or(|asked| asked == status)
            && query
                .task
                .as_ref()
                .is_none_or(|task| incident.tasks.contains(task))
    });
    incidents.truncate(limit);
    Ok(Json(IncidentsView::new(&incidents)).into_response())
}

/// One incident.
#[utoipa::path(get, path = "/api/v1/incidents/{key}", tag = "incidents",
    params(("key" = String, Path, description = "Its key")),
    responses(
        (status = 200, description = "The incident", body = IncidentView),
        (status = 404, description = "`unknown_incident`: none of this key is known here"),
    )
)]
async fn incident(
    State(app): State<App>,
    key: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let key = key.map(|Path(key)| key).unwrap_or_default();
    let state = app.state.alerts().incident(&key).ok_or_else(|| unknown(&key))?;
    Ok(Json(IncidentView::new(&state)).into_response())
}

/// Who does something, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    /// Who takes care of it.
    #[schema(min_length = 1, max_length = 1000)]
    by: String,
    /// What they have to say.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: String,
}

/// Notes that somebody takes care of an incident: it is not said again.
#[utoipa::path(post, path = "/api/v1/incidents/{key}/acknowledge", tag = "incidents",
    params(("key" = String, Path, description = "Its key")),
    request_body = Acknowledge,
    responses(
        (status = 200, description = "The incident, acknowledged", body = IncidentView),
        (status = 400, description = "`invalid_body`: the body cannot be read or names nobody"),
        (status = 404, description = "`unknown_incident`: none of this key is known here"),
        (status = 409, description = "`over`: the incident is over"),
    )
)]
async fn acknowledge(
    State(app): State<App>,
    key: Result<Path<String>, PathRejection>,
    Body(body): Body<Acknowledge>,
) -> Result<Response, Problem> {
    let key = key.map(|Path(key)| key).unwrap_or_default();
    texts(&body.by, &body.comment)?;
    let alerts = app.state.alerts().clone();
    let named = key.clone();
    // It waits for the disk.
    let done = tokio::task::spawn_blocking(move || alerts.acknowledge(&named, &body.by, &body.comment));
    let state = finished(done.await)?.map_err(|refusal| match refusal {
        Refusal::Unknown => unknown(&key),
        _ => over("the incident is over", "there is nothing left to take care of"),
    })?;
    Ok(Json(IncidentView::new(&state)).into_response())
}

/// Refuses texts that name nobody or are too long.
pub(super) fn texts(by: &str, comment: &str) -> Result<(), Problem> {
    let problem = if by.trim().is_empty() {
        "`by` names nobody"
    } else if [by, comment].iter().any(|text| text.chars().count() > TEXT_MAX) {
        "`by` or `comment` is longer than 1000 characters"
    } else {
        return Ok(());
    };
    let hint = "say who does it in `by`, and why in `comment`";
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_body",
        problem,
        hint,
    ))
}

pub(super) fn over(message: &str, hint: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "over", message, hint)
}

/// The result of work that was done elsewhere.
pub(super) fn finished<T>(done: Result<T, tokio::task::JoinError>) -> Result<T, Problem> {
    done.map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            error.to_string(),
            "look into the log, and report it",
        )
    })
}

fn unknown(key: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_incident",
        format!("no incident `{key}` is known here"),
        "/api/v1/incidents lists those that are",
    )
}
