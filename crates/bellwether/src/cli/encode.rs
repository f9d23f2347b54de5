//! `bellwether encode`.

use super::Output;
use clap::{ArgGroup, Args};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["input", "input_flag"]))]
pub(crate) struct EncodeArgs {
    /// Directory of the encoder: `config.json`, `tokenizer.json`, `model.safetensors`, as Hugging Face has them
    #[arg(long, visible_alias = "encoder", value_name = "DIR")]
    pub(crate) model: PathBuf,
    /// File with texts: Parquet, Arrow IPC or JSON lines
    #[arg(value_name = "INPUT")]
    input: Option<PathBuf>,
    /// The same, by name
    #[arg(long = "input", value_name = "FILE")]
    input_flag: Option<PathBuf>,
    /// Where to write the rows with their embeddings, in the format of the input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Column of the texts
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub(crate) text_column: String,
    /// Store embeddings in single precision, not in half
    #[arg(long)]
    pub(crate) float32: bool,
    /// In JSON, write embeddings as base64 of little-endian floats, not as arrays of numbers
    #[arg(long)]
    pub(crate) base64: bool,
    /// Replace the embeddings that are there, and remove them where there is no text
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Throw away what an interrupted run left in `OUTPUT.partial`, and begin anew
    #[arg(long)]
    pub(crate) restart: bool,
    /// Threads; all cores without
    #[arg(long, value_name = "N", value_parser = super::at_least_one)]
    pub(crate) threads: Option<usize>,
    /// How the summary is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    pub(crate) output_format: Output,
}

impl EncodeArgs {
    /// The file with texts, by whichever way it was named.
    pub(crate) fn input(&self) -> &std::path::Path {
        let named = self.input.as_deref().or(self.input_flag.as_deref());
        named.expect("the command line demands one of the two")
    }
}
