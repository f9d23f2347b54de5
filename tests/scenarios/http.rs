//! The smallest client that a GET needs.

use bellwether_tests::wait_until;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What a path answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// Asks `url`, the address of a page without a slash at the end, for a path.
pub(crate) fn get(url: &str, path: &str) -> Answer {
    try_get(url, path).unwrap_or_else(|error| panic!("GET {url}{path}: {error}"))
}

fn try_get(url: &str, path: &str) -> std::io::Result<Answer> {
    let address = url.strip_prefix("http://").expect("the page is served over http");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    // `Connection: close` makes the end of the stream the end of the body.
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let header = |name: &str| {
        let of = |line: &str| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(of)
    };
    assert_eq!(
        header("transfer-encoding"),
        None,
        "GET {path}: bodies are sent whole"
    );
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer {
        status: status.expect("a status line"),
        content_type: header("content-type").unwrap_or_default(),
        body: body.to_owned(),
    })
}

/// The JSON that a path answers; it must answer with 200.
pub(crate) fn json(url: &str, path: &str) -> Value {
    let answer = get(url, path);
    assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", answer.body))
}

/// The JSON that a path answers; `None` while it does not answer with 200.
pub(crate) fn try_json(url: &str, path: &str) -> Option<Value> {
    let answer = try_get(url, path).ok().filter(|answer| answer.status == 200)?;
    serde_json::from_str(&answer.body).ok()
}

/// The value of one series of `/metrics`, written as there: `name{label="value"}`.
pub(crate) fn metric(url: &str, series: &str) -> f64 {
    let body = get(url, "/metrics").body;
    let value = body
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("/metrics has no `{series}`\n{body}"))
}

/// Waits until a number of `/api/v1/model`, named by a JSON pointer, is `expected`.
pub(crate) fn wait_for_count(url: &str, pointer: &str, expected: u64, timeout: Duration) {
    let mut last = Value::Null;
    let reached = || {
        // The page may be up before the first status is.
        let model = try_json(url, "/api/v1/model")?;
        last = model.pointer(pointer)?.clone();
        (last.as_u64() == Some(expected)).then_some(())
    };
    wait_until(
        &format!("{pointer} of /api/v1/model to be {expected}"),
        timeout,
        reached,
    );
}
