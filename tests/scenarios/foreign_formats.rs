//! Streams in the formats of other systems, written by other code than reads them: what is said is what is said of JSON.
//!
//! Avro is written by Apache's own implementation, CloudEvents by hand here: this crate knows nothing of the decoders.

use crate::consumed::{consume, stop};
use crate::fixture::{Fixture, directory, events, labels};
use crate::registry::Registry;
use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bellwether_store::RecordedEvent;
use bellwether_tests::{Message, RealKafka};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// The schemas' identifiers.
const OBSERVATION: u32 = 70_001;
const LABEL: u32 = 7;

/// Refers to another subject for the prediction.
const OBSERVATION_SCHEMA: &str = r#"{"type": "record", "name": "Observation", "namespace": "nlp", "fields": [
    {"name": "event_id", "type": "string"}, {"name": "task", "type": "string"},
    {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "text", "type": ["null", "string"]}, {"name": "embedding", "type": "bytes"},
    {"name": "answer", "type": "nlp.Answer"}]}"#;
const ANSWER_SCHEMA: &str = r#"{"type": "record", "name": "Answer", "namespace": "nlp", "fields": [
    {"name": "prediction", "type": "string"},
    {"name": "probabilities", "type": {"type": "array", "items": "double"}}]}"#;
const LABEL_SCHEMA: &str = r#"{"type": "record", "name": "Label", "fields": [
    {"name": "event_id", "type": "string"}, {"name": "timestamp", "type": "long"}, {"name": "label", "type": "string"}]}"#;

/// The observations as a user's JSON.
fn observed() -> Vec<Value> {
    let json = events().iter().map(RecordedEvent::observation_json);
    json.map(|bytes| serde_json::from_slice(&bytes).expect("JSON"))
        .collect()
}

/// The labels in the order in which they become known.
fn known() -> Vec<Value> {
    let json = labels(events()).into_iter().filter_map(RecordedEvent::label_json);
    json.map(|bytes| serde_json::from_slice(&bytes).expect("JSON"))
        .collect()
}

fn string(row: &Value, name: &str) -> String {
    row[name].as_str().expect("a text").to_owned()
}

fn time_ms(row: &Value) -> i64 {
    row["timestamp"].as_i64().expect("a time")
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .expect("a time of our days")
        .to_string()
}

/// What the program says of the records of two new topics, when it has read them all.
fn timeline(
    kafka: &RealKafka,
    name: &str,
    payloads: &str,
    observed: &[Message],
    known: &[Message],
) -> Vec<u8> {
    let (fixture, directory) = (Fixture::shared(), directory());
    let [predictions, labels, dead] =
        ["predictions", "labels", "dead"].map(|topic| format!("{name}-{topic}"));
    for (topic, partitions) in [(&predictions, 3), (&labels, 2), (&dead, 1)] {
        kafka.topics().create(topic, partitions);
    }
    kafka.topics().produce(&predictions, observed);
    kafka.topics().produce(&labels, known);
    let timeline = directory.path().join("timeline.jsonl");
    let config = directory.path().join("bellwether.toml");
    let written = format!(
        "reference = \"{}\"\n[listen]\naddress = \"127.0.0.1:0\"\n[timeline]\npath = \"timeline.jsonl\"\n\
         [kafka]\nbrokers = {:?}\ngroup_id = {name:?}\nobservations_topic = {predictions:?}\n\
         labels_topic = {labels:?}\ndead_letter_topic = {dead:?}\nidle_timeout = \"2s\"\n{payloads}",
        fixture.path("model.ref").display(),
        kafka.brokers(),
    );
    std::fs::write(&config, written).expect("writable");
    let (run, _) = consume(&config, events().len(), known.len());
    stop(run);
    assert_eq!(kafka.topics().consume(&dead, 1, Duration::from_secs(1)), []);
    std::fs::read(&timeline).expect("the timeline was written")
}

fn assert_as_of_json(found: &[u8]) {
    let directory = directory();
    let expected = Fixture::shared().replay(&directory.path().join("replayed.jsonl"), &[]);
    let lines = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (found, expected) = (lines(found), lines(&expected));
    assert!(expected.len() > 6, "{expected:?}");
    assert_eq!(found, expected);
}

/// Writes records by a schema, in the frame that names it.
fn framed(id: u32, schema: &Schema, others: Vec<&Schema>, fields: Vec<(&str, Avro)>) -> Vec<u8> {
    let writer = GenericDatumWriter::builder(schema)
        .schemata(others)
        .expect("schemas with names")
        .build()
        .expect("a writer");
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    let record = writer
        .write_value_to_vec(Avro::Record(fields.collect()))
        .expect("it fits the schema");
    [&[0], &id.to_be_bytes()[..], &record].concat()
}

#[test]
fn avro_by_a_registry_that_comes_late_gives_the_timeline_of_json() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (main, others) = Schema::parse_str_with_list(OBSERVATION_SCHEMA, [ANSWER_SCHEMA]).expect("schemas");
    let all: Vec<&Schema> = others.iter().chain([&main]).collect();
    let avro = |row: &Value| {
        let probabilities = row["probabilities"].as_array().expect("numbers").iter();
        let probabilities = probabilities.map(|p| Avro::Double(p.as_f64().expect("a number")));
        let text = Avro::String(string(row, "text"));
        let embedding = STANDARD.decode(string(row, "embedding")).expect("base64");
        let answer = vec![
            ("prediction".to_owned(), Avro::String(string(row, "prediction"))),
            ("probabilities".to_owned(), Avro::Array(probabilities.collect())),
        ];
        let fields = vec![
            ("event_id", Avro::String(string(row, "event_id"))),
            ("task", Avro::String(string(row, "task"))),
            ("timestamp", Avro::TimestampMillis(time_ms(row))),
            ("text", Avro::Union(1, Box::new(text))),
            ("embedding", Avro::Bytes(embedding)),
            ("answer", Avro::Record(answer)),
        ];
        Message::new(framed(OBSERVATION, &main, all.clone(), fields)).key(string(row, "event_id"))
    };
    let label_schema = Schema::parse_str(LABEL_SCHEMA).expect("a schema");
    let label = |row: &Value| {
        let fields = vec![
            ("event_id", Avro::String(string(row, "event_id"))),
            ("timestamp", Avro::Long(time_ms(row))),
            ("label", Avro::String(string(row, "label"))),
        ];
        Message::new(framed(LABEL, &label_schema, Vec::new(), fields)).key(string(row, "event_id"))
    };
    let reference = json!([{"name": "nlp.Answer", "subject": "answers-value", "version": 3}]);
    let registry = Registry::start(
        [
            (
                format!("/schemas/ids/{OBSERVATION}"),
                json!({"schema": OBSERVATION_SCHEMA, "references": reference}),
            ),
            (
                "/subjects/answers-value/versions/3?deleted=true".to_owned(),
                json!({"schema": ANSWER_SCHEMA}),
            ),
            (
                format!("/schemas/ids/{LABEL}"),
                json!({"schema": LABEL_SCHEMA, "schemaType": "AVRO"}),
            ),
        ],
        // Nothing is refused for it, and nothing committed: the records wait.
        3,
    );
    let payloads = format!(
        "[payloads.registry]\nurl = {:?}\n[payloads.labels]\nformat = \"confluent\"\n[payloads.observations]\n\
         format = \"confluent\"\n[payloads.observations.fields]\nprediction = \"answer.prediction\"\n\
         probabilities = \"answer.probabilities\"\n",
        registry.url()
    );
    let observed: Vec<Message> = observed().iter().map(avro).collect();
    let known: Vec<Message> = known().iter().map(label).collect();
    assert_as_of_json(&timeline(kafka, "avro", &payloads, &observed, &known));
    let refused = 3;
    assert_eq!(registry.answered(), refused + 3, "each schema is fetched once");
}

/// One of the two events of a call, in binary or in structured mode.
fn cloud_event(row: &Value, half: &str, ms: i64, structured: bool, body: Value) -> Message {
    let attributes = json!({
        "specversion": "1.0", "id": row["event_id"], "source": "http://localhost:9081/", "time": time(ms),
        "type": format!("org.kubeflow.serving.inference.{half}"), "inferenceservicename": row["task"],
    });
    let Value::Object(mut attributes) = attributes else {
        unreachable!("it was written as an object")
    };
    let message = if structured {
        attributes.insert("data".to_owned(), body);
        Message::new(Value::Object(attributes).to_string())
            .header("content-type", "application/cloudevents+json; charset=UTF-8")
    } else {
        let message = Message::new(body.to_string()).header("content-type", "application/json");
        attributes.iter().fold(message, |message, (name, value)| {
            message.header(&format!("ce_{name}"), value.as_str().expect("a text"))
        })
    };
    // As the logger's sink has to write them: both to one partition.
    message.key(string(row, "event_id"))
}

/// A call as the model's server logs it, in the protocol V1 or the Open Inference Protocol.
fn call(at: usize, row: &Value) -> [Message; 2] {
    let [text, prediction, probabilities, embedding] =
        ["text", "prediction", "probabilities", "embedding"].map(|name| row[name].clone());
    let (request, response) = if at.is_multiple_of(2) {
        (
            json!({"instances": [{"text": text}]}),
            json!({"predictions": [{"prediction": prediction, "probabilities": probabilities, "embedding": embedding}]}),
        )
    } else {
        let width = STANDARD.decode(string(row, "embedding")).expect("base64").len() / 2;
        let tensor = |name: &str, datatype: &str, shape: Value, data: Value| json!({"name": name, "datatype": datatype, "shape": shape, "data": data});
        let mut outputs = vec![
            tensor("prediction", "BYTES", json!([1]), json!([prediction])),
            tensor("embedding", "FP16", json!([1, width]), embedding),
        ];
        let count = probabilities.as_array().map_or(0, Vec::len);
        if count > 0 {
            outputs.push(tensor("probabilities", "FP32", json!([1, count]), probabilities));
        }
        (
            json!({"id": "x", "inputs": [tensor("text", "BYTES", json!([1]), json!([text]))]}),
            json!({"model_name": row["task"], "outputs": outputs}),
        )
    };
    let structured = at.is_multiple_of(3);
    let request = cloud_event(row, "request", time_ms(row) - 40, structured, request);
    let response = cloud_event(row, "response", time_ms(row), structured, response);
    // The response may come first.
    if at.is_multiple_of(5) {
        [response, request]
    } else {
        [request, response]
    }
}

#[test]
fn calls_that_kserve_logs_and_sagemakers_truths_give_the_timeline_of_json() {
    let Some(kafka) = RealKafka::shared() else { return };
    let observed: Vec<Message> = observed()
        .iter()
        .enumerate()
        .flat_map(|(at, row)| call(at, row))
        .collect();
    let truth = |row: &Value| {
        let truth = json!({
            "groundTruthData": {"data": row["label"], "encoding": "CSV"}, "eventVersion": "0",
            "eventMetadata": {"eventId": row["event_id"], "eventTime": time(time_ms(row))},
        });
        Message::new(truth.to_string()).key(string(row, "event_id"))
    };
    let known: Vec<Message> = known().iter().map(truth).collect();
    // Observations are recognised.
    let payloads = "[payloads.labels]\nformat = \"sagemaker\"\n";
    assert_as_of_json(&timeline(kafka, "kserve", payloads, &observed, &known));
}
