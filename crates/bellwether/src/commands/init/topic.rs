//! A look at the newest records of a topic: no group is joined, nothing is committed.

use crate::failure::Failure;
use bellwether_ingest::{Bound, Config, RangeReader, StoredRecord};
use bellwether_payloads::{Format, Position, Record, native};
use bellwether_store::{Cell, Sample};
use std::collections::BTreeMap;

/// Records of one call.
const BATCH_RECORDS: usize = 1024;

/// What a topic holds.
#[derive(Debug, Default)]
pub(super) struct TopicSample {
    pub(super) sample: Sample,
    /// Records by the format they say they have.
    pub(super) formats: BTreeMap<&'static str, usize>,
    pub(super) records: usize,
    /// Records of a format that is read and whose content was not.
    pub(super) unread: usize,
    /// Whether all records have a key, and each its own.
    pub(super) keys_are_unique: bool,
}

pub(super) fn look(config: &Config, topic: &str, most: usize) -> Result<TopicSample, Failure> {
    let failed = |error: &bellwether_ingest::Error| {
        Failure::at_work(format!("cannot read the topic {topic} at {}", config.brokers))
            .because(error)
            .fix("check --brokers, the name of the topic, and with --property what the brokers ask for")
    };
    let ends = RangeReader::ends(config, topic).map_err(|error| failed(&error))?;
    let share = i64::try_from(most / ends.len().max(1) + 1).unwrap_or(i64::MAX);
    let from = ends
        .iter()
        .map(|(partition, end)| ((topic.to_owned(), *partition), (end.0 - share).max(0)));
    let from = Bound::Offsets(from.collect());
    let mut reader =
        RangeReader::open(config, &[topic], &from, &Bound::Latest).map_err(|error| failed(&error))?;
    let mut seen = TopicSample::default();
    let mut keys = std::collections::BTreeSet::new();
    while seen.records < most {
        let records = reader
            .next_records(BATCH_RECORDS)
            .map_err(|error| failed(&error))?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            keys.extend(record.key.clone());
            take(record, &mut seen);
        }
    }
    seen.keys_are_unique = seen.records > 0 && keys.len() == seen.records;
    if seen.records == 0 {
        return Err(Failure::at_work(format!("the topic {topic} holds no record"))
            .fix("send some of your traffic to it first, or look at a file with --from-file"));
    }
    Ok(seen)
}

fn take(record: &StoredRecord, seen: &mut TopicSample) {
    let headers: Vec<(&str, &[u8])> = record
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let format = Format::recognise(&Record {
        topic: &record.place.topic,
        position: Position {
            partition: record.place.partition,
            offset: record.place.offset,
        },
        key: record.key.as_deref(),
        headers: &headers,
        timestamp_ms: record.timestamp_ms,
        payload: &record.payload,
    });
    seen.records += 1;
    *seen.formats.entry(format.as_str()).or_default() += 1;
    let read = match format {
        Format::Json => seen.sample.add_json(&record.payload),
        Format::Arrow => seen.sample.add_arrow(&record.payload),
        Format::Protobuf => protobuf(&record.payload, &mut seen.sample),
        Format::Auto | Format::Confluent | Format::Kserve | Format::Sagemaker => false,
    };
    if !read {
        seen.unread += 1;
    }
}

fn protobuf(payload: &[u8], sample: &mut Sample) -> bool {
    let text = |text: &str| (!text.is_empty()).then(|| Cell::Text(text.to_owned()));
    let row = |cells: Vec<(&'static str, Option<Cell>)>| {
        cells.into_iter().filter_map(|(name, cell)| Some((name, cell?)))
    };
    let time = |ms: i64| (ms != 0).then_some(Cell::Int(ms));
    let before = sample.rows.len();
    let batch = native::observation_batch(payload);
    for observation in batch.into_iter().flat_map(|batch| batch.observations) {
        let numbers = |width: usize| (width > 0).then_some(Cell::Numbers(width));
        let names: Vec<String> = observation.probability_of.keys().cloned().collect();
        let by_name = (!names.is_empty()).then_some(Cell::NumberMap(names));
        sample.add_row(row(vec![
            ("event_id", text(&observation.event_id)),
            ("task", text(&observation.task)),
            ("timestamp", time(observation.timestamp_ms)),
            ("text", observation.text.map(Cell::Text)),
            ("embedding", numbers(observation.embedding.len())),
            ("prediction", text(&observation.prediction)),
            (
                "probabilities",
                by_name.or_else(|| numbers(observation.probabilities.len())),
            ),
            ("model_version", observation.model_version.map(Cell::Text)),
        ]));
    }
    sample.rows.len() > before
}
