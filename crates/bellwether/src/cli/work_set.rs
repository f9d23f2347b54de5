//! `bellwether work-set`.

use super::Output;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct WorkSetArgs {
    /// Observations that may be labelled; that of the configuration or of the set without, or 200
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) budget: Option<u32>,
    /// A set that is there: what it holds is ranked again
    #[arg(long, value_name = "SET", conflicts_with_all = ["reference", "observations", "labels", "task"])]
    pub(crate) from: Option<PathBuf>,
    /// The reference, to judge recorded events against
    #[arg(long, value_name = "REF", required_unless_present = "from")]
    pub(crate) reference: Option<PathBuf>,
    /// Recorded observations: Parquet, Arrow IPC or JSON lines
    #[arg(long, value_name = "FILE", required_unless_present = "from")]
    pub(crate) observations: Option<PathBuf>,
    /// Their labels, in the same formats
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// The task whose newest alarm is meant; the model's common fault without
    #[arg(long, value_name = "TASK")]
    pub(crate) task: Option<String>,
    /// Settings of the monitor, and what is kept of texts; the shipped ones without
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to write the set
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}
