//! What the training side does about an alarm.
//!
//! Owns the choice of the observations to label first, the groups that the novel ones fall into, and the words that set a group
//! apart. Pure: no file, no clock, no randomness; the same material gives the same set, bit for bit. Does not know Parquet, nor
//! how an alarm comes about. Start from [`plan`], which makes a [`WorkSet`] of what the monitor took.

mod choice;
mod groups;
mod novelty;
mod plan;
mod set;
mod words;

pub use plan::{PlanOptions, plan, rank_again};
pub use set::{
    Affected, FORMAT_VERSION, Group, Header, Reason, SetRow, TextForm, Word, WorkSet, known_as_str,
    known_of_str, set_id,
};
