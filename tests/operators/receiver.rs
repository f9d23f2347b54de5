//! Somebody who is called by Alertmanager, and remembers.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// One alert of one call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) status: String,
    pub(crate) name: String,
    /// The task it is about, empty for the model.
    pub(crate) task: String,
    /// When it began: the same in all calls about one incident.
    pub(crate) starts_at: String,
    /// Its annotations, as words.
    pub(crate) summary: String,
}

/// Listens on a loopback port until the process ends.
#[derive(Debug)]
pub(crate) struct Receiver {
    url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound port is known");
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let heard = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || listen(stream, &heard));
            }
        });
        Self {
            url: format!("http://{address}/"),
            calls,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What was heard so far, in order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn listen(stream: TcpStream, heard: &Mutex<Vec<Call>>) {
    let Ok(mut answers) = stream.try_clone() else {
        return;
    };
    let mut requests = BufReader::new(stream);
    // Alertmanager keeps its connection.
    while let Some(body) = request(&mut requests) {
        let document: Value = serde_json::from_slice(&body).expect("Alertmanager writes JSON");
        let alerts = document["alerts"].as_array().cloned().unwrap_or_default();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let calls = alerts.iter().map(|alert| Call {
            status: word(&alert["status"]),
            name: word(&alert["labels"]["alertname"]),
            task: word(&alert["labels"]["task"]),
            starts_at: word(&alert["startsAt"]),
            summary: word(&alert["annotations"]["summary"]),
        });
        heard.lock().unwrap_or_else(PoisonError::into_inner).extend(calls);
        if answers
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .is_err()
        {
            return;
        }
    }
}

/// The body of the next request; `None` at the end of the connection.
fn request(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}
