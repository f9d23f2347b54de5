//! The real all-MiniLM-L6-v2 against an independent forward pass (`golden/make.py`).
//!
//! The weights are not part of the repository: the test runs where `BELLWETHER_TEST_ENCODER` names their directory, and says
//! so where it does not.

use bellwether_encoder::{Encoder, EncoderOptions};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    first_32_components: Vec<Vec<f32>>,
    cosines: Vec<Vec<f32>>,
    second_token_first_8: Vec<Vec<f32>>,
}

/// Single precision against double through six layers; the embeddings are unit vectors.
const TOLERANCE: f32 = 2e-6;

#[test]
fn embeddings_and_word_states_equal_the_golden_ones() {
    let Some(dir) = std::env::var_os("BELLWETHER_TEST_ENCODER") else {
        println!("skipped: BELLWETHER_TEST_ENCODER does not name a directory with all-MiniLM-L6-v2");
        return;
    };
    let golden: Golden = serde_json::from_str(include_str!("golden/all-minilm-l6-v2.json")).unwrap();
    // Where the golden script cuts.
    let cut = EncoderOptions {
        max_tokens: Some(128),
        ..EncoderOptions::default()
    };
    let encoder = Encoder::with_options(dir, &cut).unwrap();
    let texts: Vec<&str> = golden.texts.iter().map(String::as_str).collect();
    let out = encoder.encode(&texts).unwrap();
    for (row, text) in texts.iter().enumerate() {
        for (a, b) in out.row(row).iter().zip(&golden.first_32_components[row]) {
            assert!((a - b).abs() < TOLERANCE, "{text:?}: {a} is not {b}");
        }
        for (other, expected) in golden.cosines[row].iter().enumerate() {
            let cosine: f32 = out.row(row).iter().zip(out.row(other)).map(|(a, b)| a * b).sum();
            assert!(
                (cosine - expected).abs() < TOLERANCE,
                "{text:?} and {:?}: {cosine} is not {expected}",
                texts[other]
            );
        }
    }
    let words = encoder.encode_words(&texts).unwrap();
    for (row, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        for (a, b) in words[row].word(0).iter().zip(&golden.second_token_first_8[row]) {
            // States are not scaled: their components reach about 1.
            assert!((a - b).abs() < 1e-5, "first word of {text:?}: {a} is not {b}");
        }
    }
}
