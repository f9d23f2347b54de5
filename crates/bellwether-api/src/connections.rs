//! How many connections there are, and from whom.
//!
//! A few more are taken than the limit says, for monitoring alone: a flood must not hide from an orchestrator that all is well.

use crate::limits::Limits;
use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tower::Layer;

/// Connections beyond the limit, on which only monitoring is answered.
const SPARE: usize = 32;
/// How long they may be silent: the next one may need the place.
const SPARE_SILENCE: Duration = Duration::from_secs(2);

/// Who asks: an address; of IPv6 its network, as each machine has one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client(IpAddr);

impl Client {
    fn of(address: SocketAddr) -> Self {
        Self(match address.ip().to_canonical() {
            IpAddr::V6(ip) => {
                const NETWORK: u128 = u128::MAX << 64;
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & NETWORK))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// The connection of a request. The place that it takes is given back with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Arc<Place>);

impl Connection {
    pub(crate) fn client(&self) -> Client {
        self.0.client
    }

    /// Whether it is beyond the limit.
    pub(crate) fn is_spare(&self) -> bool {
        self.0.is_spare
    }
}

#[derive(Debug)]
struct Place {
    client: Client,
    is_spare: bool,
    counts: Arc<Mutex<Counts>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if self.is_spare {
            counts.spare -= 1;
            return;
        }
        counts.all -= 1;
        if let Some(count) = counts.by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.by_client.remove(&self.client);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<Client, usize>,
    spare: usize,
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    // A panic under the lock leaves whole numbers behind.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes connections as long as there is a place.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    connections: usize,
    per_client: usize,
    write_timeout: Duration,
    counts: Arc<Mutex<Counts>>,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            connections: limits.connections,
            per_client: limits.connections_per_client,
            write_timeout: limits.write_timeout,
            counts: Arc::default(),
        }
    }

    fn enter(&self, client: Client) -> Option<Connection> {
        let mut counts = lock(&self.counts);
        let of_client = counts.by_client.get(&client).copied().unwrap_or(0);
        let is_spare = counts.all >= self.connections || of_client >= self.per_client;
        if is_spare {
            if counts.spare >= SPARE {
                return None;
            }
            counts.spare += 1;
        } else {
            counts.all += 1;
            *counts.by_client.entry(client).or_default() += 1;
        }
        drop(counts);
        Some(Connection(Arc::new(Place {
            client,
            is_spare,
            counts: self.counts.clone(),
        })))
    }
}

impl<S> Accept<TcpStream, S> for Gate {
    type Stream = Pin<Box<TimeoutStream<TcpStream>>>;
    type Service = AddExtension<S, Connection>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let client = match stream.peer_addr() {
            Ok(address) => Client::of(address),
            Err(error) => return ready(Err(error)),
        };
        let Some(connection) = self.enter(client) else {
            return ready(Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "too many connections",
            )));
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write_timeout));
        // Not of others: whoever takes a stream of events says nothing for long.
        stream.set_read_timeout(connection.is_spare().then_some(SPARE_SILENCE));
        ready(Ok((Box::pin(stream), Extension(connection).layer(service))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Client {
        Client::of(format!("{text}:1").parse().expect("an address"))
    }

    #[test]
    fn one_client_leaves_places_to_others_and_a_few_are_spare() {
        let gate = Gate::new(&Limits {
            connections: 5,
            connections_per_client: 3,
            ..Limits::default()
        });
        let (one, two, three) = (client("10.0.0.1"), client("10.0.0.2"), client("10.0.0.3"));
        let enter = |client| gate.enter(client).expect("a place");
        let mut of_one: Vec<Connection> = (0..3).map(|_| enter(one)).collect();
        assert!(of_one.iter().all(|connection| !connection.is_spare()));
        let fourth = enter(one);
        assert!(fourth.is_spare(), "its share is used up");
        let of_two = [enter(two), enter(two)];
        assert!(of_two.iter().all(|connection| !connection.is_spare()));
        assert!(enter(three).is_spare(), "all places are taken");

        let spare: Vec<_> = std::iter::from_fn(|| gate.enter(one)).take(2 * SPARE).collect();
        assert_eq!(spare.len(), SPARE - 1, "the fourth has one already");
        assert!(gate.enter(two).is_none());
        drop((spare, fourth));
        of_one.pop();
        assert!(!enter(three).is_spare());
        drop((of_one, of_two));
        let counts = lock(&gate.counts);
        assert_eq!((counts.all, counts.spare, counts.by_client.len()), (0, 0, 0));
    }

    #[test]
    fn a_client_is_an_address_or_a_network() {
        assert_eq!(client("[::ffff:10.0.0.1]"), client("10.0.0.1"));
        assert_eq!(client("[2001:db8:0:1::5]"), client("[2001:db8:0:1:ff::6]"));
        assert_ne!(client("[2001:db8:0:1::5]"), client("[2001:db8:0:2::5]"));
    }
}
