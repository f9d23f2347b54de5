//! What whoever asks may do.

use super::{App, Routes};
use crate::access::{Granted, Role};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn routes() -> Routes {
    Routes::default().read(routes!(access))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Access)]
struct AccessView {
    /// `read` or `operate`.
    role: &'static str,
    /// What to do in order to change something; `null` for whoever may.
    hint: Option<&'static str>,
    /// Whether a history answers questions about the past.
    history: bool,
    /// Whether other references can be put in force.
    references: bool,
    /// Whether work sets are kept.
    work_sets: bool,
}

/// What whoever asks may do, and what there is to ask for.
#[utoipa::path(get, path = "/api/v1/access", tag = "model", responses(
    (status = 200, description = "The role, and which parts are configured", body = AccessView),
))]
async fn access(State(app): State<App>, Extension(granted): Extension<Granted>) -> Response {
    Json(AccessView {
        role: granted.role.as_str(),
        hint: (granted.role < Role::Operate).then_some(granted.hint),
        history: app.state.past().is_some(),
        references: app.state.references().is_some(),
        work_sets: app.state.work_sets().is_some(),
    })
    .into_response()
}
