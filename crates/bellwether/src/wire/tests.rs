use super::*;
use bellwether_ingest::PartitionEvent;
use bellwether_payloads::{
    Format, PairLimits, PayloadConfig, SchemaLanguage, SchemaSource, SourceError, WriterSchema,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn schema() -> ModelSchema {
    ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]}}"#,
        2,
    )
    .expect("a schema")
}

fn message(kind: TopicKind, offset: i64, headers: &[(&str, &str)], payload: &[u8]) -> RawMessage {
    let partition = TopicPartition { kind, partition: 3 };
    RawMessage::new(partition, offset, payload.to_vec().into())
        .with_headers(headers.iter().map(|(name, value)| (*name, value.as_bytes())))
}

fn batch(messages: Vec<RawMessage>) -> Batch {
    Batch {
        messages,
        ..Batch::default()
    }
}

fn topics() -> Topics {
    let config = bellwether_ingest::Config {
        labels_topic: Some("labels".to_owned()),
        ..bellwether_ingest::Config::default()
    };
    Topics::new(&config)
}

fn decoder(config: PayloadConfig, registry: Option<Registry>) -> WireDecoder {
    WireDecoder {
        payloads: PayloadDecoder::new(config, registry),
        topics: topics(),
        leaves_halves: false,
    }
}

fn event_times(decoded: &Decoded) -> Vec<Option<i64>> {
    decoded.of_message.iter().map(|of| of.event_time_ms).collect()
}

const OBSERVATION: &[u8] = br#"{"event_id": "e1", "task": "mood", "timestamp": 1773500400000, "embedding": [1, 2], "prediction": "good"}"#;

#[test]
fn both_topics_are_decoded_and_a_bad_record_stops_no_other() {
    let mut decoder = decoder(PayloadConfig::default(), None);
    let decoded = decoder
        .decode(
            &schema(),
            &batch(vec![
                message(TopicKind::Observations, 0, &[], b"{"),
                message(
                    TopicKind::Observations,
                    1,
                    &[("content-type", "application/json")],
                    OBSERVATION,
                ),
                message(
                    TopicKind::Labels,
                    0,
                    &[],
                    br#"{"event_id": "e1", "timestamp": 1773500500000, "label": "bad"}"#,
                ),
                message(TopicKind::Labels, 1, &[], &[0, 0, 0, 0, 1, 2]),
            ]),
        )
        .expect("no registry is asked");
    assert_eq!((decoded.observations.len(), decoded.labels.len()), (1, 1));
    let refused: Vec<(usize, &str)> = decoded
        .rejects
        .iter()
        .map(|(at, _, reject)| (*at, reject.reason.as_str()))
        .collect();
    assert_eq!(refused, [(0, "malformed"), (3, "schema")]);
    assert_eq!(
        event_times(&decoded),
        [None, Some(1_773_500_400_000), Some(1_773_500_500_000), None]
    );
}

#[derive(Debug, Clone)]
struct Switch(Arc<AtomicBool>);

impl SchemaSource for Switch {
    fn fetch(&self, _: u32) -> Result<WriterSchema, SourceError> {
        if !self.0.load(Ordering::Relaxed) {
            return Err(SourceError::Unavailable("it is away".to_owned()));
        }
        Ok(WriterSchema {
            language: SchemaLanguage::Json,
            text: "{}".to_owned(),
            references: Vec::new(),
        })
    }
}

#[test]
fn a_registry_that_is_away_delays_a_batch_and_refuses_nothing() {
    let up = Switch(Arc::new(AtomicBool::new(false)));
    let registry = Registry::new(Box::new(up.clone()));
    let mut decoder = decoder(PayloadConfig::default(), Some(registry));
    let framed = [&[0, 0, 0, 0, 9], OBSERVATION].concat();
    let batch = batch(vec![message(TopicKind::Observations, 0, &[], &framed)]);
    for _ in 0..2 {
        let error = decoder.decode(&schema(), &batch).expect_err("it is away");
        assert_eq!(error.id, 9);
    }
    up.0.store(true, Ordering::Relaxed);
    let decoded = decoder.decode(&schema(), &batch).expect("it is back");
    assert_eq!((decoded.observations.len(), decoded.rejects.len()), (1, 0));
}

fn half(id: &str, half: &str, offset: i64, body: &str) -> RawMessage {
    let kind = format!("org.kubeflow.serving.inference.{half}");
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_type", &kind),
        ("ce_time", "2026-03-14T15:00:00Z"),
        ("ce_inferenceservicename", "mood"),
    ];
    message(TopicKind::Observations, offset, &headers, body.as_bytes())
}

#[test]
fn a_half_that_waits_has_its_time_and_comes_back_as_the_message_that_it_was() {
    let config = PayloadConfig {
        observations: Format::Kserve,
        pairs: PairLimits {
            max_records: 1,
            ..PairLimits::default()
        },
        ..PayloadConfig::default()
    };
    let mut decoder = decoder(config, None);
    let request = |id: &str, offset| half(id, "request", offset, r#"{"instances": [{"text": "fine"}]}"#);
    let first = decoder
        .decode(&schema(), &batch(vec![request("a", 7)]))
        .expect("no registry");
    assert_eq!(
        event_times(&first),
        [Some(1_773_500_400_000)],
        "its offset waits too"
    );
    let second = decoder
        .decode(&schema(), &batch(vec![request("b", 8)]))
        .expect("no registry");
    let (back, kind, reject) = &second.given_back[0];
    assert_eq!((*kind, reject.reason.as_str()), (Kind::Observations, "unpaired"));
    assert_eq!((back.partition.partition, back.offset), (3, 7));
    assert!(back.headers().any(|header| header == ("ce_id", b"a")));
    let response = r#"{"predictions": [{"label": "good", "embedding": [1, 2]}]}"#;
    let third = decoder
        .decode(&schema(), &batch(vec![half("b", "response", 9, response)]))
        .expect("no registry");
    assert_eq!(third.observations.event_id(0), "b");
}

#[test]
fn halves_are_kept_when_their_partition_goes_as_it_may_come_back() {
    let mut decoder = decoder(PayloadConfig::default(), None);
    let request = half("a", "request", 7, r#"{"instances": ["fine"]}"#);
    let partition = request.partition;
    decoder
        .decode(&schema(), &batch(vec![request]))
        .expect("no registry");
    let revoked = Batch {
        events: vec![PartitionEvent::Revoked(vec![partition])],
        ..Batch::default()
    };
    decoder.decode(&schema(), &revoked).expect("no registry");
    assert_eq!(decoder.waiting().0, 1);
}
