//! The pipeline's own numbers.

use super::{App, Routes};
use crate::state::wall_clock_ms;
use crate::wire::PipelineDetailView;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(pipeline))
}

/// What the pipeline says about itself: lag, refused records, checkpoints, deliveries.
#[utoipa::path(get, path = "/api/v1/pipeline", tag = "model", responses(
    (status = 200, description = "Its numbers since the start of the process", body = PipelineDetailView),
))]
async fn pipeline(State(app): State<App>) -> Response {
    let metrics = app.state.lock().pipeline.clone();
    let alerts = app.state.alerts().metrics();
    let past = app.state.past().map(|past| past.metrics());
    Json(PipelineDetailView::new(wall_clock_ms(), &metrics, &alerts, past)).into_response()
}
