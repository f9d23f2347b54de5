use super::*;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

/// A registry on a loopback port that gives one prepared answer after the other, and says what it was asked.
fn registry(answers: Vec<(u16, String)>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (asked, requests) = channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).expect("a request");
            }
            asked.send(head).ok();
            write!(
                stream,
                "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .expect("an answer");
        }
    });
    (url, requests)
}

fn client(url: &str) -> HttpRegistry {
    HttpRegistry::new(&HttpRegistryConfig {
        url: url.to_owned(),
        credentials: Some(Credentials {
            username: "alice".to_owned(),
            password: "hunter2".to_owned(),
        }),
        authorities: None,
        timeout: Duration::from_secs(5),
    })
    .expect("an address")
}

#[test]
fn a_schema_comes_with_what_it_refers_to() {
    let answers = [
        r#"{"schema": "top", "schemaType": "PROTOBUF", "references": [{"name": "a.proto", "subject": "a/b c", "version": 3}]}"#,
        r#"{"schema": "a", "references": [{"name": "b.proto", "subject": "b", "version": 1}]}"#,
        r#"{"schema": "b"}"#,
    ];
    let (url, requests) = registry(answers.map(|body| (200, body.to_owned())).into());
    let schema = client(&url).fetch(42).expect("a schema");
    assert_eq!(
        (schema.language, schema.text.as_str()),
        (SchemaLanguage::Protobuf, "top")
    );
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(schema.references, [pair("b.proto", "b"), pair("a.proto", "a")]);
    let asked: Vec<String> = requests.try_iter().collect();
    assert!(
        asked[0].starts_with("GET /schemas/ids/42 HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(
        asked[1].starts_with("GET /subjects/a%2Fb%20c/versions/3?deleted=true "),
        "{}",
        asked[1]
    );
    let authorization = asked[0].to_ascii_lowercase();
    assert!(
        authorization.contains("authorization: basic ywxpy2u6ahvudgvymg=="),
        "{authorization}"
    );
}

#[test]
fn what_is_missing_is_final_and_what_is_broken_may_be_asked_again() {
    let (url, _requests) = registry(vec![
        (404, "{}".to_owned()),
        (500, String::new()),
        (401, String::new()),
        (200, "<html>".to_owned()),
        (200, r#"{"schema": "x", "schemaType": "THRIFT"}"#.to_owned()),
    ]);
    let client = client(&url);
    assert_eq!(client.fetch(7), Err(SourceError::Unknown(7)));
    for expected in [
        "answers with status 500",
        "refuses us",
        "something else than a schema",
    ] {
        match client.fetch(7) {
            Err(SourceError::Unavailable(what)) => assert!(what.contains(expected), "{what}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert!(matches!(client.fetch(7), Err(SourceError::Unusable(_))));
}

#[test]
fn a_registry_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = client(&url).fetch(1).expect_err("nobody listens");
    assert!(matches!(error, SourceError::Unavailable(_)), "{error:?}");
}

#[test]
fn no_secret_is_shown() {
    let client = client("http://registry:8081/");
    let config = Credentials {
        username: "alice".to_owned(),
        password: "hunter2".to_owned(),
    };
    let shown = format!("{client:?} {config:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("aHVudGVy"),
        "{shown}"
    );
    assert!(shown.contains("alice"), "{shown}");
    let with_secret = HttpRegistryConfig {
        url: "https://alice:hunter2@registry".to_owned(),
        credentials: None,
        authorities: None,
        timeout: Duration::from_secs(1),
    };
    let error = HttpRegistry::new(&with_secret).expect_err("a secret in the address");
    assert_eq!(error, RegistryError::Url("registry".to_owned()));
    for url in ["registry:8081", "ftp://registry", "http://"] {
        let config = HttpRegistryConfig {
            url: url.to_owned(),
            ..with_secret.clone()
        };
        HttpRegistry::new(&config).expect_err("no address");
    }
    let config = HttpRegistryConfig {
        url: "https://registry".to_owned(),
        authorities: Some(b"no certificate".to_vec()),
        ..with_secret
    };
    assert_eq!(
        HttpRegistry::new(&config).expect_err("no certificate"),
        RegistryError::Authorities
    );
}
