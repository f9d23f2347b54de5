//! The payloads of Kafka records: which format a record has, and how it becomes observations and labels.
//!
//! Owns every format beside the contract's JSON and Arrow (which are those of `bellwether-events`): the product's own Protobuf, Avro,
//! Protobuf and JSON by a schema registry, KServe's inference logger, SageMaker's ground truth, and the mapping of foreign fields to
//! the contract's columns. Does not know Kafka: it is handed a [`Record`]. All formats end in the same checks.
//!
//! Start from [`PayloadDecoder`]. Decoding is synchronous and touches no network: schemas are fetched in
//! [`PayloadDecoder::prepare`], before a batch, so that a registry that is away delays records and refuses none.

mod avro;
mod confluent;
mod decoder;
mod format;
mod kserve;
mod mapping;
pub mod native;
mod path;
mod protobuf;
mod record;
mod registry;
mod sagemaker;
mod scalar;
mod source;
mod value;
mod varint;
mod vector;

pub use decoder::{Outcome, PayloadConfig, PayloadDecoder};
pub use format::Format;
pub use kserve::{GivenBack, Halves, PairLimits, default_fields as kserve_fields};
pub use mapping::{LabelFields, ObservationFields, PredictionForm};
pub use path::{Path, PathError};
pub use record::{OwnedRecord, Position, Record};
pub use registry::{
    Credentials, HttpRegistry, HttpRegistryConfig, Registry, RegistryError, SchemaLanguage, SchemaSource,
    SourceError, Unavailable, WriterSchema,
};
pub use sagemaker::fields as sagemaker_fields;
pub use scalar::TimeUnit;
pub use source::{Source, SourceError as SourceTextError, Sources};
pub use value::Value;
