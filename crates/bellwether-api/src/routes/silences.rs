//! Silences: when nobody is told.

use super::body::Body;
use super::incidents::{finished, over, texts};
use super::{App, Routes};
use crate::problem::Problem;
use crate::wire::{SilenceView, SilencesView};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellwether_alerts::{Call, Matcher, Refusal};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

/// Tasks that a silence may name.
const TASKS_MAX: usize = 1000;
/// A silence ends after a year at the latest.
const LONGEST_SECONDS: u64 = 366 * 24 * 3600;

pub(super) fn routes() -> Routes {
    Routes::default()
        .read(routes!(silences))
        .operate(routes!(silence))
        .operate(routes!(end))
}

/// All silences that are kept, those that end last first.
#[utoipa::path(get, path = "/api/v1/silences", tag = "incidents", responses(
    (status = 200, description = "The silences, also those that ended within a month", body = SilencesView),
))]
async fn silences(State(app): State<App>) -> Response {
    Json(SilencesView::new(&app.state.alerts().silences())).into_response()
}

/// A silence to be set. It holds for incidents that fit all that is said; what is left out fits all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSilence {
    /// Incidents that concern these tasks alone.
    #[serde(default)]
    #[schema(max_items = 1000)]
    tasks: Vec<String>,
    /// Incidents that ask for one of these.
    #[serde(default)]
    #[schema(value_type = Vec<crate::wire::CallName>)]
    verdicts: Vec<Call>,
    /// This incident alone.
    #[serde(default)]
    incident: Option<String>,
    /// How long it holds from now on, in seconds.
    #[schema(minimum = 1, maximum = 31_622_400)]
    seconds: u64,
    /// Who sets it.
    #[schema(min_length = 1, max_length = 1000)]
    by: String,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: String,
}

/// Sets a silence from now on. Incidents open, change and end as ever; nobody is told until it is over.
#[utoipa::path(post, path = "/api/v1/silences", tag = "incidents", request_body = NewSilence, responses(
    (status = 201, description = "The silence", body = SilenceView),
    (status = 400, description = "`invalid_body`: the body cannot be read, names nobody, or asks for no time or more than a year"),
    (status = 409, description = "`too_many_silences`: there are as many as there may be"),
))]
async fn silence(State(app): State<App>, Body(body): Body<NewSilence>) -> Result<Response, Problem> {
    texts(&body.by, &body.comment)?;
    if body.tasks.len() > TASKS_MAX || !(1..=LONGEST_SECONDS).contains(&body.seconds) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            format!(
                "{} tasks for {} seconds are out of range",
                body.tasks.len(),
                body.seconds
            ),
            format!("name at most {TASKS_MAX} tasks, and from 1 to {LONGEST_SECONDS} seconds"),
        ));
    }
    let alerts = app.state.alerts().clone();
    let matcher = Matcher {
        tasks: body.tasks.into_iter().collect(),
        calls: body.verdicts.into_iter().collect(),
        incident: body.incident,
    };
    // It waits for the disk.
    let done = tokio::task::spawn_blocking(move || {
        alerts.silence_for(matcher, body.seconds, &body.by, &body.comment)
    });
    let silence = finished(done.await)?.map_err(|refusal| {
        Problem::new(
            StatusCode::CONFLICT,
            "too_many_silences",
            refusal.to_string(),
            "end some, or set one with a wider match",
        )
    })?;
    Ok((StatusCode::CREATED, Json(SilenceView::new(&silence))).into_response())
}

/// Ends a silence now.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", tag = "incidents",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The silence, ended", body = SilenceView),
        (status = 404, description = "`unknown_silence`: there is none of this name"),
        (status = 409, description = "`over`: it has ended already"),
    )
)]
async fn end(State(app): State<App>, id: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let alerts = app.state.alerts().clone();
    let named = id.clone();
    let done = tokio::task::spawn_blocking(move || alerts.end_silence(&named));
    let silence = finished(done.await)?.map_err(|refusal| match refusal {
        Refusal::Unknown => Problem::new(
            StatusCode::NOT_FOUND,
            "unknown_silence",
            format!("there is no silence `{id}`"),
            "/api/v1/silences lists those that there are",
        ),
        _ => over("the silence has ended already", "there is nothing to do"),
    })?;
    Ok(Json(SilenceView::new(&silence)).into_response())
}
