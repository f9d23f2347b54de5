//! Bellwether: a production drift and performance monitor for multi-task NLP models.
//!
//! The binary is a story: read the command line, start the log, run the command, report. `pipeline` is the walk from
//! batches to sinks that `demo`, `run` and `replay` share.

mod cli;
mod commands;
mod config;
mod consumer;
mod course;
mod encoder;
mod failure;
mod feed;
mod file_columns;
mod history;
mod letters;
mod patience;
mod pipeline;
mod progress;
mod references;
mod report;
mod scale;
mod sinks;
mod state;
mod stop;
mod texts;
mod verdicts;
mod wire;
mod work_sets;

use clap::Parser;
use cli::{AlertCommand, Cli, Command, DeadLettersCommand, ReferenceCommand};
use failure::Failure;
use std::process::ExitCode;

/// Memory is freed by other threads than allocate it: librdkafka's fetchers, decoders, the state's writers. glibc's arenas keep such
/// memory, twice what is in use after minutes (docs/decisions/0023-allocator.md).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::error(&failure.report());
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    start_log(&cli.log)?;
    match cli.command {
        Command::Demo(args) => block_on(commands::demo::demo(args)),
        Command::Run(args) => block_on(commands::run::run(args)),
        Command::Reference(ReferenceCommand::Build(args)) => commands::reference::build(&args),
        Command::Reference(ReferenceCommand::Compare {
            old,
            new,
            config,
            output,
        }) => commands::compare::run(&old, &new, config.as_deref(), output),
        Command::Reference(ReferenceCommand::Canaries { reference }) => {
            commands::canaries::canaries(reference.as_deref())
        }
        Command::Reference(ReferenceCommand::Inspect { reference, output }) => {
            commands::reference::inspect(&reference, output)
        }
        Command::Replay(args) => block_on(commands::replay::replay(args)),
        Command::Calibrate(args) => commands::calibrate::calibrate(&args),
        Command::Encode(args) => {
            block_on(async { tokio::task::block_in_place(|| commands::encode::encode(&args)) })
        }
        Command::WorkSet(args) => block_on(commands::work_set::work_set(args)),
        Command::Completions { shell } => commands::shell::completions(shell),
        Command::Man { directory } => commands::shell::man(&directory),
        Command::Init(args) => commands::init::init(&args),
        Command::Check(args) => commands::check::check(&args),
        Command::Alert(AlertCommand::Test(args)) => commands::alert::test(&args),
        Command::DeadLetters(DeadLettersCommand::List(args)) => commands::dead_letters::list(&args),
        Command::DeadLetters(DeadLettersCommand::Explain(args)) => commands::dead_letters::explain(&args),
        Command::DeadLetters(DeadLettersCommand::Resubmit(args)) => {
            block_on(commands::dead_letters::resubmit(args))
        }
    }
}

fn start_log(level: &str) -> Result<(), Failure> {
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::filter::LevelFilter;
    let unknown = |said: &str| {
        Failure::usage(format!("`{said}` is no log level")).fix("use off, error, warn, info, debug or trace")
    };
    let filter = if let Ok(directives) = std::env::var("BELLWETHER_LOG") {
        EnvFilter::try_new(&directives).map_err(|error| unknown(&directives).because(&error))?
    } else {
        let level: LevelFilter = level.parse().map_err(|error| unknown(level).because(&error))?;
        EnvFilter::default().add_directive(level.into())
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::at_work("cannot start the runtime").because(&error))?;
    let result = runtime.block_on(work);
    // A blocking call of a client library must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}
