//! Clients that are slow, or too many: they are held off, and others are answered all the same.
//!
//! Nothing here asserts how fast something is: limits are small, and each wait is for what has to come.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bellwether_api::{Access, ApiConfig, ApiState, Limits};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;
use support::{Server, line};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// All of 127.0.0.0/8 is this machine: each address is another client.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

async fn serve(limits: Limits) -> (Server, ApiState) {
    let state = ApiState::new(ApiConfig::default());
    state.publish(support::status(support::START_MS));
    let access = Access {
        limits,
        ..Access::default()
    };
    (Server::with_access(&state, access).await, state)
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // Little, so that what is not taken soon fills the way.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// All that comes until the server closes; what a server that closes leaves unsent is no matter.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes));
    drop(read.await.expect("the server closes the connection"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status of an answer to a client, and its head.
async fn get(from: Ipv4Addr, server: &Server, path: &str) -> (u16, String) {
    let mut stream = connect(from, server.address).await;
    send(
        &mut stream,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )
    .await;
    let text = rest(&mut stream).await;
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or(0), text.to_ascii_lowercase())
}

async fn assert_others_are_answered(server: &Server) {
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/model"] {
        assert_eq!(get(NEIGHBOUR, server, path).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let (server, _) = serve(Limits {
        header_timeout: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let mut slow = connect(ATTACKER, server.address).await;
    send(&mut slow, "GET /api/v1/model HTTP/1.1\r\nhost: localhost\r\n").await;
    assert_others_are_answered(&server).await;
    // Each byte comes in time, the head does not.
    let dripped = tokio::time::timeout(DEADLINE, async {
        while slow.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    dripped.await.expect("the connection is closed");

    let mut silent = connect(ATTACKER, server.address).await;
    assert_eq!(rest(&mut silent).await, "");
    // An answer was given, and the next request does not come.
    let mut idle = connect(ATTACKER, server.address).await;
    send(&mut idle, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"));
    let mut long = connect(ATTACKER, server.address).await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "y".repeat(1 << 20)
    );
    // The server may close before all of it is sent.
    drop(long.write_all(head.as_bytes()).await);
    let refused = rest(&mut long).await;
    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 431"),
        "{refused}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_and_one_that_is_too_long_are_answered() {
    let (server, _) = serve(Limits {
        request_timeout: Duration::from_millis(300),
        body_bytes: 1024,
        ..Limits::default()
    })
    .await;
    let post = "POST /api/v1/references/rollback HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-type: application/json\r\n";
    let mut slow = connect(ATTACKER, server.address).await;
    send(&mut slow, &format!("{post}content-length: 20\r\n\r\n{{")).await;
    assert_others_are_answered(&server).await;
    let answer = rest(&mut slow).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 408"), "{answer}");
    assert!(
        answer.contains("\r\nretry-after: 1\r\n") && answer.contains("\"code\":\"timeout\""),
        "{answer}"
    );

    let mut long = connect(ATTACKER, server.address).await;
    let body = format!("{{\"reason\": \"{}\"}}", "x".repeat(4096));
    send(
        &mut long,
        &format!("{post}content-length: {}\r\n\r\n{body}", body.len()),
    )
    .await;
    let answer = rest(&mut long).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("\"code\":\"body_too_large\""), "{answer}");
    let mut form = connect(ATTACKER, server.address).await;
    let kind = post.replace("application/json", "text/plain");
    send(&mut form, &format!("{kind}content-length: 2\r\n\r\n{{}}")).await;
    let answer = rest(&mut form).await;
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_cut_off() {
    let (server, state) = serve(Limits {
        write_timeout: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    // Far more than the buffers on the way hold.
    let mut long = line(Some("banking"), 1, bellwether_monitor::Verdict::Watch);
    long.summary = "x".repeat(64 << 10);
    for _ in 0..1000 {
        state.push_lines(std::slice::from_ref(&long));
    }
    let mut slow = connect(ATTACKER, server.address).await;
    send(
        &mut slow,
        "GET /api/v1/timeline?limit=1000 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )
    .await;
    assert_others_are_answered(&server).await;
    // Wait without reading until the server gives up: it then closes its end, and what is on the way is all there is.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let taken = rest(&mut slow).await;
    assert!(taken.starts_with("HTTP/1.1 200"), "{taken}");
    assert!(taken.len() < 60 << 20, "{} bytes", taken.len());
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let (server, _) = serve(Limits {
        requests_per_second: NonZeroU32::MIN,
        request_burst: NonZeroU32::new(10).unwrap(),
        ..Limits::default()
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(get(ATTACKER, &server, "/api/v1/version").await);
    }
    assert!(statuses[..10].iter().all(|(status, _)| *status == 200));
    let refused: Vec<&String> = statuses
        .iter()
        .filter(|(s, _)| *s == 429)
        .map(|(_, text)| text)
        .collect();
    assert!(refused.len() > 10, "{}", refused.len());
    for text in refused {
        assert!(text.contains("\r\nretry-after: 1\r\n"), "{text}");
        assert!(
            text.contains("\r\ncontent-type: application/problem+json\r\n"),
            "{text}"
        );
        assert!(text.contains("\"code\":\"too_many_requests\""), "{text}");
    }
    // What it may not ask any more is not what monitoring asks.
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(ATTACKER, &server, path).await.0, 200, "{path}");
    }
    assert_others_are_answered(&server).await;
    // As long as the answer says, it waits, and is served again.
    let again = tokio::time::timeout(DEADLINE, async {
        while get(ATTACKER, &server, "/api/v1/version").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    again.await.expect("the budget grows again");
    server.stop().await;
}

#[tokio::test]
async fn a_flood_of_connections_leaves_places_to_others() {
    let (server, _) = serve(Limits {
        connections: 40,
        connections_per_client: 20,
        ..Limits::default()
    })
    .await;
    // Taken, one request answered, and held.
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(ATTACKER, server.address).await;
        send(&mut stream, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    let (status, text) = get(ATTACKER, &server, "/api/v1/model").await;
    assert_eq!(status, 503, "{text}");
    assert!(
        text.contains("too_many_connections") && text.contains("\r\nretry-after: 1\r\n"),
        "{text}"
    );
    // The same client's orchestrator still learns that all is well, and others notice nothing.
    assert_eq!(get(ATTACKER, &server, "/healthz").await.0, 200);
    assert_others_are_answered(&server).await;

    // Hundreds more, as fast as they can be made, while others ask.
    let address = server.address;
    let flood = tokio::spawn(async move {
        let mut more = Vec::new();
        for _ in 0..300 {
            more.push(connect(ATTACKER, address).await);
        }
        more
    });
    for _ in 0..10 {
        assert_others_are_answered(&server).await;
    }
    drop((held, flood.await.unwrap()));
    let freed = tokio::time::timeout(DEADLINE, async {
        while get(ATTACKER, &server, "/api/v1/model").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    freed
        .await
        .expect("places that are given back can be taken again");
    server.stop().await;
}
