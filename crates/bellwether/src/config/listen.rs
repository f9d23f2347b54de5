//! `[listen]`: where the page, the API and the metrics are, who may ask, and how the way is protected.

use super::document::Document;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A token that is shorter can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// Where the server listens.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ListenConfig {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
    /// The certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// Whether something in front of the server encrypts.
    pub(crate) encrypted_elsewhere: bool,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8177)),
            token: None,
            certificate: None,
            encrypted_elsewhere: false,
        }
    }
}

impl fmt::Debug for ListenConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ListenConfig")
            .field("address", &self.address)
            .field("token", &self.token.as_ref().map(|_| ".."))
            .field("certificate", &self.certificate)
            .field("encrypted_elsewhere", &self.encrypted_elsewhere)
            .finish()
    }
}

pub(super) fn listen(document: &mut Document, base: &Path) -> ListenConfig {
    const ADDRESS: &str = "listen.address";
    const CERTIFICATE: &str = "listen.certificate";
    let defaults = ListenConfig::default();
    let address = document
        .parsed(ADDRESS, "an address such as \"127.0.0.1:8177\"")
        .unwrap_or(defaults.address);
    let has_token = document.has("listen.token");
    let token = document.secret_elsewhere("listen.token");
    if token.as_ref().is_some_and(|token| token.len() < SHORTEST_TOKEN) {
        document.problem(
            "listen.token",
            format!("the token has fewer than {SHORTEST_TOKEN} bytes, and can be guessed"),
            "make one with `openssl rand -hex 32`",
        );
    }
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
        token,
        certificate,
        encrypted_elsewhere,
    }
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
        assert_eq!(meshed.token.as_deref(), Some("0123456789abcdef"));
        assert!(!format!("{meshed:?}").contains("0123456789"), "{meshed:?}");
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
}
