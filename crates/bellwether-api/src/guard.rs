//! What every answer carries, and which requests get none.

use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// The page loads nothing from elsewhere, runs no inline script and is framed by nobody.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// The names under which the server may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Those of this machine.
    Local,
    Any,
}

/// Refuses requests under a foreign name and adds the security headers to every answer.
///
/// Without the first, any web site could point its own name at 127.0.0.1 and read the API through a visitor's browser
/// (DNS rebinding): a loopback address alone keeps other machines out, not other origins.
pub(crate) async fn guard(State(names): State<Names>, request: Request, next: Next) -> Response {
    let foreign = foreign_host(&request).filter(|_| names == Names::Local);
    let mut response = match foreign {
        None => next.run(request).await,
        Some(host) => Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden_host",
            format!("the server does not answer to the name `{host}`"),
            "use localhost, 127.0.0.1 or [::1]; a proxy in front has to set the Host header to one of these",
        )
        .into_response(),
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The name the request was sent to, unless that is this machine. A request without a name does not come from a browser.
fn foreign_host(request: &Request) -> Option<String> {
    let named = request
        .headers()
        .get(header::HOST)
        .map(|h| String::from_utf8_lossy(h.as_bytes()).into_owned());
    let authority = request.uri().authority().map(ToString::to_string).or(named)?;
    (!is_local(&authority)).then_some(authority)
}

fn is_local(authority: &str) -> bool {
    let Ok(uri) = authority.parse::<Uri>() else {
        return false;
    };
    let Some(host) = uri.host() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for local in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1",
            "127.0.0.1:9464",
            "[::1]:9464",
            "127.9.9.9:1",
        ] {
            assert!(is_local(local), "{local}");
        }
        for foreign in [
            "example.com",
            "localhost.example.com:80",
            "10.0.0.1",
            "[2001:db8::1]:80",
            "",
            "a b",
            "/x",
        ] {
            assert!(!is_local(foreign), "{foreign}");
        }
    }
}
