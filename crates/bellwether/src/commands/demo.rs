//! `bellwether demo`: ten recorded days through an in-process broker and the same consumer as `run`.

use super::Server;
use crate::cli::DemoArgs;
use crate::config::{ListenConfig, Payloads, TextsConfig, WorkSetsConfig};
use crate::consumer::KafkaSource;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::progress;
use crate::report::{self, LineReporter};
use crate::sinks::{Sinks, TimelineFile};
use crate::stop::Stop;
use crate::work_sets::{ShownWorkSets, WorkSetFolder, WorkSets};
use bellwether_api::{ApiConfig, ApiState};
use bellwether_ingest::{Config, DemoProducer, DemoRecord, EmbeddedBroker, Subscription};
use bellwether_monitor::{Engine, MonitorConfig, Reference};
use bellwether_store::{RecordedEvent, Recording};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Made by `cargo xtask demo-data`; see `docs/demo-data.md`.
static RECORDING: &[u8] = include_bytes!("../../assets/demo.parquet");

const OBSERVATIONS: &str = "predictions";
const LABELS: &str = "labels";
const PARTITIONS: i32 = 2;
const DEFAULT_PORT: u16 = 8177;
/// A partition at its end holds nothing back after this long: the demo's time runs fast.
const IDLE: Duration = Duration::from_millis(400);
/// Longest wait for the last records to be delivered.
const FLUSH: Duration = Duration::from_secs(10);

pub(crate) async fn demo(args: DemoArgs) -> Result<(), Failure> {
    let stop = Stop::listen();
    let api = ApiState::new(ApiConfig::default());
    let server = start_server(args.listen, api.clone()).await?;
    report::note(&format!("listening on {}", server.url()));
    let recording = tokio::task::block_in_place(|| Recording::parse(RECORDING)).map_err(damaged)?;
    let reference = tokio::task::block_in_place(|| build_reference(&recording))?;
    let events = recording.events;
    let (start_ms, end_ms) = span(&events);
    report::note(&format!(
        "playing {} recorded observations of {} tasks over {:.0} days, in about {:.0} s; times are days of the recording",
        events.len(),
        reference.schema().len(),
        (end_ms - start_ms) as f64 / 86_400_000.0,
        (end_ms - start_ms) as f64 / 1000.0 / args.speed
    ));

    // The recording's texts were written for it: they are kept, so that groups can be read.
    let texts = TextsConfig::plain();
    let sets = Sets::open()?;
    api.show_work_sets(Arc::new(ShownWorkSets::of(&sets.config)));
    let config = MonitorConfig {
        work_sets: true,
        text_retention_ms: texts.retention_ms,
        ..MonitorConfig::default()
    };
    let mut engine = Engine::new(Arc::new(reference), config);
    engine.keep_texts(texts.keeper());

    let bar = progress::bar(events.len() as u64, "observations");
    let sinks = Sinks {
        timeline: args.timeline.as_deref().map(TimelineFile::create).transpose()?,
        verdicts: None,
        alerts: Some(api.alerts().clone()),
        api: Some(api),
        terminal: Some(LineReporter::new(args.output, Some(start_ms), Some(bar.clone()))),
        work_sets: Some(WorkSets::Folder(WorkSetFolder::open_for_replay(
            &sets.config,
            &texts,
        )?)),
    };
    let mut pipeline = Pipeline::new(engine, sinks, None);
    let broker = EmbeddedBroker::start(&[(OBSERVATIONS, PARTITIONS), (LABELS, 1)]).map_err(broker_failed)?;
    let kafka = Config {
        brokers: broker.brokers().to_owned(),
        observations_topic: OBSERVATIONS.to_owned(),
        labels_topic: Some(LABELS.to_owned()),
        subscription: Subscription::Assign,
        idle_timeout: IDLE,
        max_batch_wait: Duration::from_millis(50),
        ..Config::default()
    };
    let mut source = KafkaSource::start(&kafka, &Payloads::default()).await?;

    let total = events.len() as u64;
    let player = Player::start(broker.producer(), events, args.speed);
    let mut read = 0;
    while !stop.requested() {
        let turn = source.turn(&mut pipeline).await?;
        player.producer.acknowledge(turn.messages, turn.bytes);
        read += turn.messages as u64;
        let played = player.observations.load(Ordering::Relaxed);
        bar.set_position(played);
        source.set_progress((played as f64 / total as f64).min(0.999));
        if player.task.is_finished() && turn.drained && read >= player.records.load(Ordering::Relaxed) {
            break;
        }
    }
    let interrupted_early = stop.requested();
    if interrupted_early {
        player.task.abort();
    } else {
        player.finish().await?;
        source.set_progress(1.0);
    }
    source.finish(&mut pipeline).await?;
    bar.finish_and_clear();
    report::table(&pipeline.status(), args.output);
    if !args.exit && !interrupted_early {
        report::note(&format!(
            "the stream is over; the page stays at http://{} until Ctrl-C",
            server.address
        ));
        stop.wait().await;
    }
    source.close().await;
    server.stop().await
}

/// Where the demo's work sets lie for as long as it runs.
struct Sets {
    config: WorkSetsConfig,
    _directory: TempDir,
}

impl Sets {
    fn open() -> Result<Self, Failure> {
        let directory = TempDir::with_prefix("bellwether-demo-").map_err(|error| {
            Failure::at_work("cannot make a directory for the demo's work sets")
                .because(&error)
                .fix("point TMPDIR to a directory that can be written")
        })?;
        Ok(Self {
            config: WorkSetsConfig {
                directory: directory.path().to_owned(),
                ..WorkSetsConfig::default()
            },
            _directory: directory,
        })
    }
}

async fn start_server(listen: Option<SocketAddr>, api: ApiState) -> Result<Server, Failure> {
    let at = |address| ListenConfig {
        address,
        ..ListenConfig::default()
    };
    if let Some(address) = listen {
        return Server::start(at(address), api).await;
    }
    let loopback = |port| at(SocketAddr::from(([127, 0, 0, 1], port)));
    match Server::start(loopback(DEFAULT_PORT), api.clone()).await {
        Ok(server) => Ok(server),
        // Somebody is there already, perhaps another demo.
        Err(_) => Server::start(loopback(0), api).await,
    }
}

fn build_reference(recording: &Recording) -> Result<Reference, Failure> {
    let config = MonitorConfig::default();
    let (manifest, rows) =
        bellwether_monitor::build(&recording.schema, &recording.reference, &recording.labels, None)
            .map_err(|error| Failure::at_work("cannot build the demo's reference").because(&error))?;
    Reference::assemble(manifest, &rows, &config)
        .map_err(|error| Failure::at_work("cannot use the demo's reference").because(&error))
}

fn span(events: &[RecordedEvent]) -> (i64, i64) {
    let times = || events.iter().map(|e| e.timestamp_ms);
    (times().min().unwrap_or(0), times().max().unwrap_or(0))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err asks for")]
fn damaged(error: bellwether_store::RecordingError) -> Failure {
    Failure::at_work("the demo's recording is damaged")
        .because(&error)
        .fix("make it anew with `cargo xtask demo-data`")
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err asks for")]
fn broker_failed(error: bellwether_ingest::Error) -> Failure {
    Failure::at_work("cannot start the demo's broker").because(&error)
}

/// Plays the recording into the broker at the demo's pace.
struct Player {
    producer: DemoProducer,
    observations: Arc<AtomicU64>,
    records: Arc<AtomicU64>,
    task: JoinHandle<Result<(), bellwether_ingest::Error>>,
}

/// One record to be sent at its time.
struct Scheduled {
    due_ms: i64,
    topic: &'static str,
    key: String,
    body: Vec<u8>,
}

impl Player {
    fn start(producer: DemoProducer, events: Vec<RecordedEvent>, speed: f64) -> Self {
        let (observations, records) = (Arc::default(), Arc::default());
        let task = tokio::spawn(play(
            producer.clone(),
            schedule(events),
            speed,
            Arc::clone(&observations),
            Arc::clone(&records),
        ));
        Self {
            producer,
            observations,
            records,
            task,
        }
    }

    async fn finish(self) -> Result<(), Failure> {
        match self.task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(broker_failed(error)),
            Err(error) => Err(Failure::at_work("the demo's player failed").because(&error)),
        }
    }
}

/// Observations at the time of their prediction, labels at the time they became known.
fn schedule(events: Vec<RecordedEvent>) -> Vec<Scheduled> {
    let mut out = Vec::with_capacity(events.len() * 5 / 4);
    for event in events {
        if let (Some(due_ms), Some(body)) = (event.label_timestamp_ms, event.label_json()) {
            out.push(Scheduled {
                due_ms,
                topic: LABELS,
                key: event.event_id.clone(),
                body,
            });
        }
        let body = event.observation_json();
        out.push(Scheduled {
            due_ms: event.timestamp_ms,
            topic: OBSERVATIONS,
            key: event.event_id,
            body,
        });
    }
    // Stable: what was recorded in order of arrival stays so within a millisecond.
    out.sort_by_key(|record| record.due_ms);
    out
}

async fn play(
    producer: DemoProducer,
    schedule: Vec<Scheduled>,
    speed: f64,
    observations: Arc<AtomicU64>,
    records: Arc<AtomicU64>,
) -> Result<(), bellwether_ingest::Error> {
    let start = Instant::now();
    let first_ms = schedule.first().map_or(0, |record| record.due_ms);
    for record in &schedule {
        let due = Duration::from_secs_f64((record.due_ms - first_ms) as f64 / 1000.0 / speed);
        tokio::time::sleep_until(start + due).await;
        let sent = DemoRecord {
            topic: record.topic,
            key: Some(&record.key),
            payload: &record.body,
            timestamp_ms: None,
            content_type: Some("application/json"),
        };
        producer.publish(sent).await?;
        records.fetch_add(1, Ordering::Relaxed);
        observations.fetch_add(u64::from(record.topic == OBSERVATIONS), Ordering::Relaxed);
    }
    producer.flush(FLUSH).await
}
