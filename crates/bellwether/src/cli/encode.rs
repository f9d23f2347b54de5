//! `bellwether encode`.

use super::Output;
use crate::config::{ARITHMETICS, POOLINGS, PRECISIONS};
use bellwether_encoder::{Arithmetic, EncoderOptions, Pooling, Precision};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(group = ArgGroup::new("source").required(true).args(["input", "input_flag"]))]
pub(crate) struct EncodeArgs {
    /// Directory of the encoder: `config.json`, `tokenizer.json`, `model.safetensors`, as Hugging Face has them
    #[arg(
        long,
        visible_alias = "encoder",
        value_name = "DIR",
        required_unless_present = "config"
    )]
    pub(crate) model: Option<PathBuf>,
    /// Take the encoder and its options from `[encoder]` of this configuration: they are the monitor's own
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    /// File with texts: Parquet, Arrow IPC or JSON lines
    #[arg(value_name = "INPUT")]
    input: Option<PathBuf>,
    /// The same, by name
    #[arg(long = "input", value_name = "FILE")]
    input_flag: Option<PathBuf>,
    /// Where to write the rows with their embeddings, in the format of the input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Column of the texts; of a field within another, `outer.inner`
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

/// What differs from the files of the encoder, under the names of `[encoder]`.
#[derive(Debug, Args)]
#[group(conflicts_with = "config")]
pub(crate) struct OptionArgs {
    /// How the states of a text's tokens become one vector; what the encoder's files say without
    #[arg(long, value_name = "HOW", value_parser = one_of(&POOLINGS))]
    pooling: Option<Pooling>,
    /// Whether embeddings are scaled to unit length; what the encoder's files say without
    #[arg(long, value_name = "BOOL")]
    normalise: Option<bool>,
    /// Longest input in tokens: longer texts are cut and counted; what the encoder's files say without
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3..=65_536))]
    max_tokens: Option<u32>,
    /// What weights and embeddings are rounded to; 32 bits without
    #[arg(long, value_name = "NUMBERS", value_parser = one_of(&PRECISIONS))]
    precision: Option<Precision>,
    /// Whether texts are put in lower case; what the encoder's files say without
    #[arg(long, value_name = "BOOL")]
    lower_case: Option<bool>,
    /// Arithmetic of the matrix products: whole numbers are faster and very close, not equal
    #[arg(long, value_name = "KIND", value_parser = one_of(&ARITHMETICS))]
    arithmetic: Option<Arithmetic>,
}

/// One of the words, as what it stands for.
fn one_of<T: Copy + Send + Sync>(words: &'static [(&'static str, T)]) -> impl TypedValueParser<Value = T> {
    let known = PossibleValuesParser::new(words.iter().map(|(word, _)| *word));
    known.map(move |word| {
        let found = words.iter().find(|(known, _)| *known == word);
        found.expect("the parser lets no other word pass").1
    })
}

impl OptionArgs {
    pub(crate) fn options(&self) -> EncoderOptions {
        EncoderOptions {
            pooling: self.pooling,
            normalise: self.normalise,
            max_tokens: self.max_tokens.and_then(|tokens| usize::try_from(tokens).ok()),
            precision: self.precision,
            lower_case: self.lower_case,
            arithmetic: self.arithmetic.unwrap_or_default(),
            ..EncoderOptions::default()
        }
    }
}

impl EncodeArgs {
    /// The file with texts, by whichever way it was named.
    pub(crate) fn input(&self) -> &std::path::Path {
        let named = self.input.as_deref().or(self.input_flag.as_deref());
        named.expect("the command line demands one of the two")
    }
}
