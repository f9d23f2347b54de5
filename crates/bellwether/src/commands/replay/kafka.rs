//! Observations and labels from a stretch of the configured topics, beside the live monitor.
//!
//! The stretch has an end, so that no clock takes part: a partition that is read to its end holds nothing back, and
//! event time goes as far as the slowest of the others.

use super::report_file::ReportFile;
use super::{NAMED_REJECTS, history};
use crate::cli::ReplayArgs;
use crate::commands::load_reference;
use crate::config::Config;
use crate::consumer::AHEAD_LIMIT_MS;
use crate::encoder::expect;
use crate::failure::Failure;
use crate::pipeline::{Pipeline, Refused, Release, Turn};
use crate::wire::{Decoded, WireDecoder};
use crate::{progress, report};
use bellwether_events::OtherEncoders;
use bellwether_ingest::{
    Batch, NextOffset, PartitionEvent, PartitionTracker, RangeReader, StoredRecord, TopicPartition, Topics,
    Watermark,
};
use bellwether_monitor::Engine;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records of a turn.
const BATCH_RECORDS: usize = 4096;

pub(super) async fn replay(args: ReplayArgs, config: Config) -> Result<(), Failure> {
    let path = match &*args.reference {
        [] => config.reference.clone(),
        [one] => Some(one.clone()),
        [..] => {
            return Err(Failure::usage("several references are named")
                .fix("name one: a change of the encoder is followed in files alone"));
        }
    };
    let path = path.ok_or_else(|| {
        Failure::usage("no reference is named").fix("write `reference` in the configuration, or --reference")
    })?;
    let embedder = super::embedder(&args, &config)?;
    let mut reference = load_reference(&path, &config.monitor)?;
    expect(&mut reference, embedder.as_ref(), OtherEncoders::default())?;
    let reference = Arc::new(reference);
    let mut source = Source::new(&config)?;
    let mut reader = tokio::task::block_in_place(|| {
        RangeReader::open(&config.kafka, &source.topics.names(), &args.from.0, &args.to.0)
    })
    .map_err(|error| failed(&config, &error))?;
    let report_file = ReportFile::start(&args)?;
    let sinks = super::sinks(&args, &config, report_file.as_ref())?;
    let windows = history(&args, Some(&config))?;
    let mut pipeline = Pipeline::new(Engine::new(reference, config.monitor.clone()), sinks, windows);
    if report_file.is_some() {
        pipeline.draw_course();
    }
    pipeline.keep_texts(config.texts.keeper());
    pipeline.embed_with(embedder);
    let bar = progress::bar(reader.total(), "records");

    // A partition at its end holds nothing back from that moment on.
    let mut tracker = PartitionTracker::new(Duration::ZERO);
    let assigned = source.partitions(reader.partitions());
    tracker.assign(&assigned, Instant::now());
    let lateness_ms = pipeline.engine().allowed_lateness_ms();
    let mut named = 0;
    loop {
        let records = tokio::task::block_in_place(|| reader.next_records(BATCH_RECORDS))
            .map_err(|error| failed(&config, &error))?;
        if records.is_empty() {
            break;
        }
        bar.inc(records.len() as u64);
        let batch = source.batch(records);
        let decoded = source.decode(&pipeline, &batch)?;
        let rejects = rejects(&batch, &decoded, &mut named);
        let now = Instant::now();
        for (partition, next, event_time_ms) in decoded.read(&batch) {
            tracker.record(partition, next, event_time_ms, now);
        }
        let ended: Vec<PartitionEvent> = source
            .partitions(reader.finished())
            .into_iter()
            .map(end)
            .collect();
        tracker.apply(&ended, now);
        let release = match tracker.watermark(now) {
            Watermark::At(ms) => Release::Before(ms.saturating_sub(lateness_ms)),
            // All at their end: what comes next is the last turn.
            Watermark::None | Watermark::Drained => Release::Hold,
        };
        if let Release::Before(released_ms) = release {
            // Nothing is committed; what was noted for it goes.
            tracker.committable(released_ms);
        }
        let turn = Turn {
            observations: Some(decoded.observations),
            evidence: None,
            labels: decoded.labels,
            rejects,
            release,
        };
        pipeline.turn(turn).await?;
        let ahead = tracker.ahead_of(AHEAD_LIMIT_MS);
        reader.hold(|topic, partition| {
            let of = source.topics.partition(topic, partition);
            of.is_some_and(|partition| ahead.contains(&partition))
        });
    }
    pipeline.turn(Turn::last()).await?;
    let windows = pipeline.finish_history().await?;
    bar.finish_and_clear();
    super::finish(&mut pipeline, report_file, &args, windows)
}

fn failed(config: &Config, error: &bellwether_ingest::Error) -> Failure {
    Failure::at_work(format!("cannot read the topics at {}", config.kafka.brokers))
        .because(error)
        .fix("check kafka.brokers, the topics and kafka.properties, and the offsets of --from and --to")
}

fn end(partition: TopicPartition) -> PartitionEvent {
    PartitionEvent::EndReached {
        partition,
        next_offset: Some(NextOffset(i64::MAX)),
    }
}

/// What is refused is counted, and the first ones are named: nothing is written to the dead-letter topic.
fn rejects(batch: &Batch, decoded: &Decoded, named: &mut usize) -> Vec<Refused> {
    decoded
        .refused(batch)
        .map(|(message, kind, reject)| {
            if *named < NAMED_REJECTS {
                let (partition, offset) = (message.partition, message.offset);
                report::note(&format!(
                    "rejected: {partition}/{offset}: {}: {}",
                    reject.reason, reject.detail
                ));
            }
            *named += 1;
            Refused::of_record(message, kind, reject.clone())
        })
        .collect()
}

/// The two topics, and what is in them.
struct Source {
    topics: Topics,
    decoder: WireDecoder,
}

impl Source {
    fn new(config: &Config) -> Result<Self, Failure> {
        let topics = Topics::new(&config.kafka);
        let decoder = WireDecoder::new(&config.payloads, &topics).map_err(|error| {
            Failure::at_work("cannot ask the schema registry")
                .because(&error)
                .fix("correct payloads.registry")
        })?;
        Ok(Self { topics, decoder })
    }

    fn partitions<'a>(&self, named: impl Iterator<Item = (&'a str, i32)>) -> Vec<TopicPartition> {
        named
            .filter_map(|(topic, partition)| self.topics.partition(topic, partition))
            .collect()
    }

    fn batch(&self, records: Vec<StoredRecord>) -> Batch {
        let mut batch = Batch::default();
        for record in records {
            let place = &record.place;
            let Some(partition) = self.topics.partition(&place.topic, place.partition) else {
                continue;
            };
            batch.size_bytes += record.payload.len();
            batch.messages.push(record.into_message(partition));
        }
        batch
    }

    fn decode(&mut self, pipeline: &Pipeline, batch: &Batch) -> Result<Decoded, Failure> {
        let schema = pipeline.engine().schema();
        tokio::task::block_in_place(|| self.decoder.decode(schema, batch)).map_err(|error| {
            Failure::at_work("cannot read records without their schema")
                .because(&error)
                .fix("make sure that payloads.registry answers, and start the replay anew")
        })
    }
}
