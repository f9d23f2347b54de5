//! A complete directory of a BERT of width 8 with made-up weights: small, and everything that a real one is.

use serde_json::{Value, json};
use std::fs;
use std::path::Path;

pub(crate) const DIM: usize = 8;
/// Longest input, in tokens, two of them special.
pub(crate) const TOKENS: usize = 12;
pub(crate) const WORDS: [&str; 14] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "where", "is", "my", "par", "##cel", "##s", "two", "?", "lost",
    "refund",
];

/// Weights as a safetensors file has them: a header that says where each lies, and the numbers.
#[derive(Default)]
struct Weights {
    header: serde_json::Map<String, Value>,
    bytes: Vec<u8>,
    state: u64,
}

impl Weights {
    fn add(&mut self, name: &str, shape: &[usize]) {
        let start = self.bytes.len();
        for _ in 0..shape.iter().product() {
            // A linear congruential generator: the weights need to be varied, not random.
            self.state = self
                .state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = (self.state >> 48) as f32 / 65_535.0 - 0.5;
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
        let offsets = [start, self.bytes.len()];
        self.header.insert(
            name.to_owned(),
            json!({"dtype": "F32", "shape": shape, "data_offsets": offsets}),
        );
    }

    fn linear(&mut self, name: &str, rows: usize, columns: usize) {
        self.add(&format!("{name}.weight"), &[rows, columns]);
        self.add(&format!("{name}.bias"), &[rows]);
    }

    fn norm(&mut self, name: &str) {
        self.add(&format!("{name}.weight"), &[DIM]);
        self.add(&format!("{name}.bias"), &[DIM]);
    }

    fn file(self) -> Vec<u8> {
        let header = Value::Object(self.header).to_string();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(&self.bytes);
        file
    }
}

/// Writes the model's files into a new directory; other seeds are other models.
pub(crate) fn write_encoder(directory: &Path, seed: u64) {
    write_model(directory, seed, TOKENS);
}

/// The same for a model whose longest input is `positions` tokens.
pub(crate) fn write_model(directory: &Path, seed: u64, positions: usize) {
    fs::create_dir_all(directory).expect("writable");
    let config = json!({
        "model_type": "bert", "vocab_size": WORDS.len(), "hidden_size": DIM, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 16, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
        "max_position_embeddings": positions, "type_vocab_size": 2, "initializer_range": 0.02,
        "layer_norm_eps": 1e-12, "pad_token_id": 0
    });
    fs::write(directory.join("config.json"), config.to_string()).expect("writable");
    let vocabulary: serde_json::Map<String, Value> = WORDS
        .iter()
        .enumerate()
        .map(|(id, word)| ((*word).to_owned(), json!(id)))
        .collect();
    let special = |id: usize| json!({"id": WORDS[id], "ids": [id], "tokens": [WORDS[id]]});
    let sequence = |id: &str, kind: usize| json!({"Sequence": {"id": id, "type_id": kind}});
    let tokenizer = json!({
        "version": "1.0",
        // As published files do: pad every text to a fixed length. The encoder must not.
        "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
                    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, sequence("A", 0),
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [sequence("A", 0), sequence("B", 1)],
            "special_tokens": {"[CLS]": special(2), "[SEP]": special(3)}},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary}
    });
    fs::write(directory.join("tokenizer.json"), tokenizer.to_string()).expect("writable");
    let mut weights = Weights {
        state: seed,
        ..Weights::default()
    };
    weights.add("embeddings.word_embeddings.weight", &[WORDS.len(), DIM]);
    weights.add("embeddings.position_embeddings.weight", &[positions, DIM]);
    weights.add("embeddings.token_type_embeddings.weight", &[2, DIM]);
    weights.norm("embeddings.LayerNorm");
    for layer in 0..2 {
        let at = format!("encoder.layer.{layer}");
        for part in ["query", "key", "value"] {
            weights.linear(&format!("{at}.attention.self.{part}"), DIM, DIM);
        }
        weights.linear(&format!("{at}.attention.output.dense"), DIM, DIM);
        weights.norm(&format!("{at}.attention.output.LayerNorm"));
        weights.linear(&format!("{at}.intermediate.dense"), 16, DIM);
        weights.linear(&format!("{at}.output.dense"), DIM, 16);
        weights.norm(&format!("{at}.output.LayerNorm"));
    }
    fs::write(directory.join("model.safetensors"), weights.file()).expect("writable");
}
