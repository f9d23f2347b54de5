//! `cargo xtask demo-data`: utterances from grammars, embedded with a real encoder, answered by real heads, in one file.

mod corpus;
mod faults;
mod grammar;
mod heads;
mod measure;
mod record;
mod story;
mod surface;
mod tasks;

use anyhow::{Context, Result};
use bellwether_encoder::{Encoder, WordStates};
use corpus::{Corpus, Example};
use half::f16;
use heads::Head;
use std::io::Write as _;
use std::path::PathBuf;
use tasks::{Kind, Task};

/// What the recorded data depends on besides seed and encoder; raised when the generator changes its output.
const GENERATOR: &str = "bellwether demo-data 1";

/// Options of `cargo xtask demo-data`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Directory of the encoder: config.json, tokenizer.json, model.safetensors (all-MiniLM-L6-v2 for the shipped file).
    #[arg(long, value_name = "DIR")]
    encoder: PathBuf,
    /// Where to write the Parquet file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "crates/bellwether/assets/demo.parquet"
    )]
    output: PathBuf,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 20_260_302)]
    seed: u64,
}

/// An example as the model saw and answered it.
#[derive(Debug)]
struct Answered {
    example: Example,
    /// The sentence embedding as it is recorded, `[dim]`.
    embedding: Vec<f16>,
    /// The class, or the tags joined by spaces.
    prediction: String,
    /// One a label, or tokens × labels row by row.
    probabilities: Vec<f32>,
}

impl Answered {
    /// Whether the head is right: about every tag, where it tags.
    fn correct(&self) -> bool {
        self.prediction == self.example.label
    }
}

/// Makes the file and prints what was measured on it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let tasks = tasks::all()?;
    let corpus = Corpus::compose(&tasks, arguments.seed)?;
    let encoder = Encoder::load(&arguments.encoder)
        .with_context(|| format!("cannot load the encoder in {}", arguments.encoder.display()))?;
    writeln!(
        out,
        "encoding {} training, {} reference and {} stream texts",
        corpus.training.len(),
        corpus.reference.len(),
        corpus.stream.len()
    )?;

    let heads = train(&tasks, &encoder, &corpus.training)?;
    let reference = answer(&tasks, &encoder, &heads, corpus.reference)?;
    let stream = answer(&tasks, &encoder, &heads, corpus.stream)?;

    let provenance = record::Provenance {
        generator: GENERATOR,
        seed: arguments.seed,
        encoder_sha256: encoder.fingerprint().to_owned(),
    };
    let bytes = record::to_parquet(&tasks, &reference, &stream, &provenance)?;
    if let Some(directory) = arguments.output.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    std::fs::write(&arguments.output, &bytes)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    writeln!(
        out,
        "wrote {} bytes to {}\n",
        bytes.len(),
        arguments.output.display()
    )?;
    write!(out, "{}", measure::Report::new(&tasks, &reference, &stream))?;
    Ok(())
}

/// Embeddings rounded to what the file holds, so that a head's answer can be had again from the file.
fn embed(encoder: &Encoder, examples: &[&Example]) -> Result<Vec<Vec<f16>>> {
    let texts: Vec<&str> = examples.iter().map(|e| e.text.as_str()).collect();
    let embeddings = encoder.encode(&texts)?;
    Ok((0..embeddings.len())
        .map(|i| embeddings.row(i).iter().copied().map(f16::from_f32).collect())
        .collect())
}

/// What the tagger sees of each word, per example `[words][3 × dim]`: the states of the word before, the word and the word after, each
/// of unit length, zeros beyond the ends. The encoder was trained for sentences, so a word's own state says less than it might.
fn word_features(encoder: &Encoder, examples: &[&Example]) -> Result<Vec<Vec<Vec<f32>>>> {
    let texts: Vec<&str> = examples.iter().map(|e| e.text.as_str()).collect();
    let edge = vec![0.0; encoder.dim()];
    let unit = |v: &[f32]| -> Vec<f32> {
        let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        v.iter().map(|x| x / norm).collect()
    };
    let windows = |states: &WordStates| -> Vec<Vec<f32>> {
        let inner = (0..states.len()).map(|word| unit(states.word(word)));
        let padded: Vec<Vec<f32>> = std::iter::once(edge.clone())
            .chain(inner)
            .chain(std::iter::once(edge.clone()))
            .collect();
        padded.windows(3).map(<[Vec<f32>]>::concat).collect()
    };
    Ok(encoder.encode_words(&texts)?.iter().map(windows).collect())
}

fn widen(embedding: &[f16]) -> Vec<f32> {
    embedding.iter().map(|v| v.to_f32()).collect()
}

fn train(tasks: &[Task], encoder: &Encoder, training: &[Example]) -> Result<Vec<Head>> {
    let mut heads = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let examples: Vec<&Example> = training.iter().filter(|e| e.task == index).collect();
        let (rows, labels): (Vec<Vec<f32>>, Vec<&str>) = match task.kind {
            Kind::Classification => {
                let rows = embed(encoder, &examples)?.iter().map(|e| widen(e)).collect();
                (rows, examples.iter().map(|e| e.label.as_str()).collect())
            }
            Kind::SequenceLabelling => {
                let rows = word_features(encoder, &examples)?.into_iter().flatten().collect();
                (rows, examples.iter().flat_map(|e| e.label.split(' ')).collect())
            }
        };
        let classes = labels
            .iter()
            .map(|label| {
                task.labels
                    .iter()
                    .position(|l| l == label)
                    .context("training labels are the task's")
            })
            .collect::<Result<Vec<_>>>()?;
        let penalty = match task.kind {
            Kind::Classification => heads::SENTENCE_PENALTY,
            Kind::SequenceLabelling => heads::WORD_PENALTY,
        };
        heads.push(Head::fit(&rows, &classes, task.labels.len(), penalty)?);
    }
    Ok(heads)
}

fn answer(
    tasks: &[Task],
    encoder: &Encoder,
    heads: &[Head],
    examples: Vec<Example>,
) -> Result<Vec<Answered>> {
    let all: Vec<&Example> = examples.iter().collect();
    let embeddings = embed(encoder, &all)?;
    let tagged: Vec<&Example> = all
        .iter()
        .copied()
        .filter(|e| tasks[e.task].kind == Kind::SequenceLabelling)
        .collect();
    let mut states = word_features(encoder, &tagged)?.into_iter();
    let mut out = Vec::with_capacity(examples.len());
    for (example, embedding) in examples.into_iter().zip(embeddings) {
        let task = &tasks[example.task];
        let rows = match task.kind {
            Kind::Classification => vec![widen(&embedding)],
            Kind::SequenceLabelling => states.next().context("every tagged text has states")?,
        };
        let head = &heads[example.task];
        let mut best = Vec::with_capacity(rows.len());
        let mut probabilities = Vec::with_capacity(rows.len() * task.labels.len());
        for row in &rows {
            let p = head.probabilities(row);
            let top = (0..p.len()).max_by(|&a, &b| p[a].total_cmp(&p[b]).then(b.cmp(&a)));
            best.push(task.labels[top.context("a head has labels")?].as_str());
            probabilities.extend(p);
        }
        let prediction = best.join(" ");
        out.push(Answered {
            example,
            embedding,
            prediction,
            probabilities,
        });
    }
    Ok(out)
}
