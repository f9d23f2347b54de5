use super::*;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;

const OBSERVATION: &str = r#"{"type": "record", "name": "Observation", "namespace": "test", "fields": [
    {"name": "event_id", "type": "string"},
    {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "text", "type": ["null", "string"]},
    {"name": "embedding", "type": {"type": "array", "items": "float"}},
    {"name": "raw", "type": "bytes"},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["GOOD", "BAD"]}},
    {"name": "again", "type": "Kind"},
    {"name": "attributes", "type": {"type": "map", "values": "string"}},
    {"name": "scores", "type": {"type": "array", "items": "double"}},
    {"name": "flag", "type": "boolean"}]}"#;

fn written(event_id: &str, text: Option<&str>, embedding: &[f32], scores: &[f64]) -> Vec<u8> {
    let schema = Schema::parse_str(OBSERVATION).expect("a schema");
    let text = match text {
        None => Avro::Union(0, Box::new(Avro::Null)),
        Some(text) => Avro::Union(1, Box::new(Avro::String(text.to_owned()))),
    };
    let field = |name: &str, value| (name.to_owned(), value);
    let record = Avro::Record(vec![
        field("event_id", Avro::String(event_id.to_owned())),
        field("timestamp", Avro::TimestampMicros(1_773_500_400_123_456)),
        field("text", text),
        field(
            "embedding",
            Avro::Array(embedding.iter().map(|x| Avro::Float(*x)).collect()),
        ),
        field("raw", Avro::Bytes(vec![1, 2])),
        field("kind", Avro::Enum(1, "BAD".to_owned())),
        field("again", Avro::Enum(0, "GOOD".to_owned())),
        field(
            "attributes",
            Avro::Map([("language".to_owned(), Avro::String("de".to_owned()))].into()),
        ),
        field(
            "scores",
            Avro::Array(scores.iter().map(|x| Avro::Double(*x)).collect()),
        ),
        field("flag", Avro::Boolean(true)),
    ]);
    let writer = GenericDatumWriter::builder(&schema).build().expect("a writer");
    let mut bytes = Vec::new();
    writer
        .write_value(&mut bytes, record)
        .expect("it fits the schema");
    bytes
}

fn schema() -> AvroSchema {
    AvroSchema::parse(OBSERVATION, &[]).expect("a schema")
}

proptest! {
    #[test]
    fn what_the_avro_crate_writes_is_read(
        event_id in ".{0,20}",
        text in proptest::option::of(".{0,20}"),
        embedding in proptest::collection::vec(-1e6_f32..1e6, 0..20),
        scores in proptest::collection::vec(-1e6_f64..1e6, 0..20),
    ) {
        let bytes = written(&event_id, text.as_deref(), &embedding, &scores);
        let value = schema().decode(&bytes).expect("a record");
        prop_assert_eq!(value.get("event_id"), Some(&Value::Text(event_id)));
        prop_assert_eq!(value.get("text"), Some(&text.map_or(Value::Null, Value::Text)));
        prop_assert_eq!(value.get("timestamp"), Some(&Value::Int(1_773_500_400_123)));
        prop_assert_eq!(value.get("embedding"), Some(&Value::Floats(embedding)));
        prop_assert_eq!(value.get("raw"), Some(&Value::Bytes(vec![1, 2])));
        prop_assert_eq!(value.get("again").and_then(Value::as_str), Some("GOOD"));
        prop_assert_eq!(
            value.get("attributes").and_then(|a| a.get("language")).and_then(Value::as_str),
            Some("de")
        );
        let scores = scores.into_iter().map(Value::Float).collect();
        prop_assert_eq!(value.get("scores"), Some(&Value::List(scores)));
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = schema().decode(&bytes);
    }
}

#[test]
fn a_record_that_is_cut_anywhere_is_refused() {
    let bytes = written("e1", Some("fine"), &[0.5, 1.0], &[1.0]);
    for end in 0..bytes.len() {
        schema().decode(&bytes[..end]).expect_err("it is cut");
    }
    let error = schema().decode(&bytes[..12]).expect_err("it is cut");
    assert_eq!(error, "the data ends at `text`");
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(
        schema().decode(&longer),
        Err("1 bytes follow the record".to_owned())
    );
}

#[test]
fn declared_lengths_allocate_nothing() {
    let of = |items: &str, bytes: &[u8]| {
        let text = format!(r#"{{"type": "array", "items": {items}}}"#);
        AvroSchema::parse(&text, &[]).expect("a schema").decode(bytes)
    };
    let huge = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    for items in ["\"null\"", "\"float\"", "\"string\"", "\"double\""] {
        let error = of(items, &huge).expect_err("far too many");
        assert!(error.contains("9223372036854775807 items"), "{error}");
    }
    // Nulls take no bytes: their number is bounded all the same.
    let million = |n: u32| {
        let mut block = Vec::new();
        for _ in 0..n {
            block.extend([0x80, 0x89, 0x7A]);
        }
        block.push(0);
        block
    };
    assert!(of("\"null\"", &million(3)).is_ok());
    let error = of("\"null\"", &million(5)).expect_err("too many");
    assert!(error.contains("items is declared"), "{error}");
}

#[test]
fn schemas_refer_to_each_other_and_not_to_themselves() {
    let reference = r#"{"type": "record", "name": "Head", "namespace": "test", "fields": [{"name": "label", "type": "string"}]}"#;
    let text = r#"{"type": "record", "name": "Event", "namespace": "test", "fields": [
        {"name": "a", "type": "Head"}, {"name": "b", "type": ["null", "test.Head"]}]}"#;
    let schema = AvroSchema::parse(text, &[reference.to_owned()]).expect("a schema");
    let value = schema.decode(&[2, b'x', 2, 2, b'y']).expect("a record");
    let label = |field: &str| {
        value
            .get(field)
            .and_then(|head| head.get("label"))
            .and_then(Value::as_str)
    };
    assert_eq!((label("a"), label("b")), (Some("x"), Some("y")));

    let list =
        r#"{"type": "record", "name": "List", "fields": [{"name": "next", "type": ["null", "List"]}]}"#;
    assert_eq!(
        AvroSchema::parse(list, &[]).expect_err("it contains itself"),
        AvroSchemaError::Recursive("List".to_owned())
    );
    assert!(matches!(
        AvroSchema::parse("{\"type\": \"recod\"}", &[]),
        Err(AvroSchemaError::Parse(_))
    ));
}

#[test]
fn a_schema_that_grows_without_end_is_refused() {
    use std::fmt::Write;
    let mut fields = String::from(
        r#"{"name": "f0", "type": {"type": "record", "name": "R0", "fields": [{"name": "x", "type": "int"}]}}"#,
    );
    for n in 1..30 {
        let before = n - 1;
        write!(
            fields,
            r#", {{"name": "f{n}", "type": {{"type": "record", "name": "R{n}", "fields": [{{"name": "a", "type": "R{before}"}}, {{"name": "b", "type": "R{before}"}}]}}}}"#
        )
        .expect("a string takes everything");
    }
    let text = format!(r#"{{"type": "record", "name": "Top", "fields": [{fields}]}}"#);
    assert_eq!(
        AvroSchema::parse(&text, &[]).expect_err("two to the thirtieth"),
        AvroSchemaError::TooLarge
    );
}
