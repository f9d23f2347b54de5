//! How, where and by how much a task's inputs have moved: for whoever looks, not for the verdict.
//!
//! Made of the recent observations and a sample of the reference when a status is asked for; nothing here runs for an event.

mod map;
mod reference;
mod report;
mod split;

pub use map::{DriftMap, MapPoint};
pub(crate) use reference::DriftReference;
pub(crate) use report::DriftSources;
pub use report::{DriftReport, DriftTest};
pub use split::{ClassDrift, DriftDirection, DriftSplit};
