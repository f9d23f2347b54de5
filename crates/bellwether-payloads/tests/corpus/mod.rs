//! The same observation and the same label in every format, written by other code than reads them.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by tests and an example, of which each uses a part"
)]

use apache_avro::types::Value as Avro;
use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field};
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use bellwether_events::{LabelRow, ModelSchema, ObservationBatch};
use bellwether_payloads::native::{self, Observation};
use bellwether_payloads::{
    Format, Outcome, PayloadConfig, PayloadDecoder, Position, Record, Registry, SchemaLanguage, WriterSchema,
};
use prost::Message;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const TIME_MS: i64 = 1_773_500_400_123;
pub const TIME: &str = "2026-03-14T15:00:00.123Z";
pub const LABEL_TIME_MS: i64 = 1_773_504_000_000;

pub const AVRO_OBSERVATION: &str = r#"{"type": "record", "name": "Observation", "fields": [
    {"name": "event_id", "type": "string"}, {"name": "task", "type": "string"},
    {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "text", "type": ["null", "string"], "default": null},
    {"name": "embedding", "type": {"type": "array", "items": "float"}},
    {"name": "prediction", "type": "string"},
    {"name": "probabilities", "type": {"type": "map", "values": "double"}},
    {"name": "model_version", "type": ["null", "string"]},
    {"name": "attributes", "type": {"type": "map", "values": "string"}}]}"#;

pub const AVRO_LABEL: &str = r#"{"type": "record", "name": "Label", "fields": [
    {"name": "event_id", "type": "string"}, {"name": "timestamp", "type": "long"}, {"name": "label", "type": "string"}]}"#;

pub const PROTO: &str = r#"syntax = "proto3";
    import "google/protobuf/timestamp.proto";
    message Nothing {}
    message Outer {
      message Observation {
        string event_id = 1; string task = 2; google.protobuf.Timestamp timestamp = 3; optional string text = 4;
        bytes embedding = 5; string prediction = 6; repeated float probabilities = 7; string model_version = 8;
        map<string, string> attributes = 9;
      }
      message Label { string event_id = 1; int64 timestamp = 2; string label = 3; }
    }"#;

/// A record before it is read.
#[derive(Debug, Clone)]
pub struct Seed {
    pub name: &'static str,
    pub format: Format,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub payload: Vec<u8>,
}

pub fn schema() -> ModelSchema {
    ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]},
            "slots": {"kind": "sequence_labelling", "labels": ["O", "B-x"]},
            "score": {"kind": "regression"}}"#,
        2,
    )
    .expect("a schema")
}

pub fn registry() -> Registry {
    let schema = |language, text: &str| WriterSchema {
        language,
        text: text.to_owned(),
        references: Vec::new(),
    };
    Registry::new(Box::new(BTreeMap::from([
        (1, schema(SchemaLanguage::Avro, AVRO_OBSERVATION)),
        (2, schema(SchemaLanguage::Avro, AVRO_LABEL)),
        (3, schema(SchemaLanguage::Protobuf, PROTO)),
        (4, schema(SchemaLanguage::Json, "{}")),
        (5, schema(SchemaLanguage::Avro, "{")),
    ])))
}

pub fn decoder(observations: Format, labels: Format) -> PayloadDecoder {
    let config = PayloadConfig {
        observations,
        labels,
        ..PayloadConfig::default()
    };
    PayloadDecoder::new(config, Some(registry()))
}

/// Reads a record as one of both topics: the one entry for every format.
pub fn decode(decoder: &mut PayloadDecoder, seed: &Seed) -> (ObservationBatch, Vec<LabelRow>, [Outcome; 2]) {
    let schema = schema();
    let headers: Vec<(&str, &[u8])> = seed
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_slice()))
        .collect();
    let record = Record {
        topic: "topic",
        position: Position {
            partition: 0,
            offset: 0,
        },
        key: Some(b"key"),
        headers: &headers,
        timestamp_ms: Some(LABEL_TIME_MS),
        payload: &seed.payload,
    };
    decoder
        .prepare([record].into_iter(), [record].into_iter())
        .expect("the schemas are in memory");
    let mut builder = ObservationBatch::builder(&schema, 1);
    let mut labels = Vec::new();
    let observed = decoder.observations(&schema, &record, &mut builder);
    let labelled = decoder.labels(&record, &mut labels);
    (builder.finish(), labels, [observed, labelled])
}

fn framed(schema: u32, before: &[u8], body: &[u8]) -> Vec<u8> {
    [&[0], &schema.to_be_bytes()[..], before, body].concat()
}

fn avro(schema: &str, fields: Vec<(&str, Avro)>) -> Vec<u8> {
    let schema = apache_avro::Schema::parse_str(schema).expect("a schema");
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema)
        .build()
        .expect("a writer");
    writer
        .write_value_to_vec(Avro::Record(fields.collect()))
        .expect("it fits the schema")
}

fn text(text: &str) -> Avro {
    Avro::String(text.to_owned())
}

fn avro_observation() -> Vec<u8> {
    let probability = |label: &str, p| (label.to_owned(), Avro::Double(p));
    avro(
        AVRO_OBSERVATION,
        vec![
            ("event_id", text("e1")),
            ("task", text("mood")),
            ("timestamp", Avro::TimestampMillis(TIME_MS)),
            ("text", Avro::Union(1, Box::new(text("fine")))),
            (
                "embedding",
                Avro::Array(vec![Avro::Float(0.5), Avro::Float(-1.0)]),
            ),
            ("prediction", text("good")),
            (
                "probabilities",
                Avro::Map([probability("good", 0.75), probability("bad", 0.25)].into()),
            ),
            ("model_version", Avro::Union(1, Box::new(text("7")))),
            (
                "attributes",
                Avro::Map([("language".to_owned(), text("de"))].into()),
            ),
        ],
    )
}

/// The Protobuf message of the registry, by hand.
#[derive(Clone, PartialEq, Message)]
struct Dynamic {
    #[prost(string, tag = "1")]
    event_id: String,
    #[prost(string, tag = "2")]
    task: String,
    #[prost(message, optional, tag = "3")]
    timestamp: Option<Time>,
    #[prost(string, optional, tag = "4")]
    text: Option<String>,
    #[prost(bytes = "vec", tag = "5")]
    embedding: Vec<u8>,
    #[prost(string, tag = "6")]
    prediction: String,
    #[prost(float, repeated, tag = "7")]
    probabilities: Vec<f32>,
    #[prost(string, tag = "8")]
    model_version: String,
    #[prost(map = "string, string", tag = "9")]
    attributes: std::collections::HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct DynamicLabel {
    #[prost(string, tag = "1")]
    event_id: String,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(string, tag = "3")]
    label: String,
}

fn dynamic_observation() -> Vec<u8> {
    Dynamic {
        event_id: "e1".to_owned(),
        task: "mood".to_owned(),
        timestamp: Some(Time {
            seconds: TIME_MS / 1000,
            nanos: 123_000_000,
        }),
        text: Some("fine".to_owned()),
        embedding: [0.5_f32, -1.0].map(f32::to_le_bytes).concat(),
        prediction: "good".to_owned(),
        probabilities: vec![0.75, 0.25],
        model_version: "7".to_owned(),
        attributes: [("language".to_owned(), "de".to_owned())].into(),
    }
    .encode_to_vec()
}

fn native_observation() -> Vec<u8> {
    let observation = Observation {
        event_id: "e1".to_owned(),
        task: "mood".to_owned(),
        timestamp_ms: TIME_MS,
        text: Some("fine".to_owned()),
        embedding: vec![0.5, -1.0],
        prediction: "good".to_owned(),
        probabilities: vec![0.75, 0.25],
        model_version: Some("7".to_owned()),
        attributes: [("language".to_owned(), "de".to_owned())].into(),
        ..Observation::default()
    };
    native::ObservationBatch {
        observations: vec![observation],
    }
    .encode_to_vec()
}

fn json_observation() -> Vec<u8> {
    json!({"event_id": "e1", "task": "mood", "timestamp": TIME, "text": "fine", "embedding": [0.5, -1.0],
           "prediction": "good", "probabilities": {"good": 0.75, "bad": 0.25}, "model_version": "7",
           "attributes": {"language": "de"}})
    .to_string()
    .into_bytes()
}

fn arrow_observation() -> Vec<u8> {
    let list = |values: Vec<f32>| -> ArrayRef {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        Arc::new(FixedSizeListArray::new(
            item,
            2,
            Arc::new(Float32Array::from(values)),
            None,
        ))
    };
    let column = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let attributes = arrow::array::StructArray::from(vec![(
        Arc::new(Field::new("language", DataType::Utf8, true)),
        column("de"),
    )]);
    ipc(vec![
        ("event_id", column("e1")),
        ("task", column("mood")),
        ("timestamp", Arc::new(Int64Array::from(vec![TIME_MS]))),
        ("text", column("fine")),
        ("embedding", list(vec![0.5, -1.0])),
        ("prediction", column("good")),
        ("probabilities", list(vec![0.75, 0.25])),
        ("model_version", column("7")),
        ("attributes", Arc::new(attributes)),
    ])
}

fn ipc(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a writer");
    writer.write(&batch).expect("it is written");
    writer.finish().expect("it ends");
    writer.into_inner().expect("the bytes")
}

fn content_type(kind: &str) -> (&'static str, Vec<u8>) {
    ("content-type", kind.as_bytes().to_vec())
}

/// The observation in every format that holds it in one record.
pub fn observations() -> Vec<Seed> {
    let seed = |name, format, headers, payload| Seed {
        name,
        format,
        headers,
        payload,
    };
    vec![
        seed(
            "json",
            Format::Json,
            vec![content_type("application/json")],
            json_observation(),
        ),
        seed(
            "arrow",
            Format::Arrow,
            vec![content_type("application/vnd.apache.arrow.stream")],
            arrow_observation(),
        ),
        seed(
            "protobuf",
            Format::Protobuf,
            vec![content_type("application/x-protobuf")],
            native_observation(),
        ),
        seed(
            "avro",
            Format::Confluent,
            vec![],
            framed(1, &[], &avro_observation()),
        ),
        seed(
            "registry protobuf",
            Format::Confluent,
            vec![],
            framed(3, &[4, 2, 0], &dynamic_observation()),
        ),
        seed(
            "registry json",
            Format::Confluent,
            vec![],
            framed(4, &[], &json_observation()),
        ),
    ]
}

/// The label in every format.
pub fn labels() -> Vec<Seed> {
    let seed = |name, format, headers, payload| Seed {
        name,
        format,
        headers,
        payload,
    };
    let column = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let native = native::LabelBatch {
        labels: vec![native::Label {
            event_id: "e1".to_owned(),
            timestamp_ms: LABEL_TIME_MS,
            label: "bad".to_owned(),
            task: None,
        }],
    };
    let dynamic = DynamicLabel {
        event_id: "e1".to_owned(),
        timestamp: LABEL_TIME_MS,
        label: "bad".to_owned(),
    };
    let json = json!({"event_id": "e1", "timestamp": LABEL_TIME_MS, "label": "bad"})
        .to_string()
        .into_bytes();
    let avro = avro(
        AVRO_LABEL,
        vec![
            ("event_id", text("e1")),
            ("timestamp", Avro::Long(LABEL_TIME_MS)),
            ("label", text("bad")),
        ],
    );
    let ground_truth = json!({"groundTruthData": {"data": "bad", "encoding": "CSV"},
                              "eventMetadata": {"eventId": "e1"}, "eventVersion": "0"});
    vec![
        seed("json", Format::Json, vec![], json.clone()),
        seed(
            "arrow",
            Format::Arrow,
            vec![],
            ipc(vec![
                ("event_id", column("e1")),
                ("timestamp", Arc::new(Int64Array::from(vec![LABEL_TIME_MS]))),
                ("label", column("bad")),
            ]),
        ),
        seed(
            "protobuf",
            Format::Protobuf,
            vec![content_type("application/protobuf")],
            native.encode_to_vec(),
        ),
        seed("avro", Format::Confluent, vec![], framed(2, &[], &avro)),
        seed(
            "registry protobuf",
            Format::Confluent,
            vec![],
            framed(3, &[4, 2, 2], &dynamic.encode_to_vec()),
        ),
        seed("registry json", Format::Confluent, vec![], framed(4, &[], &json)),
        seed(
            "sagemaker",
            Format::Sagemaker,
            vec![],
            ground_truth.to_string().into_bytes(),
        ),
    ]
}

/// Both halves of a call, in both protocols and modes.
pub fn calls() -> Vec<Seed> {
    let v1 = [
        json!({"instances": [{"text": "fine"}]}),
        json!({"predictions": [{"label": "good", "probabilities": [0.75, 0.25], "embedding": "AAAAPwAAgL8="}]}),
    ];
    let v2 = [
        json!({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["fine"]}]}),
        json!({"model_version": "7", "outputs": [
            {"name": "label", "shape": [1], "datatype": "BYTES", "data": ["good"]},
            {"name": "embedding", "shape": [1, 2], "datatype": "FP32", "data": [0.5, -1.0]}],
            "raw_output_contents": ["BAAAAGdvb2Q=", "AAAAPwAAgL8="]}),
    ];
    let mut seeds = Vec::new();
    for (protocol, bodies) in [("v1", v1), ("v2", v2)] {
        for (half, body) in ["request", "response"].into_iter().zip(bodies) {
            let kind = format!("org.kubeflow.serving.inference.{half}");
            let header = |value: &str| value.as_bytes().to_vec();
            seeds.push(Seed {
                name: "kserve, binary mode",
                format: Format::Kserve,
                headers: vec![
                    ("ce_specversion", header("1.0")),
                    ("ce_id", header(protocol)),
                    ("ce_type", header(&kind)),
                    ("ce_time", header(TIME)),
                    ("ce_inferenceservicename", header("mood")),
                    content_type("application/json"),
                ],
                payload: body.to_string().into_bytes(),
            });
            let event = json!({"specversion": "1.0", "id": format!("{protocol} structured"), "type": kind, "time": TIME,
                               "source": "http://localhost", "inferenceservicename": "mood", "data": body});
            seeds.push(Seed {
                name: "kserve, structured mode",
                format: Format::Kserve,
                headers: vec![content_type("application/cloudevents+json")],
                payload: event.to_string().into_bytes(),
            });
        }
    }
    seeds
}
