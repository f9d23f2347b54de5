//! A client for the little that is asked here.

use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The status and body of a GET; `url` has no slash at the end, `path` begins with one.
pub(crate) fn get(url: &str, path: &str) -> std::io::Result<(u16, String)> {
    let address = url.strip_prefix("http://").expect("it is served over http");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    // With version 1.0 the body comes whole, and its end is the end of the stream.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((status.unwrap_or(0), body.to_owned()))
}

/// The JSON that a path answers, whatever its status is.
pub(crate) fn json(url: &str, path: &str) -> Value {
    let (status, body) = get(url, path).unwrap_or_else(|error| panic!("GET {url}{path}: {error}"));
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("GET {url}{path}: {status}, {error}\n{body}"))
}

/// A path with a query of these fields.
pub(crate) fn with_query(path: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    format!("{path}?{}", fields.join("&"))
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _written = write!(out, "%{byte:02X}");
        }
    }
    out
}
