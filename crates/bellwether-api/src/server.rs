//! The server's life: checks its address, serves, drains.

use crate::error::Error;
use crate::routes;
use crate::state::ApiState;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long open requests may take after the shutdown began; a client that reads slowly must not hold the process.
const DRAIN: Duration = Duration::from_secs(3);

/// Serves the page, the API, the metrics and the health checks on `listener` until `shutdown` completes, then lets open
/// requests finish for up to three seconds.
///
/// # Errors
/// [`Error::NotLoopback`] when the listener can be reached from other machines, [`Error::Address`] when it has no
/// address, [`Error::Serve`] when it fails.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let address = listener.local_addr().map_err(Error::Address)?;
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback { address });
    }
    let (closing, closed) = watch::channel(false);
    let router = routes::router(state, closed.clone());
    let mut drain = closed;
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        // An error means that the sender is gone, and with it this server.
        let _gone = drain.wait_for(|closing| *closing).await;
    });
    tracing::info!(%address, "Serving the page, the API and the metrics");

    let mut server = pin!(server.into_future());
    tokio::select! {
        result = &mut server => return result.map_err(Error::Serve),
        () = shutdown => {}
    }
    closing.send_replace(true);
    if let Ok(result) = tokio::time::timeout(DRAIN, server).await {
        return result.map_err(Error::Serve);
    }
    tracing::warn!(
        limit_seconds = DRAIN.as_secs(),
        "Closed connections that did not finish in time"
    );
    Ok(())
}
