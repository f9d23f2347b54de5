//! Observations and labels as the product knows them, and the only code that knows their wire formats.
//!
//! Owns the columns of the contract, the model's task schema, validation, and the conversion from JSON and
//! Arrow into batches. Does not know Kafka, Parquet, the reference or any statistics.
//!
//! Start from [`ObservationBatch`]. [`JsonDecoder`] fills its builder from JSON, [`arrow::decode_observations`] and
//! [`arrow::decode_ipc_observations`] from Arrow, and a decoder of another format hands over its rows through [`raw`]; all apply the same checks in the same order and say what is wrong in the same
//! words. A record that cannot be used is a [`Reject`] and never stops the others.

pub mod arrow;
mod attributes;
mod batch;
mod check;
mod encoder;
mod floats;
mod json;
pub mod raw;
mod reject;
mod schema;
mod versions;

pub use attributes::Attribute;
pub use batch::{
    LabelBatch, LabelRow, ObservationBatch, ObservationBatchBuilder, ObservationRow, Prediction,
};
pub use encoder::{
    CANARY_PREFIX, EncoderEvent, EncoderEventKind, EncoderTerms, OtherEncoders, SpotCheck, canary_name,
};
pub use json::JsonDecoder;
pub use reject::{Fault, Reject, RejectReason};
pub use schema::{ModelSchema, SchemaError, TaskId, TaskKind, TaskSpec};
