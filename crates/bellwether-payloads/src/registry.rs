//! Writer schemas by their identifier: where they come from, and those that are known already.

mod http;

use crate::avro::AvroSchema;
use crate::protobuf::ProtobufSchema;
use bellwether_events::{Fault, RejectReason};
pub use http::{Credentials, HttpRegistry, HttpRegistryConfig, RegistryError};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

/// Most schemas that are kept from batch to batch; the oldest go first.
const MAX_SCHEMAS: usize = 1000;

/// The language of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaLanguage {
    /// Avro.
    Avro,
    /// Protobuf.
    Protobuf,
    /// JSON Schema. Records of it are JSON, whatever it says.
    Json,
}

/// A schema as the registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterSchema {
    /// Its language.
    pub language: SchemaLanguage,
    /// Its text.
    pub text: String,
    /// The names by which it refers to others, and their texts, those first that others need.
    pub references: Vec<(String, String)>,
}

/// Why a schema did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The registry cannot answer now, or not us; asking again may help.
    #[error("{0}")]
    Unavailable(String),
    /// The registry has no such schema.
    #[error("the schema registry has no schema {0}")]
    Unknown(u32),
    /// The registry's answer is of no use.
    #[error("{0}")]
    Unusable(String),
}

/// Where writer schemas come from.
pub trait SchemaSource: Send + Sync + fmt::Debug {
    /// The schema of this identifier.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`] is for a retry; the others are final for the record.
    fn fetch(&self, id: u32) -> Result<WriterSchema, SourceError>;
}

/// Schemas in memory.
impl SchemaSource for BTreeMap<u32, WriterSchema> {
    fn fetch(&self, id: u32) -> Result<WriterSchema, SourceError> {
        self.get(&id).cloned().ok_or(SourceError::Unknown(id))
    }
}

/// A schema that records are read by.
#[derive(Debug)]
pub(crate) enum Schema {
    Avro(AvroSchema),
    Protobuf(ProtobufSchema),
    Json,
}

/// The registry cannot be asked now: the records are to be decoded later, and none of them is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema {id} cannot be fetched: {cause}")]
pub struct Unavailable {
    /// The schema that is needed.
    pub id: u32,
    /// What happened.
    pub cause: String,
}

/// Asks a source once for each schema and keeps the compiled answer.
#[derive(Debug)]
pub struct Registry {
    source: Box<dyn SchemaSource>,
    known: HashMap<u32, Result<Schema, Fault>>,
    /// Identifiers of `known`, the oldest first.
    order: VecDeque<u32>,
}

impl Registry {
    /// A registry that knows nothing yet.
    #[must_use]
    pub fn new(source: Box<dyn SchemaSource>) -> Self {
        Self {
            source,
            known: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// To be called between batches: drops what is beyond the bound, and answers of failure, so that a schema that
    /// appears is found. Within a batch nothing is dropped, as its records were prepared.
    pub(crate) fn trim(&mut self) {
        while self.known.len() > MAX_SCHEMAS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.retain(|_, schema| schema.is_ok());
        let known = &self.known;
        self.order.retain(|id| known.contains_key(id));
    }

    /// Makes sure that the schema is known, or known to be of no use.
    ///
    /// # Errors
    /// [`Unavailable`] when the source cannot answer now.
    pub(crate) fn prepare(&mut self, id: u32) -> Result<(), Unavailable> {
        if self.known.contains_key(&id) {
            return Ok(());
        }
        let answer = match self.source.fetch(id) {
            Ok(schema) => compile(id, &schema),
            Err(SourceError::Unavailable(cause)) => return Err(Unavailable { id, cause }),
            Err(error) => Err(fault(&format!(
                "{error}; register it, or use the serializer of the registry that payloads.registry.url names"
            ))),
        };
        self.known.insert(id, answer);
        self.order.push_back(id);
        Ok(())
    }

    /// A schema that was prepared.
    pub(crate) fn schema(&self, id: u32) -> Result<&Schema, Fault> {
        match self.known.get(&id) {
            Some(Ok(schema)) => Ok(schema),
            Some(Err(fault)) => Err(fault.clone()),
            None => Err(fault(&format!("schema {id} was not fetched before its record"))),
        }
    }
}

fn compile(id: u32, schema: &WriterSchema) -> Result<Schema, Fault> {
    let unusable = |error: &dyn fmt::Display| fault(&format!("schema {id} cannot be used: {error}"));
    match schema.language {
        SchemaLanguage::Json => Ok(Schema::Json),
        SchemaLanguage::Avro => {
            let references: Vec<String> = schema.references.iter().map(|(_, text)| text.clone()).collect();
            let schema = AvroSchema::parse(&schema.text, &references).map_err(|e| unusable(&e))?;
            Ok(Schema::Avro(schema))
        }
        SchemaLanguage::Protobuf => {
            let schema = ProtobufSchema::parse(&schema.text, &schema.references).map_err(|e| unusable(&e))?;
            Ok(Schema::Protobuf(schema))
        }
    }
}

fn fault(detail: &str) -> Fault {
    Fault::new(RejectReason::Schema, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug, Clone, Default)]
    struct Flaky {
        asked: Arc<AtomicUsize>,
        failures: usize,
    }

    impl SchemaSource for Flaky {
        fn fetch(&self, id: u32) -> Result<WriterSchema, SourceError> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            if asked < self.failures {
                return Err(SourceError::Unavailable("connection refused".to_owned()));
            }
            if id == 404 {
                return Err(SourceError::Unknown(id));
            }
            Ok(WriterSchema {
                language: SchemaLanguage::Json,
                text: "{}".to_owned(),
                references: Vec::new(),
            })
        }
    }

    #[test]
    fn a_registry_that_is_down_is_asked_again_and_a_schema_only_once() {
        let source = Flaky {
            failures: 1,
            ..Flaky::default()
        };
        let mut registry = Registry::new(Box::new(source.clone()));
        let error = registry.prepare(7).expect_err("it is down");
        assert_eq!(
            error.to_string(),
            "schema 7 cannot be fetched: connection refused"
        );
        for _ in 0..3 {
            registry.trim();
            registry.prepare(7).expect("it is up");
        }
        assert!(matches!(registry.schema(7), Ok(Schema::Json)));
        assert_eq!(source.asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn an_unknown_schema_is_a_fault_until_the_next_batch() {
        let source = Flaky::default();
        let mut registry = Registry::new(Box::new(source.clone()));
        for _ in 0..2 {
            registry.prepare(404).expect("an answer");
        }
        assert_eq!(source.asked.load(Ordering::Relaxed), 1);
        let fault = registry.schema(404).expect_err("unknown");
        assert_eq!(fault.reason, RejectReason::Schema);
        assert!(fault.detail.starts_with("the schema registry has no schema 404"));
        registry.trim();
        registry.prepare(404).expect("an answer");
        assert_eq!(source.asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_is_kept_is_bounded_between_batches() {
        let mut registry = Registry::new(Box::new(Flaky::default()));
        for id in 1000..3000 {
            registry.prepare(id).expect("an answer");
        }
        registry.schema(1000).expect("kept within the batch");
        registry.trim();
        assert_eq!(
            (registry.known.len(), registry.order.len()),
            (MAX_SCHEMAS, MAX_SCHEMAS)
        );
        registry.schema(1000).expect_err("the oldest is gone");
        registry.schema(2999).expect("the newest stays");
    }

    #[test]
    fn a_schema_that_does_not_compile_is_named() {
        let schema = WriterSchema {
            language: SchemaLanguage::Avro,
            text: "{".to_owned(),
            references: Vec::new(),
        };
        let mut registry = Registry::new(Box::new(BTreeMap::from([(1, schema)])));
        registry.prepare(1).expect("an answer");
        let fault = registry.schema(1).expect_err("no schema");
        assert!(
            fault
                .detail
                .starts_with("schema 1 cannot be used: it is no Avro schema"),
            "{fault}"
        );
    }
}
