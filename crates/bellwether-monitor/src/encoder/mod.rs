//! The shared encoder itself: is what makes today's embeddings what made the reference's?
//!
//! No statistics: texts whose embedding is known come back as they were, or do not. `reference` is what a reference knows of
//! its encoder, `reading` holds one vector to what was expected, `difference` names what differs, and `watch` keeps what
//! stands.

mod difference;
mod note;
mod packed;
mod reading;
mod reference;
mod watch;

pub use difference::{Aspect, Difference};
pub use note::differences;
pub use reading::direction_distance;
pub use reference::{Canary, EncoderIdentity, EncoderReference, Variant};
pub use watch::{CheckSource, EncoderCounts, EncoderFault, EncoderStatus, OtherEncoderStatus};

pub(crate) use note::{Note, spot_note};
pub(crate) use watch::EncoderWatch;
