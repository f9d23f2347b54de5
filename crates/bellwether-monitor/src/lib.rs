//! The domain: what is normal, what is seen, and what to say about it.
//!
//! Owns the reference, the scoring of observations against it, the detectors and the diagnosis of each task, the
//! common-shift test of the shared encoder, and the verdicts. Synchronous and deterministic: the same events give the
//! same verdicts, byte for byte. Does no I/O, reads no clock, spawns nothing beyond a data-parallel score.

mod status;
mod timeline;
mod verdict;

pub use status::{
    Estimate, Interval, ModelStatus, NoveltyStatus, PipelineCounts, QualityStatus, SignalStatus, TaskStatus,
};
pub use timeline::{TimelineLine, rfc3339};
pub use verdict::Verdict;
