//! The schema registry's HTTP interface, as far as a reader of records needs it.

use super::{SchemaLanguage, SchemaSource, SourceError, WriterSchema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::fmt;
use std::fmt::Write;
use std::time::Duration;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 4 << 20;

/// Most schemas that one refers to, all levels together.
const MAX_REFERENCES: usize = 100;

/// What it takes to ask a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRegistryConfig {
    /// Where it is, such as `https://registry:8081`.
    pub url: String,
    /// Who asks, if it must know.
    pub credentials: Option<Credentials>,
    /// Certificates in PEM of the authorities that its certificate may come from; without them the public ones.
    pub authorities: Option<Vec<u8>>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A name and a password for basic authentication. The password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name, or the key of an API key.
    pub username: String,
    /// The password, or the secret of an API key.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("password", &"[redacted]")
            .finish()
    }
}

/// Why no registry can be asked at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The address is none.
    #[error("`{0}` is not an address that starts with http:// or https://")]
    Url(String),
    /// The certificates are none.
    #[error("the file of authorities holds no certificate in PEM")]
    Authorities,
}

/// A registry that is asked over HTTP.
pub struct HttpRegistry {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl fmt::Debug for HttpRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRegistry")
            .field("url", &self.url)
            .field("authorized", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    schema: String,
    #[serde(rename = "schemaType")]
    language: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: i64,
}

impl HttpRegistry {
    /// Prepares the client; nothing is asked yet.
    ///
    /// # Errors
    /// When the address is none, or the file of authorities holds no certificate.
    pub fn new(config: &HttpRegistryConfig) -> Result<Self, RegistryError> {
        let url = config.url.trim_end_matches('/');
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"));
        // A name and password in the address would end up in logs.
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains('@')) {
            let shown = rest.map_or(url, |rest| rest.rsplit('@').next().unwrap_or_default());
            return Err(RegistryError::Url(shown.to_owned()));
        }
        let mut builder = ureq::Agent::config_builder()
            .timeout_global(Some(config.timeout))
            .http_status_as_error(false)
            .max_redirects(3)
            .user_agent("bellwether");
        if let Some(pem) = &config.authorities {
            let certificates: Vec<_> = parse_pem(pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(RegistryError::Authorities);
            }
            let roots = RootCerts::new_with_certs(&certificates);
            builder = builder.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        let authorization = config.credentials.as_ref().map(|credentials| {
            let pair = format!("{}:{}", credentials.username, credentials.password);
            format!("Basic {}", STANDARD.encode(pair))
        });
        Ok(Self {
            agent: builder.build().new_agent(),
            url: url.to_owned(),
            authorization,
        })
    }

    /// Asks for a path. None where the registry says that there is no such thing.
    fn ask(&self, path: &str) -> Result<Option<Answer>, SourceError> {
        let unavailable = |what: &dyn fmt::Display| {
            SourceError::Unavailable(format!("the schema registry at {} {what}", self.url))
        };
        let mut request = self.agent.get(format!("{}{path}", self.url)).header(
            "Accept",
            "application/vnd.schemaregistry.v1+json, application/json",
        );
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = request
            .call()
            .map_err(|error| unavailable(&format_args!("does not answer: {error}")))?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            401 | 403 => {
                return Err(unavailable(
                    &"refuses us; correct payloads.registry.username and password",
                ));
            }
            status => return Err(unavailable(&format_args!("answers with status {status}"))),
        }
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER_BYTES)
            .read_to_string()
            .map_err(|error| unavailable(&format_args!("breaks off its answer: {error}")))?;
        // What is no such answer comes from something between, such as a proxy with a page of its own.
        serde_json::from_str(&body).map(Some).map_err(|error| {
            unavailable(&format_args!(
                "answers with something else than a schema: {error}"
            ))
        })
    }

    /// Appends what a schema refers to, first what that refers to itself.
    fn follow(
        &self,
        references: Vec<Reference>,
        depth: usize,
        out: &mut Vec<(String, String)>,
    ) -> Result<(), SourceError> {
        for reference in references {
            if out.iter().any(|(name, _)| *name == reference.name) {
                continue;
            }
            if depth == 0 || out.len() >= MAX_REFERENCES {
                return Err(SourceError::Unusable(format!(
                    "a schema refers to more than {MAX_REFERENCES} others, or in a circle"
                )));
            }
            let path = format!(
                "/subjects/{}/versions/{}?deleted=true",
                escaped(&reference.subject),
                reference.version
            );
            let answer = self.ask(&path)?.ok_or_else(|| {
                SourceError::Unusable(format!(
                    "the schema registry lacks version {} of subject {}, which a schema refers to",
                    reference.version, reference.subject
                ))
            })?;
            self.follow(answer.references, depth - 1, out)?;
            out.push((reference.name, answer.schema));
        }
        Ok(())
    }
}

impl SchemaSource for HttpRegistry {
    fn fetch(&self, id: u32) -> Result<WriterSchema, SourceError> {
        let answer = self
            .ask(&format!("/schemas/ids/{id}"))?
            .ok_or(SourceError::Unknown(id))?;
        let language = match answer.language.as_deref() {
            None | Some("AVRO") => SchemaLanguage::Avro,
            Some("PROTOBUF") => SchemaLanguage::Protobuf,
            Some("JSON") => SchemaLanguage::Json,
            Some(other) => {
                return Err(SourceError::Unusable(format!(
                    "schema {id} is of the language {other:?}, and AVRO, PROTOBUF and JSON are read"
                )));
            }
        };
        let mut references = Vec::new();
        if language != SchemaLanguage::Json {
            self.follow(answer.references, 16, &mut references)?;
        }
        Ok(WriterSchema {
            language,
            text: answer.schema,
            references,
        })
    }
}

/// A part of a path, with everything escaped that is not plain.
fn escaped(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}

#[cfg(test)]
mod tests;
