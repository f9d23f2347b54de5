//! The page and its files.

use super::{Routes, not_found_problem};
use crate::assets;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(page)).read(routes!(asset))
}

/// The page.
#[utoipa::path(get, path = "/", tag = "page", responses(
    (status = 200, description = "The page", content_type = "text/html", body = String),
))]
async fn page() -> Response {
    assets::page().into_response()
}

/// A file of the page.
#[utoipa::path(get, path = "/assets/{file}", tag = "page",
    params(("file" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/javascript"), (String = "text/css"), (String = "image/svg+xml"),
        )),
        (status = 404, description = "`not_found`: there is no such file"),
    )
)]
async fn asset(path: Result<Path<String>, PathRejection>) -> Response {
    path.ok()
        .and_then(|Path(path)| assets::asset(&path))
        .unwrap_or_else(|| not_found_problem().into_response())
}
