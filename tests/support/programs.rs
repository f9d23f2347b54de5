//! Programs of others that listen on a port: Prometheus, Alertmanager.

use crate::{Running, must_run, poll_until};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// How long it has until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// One of them, on a loopback port that was free. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    running: Running,
    port: u16,
}

impl Program {
    /// Whether all of these programs are installed.
    ///
    /// `false`, with a notice, where one is not.
    ///
    /// # Panics
    /// In CI (`CI=true`) instead of returning `false`.
    #[must_use]
    pub fn are_installed(names: &[&str]) -> bool {
        let missing: Vec<&&str> = names.iter().filter(|name| find(name).is_none()).collect();
        if missing.is_empty() {
            return true;
        }
        assert!(!must_run(), "required in CI, and not installed: {missing:?}");
        // Not through the test's captured output: a test that passes shows nothing of it.
        let mut stderr = std::io::stderr();
        let _shown = writeln!(stderr, "SKIPPED: not installed: {missing:?}");
        false
    }

    /// Starts it; `arguments` are told the port, and the log is what it prints.
    ///
    /// # Panics
    /// When it is not installed or does not listen.
    #[must_use]
    pub fn start(name: &str, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        let path = find(name).unwrap_or_else(|| panic!("{name} is not installed"));
        let mut story = String::new();
        // The port may be taken between looking and starting, so a failure is tried again elsewhere.
        for _ in 0..3 {
            let port = free_port();
            let mut command = Command::new(&path);
            command.args(arguments(port));
            let mut running = Running::start(command);
            let listens = poll_until(PATIENCE, || {
                if !running.is_running() {
                    return Some(false);
                }
                TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true)
            });
            if listens == Some(true) {
                return Self { running, port };
            }
            story = running.printed(crate::Stream::Stderr);
        }
        panic!("{name} does not start:\n{story}");
    }

    /// Its address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.printed(crate::Stream::Stderr)
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    listener.local_addr().expect("a bound port is known").port()
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
