//! `bellwether run`: the consumer, until it is told to stop.

use super::{Server, load_reference, read_config};
use crate::cli::ConfigArgs;
use crate::config::{Config, OtlpSettings};
use crate::consumer::KafkaSource;
use crate::failure::Failure;
use crate::feed::TopicFeed;
use crate::history::{self, History};
use crate::pipeline::Pipeline;
use crate::report::{self, LineReporter};
use crate::scale::Member;
use crate::sinks::Sinks;
use crate::state::{Bookmark, Checkpoints, Kept};
use crate::stop::Stop;
use crate::work_sets::ShownWorkSets;
use bellwether_alerts::Alerts;
use bellwether_api::{ApiConfig, ApiState, OtlpConfig, PipelineMetrics, export_otlp};
use bellwether_monitor::{Engine, Reference};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::task::JoinHandle;

pub(crate) async fn run(args: ConfigArgs) -> Result<(), Failure> {
    let stop = Stop::listen();
    let config = read_config(&args.config)?;
    let Some(path) = &config.reference else {
        return Err(
            Failure::usage(format!("{} names no reference", args.config.display()))
                .fix("build one with `bellwether reference build` and write `reference = \"…\"`"),
        );
    };
    let reference = Arc::new(load_reference(path, &config.monitor)?);
    let alerts = Alerts::open(config.alerts.clone())?;
    let api = ApiState::with_alerts(ApiConfig::default(), alerts.clone());
    if let Some(sets) = &config.work_sets {
        api.show_work_sets(Arc::new(ShownWorkSets::of(sets)));
    }
    let terminal = LineReporter::new(args.output, None, None);
    let history = config.history.as_ref().map(History::start).transpose()?;
    if let Some(history) = &history {
        history.answers(&api);
    }
    let work = Work::of(
        &config,
        reference,
        &api,
        alerts,
        terminal,
        &stop,
        history.as_ref(),
    )?;
    let server = Server::start(config.listen.clone(), api.clone()).await?;
    report::note(&format!("listening on {}", server.url()));
    let _exporter = config.otlp.clone().map(|otlp| Exporter::start(&api, otlp));
    tokio::select! {
        done = work.until_stopped(&config, &api, &stop) => done?,
        () = stop.overdue(config.shutdown_timeout) => {
            return Err(Failure::at_work(format!(
                "stopping took longer than {} s",
                config.shutdown_timeout.as_secs()
            ))
            .fix("nothing is lost: what was not kept is read again at the next start; look whether the brokers are away"));
        }
    }
    if let Some(history) = history {
        history.stop().await;
    }
    server.stop().await
}

/// Pushes metrics for as long as it lives.
struct Exporter(JoinHandle<Infallible>);

impl Exporter {
    fn start(api: &ApiState, settings: OtlpSettings) -> Self {
        let config = OtlpConfig {
            endpoint: settings.endpoint,
            interval: settings.interval,
            headers: settings.headers.into_iter().collect(),
        };
        Self(tokio::spawn(export_otlp(api.clone(), config)))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What there is to do.
enum Work<'a> {
    /// All of it.
    Alone(Arc<Reference>, Box<Sinks>, Alerts, Option<&'a History>),
    /// The part of one instance of several.
    Shared(Box<Member<'a>>),
}

impl<'a> Work<'a> {
    fn of(
        config: &'a Config,
        reference: Arc<Reference>,
        api: &ApiState,
        alerts: Alerts,
        terminal: LineReporter,
        stop: &'a Stop,
        history: Option<&'a History>,
    ) -> Result<Self, Failure> {
        if let (Some(topic), Some(state)) = (&config.evidence_topic, &config.state) {
            return Ok(Self::Shared(Box::new(Member {
                config,
                topic,
                state,
                reference,
                api: api.clone(),
                alerts,
                terminal,
                stop,
                history,
            })));
        }
        let sinks = Sinks::open(config, api.clone(), alerts.clone(), terminal)?;
        Ok(Self::Alone(reference, Box::new(sinks), alerts, history))
    }

    async fn until_stopped(self, config: &Config, api: &ApiState, stop: &Stop) -> Result<(), Failure> {
        match self {
            Self::Alone(reference, sinks, alerts, history) => {
                // What is still to be delivered does not wait for Kafka.
                let deliveries = alerts.deliver()?;
                Box::pin(consume(config, reference, *sinks, api, stop, history)).await?;
                deliveries.finish().await;
                Ok(())
            }
            Self::Shared(member) => Box::pin(member.run()).await,
        }
    }
}

/// The state to go on from, where one is kept.
async fn kept(config: &Config, reference: Arc<Reference>) -> Result<(Option<Checkpoints>, Kept), Failure> {
    if let Some(state) = &config.state {
        let (checkpoints, kept) = Checkpoints::open(state, config, reference).await?;
        return Ok((Some(checkpoints), kept));
    }
    let kept = Kept {
        engine: Engine::new(reference, config.monitor.clone()),
        bookmark: Bookmark::default(),
    };
    Ok((None, kept))
}

/// Turn after turn until the stop. A turn is never cut short unless stopping takes too long: what it recorded as read must reach
/// the monitor before it can be kept or committed.
async fn consume(
    config: &Config,
    reference: Arc<Reference>,
    mut sinks: Sinks,
    api: &ApiState,
    stop: &Stop,
    history: Option<&History>,
) -> Result<(), Failure> {
    let begin = async {
        let (checkpoints, Kept { engine, bookmark }) = kept(config, reference).await?;
        if checkpoints.is_some() {
            sinks.resume(&config.kafka, &bookmark).await?;
        }
        let windows = history::begin(history, api, &bookmark, &engine).await;
        let mut pipeline = Pipeline::new(engine, sinks, windows);
        pipeline.keep_texts(config.texts.keeper());
        let (kafka, payloads) = (&config.kafka, &config.payloads);
        let feed = TopicFeed::start(kafka, payloads, &bookmark).await?;
        let mut source = KafkaSource::resume(kafka, feed, checkpoints, &bookmark).await?;
        source.begin(&mut pipeline).await?;
        Ok::<_, Failure>((source, pipeline))
    };
    let (mut source, mut pipeline) = tokio::select! {
        begun = begin => begun?,
        never = api.keep_alive(PipelineMetrics::default) => match never {},
        // Brokers may be away for long, and nothing has happened yet.
        () = stop.wait() => return Ok(()),
    };
    while !stop.requested() {
        source.turn(&mut pipeline).await?;
    }
    report::note("stopping");
    source.finish(&mut pipeline).await?;
    source.close().await;
    Ok(())
}
