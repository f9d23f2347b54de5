//! Who may ask, and over what: tokens and TLS.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bellwether_api::{Access, ApiConfig, ApiState, CertificateFiles, Encryption, Error, Token, serve};
use support::{START_MS, Server, status};
use tokio::net::TcpListener;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const TOKEN: &str = "correct horse battery staple";

fn ready() -> ApiState {
    let state = ApiState::new(ApiConfig::default());
    state.publish(status(START_MS));
    state
}

fn guarded() -> Access {
    Access {
        token: Some(Token::new(TOKEN)),
        ..Access::default()
    }
}

#[tokio::test]
async fn every_route_but_the_health_checks_wants_the_token() {
    let server = Server::with_access(&ready(), guarded()).await;
    let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
    let (bearer, password) = (format!("Bearer {TOKEN}"), basic(&format!("anybody:{TOKEN}")));
    let wrong = [
        format!("Bearer {TOKEN}x"),
        "Bearer ".to_owned(),
        TOKEN.to_owned(),
        basic(TOKEN),
        basic("anybody:"),
        "Basic !".to_owned(),
        format!("Digest {TOKEN}"),
    ];
    for path in [
        "/",
        "/assets/app.js",
        "/metrics",
        "/api/v1/version",
        "/api/v1/model",
        "/api/v1/tasks",
        "/api/v1/tasks/banking",
        "/api/v1/tasks/banking/series",
        "/api/v1/timeline",
        "/api/v1/events",
        "/nothing",
    ] {
        let refused = server.get(path).await;
        refused.assert_problem(401, "unauthorized");
        let asks = refused.header("www-authenticate").unwrap();
        assert!(asks.starts_with("basic realm="), "{path}: {asks}");
        assert!(refused.header("content-security-policy").is_some(), "{path}");
        for value in &wrong {
            let refused = server.send("GET", path, &[("authorization", value)]).await;
            refused.assert_problem(401, "unauthorized");
        }
        // The stream has no end.
        if path == "/api/v1/events" {
            continue;
        }
        for value in [&bearer, &password] {
            let answer = server.send("GET", path, &[("authorization", value)]).await;
            let expected = if path == "/nothing" { 404 } else { 200 };
            assert_eq!(answer.status, expected, "{path}");
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn whoever_asks_is_told_what_they_may_do() {
    let open = Server::with_access(&ready(), Access::default()).await;
    let told = open.get("/api/v1/access").await.json();
    assert_eq!(
        (&told["role"], &told["hint"]),
        (&"operate".into(), &serde_json::Value::Null)
    );
    assert_eq!(
        (&told["history"], &told["references"], &told["work_sets"]),
        (&false.into(), &false.into(), &false.into())
    );
    open.stop().await;

    let operate_token = Some(Token::new("another horse"));
    let both = Server::with_access(
        &ready(),
        Access {
            operate_token,
            ..guarded()
        },
    )
    .await;
    for (token, role) in [(TOKEN, "read"), ("another horse", "operate")] {
        let bearer = format!("Bearer {token}");
        let told = both
            .send("GET", "/api/v1/access", &[("authorization", &bearer)])
            .await
            .json();
        assert_eq!(told["role"], role);
        assert_eq!(told["hint"].is_string(), role == "read", "{told}");
    }
    both.get("/api/v1/access")
        .await
        .assert_problem(401, "unauthorized");
    both.stop().await;
}

/// A name of the cluster, which would be foreign to a server without a token.
#[tokio::test]
async fn with_a_token_any_name_will_do() {
    let server = Server::with_access(&ready(), guarded()).await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [
        ("host", "bellwether.monitoring.svc:8177"),
        ("authorization", &bearer),
    ];
    assert_eq!(server.send("GET", "/metrics", &headers).await.status, 200);
    server.stop().await;
}

struct Files {
    folder: tempfile::TempDir,
    certificate: String,
}

impl Files {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tls.crt"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("tls.key"), made.signing_key.serialize_pem()).unwrap();
        Self {
            folder,
            certificate: made.cert.pem(),
        }
    }

    fn access(&self) -> Access {
        Access {
            encryption: Encryption::Tls(CertificateFiles {
                certificate: self.folder.path().join("tls.crt"),
                key: self.folder.path().join("tls.key"),
            }),
            ..guarded()
        }
    }
}

#[tokio::test]
async fn beyond_this_machine_answers_come_over_tls() {
    let files = Files::new();
    let listener = TcpListener::bind(("0.0.0.0", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(serve(listener, ready(), files.access(), std::future::pending()));
    let get = move |trusted: Option<String>, path: &'static str| {
        let roots = match &trusted {
            Some(pem) => RootCerts::from(Certificate::from_pem(pem.as_bytes()).map(|c| vec![c]).unwrap()),
            None => RootCerts::WebPki,
        };
        let config = ureq::Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .build();
        let agent = ureq::Agent::new_with_config(config);
        let request = agent
            .get(format!("https://localhost:{port}{path}"))
            .header("authorization", format!("Bearer {TOKEN}"));
        tokio::task::spawn_blocking(move || request.call().map(|answer| answer.status().as_u16()))
    };
    let trusted = Some(files.certificate.clone());
    assert_eq!(get(trusted.clone(), "/metrics").await.unwrap().unwrap(), 200);
    assert_eq!(get(trusted, "/readyz").await.unwrap().unwrap(), 200);
    let stranger = get(None, "/metrics").await.unwrap();
    assert!(stranger.is_err(), "nobody vouches for the certificate");
    served.abort();
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let files = Files::new();
    std::fs::write(files.folder.path().join("tls.key"), "no key").unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let result = serve(listener, ready(), files.access(), std::future::pending()).await;
    let error = result.expect_err("there is no key");
    assert!(matches!(error, Error::Certificate { .. }));
    assert!(error.to_string().contains("tls.crt"), "{error}");
}
