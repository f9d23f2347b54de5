//! A model by its name, from a hub that is played here, and afterwards without one.

#![cfg(feature = "hub")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test they are called from"
)]

use bellwether_encoder::{Encoder, Error, model_directory};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

const MODEL: &str = "some-owner/tiny-distilbert";
/// Set in the process that plays the user: the client reads its address and cache from the environment.
const USER: &str = "BELLWETHER_TEST_HUB_USER";

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/families/distilbert")
}

/// Answers one request as the hub does: the list of files, or a range of one of them.
fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    for line in reader.by_ref().lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let path = lines
        .first()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default();
    let mut stream = reader.into_inner();
    if path.starts_with("/api/models/") {
        let list = r#"{"sha": "abc", "siblings": [{"rfilename": "config.json"}, {"rfilename": "tokenizer.json"},
            {"rfilename": "model.safetensors"}, {"rfilename": "pytorch_model.bin"}]}"#;
        return write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{list}",
            list.len()
        );
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let Ok(content) = std::fs::read(files().join(name)) else {
        return write!(
            stream,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    };
    let asked = lines.iter().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        let (from, to) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
        key.eq_ignore_ascii_case("range")
            .then(|| (from.parse().ok(), to.parse().ok()))
    });
    let last = content.len() - 1;
    let (from, to) = asked.map_or((0, last), |(from, to): (Option<usize>, Option<usize>)| {
        (from.unwrap_or(0), to.unwrap_or(last).min(last))
    });
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{to}/{}\r\nETag: \"{name}\"\r\n\
         X-Repo-Commit: abc\r\nConnection: close\r\n\r\n",
        to + 1 - from,
        content.len()
    )?;
    stream.write_all(&content[from..=to])
}

/// Runs the test `as_user` in a process of its own with this hub and cache; what it printed.
fn user(endpoint: &str, cache: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "as_user", "--nocapture"])
        .env(USER, "1")
        .env("HF_ENDPOINT", endpoint)
        .env("HF_HOME", cache)
        .env_remove("HF_TOKEN")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn as_user() {
    if std::env::var_os(USER).is_none() {
        return;
    }
    let out = match model_directory(MODEL) {
        Ok(dir) => format!("width {}", Encoder::load(dir).unwrap().dim()),
        Err(error @ Error::Hub { .. }) => format!("hub: {error}"),
        Err(other) => format!("other: {other}"),
    };
    std::io::stdout().write_all(out.as_bytes()).unwrap();
}

#[test]
fn a_model_is_fetched_once_and_then_found_without_the_hub() {
    let cache = tempfile::tempdir().unwrap();
    // A port where nobody answers.
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let before = user(&nobody, cache.path());
    assert!(
        before.contains("hub: cannot fetch `some-owner/tiny-distilbert`"),
        "{before}"
    );
    assert!(before.contains("give a directory"), "{before}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hub = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that hangs up early has its reasons.
            let _ = stream.and_then(answer);
        }
    });
    let fetched = user(&hub, cache.path());
    assert!(fetched.contains("width 16"), "{fetched}");
    let kept = user(&nobody, cache.path());
    assert!(kept.contains("width 16"), "{kept}");
}
