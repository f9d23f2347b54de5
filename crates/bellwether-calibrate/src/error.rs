//! What can keep a calibration from being made.

use bellwether_monitor::ReferenceError;

/// Why a quiet period cannot be calibrated on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No observation at all.
    #[error("the quiet period has no usable observation")]
    NoObservations,
    /// All observations at one moment: no rate can be told.
    #[error("the quiet period has no extent in time")]
    NoExtent,
    /// The observations are those that the reference was built from.
    #[error("{share_percent:.0} % of the quiet period's observations are the reference's own")]
    InSample {
        /// Share of the observations, in percent.
        share_percent: f64,
    },
    /// A task has too few labelled observations to be parted.
    #[error("task `{task}` has {have} labelled observations, parting them in two needs {need}")]
    TooFewToSplit {
        /// The task.
        task: String,
        /// Labelled observations it has.
        have: usize,
        /// Labelled observations it needs.
        need: usize,
    },
    /// A reference with some classes held out could not be built.
    #[error("no reference without some classes can be built")]
    Classes(#[source] ReferenceError),
    /// A reference with a task held out could not be built.
    #[error("no reference without the task `{held_out}` can be built")]
    HeldOut {
        /// The task.
        held_out: String,
        /// Why not.
        #[source]
        source: ReferenceError,
    },
}
