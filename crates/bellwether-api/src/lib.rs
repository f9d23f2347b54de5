//! The HTTP face: the page, the REST API, server-sent events, metrics and health.
//!
//! Owns what an operator sees over HTTP, the bounded history behind it, and the words of the metrics. It is told
//! everything through [`ApiState`] and asks nobody: it knows axum and prometheus, and nothing of Kafka, Parquet or how a
//! verdict comes about. Start from [`ApiState`], then [`serve`].
//!
//! ```no_run
//! use bellwether_api::{Access, ApiConfig, ApiState, serve};
//! use bellwether_monitor::ModelStatus;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let state = ApiState::new(ApiConfig::default());
//! let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
//! state.publish(ModelStatus::default()); // from the pipeline, a few times a second
//! serve(listener, state, Access::default(), std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod access;
mod assets;
mod connections;
mod error;
mod events;
mod exposition;
mod families;
mod guard;
mod history;
mod limits;
mod openapi;
mod otlp;
mod past;
mod pipeline;
mod problem;
mod process;
mod references;
mod report;
mod routes;
mod samples;
mod series;
mod server;
mod state;
mod token;
mod wire;
mod work_sets;

pub use access::{Access, CertificateFiles, Encryption};
pub use error::Error;
pub use exposition::{MetricDescription, MetricKind, metric_descriptions, metrics_markdown};
pub use limits::Limits;
pub use openapi::openapi_json;
pub use otlp::{OtlpConfig, export_otlp};
pub use past::{
    PastAnswer, PastError, PastEstimate, PastMetrics, PastPage, PastQuery, PastSource, PastWindow,
};
pub use pipeline::{
    BatchSizes, BrokerMetrics, CheckpointMetrics, MemberMetrics, PartitionLag, PipelineMetrics, RecordPlace,
    RejectedRecords, TopicKind,
};
pub use references::{
    Activation, ReferenceRefusal, References, RefusalKind, RegisteredReference, RegisteredTask,
};
pub use report::ReportOptions;
pub use series::PastPoint;
pub use server::serve;
pub use state::{ApiConfig, ApiState};
pub use token::{SHORTEST_TOKEN, Token};
pub use work_sets::{WorkSetEntry, WorkSetSource};
