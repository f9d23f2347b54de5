//! Somebody whom webhooks reach: remembers each request, and answers as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With this status, and these lines of the head.
    Status(u16, &'static [&'static str]),
    /// Not at all: the connection stays open.
    Hang,
    /// With the beginning of an answer, after which the connection is closed.
    BreakOff,
    /// With an answer that has no end.
    Endless,
    /// With one byte of the answer a second.
    Drip,
}

impl Answer {
    /// The request is taken.
    pub const TAKEN: Self = Self::Status(200, &[]);
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// What follows the address.
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: Vec<u8>,
    /// How it was answered.
    pub answer: Answer,
    /// When it was complete.
    pub at: Instant,
}

impl Call {
    /// The id by which a receiver knows what it has had.
    #[must_use]
    pub fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }

    /// Whether the sender was told that it is taken.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.answer == Answer::TAKEN
    }
}

/// What a connection is read from and written to.
pub trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

type Decide = dyn Fn(&Call) -> Answer + Send + Sync;
type Wrap = dyn Fn(TcpStream) -> Box<dyn Wire> + Send + Sync;

/// Listens on a loopback port until the process ends.
#[derive(Debug)]
pub struct Hooks {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Hooks {
    /// Answers each request as `decide` says, which sees it with [`Answer::TAKEN`].
    pub fn start(decide: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(
            SocketAddr::from(([127, 0, 0, 1], 0)),
            |stream| Box::new(stream),
            decide,
        )
    }

    /// The same at an address, and over what `wrap` makes of a connection, such as TLS.
    ///
    /// # Panics
    /// When the address is taken.
    pub fn start_at(
        address: SocketAddr,
        wrap: impl Fn(TcpStream) -> Box<dyn Wire> + Send + Sync + 'static,
        decide: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound port is known");
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (heard, decide): (_, Arc<Decide>) = (Arc::clone(&calls), Arc::new(decide));
        let wrap: Arc<Wrap> = Arc::new(wrap);
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let (heard, decide, wrap) = (Arc::clone(&heard), Arc::clone(&decide), Arc::clone(&wrap));
                std::thread::spawn(move || listen(wrap(stream), &heard, &*decide));
            }
        });
        Self { address, calls }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An address of it, with a path such as `/a`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was heard so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn listen(wire: Box<dyn Wire>, heard: &Mutex<Vec<Call>>, decide: &Decide) {
    let mut wire = BufReader::new(wire);
    // A client keeps its connection.
    while let Some(mut call) = request(&mut wire) {
        call.answer = decide(&call);
        let answer = call.answer.clone();
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        if reply(wire.get_mut(), &answer).is_none() {
            return;
        }
    }
}

/// `None` when the connection is over.
fn reply(wire: &mut Box<dyn Wire>, answer: &Answer) -> Option<()> {
    match answer {
        Answer::Status(status, lines) => {
            let mut head = format!("HTTP/1.1 {status} Said\r\nContent-Length: 5\r\n");
            for line in *lines {
                head.push_str(line);
                head.push_str("\r\n");
            }
            wire.write_all(format!("{head}\r\nsaid.").as_bytes()).ok()?;
            wire.flush().ok()
        }
        Answer::Hang => {
            std::thread::sleep(Duration::from_secs(60));
            None
        }
        Answer::BreakOff => {
            let _ = wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Le");
            let _ = wire.flush();
            None
        }
        Answer::Endless => {
            wire.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 9999999999\r\n\r\n")
                .ok()?;
            while wire.write_all(&[b'x'; 4096]).is_ok() {}
            None
        }
        Answer::Drip => {
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" {
                wire.write_all(&[*byte]).ok()?;
                wire.flush().ok()?;
                std::thread::sleep(Duration::from_secs(1));
            }
            Some(())
        }
    }
}

fn request(wire: &mut BufReader<Box<dyn Wire>>) -> Option<Call> {
    let mut line = String::new();
    wire.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        wire.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    wire.read_exact(&mut body).ok()?;
    Some(Call {
        path,
        headers,
        body,
        answer: Answer::TAKEN,
        at: Instant::now(),
    })
}
