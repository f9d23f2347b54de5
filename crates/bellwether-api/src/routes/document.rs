//! The description of the API.

use super::Routes;
use crate::openapi;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(document))
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "model", responses(
    (status = 200, description = "The description", body = serde_json::Map<String, serde_json::Value>),
))]
async fn document() -> Response {
    let told = [(header::CONTENT_TYPE, "application/json")];
    (told, openapi::openapi_json()).into_response()
}
