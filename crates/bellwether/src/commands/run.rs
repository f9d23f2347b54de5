//! `bellwether run`: the consumer, until it is told to stop.

use super::{Server, interrupted, load_reference, read_config};
use crate::cli::ConfigArgs;
use crate::consumer::KafkaSource;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::report::{self, LineReporter};
use crate::sinks::{Sinks, TimelineFile};
use crate::verdicts::VerdictTopic;
use bellwether_api::{ApiConfig, ApiState};
use bellwether_monitor::Engine;
use std::sync::Arc;

pub(crate) async fn run(args: ConfigArgs) -> Result<(), Failure> {
    let stop = tokio::spawn(interrupted());
    let config = read_config(&args.config)?;
    let Some(path) = &config.reference else {
        return Err(
            Failure::usage(format!("{} names no reference", args.config.display()))
                .fix("build one with `bellwether reference build` and write `reference = \"…\"`"),
        );
    };
    let reference = Arc::new(load_reference(path, &config.monitor)?);
    let api = ApiState::new(ApiConfig::default());
    let sinks = Sinks {
        timeline: config.timeline.as_deref().map(TimelineFile::append).transpose()?,
        verdicts: VerdictTopic::new(&config.kafka, config.verdicts_format)?,
        api: Some(api.clone()),
        terminal: Some(LineReporter::new(args.output, None, None)),
    };
    let mut pipeline = Pipeline::new(Engine::new(reference, config.monitor), sinks);
    let server = Server::start(config.listen, api).await?;
    report::note(&format!("listening on http://{}", server.address));
    let mut source = KafkaSource::start(&config.kafka, &config.payloads).await?;

    // A turn is never cut short: what it recorded as read must reach the monitor before it can be committed.
    while !stop.is_finished() {
        source.turn(&mut pipeline).await?;
    }
    report::note("stopping: judging what is buffered");
    source.finish(&mut pipeline).await?;
    source.close().await;
    server.stop().await
}
