//! A status to publish, a server on a port of its own, and a client that reads plain answers.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary uses its part"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod status;

pub use status::{START_MS, drift, line, pipeline, report, status, task};

use bellwether_alerts::{Alerts, AlertsConfig, Format, Receiver};
use bellwether_api::{Access, ApiConfig, ApiState};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A state with a receiver of alerts.
pub fn told() -> ApiState {
    let config = AlertsConfig {
        receivers: vec![Receiver::new("on-call", Format::Webhook, "http://127.0.0.1:9/")],
        ..AlertsConfig::default()
    };
    ApiState::with_alerts(ApiConfig::default(), Alerts::open(config).unwrap())
}

/// A server in this process.
pub struct Server {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), bellwether_api::Error>>,
}

impl Server {
    pub async fn start(state: &ApiState) -> Self {
        Self::with_access(state, Access::default()).await
    }

    pub async fn with_access(state: &ApiState, access: Access) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let state = state.clone();
        let served = tokio::spawn(async move {
            bellwether_api::serve(listener, state, access, async {
                stopped.await.ok();
            })
            .await
        });
        Self {
            address,
            stop,
            served,
        }
    }

    pub async fn ready() -> (Self, ApiState) {
        let state = told();
        state.publish(status(START_MS));
        state.pipeline(pipeline());
        (Self::start(&state).await, state)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[]).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.request(method, path, headers).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer::new(head, body.to_owned())
    }

    pub async fn send_body(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let length = body.len().to_string();
        let mut headers = headers.to_vec();
        headers.push(("content-length", &length));
        let mut stream = self.request(method, path, &headers).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer::new(head, body.to_owned())
    }

    /// The head of an answer, whose body may have no end.
    pub async fn head(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = BufReader::new(self.request(method, path, headers).await);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.unwrap() > 0 {}
        Answer::new(&head, String::new())
    }

    /// The lines of an answer that does not end, as they come.
    pub async fn events(&self, last_event_id: Option<&str>) -> Events {
        let headers: Vec<_> = last_event_id
            .map(|id| ("last-event-id", id))
            .into_iter()
            .collect();
        Events(BufReader::new(
            self.request("GET", "/api/v1/events", &headers).await,
        ))
    }

    // HTTP/1.0, so that the body comes as it is, without chunks, and ends with the connection.
    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = format!("{method} {path} HTTP/1.0\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request += "host: localhost\r\n";
        }
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        stream
            .write_all(format!("{request}\r\n").as_bytes())
            .await
            .unwrap();
        stream
    }

    /// Asks the server to end and waits for it.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(10), self.served)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    fn new(head: &str, body: String) -> Self {
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_ascii_lowercase(),
            body,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn json(&self) -> serde_json::Value {
        let kind = self.header("content-type");
        assert_eq!(kind, Some("application/json"), "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    fn problem(&self) -> serde_json::Value {
        let kind = self.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    /// What a problem says to do.
    pub fn hint(&self) -> String {
        self.problem()["hint"].as_str().unwrap().to_owned()
    }

    /// Checks that this is an error in the one shape of errors.
    pub fn assert_problem(&self, status: u16, code: &str) {
        let body = self.problem();
        assert_eq!(body["status"], status, "{}", self.body);
        assert_eq!(
            (self.status, body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.body
        );
        for field in ["title", "detail", "hint"] {
            assert!(
                body[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field} in {}",
                self.body
            );
        }
    }
}

pub struct Events(BufReader<TcpStream>);

/// One event: its name, number and data.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: serde_json::Value,
}

impl Events {
    /// The next event; `None` when the server closed the stream.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(Duration::from_secs(10), self.read())
            .await
            .expect("an event within the deadline")
    }

    /// The next event of that name.
    pub async fn next_named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == name {
                return event;
            }
        }
    }

    async fn read(&mut self) -> Option<Event> {
        let (mut name, mut id, mut data) = (None, None, None);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => name = Some(text.to_owned()),
                Some(("id", text)) => id = Some(text.to_owned()),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                _ => {}
            }
            if line == "\n"
                && let (Some(name), Some(data)) = (name.take(), data.take())
            {
                return Some(Event { name, id, data });
            }
        }
    }
}
