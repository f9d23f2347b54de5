//! Parquet in and out (observations, labels and the reference file), and the state of a monitor on disk.
//!
//! Owns the files: which format one is in, reading it in bounded batches, and saying what is wrong with it and what to do. It
//! is the only crate that knows Parquet and the database. What a column means is the business of `bellwether-events`; what a
//! reference is, of `bellwether-monitor`. Start from [`ObservationReader`] and [`StateStore`].
//!
//! ```no_run
//! use bellwether_events::ModelSchema;
//! use bellwether_store::{ObservationReader, embedding_width};
//!
//! let tasks = std::fs::read_to_string("tasks.json")?;
//! let schema = ModelSchema::from_json(&tasks, embedding_width("events.parquet")?)?;
//! for batch in ObservationReader::open("events.parquet", &schema)? {
//!     let (observations, rejects) = batch?;
//!     println!("{} observations, {} refused", observations.len(), rejects.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column_map;
mod columnar;
mod embed;
mod error;
mod format;
mod json_lines;
mod object;
mod observations;
mod recording;
mod reference;
mod sample;
mod source;
mod state;
mod work_set;

pub use column_map::{ColumnMap, ColumnPlace, FileTimeUnit};
pub use embed::{EmbedError, EmbedOptions, EmbedTally, Embedding, Precision};
pub use error::Error;
pub use format::Format;
pub use observations::{
    ObservationReader, embedding_width, embedding_width_mapped, read_labels, read_labels_mapped,
    read_reference_input, read_reference_input_mapped,
};
pub use recording::{RecordedEvent, Recording, RecordingError};
pub use reference::{ReferenceFileError, read_reference, write_reference};
pub use sample::{Cell, Sample};
pub use state::{
    Checkpoint, Draft, LogHead, PendingTier, Rebuild, Standing, StateError, StateOptions, StateStore,
};
pub use work_set::{WORK_SET_COLUMNS, WorkSetFileError, read_work_set, read_work_set_header, write_work_set};
