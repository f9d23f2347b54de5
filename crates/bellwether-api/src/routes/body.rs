//! What a request brings along, refused as a problem where it is not as it should be.

use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A body in JSON.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

fn refused(rejection: &JsonRejection) -> Problem {
    match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => unsupported_media_type("application/json"),
        StatusCode::PAYLOAD_TOO_LARGE => too_large("listen.max_body_bytes sets the limit"),
        StatusCode::REQUEST_TIMEOUT => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            rejection.body_text(),
            "send the body without a pause",
        )
        .retry_after(Duration::from_secs(1)),
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            rejection.body_text(),
            "/api/v1/openapi.json says what the body looks like",
        ),
    }
}

/// The body is of another kind than the route takes.
pub(super) fn unsupported_media_type(expected: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "the route does not take a body of this kind",
        format!("send `Content-Type: {expected}`"),
    )
}

/// The body is longer than the route takes.
pub(super) fn too_large(hint: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "the body is longer than the server takes",
        hint,
    )
}

/// Rows of a page when the client does not say.
const PAGE: usize = 100;
/// Rows of a page at the most.
const PAGE_MAX: usize = 1000;

/// Rows of a page; `read_on` says after the bounds how to get more.
pub(super) fn page_limit(asked: Option<usize>, read_on: &str) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(PAGE);
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_query",
        format!("limit is {limit}"),
        format!("limit is from 1 to {PAGE_MAX}{read_on}"),
    ))
}

/// A parameter is unknown or cannot be read.
pub(super) fn invalid_query(rejection: &QueryRejection, hint: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_query",
        rejection.body_text(),
        hint,
    )
}
