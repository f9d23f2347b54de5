//! The encoder on a BERT of width 8 with random weights, built here: what must hold whatever the weights say.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test they are called from"
)]

#[expect(dead_code, reason = "this file uses a part of it")]
#[path = "support/tiny_encoder.rs"]
mod tiny_encoder;

use bellwether_encoder::{Encoder, EncoderOptions, Error, Pooling, Precision};
use serde_json::json;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tiny_encoder::{DIM, write_model};

/// A complete model directory whose longest input is `positions` tokens.
fn model(positions: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path(), 7, positions);
    dir
}

fn write_json(path: &Path, value: &serde_json::Value) {
    fs::write(path, serde_json::to_vec(value).unwrap()).unwrap();
}

fn encoder(positions: usize) -> Encoder {
    Encoder::load(model(positions).path()).unwrap()
}

#[track_caller]
fn assert_close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        // Single precision through two layers of width 8.
        assert!((a - b).abs() < 1e-5, "{a} is not {b}");
    }
}

#[test]
fn embeddings_have_unit_length_and_the_models_width() {
    let options = EncoderOptions {
        normalise: Some(true),
        ..EncoderOptions::default()
    };
    let encoder = encoder(32).variant(&options).unwrap();
    let out = encoder.encode(&["where is my parcel?", "lost", ""]).unwrap();
    assert_eq!((out.len(), out.dim(), out.as_slice().len()), (3, DIM, 3 * DIM));
    for row in 0..out.len() {
        let norm: f32 = out.row(row).iter().map(|v| v * v).sum();
        assert!((norm - 1.0).abs() < 1e-5, "row {row} has squared length {norm}");
    }
}

#[test]
fn an_embedding_does_not_depend_on_the_other_texts_of_the_call() {
    let encoder = encoder(64);
    let texts = [
        "where is my parcel ?",
        "refund",
        "two parcels lost is my refund lost ? where is my refund",
        "my",
    ];
    let together = encoder.encode(&texts).unwrap();
    for (row, text) in texts.iter().enumerate() {
        assert_close(together.row(row), encoder.encode(&[text]).unwrap().row(0));
    }
}

#[test]
fn order_is_kept_over_many_batches() {
    let encoder = encoder(64);
    let long = "where is my parcel ? ".repeat(8);
    let texts: Vec<&str> = (0..300)
        .map(|i| if i % 3 == 0 { long.as_str() } else { "lost refund" })
        .collect();
    let out = encoder.encode(&texts).unwrap();
    let (a, b) = (
        encoder.encode(&[&long]).unwrap(),
        encoder.encode(&["lost refund"]).unwrap(),
    );
    for row in 0..300 {
        assert_close(out.row(row), if row % 3 == 0 { a.row(0) } else { b.row(0) });
    }
    assert_eq!(
        out,
        encoder.encode(&texts).unwrap(),
        "the same call gives the same bits"
    );
}

#[test]
fn text_beyond_the_models_positions_is_cut() {
    let encoder = encoder(8);
    assert_eq!(encoder.max_tokens(), 8);
    // [CLS] and [SEP] leave six tokens.
    let out = encoder
        .encode(&[
            "where is my lost two refund",
            "where is my lost two refund parcel my my my",
        ])
        .unwrap();
    assert_close(out.row(0), out.row(1));
    assert_eq!(out.truncated(), 1, "six tokens fit");
}

#[test]
fn word_states_follow_the_words_of_the_text() {
    let encoder = encoder(10);
    let texts = [
        "where  is my parcels?",
        "",
        "lost \u{0} refund",
        "my my my my my my my my parcel refund",
    ];
    let states = encoder.encode_words(&texts).unwrap();
    let lengths: Vec<usize> = states.iter().map(bellwether_encoder::WordStates::len).collect();
    assert_eq!(lengths, [4, 0, 3, 10]);
    let zero = [0.0; DIM];
    for word in 0..4 {
        assert_ne!(states[0].word(word), zero);
    }
    // The control character leaves no token; the words around it keep their own.
    assert_eq!(states[2].word(1), zero);
    assert_close(
        states[2].word(2),
        encoder.encode_words(&["lost refund"]).unwrap()[0].word(1),
    );
    // Eight tokens fit beside the two special ones: the ninth word was cut.
    assert_ne!(states[3].word(7), zero);
    assert_eq!(states[3].word(8), zero);
}

#[test]
fn the_fingerprint_changes_with_the_model() {
    let (a, b) = (encoder(8), encoder(9));
    assert_eq!(a.fingerprint().len(), 64);
    assert_ne!(a.fingerprint(), b.fingerprint());
    assert_eq!(a.fingerprint(), encoder(8).fingerprint());
}

#[test]
fn pooling_files_old_and_new_are_honoured() {
    let dir = model(32);
    fs::create_dir(dir.path().join("1_Pooling")).unwrap();
    let pooling = dir.path().join("1_Pooling/config.json");
    for (file, expected) in [
        (
            json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}),
            Pooling::Cls,
        ),
        (json!({"pooling_mode_max_tokens": true}), Pooling::Max),
        (
            json!({"pooling_mode": "mean", "embedding_dimension": 8}),
            Pooling::Mean,
        ),
        (json!({"pooling_mode": ["cls"]}), Pooling::Cls),
    ] {
        write_json(&pooling, &file);
        assert_eq!(Encoder::load(dir.path()).unwrap().pooling(), expected, "{file}");
    }
    for (file, named) in [
        (
            json!({"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true}),
            "mean, max",
        ),
        (json!({"pooling_mode": "lasttoken"}), "lasttoken"),
        (json!({}), ""),
    ] {
        write_json(&pooling, &file);
        let error = Encoder::load(dir.path()).unwrap_err();
        assert!(
            matches!(&error, Error::UnsupportedPooling { path, modes } if path == &pooling && modes == named),
            "{error}"
        );
    }
}

#[test]
fn each_pooling_is_what_its_name_says() {
    let encoder = encoder(32);
    let text = "my lost parcel";
    let of = |pooling| {
        let options = EncoderOptions {
            pooling: Some(pooling),
            ..EncoderOptions::default()
        };
        encoder
            .variant(&options)
            .unwrap()
            .encode(&[text])
            .unwrap()
            .into_vec()
    };
    let (mean, max, cls) = (of(Pooling::Mean), of(Pooling::Max), of(Pooling::Cls));
    assert!(mean.iter().zip(&max).all(|(mean, max)| mean < max));
    assert!(cls.iter().zip(&max).all(|(cls, max)| cls <= max));
    assert_ne!(mean, cls);
}

#[test]
fn a_variant_has_its_own_identity_and_goes_back_to_the_first() {
    let dir = model(32);
    let encoder = Encoder::load(dir.path()).unwrap();
    let default = EncoderOptions::default();
    let text = "Where is my LOST parcel where is my refund";
    let first = encoder.encode(&[text]).unwrap();
    let mut seen = vec![encoder.fingerprint().to_owned()];
    for options in [
        EncoderOptions {
            pooling: Some(Pooling::Cls),
            ..default.clone()
        },
        EncoderOptions {
            normalise: Some(true),
            ..default.clone()
        },
        EncoderOptions {
            precision: Some(Precision::Float16),
            ..default.clone()
        },
        EncoderOptions {
            precision: Some(Precision::Bfloat16),
            ..default.clone()
        },
        EncoderOptions {
            lower_case: Some(false),
            ..default.clone()
        },
        EncoderOptions {
            max_tokens: Some(6),
            ..default.clone()
        },
    ] {
        let variant = encoder.variant(&options).unwrap();
        assert_ne!(
            variant.encode(&[text]).unwrap().as_slice(),
            first.as_slice(),
            "{options:?}"
        );
        assert!(
            !seen.iter().any(|other| other == variant.fingerprint()),
            "{options:?}"
        );
        seen.push(variant.fingerprint().to_owned());
        let back = variant.variant(&default).unwrap();
        assert_eq!(back.identity(), encoder.identity());
        assert_eq!(back.encode(&[text]).unwrap(), first);
    }
}

#[test]
fn what_the_options_repeat_of_the_files_changes_nothing() {
    let encoder = encoder(32);
    let repeated = EncoderOptions {
        pooling: Some(Pooling::Mean),
        normalise: Some(false),
        max_tokens: Some(32),
        precision: Some(Precision::Float32),
        lower_case: Some(true),
        ..EncoderOptions::default()
    };
    assert_eq!(encoder.variant(&repeated).unwrap().identity(), encoder.identity());
}

#[test]
fn weights_that_changed_on_disk_are_not_mixed_with_the_loaded_ones() {
    let dir = model(32);
    let encoder = Encoder::load(dir.path()).unwrap();
    let other = model(31);
    fs::copy(
        other.path().join("model.safetensors"),
        dir.path().join("model.safetensors"),
    )
    .unwrap();
    let half = EncoderOptions {
        precision: Some(Precision::Float16),
        ..EncoderOptions::default()
    };
    let error = encoder.variant(&half).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert!(encoder.variant(&EncoderOptions::default()).is_ok());
}

#[test]
fn what_is_not_supported_is_named() {
    let dir = model(32);
    write_json(
        &dir.path().join("modules.json"),
        &json!([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]),
    );
    let error = Encoder::load(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("sentence_transformers.models.Dense"),
        "{error}"
    );

    let dir = model(32);
    write_json(&dir.path().join("config.json"), &json!({"model_type": "t5"}));
    let error = Encoder::load(dir.path()).unwrap_err();
    assert!(
        matches!(&error, Error::UnsupportedModel { model_type, .. } if model_type == "t5"),
        "{error}"
    );

    let dir = model(2);
    let error = Encoder::load(dir.path()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooFewPositions {
                max_tokens: 2,
                special: 2
            }
        ),
        "{error}"
    );
}

#[test]
fn missing_and_broken_files_are_named() {
    for (file, broken) in [
        ("config.json", "{"),
        ("tokenizer.json", "{}"),
        ("model.safetensors", "no weights"),
    ] {
        let dir = model(32);
        fs::write(dir.path().join(file), broken).unwrap();
        assert!(Encoder::load(dir.path()).unwrap_err().to_string().contains(file));
        fs::remove_file(dir.path().join(file)).unwrap();
        let error = Encoder::load(dir.path()).unwrap_err();
        assert!(
            matches!(&error, Error::Read { path, .. } if path.ends_with(file)),
            "{error}"
        );
    }
}
