//! A tiny random model of each family against transformers (`golden/families.py`).

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test they are called from"
)]

use bellwether_encoder::{Encoder, EncoderOptions, Pooling, Precision};
use serde_json::Value;
use std::path::PathBuf;

const FAMILIES: [&str; 5] = ["bert", "distilbert", "roberta", "xlm-roberta", "modernbert"];
/// Single precision through a few layers of width 16, whose states reach about 3.
const TOLERANCE: f32 = 2e-5;

struct Family {
    name: &'static str,
    encoder: Encoder,
    expected: Value,
}

impl Family {
    fn load(name: &'static str) -> Self {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/families")
            .join(name);
        Self {
            name,
            encoder: Encoder::load(&dir).unwrap(),
            expected: serde_json::from_slice(&std::fs::read(dir.join("expected.json")).unwrap()).unwrap(),
        }
    }

    fn texts(&self) -> Vec<&str> {
        self.expected["texts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect()
    }

    fn vectors(&self, key: &str) -> Vec<Vec<f32>> {
        serde_json::from_value(self.expected[key].clone()).unwrap()
    }

    /// The embeddings with these options, row by row against the expected ones.
    fn check(&self, options: &EncoderOptions, expected: &[Vec<f32>], tolerance: f32) {
        let texts = self.texts();
        let out = self.encoder.variant(options).unwrap().encode(&texts).unwrap();
        for (row, text) in texts.iter().enumerate() {
            for (a, b) in out.row(row).iter().zip(&expected[row]) {
                assert!(
                    (a - b).abs() <= tolerance,
                    "{}, {options:?}, {text:?}: {a} is not {b}",
                    self.name
                );
            }
        }
    }
}

fn with_pooling(pooling: Pooling) -> EncoderOptions {
    EncoderOptions {
        pooling: Some(pooling),
        ..EncoderOptions::default()
    }
}

#[test]
fn each_family_and_pooling_is_as_in_transformers() {
    for name in FAMILIES {
        let family = Family::load(name);
        assert_eq!(family.encoder.identity().model_type, name);
        for (pooling, key) in [
            (Pooling::Mean, "mean"),
            (Pooling::Cls, "cls"),
            (Pooling::Max, "max"),
        ] {
            family.check(&with_pooling(pooling), &family.vectors(key), TOLERANCE);
        }
    }
}

#[test]
fn normalised_vectors_are_those_divided_by_their_length() {
    for name in FAMILIES {
        let family = Family::load(name);
        for (pooling, key) in [(Pooling::Mean, "mean"), (Pooling::Max, "max")] {
            let mut expected = family.vectors(key);
            for row in &mut expected {
                let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
                for v in row.iter_mut() {
                    *v /= length;
                }
            }
            let options = EncoderOptions {
                normalise: Some(true),
                ..with_pooling(pooling)
            };
            family.check(&options, &expected, TOLERANCE);
        }
    }
}

#[test]
fn weights_are_rounded_to_the_precision_and_so_are_the_vectors() {
    for name in ["distilbert", "roberta", "modernbert"] {
        let family = Family::load(name);
        for (precision, key, steps) in [
            (Precision::Float16, "float16", 11),
            (Precision::Bfloat16, "bfloat16", 8),
        ] {
            let options = EncoderOptions {
                precision: Some(precision),
                ..EncoderOptions::default()
            };
            let expected = family.vectors(key);
            // Half a step of a number below 4, beside the arithmetic's own error.
            family.check(&options, &expected, TOLERANCE + 2.0 * 0.5_f32.powi(steps));
            let exact = family.vectors("mean");
            let moved = exact.iter().flatten().zip(expected.iter().flatten());
            assert!(
                moved.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) > 1e-4,
                "{name}"
            );
            let out = family
                .encoder
                .variant(&options)
                .unwrap()
                .encode(&family.texts())
                .unwrap();
            for &v in out.as_slice() {
                let rounded = match precision {
                    Precision::Float16 => half::f16::from_f32(v).to_f32(),
                    _ => half::bf16::from_f32(v).to_f32(),
                };
                assert!(v.to_bits() == rounded.to_bits(), "{v}");
            }
        }
    }
}

#[test]
fn each_word_has_the_state_of_its_first_token_in_each_kind_of_tokenizer() {
    for name in FAMILIES {
        let family = Family::load(name);
        let text = " where  is my parcel ";
        let states = &family.encoder.encode_words(&[text]).unwrap()[0];
        assert_eq!(states.len(), 4, "{name}");
        // No row of zeros, which stands for a word without a token, and no token's row twice.
        for word in 0..4 {
            assert!(
                states.word(word).iter().any(|&v| v.abs() > 0.01),
                "{name}: word {word}"
            );
            assert!(
                (0..word).all(|other| states.word(other) != states.word(word)),
                "{name}: word {word}"
            );
        }
    }
}

#[test]
fn truncated_texts_are_counted() {
    for name in FAMILIES {
        let family = Family::load(name);
        let texts = family.texts();
        // The file's lengths are of cut texts: what has all positions may have been cut.
        let lengths: Vec<usize> = serde_json::from_value(family.expected["tokens"].clone()).unwrap();
        let cut = EncoderOptions {
            max_tokens: Some(10),
            ..EncoderOptions::default()
        };
        let encoder = family.encoder.variant(&cut).unwrap();
        let longer = lengths.iter().filter(|&&length| length > 10).count();
        assert!(longer > 0);
        assert_eq!(encoder.encode(&texts).unwrap().truncated(), longer, "{name}");
        assert_eq!(
            encoder.encode(&texts[..1]).unwrap().truncated(),
            usize::from(lengths[0] > 10)
        );
    }
}

#[test]
fn a_row_is_the_same_to_the_last_bit_whatever_its_company_and_the_threads() {
    for name in FAMILIES {
        let family = Family::load(name);
        let texts = family.texts();
        let alone: Vec<Vec<f32>> = texts
            .iter()
            .map(|text| family.encoder.encode(&[text]).unwrap().into_vec())
            .collect();
        // Thrice in other orders, so that every text falls at many places of packs and tiles.
        let order: Vec<usize> = (0..40 * texts.len())
            .map(|i| i * i * 7 % 13 * 5 % texts.len())
            .collect();
        let many: Vec<&str> = order.iter().map(|&i| texts[i]).collect();
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let out = pool.install(|| family.encoder.encode(&many)).unwrap();
            for (row, &text) in order.iter().enumerate() {
                assert_eq!(
                    out.row(row),
                    alone[text],
                    "{name}: {:?} at {row}, {threads} threads",
                    texts[text]
                );
            }
        }
    }
}
