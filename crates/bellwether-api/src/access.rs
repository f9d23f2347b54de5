//! Who may ask, and how the way to them is protected.

use crate::limits::Limits;
use crate::problem::Problem;
use crate::token::Token;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::path::PathBuf;
use std::sync::Arc;

/// How the server may be reached. By default from this machine alone, by whoever is on it.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What whoever reads has to know; health checks are answered without.
    pub token: Option<Token>,
    /// What whoever changes something has to know; it also reads. Without any token whoever is on this machine may do both;
    /// with one for reading alone, nobody changes anything.
    pub operate_token: Option<Token>,
    /// With what connections are encrypted.
    pub encryption: Encryption,
    /// How much of the server one client can take.
    pub limits: Limits,
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

/// What whoever asks may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Look.
    Read,
    /// Look, and change something.
    Operate,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }
}

/// What whoever asks was found to be, for handlers that tell it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Granted {
    pub(crate) role: Role,
    /// What gives the role above.
    pub(crate) hint: &'static str,
}

/// Who has which role.
#[derive(Debug, Clone)]
pub(crate) struct Roles {
    read: Option<Token>,
    operate: Option<Token>,
}

impl Roles {
    pub(crate) fn new(access: &Access) -> Self {
        Self {
            read: access.token.clone(),
            operate: access.operate_token.clone(),
        }
    }

    /// Whether whoever asks has to know a secret.
    pub(crate) fn know_secrets(&self) -> bool {
        self.read.is_some() || self.operate.is_some()
    }

    /// The role of whoever presents that; `None` is nobody we know.
    fn of(&self, secret: Option<&[u8]>) -> Option<Role> {
        if !self.know_secrets() {
            // Only from this machine, where whoever is on it can do what its user can.
            return Some(Role::Operate);
        }
        let secret = secret?;
        let is = |token: &Option<Token>| token.as_ref().is_some_and(|token| token.is(secret));
        let (reads, operates) = (is(&self.read), is(&self.operate));
        match (operates, reads) {
            (true, _) => Some(Role::Operate),
            (false, true) => Some(Role::Read),
            (false, false) => None,
        }
    }

    /// What to do for a role that nobody can have yet, or that this token does not give.
    fn hint(&self) -> &'static str {
        match self.operate {
            Some(_) => "send the token of `listen.operate_token`",
            None => "name a token in `listen.operate_token`, start again, and send it",
        }
    }
}

/// Lets pass who knows a token that gives the role: as bearer, as programs do, or as the password of any user, as browsers ask
/// for it.
pub(crate) async fn authorize(
    State((roles, needed)): State<(Arc<Roles>, Role)>,
    request: Request,
    next: Next,
) -> Response {
    let role = roles.of(presented(request.headers()).as_deref());
    match role {
        Some(role) if role >= needed => {
            let hint = roles.hint();
            let mut request = request;
            request.extensions_mut().insert(Granted { role, hint });
            next.run(request).await
        }
        Some(_) => Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden_role",
            "this token only reads, and the request changes something",
            roles.hint(),
        )
        .into_response(),
        None => unauthorized(),
    }
}

fn unauthorized() -> Response {
    let mut refusal = Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "the token is missing or wrong",
        "send `Authorization: Bearer <token>` with what `listen.token` or `listen.operate_token` says, or any user with the token as password",
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
