//! The command line, as the user writes it.

mod alert;
mod dead_letters;
mod encode;
mod init;
mod replay;
mod work_set;

pub(crate) use alert::{AlertCommand, TestArgs};
pub(crate) use dead_letters::{DeadLettersCommand, ExplainArgs, ListArgs, ResubmitArgs, Selection};
pub(crate) use encode::EncodeArgs;
pub(crate) use init::InitArgs;
pub(crate) use replay::ReplayArgs;
pub(crate) use work_set::WorkSetArgs;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A drift and performance monitor for multi-task NLP models.
#[derive(Debug, Parser)]
#[command(
    name = "bellwether",
    version,
    about,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Least severe message that is logged; the environment's `BELLWETHER_LOG` says it in more detail.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    pub(crate) log: String,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs: one JSON document, or one line a change.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole product on a recorded stream: nothing to install, page at a loopback port
    #[command(after_help = "Example:\n  bellwether demo --exit")]
    Demo(DemoArgs),
    /// Monitor a model from Kafka
    #[command(after_help = "Example:\n  bellwether run --config bellwether.toml")]
    Run(ConfigArgs),
    /// Build or inspect what is normal
    #[command(subcommand)]
    Reference(ReferenceCommand),
    /// Judge recorded observations and labels, from files or from what Kafka still keeps
    #[command(
        after_help = "Example:\n  bellwether replay --reference model.ref --observations events.parquet --labels labels.parquet --timeline timeline.jsonl\n  bellwether replay --from-kafka --config bellwether.toml --from 2026-03-01T00:00:00Z --timeline timeline.jsonl"
    )]
    Replay(ReplayArgs),
    /// Measure, on a quiet period, the time to a false verdict and the smallest change that is found
    #[command(
        after_help = "Example:\n  bellwether calibrate --reference model.ref --observations quiet.parquet --labels labels.parquet --report power.json --picture power.svg"
    )]
    Calibrate(CalibrateArgs),
    /// Add the shared encoder's embeddings to a file of texts; an interrupted run goes on where it stopped
    #[command(
        after_help = "Example:\n  bellwether encode --model all-MiniLM-L6-v2 events.parquet --output encoded.parquet"
    )]
    Encode(EncodeArgs),
    /// Say what to label and train after an alarm: a choice within a budget, from recorded events or from a set that is there
    #[command(
        after_help = "Example:\n  bellwether work-set --budget 200 --from sets/20260319T083000000Z.task.banking.continual_update.r1.parquet --to banking.parquet\n  bellwether work-set --budget 200 --reference model.ref --observations events.parquet --labels labels.parquet --task banking --to banking.parquet"
    )]
    WorkSet(WorkSetArgs),
    /// Write a commented configuration and the tasks from a sample of your own file or topic
    #[command(
        after_help = "Example:\n  bellwether init --from-file events.parquet --labels labels.parquet --output bellwether.toml\n  bellwether init --from-topic predictions --labels-topic labels --brokers localhost:9092"
    )]
    Init(InitArgs),
    /// Find every problem of a configuration
    #[command(after_help = "Example:\n  bellwether check --config bellwether.toml")]
    Check(ConfigArgs),
    /// Try the receivers of alerts
    #[command(subcommand)]
    Alert(AlertCommand),
    /// List, explain and send again the records that were refused
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Write the completions of a shell to standard output
    #[command(
        after_help = "Example:\n  bellwether completions bash > ~/.local/share/bash-completion/completions/bellwether"
    )]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one a command, into a directory
    #[command(after_help = "Example:\n  bellwether man ~/.local/share/man/man1")]
    Man {
        /// The directory; it is made where it is not there
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stop after the stream and print the final table
    #[arg(long)]
    pub(crate) exit: bool,
    /// Simulated seconds per second; 9600 plays ten days in 90 seconds
    #[arg(long, value_name = "FACTOR", default_value_t = 9600.0, value_parser = positive)]
    pub(crate) speed: f64,
    /// Address of the page; 127.0.0.1:8177 or a free port without
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Also write the timeline to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) timeline: Option<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReferenceCommand {
    /// Build a reference from labelled observations of a period that you trust
    #[command(
        after_help = "Example:\n  bellwether reference build --observations reference.parquet --tasks tasks.json --output model.ref"
    )]
    Build(BuildArgs),
    /// Say which tasks a re-training made worse: the labelled quality in a new reference against an old one
    #[command(after_help = "Example:\n  bellwether reference compare before.ref after.ref")]
    Compare {
        /// The reference of the model before
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The reference of the model after, from labelled observations of the same kind
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Settings of the monitor; the shipped ones without
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// How results are printed
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Print the canary texts of a reference as events, to be sent through the production path; our own without a reference
    #[command(after_help = "Example:\n  bellwether reference canaries model.ref > canaries.jsonl")]
    Canaries {
        /// The reference
        #[arg(value_name = "REF")]
        reference: Option<PathBuf>,
    },
    /// Show what a reference holds
    #[command(after_help = "Example:\n  bellwether reference inspect model.ref")]
    Inspect {
        /// The reference
        #[arg(value_name = "REF")]
        reference: PathBuf,
        /// How results are printed
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Observations with their labels: Parquet, Arrow IPC or JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) observations: PathBuf,
    /// The model's tasks
    #[arg(long, value_name = "FILE")]
    pub(crate) tasks: PathBuf,
    /// Where to write the reference
    #[arg(long, value_name = "REF")]
    pub(crate) output: PathBuf,
    /// Width of the embeddings; taken from the file without, which base64 in JSON does not tell
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) embedding_width: Option<u32>,
    /// The model directory of the encoder: embeds texts that come without a vector, checks those that come with one, and
    /// gives the reference canary texts by which another encoder is known
    #[arg(long, value_name = "DIR")]
    pub(crate) encoder: Option<PathBuf>,
    /// Texts for the canaries, one `{"canary": "<name>", "text": "<text>"}` a line; our own without
    #[arg(long, value_name = "FILE")]
    pub(crate) canaries: Option<PathBuf>,
    /// Where the columns are in the file, by [payloads] of this configuration; under the contract's names without
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Version of the encoder that made the embeddings
    #[arg(long, value_name = "VERSION")]
    pub(crate) encoder_version: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    pub(crate) output_format: Output,
}

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// The reference
    #[arg(
        long,
        value_name = "REF",
        required_unless_present = "split",
        conflicts_with = "split"
    )]
    pub(crate) reference: Option<PathBuf>,
    /// Observations of a quiet period that the reference has not seen; may be given several times
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "split",
        conflicts_with = "split"
    )]
    pub(crate) observations: Vec<PathBuf>,
    /// Labels of the observations, file by file in the same order; a column `label` in them without
    #[arg(long, value_name = "FILE", conflicts_with = "split")]
    pub(crate) labels: Vec<PathBuf>,
    /// Part one labelled period: half of it is the reference, half the quiet period
    #[arg(long, requires = "reference_input", requires = "tasks")]
    pub(crate) split: bool,
    /// The labelled observations that the reference is built from; what the reference stores of them without
    #[arg(long, value_name = "FILE")]
    pub(crate) reference_input: Option<PathBuf>,
    /// The model's tasks
    #[arg(long, value_name = "FILE", requires = "split")]
    pub(crate) tasks: Option<PathBuf>,
    /// Width of the embeddings; taken from the file without, which base64 in JSON does not tell
    #[arg(long, value_name = "N", requires = "split", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) embedding_width: Option<u32>,
    /// Quiet streams, a quarter each independent, daily, in bursts and with duplicates
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub(crate) streams: usize,
    /// Events of a quiet stream
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = at_least_one)]
    pub(crate) events: usize,
    /// Runs of each task, kind and size of change; 0 leaves the power study out
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) runs: usize,
    /// Events of the task, or labels for quality, within which a change must be found
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = at_least_one)]
    pub(crate) within: usize,
    /// Seed of all that is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Where to write all numbers, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Where to write the curves, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
    /// Settings of the monitor; the shipped ones without
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Threads; all cores without
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("a whole number above zero is needed".to_owned()),
    }
}

/// A time in RFC 3339, as milliseconds since the epoch.
fn rfc3339_ms(text: &str) -> Result<i64, String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(time.as_millisecond()),
        Err(_) => Err("a time such as 2026-03-14T15:00:00Z is needed".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(x) if f64::is_finite(x) && x > 0.0 => Ok(x),
        _ => Err("a number above zero is needed".to_owned()),
    }
}
