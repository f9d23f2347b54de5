//! The routes: one file a resource, put together here.
//!
//! A resource is a function that gives its [`Routes`]: handlers with what `utoipa` says about them, sorted by what whoever asks
//! may do. From the same list come the router with its guards and the description of the API, so that neither knows a route that
//! the other does not.

mod access;
mod body;
mod document;
mod events;
mod health;
mod incidents;
mod metrics;
mod model;
mod page;
mod past;
mod pipeline;
mod references;
mod report;
mod silences;
mod sparklines;
mod tasks;
mod timeline;
mod work_sets;

use crate::access::{Role, Roles, authorize};
use crate::guard::{self, Names};
use crate::limits::{self, Limits, Rates};
use crate::problem::Problem;
use crate::state::ApiState;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::{Router, middleware};
use bellwether_monitor::ModelStatus;
use std::sync::Arc;
use tokio::sync::watch;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What handlers are given.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) state: ApiState,
    pub(crate) closing: watch::Receiver<bool>,
}

/// The routes of a resource, or of all.
#[derive(Default)]
pub(crate) struct Routes {
    /// For everybody.
    pub(crate) open: OpenApiRouter<App>,
    /// For whoever may read.
    pub(crate) read: OpenApiRouter<App>,
    /// For whoever may change something.
    pub(crate) operate: OpenApiRouter<App>,
    /// As `operate`, for bodies that are longer and take longer than others: the handlers see to that.
    pub(crate) upload: OpenApiRouter<App>,
}

impl Routes {
    fn open(mut self, routes: UtoipaMethodRouter<App>) -> Self {
        self.open = self.open.routes(routes);
        self
    }

    fn read(mut self, routes: UtoipaMethodRouter<App>) -> Self {
        self.read = self.read.routes(routes);
        self
    }

    fn operate(mut self, routes: UtoipaMethodRouter<App>) -> Self {
        self.operate = self.operate.routes(routes);
        self
    }

    fn upload(mut self, routes: UtoipaMethodRouter<App>) -> Self {
        self.upload = self.upload.routes(routes);
        self
    }

    fn with(self, other: Self) -> Self {
        Self {
            open: self.open.merge(other.open),
            read: self.read.merge(other.read),
            operate: self.operate.merge(other.operate),
            upload: self.upload.merge(other.upload),
        }
    }
}

/// Every route there is. A new resource is added here.
pub(crate) fn all() -> Routes {
    Routes::default()
        .with(page::routes())
        .with(health::routes())
        .with(metrics::routes())
        .with(document::routes())
        .with(access::routes())
        .with(model::routes())
        .with(pipeline::routes())
        .with(tasks::routes())
        .with(sparklines::routes())
        .with(report::routes())
        .with(timeline::routes())
        .with(work_sets::routes())
        .with(incidents::routes())
        .with(silences::routes())
        .with(past::routes())
        .with(events::routes())
        .with(references::routes())
}

/// All routes with their guards. Event streams end when `closing` turns true.
pub(crate) fn router(
    state: ApiState,
    roles: Roles,
    limits: &Limits,
    closing: watch::Receiver<bool>,
) -> Router {
    // A browser that is fooled by a name does not know the token.
    let names = if roles.know_secrets() {
        Names::Any
    } else {
        Names::Local
    };
    let roles = Arc::new(roles);
    let role = |role: Role| middleware::from_fn_with_state((roles.clone(), role), authorize);
    let same_origin = || middleware::from_fn(guard::same_origin);
    let in_time = || middleware::from_fn_with_state(limits.request_timeout, limits::in_time);
    let short = || DefaultBodyLimit::max(limits.body_bytes);
    let Routes {
        open,
        read,
        operate,
        upload,
    } = all();
    let plain = |routes: OpenApiRouter<App>| routes.split_for_parts().0;
    // Of the layers of a router the last is asked first.
    let open = plain(open).layer(short()).layer(in_time());
    let read = plain(read)
        .layer(short())
        .layer(in_time())
        .layer(role(Role::Read));
    let operate = plain(operate)
        .layer(short())
        .layer(in_time())
        .layer(same_origin())
        .layer(role(Role::Operate));
    let upload = plain(upload)
        .layer(DefaultBodyLimit::disable())
        .layer(same_origin())
        .layer(role(Role::Operate));
    Router::new()
        .merge(open)
        .merge(read)
        .merge(operate)
        .merge(upload)
        .fallback(not_found.layer(role(Role::Read)))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Rates::new(limits), limits::share))
        .layer(middleware::from_fn_with_state(names, guard::guard))
        .with_state(App { state, closing })
}

async fn not_found() -> Problem {
    not_found_problem()
}

fn not_found_problem() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this path",
        "the page is at /, the API under /api/v1 (described by /api/v1/openapi.json), the metrics at /metrics",
    )
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not know the method",
        "the header Allow names the methods that it knows",
    )
}

/// The newest status, if there is one here.
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
            "the reference is being loaded, or Kafka has not been reached yet; try again in a moment",
        )
    })
}
