//! Protobuf by a schema that is only known at run time: a message as a tree of values.

use crate::value::{MAX_VALUES, Value};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FileDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _,
};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// Name of the file that a schema's own text gets; no import can name it.
const ROOT: &str = "record schema.proto";

/// The messages of one schema.
#[derive(Debug)]
pub(crate) struct ProtobufSchema {
    file: FileDescriptor,
}

/// Why a schema cannot be used: what the compiler says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no Protobuf schema: {0}")]
pub(crate) struct ProtobufSchemaError(String);

impl ProtobufSchema {
    /// Compiles a schema; `references` are the files that it imports, under the names by which it does.
    ///
    /// # Errors
    /// When a text is no schema, or an import is missing.
    pub(crate) fn parse(text: &str, references: &[(String, String)]) -> Result<Self, ProtobufSchemaError> {
        let error = |error: &dyn std::fmt::Display| ProtobufSchemaError(error.to_string());
        let mut resolver = ChainFileResolver::new();
        resolver.add(GoogleFileResolver::new());
        resolver.add(Texts {
            root: text.to_owned(),
            references: references.to_vec(),
        });
        let mut compiler = protox::Compiler::with_file_resolver(resolver);
        compiler.include_imports(true);
        compiler.open_file(ROOT).map_err(|e| error(&e))?;
        let pool: DescriptorPool = compiler.descriptor_pool();
        let file = pool
            .get_file_by_name(ROOT)
            .ok_or_else(|| ProtobufSchemaError("it is empty".to_owned()))?;
        Ok(Self { file })
    }

    /// The message at a place: the index of a message of the file, then of one nested in it, and so on.
    #[must_use]
    pub(crate) fn message(&self, indexes: &[usize]) -> Option<MessageDescriptor> {
        let (first, nested) = indexes.split_first()?;
        let mut message = self.file.messages().nth(*first)?;
        for index in nested {
            let child = message.child_messages().nth(*index)?;
            message = child;
        }
        Some(message)
    }
}

/// The texts of a schema and of what it imports.
struct Texts {
    root: String,
    references: Vec<(String, String)>,
}

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let text = if name == ROOT {
            Some(&self.root)
        } else {
            let found = self.references.iter().find(|(reference, _)| reference == name);
            found.map(|(_, text)| text)
        };
        let text = text.ok_or_else(|| protox::Error::file_not_found(name))?;
        File::from_source(name, text)
    }
}

/// Reads one message that fills the bytes. Nesting is bounded by the Protobuf crate, at a hundred levels.
///
/// # Errors
/// What is wrong with the bytes.
pub(crate) fn decode(message: MessageDescriptor, bytes: &[u8]) -> Result<Value, String> {
    let message = DynamicMessage::decode(message, bytes).map_err(|error| error.to_string())?;
    let mut left = MAX_VALUES;
    tree(&message, &mut left).ok_or_else(|| format!("the message holds more than {MAX_VALUES} values"))
}

/// The message as an object of its fields. Unset fields without presence have their default, as Protobuf defines it; those with
/// presence are left out.
fn tree(message: &DynamicMessage, left: &mut usize) -> Option<Value> {
    let descriptor = message.descriptor();
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => return Some(timestamp_ms(message)),
        "google.protobuf.DoubleValue"
        | "google.protobuf.FloatValue"
        | "google.protobuf.Int64Value"
        | "google.protobuf.UInt64Value"
        | "google.protobuf.Int32Value"
        | "google.protobuf.UInt32Value"
        | "google.protobuf.BoolValue"
        | "google.protobuf.StringValue"
        | "google.protobuf.BytesValue" => {
            let field = descriptor.get_field_by_name("value")?;
            return convert(&message.get_field(&field), &field.kind(), left);
        }
        _ => {}
    }
    let mut entries = Vec::with_capacity(descriptor.fields().len());
    for field in descriptor.fields() {
        if field.supports_presence() && !message.has_field(&field) {
            continue;
        }
        let value = convert(&message.get_field(&field), &field.kind(), left)?;
        entries.push((field.name().to_owned(), value));
    }
    Some(Value::Map(entries))
}

fn convert(value: &prost_reflect::Value, kind: &Kind, left: &mut usize) -> Option<Value> {
    use prost_reflect::Value as Proto;
    *left = left.checked_sub(1)?;
    Some(match value {
        Proto::Bool(value) => Value::Bool(*value),
        Proto::I32(value) => Value::Int((*value).into()),
        Proto::I64(value) => Value::Int((*value).into()),
        Proto::U32(value) => Value::Int((*value).into()),
        Proto::U64(value) => Value::Int((*value).into()),
        Proto::F32(value) => Value::Float((*value).into()),
        Proto::F64(value) => Value::Float(*value),
        Proto::String(text) => Value::Text(text.clone()),
        Proto::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        Proto::EnumNumber(number) => {
            let name = kind.as_enum().and_then(|kind| kind.get_value(*number));
            name.map_or_else(
                || Value::Int((*number).into()),
                |name| Value::Text(name.name().to_owned()),
            )
        }
        Proto::Message(message) => tree(message, left)?,
        Proto::List(items) if *kind == Kind::Float => {
            Value::Floats(items.iter().filter_map(prost_reflect::Value::as_f32).collect())
        }
        Proto::List(items) => Value::List(
            items
                .iter()
                .map(|item| convert(item, kind, left))
                .collect::<Option<_>>()?,
        ),
        Proto::Map(entries) => {
            let value_kind = kind
                .as_message()
                .map(|entry| entry.map_entry_value_field().kind());
            let value_kind = value_kind.as_ref().unwrap_or(kind);
            let mut sorted: Vec<_> = entries.iter().collect();
            // The map has no order of its own, and what is read must not depend on chance.
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            Value::Map(
                sorted
                    .into_iter()
                    .map(|(key, value)| Some((key_text(key), convert(value, value_kind, left)?)))
                    .collect::<Option<_>>()?,
            )
        }
    })
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

fn timestamp_ms(message: &DynamicMessage) -> Value {
    let part = |name: &str| {
        let value = message.get_field_by_name(name);
        value.map_or(0, |value| {
            let narrow = value.as_i32().map(i64::from);
            i128::from(value.as_i64().or(narrow).unwrap_or(0))
        })
    };
    Value::Int(part("seconds") * 1000 + part("nanos").div_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::Message;
    use std::sync::LazyLock;

    const TEXT: &str = r#"
        syntax = "proto3";
        package test;
        import "google/protobuf/timestamp.proto";
        import "google/protobuf/wrappers.proto";
        import "heads.proto";
        message Other {}
        message Event {
          message Inner { repeated double scores = 1; Inner next = 2; }
          string event_id = 1;
          google.protobuf.Timestamp timestamp = 2;
          repeated float embedding = 3;
          map<string, string> attributes = 4;
          heads.Head head = 5;
          google.protobuf.StringValue text = 6;
          Inner inner = 7;
          optional int64 count = 8;
          heads.Mood mood = 9;
          bytes raw = 10;
        }"#;
    const HEADS: &str = r#"
        syntax = "proto3";
        package heads;
        enum Mood { UNKNOWN = 0; GOOD = 1; }
        message Head { string label = 1; }"#;

    static SCHEMA: LazyLock<ProtobufSchema> = LazyLock::new(|| {
        ProtobufSchema::parse(TEXT, &[("heads.proto".to_owned(), HEADS.to_owned())]).expect("a schema")
    });

    /// The same message by hand-written fields, independent of the schema's text.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Sent {
        #[prost(string, tag = "1")]
        event_id: String,
        #[prost(message, optional, tag = "2")]
        timestamp: Option<Time>,
        #[prost(float, repeated, tag = "3")]
        embedding: Vec<f32>,
        #[prost(map = "string, string", tag = "4")]
        attributes: std::collections::HashMap<String, String>,
        #[prost(message, optional, tag = "5")]
        head: Option<Text>,
        #[prost(message, optional, tag = "6")]
        text: Option<Text>,
        #[prost(int32, tag = "9")]
        mood: i32,
        #[prost(bytes = "vec", tag = "10")]
        raw: Vec<u8>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Time {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Text {
        #[prost(string, tag = "1")]
        value: String,
    }

    fn event() -> Sent {
        Sent {
            event_id: "e1".to_owned(),
            timestamp: Some(Time {
                seconds: 1_773_500_400,
                nanos: 123_999_999,
            }),
            embedding: vec![0.5, -1.0],
            attributes: [("language".to_owned(), "de".to_owned())].into(),
            head: Some(Text {
                value: "pay".to_owned(),
            }),
            text: Some(Text {
                value: "fine".to_owned(),
            }),
            mood: 1,
            raw: vec![1],
        }
    }

    fn read(bytes: &[u8]) -> Result<Value, String> {
        decode(SCHEMA.message(&[1]).expect("the second message"), bytes)
    }

    #[test]
    fn a_message_becomes_an_object_of_its_fields() {
        let value = read(&event().encode_to_vec()).expect("a message");
        assert_eq!(value.get("timestamp"), Some(&Value::Int(1_773_500_400_123)));
        assert_eq!(value.get("embedding"), Some(&Value::Floats(vec![0.5, -1.0])));
        assert_eq!(value.get("text").and_then(Value::as_str), Some("fine"));
        assert_eq!(value.get("mood").and_then(Value::as_str), Some("GOOD"));
        assert_eq!(value.get("raw"), Some(&Value::Bytes(vec![1])));
        let inner = |name: &str, key: &str| value.get(name).and_then(|v| v.get(key)).and_then(Value::as_str);
        assert_eq!(inner("attributes", "language"), Some("de"));
        assert_eq!(inner("head", "label"), Some("pay"));
        assert_eq!((value.get("inner"), value.get("count")), (None, None));
    }

    #[test]
    fn messages_are_found_by_their_indexes() {
        let name = |indexes: &[usize]| SCHEMA.message(indexes).map(|m| m.full_name().to_owned());
        assert_eq!(name(&[0]).as_deref(), Some("test.Other"));
        assert_eq!(name(&[1, 0]).as_deref(), Some("test.Event.Inner"));
        assert_eq!(name(&[2]), None);
        assert_eq!(name(&[1, 9]), None);
        assert_eq!(name(&[]), None);
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let mut bytes = Vec::new();
        for _ in 0..20_000 {
            let mut outer = vec![0x12];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.append(&mut bytes);
            bytes = outer;
            if bytes.len() > 60_000 {
                break;
            }
        }
        let inner = SCHEMA.message(&[1, 0]).expect("the nested message");
        let error = decode(inner, &bytes).expect_err("too deep");
        assert!(error.contains("recursion limit"), "{error}");
    }

    #[test]
    fn a_text_that_is_no_schema_is_refused() {
        ProtobufSchema::parse("message {", &[]).expect_err("no name");
        let error = ProtobufSchema::parse(TEXT, &[]).expect_err("an import is missing");
        assert!(error.to_string().contains("heads.proto"), "{error}");
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_message_with_changed_bytes_does_no_harm(at in 0_usize..60, byte: u8) {
            let mut bytes = event().encode_to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = read(&bytes);
        }
    }
}
