//! What the scenarios share: a real Kafka broker, the real binary, and files that go away by themselves.
//!
//! Owns no assertion about the product. Everything here blocks and has a deadline, and panics with the whole story when
//! the deadline passes: what was waited for, and what the other side printed.
//!
//! ```no_run
//! use bellwether_tests::{Binary, Message, RealKafka};
//! use std::time::Duration;
//!
//! let Some(kafka) = RealKafka::start() else { return };
//! kafka.topics().create("predictions", 2);
//! kafka.topics().produce("predictions", &[Message::new(b"{}")]);
//! let run = Binary::locate().spawn(&["run", "--config", "bellwether.toml"]);
//! let page = run.listening_url(Duration::from_secs(30));
//! assert!(page.starts_with("http://127.0.0.1:"));
//! run.interrupt();
//! assert!(run.wait(Duration::from_secs(10)).success());
//! ```

mod binary;
mod hooks;
mod kafka;
mod programs;
mod topics;

pub use binary::{Binary, Finished, Running, Stream};
pub use hooks::{Answer, Call, Hooks, Wire};
pub use kafka::RealKafka;
pub use programs::Program;
pub use topics::{Consumed, Message, Topics};

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The directory that holds the running test: `target/debug/deps/scenarios-…` gives `target/debug`.
fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().expect("the system knows the path of a running program");
    let mut directory = test;
    directory.pop();
    if directory.ends_with("deps") {
        directory.pop();
    }
    directory
}

/// Whether something that is skipped elsewhere has to run: in CI a skip is a failure.
fn must_run() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Tries until `ready` gives something.
///
/// # Panics
/// After `timeout`, naming `what` was waited for.
pub fn wait_until<T>(what: &str, timeout: Duration, ready: impl FnMut() -> Option<T>) -> T {
    poll_until(timeout, ready).unwrap_or_else(|| panic!("{what}: not within {timeout:?}"))
}

/// Tries until `ready` gives something; `None` after `timeout`.
fn poll_until<T>(timeout: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = ready() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
