//! `bellwether alert`, as the user writes it.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// Send a test alert and its end to the receivers, and say what they answer
    #[command(after_help = "Example:\n  bellwether alert test --config bellwether.toml --receiver on-call")]
    Test(TestArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Only this receiver; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) receiver: Vec<String>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}
