//! Every decoder as a function of bytes that holds what the decoder promises, for a fuzzer and for the corpus.
//!
//! Start from [`TARGETS`]. A target panics where a promise is broken, and says nothing otherwise. What an input looks like
//! stands at each target; those that read whole records share the layout of [`records`].

#[expect(
    dead_code,
    unused_imports,
    reason = "the binary's own module, of which only the parsing is called here"
)]
#[path = "../../../crates/bellwether/src/config/mod.rs"]
mod config;

mod laws;
#[expect(
    dead_code,
    reason = "the binary's own module, of which only the parsing is called here"
)]
#[path = "../../../crates/bellwether/src/scale/message.rs"]
mod message;
pub mod records;
#[path = "../../../crates/bellwether-monitor/tests/stream/mod.rs"]
mod stream;
#[expect(
    dead_code,
    reason = "the monitor's tests use other parts of the synthetic model"
)]
#[path = "../../../crates/bellwether-monitor/tests/synthetic/mod.rs"]
mod synthetic;
pub mod targets;
#[path = "../../../crates/bellwether/src/texts/mod.rs"]
mod texts;

pub use targets::{TARGETS, Target};
