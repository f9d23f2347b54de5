//! `bellwether run`: the consumer, until it is told to stop.

use super::{Server, load_reference, read_config};
use crate::cli::ConfigArgs;
use crate::config::{Config, OtlpSettings};
use crate::consumer::KafkaSource;
use crate::encoder::{Embedder, expect};
use crate::failure::Failure;
use crate::feed::TopicFeed;
use crate::history::{self, History};
use crate::pipeline::Pipeline;
use crate::references::{Chosen, ReferenceKeeper};
use crate::report::{self, LineReporter};
use crate::scale::Member;
use crate::sinks::Sinks;
use crate::state::{Bookmark, Checkpoints, Kept};
use crate::stop::Stop;
use crate::work_sets::ShownWorkSets;
use bellwether_alerts::Alerts;
use bellwether_api::{ApiConfig, ApiState, OtlpConfig, PipelineMetrics, export_otlp};
use bellwether_events::OtherEncoders;
use bellwether_monitor::{Engine, Reference};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between attempts to keep the state for another reference, such as while the disk is full.
const HAND_OVER_AGAIN: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: ConfigArgs) -> Result<(), Failure> {
    let stop = Stop::listen();
    let config = read_config(&args.config)?;
    let references = References::of(&config, &args.config)?;
    let alerts = Alerts::open(config.alerts.clone())?;
    let api = ApiState::with_alerts(ApiConfig::default(), alerts.clone());
    references.plug_into(&api);
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
        references,
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
        done = work.until_stopped() => done?,
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

/// What observations are held to: references, and the encoder that they are of.
struct References {
    source: ReferenceSource,
    embedder: Option<Arc<Embedder>>,
}

/// Where the reference comes from.
enum ReferenceSource {
    /// The configuration names it.
    One(Arc<Reference>),
    /// It is one of those that are registered, and another one may be chosen at any time.
    Kept(Arc<ReferenceKeeper>),
}

impl References {
    fn of(config: &Config, path: &Path) -> Result<Self, Failure> {
        let embedder = Embedder::open(config.encoder.as_ref())?;
        let source = Self::source(config, path, embedder.as_ref())?;
        Ok(Self { source, embedder })
    }

    fn source(
        config: &Config,
        path: &Path,
        embedder: Option<&Arc<Embedder>>,
    ) -> Result<ReferenceSource, Failure> {
        if let Some(settings) = &config.references {
            let keeper = ReferenceKeeper::open(settings, config, embedder.cloned())?;
            return Ok(ReferenceSource::Kept(Arc::new(keeper)));
        }
        let Some(reference) = &config.reference else {
            return Err(Failure::usage(format!("{} names no reference", path.display()))
                .fix("build one with `bellwether reference build` and write `reference = \"…\"`"));
        };
        let mut loaded = load_reference(reference, &config.monitor)?;
        expect(&mut loaded, embedder, OtherEncoders::default())?;
        Ok(ReferenceSource::One(Arc::new(loaded)))
    }

    fn plug_into(&self, api: &ApiState) {
        if let ReferenceSource::Kept(keeper) = &self.source {
            api.plug_references(keeper.clone());
        }
    }

    /// The one that is chosen now, and every other one later.
    fn chosen(&self) -> watch::Receiver<Chosen> {
        match &self.source {
            ReferenceSource::Kept(keeper) => keeper.chosen(),
            ReferenceSource::One(reference) => {
                let chosen = Chosen {
                    id: String::new(),
                    reference: reference.clone(),
                };
                watch::Sender::new(chosen).subscribe()
            }
        }
    }

    /// The stream has gone over to another encoder: its reference is chosen.
    fn go_over(&self, version: &str) {
        if let ReferenceSource::Kept(keeper) = &self.source {
            keeper.go_over(version);
        }
    }

    fn in_force(&self, chosen: &Chosen) {
        if let ReferenceSource::Kept(keeper) = &self.source {
            keeper.in_force(&chosen.id);
        }
    }
}

/// What there is to do.
enum Work<'a> {
    /// All of it.
    Alone(Box<Alone<'a>>),
    /// The part of one instance of several.
    Shared(Box<Member<'a>>),
}

impl<'a> Work<'a> {
    fn of(
        config: &'a Config,
        references: References,
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
                reference: references.chosen().borrow().reference.clone(),
                api: api.clone(),
                alerts,
                terminal,
                stop,
                history,
                embedder: references.embedder.clone(),
            })));
        }
        // What cannot be written is said before the server listens.
        let first_sinks = Sinks::open(config, api.clone(), alerts.clone(), terminal.clone())?;
        Ok(Self::Alone(Box::new(Alone {
            config,
            references,
            api: api.clone(),
            alerts,
            terminal,
            stop,
            history,
            first_sinks: Some(first_sinks),
        })))
    }

    async fn until_stopped(self) -> Result<(), Failure> {
        match self {
            Self::Alone(alone) => {
                // What is still to be delivered does not wait for Kafka.
                let deliveries = alone.alerts.deliver()?;
                Box::pin(alone.consume()).await?;
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

/// What one instance needs that does all.
struct Alone<'a> {
    config: &'a Config,
    references: References,
    api: ApiState,
    alerts: Alerts,
    terminal: LineReporter,
    stop: &'a Stop,
    history: Option<&'a History>,
    /// For the first reference; each other one has its own.
    first_sinks: Option<Sinks>,
}

impl Alone<'_> {
    /// Turn after turn until the stop, by one reference after the other. A turn is never cut short unless stopping takes too
    /// long: what it recorded as read must reach the monitor before it can be kept or committed.
    async fn consume(mut self) -> Result<(), Failure> {
        let mut choice = self.references.chosen();
        // The past is shown once; with another reference it is there already.
        let mut shows_past = true;
        loop {
            let chosen = choice.borrow_and_update().clone();
            let sinks = match self.first_sinks.take() {
                Some(sinks) => sinks,
                None => self.sinks()?,
            };
            let (mut source, mut pipeline) = tokio::select! {
                begun = self.begin(chosen.reference.clone(), sinks, shows_past) => begun?,
                never = self.api.keep_alive(PipelineMetrics::default) => match never {},
                // Brokers may be away for long, and nothing has happened yet.
                () = self.stop.wait() => return Ok(()),
            };
            shows_past = false;
            self.references.in_force(&chosen);
            let mut next_attempt = Instant::now();
            loop {
                if self.stop.requested() {
                    report::note("stopping");
                    source.finish(&mut pipeline).await?;
                    source.close().await;
                    return Ok(());
                }
                // Once the one that gave the only reference is gone nothing changes any more.
                if choice.has_changed().unwrap_or(false) && Instant::now() >= next_attempt {
                    if source.hand_over(&mut pipeline).await? {
                        break;
                    }
                    next_attempt = Instant::now() + HAND_OVER_AGAIN;
                }
                source.turn(&mut pipeline).await?;
                if let Some(switch) = pipeline.switch() {
                    self.references.go_over(&switch.version);
                }
            }
            report::note(&format!(
                "going on with another reference; this one judged {} observations",
                pipeline.engine().counts().observations
            ));
            source.close().await;
        }
    }

    fn sinks(&self) -> Result<Sinks, Failure> {
        let (api, alerts) = (self.api.clone(), self.alerts.clone());
        Sinks::open(self.config, api, alerts, self.terminal.clone())
    }

    /// Goes on from what is kept, with detectors that begin anew where it was kept by another reference.
    async fn begin(
        &self,
        reference: Arc<Reference>,
        mut sinks: Sinks,
        shows_past: bool,
    ) -> Result<(KafkaSource<TopicFeed>, Pipeline), Failure> {
        let config = self.config;
        let (checkpoints, Kept { engine, bookmark }) = kept(config, reference).await?;
        if checkpoints.is_some() {
            sinks.resume(&config.kafka, &bookmark).await?;
        }
        let api = shows_past.then_some(&self.api);
        let windows = history::begin(self.history, api, &bookmark, &engine).await;
        let mut pipeline = Pipeline::new(engine, sinks, windows);
        pipeline.keep_texts(config.texts.keeper());
        pipeline.embed_with(self.references.embedder.clone());
        let (kafka, payloads) = (&config.kafka, &config.payloads);
        let feed = TopicFeed::start(kafka, payloads, &bookmark).await?;
        let mut source = KafkaSource::resume(kafka, feed, checkpoints, &bookmark).await?;
        source.begin(&mut pipeline).await?;
        Ok((source, pipeline))
    }
}
