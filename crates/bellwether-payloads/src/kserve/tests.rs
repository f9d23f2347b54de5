use super::*;
use crate::record::Position;
use bellwether_events::{ObservationBatch, Prediction};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn schema() -> ModelSchema {
    ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]},
            "slots": {"kind": "sequence_labelling", "labels": ["O", "B-x"]}}"#,
        2,
    )
    .expect("a schema")
}

fn limits() -> PairLimits {
    PairLimits {
        max_records: 10,
        max_bytes: 1 << 20,
        max_age_ms: 60_000,
    }
}

/// A record as the logger's sink writes it, in binary mode.
#[derive(Clone)]
struct Sent {
    headers: Vec<(String, String)>,
    payload: Vec<u8>,
    partition: i32,
    offset: i64,
}

fn sent(id: &str, half: &str, second: u32, body: &Json) -> Sent {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Sent {
        headers: vec![
            header("ce_specversion", "1.0"),
            header("ce_id", id),
            header("ce_source", "http://localhost:9081/"),
            header("ce_type", &format!("org.kubeflow.serving.inference.{half}")),
            header("ce_time", &format!("2026-03-14T15:00:{second:02}.25Z")),
            header("ce_inferenceservicename", "mood"),
            header("ce_namespace", "models"),
            header("content-type", "application/json"),
        ],
        payload: body.to_string().into_bytes(),
        partition: 0,
        offset: 0,
    }
}

/// The same event in structured mode.
fn structured(event: &Sent) -> Sent {
    let mut whole = serde_json::Map::new();
    for (name, value) in &event.headers {
        if let Some(name) = name.strip_prefix("ce_") {
            whole.insert(name.to_owned(), json!(value));
        }
    }
    whole.insert("datacontenttype".to_owned(), json!("application/json"));
    let data: Json = serde_json::from_slice(&event.payload).expect("JSON");
    whole.insert("data".to_owned(), data);
    Sent {
        headers: vec![(
            "content-type".to_owned(),
            "application/cloudevents+json; charset=UTF-8".to_owned(),
        )],
        payload: Json::Object(whole).to_string().into_bytes(),
        partition: event.partition,
        offset: event.offset,
    }
}

fn v1_call(id: &str) -> [Sent; 2] {
    [
        sent(id, "request", 1, &json!({"instances": [{"text": "fine"}]})),
        sent(
            id,
            "response",
            2,
            &json!({"predictions": [{"label": "good", "probabilities": [0.75, 0.25], "embedding": [0.5, -1.0]}]}),
        ),
    ]
}

struct Run {
    batch: ObservationBatch,
    rejects: Vec<String>,
    given_back: Vec<GivenBack>,
    waiting: (usize, usize),
}

fn run_with(decoder: &mut KserveDecoder, stream: &[Sent]) -> Run {
    let schema = schema();
    let mut builder = ObservationBatch::builder(&schema, 1);
    let (mut rejects, mut given_back) = (Vec::new(), Vec::new());
    for event in stream {
        let headers: Vec<(&str, &[u8])> = event
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let record = Record {
            topic: "inference-log",
            position: Position {
                partition: event.partition,
                offset: event.offset,
            },
            key: None,
            headers: &headers,
            timestamp_ms: Some(1_773_500_700_000),
            payload: &event.payload,
        };
        let mut scratch = Scratch::default();
        let taken = decoder.observations(&schema, &record, &mut scratch, &mut builder, &mut given_back);
        rejects.extend(taken.rejects.iter().map(ToString::to_string));
    }
    Run {
        batch: builder.finish(),
        rejects,
        given_back,
        waiting: decoder.waiting(),
    }
}

fn run(stream: &[Sent]) -> Run {
    run_with(&mut KserveDecoder::new(default_fields(), limits()), stream)
}

#[track_caller]
fn check_one(run: &Run) {
    assert_eq!(run.rejects, Vec::<String>::new());
    assert_eq!((run.batch.len(), run.waiting), (1, (0, 0)));
    assert_eq!(run.batch.event_id(0), "e1");
    assert_eq!(run.batch.timestamps_ms(), [1_773_500_402_250], "when it answered");
    assert_eq!(run.batch.text(0), Some("fine"));
    assert_eq!(run.batch.embedding(0), [0.5, -1.0]);
    assert_eq!(run.batch.prediction(0), Prediction::Class(0));
    assert_eq!(run.batch.class_probabilities(0), [0.75, 0.25]);
}

#[test]
fn the_two_halves_of_a_call_meet_in_any_order_and_mode() {
    let [request, response] = v1_call("e1");
    let modes = [request.clone(), structured(&request)];
    for request in &modes {
        for response in [&response, &structured(&response)] {
            check_one(&run(&[request.clone(), response.clone()]));
            check_one(&run(&[response.clone(), request.clone()]));
        }
    }
}

#[test]
fn open_inference_tensors_become_the_columns_of_their_names() {
    let request = json!({"id": "r1", "inputs": [
        {"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": ["fine", "poor"]}]});
    let response = json!({"model_name": "mood", "model_version": "7", "outputs": [
        {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["good", "bad"]},
        {"name": "probabilities", "shape": [2, 2], "datatype": "FP32", "data": [0.75, 0.25, 0.5, 0.5]},
        {"name": "embedding", "shape": [2, 2], "datatype": "FP32", "data": [[0.5, -1.0], [1.0, 2.0]]}]});
    let run = run(&[
        sent("e1", "request", 1, &request),
        sent("e1", "response", 2, &response),
    ]);
    assert_eq!(run.rejects, Vec::<String>::new());
    assert_eq!((run.batch.event_id(0), run.batch.event_id(1)), ("e1-0", "e1-1"));
    assert_eq!(
        (run.batch.text(0), run.batch.text(1)),
        (Some("fine"), Some("poor"))
    );
    assert_eq!(run.batch.embeddings(), [0.5, -1.0, 1.0, 2.0]);
    assert_eq!(run.batch.prediction(1), Prediction::Class(1));
    assert_eq!(run.batch.class_probabilities(1), [0.5, 0.5]);
    assert_eq!(&*run.batch.model_versions()[0], "7");
}

#[test]
fn raw_contents_are_read_in_every_type() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let halves: Vec<u8> = [0.5_f32, -1.0]
        .map(half::f16::from_f32)
        .map(half::f16::to_le_bytes)
        .concat();
    let text: Vec<u8> = [&4_u32.to_le_bytes()[..], b"fine"].concat();
    let singles: Vec<u8> = [0.75_f32, 0.25].map(f32::to_le_bytes).concat();
    let request = json!({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES"}],
                         "raw_input_contents": [STANDARD.encode(text)]});
    let response = json!({"outputs": [
        {"name": "embedding", "shape": [1, 2], "datatype": "FP16"},
        {"name": "probabilities", "shape": [1, 2], "datatype": "FP32"}],
        "raw_output_contents": [STANDARD.encode(halves), STANDARD.encode(singles)]});
    let run = run(&[
        sent("e1", "request", 1, &request),
        sent("e1", "response", 2, &response),
    ]);
    assert_eq!(run.rejects, Vec::<String>::new());
    assert_eq!(
        (run.batch.text(0), run.batch.embedding(0)),
        (Some("fine"), &[0.5, -1.0][..])
    );
    assert_eq!(
        run.batch.prediction(0),
        Prediction::Class(0),
        "the likeliest class"
    );
}

#[test]
fn contents_by_type_and_wide_floats_are_read() {
    let request = json!({"inputs": [{"name": "text", "shape": ["1"], "datatype": "BYTES",
                                     "contents": {"bytesContents": ["ZmluZQ=="]}}]});
    let response = json!({"outputs": [
        {"name": "embedding", "shape": [2], "datatype": "FP64", "data": [0.5, -1.0]},
        {"name": "label", "shape": [1], "datatype": "BYTES", "data": ["YmFk"], "parameters": {"content_type": "base64"}}]});
    let run = run(&[
        sent("e1", "request", 1, &request),
        sent("e1", "response", 2, &response),
    ]);
    assert_eq!(run.rejects, Vec::<String>::new());
    assert_eq!(
        (run.batch.text(0), run.batch.embedding(0)),
        (Some("fine"), &[0.5, -1.0][..])
    );
    assert_eq!(run.batch.prediction(0), Prediction::Class(1));
}

#[test]
fn what_is_redacted_is_missing_and_no_text() {
    let [_, response] = v1_call("e1");
    for request in [
        json!({"instances": [{"text": "__REDACTED__"}]}),
        json!({"instances": ["__REDACTED__"]}),
        json!({"instances": "__REDACTED__"}),
    ] {
        let run = run(&[sent("e1", "request", 1, &request), response.clone()]);
        assert_eq!(run.rejects, Vec::<String>::new());
        assert_eq!((run.batch.len(), run.batch.text(0)), (1, None));
    }
    let request =
        json!({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": "__REDACTED__"}]});
    let response = json!({"outputs": [
        {"name": "label", "shape": [1], "datatype": "BYTES", "data": ["__REDACTED__"]},
        {"name": "embedding", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]});
    let run = run(&[
        sent("e1", "request", 1, &request),
        sent("e1", "response", 2, &response),
    ]);
    assert_eq!(
        run.rejects,
        [
            "row 0: missing_field: `prediction` is missing or null; it is looked for at `value:response.prediction | value:response.label`"
        ]
    );
    assert_eq!(run.given_back.len(), 1, "neither half was of use");
}

#[test]
fn bare_values_of_the_v1_protocol_have_a_name() {
    let mut fields = default_fields();
    fields.embedding = Some("request.embedding".parse().expect("a path"));
    let mut decoder = KserveDecoder::new(fields, limits());
    let run = run_with(
        &mut decoder,
        &[
            sent(
                "e1",
                "request",
                1,
                &json!({"instances": [[0.5, 1.0], {"embedding": {"b64": "AAAAPwAAgD8="}}]}),
            ),
            sent(
                "e1",
                "response",
                2,
                &json!({"predictions": ["bad", [0.75, 0.25]]}),
            ),
        ],
    );
    assert_eq!(run.rejects, Vec::<String>::new());
    assert_eq!(run.batch.embeddings(), [0.5, 1.0, 0.5, 1.0]);
    assert_eq!(
        (run.batch.prediction(0), run.batch.prediction(1)),
        (Prediction::Class(1), Prediction::Class(0))
    );
}

#[test]
fn halves_that_wait_too_long_are_given_back_oldest_first() {
    let request = |id: &str, second: u32| sent(id, "request", second, &json!({"instances": ["x"]}));
    let mut late = request("late", 0);
    late.headers[4].1 = "2026-03-14T15:02:00Z".to_owned();
    let run_of = |limits: PairLimits, stream: &[Sent]| {
        let run = run_with(&mut KserveDecoder::new(default_fields(), limits), stream);
        let back: Vec<String> = run
            .given_back
            .iter()
            .map(|back| back.reject.to_string())
            .collect();
        (back, run.waiting.0)
    };
    let (back, waiting) = run_of(limits(), &[request("a", 30), request("b", 20), late]);
    assert_eq!(
        back[0],
        "row 0: unpaired: the response of call `b` did not come within payloads.kserve.max_age (60 s of event time); \
         let the logger send both (`mode: all`), or raise the limit"
    );
    assert_eq!((back.len(), waiting), (2, 1));

    let few = PairLimits {
        max_records: 2,
        ..limits()
    };
    let (back, waiting) = run_of(few, &[request("a", 3), request("b", 1), request("c", 2)]);
    assert!(
        back[0].contains("`b`") && back[0].contains("max_records (2)"),
        "{back:?}"
    );
    assert_eq!((back.len(), waiting), (1, 2));

    let small = PairLimits {
        max_bytes: 1,
        ..limits()
    };
    let (back, waiting) = run_of(small, &[request("a", 3)]);
    assert!(back[0].contains("max_bytes (1)"), "{back:?}");
    assert_eq!(waiting, 0);
}

#[test]
fn a_partition_that_is_ahead_ages_no_half_of_another() {
    let [request, response] = v1_call("e1");
    let mut ahead = sent("ahead", "request", 0, &json!({"instances": ["x"]}));
    ahead.headers[4].1 = "2026-03-14T15:04:00Z".to_owned();
    for (partition, observations, given_back) in [(1, 1, 0), (0, 0, 2)] {
        ahead.partition = partition;
        let run = run(&[request.clone(), ahead.clone(), response.clone()]);
        assert_eq!(
            (run.batch.len(), run.given_back.len()),
            (observations, given_back)
        );
    }
}

#[test]
fn a_clock_far_ahead_sends_nobody_away() {
    let [request, response] = v1_call("e1");
    let mut ahead = sent("ahead", "request", 0, &json!({"instances": ["x"]}));
    ahead.headers[4].1 = "2099-01-01T00:00:00Z".to_owned();
    let long = PairLimits {
        max_age_ms: 600_000,
        ..limits()
    };
    let mut decoder = KserveDecoder::new(default_fields(), long);
    let run = run_with(&mut decoder, &[request, ahead, response]);
    assert_eq!((run.batch.len(), run.given_back.len(), run.waiting.0), (1, 0, 1));
}

#[test]
fn headers_and_keys_are_the_responses_whichever_came_first() {
    let mut fields = default_fields();
    fields.model_version = Some("header:model".parse().expect("a source"));
    let [mut request, mut response] = v1_call("e1");
    request
        .headers
        .push(("model".to_owned(), "of the request".to_owned()));
    response
        .headers
        .push(("model".to_owned(), "of the response".to_owned()));
    for stream in [[&request, &response], [&response, &request]] {
        let mut decoder = KserveDecoder::new(fields.clone(), limits());
        let run = run_with(&mut decoder, &stream.map(Clone::clone));
        assert_eq!(&*run.batch.model_versions()[0], "of the response");
    }
}

#[test]
fn a_record_that_comes_back_is_the_one_that_came() {
    let mut request = sent("a", "request", 1, &json!({"instances": ["x"]}));
    request.offset = 41;
    let mut decoder = KserveDecoder::new(
        default_fields(),
        PairLimits {
            max_records: 0,
            ..limits()
        },
    );
    let run = run_with(&mut decoder, std::slice::from_ref(&request));
    let back = &run.given_back[0].record;
    assert_eq!(
        (back.position.offset, &*back.payload),
        (41, request.payload.as_slice())
    );
    assert_eq!(back.headers.len(), request.headers.len());
}

#[test]
fn the_same_half_twice_waits_once() {
    let [request, response] = v1_call("e1");
    check_one(&run(&[request.clone(), request.clone(), response]));
}

#[test]
fn what_waits_is_gone_on_from_by_another_decoder() {
    let calls = ["e1", "e2", "e3"].map(v1_call);
    let [requests, responses] = [0, 1].map(|half| calls.each_ref().map(|call| call[half].clone()));
    let mut first = KserveDecoder::new(default_fields(), limits());
    run_with(&mut first, &requests);
    let bytes = serde_json::to_vec(&first.halves()).expect("halves are data");
    let halves = serde_json::from_slice(&bytes).expect("halves come back");
    let mut second = KserveDecoder::new(default_fields(), limits());
    second.resume(&halves);
    assert_eq!(second.halves(), first.halves());
    assert_eq!(second.waiting(), first.waiting());
    let (gone_on, undisturbed) = (
        run_with(&mut second, &responses),
        run_with(&mut first, &responses),
    );
    assert_eq!(gone_on.batch.len(), 3);
    assert_eq!(gone_on.batch.event_id(2), undisturbed.batch.event_id(2));
    assert_eq!(gone_on.waiting, (0, 0));
}

#[test]
fn what_is_no_event_of_the_logger_says_why() {
    let [request, response] = v1_call("e1");
    let without = |name: &str| {
        let mut event = request.clone();
        event.headers.retain(|(key, _)| key != name);
        run(&[event]).rejects.join("")
    };
    for name in ["ce_id", "ce_type", "ce_specversion"] {
        assert!(
            without(name).contains(&format!("send the header `{name}`")),
            "{}",
            without(name)
        );
    }
    assert_eq!(without("ce_time"), "", "the record has a time too");
    let mut other = request.clone();
    other.headers[3].1 = "org.kubeflow.serving.inference.feedback".to_owned();
    assert!(run(&[other]).rejects[0].contains("is of type `org.kubeflow.serving.inference.feedback`"));
    let mut no_json = request.clone();
    no_json.payload = b"\x00\x01".to_vec();
    assert!(run(&[no_json]).rejects[0].contains("the body of the event is not JSON"));
    let answer = |body: Json| {
        run(&[request.clone(), sent("e1", "response", 2, &body)])
            .rejects
            .join("")
    };
    assert!(answer(json!({"error": "out of memory"})).contains("answered with an error"));
    assert!(answer(json!({})).contains("neither `predictions`"));
    assert!(answer(json!({"predictions": [1, 2]})).contains("1 instances and the response 2 predictions"));
    assert!(answer(json!({"outputs": []})).contains("the request holds no `inputs`"));
    drop(response);
}

#[test]
fn tensors_that_do_not_fit_say_which() {
    let answer = |input: Json, output: Json| {
        run(&[
            sent("e1", "request", 1, &json!({"inputs": [input]})),
            sent("e1", "response", 2, &json!({"outputs": [output]})),
        ])
        .rejects
        .join("")
    };
    let text = json!({"name": "text", "shape": [3], "datatype": "BYTES", "data": ["a", "b", "c"]});
    let label =
        |shape: Json, data: Json| json!({"name": "label", "shape": shape, "datatype": "BYTES", "data": data});
    let error = answer(text.clone(), label(json!([2]), json!(["good", "bad"])));
    assert!(error.contains("`text` has 3, `label` has 2"), "{error}");
    let error = answer(text.clone(), label(json!([3]), json!(["good"])));
    assert!(
        error.contains("tensor `label` has 1 values, and its shape [3] says 3"),
        "{error}"
    );
    let error = answer(text.clone(), label(json!([u64::MAX, 4]), json!([])));
    assert!(error.contains("a shape without measure"), "{error}");
    let error = answer(
        text.clone(),
        json!({"name": "x", "shape": [3], "datatype": "FP32", "parameters": {"binary_data_size": 12}}),
    );
    assert!(error.contains("turn off the binary data extension"), "{error}");
    let error = answer(text, json!({"shape": [1]}));
    assert!(error.contains("a tensor has no `name`"), "{error}");
    let huge = json!({"name": "text", "shape": [4_000_000_000_u64], "datatype": "BYTES", "data": null});
    let error = answer(
        huge,
        json!({"name": "label", "shape": [4_000_000_000_u64], "datatype": "BYTES", "data": null}),
    );
    assert!(error.contains("at most 100000 are read"), "{error}");
}

#[test]
fn tags_come_as_a_tensor() {
    let mut fields = default_fields();
    fields.task = "constant:slots".parse().expect("a source");
    let mut decoder = KserveDecoder::new(fields, limits());
    let request = json!({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["to x"]}]});
    let response = json!({"outputs": [
        {"name": "prediction", "shape": [1, 2], "datatype": "BYTES", "data": ["O", "B-x"]},
        {"name": "probabilities", "shape": [1, 2, 2], "datatype": "FP32", "data": [1, 0, 0.25, 0.75]},
        {"name": "embedding", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]});
    let run = run_with(
        &mut decoder,
        &[
            sent("e1", "request", 1, &request),
            sent("e1", "response", 2, &response),
        ],
    );
    assert_eq!(run.rejects, Vec::<String>::new());
    assert_eq!(run.batch.prediction(0), Prediction::Tags("O B-x"));
    assert_eq!(run.batch.confidences(), [0.75]);
}

proptest! {
    /// Calls whose halves are shuffled: each gives one observation, whatever the order.
    #[test]
    fn every_call_of_a_shuffled_stream_is_one_observation(
        order in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let halves: Vec<Sent> = (0..10).flat_map(|n| v1_call(&format!("e{n}"))).collect();
        let stream: Vec<Sent> = order.into_iter().map(|at| halves[at].clone()).collect();
        let run = run(&stream);
        let mut ids: Vec<String> = (0..run.batch.len()).map(|row| run.batch.event_id(row).to_owned()).collect();
        ids.sort();
        let expected: Vec<String> = (0..10).map(|n| format!("e{n}")).collect();
        prop_assert_eq!(ids, expected);
        prop_assert_eq!((run.rejects.len(), run.given_back.len(), run.waiting), (0, 0, (0, 0)));
    }

    #[test]
    fn changed_bytes_do_no_harm(at in 0_usize..400, byte: u8) {
        let [mut request, mut response] = v1_call("e1");
        for event in [&mut request, &mut response] {
            let length = event.payload.len();
            event.payload[at % length] = byte;
        }
        let [request, response] = [structured_bytes(&request), response];
        let _ = run(&[request, response]);
    }
}

/// Structured mode with a body that need not be JSON.
fn structured_bytes(event: &Sent) -> Sent {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(&event.payload);
    let whole = json!({"specversion": "1.0", "id": "e1", "type": "org.kubeflow.serving.inference.request",
                       "inferenceservicename": "mood", "namespace": "models",
                       "time": "2026-03-14T15:00:01Z", "data_base64": data});
    Sent {
        headers: vec![(
            "content-type".to_owned(),
            "application/cloudevents+json".to_owned(),
        )],
        payload: whole.to_string().into_bytes(),
        partition: 0,
        offset: 0,
    }
}
