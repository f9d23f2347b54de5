//! Who may ask, and how the way to them is protected.

use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// How the server may be reached. By default from this machine alone, by whoever is on it.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What whoever asks has to know; health checks are answered without.
    pub token: Option<Token>,
    /// With what connections are encrypted.
    pub encryption: Encryption,
}

/// With what connections are encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// With nothing: from this machine alone.
    #[default]
    None,
    /// TLS by the server itself.
    Tls(CertificateFiles),
    /// By something in front of the server, such as a mesh's proxy: the owner says so.
    Elsewhere,
}

/// A certificate with what is needed to check it, and its key: PEM. They are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by those of the authorities in between.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A secret that whoever asks has to know. Only its digest is kept.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// A token from its text.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    fn is(&self, secret: &[u8]) -> bool {
        // Neither its length nor how much of it is right shows in the time this takes.
        Sha256::digest(secret).as_slice().ct_eq(&self.0).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(..)")
    }
}

/// Lets pass who knows the token: as bearer, as programs do, or as the password of any user, as browsers ask for it.
pub(crate) async fn authenticate(State(token): State<Arc<Token>>, request: Request, next: Next) -> Response {
    if presented(request.headers()).is_some_and(|secret| token.is(&secret)) {
        return next.run(request).await;
    }
    let mut refusal = Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "the token is missing or wrong",
        "send `Authorization: Bearer <token>` with what `listen.token` says, or any user with the token as password",
    )
    .into_response();
    let ask = HeaderValue::from_static("Basic realm=\"Bellwether\", charset=\"UTF-8\"");
    refusal.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
    refusal
}

fn presented(headers: &HeaderMap) -> Option<Vec<u8>> {
    let (scheme, rest) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(rest).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}
