//! The model as a whole, and what program this is.

use super::{App, Routes, status};
use crate::problem::Problem;
use crate::wire::ModelView;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(version)).read(routes!(model))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
struct VersionView<'a> {
    name: &'static str,
    version: &'static str,
    api: &'static str,
    /// Changes with every start.
    instance: &'a str,
}

/// What program this is.
#[utoipa::path(get, path = "/api/v1/version", tag = "model", responses(
    (status = 200, description = "Name and version", body = VersionView),
))]
async fn version(State(app): State<App>) -> Response {
    Json(VersionView {
        name: "bellwether",
        version: env!("CARGO_PKG_VERSION"),
        api: "v1",
        instance: app.state.instance(),
    })
    .into_response()
}

/// The model: event time, shared encoder, counts, pipeline, and all tasks.
#[utoipa::path(get, path = "/api/v1/model", tag = "model", responses(
    (status = 200, description = "The model", body = ModelView),
    (status = 503, description = "`not_ready` or `not_judge`: there is no status here"),
))]
async fn model(State(app): State<App>) -> Result<Response, Problem> {
    let status = status(&app.state)?;
    let pipeline = app.state.lock().pipeline.clone();
    Ok(Json(ModelView::new(&status, &pipeline, app.state.instance())).into_response())
}
