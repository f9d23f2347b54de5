//! Records by a schema registry that is in memory: known schemas, and schemas that are input themselves.

use crate::laws;
use crate::records::{Parts, split};
use bellwether_payloads::{
    Format, PairLimits, PayloadConfig, PayloadDecoder, Registry, SchemaLanguage, WriterSchema,
};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Avro schemas and their numbers: the contract's observation and label, and one with every type there is.
pub const AVRO: [(u32, &str); 3] = [
    (
        1,
        r#"{"type": "record", "name": "Observation", "fields": [
        {"name": "event_id", "type": "string"}, {"name": "task", "type": "string"},
        {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "text", "type": ["null", "string"], "default": null},
        {"name": "embedding", "type": {"type": "array", "items": "float"}},
        {"name": "prediction", "type": "string"},
        {"name": "probabilities", "type": {"type": "map", "values": "double"}},
        {"name": "model_version", "type": ["null", "string"]},
        {"name": "attributes", "type": {"type": "map", "values": "string"}}]}"#,
    ),
    (
        2,
        r#"{"type": "record", "name": "Label", "fields": [
        {"name": "event_id", "type": "string"}, {"name": "timestamp", "type": "long"}, {"name": "label", "type": "string"}]}"#,
    ),
    (
        6,
        r#"{"type": "record", "name": "Observation", "fields": [
        {"name": "event_id", "type": {"type": "enum", "name": "Ids", "symbols": ["a", "b"]}},
        {"name": "task", "type": ["null", "string"]},
        {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "embedding", "type": ["bytes", {"type": "fixed", "name": "Pair", "size": 8}, "string",
            {"type": "array", "items": ["float", "double", "int", "null"]}]},
        {"name": "prediction", "type": ["string", "int", "double", "boolean", {"type": "array", "items": "string"}]},
        {"name": "probabilities", "type": {"type": "array", "items": {"type": "array", "items": "double"}}},
        {"name": "attributes", "type": {"type": "record", "name": "More", "fields": [
            {"name": "nothing", "type": {"type": "array", "items": "null"}},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "ids", "type": {"type": "map", "values": "Ids"}},
            {"name": "again", "type": "Pair"}]}}]}"#,
    ),
];

/// The Protobuf schema: messages at several indexes.
pub const PROTOBUF: &str = r#"syntax = "proto3";
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/wrappers.proto";
    message Nothing {}
    message Outer {
      message Observation {
        string event_id = 1; string task = 2; google.protobuf.Timestamp timestamp = 3; optional string text = 4;
        bytes embedding = 5; string prediction = 6; repeated float probabilities = 7; string model_version = 8;
        map<string, string> attributes = 9;
      }
      message Label { string event_id = 1; int64 timestamp = 2; string label = 3; }
    }
    message Tree {
      enum Mood { good = 0; bad = 1; }
      string event_id = 1; string task = 2; fixed64 timestamp = 3; repeated double embedding = 5;
      oneof answer { Mood prediction = 6; google.protobuf.DoubleValue number = 7; }
      map<string, double> probabilities = 8; repeated Tree attributes = 9; map<sint32, Tree> branches = 10;
    }"#;

const PROTOBUF_ID: u32 = 3;
const JSON_ID: u32 = 4;
const BROKEN_ID: u32 = 5;

fn writer(language: SchemaLanguage, text: &str, references: Vec<(String, String)>) -> WriterSchema {
    WriterSchema {
        language,
        text: text.to_owned(),
        references,
    }
}

fn decoder(observations: Format, schemas: BTreeMap<u32, WriterSchema>) -> PayloadDecoder {
    let config = PayloadConfig {
        observations,
        labels: observations,
        // No half waits for another input.
        pairs: PairLimits {
            max_records: 0,
            ..PairLimits::default()
        },
        ..PayloadConfig::default()
    };
    PayloadDecoder::new(config, Some(Registry::new(Box::new(schemas))))
}

/// A decoder of records that say what they are, with all known schemas. Such records keep nothing, but for halves of calls;
/// those have a target of their own and go to a decoder of their own here.
pub(super) fn with_registry(run: impl FnOnce(&mut PayloadDecoder)) {
    thread_local! {
        static DECODER: RefCell<PayloadDecoder> = RefCell::new(known());
    }
    DECODER.with_borrow_mut(run);
}

fn known() -> PayloadDecoder {
    let avro = AVRO.map(|(id, text)| (id, writer(SchemaLanguage::Avro, text, Vec::new())));
    let others = [
        (
            PROTOBUF_ID,
            writer(SchemaLanguage::Protobuf, PROTOBUF, Vec::new()),
        ),
        (JSON_ID, writer(SchemaLanguage::Json, "{}", Vec::new())),
        (BROKEN_ID, writer(SchemaLanguage::Avro, "{", Vec::new())),
    ];
    decoder(Format::Auto, avro.into_iter().chain(others).collect())
}

/// A byte that chooses the schema, and the record without its frame.
pub(super) fn avro(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let (id, _) = AVRO[usize::from(*choice) % AVRO.len()];
    with_registry(|decoder| framed(decoder, id, body));
}

/// The indexes of the message, and the message.
pub(super) fn registry_protobuf(input: &[u8]) {
    with_registry(|decoder| framed(decoder, PROTOBUF_ID, input));
}

/// An Avro schema, those that it refers to, and the record without its frame, separated as records are.
pub(super) fn avro_schema(input: &[u8]) {
    with_schema(SchemaLanguage::Avro, input);
}

/// A Protobuf schema, those that it refers to as `a.proto`, `b.proto` and so on, and the record.
pub(super) fn protobuf_schema(input: &[u8]) {
    with_schema(SchemaLanguage::Protobuf, input);
}

fn with_schema(language: SchemaLanguage, input: &[u8]) {
    let parts = split(input);
    let Some((body, texts)) = parts.split_last() else {
        return;
    };
    let mut texts = texts
        .iter()
        .map(|text| String::from_utf8_lossy(text).into_owned());
    let text = texts.next().unwrap_or_default();
    let references = ('a'..='z')
        .map(|name| format!("{name}.proto"))
        .zip(texts)
        .collect();
    let schema = writer(language, &text, references);
    framed(
        &mut decoder(Format::Confluent, BTreeMap::from([(1, schema)])),
        1,
        body,
    );
}

fn framed(decoder: &mut PayloadDecoder, id: u32, body: &[u8]) {
    let payload = [&[0], &id.to_be_bytes()[..], body].concat();
    let parts = Parts {
        payload: &payload,
        ..Parts::default()
    };
    laws::decode_again(decoder, &parts.record(0));
}
