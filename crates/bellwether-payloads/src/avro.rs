//! Avro: one record in the binary encoding, read by its writer schema.
//!
//! `apache-avro` parses the schema. The bytes are walked here: that crate takes the end of the data for a null and stops at
//! allocations only by one limit for the whole process, and a monitor must tell a cut record from one without text.

mod walk;

use crate::value::{MAX_DEPTH, Value};
use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, UuidSchema};
use std::collections::HashMap;

/// Most types in a schema once every name is written out.
const MAX_TYPES: usize = 10_000;

/// A schema in the form in which records are walked: names resolved, bounded in depth.
#[derive(Debug)]
pub(crate) struct AvroSchema {
    root: Type,
}

#[derive(Debug, Clone)]
enum Type {
    Null,
    Boolean,
    /// Whole numbers; times are divided down to milliseconds.
    Integer {
        per_ms: i64,
    },
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Vec<String>),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Record(Vec<(String, Type)>),
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AvroSchemaError {
    /// The text is no Avro schema.
    #[error("it is no Avro schema: {0}")]
    Parse(String),
    /// A type contains itself.
    #[error("the type `{0}` contains itself; records of any depth are not read")]
    Recursive(String),
    /// A name leads nowhere.
    #[error("the type `{0}` is not defined")]
    Undefined(String),
    /// It nests too deep, or is too large.
    #[error("it nests deeper than {MAX_DEPTH} levels or has more than {MAX_TYPES} types")]
    TooLarge,
}

impl AvroSchema {
    /// Compiles a schema; `references` are the schemas whose types it names.
    ///
    /// # Errors
    /// When a text is no schema, a name is not defined, a type contains itself, or the bounds are passed.
    pub(crate) fn parse(text: &str, references: &[String]) -> Result<Self, AvroSchemaError> {
        let parse_error = |error: apache_avro::Error| AvroSchemaError::Parse(error.to_string());
        let (schema, others) = if references.is_empty() {
            (Schema::parse_str(text).map_err(parse_error)?, Vec::new())
        } else {
            Schema::parse_str_with_list(text, references).map_err(parse_error)?
        };
        let mut names = HashMap::new();
        for schema in others.iter().chain([&schema]) {
            collect_names(schema, None, MAX_DEPTH, &mut names)?;
        }
        let mut compiler = Compiler {
            names,
            open: Vec::new(),
            types: 0,
        };
        Ok(Self {
            root: compiler.compile(&schema, None)?,
        })
    }

    /// Reads one record that fills the bytes.
    ///
    /// # Errors
    /// What is wrong, and in which field.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Value, String> {
        walk::decode(&self.root, bytes)
    }
}

fn name_of(schema: &Schema) -> Option<&apache_avro::schema::Name> {
    match schema {
        Schema::Record(record) => Some(&record.name),
        Schema::Enum(symbols) => Some(&symbols.name),
        Schema::Fixed(fixed) => Some(&fixed.name),
        _ => None,
    }
}

/// The named types of a schema by their full names.
fn collect_names<'s>(
    schema: &'s Schema,
    namespace: Option<&str>,
    depth: usize,
    names: &mut HashMap<String, (&'s Schema, Option<String>)>,
) -> Result<(), AvroSchemaError> {
    let depth = depth.checked_sub(1).ok_or(AvroSchemaError::TooLarge)?;
    if let Some(name) = name_of(schema) {
        let full = name.fully_qualified_name(namespace);
        names.insert(full.to_string(), (schema, namespace.map(str::to_owned)));
    }
    match schema {
        Schema::Record(record) => {
            let full = record.name.fully_qualified_name(namespace);
            for field in &record.fields {
                collect_names(&field.schema, full.namespace(), depth, names)?;
            }
        }
        Schema::Array(array) => collect_names(&array.items, namespace, depth, names)?,
        Schema::Map(map) => collect_names(&map.types, namespace, depth, names)?,
        Schema::Union(union) => {
            for variant in union.variants() {
                collect_names(variant, namespace, depth, names)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Writes names out, and refuses what would not end.
struct Compiler<'s> {
    names: HashMap<String, (&'s Schema, Option<String>)>,
    /// Names of the types that are being compiled.
    open: Vec<String>,
    types: usize,
}

impl<'s> Compiler<'s> {
    fn compile(&mut self, schema: &'s Schema, namespace: Option<&str>) -> Result<Type, AvroSchemaError> {
        self.types += 1;
        if self.types > MAX_TYPES || self.open.len() > MAX_DEPTH {
            return Err(AvroSchemaError::TooLarge);
        }
        let integer = |per_ms| Ok(Type::Integer { per_ms });
        match schema {
            Schema::Null => Ok(Type::Null),
            Schema::Boolean => Ok(Type::Boolean),
            Schema::Int
            | Schema::Long
            | Schema::Date
            | Schema::TimeMillis
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::LocalTimestampMillis => integer(1),
            Schema::TimestampMicros | Schema::LocalTimestampMicros => integer(1_000),
            Schema::TimestampNanos | Schema::LocalTimestampNanos => integer(1_000_000),
            Schema::Float => Ok(Type::Float),
            Schema::Double => Ok(Type::Double),
            Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Ok(Type::Bytes),
            Schema::String | Schema::Uuid(UuidSchema::String) => Ok(Type::Text),
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                Ok(Type::Fixed(fixed.size))
            }
            Schema::Decimal(decimal) => Ok(match &decimal.inner {
                InnerDecimalSchema::Bytes => Type::Bytes,
                InnerDecimalSchema::Fixed(fixed) => Type::Fixed(fixed.size),
            }),
            Schema::Enum(symbols) => Ok(Type::Enum(symbols.symbols.clone())),
            Schema::Array(array) => {
                let items = self.within(&array.items, namespace)?;
                Ok(Type::Array(Box::new(items)))
            }
            Schema::Map(map) => {
                let types = self.within(&map.types, namespace)?;
                Ok(Type::Map(Box::new(types)))
            }
            Schema::Union(union) => union
                .variants()
                .iter()
                .map(|variant| self.within(variant, namespace))
                .collect::<Result<_, _>>()
                .map(Type::Union),
            Schema::Record(record) => {
                let full = record.name.fully_qualified_name(namespace).into_owned();
                let name = full.to_string();
                if self.open.contains(&name) {
                    return Err(AvroSchemaError::Recursive(name));
                }
                self.open.push(name);
                let fields = record
                    .fields
                    .iter()
                    .map(|field| Ok((field.name.clone(), self.compile(&field.schema, full.namespace())?)))
                    .collect::<Result<_, _>>();
                self.open.pop();
                fields.map(Type::Record)
            }
            Schema::Ref { name } => {
                let full = name.fully_qualified_name(namespace).to_string();
                let Some((schema, namespace)) = self.names.get(&full) else {
                    return Err(AvroSchemaError::Undefined(full));
                };
                let (schema, namespace) = (*schema, namespace.clone());
                self.compile(schema, namespace.as_deref())
            }
        }
    }

    /// One level deeper, under a name that no type can have.
    fn within(&mut self, schema: &'s Schema, namespace: Option<&str>) -> Result<Type, AvroSchemaError> {
        self.open.push(String::new());
        let compiled = self.compile(schema, namespace);
        self.open.pop();
        compiled
    }
}

#[cfg(test)]
mod tests;
