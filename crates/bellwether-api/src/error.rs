//! Why the server could not start or had to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A failure of [`serve`](crate::serve).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener is bound to an address that other machines can reach.
    #[error(
        "refusing to serve on {address}: without a token and encryption only a loopback address such as 127.0.0.1 or \
         [::1] is allowed"
    )]
    Open {
        /// The address of the listener.
        address: SocketAddr,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use the certificate {} with its key", path.display())]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The listener does not say where it listens.
    #[error("cannot read the listener's address")]
    Address(#[source] std::io::Error),
    /// The listener failed while serving.
    #[error("the HTTP server stopped")]
    Serve(#[source] std::io::Error),
}
