//! How much of the server one client can take.

use crate::connections::Connection;
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Clients whose requests are counted before those that have been quiet are forgotten.
const CLIENTS_REMEMBERED: usize = 10_000;

/// How much of the server one client can take, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest body of a request, in bytes, where a route does not say otherwise. Default 64 KiB.
    pub body_bytes: usize,
    /// Longest time that a request may take, from its head to the beginning of the answer. Default 30 s.
    pub request_timeout: Duration,
    /// Longest time in which the head of a request has to come; also how long a connection may be idle. Default 10 s.
    pub header_timeout: Duration,
    /// Longest time in which a client takes nothing of an answer that waits for it. Default 30 s.
    pub write_timeout: Duration,
    /// Most connections at one time. Default 512.
    pub connections: usize,
    /// Most of them from one client. Default 128.
    pub connections_per_client: usize,
    /// Requests a second that one client may make in the long run. Default 100.
    pub requests_per_second: NonZeroU32,
    /// Requests that one client may make at once. Default 500.
    pub request_burst: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        const PER_SECOND: NonZeroU32 = NonZeroU32::new(100).expect("it is not zero");
        const BURST: NonZeroU32 = NonZeroU32::new(500).expect("it is not zero");
        Self {
            body_bytes: 64 << 10,
            request_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            connections: 512,
            connections_per_client: 128,
            requests_per_second: PER_SECOND,
            request_burst: BURST,
        }
    }
}

/// What a request is for. Each purpose has a budget of its own, so that clients of the API leave the others theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Purpose {
    Metrics,
    Rest,
}

type Key = (crate::connections::Client, Purpose);

/// Counts requests by client.
#[derive(Debug)]
pub(crate) struct Rates {
    limiter: RateLimiter<Key, DefaultKeyedStateStore<Key>, DefaultClock>,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let quota = Quota::per_second(limits.requests_per_second).allow_burst(limits.request_burst);
        Arc::new(Self {
            limiter: RateLimiter::keyed(quota),
        })
    }

    fn check(&self, key: Key) -> Result<(), Duration> {
        if self.limiter.len() > CLIENTS_REMEMBERED {
            // Those that have all of their budget again are as those that were never here.
            self.limiter.retain_recent();
        }
        let now = self.limiter.clock().now();
        self.limiter
            .check_key(&key)
            .map_err(|early| early.wait_time_from(now))
    }
}

/// Whether an orchestrator asks for that, to whom nothing may be refused.
pub(crate) fn is_health(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// Refuses what is beyond a client's share: too many requests, or any but those of monitoring on a connection beyond the limit.
pub(crate) async fn share(State(rates): State<Arc<Rates>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let connection = request.extensions().get::<Connection>();
    if is_health(path) {
        return next.run(request).await;
    }
    let purpose = match path {
        "/metrics" => Purpose::Metrics,
        _ => Purpose::Rest,
    };
    if purpose == Purpose::Rest && connection.is_some_and(Connection::is_spare) {
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_connections",
            "as many connections are open as the server allows, in all or from this client",
            "close some, or raise listen.max_connections or listen.max_connections_per_client",
        )
        .retry_after(Duration::from_secs(1))
        .into_response();
    }
    // Without a connection there is no client: a test that calls the routes directly.
    let key = connection.map(|connection| (connection.client(), purpose));
    match key.map_or(Ok(()), |key| rates.check(key)) {
        Ok(()) => next.run(request).await,
        Err(wait) => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "this client asks more often than it may",
            "wait as long as Retry-After says; listen.requests_per_second and listen.request_burst set the limit",
        )
        .retry_after(wait)
        .into_response(),
    }
}

/// Ends a request that takes too long, such as one whose body does not come.
pub(crate) async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            format!("the request took longer than {} s", limit.as_secs_f64()),
            "send the body without a pause; listen.request_timeout sets the limit",
        )
        .retry_after(Duration::from_secs(1))
        .into_response(),
    }
}
