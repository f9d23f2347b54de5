//! What people write, and what headers say.

use crate::config::Config;
use crate::laws;
use crate::records::{Parts, split};
use bellwether_events::ModelSchema;
use bellwether_ingest::{DeadLetter, Place, RawMessage, StoredRecord, TopicKind, TopicPartition};
use bellwether_payloads::{
    Format, LabelFields, ObservationFields, PayloadConfig, PayloadDecoder, PredictionForm, Sources, TimeUnit,
};
use std::path::Path;

/// A mapping in lines `column = sources`, the separator of records, and a JSON record with headers. A name that is no column
/// is an attribute; `label.` before it is of labels.
pub(super) fn mapping(input: &[u8]) {
    let parts = split(input);
    let Some((record, mappings)) = parts.split_last() else {
        return;
    };
    let (mut fields, mut labels) = (ObservationFields::default(), LabelFields::default());
    for line in mappings.iter().flat_map(|part| part.split(|byte| *byte == b'\n')) {
        let Ok(line) = std::str::from_utf8(line) else {
            continue;
        };
        if let Some((name, text)) = line.split_once(" = ") {
            map(name, text, &mut fields, &mut labels);
        }
    }
    let config = PayloadConfig {
        observations: Format::Json,
        observation_fields: Some(fields),
        labels: Format::Json,
        label_fields: Some(labels),
        ..PayloadConfig::default()
    };
    let parts = Parts::of(record);
    laws::decode_again(&mut PayloadDecoder::new(config, None), &parts.record(0));
}

fn map(name: &str, text: &str, fields: &mut ObservationFields, labels: &mut LabelFields) {
    let unit = match text {
        "s" => TimeUnit::Seconds,
        "us" => TimeUnit::Microseconds,
        "ns" => TimeUnit::Nanoseconds,
        _ => TimeUnit::Milliseconds,
    };
    match (name, text) {
        ("timestamp_unit", _) => fields.timestamp_unit = unit,
        ("label.timestamp_unit", _) => labels.timestamp_unit = unit,
        ("prediction_form", "index") => fields.prediction_form = PredictionForm::Index,
        _ => {
            let sources: Sources = match text.parse() {
                Ok(sources) => sources,
                Err(error) => return assert!(!error.to_string().is_empty()),
            };
            assert_eq!(
                sources.to_string().parse(),
                Ok(sources.clone()),
                "written and read"
            );
            match name {
                "task" => fields.task = sources,
                "event_id" => fields.event_id = sources,
                "timestamp" => fields.timestamp = sources,
                "text" => fields.text = Some(sources),
                "embedding" => fields.embedding = Some(sources),
                "prediction" => fields.prediction = Some(sources),
                "probabilities" => fields.probabilities = Some(sources),
                "model_version" => fields.model_version = Some(sources),
                "encoder_version" => fields.encoder_version = Some(sources),
                "attributes" => fields.attributes = Some(sources),
                "label.event_id" => labels.event_id = sources,
                "label.timestamp" => labels.timestamp = sources,
                "label.label" => labels.label = sources,
                other => fields.attribute.push((other.to_owned(), sources)),
            }
        }
    }
}

/// A configuration: taken, or every problem with its line and what to do.
pub(super) fn config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    // Files that the configuration names are read; those of devices have no end.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    let read = || Config::parse(text, Path::new("/nowhere"));
    let lines = 1 + text.matches('\n').count();
    match (read(), read()) {
        (Ok(first), Ok(second)) => assert_eq!(format!("{first:?}"), format!("{second:?}")),
        (Err(first), Err(second)) => {
            assert!(!first.is_empty() && first == second);
            for problem in first {
                assert!(!problem.what.is_empty() && !problem.fix.is_empty(), "{problem}");
                assert!(
                    problem.line.is_none_or(|line| (1..=lines).contains(&line)),
                    "{problem}"
                );
            }
        }
        _ => panic!("taken once and refused once"),
    }
}

/// The tasks of a model.
pub(super) fn tasks(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match ModelSchema::from_json(text, 2) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(schema) => {
            for task in schema.tasks() {
                assert_eq!(schema.task(schema.name(task)), Some(task));
                for (label, at) in schema.spec(task).labels.iter().zip(0..) {
                    assert_eq!(schema.label_index(task, label), Some(at), "{label}");
                }
            }
        }
    }
}

/// The headers of a message: those that fit the bound come out as they went in, in their order.
pub(super) fn headers(input: &[u8]) {
    const BOUND: usize = 64 << 10;
    let parts = Parts::of(input);
    let partition = TopicPartition {
        kind: TopicKind::Observations,
        partition: 0,
    };
    // Each many times, so that small inputs reach the bound.
    let repeated = || {
        parts
            .headers
            .iter()
            .cycle()
            .take(40 * parts.headers.len())
            .copied()
    };
    let message = RawMessage::new(partition, 0, input.to_vec().into()).with_headers(repeated());
    let mut room = BOUND;
    let expected = repeated().filter(|(name, value)| {
        let size = name.len() + value.len() + 8;
        let fits = size <= room;
        room -= if fits { size } else { 0 };
        fits
    });
    assert!(message.headers().eq(expected), "headers");
    let said = message.content_type().is_some();
    assert!(
        !said
            || message
                .headers()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    );
}

/// A record of the dead-letter topic: nothing of it is lost, and its places can be written and read.
pub(super) fn dead_letter(input: &[u8]) {
    let parts = Parts::of(input);
    let record = StoredRecord {
        place: Place {
            topic: "dead".to_owned(),
            partition: 0,
            offset: 7,
        },
        timestamp_ms: parts.timestamp_ms,
        key: parts.key.map(<[u8]>::to_vec),
        payload: parts.payload.to_vec(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect(),
    };
    let letter = DeadLetter::new(record.clone());
    assert_eq!(
        (&letter.all_headers, &letter.payload, &letter.key),
        (&record.headers, &record.payload, &record.key)
    );
    assert!(
        letter
            .headers
            .iter()
            .all(|header| record.headers.contains(header))
    );
    for place in [&letter.origin, &letter.resubmitted_from].into_iter().flatten() {
        assert_eq!(place.to_string().parse().as_ref(), Ok(place), "written and read");
    }
    assert_eq!(letter, DeadLetter::new(record));
}
