//! What every answer carries, and which requests get none.

use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
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

/// Refuses what another web site makes a browser send.
///
/// A browser sends a form to any address, with the password that it keeps for it; nobody asks the server first. But it says from
/// where: `Sec-Fetch-Site`, and `Origin` with everything that is not read. Programs say neither.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    if is_cross_site(request.headers()) {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden_origin",
            "a page of another web site sent this request",
            "send it from the page of this server, or from a program, which sends neither Origin nor Sec-Fetch-Site",
        )
        .into_response();
    }
    next.run(request).await
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    let header = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    if let Some(site) = header(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, b"same-origin" | b"none");
    }
    let Some(origin) = header(header::ORIGIN) else {
        return false;
    };
    let schemes: [&[u8]; 2] = [b"http://", b"https://"];
    let authority = schemes.into_iter().find_map(|scheme| origin.strip_prefix(scheme));
    authority.is_none() || authority != header(header::HOST)
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
    use super::{is_cross_site, is_local};
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn a_browser_says_whether_another_site_sent_it() {
        let cross = |headers: &[(&'static str, &'static str)]| {
            let named = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_cross_site(&named.collect::<HeaderMap>())
        };
        let host = ("host", "localhost:8177");
        assert!(!cross(&[host]), "a program");
        for own in ["http://localhost:8177", "https://localhost:8177"] {
            assert!(!cross(&[host, ("origin", own)]), "{own}");
        }
        for foreign in [
            "http://localhost:3000",
            "http://localhost",
            "http://evil.example",
            "null",
            "",
            "localhost:8177",
            "file://localhost:8177",
        ] {
            assert!(cross(&[host, ("origin", foreign)]), "{foreign}");
        }
        assert!(
            cross(&[("origin", "http://localhost:8177")]),
            "no host to compare with"
        );
        // What the browser says of the site counts before what a proxy may have made of the host.
        assert!(!cross(&[
            host,
            ("origin", "https://monitor.example"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!cross(&[host, ("sec-fetch-site", "none")]));
        for site in ["cross-site", "same-site", "", "Same-Origin"] {
            assert!(
                cross(&[
                    host,
                    ("origin", "http://localhost:8177"),
                    ("sec-fetch-site", site)
                ]),
                "{site}"
            );
        }
    }

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
