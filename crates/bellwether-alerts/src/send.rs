//! One request to a receiver, and what its answer means.

use crate::error::Error;
use crate::format::Request;
use crate::settings::Receiver;
use std::io::Read;
use std::time::{Duration, SystemTime};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// So much of an answer is read: its beginning says what is wrong.
const MOST_ANSWER_BYTES: u64 = 1024;
/// Longest pause that a receiver may ask for.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It may take it later: after so long, where it says so.
    Later {
        /// What happened.
        why: String,
        /// What it asks for.
        after: Option<Duration>,
    },
    /// It will never take this.
    Refused {
        /// What it says.
        why: String,
    },
    /// It wants nothing any more.
    Gone,
}

/// The way to one receiver.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    agent: ureq::Agent,
    url: String,
}

impl Sender {
    /// Reads the certificates that the receiver needs.
    pub(crate) fn new(receiver: &Receiver) -> Result<Self, Error> {
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(receiver.timeout))
            .timeout_connect(Some(CONNECT.min(receiver.timeout)))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("bellwether/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &receiver.authorities {
            let problem = |problem: String| Error::Receiver {
                receiver: receiver.name.clone(),
                problem: format!("cannot use the certificates in {}: {problem}", path.display()),
            };
            let pem = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
            let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                    Ok(_) => None,
                    Err(error) => Some(Err(problem(error.to_string()))),
                })
                .collect::<Result<_, _>>()?;
            if certificates.is_empty() {
                return Err(problem("there is none".to_owned()));
            }
            let roots = RootCerts::new_with_certs(&certificates);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self {
            agent: config.build().new_agent(),
            url: receiver.url.reveal().to_owned(),
        })
    }

    /// Sends a request and waits for its answer, no longer than the receiver may take. Blocks.
    pub(crate) fn send(&self, request: &Request) -> Outcome {
        let url = match request.path.as_str() {
            "" => self.url.clone(),
            path => format!("{}{path}", self.url.trim_end_matches('/')),
        };
        let mut call = self.agent.post(&url);
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        let mut answer = match call.send(&request.body[..]) {
            Ok(answer) => answer,
            Err(error) => return failed(&error),
        };
        let status = answer.status();
        if status.is_success() {
            return Outcome::Delivered;
        }
        let after = answer
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok());
        let after = after.and_then(|text| retry_after(text, SystemTime::now()));
        let mut said = Vec::new();
        // A receiver that breaks off here has said enough by its status.
        let _ = answer
            .body_mut()
            .as_reader()
            .take(MOST_ANSWER_BYTES)
            .read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        let said: String = said
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let why = format!("it answers {status}: {}", said.trim());
        match status.as_u16() {
            410 => Outcome::Gone,
            // Who may come and where to can be put right at the receiver or in the configuration; nothing is lost meanwhile.
            401 | 403 | 404 | 407 | 408 | 425 | 429 => Outcome::Later { why, after },
            400..=499 => Outcome::Refused { why },
            // A redirect is not followed: what is told might end up anywhere.
            _ => Outcome::Later { why, after },
        }
    }
}

fn failed(error: &ureq::Error) -> Outcome {
    let why = error.to_string();
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::RequireHttpsOnly(_) => {
            Outcome::Refused { why }
        }
        _ => Outcome::Later { why, after: None },
    }
}

/// Seconds, or a date: RFC 9110, section 10.2.3.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let after = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(after.min(MOST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_may_ask_for_seconds_or_name_a_time_and_for_no_more_than_an_hour() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (text, seconds) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("999999999", Some(3600)),
            ("soon", None),
        ] {
            assert_eq!(
                retry_after(text, now).map(|after| after.as_secs()),
                seconds,
                "{text}"
            );
        }
    }
}
