//! `bellwether init`.

use super::Output;
use clap::{ArgGroup, Args};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("sample").required(true).args(["from_file", "from_topic"]))]
pub(crate) struct InitArgs {
    /// Recorded observations to look at: Parquet, Arrow IPC or JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
    /// Their labels, in the same formats
    #[arg(long, value_name = "FILE", requires = "from_file")]
    pub(crate) labels: Option<PathBuf>,
    /// Topic of observations to look at: no group is joined and nothing committed
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    pub(crate) from_topic: Option<String>,
    /// Topic of labels
    #[arg(long, value_name = "TOPIC")]
    pub(crate) labels_topic: Option<String>,
    /// Bootstrap brokers, `host:port`, separated by commas
    #[arg(long, value_name = "BROKERS")]
    pub(crate) brokers: Option<String>,
    /// A property of librdkafka such as `security.protocol=SSL`; may be given several times, and is written into the configuration,
    /// with `env:NAME` or `file:PATH` as they are
    #[arg(long, value_name = "KEY=VALUE", value_parser = property)]
    pub(crate) property: Vec<(String, String)>,
    /// Rows or records that are looked at
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = super::at_least_one)]
    pub(crate) rows: usize,
    /// Where to write the configuration
    #[arg(short, long, value_name = "FILE", default_value = "bellwether.toml")]
    pub(crate) output: PathBuf,
    /// Where to write the tasks; `tasks.json` beside the configuration without
    #[arg(long, value_name = "FILE")]
    pub(crate) tasks: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    pub(crate) output_format: Output,
}

fn property(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.trim().is_empty());
    let (key, value) = parts.ok_or("a key and a value, such as security.protocol=SSL, are needed")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
