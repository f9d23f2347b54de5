//! One instance of several: a scorer for as long as it lives, and the judge while it is elected.

use super::election::{Election, Term};
use super::evidence::EvidenceFeed;
use super::scorer::Scorer;
use crate::config::{Config, StateConfig};
use crate::consumer::KafkaSource;
use crate::encoder::Embedder;
use crate::failure::Failure;
use crate::history::{self, History};
use crate::pipeline::{Pipeline, SourceMetrics};
use crate::report::{self, LineReporter};
use crate::sinks::Sinks;
use crate::state::Checkpoints;
use crate::stop::Stop;
use bellwether_alerts::Alerts;
use bellwether_api::{ApiState, MemberMetrics, PartitionLag, PipelineMetrics};
use bellwether_monitor::Reference;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a candidate looks whether it is elected.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What an instance of several needs.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) config: &'a Config,
    /// The evidence topic.
    pub(crate) topic: &'a str,
    pub(crate) state: &'a StateConfig,
    pub(crate) reference: Arc<Reference>,
    pub(crate) api: ApiState,
    pub(crate) alerts: Alerts,
    pub(crate) terminal: LineReporter,
    pub(crate) stop: &'a Stop,
    pub(crate) history: Option<&'a History>,
    pub(crate) embedder: Option<Arc<Embedder>>,
}

impl Member<'_> {
    /// Takes part until the stop.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let shown = Arc::new(Shown::default());
        let scoring = {
            let (config, topic, stop) = (self.config.clone(), self.topic.to_owned(), self.stop.clone());
            let (reference, shown) = (Arc::clone(&self.reference), Arc::clone(&shown));
            let embedder = self.embedder.clone();
            async move {
                let texts = config.texts.keeper();
                let start = Scorer::start(
                    &config.kafka,
                    &topic,
                    &config.payloads,
                    reference,
                    texts,
                    embedder,
                    shown,
                );
                let scorer = tokio::select! {
                    started = start => started?,
                    // Brokers may be away for long, and nothing has happened yet.
                    () = stop.wait() => return Ok(()),
                };
                scorer.run(&stop).await
            }
        };
        let scoring = tokio::spawn(scoring);
        let scored = async {
            scoring
                .await
                .unwrap_or_else(|error| Err(Failure::at_work("scoring broke off").because(&error)))
        };
        let judging = self.stand(&shown);
        tokio::try_join!(scored, judging)?;
        Ok(())
    }

    /// Stands for election until the stop, and judges while elected.
    async fn stand(&self, shown: &Arc<Shown>) -> Result<(), Failure> {
        let mut election = Election::stand(&self.config.kafka, self.topic).await?;
        while !self.stop.requested() {
            if let Some(term) = election.term()? {
                Box::pin(self.judge(&mut election, term, shown)).await?;
            } else {
                self.api.pipeline(shown.metrics());
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        election.close().await;
        Ok(())
    }

    /// Judges until the stop, or until somebody else may be elected.
    async fn judge(&self, election: &mut Election, term: Term, shown: &Arc<Shown>) -> Result<(), Failure> {
        report::note("elected: judging for the group");
        let kafka = &self.config.kafka;
        let begin = async {
            let reference = Arc::clone(&self.reference);
            let (checkpoints, kept) = Checkpoints::open(self.state, self.config, reference).await?;
            let bookmark = kept.bookmark;
            let mut sinks = Sinks::open(
                self.config,
                self.api.clone(),
                self.alerts.clone(),
                self.terminal.clone(),
            )?;
            sinks.resume(kafka, &bookmark).await?;
            let windows = history::begin(self.history, Some(&self.api), &bookmark, &kept.engine).await;
            let mut pipeline = Pipeline::new(kept.engine, sinks, windows);
            pipeline.keep_texts(self.config.texts.keeper());
            pipeline.embed_with(self.embedder.clone());
            let payloads = &self.config.payloads;
            let shown = Arc::clone(shown);
            let feed = EvidenceFeed::start(kafka, self.topic, payloads, &bookmark, shown).await?;
            let mut source = KafkaSource::resume(kafka, feed, Some(checkpoints), &bookmark).await?;
            source.begin(&mut pipeline).await?;
            Ok::<_, Failure>((source, pipeline))
        };
        let (mut source, mut pipeline) = tokio::select! {
            begun = begin => begun?,
            () = self.stop.wait() => return Ok(()),
            never = self.api.keep_alive(|| shown.metrics()) => match never {},
        };
        let deliveries = self.alerts.deliver()?;
        while !self.stop.requested() {
            if election.term()? != Some(term) {
                deliveries.stop().await;
                report::note("not elected any more: another instance judges");
                // No checkpoint: what was judged last may be another's already, who says it as well.
                source.close().await;
                self.api.withdraw();
                return Ok(());
            }
            source.turn(&mut pipeline).await?;
        }
        report::note("stopping");
        source.finish(&mut pipeline).await?;
        source.close().await;
        deliveries.finish().await;
        Ok(())
    }
}

/// What the scorer of an instance shows of itself, wherever the judge is.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<Scoring>);

#[derive(Debug, Default)]
struct Scoring {
    source: SourceMetrics,
    observations: u64,
    labels: u64,
    bytes: u64,
}

impl Shown {
    /// So many more observations and labels are in so many bytes of evidence.
    pub(super) fn scored(&self, (observations, labels): (usize, usize), bytes: usize) {
        let mut scoring = self.lock();
        scoring.observations += observations as u64;
        scoring.labels += labels as u64;
        scoring.bytes += bytes as u64;
    }

    /// How far the scorer is behind, and its connection.
    pub(super) fn scorer(&self, source: &SourceMetrics) {
        self.lock().source.clone_from(source);
    }

    /// Adds what the scorer says of itself to what the judge does.
    pub(super) fn add_to(&self, metrics: &mut SourceMetrics) {
        let scoring = self.lock();
        metrics.lag.extend(scoring.source.lag.iter().cloned());
        metrics.held_partitions += scoring.source.held_partitions;
        metrics.schema_fetches_failed += scoring.source.schema_fetches_failed;
        metrics.member = Some(scoring.member(true));
    }

    /// All that an instance shows that does not judge.
    fn metrics(&self) -> PipelineMetrics {
        let scoring = self.lock();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let lag: Vec<PartitionLag> = scoring.source.lag.clone();
        PipelineMetrics {
            decoded_observations: scoring.observations,
            decoded_labels: scoring.labels,
            schema_fetches_failed: scoring.source.schema_fetches_failed,
            held_partitions: scoring.source.held_partitions,
            brokers: scoring.source.brokers,
            last_poll_ms: i64::try_from(wall.as_millis()).ok(),
            lag,
            member: Some(scoring.member(false)),
            ..PipelineMetrics::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Scoring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scoring {
    fn member(&self, is_judge: bool) -> MemberMetrics {
        MemberMetrics {
            is_judge,
            scored_observations: self.observations,
            evidence_bytes: self.bytes,
        }
    }
}
