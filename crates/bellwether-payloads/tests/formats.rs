//! One observation and one label in every format: all are read alike, and nothing does harm.

mod corpus;

use bellwether_events::{Prediction, RejectReason};
use bellwether_payloads::{
    Format, LabelFields, ObservationFields, PayloadConfig, PayloadDecoder, Position, PredictionForm, Record,
    TimeUnit,
};
use corpus::{LABEL_TIME_MS, Seed, TIME_MS, calls, decode, decoder, labels, observations, registry, schema};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn every_format_gives_the_same_observation() {
    for seed in observations() {
        for format in [seed.format, Format::Auto] {
            let (batch, _, [outcome, _]) = decode(&mut decoder(format, format), &seed);
            assert_eq!(outcome.rejects, [], "{} as {format:?}", seed.name);
            assert_eq!(batch.len(), 1, "{}", seed.name);
            assert_eq!((batch.event_id(0), batch.text(0)), ("e1", Some("fine")));
            assert_eq!(batch.timestamps_ms(), [TIME_MS], "{}", seed.name);
            assert_eq!(batch.tasks(), [schema().task("mood").expect("a task")]);
            assert_eq!(batch.embedding(0), [0.5, -1.0], "{}", seed.name);
            assert_eq!(batch.prediction(0), Prediction::Class(0));
            assert_eq!(batch.class_probabilities(0), [0.75, 0.25], "{}", seed.name);
            assert_eq!(&*batch.model_versions()[0], "7", "{}", seed.name);
            assert_eq!(
                batch.attributes(0).collect::<Vec<_>>(),
                [("language", "de")],
                "{}",
                seed.name
            );
        }
    }
}

#[test]
fn every_format_gives_the_same_label() {
    for seed in labels() {
        let (_, rows, [_, outcome]) = decode(&mut decoder(seed.format, seed.format), &seed);
        assert_eq!(outcome.rejects, [], "{}", seed.name);
        let [row] = rows.as_slice() else {
            panic!("{}: {rows:?}", seed.name)
        };
        assert_eq!(
            (row.event_id.as_str(), row.timestamp_ms, row.label.as_str()),
            ("e1", LABEL_TIME_MS, "bad"),
            "{}",
            seed.name
        );
    }
}

#[test]
fn calls_of_both_protocols_and_modes_are_one_observation_each() {
    let mut decoder = decoder(Format::Auto, Format::Auto);
    let mut ids = Vec::new();
    for seed in calls() {
        let (batch, _, [outcome, _]) = decode(&mut decoder, &seed);
        assert_eq!(outcome.rejects, [], "{}", seed.name);
        for row in 0..batch.len() {
            assert_eq!(
                (batch.text(row), batch.embedding(row)),
                (Some("fine"), &[0.5, -1.0][..])
            );
            assert_eq!(batch.prediction(row), Prediction::Class(0));
            ids.push(batch.event_id(row).to_owned());
        }
    }
    assert_eq!(ids, ["v1", "v1 structured", "v2", "v2 structured"]);
    assert_eq!(decoder.waiting(), (0, 0));
}

fn refused(format: Format, payload: &[u8]) -> (RejectReason, String) {
    let seed = Seed {
        name: "bad",
        format,
        headers: Vec::new(),
        payload: payload.to_vec(),
    };
    let (batch, _, [outcome, _]) = decode(&mut decoder(format, format), &seed);
    assert_eq!((batch.len(), outcome.rejects.len()), (0, 1));
    let reject = &outcome.rejects[0];
    (reject.reason, reject.detail.clone())
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let cases: [(Format, &[u8], RejectReason, &str); 7] = [
        (
            Format::Confluent,
            b"{}",
            RejectReason::Malformed,
            "set the format of the topic to what it carries",
        ),
        (
            Format::Confluent,
            &[0, 0, 0, 0, 99, 1],
            RejectReason::Schema,
            "has no schema 99",
        ),
        (
            Format::Confluent,
            &[0, 0, 0, 0, 5, 1],
            RejectReason::Schema,
            "schema 5 cannot be used: it is no Avro schema",
        ),
        (
            Format::Confluent,
            &[0, 0, 0, 0, 1, 4, b'e'],
            RejectReason::Malformed,
            "does not fit its Avro schema 1: the data ends at `event_id`",
        ),
        (
            Format::Confluent,
            &[0, 0, 0, 0, 3, 2, 8],
            RejectReason::Malformed,
            "it has no message at [4]",
        ),
        (
            Format::Confluent,
            &[0, 0, 0, 0, 3, 0, 0x7F],
            RejectReason::Malformed,
            "does not fit its Protobuf schema 3",
        ),
        (
            Format::Protobuf,
            b"{}",
            RejectReason::Malformed,
            "send the message of docs/proto/bellwether.proto",
        ),
    ];
    for (format, payload, reason, expected) in cases {
        let (found, detail) = refused(format, payload);
        assert_eq!(found, reason, "{detail}");
        assert!(detail.contains(expected), "{detail}");
    }
}

#[test]
fn without_a_registry_the_key_to_write_is_named() {
    let mut decoder = PayloadDecoder::new(PayloadConfig::default(), None);
    let seed = &observations()[3];
    let (_, _, [outcome, _]) = decode(&mut decoder, seed);
    assert_eq!(outcome.rejects[0].reason, RejectReason::Schema);
    assert!(
        outcome.rejects[0].detail.ends_with("set payloads.registry.url"),
        "{}",
        outcome.rejects[0]
    );
}

#[test]
fn a_mapping_finds_columns_in_values_headers_keys_and_constants() {
    let source = |text: &str| text.parse().expect("a source");
    let fields = ObservationFields {
        task: source("constant:mood"),
        event_id: source("kafka:key"),
        timestamp: source("header:sent | kafka:timestamp"),
        timestamp_unit: TimeUnit::Seconds,
        text: Some(source("request.inputs[name=text].data[0]")),
        embedding: Some(source("response.outputs[name=pooled]")),
        prediction: Some(source("response.outputs[name=class].data[0]")),
        prediction_form: PredictionForm::Index,
        probabilities: Some(source("response.outputs[0]")),
        model_version: Some(source("header:model")),
        attribute: vec![("topic".to_owned(), source("kafka:topic"))],
        ..ObservationFields::default()
    };
    let label_fields = LabelFields {
        event_id: source("meta.id"),
        timestamp: source("kafka:timestamp"),
        timestamp_unit: TimeUnit::Milliseconds,
        label: source("truth[0]"),
    };
    let config = PayloadConfig {
        observations: Format::Json,
        observation_fields: Some(fields),
        labels: Format::Json,
        label_fields: Some(label_fields),
        ..PayloadConfig::default()
    };
    let payload = json!({
        "request": {"inputs": [{"name": "text", "data": ["fine"]}]},
        "response": {"outputs": [
            {"name": "probs", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]},
            {"name": "pooled", "shape": [1, 2], "datatype": "FP32", "data": [[0.5, -1.0]]},
            {"name": "class", "shape": [1], "datatype": "INT64", "data": [1]}]},
        "meta": {"id": 17}, "truth": ["bad"]});
    let mut decoder = PayloadDecoder::new(config, None);
    let seed = Seed {
        name: "mapped",
        format: Format::Json,
        headers: vec![("sent", b"1773500400.5".to_vec()), ("model", b"v9".to_vec())],
        payload: payload.to_string().into_bytes(),
    };
    let (batch, labels, [observed, labelled]) = decode(&mut decoder, &seed);
    assert_eq!(
        observed
            .rejects
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    assert_eq!(labelled.rejects, []);
    assert_eq!((batch.event_id(0), batch.text(0)), ("key", Some("fine")));
    assert_eq!(batch.timestamps_ms(), [1_773_500_400_500]);
    assert_eq!(batch.embedding(0), [0.5, -1.0]);
    assert_eq!(batch.prediction(0), Prediction::Class(1));
    assert_eq!(batch.class_probabilities(0), [0.25, 0.75]);
    assert_eq!(&*batch.model_versions()[0], "v9");
    assert_eq!(batch.attributes(0).collect::<Vec<_>>(), [("topic", "topic")]);
    assert_eq!(
        (labels[0].event_id.as_str(), labels[0].label.as_str()),
        ("17", "bad")
    );

    let mut second = seed.clone();
    second.payload = br#"[{"response": {"outputs": 3}}, 7]"#.to_vec();
    let (batch, _, [outcome, _]) = decode(&mut decoder, &second);
    assert_eq!(batch.len(), 0);
    let details: Vec<String> = outcome.rejects.iter().map(ToString::to_string).collect();
    assert_eq!(
        details,
        [
            "row 0: missing_field: `prediction` is missing or null; it is looked for at `value:response.outputs[name=class].data[0]`",
            "row 1: malformed: a record must be a JSON object, found a number",
        ]
    );
}

#[test]
fn a_payload_too_large_for_a_tree_is_refused_unread() {
    let mut payload = vec![0, 0, 0, 0, 1];
    payload.resize((32 << 20) + 1, 0);
    let (reason, detail) = refused(Format::Confluent, &payload);
    assert_eq!(reason, RejectReason::Malformed);
    assert!(detail.contains("at most 33554432 are read"), "{detail}");
}

fn all_seeds() -> Vec<Seed> {
    [observations(), labels(), calls()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_do_no_harm_in_any_format(
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        schema_id in 0_u8..6,
    ) {
        let framed = [&[0, 0, 0, 0, schema_id], payload.as_slice()].concat();
        for format in [Format::Auto, Format::Json, Format::Arrow, Format::Protobuf, Format::Confluent, Format::Kserve, Format::Sagemaker] {
            for payload in [&payload, &framed] {
                let seed = Seed { name: "arbitrary", format, headers: Vec::new(), payload: payload.clone() };
                decode(&mut decoder(format, format), &seed);
            }
        }
    }

    #[test]
    fn changed_and_cut_records_are_taken_or_refused(
        at in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut seed = at.get(&all_seeds()).clone();
        let place = place.index(seed.payload.len());
        seed.payload[place] = byte;
        let (batch, rows, [observed, labelled]) = decode(&mut decoder(seed.format, seed.format), &seed);
        prop_assert!(batch.len() + observed.rejects.len() > 0 || observed.waits_at_ms.is_some());
        prop_assert!(rows.len() + labelled.rejects.len() > 0);
        seed.payload.truncate(cut.index(seed.payload.len()));
        decode(&mut decoder(seed.format, seed.format), &seed);
    }
}

#[test]
fn schemas_are_fetched_before_their_records_and_not_by_them() {
    let mut decoder = PayloadDecoder::new(PayloadConfig::default(), Some(registry()));
    let seed = &observations()[3];
    let record = Record {
        topic: "topic",
        position: Position {
            partition: 0,
            offset: 0,
        },
        key: None,
        headers: &[],
        timestamp_ms: None,
        payload: &seed.payload,
    };
    let schema = schema();
    let mut builder = bellwether_events::ObservationBatch::builder(&schema, 1);
    let outcome = decoder.observations(&schema, &record, &mut builder);
    assert!(
        outcome.rejects[0]
            .detail
            .contains("was not fetched before its record"),
        "{}",
        outcome.rejects[0]
    );
}
