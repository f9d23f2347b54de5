//! The targets.

mod files;
mod payloads;
mod schemas;
pub mod state;
mod text;

pub use schemas::{AVRO, PROTOBUF};

/// One decoder, or one way into it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Reads an input.
    ///
    /// # Panics
    /// Where the decoder does, or breaks a promise.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 19] = [
    target("json", payloads::json),
    target("arrow", payloads::arrow),
    target("protobuf", payloads::protobuf),
    target("auto", payloads::auto),
    target("kserve", payloads::kserve),
    target("sagemaker", payloads::sagemaker),
    target("avro", schemas::avro),
    target("avro_schema", schemas::avro_schema),
    target("registry_protobuf", schemas::registry_protobuf),
    target("protobuf_schema", schemas::protobuf_schema),
    target("mapping", text::mapping),
    target("config", text::config),
    target("tasks", text::tasks),
    target("headers", text::headers),
    target("dead_letter", text::dead_letter),
    target("snapshot", state::snapshot),
    target("evidence", state::evidence),
    target("reference", files::reference),
    target("files", files::observations_and_labels),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}
