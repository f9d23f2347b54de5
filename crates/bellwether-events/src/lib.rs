//! Observations and labels as the product knows them, and the only code that knows their wire formats.
//!
//! Owns the columns of the contract, the model's task schema, validation, and the conversion from JSON and
//! Arrow into batches. Does not know Kafka, Parquet, the reference or any statistics.
//! Start from [`ObservationBatch`].

mod batch;
mod reject;
mod schema;

pub use batch::{LabelBatch, LabelRow, ObservationBatch, ObservationRow, Prediction};
pub use reject::{Reject, RejectReason};
pub use schema::{ModelSchema, SchemaError, TaskId, TaskKind, TaskSpec};
