//! The report: the page's pictures of a period as one file.

use super::body::invalid_query;
use super::{App, Routes, status};
use crate::problem::Problem;
use crate::report::ReportOptions;
use crate::state::wall_clock_ms;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

/// No script, no request, no frame.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HINT: &str = "from and to are times such as 2026-03-14T15:00:00Z, from before to";

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(report))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// From this moment of event time on, RFC 3339; all that is held if it is not said.
    #[serde(default)]
    #[param(nullable = false)]
    from: Option<String>,
    /// To this moment, RFC 3339; to the newest judgement if it is not said.
    #[serde(default)]
    #[param(nullable = false)]
    to: Option<String>,
}

/// The report of a period: one HTML file without script, to mail and to print.
#[utoipa::path(get, path = "/api/v1/report", tag = "page", params(ReportQuery), responses(
    (status = 200, description = "The file", content_type = "text/html", body = String),
    (status = 400, description = "`invalid_query`: a parameter is unknown or out of range"),
    (status = 503, description = "`not_ready` or `not_judge`: there is no status here"),
))]
async fn report(
    State(app): State<App>,
    query: Result<Query<ReportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| invalid_query(&rejection, HINT))?;
    let wrong = |what: String| Problem::new(StatusCode::BAD_REQUEST, "invalid_query", what, HINT);
    let time = |name: &str, text: Option<&String>| {
        let parse = |text: &String| match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(time.as_millisecond()),
            Err(_) => Err(wrong(format!("{name} is {text:?}"))),
        };
        text.map(parse).transpose()
    };
    let (from_ms, to_ms) = (time("from", query.from.as_ref())?, time("to", query.to.as_ref())?);
    if from_ms.zip(to_ms).is_some_and(|(from, to)| from >= to) {
        return Err(wrong("from is not before to".to_owned()));
    }
    status(&app.state)?;
    let asked = [("from", &query.from), ("to", &query.to)];
    let asked: Vec<String> = asked
        .iter()
        .filter_map(|(name, text)| Some(format!("{name}={}", text.as_ref()?)))
        .collect();
    let mark = if asked.is_empty() { "" } else { "?" };
    let options = ReportOptions {
        from_ms,
        to_ms,
        written_ms: Some(wall_clock_ms()),
        command: format!("GET /api/v1/report{mark}{}", asked.join("&")),
        ..ReportOptions::default()
    };
    // It draws for some milliseconds and may read work sets: not on a thread that serves sockets.
    let state = app.state.clone();
    let made = tokio::task::spawn_blocking(move || state.report(state.with_versions(options))).await;
    let html = made.ok().flatten().ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            "there is no status to report any more",
            "try again in a moment",
        )
    })?;
    let told = [
        // The page's policy knows no style within a document; this file has nothing else.
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "inline; filename=\"bellwether-report.html\"",
        ),
    ];
    Ok((told, html).into_response())
}
