//! Texts to vectors: tokenise, batch by length, run BERT, pool, normalise.

use crate::error::Error;
use crate::files::{ModelFiles, Pooling};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::BertModel;
use rayon::prelude::*;
use std::fmt;
use std::path::Path;
use tokenizers::{Encoding, Tokenizer, TruncationParams};

/// Padded tokens in one forward pass. Larger passes were not faster on a CPU and fall out of its caches.
const BATCH_TOKENS: usize = 1024;

/// A loaded encoder. Cheap to share by reference between threads; encoding takes `&self`.
pub struct Encoder {
    model: BertModel,
    tokenizer: Tokenizer,
    pooling: Pooling,
    dim: usize,
    pad_token: u32,
    max_tokens: usize,
    fingerprint: String,
}

/// Sentence embeddings of unit length, `[len, dim]`, row-major `f32`.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    dim: usize,
    truncated: usize,
    values: Vec<f32>,
}

/// Hidden states of one text, aligned to its whitespace-separated words: `[words, dim]`, row-major `f32`.
#[derive(Debug, Clone, PartialEq)]
pub struct WordStates {
    dim: usize,
    values: Vec<f32>,
}

impl Embeddings {
    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// True when no text was encoded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many of the texts were longer than the encoder takes, and were cut.
    #[must_use]
    pub fn truncated(&self) -> usize {
        self.truncated
    }

    /// The embedding of text `row`, `[dim]`.
    ///
    /// # Panics
    /// When `row` is not below [`len`](Self::len).
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// All embeddings, `[len, dim]`, row-major.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// All embeddings, `[len, dim]`, row-major, without a copy.
    #[must_use]
    pub fn into_vec(self) -> Vec<f32> {
        self.values
    }
}

impl WordStates {
    /// Number of words of the text.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// True for a text without words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Width of a state.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The state of word `word`, `[dim]`.
    ///
    /// # Panics
    /// When `word` is not below [`len`](Self::len).
    #[must_use]
    pub fn word(&self, word: usize) -> &[f32] {
        &self.values[word * self.dim..(word + 1) * self.dim]
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("dim", &self.dim)
            .field("max_tokens", &self.max_tokens)
            .field("pooling", &self.pooling)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// Reads a model directory: `config.json`, `tokenizer.json` and `model.safetensors`; `modules.json`, the pooling
    /// module's `config.json` and `sentence_bert_config.json` where present. Without a pooling configuration the mean is taken.
    ///
    /// Takes about the size of the weights in memory twice while loading, once afterwards.
    ///
    /// # Errors
    /// [`Error`] when a file is missing or unreadable, the model is not of the BERT family, or it pools in a way that is
    /// not implemented.
    pub fn load(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let files = ModelFiles::read(dir.as_ref())?;
        let (path, bytes) = files.tokenizer;
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|source| Error::Tokenizer {
            path: path.clone(),
            source,
        })?;
        let max_tokens = files.max_tokens;
        // A tokenizer may pad to a fixed length: batches are padded here, to their own longest text.
        tokenizer.with_padding(None);
        let empty = tokenizer.encode("", true).map_err(|source| Error::Tokenizer {
            path: path.clone(),
            source,
        })?;
        let special = empty.len();
        if max_tokens <= special {
            return Err(Error::TooFewPositions { max_tokens, special });
        }
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: max_tokens,
                ..TruncationParams::default()
            }))
            .map_err(|source| Error::Tokenizer { path, source })?;

        let (path, bytes) = files.weights;
        let model = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)
            .and_then(|weights| BertModel::load(weights, &files.bert))
            .map_err(|source| Error::Weights {
                path,
                source: Box::new(source),
            })?;
        Ok(Self {
            model,
            tokenizer,
            pooling: files.pooling,
            dim: files.bert.hidden_size,
            pad_token: u32::try_from(files.bert.pad_token_id).unwrap_or(0),
            max_tokens,
            fingerprint: files.fingerprint,
        })
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Longest input in tokens, special ones included: 128 or less where the model takes less. Longer texts are cut.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// SHA-256 of configuration, tokenizer and weights, 64 hexadecimal digits: two encoders with the same one are the same.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Sentence embeddings of `texts`, in their order: pooled over the tokens of the attention mask, scaled to unit length.
    ///
    /// Deterministic on one machine for the same list of texts, whatever the number of threads. Uses rayon's pool.
    ///
    /// # Errors
    /// [`Error::Tokenise`], [`Error::Forward`], or [`Error::NonFinite`] with the index of the text.
    pub fn encode(&self, texts: &[&str]) -> Result<Embeddings, Error> {
        let encodings = self.tokenise(texts)?;
        let batches = batches(&encodings);
        let pooled: Vec<Vec<f32>> = batches
            .par_iter()
            .map(|batch| {
                let (states, width) = self.forward(batch, &encodings)?;
                Ok(self.pool(&states, width, batch, &encodings))
            })
            .collect::<Result<_, Error>>()?;
        let mut values = vec![0.0; texts.len() * self.dim];
        for (batch, rows) in batches.iter().zip(&pooled) {
            for (&text, row) in batch.iter().zip(rows.chunks_exact(self.dim)) {
                if row.iter().any(|v| !v.is_finite()) {
                    return Err(Error::NonFinite { row: text });
                }
                values[text * self.dim..(text + 1) * self.dim].copy_from_slice(row);
            }
        }
        let cut = encodings
            .iter()
            .filter(|encoding| !encoding.get_overflowing().is_empty());
        Ok(Embeddings {
            dim: self.dim,
            truncated: cut.count(),
            values,
        })
    }

    /// The last layer's states of each text, one row a whitespace-separated word: that of the word's first token.
    ///
    /// A word without a token, because the text was cut before it or the tokenizer drops all its characters, has a row
    /// of zeros, so that rows always agree with the words. States are not normalised.
    ///
    /// # Errors
    /// [`Error::Tokenise`], [`Error::Forward`], or [`Error::NonFinite`] with the index of the text.
    pub fn encode_words(&self, texts: &[&str]) -> Result<Vec<WordStates>, Error> {
        let encodings = self.tokenise(texts)?;
        let batches = batches(&encodings);
        let computed: Vec<Vec<WordStates>> = batches
            .par_iter()
            .map(|batch| {
                let (states, width) = self.forward(batch, &encodings)?;
                let rows = batch.iter().zip(states.chunks_exact(width * self.dim));
                Ok(rows
                    .map(|(&text, states)| self.words(texts[text], &encodings[text], states))
                    .collect())
            })
            .collect::<Result<_, Error>>()?;
        let mut out = vec![
            WordStates {
                dim: self.dim,
                values: Vec::new()
            };
            texts.len()
        ];
        for (&text, states) in batches.iter().flatten().zip(computed.into_iter().flatten()) {
            if states.values.iter().any(|v| !v.is_finite()) {
                return Err(Error::NonFinite { row: text });
            }
            out[text] = states;
        }
        Ok(out)
    }

    fn tokenise(&self, texts: &[&str]) -> Result<Vec<Encoding>, Error> {
        self.tokenizer
            .encode_batch(texts.to_vec(), true)
            .map_err(Error::Tokenise)
    }

    /// Last hidden states of one batch, `[batch, width, dim]`, row-major, and the width.
    fn forward(&self, batch: &[usize], encodings: &[Encoding]) -> Result<(Vec<f32>, usize), Error> {
        // A tokenizer without special tokens gives nothing for an empty text; the model needs one position.
        let width = batch
            .iter()
            .map(|&i| encodings[i].len())
            .max()
            .unwrap_or(0)
            .max(1);
        let mut ids = vec![self.pad_token; batch.len() * width];
        let mut mask = vec![0_u32; batch.len() * width];
        for (row, &i) in batch.iter().enumerate() {
            let tokens = encodings[i].get_ids();
            ids[row * width..row * width + tokens.len()].copy_from_slice(tokens);
            mask[row * width..row * width + tokens.len()].fill(1);
        }
        let shape = (batch.len(), width);
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let states = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        Ok((states.flatten_all()?.to_vec1::<f32>()?, width))
    }

    fn pool(&self, states: &[f32], width: usize, batch: &[usize], encodings: &[Encoding]) -> Vec<f32> {
        let mut out = Vec::with_capacity(batch.len() * self.dim);
        for (states, &i) in states.chunks_exact(width * self.dim).zip(batch) {
            let tokens = match self.pooling {
                Pooling::Mean => encodings[i].len(),
                Pooling::First => encodings[i].len().min(1),
            };
            let mut sum = vec![0.0_f64; self.dim];
            for state in states.chunks_exact(self.dim).take(tokens) {
                for (sum, &v) in sum.iter_mut().zip(state) {
                    *sum += f64::from(v);
                }
            }
            // The mean's divisor cancels in the normalisation.
            let norm = sum
                .iter()
                .map(|v| v * v)
                .sum::<f64>()
                .sqrt()
                .max(f64::MIN_POSITIVE);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "components of a unit vector fit f32"
            )]
            out.extend(sum.iter().map(|v| (v / norm) as f32));
        }
        out
    }

    /// Picks the state of each word's first token. `states` is `[width, dim]`.
    fn words(&self, text: &str, encoding: &Encoding, states: &[f32]) -> WordStates {
        let special = encoding.get_special_tokens_mask();
        let mut tokens = encoding
            .get_offsets()
            .iter()
            .enumerate()
            .filter(|&(token, _)| special[token] == 0)
            .map(|(token, &(start, _))| (token, start))
            .peekable();
        let mut values = Vec::new();
        for word in text.split_whitespace() {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let end = start + word.len();
            while tokens.next_if(|&(_, at)| at < start).is_some() {}
            match tokens.next_if(|&(_, at)| at < end) {
                Some((token, _)) => {
                    values.extend_from_slice(&states[token * self.dim..(token + 1) * self.dim]);
                }
                None => values.resize(values.len() + self.dim, 0.0),
            }
        }
        WordStates {
            dim: self.dim,
            values,
        }
    }
}

/// Indices of the texts in batches of similar length, each within the token budget; the order is a function of the texts alone.
fn batches(encodings: &[Encoding]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..encodings.len()).collect();
    order.sort_by_key(|&i| encodings[i].len());
    let mut out: Vec<Vec<usize>> = Vec::new();
    for i in order {
        // Lengths ascend, so the newest text is the longest of its batch.
        let width = encodings[i].len().max(1);
        match out.last_mut() {
            Some(batch) if (batch.len() + 1) * width <= BATCH_TOKENS => batch.push(i),
            _ => out.push(vec![i]),
        }
    }
    out
}
