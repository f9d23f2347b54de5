//! A schema registry of a few fixed answers.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Serves for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Registry {
    url: String,
    answered: Arc<AtomicUsize>,
}

impl Registry {
    /// Answers these paths with these documents, but first so many times that it is not there yet.
    pub(crate) fn start(answers: impl IntoIterator<Item = (String, Value)>, absences: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let answered = Arc::new(AtomicUsize::new(0));
        let (answers, count) = (Vec::from_iter(answers), Arc::clone(&answered));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let there = count.fetch_add(1, Ordering::Relaxed) >= absences;
                // Who asks and goes away is told nothing.
                let _gone = answer(&stream, &answers, there);
            }
        });
        Self { url, answered }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Requests so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

fn answer(mut stream: &TcpStream, answers: &[(String, Value)], there: bool) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let found = answers.iter().find(|(known, _)| known == path);
    let (status, body) = match found {
        _ if !there => ("503 Service Unavailable", String::new()),
        Some((_, document)) => ("200 OK", document.to_string()),
        None => ("404 Not Found", "{\"error_code\": 40403}".to_owned()),
    };
    // A connection a request, so that each is counted.
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}
