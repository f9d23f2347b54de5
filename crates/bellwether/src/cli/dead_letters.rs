//! `bellwether dead-letters`.

use super::{Output, rfc3339_ms};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List refused records, with counts by reason
    #[command(
        after_help = "Example:\n  bellwether dead-letters list --config bellwether.toml --reason unknown_task --since 2026-03-14T00:00:00Z"
    )]
    List(ListArgs),
    /// Say all about one refused record, and whether it would be accepted now
    #[command(
        after_help = "Example:\n  bellwether dead-letters explain --config bellwether.toml bellwether-dead-letters/0/17"
    )]
    Explain(ExplainArgs),
    /// Send refused records back to the topics they came from
    #[command(
        after_help = "Example:\n  bellwether dead-letters resubmit --config bellwether.toml --only-accepted --yes"
    )]
    Resubmit(ResubmitArgs),
}

/// Which dead letters are meant; all of them without.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Only those that were refused for this reason, such as `unknown_task`
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Option<String>,
    /// Only those whose record came from this topic
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Only those that were written at this time or later, in RFC 3339
    #[arg(long, value_name = "TIME", value_parser = rfc3339_ms)]
    pub(crate) since: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The configuration, which names brokers and topics
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// List at most so many, the newest; counts are of all
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The dead letter: PARTITION/OFFSET or TOPIC/PARTITION/OFFSET, as `list` prints it
    #[arg(value_name = "PLACE")]
    pub(crate) place: String,
    /// The configuration, which names brokers, topics, formats and the reference
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Also print the record's bytes as text, which may be private
    #[arg(long)]
    pub(crate) show_value: bool,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ResubmitArgs {
    /// The configuration, which names brokers, topics, formats and the reference
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Only those that would be accepted now, with this configuration
    #[arg(long)]
    pub(crate) only_accepted: bool,
    /// Also those that were sent again before and were refused again
    #[arg(long)]
    pub(crate) again: bool,
    /// Do it; without, only say what would be sent
    #[arg(long)]
    pub(crate) yes: bool,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}
