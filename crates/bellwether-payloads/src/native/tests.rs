use super::*;
use crate::protobuf::ProtobufSchema;
use bellwether_events::Prediction;
use proptest::prelude::*;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _};

const PROTO: &str = include_str!("../../../../docs/proto/bellwether.proto");

fn schema() -> ModelSchema {
    ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]}}"#,
        2,
    )
    .expect("a schema")
}

fn observation() -> Observation {
    Observation {
        event_id: "e1".to_owned(),
        task: "mood".to_owned(),
        timestamp_ms: 1_773_500_400_123,
        text: Some("fine".to_owned()),
        embedding: vec![0.5, -1.0],
        prediction: "good".to_owned(),
        probabilities: vec![0.75, 0.25],
        model_version: Some("7".to_owned()),
        encoder_version: Some("3".to_owned()),
        attributes: [("language".to_owned(), "de".to_owned())].into(),
        ..Observation::default()
    }
}

fn decode(batch: &ObservationBatch) -> (bellwether_events::ObservationBatch, Vec<String>) {
    let schema = schema();
    let mut builder = bellwether_events::ObservationBatch::builder(&schema, 1);
    let mut rejects = Vec::new();
    let outcome = observations(&schema, &batch.encode_to_vec(), &mut builder, &mut rejects);
    let mut refused: Vec<String> = rejects.iter().map(ToString::to_string).collect();
    refused.extend(outcome.err().map(|fault| fault.to_string()));
    (builder.finish(), refused)
}

/// Number, name, kind and whether it repeats, of each field.
fn fields(message: &MessageDescriptor) -> Vec<(u32, String, String, bool, bool)> {
    let field = |f: prost_reflect::FieldDescriptor| {
        (
            f.number(),
            f.name().to_owned(),
            format!("{:?}", f.kind()),
            f.is_list(),
            f.is_map(),
        )
    };
    message.fields().map(field).collect()
}

#[test]
fn the_published_schema_is_what_is_read() {
    let published = ProtobufSchema::parse(PROTO, &[]).expect("a schema");
    let names: Vec<String> = (0..4)
        .filter_map(|at| published.message(&[at]))
        .map(|message| message.full_name().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "bellwether.v1.ObservationBatch",
            "bellwether.v1.Observation",
            "bellwether.v1.LabelBatch",
            "bellwether.v1.Label"
        ]
    );
    let mut all = observation();
    all.embedding_bytes = Some(vec![1]);
    all.probability_of = [("good".to_owned(), 0.5)].into();
    let label = Label {
        event_id: "e1".to_owned(),
        timestamp_ms: 1,
        label: "good".to_owned(),
        task: Some("mood".to_owned()),
    };
    for (at, bytes) in [(1, all.encode_to_vec()), (3, label.encode_to_vec())] {
        let message = published.message(&[at]).expect("the message");
        let read = DynamicMessage::decode(message.clone(), bytes.as_slice()).expect("the same fields");
        assert_eq!(
            read.unknown_fields().count(),
            0,
            "nothing beyond the schema is written"
        );
        let set = read.fields().count();
        assert_eq!(
            set,
            fields(&read.descriptor()).len(),
            "every field of the schema is written"
        );
        assert_eq!(read.encode_to_vec().len(), bytes.len());
    }
    let batch = ObservationBatch {
        observations: vec![all],
    };
    let message = published.message(&[0]).expect("the message");
    let read = DynamicMessage::decode(message, batch.encode_to_vec().as_slice()).expect("the same fields");
    let back = read.transcode_to::<ObservationBatch>().expect("and back");
    assert_eq!(back, batch);
}

#[test]
fn every_column_is_read() {
    let (batch, refused) = decode(&ObservationBatch {
        observations: vec![observation()],
    });
    assert_eq!(refused, Vec::<String>::new());
    assert_eq!((batch.event_id(0), batch.text(0)), ("e1", Some("fine")));
    assert_eq!(batch.timestamps_ms(), [1_773_500_400_123]);
    assert_eq!(batch.embedding(0), [0.5, -1.0]);
    assert_eq!(batch.prediction(0), Prediction::Class(0));
    assert_eq!(batch.class_probabilities(0), [0.75, 0.25]);
    assert_eq!(&*batch.model_versions()[0], "7");
    assert_eq!(batch.attributes(0).collect::<Vec<_>>(), [("language", "de")]);
}

#[test]
fn vectors_may_be_bytes_and_probabilities_named() {
    let narrow = [0.5_f32, -1.0]
        .map(half::f16::from_f32)
        .map(half::f16::to_le_bytes)
        .concat();
    let (batch, refused) = decode(&ObservationBatch {
        observations: vec![Observation {
            embedding: Vec::new(),
            embedding_bytes: Some(narrow),
            probabilities: Vec::new(),
            probability_of: [("bad".to_owned(), 0.25)].into(),
            ..observation()
        }],
    });
    assert_eq!(refused, Vec::<String>::new());
    assert_eq!(batch.embedding(0), [0.5, -1.0]);
    assert_eq!(batch.class_probabilities(0), [0.0, 0.25]);
}

#[test]
fn one_bad_row_does_not_stop_the_others() {
    let unset = Observation::default();
    let both = Observation {
        embedding_bytes: Some(vec![0; 8]),
        ..observation()
    };
    let (batch, refused) = decode(&ObservationBatch {
        observations: vec![unset, both, observation()],
    });
    assert_eq!(batch.len(), 1);
    assert_eq!(
        refused,
        [
            "row 0: missing_field: `event_id` is missing or null",
            "row 1: invalid_field: `embedding` and `embedding_bytes` are both set; send one of them",
        ]
    );
}

#[test]
fn what_is_no_message_is_refused_as_a_whole() {
    let mut out = Vec::new();
    let error = labels(b"{\"event_id\": 1}", &mut out, &mut Vec::new()).expect_err("it is JSON");
    assert!(
        error.detail.contains("is no `bellwether.v1.LabelBatch`"),
        "{error}"
    );
    let error = labels(b"", &mut out, &mut Vec::new()).expect_err("nothing");
    assert_eq!(
        error.detail,
        "the `bellwether.v1.LabelBatch` is empty; send at least one row"
    );
}

proptest! {
    #[test]
    fn no_bytes_do_harm(at in 0_usize..200, byte: u8, cut in 0_usize..200) {
        let mut bytes = ObservationBatch { observations: vec![observation()] }.encode_to_vec();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(cut.max(1));
        let schema = schema();
        let mut builder = bellwether_events::ObservationBatch::builder(&schema, 1);
        let _ = observations(&schema, &bytes, &mut builder, &mut Vec::new());
        let _ = labels(&bytes, &mut Vec::new(), &mut Vec::new());
    }
}
