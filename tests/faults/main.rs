//! Whatever happens to the process, the group or the brokers: what is counted and said is what an undisturbed run counts and
//! says, byte for byte.
//!
//! `cargo test -p bellwether-tests --test faults` takes a few points at which the process is killed;
//! `BELLWETHER_FAULTS=200 cargo test --release -p bellwether-tests --test faults -- --nocapture` takes many, and prints what was
//! tried.

mod alerts;
mod brokers;
mod changelog;
mod disk;
#[path = "../scenarios/fixture.rs"]
#[expect(dead_code, reason = "shared with the scenarios, which need more of it")]
mod fixture;
mod history;
#[path = "../scenarios/http.rs"]
#[expect(dead_code, reason = "shared with the scenarios, which need more of it")]
mod http;
mod kills;
mod monitor;
mod scale;
mod soak;
mod state;
mod stream;

/// Shows figures of the suite.
#[expect(clippy::print_stderr, reason = "the figures of the suite")]
fn report(line: &str) {
    eprintln!("{line}");
}
