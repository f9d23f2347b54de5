//! The server's life: checks its address, serves, drains.

use crate::access::{Access, CertificateFiles, Encryption, Roles};
use crate::connections::Gate;
use crate::error::Error;
use crate::limits::Limits;
use crate::routes;
use crate::state::ApiState;
use crate::token::Token;
use axum_server::tls_rustls::RustlsConfig;
use axum_server::{Handle, Server};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long open requests may take after the shutdown began; a client that reads slowly must not hold the process.
const DRAIN: Duration = Duration::from_secs(3);
/// Longest head of a request, in bytes.
const HEAD_BYTES: usize = 32 << 10;
/// Requests that one connection of HTTP/2 may carry at one time.
const STREAMS: u32 = 16;
/// How often it is looked whether the certificate was renewed.
const RENEWAL: Duration = Duration::from_secs(60);
/// How often it is looked whether a token was replaced.
const TOKEN_RENEWAL: Duration = Duration::from_secs(5);

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
    let roles = Roles::new(&access);
    let is_protected = roles.know_secrets() && access.encryption != Encryption::None;
    if !address.ip().is_loopback() && !is_protected {
        return Err(Error::Open { address });
    }
    let limits = access.limits;
    let (closing, closed) = watch::channel(false);
    let service = routes::router(state, roles, &limits, closed).into_make_service();
    let handle = Handle::new();
    let gate = Gate::new(&limits);
    let listener = listener.into_std().map_err(Error::Address)?;
    let (mut server, renewal): (Serving, _) = match access.encryption {
        Encryption::Tls(files) => {
            let config = RustlsConfig::from_pem_file(&files.certificate, &files.key);
            let config = config.await.map_err(|source| Error::Certificate {
                path: files.certificate.clone(),
                source,
            })?;
            let server = axum_server::from_tcp_rustls(listener, config.clone()).map_err(Error::Address)?;
            let server = bounded(server, &limits).map(|tls| tls.acceptor(gate));
            let serving = server.handle(handle.clone()).serve(service);
            (Box::pin(serving), Some((config, files)))
        }
        Encryption::None | Encryption::Elsewhere => {
            let server = axum_server::from_tcp(listener).map_err(Error::Address)?;
            let server = bounded(server, &limits).acceptor(gate);
            let serving = server.handle(handle.clone()).serve(service);
            (Box::pin(serving), None)
        }
    };
    tracing::info!(%address, tls = renewal.is_some(), "Serving the page, the API and the metrics");

    let mut renewing = pin!(async move {
        match renewal {
            Some((config, files)) => renew(&config, &files).await,
            None => std::future::pending().await,
        }
    });
    let tokens: Vec<Token> = [access.token, access.operate_token]
        .into_iter()
        .flatten()
        .collect();
    let mut renewing_tokens = pin!(renew_tokens(&tokens));
    tokio::select! {
        result = &mut server => return result.map_err(Error::Serve),
        never = &mut renewing => match never {},
        never = &mut renewing_tokens => match never {},
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

/// Gives a client only so long to say what it wants, and only so many bytes to say it with.
fn bounded<A>(mut server: Server<SocketAddr, A>, limits: &Limits) -> Server<SocketAddr, A> {
    let http = server.http_builder();
    http.http1()
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_BYTES);
    http.http2()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.header_timeout)
        .keep_alive_timeout(limits.header_timeout);
    server.first_request_timeout(limits.header_timeout)
}

/// Reads tokens again whenever their files change.
async fn renew_tokens(tokens: &[Token]) -> Infallible {
    // Told once, not every few seconds.
    let mut failed = vec![false; tokens.len()];
    loop {
        tokio::time::sleep(TOKEN_RENEWAL).await;
        for (token, failed) in tokens.iter().zip(&mut failed) {
            let path = token.file().unwrap_or(Path::new("")).display();
            match token.renew() {
                Ok(changed) => {
                    *failed = false;
                    if changed {
                        tracing::info!(%path, "Took the renewed token");
                    }
                }
                Err(error) if !std::mem::replace(failed, true) => {
                    tracing::warn!(%error, %path, "Cannot use the renewed token; going on with the one before");
                }
                Err(_) => {}
            }
        }
    }
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
