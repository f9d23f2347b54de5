//! Texts to vectors: tokenise, pack, run the model, pool, normalise.

use crate::embeddings::{Embeddings, WordStates};
use crate::error::Error;
use crate::files::ModelFiles;
use crate::identity::{EncoderIdentity, sha256};
use crate::model::Model;
use crate::options::{Device, EncoderOptions, Pooling, Precision};
use crate::packed::Memory;
use crate::pooling::pool;
use crate::tokenise::{TextTokenizer, non_empty};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tokens of one forward pass. Fewer fetch the weights from memory too often, more leave the processor's caches;
/// `docs/ENCODER.md` has the measurement.
const PACK_TOKENS: usize = 256;
/// Fewest tokens of a pass when a small call is shared between threads.
const LEAST_PACK_TOKENS: usize = 32;

/// A loaded encoder. Cheap to share by reference between threads; encoding takes `&self`.
#[derive(Clone)]
pub struct Encoder {
    shared: Arc<Shared>,
    model: Arc<Model>,
    tokenizer: Arc<TextTokenizer>,
    identity: EncoderIdentity,
    device: Device,
}

/// What all variants of an encoder have in common.
struct Shared {
    dir: PathBuf,
    files: ModelFiles,
    weights_sha256: String,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("dir", &self.shared.dir)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// Reads a model directory as sentence-transformers would: [`with_options`](Self::with_options) with the default.
    ///
    /// # Errors
    /// As [`with_options`](Self::with_options).
    pub fn load(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::with_options(dir, &EncoderOptions::default())
    }

    /// Reads a model directory: `config.json`, `tokenizer.json` and `model.safetensors`; `modules.json`, the pooling
    /// module's `config.json`, `sentence_bert_config.json` and `tokenizer_config.json` where present.
    ///
    /// Families are BERT, DistilBERT, RoBERTa, `XLM-R` and ModernBERT. Weights may be of 32 or 16 bits. A directory without
    /// `modules.json` is pooled by the mean and not normalised.
    ///
    /// Takes about the size of the weights in memory three times while loading, once afterwards.
    ///
    /// # Errors
    /// [`Error`] when a file is missing or unreadable, or the model is of another family or pools in another way than is
    /// implemented.
    pub fn with_options(dir: impl AsRef<Path>, options: &EncoderOptions) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let (files, bytes) = ModelFiles::read(dir)?;
        let weights_sha256 = sha256(&bytes);
        let model = Model::new(&files, &bytes, options)?;
        drop(bytes);
        let tokenizer = tokenizer(&files, options)?;
        Ok(Self::assembled(
            Arc::new(Shared {
                dir: dir.to_path_buf(),
                files,
                weights_sha256,
            }),
            Arc::new(model),
            Arc::new(tokenizer),
            options,
        ))
    }

    /// The same model with other options, which replace all of the present ones.
    ///
    /// Weights stay shared with this encoder unless precision, arithmetic or device differ: then they are read again.
    ///
    /// # Errors
    /// As [`with_options`](Self::with_options), and [`Error::Changed`] when the weights on disk are no longer the same.
    pub fn variant(&self, options: &EncoderOptions) -> Result<Self, Error> {
        let precision = options.precision.unwrap_or(Precision::Float32);
        let same = (precision, options.arithmetic, options.device)
            == (self.identity.precision, self.identity.arithmetic, self.device);
        let model = if same {
            Arc::clone(&self.model)
        } else {
            let (path, bytes) = self.shared.files.read_weights()?;
            if sha256(&bytes) != self.shared.weights_sha256 {
                return Err(Error::Changed { path });
            }
            Arc::new(Model::new(&self.shared.files, &bytes, options)?)
        };
        let tokenizer = Arc::new(tokenizer(&self.shared.files, options)?);
        Ok(Self::assembled(
            Arc::clone(&self.shared),
            model,
            tokenizer,
            options,
        ))
    }

    fn assembled(
        shared: Arc<Shared>,
        model: Arc<Model>,
        tokenizer: Arc<TextTokenizer>,
        options: &EncoderOptions,
    ) -> Self {
        let files = &shared.files;
        let identity = EncoderIdentity {
            model_type: files.architecture.model_type.clone(),
            dim: files.architecture.hidden,
            pooling: options.pooling.unwrap_or(files.pooling),
            normalised: options.normalise.unwrap_or(files.normalise),
            precision: options.precision.unwrap_or(Precision::Float32),
            arithmetic: options.arithmetic,
            max_tokens: tokenizer.max_tokens(),
            lower_case: tokenizer.lower_case(),
            weights_sha256: shared.weights_sha256.clone(),
            tokenizer_sha256: sha256(&files.tokenizer.1),
            config_sha256: sha256(&files.config),
            fingerprint: String::new(),
        }
        .sealed();
        Self {
            shared,
            model,
            tokenizer,
            identity,
            device: options.device,
        }
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.identity.dim
    }

    /// How token states become one vector.
    #[must_use]
    pub fn pooling(&self) -> Pooling {
        self.identity.pooling
    }

    /// Longest input in tokens, special ones included. Longer texts are cut.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.identity.max_tokens
    }

    /// What makes this encoder the one it is.
    #[must_use]
    pub fn identity(&self) -> &EncoderIdentity {
        &self.identity
    }

    /// SHA-256 over files and settings, 64 hexadecimal digits: two encoders with the same one are the same.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.identity.fingerprint
    }

    /// Sentence embeddings of `texts`, in their order, pooled and normalised as the model or the options say.
    ///
    /// The embedding of a text depends on the text alone, to the last bit: not on the other texts of the call, their order or
    /// the number of threads. Texts with the same tokens are computed once a call. Uses rayon's pool.
    ///
    /// # Errors
    /// [`Error::Tokenise`], [`Error::TokenBeyondTable`], or [`Error::NonFinite`] with the index of the text.
    pub fn encode(&self, texts: &[&str]) -> Result<Embeddings, Error> {
        let dim = self.dim();
        let tokens = self.tokenizer.tokenise(texts, self.filler())?;
        let (distinct, of_text) = distinct(&tokens.ids, self.model.pads());
        let identity = &self.identity;
        let rows = self.each_pack(&distinct, |pack, states| {
            let mut rows = Vec::with_capacity(pack.len() * dim);
            let mut states = states;
            for ids in pack {
                let (own, rest) = states.split_at(ids.len() * dim);
                states = rest;
                pool(own, dim, identity.pooling, identity.normalised, &mut rows);
            }
            identity.precision.round(&mut rows);
            rows
        })?;
        let rows: Vec<&[f32]> = rows.iter().flat_map(|rows| rows.chunks_exact(dim)).collect();
        let mut values = Vec::with_capacity(texts.len() * dim);
        for (text, &row) in of_text.iter().enumerate() {
            if rows[row].iter().any(|v| !v.is_finite()) {
                return Err(Error::NonFinite { row: text });
            }
            values.extend_from_slice(rows[row]);
        }
        Ok(Embeddings {
            dim,
            values,
            truncated: tokens.truncated,
        })
    }

    /// The last layer's states of each text, one row a whitespace-separated word: that of the word's first token.
    ///
    /// A word without a token, because the text was cut before it or the tokenizer drops all its characters, has a row
    /// of zeros, so that rows always agree with the words. States are not normalised.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_words(&self, texts: &[&str]) -> Result<Vec<WordStates>, Error> {
        let dim = self.dim();
        let encodings = self.tokenizer.with_offsets(texts)?;
        let ids: Vec<Vec<u32>> = encodings
            .iter()
            .map(|encoding| non_empty(encoding.get_ids().to_vec(), self.filler()))
            .collect();
        let all: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let states: Vec<Vec<f32>> = self.each_pack(&all, |_, states| {
            let mut states = states.to_vec();
            self.identity.precision.round(&mut states);
            states
        })?;
        let mut out = Vec::with_capacity(texts.len());
        let mut pack = states.iter();
        let mut left: &[f32] = &[];
        for (row, (text, encoding)) in texts.iter().zip(&encodings).enumerate() {
            if left.is_empty() {
                left = pack.next().map_or(&[], Vec::as_slice);
            }
            let (own, rest) = left.split_at(ids[row].len() * dim);
            left = rest;
            if own.iter().any(|v| !v.is_finite()) {
                return Err(Error::NonFinite { row });
            }
            out.push(WordStates::of(text, encoding, own, dim));
        }
        Ok(out)
    }

    /// Stands for the token of a text that has none.
    fn filler(&self) -> u32 {
        self.shared.files.architecture.pad_token
    }

    /// Runs the model on packs of consecutive texts, and `f` on each pack and its states, `[tokens, dim]`. Results in order.
    fn each_pack<T: Send>(
        &self,
        texts: &[&[u32]],
        f: impl Fn(&[&[u32]], &[f32]) -> T + Sync,
    ) -> Result<Vec<T>, Error> {
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        let share = tokens.div_ceil(rayon::current_num_threads());
        packs(texts, share.clamp(LEAST_PACK_TOKENS, PACK_TOKENS))
            .par_iter()
            .map_init(Memory::default, |memory, pack| {
                let states = self.model.forward(pack, memory)?;
                Ok(f(pack, &states))
            })
            .collect()
    }
}

fn tokenizer(files: &ModelFiles, options: &EncoderOptions) -> Result<TextTokenizer, Error> {
    let stated = options.max_tokens.unwrap_or(files.max_tokens);
    let (path, bytes) = &files.tokenizer;
    TextTokenizer::new(
        path,
        bytes,
        stated.min(files.architecture.positions),
        options.lower_case,
        files.lower_case,
    )
}

/// The distinct sequences of tokens, and for each text the number of its sequence. In the order of their first text, or of
/// their length, so that a batch has little to pad.
fn distinct(ids: &[Vec<u32>], by_length: bool) -> (Vec<&[u32]>, Vec<usize>) {
    let mut numbers: HashMap<&[u32], usize> = HashMap::with_capacity(ids.len());
    let mut distinct = Vec::new();
    let mut of_text: Vec<usize> = ids
        .iter()
        .map(|ids| {
            *numbers.entry(ids).or_insert_with(|| {
                distinct.push(ids.as_slice());
                distinct.len() - 1
            })
        })
        .collect();
    if by_length {
        let mut order: Vec<usize> = (0..distinct.len()).collect();
        order.sort_by_key(|&number| distinct[number].len());
        let mut place = vec![0; order.len()];
        for (at, &number) in order.iter().enumerate() {
            place[number] = at;
        }
        for number in &mut of_text {
            *number = place[*number];
        }
        distinct = order.into_iter().map(|number| distinct[number]).collect();
    }
    (distinct, of_text)
}

/// Consecutive texts of at most `budget` tokens together, or one longer text.
fn packs<'a>(texts: &'a [&'a [u32]], budget: usize) -> Vec<&'a [&'a [u32]]> {
    let mut packs = Vec::new();
    let (mut first, mut tokens) = (0, 0);
    for (at, text) in texts.iter().enumerate() {
        if tokens + text.len() > budget && at > first {
            packs.push(&texts[first..at]);
            (first, tokens) = (at, 0);
        }
        tokens += text.len();
    }
    if first < texts.len() {
        packs.push(&texts[first..]);
    }
    packs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_holds_consecutive_texts_within_the_budget_or_one_longer() {
        let lengths = [3, 4, 9, 1, 1, 8];
        let ids: Vec<Vec<u32>> = lengths.iter().map(|&n| vec![0; n]).collect();
        let texts: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let sizes: Vec<usize> = packs(&texts, 8).iter().map(|pack| pack.len()).collect();
        assert_eq!(sizes, [2, 1, 2, 1]);
        assert!(packs(&[], 8).is_empty());
    }

    #[test]
    fn candles_path_gives_the_same_embeddings() -> Result<(), Error> {
        for family in ["distilbert", "modernbert"] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/golden/families")
                .join(family);
            let encoder = Encoder::load(&dir)?;
            let padded = encoder.variant(&EncoderOptions {
                device: Device::Padded,
                ..EncoderOptions::default()
            })?;
            assert_eq!(padded.identity(), encoder.identity());
            let texts = [
                "my parcel is lost again",
                "",
                "refund",
                "where where where is the order number 42 please help",
            ];
            let (ours, theirs) = (encoder.encode(&texts)?, padded.encode(&texts)?);
            for (a, b) in ours.as_slice().iter().zip(theirs.as_slice()) {
                assert!((a - b).abs() < 1e-4, "{family}: {a} is not {b}");
            }
            let integer = EncoderOptions {
                device: Device::Padded,
                arithmetic: crate::Arithmetic::Integer,
                ..EncoderOptions::default()
            };
            assert!(matches!(encoder.variant(&integer), Err(Error::CpuOnly { .. })));
        }
        Ok(())
    }

    #[test]
    fn equal_sequences_are_one() {
        let ids = vec![vec![1, 2], vec![3], vec![1, 2], vec![1]];
        let (in_order, of_text) = distinct(&ids, false);
        assert_eq!(in_order, [&[1, 2][..], &[3], &[1]]);
        assert_eq!(of_text, [0, 1, 0, 2]);
        let (by_length, of_text) = distinct(&ids, true);
        assert_eq!(by_length, [&[3][..], &[1], &[1, 2]]);
        assert_eq!(of_text, [2, 0, 2, 1]);
    }
}
