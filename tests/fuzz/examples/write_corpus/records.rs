//! Records of every format.

use crate::formats::{Seed, TIME, TIME_MS, calls, labels, observations};
use crate::{Input, input};
use apache_avro::types::Value as Avro;
use bellwether_fuzz::records::join;
use bellwether_fuzz::targets::{AVRO, PROTOBUF};
use bellwether_payloads::Format;
use serde_json::{Value as Json, json};

/// Bytes before the record in the Confluent wire format.
const FRAME: usize = 5;

pub(crate) fn inputs() -> Vec<Input> {
    let mut inputs = Vec::new();
    for (kind, seeds) in [("observation", observations()), ("label", labels())] {
        for seed in &seeds {
            let name = format!("{kind} {}", seed.name).replace(' ', "-");
            let (target, bytes) = match (seed.format, seed.name) {
                (Format::Json, _) => ("json", seed.payload.clone()),
                (Format::Arrow, _) => ("arrow", seed.payload.clone()),
                (Format::Protobuf, _) => ("protobuf", seed.payload.clone()),
                (Format::Sagemaker, _) => ("sagemaker", seed.payload.clone()),
                (Format::Confluent, "avro") => {
                    let choice = u8::from(kind == "label");
                    ("avro", [&[choice], &seed.payload[FRAME..]].concat())
                }
                (Format::Confluent, "registry protobuf") => {
                    ("registry_protobuf", seed.payload[FRAME..].to_vec())
                }
                _ => ("auto", whole(seed)),
            };
            inputs.push((target, name.clone(), bytes));
            inputs.push(("auto", name, whole(seed)));
        }
    }
    inputs.extend(more_json());
    inputs.extend(kserve());
    inputs.extend(schemas());
    inputs.extend(mappings());
    inputs
}

/// Headers and payload in the layout of whole records.
fn whole(seed: &Seed) -> Vec<u8> {
    let mut bytes = b":key: key\n:timestamp: 1773504000000\n".to_vec();
    for (name, value) in &seed.headers {
        bytes.extend([name.as_bytes(), b": ", value, b"\n"].concat());
    }
    bytes.push(b'\n');
    bytes.extend(&seed.payload);
    bytes
}

fn more_json() -> Vec<Input> {
    let lines = format!(
        "{}\n{}\n{{\"event_id\": 3}}",
        json!({"event_id": "s", "task": "slots", "timestamp": TIME_MS, "embedding": [1e-3, 2.5e2], "prediction": "O B-x",
               "probabilities": [[0.9, 0.1], [0.2, 0.8]]}),
        json!({"event_id": "r", "task": "score", "timestamp": TIME, "embedding": "AAAAPwAAgL8=", "prediction": -1.5,
               "text": "\u{e9}\n\"", "unknown": [{"deep": [null, true]}]})
    );
    let truth = |data: &str, encoding: &str| {
        json!({"groundTruthData": {"data": data, "encoding": encoding},
               "eventMetadata": {"eventId": "e", "inferenceId": "i", "eventTime": TIME}})
        .to_string()
    };
    vec![
        input("json", "lines", lines),
        input(
            "json",
            "array",
            "[{\"event_id\": \"a\", \"timestamp\": 1, \"label\": \"x\"}, 7, null]",
        ),
        input("json", "empty-array", "[]"),
        input("sagemaker", "csv", truth("\"a, \"\"b\"\"\"", "CSV")),
        input("sagemaker", "json", truth("\"pay\"", "JSON")),
        input("sagemaker", "base64", truth("cGF5", "BASE64")),
    ]
}

fn kserve() -> Vec<Input> {
    let records: Vec<Vec<u8>> = calls().iter().map(whole).collect();
    let pairs = records.chunks(4).zip(["v1", "v2"]);
    let mut inputs: Vec<Input> = pairs
        .map(|(pair, name)| input("kserve", name, join(pair)))
        .collect();
    let alone: Vec<Vec<u8>> = (0..5)
        .map(|n| {
            let event = json!({"specversion": "1.0", "id": n.to_string(), "time": TIME, "source": "x",
                               "type": "org.kubeflow.serving.inference.request", "data": {"instances": ["fine"]}});
            format!("content-type: application/cloudevents+json\n\n{event}").into_bytes()
        })
        .collect();
    inputs.push(input("kserve", "five-alone", join(&alone)));
    let half = |half: &str, body: &Json| {
        format!(
            "ce_specversion: 1.0\nce_id: 1\nce_type: org.kubeflow.serving.inference.{half}\nce_time: {TIME}\n\
             ce_inferenceservicename: mood\n\n{body}"
        )
        .into_bytes()
    };
    let several = [
        half(
            "request",
            &json!({"id": "x", "inputs": [{"name": "text", "shape": [2], "datatype": "BYTES",
            "parameters": {"content_type": "base64"}, "data": ["ZmluZQ==", "__REDACTED__"]}]}),
        ),
        half(
            "response",
            &json!({"model_name": "mood", "outputs": [
            {"name": "probabilities", "shape": ["2", 2], "datatype": "FP32", "contents": {"fp32_contents": [0.9, 0.1, 0.2, 0.8]}},
            {"name": "embedding", "shape": [2, 2], "datatype": "FP16", "data": "ADgAvAA4ALw="}]}),
        ),
    ];
    inputs.push(input("kserve", "several-instances", join(&several)));
    inputs
}

fn schemas() -> Vec<Input> {
    let everything = everything_of_avro();
    let referring = r#"{"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "event_id", "type": "a.Id"}]}"#;
    let referred = r#"{"type": "enum", "name": "Id", "namespace": "a", "symbols": ["x", "y"]}"#;
    let recursive = r#"{"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}"#;
    let plain = r#"["null", {"type": "map", "values": {"type": "array", "items": {"type": "bytes", "logicalType": "decimal", "precision": 4}}}]"#;
    let avro = |parts: &[&[u8]]| join(&parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>());
    let importing = "syntax = \"proto3\"; import \"a.proto\"; message M { p.N n = 1; }";
    let imported = "syntax = \"proto2\"; package p; message N { required string event_id = 1; optional group G = 2 { repeated sint64 x = 3 [packed = true]; } }";
    // Of the second message at the outermost level the second within; of the third itself.
    let tree = [&[4, 4][..], b"\x0a\x01e\x12\x05score\x19\x01\x02\x03\x04\x05\0\0\0\x2a\x10\0\0\0\0\0\0\xe0\x3f\0\0\0\0\0\0\xf0\xbf\x3a\x09\x09\0\0\0\0\0\0\xf0\x3f\x4a\x03\x0a\x01x"].concat();
    vec![
        input("avro", "everything", [&[2], &everything[..]].concat()),
        input(
            "avro_schema",
            "everything",
            avro(&[AVRO[2].1.as_bytes(), &everything]),
        ),
        input(
            "avro_schema",
            "referring",
            avro(&[referring.as_bytes(), referred.as_bytes(), &[2]]),
        ),
        input("avro_schema", "recursive", avro(&[recursive.as_bytes(), &[2, 0]])),
        input(
            "avro_schema",
            "plain",
            avro(&[plain.as_bytes(), &[2, 2, 2, b'a', 2, 2, 7, 0, 0]]),
        ),
        input("registry_protobuf", "tree", tree.clone()),
        input("protobuf_schema", "messages", avro(&[PROTOBUF.as_bytes(), &tree])),
        input(
            "protobuf_schema",
            "importing",
            avro(&[
                importing.as_bytes(),
                imported.as_bytes(),
                b"\0\x0a\x07\x0a\x01e\x13\x18\x02\x14\0",
            ]),
        ),
    ]
}

fn everything_of_avro() -> Vec<u8> {
    let text = |text: &str| Avro::String(text.to_owned());
    let fields = [
        ("event_id", Avro::Enum(1, "b".to_owned())),
        ("task", Avro::Union(1, Box::new(text("slots")))),
        ("timestamp", Avro::TimestampMicros(TIME_MS * 1000)),
        (
            "embedding",
            Avro::Union(
                0,
                Box::new(Avro::Bytes([0.5_f32, -1.0].map(f32::to_le_bytes).concat())),
            ),
        ),
        (
            "prediction",
            Avro::Union(4, Box::new(Avro::Array(vec![text("O"), text("B-x")]))),
        ),
        (
            "probabilities",
            Avro::Array(vec![Avro::Array(vec![Avro::Double(0.9), Avro::Double(0.1)]); 2]),
        ),
        (
            "attributes",
            Avro::Record(vec![
                ("nothing".to_owned(), Avro::Array(vec![Avro::Null; 3])),
                ("day".to_owned(), Avro::Date(20_000)),
                (
                    "ids".to_owned(),
                    Avro::Map([("k".to_owned(), Avro::Enum(0, "a".to_owned()))].into()),
                ),
                ("again".to_owned(), Avro::Fixed(8, vec![7; 8])),
            ]),
        ),
    ];
    let schema = apache_avro::Schema::parse_str(AVRO[2].1).expect("a schema");
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build();
    let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
    let writer = writer.expect("a writer");
    writer
        .write_value_to_vec(Avro::Record(fields))
        .expect("it fits the schema")
}

fn mappings() -> Vec<Input> {
    let foreign = "task = constant:mood\nevent_id = meta.request_id | kafka:key\ntimestamp = header:sent-at | kafka:timestamp\n\
                   timestamp_unit = s\ntext = request.inputs[name=text].data[0]\nembedding = response.outputs[name=pooled]\n\
                   prediction = response.outputs[2].data[0]\nprediction_form = index\nprobabilities = response.outputs[0]\n\
                   model_version = header:model\nattributes = meta.tags\nlanguage = header:language\ntopic = kafka:topic\n\
                   label.event_id = [\"odd.name\"]\nlabel.timestamp = value:meta.at\nlabel.timestamp_unit = us\nlabel.label = truth[0]";
    let record = json!({
        "request": {"inputs": [{"name": "text", "data": ["fine"]}]},
        "response": {"outputs": [
            {"name": "probs", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]},
            {"name": "pooled", "shape": [1, 2], "datatype": "FP32", "data": [[0.5, -1.0]]},
            {"name": "class", "shape": [1], "datatype": "INT64", "data": [1]}]},
        "meta": {"tags": {"a": "b", "n": 1}, "at": 1_773_500_400_000_000_i64}, "odd.name": 17, "truth": ["bad"]});
    let whole = format!(":key: k\nsent-at: 1773500400.5\nmodel: v9\nlanguage: de\n\n{record}");
    let by_label = format!(
        "text = [\"\"]\n---\n\n{}",
        json!({"event_id": 1, "task": "mood", "timestamp": TIME, "embedding": "AAAAPwAAgL8",
        "probabilities": {"good": 0.5, "bad": "AAAAPw=="}, "": "fine"})
    );
    vec![
        input(
            "mapping",
            "foreign",
            join(&[foreign.as_bytes().to_vec(), whole.into_bytes()]),
        ),
        input("mapping", "by-label", by_label),
    ]
}
