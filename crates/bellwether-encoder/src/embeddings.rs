//! What comes out: a vector a text, or a vector a word.

use tokenizers::Encoding;

/// Embeddings of texts, `[len, dim]`, row-major `f32`, of unit length where the encoder normalises.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    pub(crate) dim: usize,
    pub(crate) values: Vec<f32>,
    pub(crate) truncated: usize,
}

/// Hidden states of one text, aligned to its whitespace-separated words: `[words, dim]`, row-major `f32`.
#[derive(Debug, Clone, PartialEq)]
pub struct WordStates {
    pub(crate) dim: usize,
    pub(crate) values: Vec<f32>,
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

    /// How many of the texts were cut because they have more tokens than the encoder takes.
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
    /// Picks the state of each word's first token. `states` is `[tokens, dim]`.
    pub(crate) fn of(text: &str, encoding: &Encoding, states: &[f32], dim: usize) -> Self {
        let special = encoding.get_special_tokens_mask();
        let mut tokens = encoding
            .get_offsets()
            .iter()
            .enumerate()
            .filter(|&(token, _)| special[token] == 0)
            .filter_map(|(token, &(start, end))| {
                // Some tokenizers count the blank before a word to its first token, or make a token of it.
                let own = text.get(start..end)?.trim_start();
                (!own.is_empty()).then(|| (token, end - own.len()))
            })
            .peekable();
        let mut values = Vec::new();
        for word in text.split_whitespace() {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let end = start + word.len();
            while tokens.next_if(|&(_, at)| at < start).is_some() {}
            match tokens.next_if(|&(_, at)| at < end) {
                Some((token, _)) => {
                    values.extend_from_slice(&states[token * dim..(token + 1) * dim]);
                }
                None => values.resize(values.len() + dim, 0.0),
            }
        }
        Self { dim, values }
    }

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
