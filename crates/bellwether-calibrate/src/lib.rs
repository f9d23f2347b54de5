//! What silence is worth: how long a monitor stays quiet when nothing happens, and how small a change it finds.
//!
//! Owns the resampling of an owner's quiet period into streams, the false-alarm study and the power study on them, and
//! the picture of the latter. Plays streams through [`bellwether_monitor::Engine`] as production does and knows none of
//! its insides. Synchronous and deterministic for a seed; does no I/O. Start from [`Pool`], [`quiet_study`] and
//! [`power_study`].

mod change;
mod curve;
mod error;
mod held_out;
mod pass;
mod picture;
mod player;
mod pool;
mod power;
mod quiet;
mod run_length;
mod split;
#[cfg(test)]
mod test_data;
mod traffic;

pub use change::Change;
pub use curve::{Bound, POWER, PowerPoint, Smallest, smallest};
pub use error::Error;
pub use held_out::ReferenceInput;
pub use picture::picture;
pub use pool::{HOURS, KnownLabel, Period, Pool};
pub use power::{PowerCurve, PowerPlan, PowerStudy, power_runs, power_study};
pub use quiet::{QuietPlan, QuietStudy, TaskQuiet, quiet_study};
pub use run_length::{Finding, RunLength, poisson_interval};
pub use split::{Halves, split};
pub use traffic::Variant;
