//! The server's life: checks its address, serves, drains.

use crate::access::{Access, CertificateFiles, Encryption};
use crate::error::Error;
use crate::routes;
use crate::state::ApiState;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long open requests may take after the shutdown began; a client that reads slowly must not hold the process.
const DRAIN: Duration = Duration::from_secs(3);
/// How long a client may take to say what it wants.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// How often it is looked whether the certificate was renewed.
const RENEWAL: Duration = Duration::from_secs(60);

type Serving = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Serves the page, the API, the metrics and the health checks on `listener` until `shutdown` completes, then lets open
/// requests finish for up to three seconds.
///
/// # Errors
/// [`Error::Open`] when the listener can be reached from other machines and whoever asks need not be known, or nothing is
/// encrypted; [`Error::Certificate`] when the certificate cannot be used; [`Error::Address`] when the listener has no address,
/// [`Error::Serve`] when it fails.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    access: Access,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let address = listener.local_addr().map_err(Error::Address)?;
    let is_protected = access.token.is_some() && access.encryption != Encryption::None;
    if !address.ip().is_loopback() && !is_protected {
        return Err(Error::Open { address });
    }
    let (closing, closed) = watch::channel(false);
    let service = routes::router(state, access.token, closed).into_make_service();
    let handle = Handle::new();
    let listener = listener.into_std().map_err(Error::Address)?;
    let (mut server, renewal): (Serving, _) = match access.encryption {
        Encryption::Tls(files) => {
            let config = RustlsConfig::from_pem_file(&files.certificate, &files.key);
            let config = config.await.map_err(|source| Error::Certificate {
                path: files.certificate.clone(),
                source,
            })?;
            let server = axum_server::from_tcp_rustls(listener, config.clone()).map_err(Error::Address)?;
            let server = server.handle(handle.clone()).first_request_timeout(FIRST_REQUEST);
            (Box::pin(server.serve(service)), Some((config, files)))
        }
        Encryption::None | Encryption::Elsewhere => {
            let server = axum_server::from_tcp(listener).map_err(Error::Address)?;
            let server = server.handle(handle.clone()).first_request_timeout(FIRST_REQUEST);
            (Box::pin(server.serve(service)), None)
        }
    };
    tracing::info!(%address, tls = renewal.is_some(), "Serving the page, the API and the metrics");

    let mut renewing = pin!(async move {
        match renewal {
            Some((config, files)) => renew(&config, &files).await,
            None => std::future::pending().await,
        }
    });
    tokio::select! {
        result = &mut server => return result.map_err(Error::Serve),
        never = &mut renewing => match never {},
        () = shutdown => {}
    }
    closing.send_replace(true);
    handle.graceful_shutdown(Some(DRAIN));
    let began = Instant::now();
    let result = server.await.map_err(Error::Serve);
    if began.elapsed() >= DRAIN {
        tracing::warn!(
            limit_seconds = DRAIN.as_secs(),
            "Closed connections that did not finish in time"
        );
    }
    result
}

/// Reads the certificate again whenever its files change.
async fn renew(config: &RustlsConfig, files: &CertificateFiles) -> Infallible {
    let mut known = changed(files);
    loop {
        tokio::time::sleep(RENEWAL).await;
        let now = changed(files);
        if now == known {
            continue;
        }
        match config.reload_from_pem_file(&files.certificate, &files.key).await {
            Ok(()) => {
                known = now;
                tracing::info!(path = %files.certificate.display(), "Took the renewed certificate");
            }
            // Perhaps one of the two files is there and the other is not yet.
            Err(error) => tracing::warn!(
                %error,
                path = %files.certificate.display(),
                "Cannot use the renewed certificate; going on with the one before"
            ),
        }
    }
}

fn changed(files: &CertificateFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
}
