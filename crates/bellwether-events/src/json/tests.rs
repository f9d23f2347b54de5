use super::*;
use crate::batch::{ObservationBatch, Prediction};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use half::f16;
use serde_json::{Value, json};

fn schema() -> ModelSchema {
    ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad", "1"]},
            "slots": {"kind": "sequence_labelling", "labels": ["O", "B-x", "I-x"]},
            "score": {"kind": "regression"}}"#,
        4,
    )
    .unwrap()
}

/// A valid event with some fields replaced; a replacement by null stays in as null.
fn event(changes: &Value) -> Vec<u8> {
    let mut event = json!({
        "event_id": "e1", "task": "mood", "timestamp": 1_773_500_400_000_i64, "text": "fine, thanks",
        "embedding": [0.5, -0.5, 0.25, 1], "prediction": "good", "probabilities": [0.75, 0.25, 0],
    });
    let fields = event.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    serde_json::to_vec(&event).unwrap()
}

fn decode(message: &[u8]) -> (ObservationBatch, Vec<Reject>, usize) {
    let schema = schema();
    let mut builder = ObservationBatch::builder(&schema, 1);
    let mut rejects = Vec::new();
    let records = JsonDecoder::default().observations(&schema, message, &mut builder, &mut rejects);
    assert_eq!(
        records,
        builder.len() + rejects.len(),
        "each record is either taken or refused"
    );
    (builder.finish(), rejects, records)
}

fn accepted(changes: &Value) -> ObservationBatch {
    let (batch, rejects, _) = decode(&event(changes));
    assert_eq!(rejects, []);
    batch
}

#[track_caller]
fn check_refused_message(message: &[u8], reason: RejectReason, detail: &str) {
    let (batch, rejects, _) = decode(message);
    assert!(batch.is_empty());
    assert_eq!(
        rejects,
        [Reject {
            row: 0,
            reason,
            detail: detail.to_owned()
        }]
    );
}

#[track_caller]
fn check_refused(changes: &Value, reason: RejectReason, detail: &str) {
    check_refused_message(&event(changes), reason, detail);
}

#[test]
fn every_field_of_the_contract_is_read() {
    let batch =
        accepted(&json!({"attributes": {"a": [1, {}]}, "model_version": "7", "encoder_version": null}));
    assert_eq!(batch.event_id(0), "e1");
    assert_eq!(batch.tasks(), [schema().task("mood").unwrap()]);
    assert_eq!(batch.timestamps_ms(), [1_773_500_400_000]);
    assert_eq!(batch.text(0), Some("fine, thanks"));
    assert_eq!(batch.embeddings(), [0.5, -0.5, 0.25, 1.0]);
    assert_eq!(batch.prediction(0), Prediction::Class(0));
    assert_eq!(batch.confidences(), [0.75]);
    assert_eq!(
        (batch.model_version(0), &*batch.model_versions()[0]),
        (Some(0), "7")
    );
}

#[test]
fn a_model_version_is_a_string_or_a_whole_number_and_refuses_no_record() {
    let of = |version: Value| {
        let batch = accepted(&json!({"model_version": version}));
        batch
            .model_version(0)
            .map(|id| batch.model_versions()[id as usize].to_string())
    };
    assert_eq!(of(json!("2026-03 \"b\"")), Some("2026-03 \"b\"".to_owned()));
    assert_eq!(of(json!(17)), Some("17".to_owned()));
    for odd in [
        json!(null),
        json!(1.5),
        json!(true),
        json!(["v1"]),
        json!({"v": 1}),
        json!(""),
    ] {
        assert_eq!(of(odd.clone()), None, "{odd}");
    }
}

#[test]
fn attributes_that_are_strings_or_whole_numbers_are_kept_and_nothing_in_them_refuses_a_record() {
    let batch = accepted(&json!({
        "attributes": {"language": "de", "client": 17, "weight": 0.5, "beta": true, "none": null, "list": ["x"], "app \"1\"": "é"}
    }));
    let mut kept: Vec<(&str, &str)> = batch.attributes(0).collect();
    kept.sort_unstable();
    assert_eq!(kept, [("app \"1\"", "é"), ("client", "17"), ("language", "de")]);
    for odd in [
        json!([["a", "b"]]),
        json!("a=b"),
        json!(3),
        json!(-1),
        json!(0.5),
        json!(true),
        json!(null),
        json!({}),
    ] {
        assert_eq!(accepted(&json!({"attributes": odd})).attributes(0).count(), 0);
    }
}

#[test]
fn times_are_rfc3339_or_epoch_milliseconds() {
    const NEITHER: &str = "`timestamp` must be RFC 3339 with an offset (2026-03-14T15:00:00Z) or whole milliseconds \
                           since the epoch, found ";
    for (time, ms) in [
        (json!("2026-03-14T15:00:00Z"), 1_773_500_400_000),
        (json!("2026-03-14T17:00:00.1239+02:00"), 1_773_500_400_123),
        (json!(1_773_500_400_123_i64), 1_773_500_400_123),
        (json!(1_773_500_400_123.0), 1_773_500_400_123),
        (json!("1969-12-31T23:59:59.9995Z"), -1),
    ] {
        assert_eq!(
            accepted(&json!({"timestamp": time})).timestamps_ms(),
            [ms],
            "{time}"
        );
    }
    for (time, found) in [
        (json!("2026-03-14T15:00:00"), "a string that is neither"),
        (json!("yesterday"), "a string that is neither"),
        (json!(1.5), "a fraction"),
        (json!(true), "a boolean"),
    ] {
        check_refused(
            &json!({"timestamp": time}),
            RejectReason::InvalidField,
            &format!("{NEITHER}{found}"),
        );
    }
    for time in [
        json!(1_773_500_400_123_456_789_u64),
        json!(u64::MAX),
        json!(1e300),
    ] {
        check_refused(
            &json!({"timestamp": time}),
            RejectReason::InvalidField,
            "`timestamp` is outside the years 0 to 9999; send milliseconds since the epoch, not a finer unit",
        );
    }
}

#[test]
fn embeddings_may_be_base64_of_either_width() {
    let values = [0.5_f32, -0.5, 0.25, 1.0];
    let wide: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let narrow: Vec<u8> = values
        .iter()
        .flat_map(|v| f16::from_f32(*v).to_le_bytes())
        .collect();
    for text in [
        STANDARD.encode(&wide),
        STANDARD_NO_PAD.encode(&wide),
        STANDARD.encode(&narrow),
    ] {
        assert_eq!(accepted(&json!({"embedding": text})).embeddings(), values);
    }
    check_refused(
        &json!({"embedding": STANDARD.encode(&wide[..12])}),
        RejectReason::EmbeddingWidth,
        "`embedding` has 12 bytes of base64 (2 or 4 a component), the reference was built for 4; send the same encoder's \
         output, or rebuild the reference for the new encoder",
    );
    check_refused(
        &json!({"embedding": "not base64!"}),
        RejectReason::InvalidField,
        "`embedding` must be an array of numbers or base64 of little-endian floats, found a string that is not base64",
    );
}

#[test]
fn predictions_of_every_kind_are_read() {
    assert_eq!(
        accepted(&json!({"prediction": 1, "event_id": u64::MAX})).prediction(0),
        Prediction::Class(2)
    );
    assert_eq!(
        accepted(&json!({"event_id": u64::MAX})).event_id(0),
        "18446744073709551615"
    );
    let number = json!({"task": "score", "probabilities": []});
    for prediction in [json!("2.50"), json!(2.5)] {
        let mut changes = number.clone();
        changes["prediction"] = prediction;
        assert_eq!(accepted(&changes).prediction(0), Prediction::Value(2.5));
    }
    let flat = json!({"task": "slots", "prediction": "O B-x", "probabilities": [1, 0, 0, 0.25, 0.5, 0.25]});
    let rows =
        json!({"task": "slots", "prediction": "O B-x", "probabilities": [[1, 0, 0], [0.25, 0.5, 0.25]]});
    for changes in [flat, rows] {
        let batch = accepted(&changes);
        assert_eq!(
            (batch.prediction(0), batch.confidences()),
            (Prediction::Tags("O B-x"), &[0.5_f32][..])
        );
    }
    // The text has two words: another number of tags is the tokenizer's business.
    accepted(&json!({"task": "slots", "prediction": "O O O", "probabilities": null}));
}

#[test]
fn probabilities_may_be_named_and_incomplete() {
    let batch = accepted(&json!({"probabilities": {"bad": 0.25, "good": 0.625}}));
    assert_eq!(batch.confidences(), [0.625]);
    for nothing in [json!(null), json!([]), json!({})] {
        assert!(accepted(&json!({"probabilities": nothing})).confidences()[0].is_nan());
    }
}

#[test]
fn malformed_messages_say_what_is_malformed() {
    use RejectReason::Malformed;
    check_refused_message(b" \n", Malformed, "the message is empty");
    check_refused_message(
        b"[1]",
        Malformed,
        "a record must be a JSON object, found a number",
    );
    check_refused_message(b"null", Malformed, "a record must be a JSON object, found null");
    check_refused_message(
        b"\"secret\"",
        Malformed,
        "a record must be a JSON object, found a string",
    );
    check_refused_message(
        b"{\"text\": \"secret",
        Malformed,
        "the message is not valid JSON: EOF while parsing a string at line 1 column 16",
    );
    check_refused_message(
        b"{\"text\" 1}",
        Malformed,
        "the message is not valid JSON: expected `:` at line 1 column 9",
    );
}

#[test]
fn missing_fields_are_named() {
    use RejectReason::MissingField;
    for field in ["event_id", "task", "timestamp", "prediction"] {
        check_refused(
            &json!({field: null}),
            MissingField,
            &format!("`{field}` is missing or null"),
        );
    }
    check_refused(
        &json!({"event_id": ""}),
        MissingField,
        "`event_id` is empty; send an identifier that is unique within the stream",
    );
    check_refused(
        &json!({"embedding": []}),
        MissingField,
        "`embedding` is missing and no encoder is configured for `text`; send the shared encoder's embedding, or name the encoder",
    );
    check_refused(
        &json!({"embedding": null, "text": null}),
        MissingField,
        "`embedding` is missing or null; send the shared encoder's embedding",
    );
    check_refused(
        &json!({"task": "slots", "prediction": " ", "probabilities": null}),
        MissingField,
        "`prediction` of the sequence-labelling task `slots` holds no tag",
    );
}

#[test]
fn wrong_types_are_named() {
    use RejectReason::InvalidField;
    check_refused(
        &json!({"event_id": 1.5}),
        InvalidField,
        "`event_id` must be a string or an integer, found a number",
    );
    check_refused(
        &json!({"text": {"a": 1}}),
        InvalidField,
        "`text` must be a string, found an object",
    );
    check_refused(
        &json!({"prediction": ["good"]}),
        InvalidField,
        "`prediction` must be a string or a number, found an array",
    );
    check_refused(
        &json!({"embedding": [0.5, "secret", 0, 0]}),
        InvalidField,
        "`embedding` must be an array of numbers or base64 of little-endian floats, found a string in the array",
    );
    check_refused(
        &json!({"probabilities": [0.5, [0.5]]}),
        InvalidField,
        "`probabilities` must be an array of numbers or an object from label to number, found an array in it",
    );
    check_refused(
        &json!({"task": "score", "prediction": "high", "probabilities": null}),
        InvalidField,
        "`prediction` of the regression task `score` must be a number",
    );
    check_refused(
        &json!({"task": "slots", "prediction": 3}),
        InvalidField,
        "`prediction` of the sequence-labelling task `slots` must be space-separated tags, found a number",
    );
}

#[test]
fn unknown_tasks_and_predictions_are_answered_with_the_known_ones() {
    check_refused(
        &json!({"task": "moood\n"}),
        RejectReason::UnknownTask,
        "task `moood\\n` is not one of the model's (`mood`, `score`, `slots`); name one of these, or add the task to \
         tasks.json and rebuild the reference",
    );
    check_refused(
        &json!({"prediction": "x".repeat(100)}),
        RejectReason::UnknownPrediction,
        &format!(
            "prediction `{}…` is not one of the labels of task `mood` (`good`, `bad`, `1`); if the head was extended, add \
             the label to tasks.json and rebuild the reference",
            "x".repeat(64)
        ),
    );
    check_refused(
        &json!({"task": "slots", "prediction": "O I-y"}),
        RejectReason::UnknownPrediction,
        "prediction `I-y` is not one of the labels of task `slots` (`O`, `B-x`, `I-x`); if the head was extended, add the \
         label to tasks.json and rebuild the reference",
    );
}

#[test]
fn a_wrong_width_says_both_widths() {
    check_refused(
        &json!({"embedding": [1, 2, 3]}),
        RejectReason::EmbeddingWidth,
        "`embedding` has 3 components, the reference was built for 4; send the same encoder's output, or rebuild the \
         reference for the new encoder",
    );
}

#[test]
fn numbers_that_are_not_finite_are_named_however_they_are_written() {
    let refused = |field: &str| {
        format!("`{field}` holds NaN, an infinity or a null; drop the event or mend the model that sent it")
    };
    let written = String::from_utf8(event(&json!({}))).unwrap();
    for number in ["NaN", "Infinity", "-Infinity", "1e999", "null", "1e39"] {
        let message = written.replace("[0.5,-0.5,", &format!("[0.5,\n {number},"));
        check_refused_message(message.as_bytes(), RejectReason::NonFinite, &refused("embedding"));
    }
    for number in ["NaN", "null"] {
        let message = written.replace("[0.75,", &format!("[{number},"));
        check_refused_message(
            message.as_bytes(),
            RejectReason::NonFinite,
            &refused("probabilities"),
        );
    }
    let score = json!({"task": "score", "prediction": "inf", "probabilities": null});
    check_refused(&score, RejectReason::NonFinite, &refused("prediction"));
}

#[test]
fn probabilities_must_fit_the_labels() {
    use RejectReason::Probabilities;
    for (probabilities, detail) in [
        (
            json!([0.5, 0.5]),
            "`probabilities` must hold one number for each of the 3 labels of task `mood`, got 2",
        ),
        (
            json!([[0.5, 0.5, 0]]),
            "`probabilities` must hold one number for each of the 3 labels of task `mood`, got 1 arrays of 3",
        ),
        (
            json!([1.5, 0, 0]),
            "`probabilities` holds 1.5, which is not between 0 and 1; send probabilities, not scores or logits",
        ),
        (
            json!([1, -0.25, 0]),
            "`probabilities` holds -0.25, which is not between 0 and 1; send probabilities, not scores or logits",
        ),
        (
            json!([[0.5], [0.5, 0]]),
            "`probabilities` holds arrays of different lengths; send one number for each label in every token's array",
        ),
        (
            json!({"good": 0.5, "so": 0.5}),
            "`probabilities` names `so`, which is not a label of task `mood`; if the head was extended, add the label to \
             tasks.json and rebuild the reference",
        ),
    ] {
        check_refused(&json!({"probabilities": probabilities}), Probabilities, detail);
    }
    check_refused(
        &json!({"task": "slots", "prediction": "O O", "probabilities": [[1, 0], [1, 0], [1, 0]]}),
        Probabilities,
        "`probabilities` must hold 2 tags × 3 labels = 6 numbers for task `slots`, got 3 arrays of 2",
    );
    check_refused(
        &json!({"task": "slots", "prediction": "O", "probabilities": {"O": 1}}),
        Probabilities,
        "`probabilities` may be an object only for a classification task, which `slots` is not; send an array",
    );
    check_refused(
        &json!({"task": "score", "prediction": 1, "probabilities": [1]}),
        Probabilities,
        "the regression task `score` has no labels and takes no `probabilities`, got 1",
    );
}

#[test]
fn a_message_may_carry_several_records_and_a_broken_one_costs_no_other() {
    let line = |id: &str| event(&json!({"event_id": id}));
    let ids = |message: &[u8]| {
        let (batch, rejects, records) = decode(message);
        let ids: Vec<String> = (0..batch.len())
            .map(|row| batch.event_id(row).to_owned())
            .collect();
        (
            ids.join(","),
            rejects.iter().map(|r| r.row).collect::<Vec<_>>(),
            records,
        )
    };
    let (a, b, c) = (line("a"), line("b"), line("c"));
    let lines = [&a[..], b"\r\n\n", &b[..a.len() / 2], b"\n", &c, b"\n"].concat();
    assert_eq!(ids(&lines), ("a,c".to_owned(), vec![1], 3));
    let array = [b"\xef\xbb\xbf [", &a[..], b",\n", &b, b", 7,\n", &c, b"]"].concat();
    assert_eq!(ids(&array), ("a,b,c".to_owned(), vec![2], 4));
    let cut = [b"[", &a[..], b",\n", &b[..9]].concat();
    assert_eq!(ids(&cut), ("a".to_owned(), vec![1], 2));
    let pretty = serde_json::to_vec_pretty(&serde_json::from_slice::<Value>(&a).unwrap()).unwrap();
    assert_eq!(
        ids(&[&pretty[..], b"\n", &b].concat()),
        ("a,b".to_owned(), vec![], 2)
    );
    assert_eq!(ids(b"[]"), (String::new(), vec![], 0));
}

#[test]
fn buffers_of_one_record_do_not_leak_into_the_next() {
    let full = event(&json!({}));
    let bare = br#"{"event_id": "e2", "task": "mood", "timestamp": 0, "prediction": "bad"}"#;
    let (batch, rejects, _) = decode(&[&full[..], b"\n", bare].concat());
    assert_eq!(batch.len(), 1);
    assert_eq!(
        (rejects[0].row, rejects[0].reason),
        (1, RejectReason::MissingField)
    );
}

#[test]
fn labels_are_read_and_refused_like_observations() {
    let message = br#"{"event_id": 7, "timestamp": "2026-03-14T15:00:00Z", "label": "good", "task": "mood"}
{"event_id": "e2", "timestamp": 1, "label": 2.5}
{"event_id": "e3", "timestamp": 1, "label": ""}
{"event_id": "e4", "label": "good"}
{"event_id": "e5", "timestamp": 1}"#;
    let (mut labels, mut rejects) = (Vec::new(), Vec::new());
    assert_eq!(
        JsonDecoder::default().labels(message, &mut labels, &mut rejects),
        5
    );
    let row = |event_id: &str, timestamp_ms, label: &str| LabelRow {
        event_id: event_id.into(),
        timestamp_ms,
        label: label.into(),
    };
    assert_eq!(labels, [row("7", 1_773_500_400_000, "good"), row("e2", 1, "2.5")]);
    let details: Vec<String> = rejects.iter().map(ToString::to_string).collect();
    assert_eq!(
        details,
        [
            "row 2: missing_field: `label` is empty; send the truth as the prediction is written",
            "row 3: missing_field: `timestamp` is missing or null",
            "row 4: missing_field: `label` is missing or null",
        ]
    );
}

#[test]
fn a_reference_keeps_labels_beside_their_observations() {
    use RejectReason::{EmbeddingWidth, InvalidField, MissingField};
    let schema = schema();
    let message = [
        event(&json!({"event_id": "a", "label": "bad"})),
        event(&json!({"event_id": "b"})),
        event(&json!({"event_id": "c", "label": "good", "embedding": [1]})),
        event(&json!({"task": "score", "prediction": 1, "probabilities": null, "label": "many"})),
        event(&json!({"event_id": "e", "label": "out of scope"})),
    ]
    .join(&b'\n');
    let mut builder = ObservationBatch::builder(&schema, 5);
    let (mut labels, mut rejects) = (Vec::new(), Vec::new());
    let records =
        JsonDecoder::default().reference(&schema, &message, &mut builder, &mut labels, &mut rejects);
    let batch = builder.finish();
    assert_eq!((records, batch.len()), (5, 2));
    assert_eq!((batch.event_id(0), batch.event_id(1)), ("a", "e"));
    assert_eq!(labels, ["bad", "out of scope"]);
    let details: Vec<(usize, RejectReason)> = rejects.iter().map(|r| (r.row, r.reason)).collect();
    assert_eq!(
        details,
        [(1, MissingField), (2, EmbeddingWidth), (3, InvalidField)]
    );
}

#[test]
fn the_width_of_an_array_is_found() {
    let mut decoder = JsonDecoder::default();
    assert_eq!(
        decoder.embedding_width(b"{\"text\": \"x\"}\n{\"embedding\": [1, 2]}\n{\"embedding\": [1]}"),
        Some(2)
    );
    assert_eq!(decoder.embedding_width(br#"{"embedding": "AAAA"}"#), None);
}
