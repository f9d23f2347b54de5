//! One module a command.

pub(crate) mod alert;
pub(crate) mod calibrate;
pub(crate) mod canaries;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod dead_letters;
pub(crate) mod demo;
pub(crate) mod encode;
pub(crate) mod init;
pub(crate) mod reference;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod work_set;

use crate::config::{Config, ListenConfig, Problem, TokenSource};
use crate::failure::Failure;
use crate::report;
use bellwether_api::{Access, ApiState, CertificateFiles, Encryption, Token};
use bellwether_monitor::{MonitorConfig, Reference, ReferenceManifest, ReferenceRows};
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Reads a configuration or reports all its problems.
fn read_config(path: &Path) -> Result<Config, Failure> {
    Config::read(path).map_err(|problems| config_failure(path, &problems))
}

/// Bounds the threads of heavy work; all cores without a number.
fn use_threads(threads: Option<usize>) -> Result<(), Failure> {
    let Some(threads) = threads else {
        return Ok(());
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build_global()
        .map_err(|error| Failure::usage("cannot start the threads").because(&error))
}

fn config_failure(path: &Path, problems: &[Problem]) -> Failure {
    for problem in problems {
        report::note(&format!("{}: {problem}", path.display()));
    }
    Failure::usage(format!("{} has {} problem(s)", path.display(), problems.len()))
        .fix("correct the keys named above; docs/CONFIG.md lists them all")
}

/// A task that costs weigh and the reference does not have.
pub(crate) fn weighted_task_without_reference<'a>(
    config: &'a MonitorConfig,
    manifest: &ReferenceManifest,
) -> Option<&'a String> {
    let mut weighted = config.costs.task_weights.keys();
    weighted.find(|task| !manifest.tasks.contains_key(*task))
}

/// What a reference file holds. `fix` is what to do where there is none.
fn read_reference(path: &Path, fix: &str) -> Result<(ReferenceManifest, ReferenceRows), Failure> {
    bellwether_store::read_reference(path).map_err(|error| {
        Failure::at_work(format!("cannot load the reference {}", path.display()))
            .because(&error)
            .fix(fix)
    })
}

/// Loads a reference and makes it ready.
pub(crate) fn load_reference(path: &Path, config: &MonitorConfig) -> Result<Reference, Failure> {
    let (manifest, rows) = read_reference(
        path,
        "build one with `bellwether reference build`, and name it in `reference`",
    )?;
    if let Some(task) = weighted_task_without_reference(config, &manifest) {
        let tasks: Vec<&str> = manifest.tasks.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!(
            "costs.task_weights names the task `{task}`, which the reference {} does not have",
            path.display()
        ))
        .fix(format!("write one of {}", tasks.join(", "))));
    }
    Reference::assemble(manifest, &rows, config).map_err(|error| {
        Failure::at_work(format!("cannot use the reference {}", path.display()))
            .because(&error)
            .fix("build it anew with `bellwether reference build`")
    })
}

fn token(source: TokenSource) -> Result<Token, Failure> {
    match source {
        TokenSource::Text(secret) => Ok(Token::new(&secret)),
        TokenSource::File(path) => Token::from_file(&path).map_err(|error| {
            Failure::usage(format!("cannot use the token in {}", path.display())).because(&error)
        }),
    }
}

/// The HTTP server as a task of its own.
struct Server {
    address: SocketAddr,
    is_encrypted: bool,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), bellwether_api::Error>>,
}

impl Server {
    async fn start(listen: ListenConfig, state: ApiState) -> Result<Self, Failure> {
        let address = listen.address;
        let encryption = match listen.certificate {
            Some((certificate, key)) => Encryption::Tls(CertificateFiles { certificate, key }),
            None if listen.encrypted_elsewhere => Encryption::Elsewhere,
            None => Encryption::None,
        };
        let access = Access {
            token: listen.token.map(token).transpose()?,
            operate_token: listen.operate_token.map(token).transpose()?,
            encryption,
            limits: listen.limits,
        };
        let busy = |error: &std::io::Error| {
            Failure::at_work(format!("cannot listen on {address}"))
                .because(error)
                .fix("choose another address, or port 0 for a free one")
        };
        let listener = TcpListener::bind(address).await.map_err(|error| busy(&error))?;
        let address = listener.local_addr().map_err(|error| busy(&error))?;
        let is_encrypted = matches!(access.encryption, Encryption::Tls(_));
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(bellwether_api::serve(listener, state, access, async move {
            // An error means that the sender is gone: the command is over.
            let _gone = stopped.wait_for(|stop| *stop).await;
        }));
        Ok(Self {
            address,
            is_encrypted,
            stop,
            task,
        })
    }

    fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    async fn stop(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        match self.task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::at_work("the HTTP server failed").because(&error)),
            Err(error) => Err(Failure::at_work("the HTTP server failed").because(&error)),
        }
    }
}
