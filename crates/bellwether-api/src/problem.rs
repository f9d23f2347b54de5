//! The one shape of an error: what, in a stable code and in words, and what to do; with the members of RFC 9457.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// The media type of an error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An answer that says no.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: String,
    retry_after: Option<Duration>,
}

/// Its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemView<'a> {
    /// The status in words.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What is wrong, as a word that stays.
    code: &'a str,
    /// What is wrong, in a sentence.
    detail: &'a str,
    /// What to do.
    hint: &'a str,
}

impl Problem {
    /// `code` is part of the API's contract and documented in `docs/api.md`.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            hint: hint.into(),
            retry_after: None,
        }
    }

    /// Says when to ask again; in whole seconds, at least one.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let view = ProblemView {
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.message,
            hint: &self.hint,
        };
        // Texts and a number can always be written.
        let body = serde_json::to_vec(&view).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let value = HeaderValue::from(seconds.max(1));
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
