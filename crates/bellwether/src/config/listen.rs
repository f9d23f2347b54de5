//! `[listen]`: where the page, the API and the metrics are, who may ask, and how the way is protected.

use super::document::Document;
use bellwether_api::{Limits, SHORTEST_TOKEN};
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenConfig {
    pub(crate) address: SocketAddr,
    /// What whoever reads has to know.
    pub(crate) token: Option<TokenSource>,
    /// What whoever changes something has to know.
    pub(crate) operate_token: Option<TokenSource>,
    /// The certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// Whether something in front of the server encrypts.
    pub(crate) encrypted_elsewhere: bool,
    pub(crate) limits: Limits,
}

/// Where a token stands.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// In the environment, where it stays as it is.
    Text(String),
    /// In a file, which is read again when it changes.
    File(PathBuf),
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => out.write_str("Text(..)"),
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8177)),
            token: None,
            operate_token: None,
            certificate: None,
            encrypted_elsewhere: false,
            limits: Limits::default(),
        }
    }
}

pub(super) fn listen(document: &mut Document, base: &Path) -> ListenConfig {
    const ADDRESS: &str = "listen.address";
    const CERTIFICATE: &str = "listen.certificate";
    let defaults = ListenConfig::default();
    let address = document
        .parsed(ADDRESS, "an address such as \"127.0.0.1:8177\"")
        .unwrap_or(defaults.address);
    let has_token = document.has("listen.token") || document.has("listen.operate_token");
    let token = token(document, "listen.token");
    let operate_token = token_of_operators(document, token.as_ref());
    let certificate = match (document.string(CERTIFICATE), document.string("listen.key")) {
        (Some(certificate), Some(key)) => Some((base.join(certificate), base.join(key))),
        (None, None) => None,
        (certificate, _) => {
            let (given, missing) = match certificate {
                Some(_) => (CERTIFICATE, "listen.key"),
                None => ("listen.key", CERTIFICATE),
            };
            document.problem(
                given,
                format!("{missing} is missing"),
                "name the files of both, in PEM",
            );
            None
        }
    };
    let known = vec![("elsewhere", true)];
    let encrypted_elsewhere = document.choice("listen.encryption", known).unwrap_or(false);
    if !address.ip().is_loopback() {
        if !has_token {
            document.problem(
                ADDRESS,
                format!("{address} can be reached from other machines, and whoever asks need not be known"),
                "write listen.token = \"file:PATH\" or \"env:NAME\", or listen on 127.0.0.1 or [::1]",
            );
        }
        if certificate.is_none() && !encrypted_elsewhere {
            document.problem(
                ADDRESS,
                format!("{address} can be reached from other machines, and nothing is encrypted"),
                "name listen.certificate and listen.key; or write listen.encryption = \"elsewhere\" where a proxy or a mesh in front encrypts",
            );
        }
    }
    ListenConfig {
        address,
        token: token.map(|(source, _)| source),
        operate_token,
        certificate,
        encrypted_elsewhere,
        limits: limits(document, defaults.limits),
    }
}

/// Where a token stands, and what it says.
fn token(document: &mut Document, key: &str) -> Option<(TokenSource, String)> {
    let secret = document.secret_elsewhere(key)?;
    // Several may stand in a file, while one takes the place of another.
    let lines = || secret.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines().next().is_none() || lines().any(|token| token.len() < SHORTEST_TOKEN) {
        document.problem(
            key,
            format!("the token has fewer than {SHORTEST_TOKEN} bytes, and can be guessed"),
            "make one with `openssl rand -hex 32`",
        );
    }
    let written = document.string(key)?;
    let source = match written.strip_prefix("file:") {
        Some(path) => TokenSource::File(path.into()),
        None => TokenSource::Text(secret.clone()),
    };
    Some((source, secret))
}

fn token_of_operators(
    document: &mut Document,
    of_readers: Option<&(TokenSource, String)>,
) -> Option<TokenSource> {
    const KEY: &str = "listen.operate_token";
    let (source, secret) = token(document, KEY)?;
    if of_readers.is_some_and(|(_, readers)| *readers == secret) {
        document.problem(
            KEY,
            "it is the same as listen.token, so that whoever reads can change everything".to_owned(),
            "make another one with `openssl rand -hex 32`, or leave listen.token out",
        );
    }
    Some(source)
}

fn limits(document: &mut Document, defaults: Limits) -> Limits {
    let mut limits = defaults;
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    if let Some(n) = document.integer("listen.max_body_bytes", 1024..=(64 << 20)) {
        limits.body_bytes = size(n);
    }
    for (key, limit) in [
        ("listen.request_timeout", &mut limits.request_timeout),
        ("listen.header_timeout", &mut limits.header_timeout),
        ("listen.write_timeout", &mut limits.write_timeout),
    ] {
        match document.duration_ms(key) {
            Some(ms @ 100..=3_600_000) => *limit = Duration::from_millis(ms.unsigned_abs()),
            Some(_) => document.problem(
                key,
                "it is out of range".to_owned(),
                "write a duration from \"100ms\" to \"1h\"",
            ),
            None => {}
        }
    }
    if let Some(n) = document.integer("listen.max_connections", 8..=100_000) {
        limits.connections = size(n);
    }
    if let Some(n) = document.integer("listen.max_connections_per_client", 1..=100_000) {
        limits.connections_per_client = size(n);
    }
    for (key, limit) in [
        ("listen.requests_per_second", &mut limits.requests_per_second),
        ("listen.request_burst", &mut limits.request_burst),
    ] {
        let given = document.integer(key, 1..=1_000_000);
        let given = given
            .and_then(|n| u32::try_from(n).ok())
            .and_then(NonZeroU32::new);
        *limit = given.unwrap_or(*limit);
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<ListenConfig, Vec<String>> {
        let parsed = Config::parse(&format!("[listen]\n{text}"), Path::new("/etc/bellwether"));
        parsed
            .map(|config| config.listen)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn who_can_be_reached_from_elsewhere_knows_who_asks_and_encrypts() {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("token");
        std::fs::write(&file, "0123456789abcdef\n").expect("writable");
        let token = format!("token = \"file:{}\"", file.display());
        let open = parse("address = \"0.0.0.0:80\"").expect_err("open to all");
        assert_eq!(open.len(), 2, "{open:?}");
        let plain = parse(&format!("address = \"0.0.0.0:80\"\n{token}")).expect_err("not encrypted");
        assert_eq!(
            plain,
            [
                "line 2: listen.address: 0.0.0.0:80 can be reached from other machines, and nothing is encrypted; name listen.certificate and listen.key; or write listen.encryption = \"elsewhere\" where a proxy or a mesh in front encrypts"
            ]
        );
        let meshed = parse(&format!(
            "address = \"0.0.0.0:80\"\n{token}\nencryption = \"elsewhere\""
        ));
        let meshed = meshed.expect("a mesh encrypts");
        assert_eq!(meshed.token, Some(TokenSource::File(file)));
        let secret = TokenSource::Text("0123456789abcdef".to_owned());
        assert!(!format!("{secret:?}").contains("0123456789"), "{secret:?}");
        let whole = parse(&format!(
            "address = \"0.0.0.0:80\"\n{token}\ncertificate = \"tls.crt\"\nkey = \"/keys/tls.key\""
        ));
        assert_eq!(
            whole.expect("all is there").certificate,
            Some(("/etc/bellwether/tls.crt".into(), "/keys/tls.key".into()))
        );
    }

    #[test]
    fn a_short_token_and_half_a_certificate_are_named() {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("token");
        std::fs::write(&file, "short").expect("writable");
        let problems = parse(&format!("token = \"file:{}\"\nkey = \"tls.key\"", file.display()));
        assert_eq!(
            problems.expect_err("neither is right"),
            [
                "line 2: listen.token: the token has fewer than 16 bytes, and can be guessed; make one with `openssl rand -hex 32`",
                "line 3: listen.key: listen.certificate is missing; name the files of both, in PEM"
            ]
        );
        let written = parse("token = \"0123456789abcdef\"").expect_err("a secret in the file");
        assert!(
            written[0].contains("the secret itself stands in the file"),
            "{written:?}"
        );
    }

    #[test]
    fn several_tokens_may_stand_in_a_file_and_operators_have_their_own() {
        let folder = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("writable");
            path
        };
        let readers = file("readers", "0123456789abcdef\nfedcba9876543210\n");
        let operators = file("operators", "0123456789ABCDEF");
        let text = |operators: &Path| {
            format!(
                "address = \"0.0.0.0:80\"\nencryption = \"elsewhere\"\ntoken = \"file:{}\"\noperate_token = \"file:{}\"",
                readers.display(),
                operators.display()
            )
        };
        let listen = parse(&text(&operators)).expect("both are right");
        assert_eq!(listen.operate_token, Some(TokenSource::File(operators.clone())));
        let same = parse(&text(&readers)).expect_err("whoever reads could operate");
        assert!(
            same[0].starts_with("line 5: listen.operate_token: it is the same"),
            "{same:?}"
        );
        let alone = format!(
            "address = \"0.0.0.0:80\"\nencryption = \"elsewhere\"\noperate_token = \"file:{}\"",
            operators.display()
        );
        assert_eq!(parse(&alone).expect("whoever asks is known").token, None);
        let half = file("half", "0123456789abcdef\nshort");
        let half = parse(&text(&half)).expect_err("one can be guessed");
        assert!(half[0].contains("fewer than 16 bytes"), "{half:?}");
    }

    #[test]
    fn limits_are_read_and_kept_within_reason() {
        let limits = parse(
            "max_body_bytes = 2048\nrequest_timeout = \"5s\"\nheader_timeout = \"500ms\"\nmax_connections = 9\nrequests_per_second = 7",
        );
        let limits = limits.expect("no problem").limits;
        let expected = Limits {
            body_bytes: 2048,
            request_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_millis(500),
            connections: 9,
            requests_per_second: NonZeroU32::new(7).expect("not zero"),
            ..Limits::default()
        };
        assert_eq!(limits, expected);
        for (text, fix) in [
            ("max_connections = 0", "write a whole number from 8 to 100000"),
            (
                "write_timeout = \"0s\"",
                "write a duration from \"100ms\" to \"1h\"",
            ),
            ("request_burst = 0", "write a whole number from 1 to 1000000"),
        ] {
            let problems = parse(text).expect_err("it is out of range");
            assert!(problems.len() == 1 && problems[0].ends_with(fix), "{problems:?}");
        }
    }

    #[test]
    fn what_the_configuration_does_not_say_is_as_the_server_has_it() {
        assert_eq!(ListenConfig::default().limits, Limits::default());
    }
}
