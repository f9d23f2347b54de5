//! The monitor's own encoder: texts without vectors, canaries, and vectors of another encoder.
//!
//! With `BELLWETHER_TEST_ENCODER`, a directory with all-MiniLM-L6-v2, also the real model.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
#[path = "../../bellwether-encoder/tests/support/tiny_encoder.rs"]
mod tiny_encoder;

use bellwether_encoder::{Encoder, EncoderOptions, Pooling, Precision};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use support::{PATIENCE, START_MS, Site, json_output, lines, output, program, traffic};
use tiny_encoder::{WORDS, write_encoder};

/// Texts of known words, in which `mood` and `topic` of the small model differ.
fn texts(mut rows: Vec<Value>) -> Vec<Value> {
    for (at, row) in rows.iter_mut().enumerate() {
        let word = |n: usize| WORDS[4 + n % 10];
        let good = row["prediction"] == "good";
        let (own, class) = (
            if row["task"] == "mood" { "lost" } else { "two" },
            if good { "refund" } else { "my" },
        );
        row["text"] = format!("{own} {class} {} {own} {}", word(at), word(at / 10)).into();
    }
    rows
}

fn without_vectors(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("embedding");
    }
    rows
}

fn with_vectors(encoder: &Encoder, mut rows: Vec<Value>) -> Vec<Value> {
    let texts: Vec<String> = rows
        .iter()
        .map(|row| row["text"].as_str().unwrap().to_owned())
        .collect();
    let made = encoder
        .encode(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        .unwrap();
    for (at, row) in rows.iter_mut().enumerate() {
        row["embedding"] = made.row(at).into();
    }
    rows
}

fn labelled(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        row["label"] = row["prediction"].clone();
        row["timestamp"] = (row["timestamp"].as_i64().unwrap() - 10_000 * 60_000).into();
    }
    rows
}

struct Model {
    site: Site,
    directory: PathBuf,
}

impl Model {
    fn tiny() -> Self {
        let site = Site::new(&[("predictions", 1), ("labels", 1)]);
        let directory = site.path("encoder");
        write_encoder(&directory, 1);
        Self { site, directory }
    }

    fn encoder(&self, options: &EncoderOptions) -> Encoder {
        Encoder::with_options(&self.directory, options).unwrap()
    }

    /// Builds a reference of these rows.
    fn build(&self, rows: &[Value], name: &str, more: &[&str]) -> bellwether_tests::Finished {
        self.site.write("rows.jsonl", lines(rows));
        let (rows, tasks, reference) = (
            self.site.text("rows.jsonl"),
            self.site.text("tasks.json"),
            self.site.text(name),
        );
        let build = [
            "reference",
            "build",
            "--observations",
            &rows,
            "--tasks",
            &tasks,
            "--output",
            &reference,
        ];
        program(&[&build, more].concat()).wait(PATIENCE)
    }

    fn directory(&self) -> &str {
        self.directory.to_str().unwrap()
    }

    /// The timeline of these events, and what the monitor says at their end.
    fn replay(&self, reference: &str, events: &[Value], more: &[&str]) -> Vec<Value> {
        self.site.write("events.jsonl", lines(events));
        let (reference, events, timeline) = (
            self.site.text(reference),
            self.site.text("events.jsonl"),
            self.site.text("timeline.jsonl"),
        );
        let replay = [
            "replay",
            "--reference",
            &reference,
            "--observations",
            &events,
            "--timeline",
            &timeline,
        ];
        output(&[&replay, more].concat());
        let text = std::fs::read_to_string(timeline).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Canaries as production would send them, made by an encoder with these options, at the end of quiet events.
    fn canaries(&self, reference: &str, encoder: &Encoder, at_ms: i64) -> Vec<Value> {
        let printed = output(&["reference", "canaries", &self.site.text(reference)]);
        let time_ms = |at| at_ms + 1000 * i64::try_from(at).unwrap();
        with_vectors(encoder, canaries(&printed, time_ms))
    }

    /// The differences that canaries of such an encoder show.
    fn named(&self, reference: &str, quiet: &[Value], encoder: &Encoder) -> Vec<String> {
        let at_ms = quiet.last().unwrap()["timestamp"].as_i64().unwrap() + 60_000;
        let mut events = quiet.to_vec();
        events.extend(self.canaries(reference, encoder, at_ms));
        let timeline = self.replay(reference, &events, &[]);
        let said = timeline
            .iter()
            .rfind(|line| line["evidence"].get("encoder_fault").is_some());
        let Some(said) = said else { return Vec::new() };
        assert_eq!(said["shared_encoder"], true);
        let differences = said["evidence"]["encoder_fault"]["differences"]
            .as_array()
            .unwrap();
        differences
            .iter()
            .map(|d| d["aspect"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn verdicts(timeline: &[Value]) -> Vec<(&Value, &Value, &Value, &Value)> {
    let fields = |line: &Value| line.as_object().map_or(0, serde_json::Map::len);
    assert!(timeline.iter().all(|line| fields(line) == 8));
    let of = timeline.iter();
    of.map(|l| (&l["timestamp"], &l["task"], &l["verdict"], &l["shared_encoder"]))
        .collect()
}

#[test]
fn texts_alone_give_the_reference_and_the_verdicts_that_their_vectors_give() {
    let model = Model::tiny();
    let encoder = model.encoder(&EncoderOptions::default());
    let rows = with_vectors(&encoder, texts(labelled(traffic(1200))));
    let built = model.build(&rows, "vectors.ref", &["--encoder", model.directory()]);
    assert!(built.success(), "{built:?}");
    let built = model.build(
        &without_vectors(rows),
        "texts.ref",
        &["--encoder", model.directory()],
    );
    assert!(built.success(), "{built:?}");
    assert!(built.stderr.contains("1200 texts embedded"), "{built:?}");
    let shown = json_output(&["reference", "inspect", &model.site.text("texts.ref")]);
    assert_eq!(shown["manifest"]["encoder"]["identity"]["pooling"], "mean");
    assert_eq!(
        shown["manifest"]["encoder"]["canaries"].as_array().map(Vec::len),
        Some(24)
    );

    // Half of them of another kind: something is said.
    let mut events = texts(traffic(1200));
    for event in &mut events[700..] {
        event["text"] = "?".into();
    }
    let with = with_vectors(&encoder, events);
    let without = without_vectors(with.clone());
    let more = ["--encoder", model.directory()];
    let of_vectors = model.replay("vectors.ref", &with, &[]);
    assert!(of_vectors.len() > 4, "{of_vectors:?}");
    for (reference, events) in [
        ("vectors.ref", &without),
        ("texts.ref", &without),
        ("texts.ref", &with),
    ] {
        let timeline = model.replay(reference, events, &more);
        assert_eq!(verdicts(&timeline), verdicts(&of_vectors), "{reference}");
    }
}

#[test]
fn a_reference_is_not_built_of_vectors_that_another_encoder_made() {
    let model = Model::tiny();
    let cls = EncoderOptions {
        pooling: Some(Pooling::Cls),
        ..EncoderOptions::default()
    };
    let rows = with_vectors(&model.encoder(&cls), texts(labelled(traffic(1200))));
    let built = model.build(&rows, "wrong.ref", &["--encoder", model.directory()]);
    assert_eq!(built.code(), Some(2), "{built:?}");
    assert!(built.stderr.contains("pooling: it is `cls`"), "{built:?}");
    assert!(!model.site.path("wrong.ref").exists());
    let built = model.build(&rows, "wrong.ref", &["--encoder", "/nowhere"]);
    assert_eq!(built.code(), Some(2));
    assert!(
        built.stderr.contains("cannot load the encoder in /nowhere"),
        "{built:?}"
    );
}

#[test]
fn observations_that_another_encoder_made_are_noticed_by_spot_checks() {
    let model = Model::tiny();
    let encoder = model.encoder(&EncoderOptions::default());
    let rows = with_vectors(&encoder, texts(labelled(traffic(1200))));
    assert!(
        model
            .build(&rows, "model.ref", &["--encoder", model.directory()])
            .success()
    );
    let config = format!(
        "[encoder]\ndirectory = {:?}\nspot_checks = 0.2\n",
        model.directory()
    );
    model.site.write("replay.toml", config);
    let config = model.site.text("replay.toml");
    let mut events = with_vectors(&encoder, texts(traffic(1200)));
    let cls = EncoderOptions {
        pooling: Some(Pooling::Cls),
        ..EncoderOptions::default()
    };
    let swapped = with_vectors(&model.encoder(&cls), events.split_off(600));
    assert!(
        model
            .replay("model.ref", &events, &["--config", &config])
            .iter()
            .all(|l| l["shared_encoder"] == false)
    );
    events.extend(swapped);
    let timeline = model.replay("model.ref", &events, &["--config", &config]);
    let said = timeline
        .iter()
        .find(|l| l["shared_encoder"] == true)
        .expect("it is said");
    let fault = &said["evidence"]["encoder_fault"];
    assert_eq!(
        (&fault["source"], &fault["differences"][0]["aspect"]),
        (&json!("spot_check"), &json!("pooling"))
    );
    let at = said["timestamp"].as_str().unwrap();
    let begun = &events[600]["timestamp"].as_i64().unwrap();
    let delay = jiff_ms(at) - begun;
    assert!(
        (0..100 * 60_000).contains(&delay),
        "some 6 checks of 30 events: {delay} ms"
    );
}

fn jiff_ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[test]
fn canaries_that_production_sent_in_the_reference_period_need_no_encoder() {
    let model = Model::tiny();
    let encoder = model.encoder(&EncoderOptions::default());
    let mut rows = with_vectors(&encoder, texts(labelled(traffic(1200))));
    rows.extend(recorded_canaries(&encoder));
    let built = model.build(&rows, "recorded.ref", &[]);
    assert!(built.success(), "{built:?}");
    let quiet = with_vectors(&encoder, texts(traffic(600)));
    assert_eq!(model.named("recorded.ref", &quiet, &encoder), [""; 0]);
    write_encoder(&model.site.path("other"), 2);
    let other = Encoder::load(model.site.path("other")).unwrap();
    assert_eq!(model.named("recorded.ref", &quiet, &other), ["weights"]);
}

/// Our own canaries, as production sent them in the period of the reference.
fn recorded_canaries(encoder: &Encoder) -> Vec<Value> {
    let printed = output(&["reference", "canaries"]);
    with_vectors(encoder, canaries(&printed, |_| START_MS - 1000))
}

/// Printed canaries with the time of each.
fn canaries(printed: &str, time_ms: impl Fn(usize) -> i64) -> Vec<Value> {
    let events = printed.lines().enumerate().map(|(at, line)| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        event["timestamp"] = time_ms(at).into();
        event
    });
    events.collect()
}

/// Another checkpoint: the same files, and weights that went on with training.
fn retrained(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in [
        "config.json",
        "tokenizer.json",
        "modules.json",
        "sentence_bert_config.json",
    ] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
    let pooling = "1_Pooling/config.json";
    if from.join(pooling).exists() {
        std::fs::create_dir_all(to.join("1_Pooling")).unwrap();
        std::fs::copy(from.join(pooling), to.join(pooling)).unwrap();
    }
    let mut weights = std::fs::read(from.join("model.safetensors")).unwrap();
    let header = 8 + usize::try_from(u64::from_le_bytes(weights[..8].try_into().unwrap())).unwrap();
    let (numbers, _) = weights[header..].as_chunks_mut::<4>();
    for (at, number) in numbers.iter_mut().enumerate() {
        let value = f32::from_le_bytes(*number);
        // Whole numbers of another type, such as positions, are tiny as floats.
        if value.abs() > 1e-20 {
            let sign = if at * 2_654_435_761 % 65_537 > 32_768 {
                1.0
            } else {
                -1.0
            };
            *number = (value + sign * 0.1 * value.abs().max(0.02)).to_le_bytes();
        }
    }
    std::fs::write(to.join("model.safetensors"), weights).unwrap();
}

#[test]
fn each_swap_of_the_real_model_is_named_by_the_canaries() {
    let Some(directory) = std::env::var_os("BELLWETHER_TEST_ENCODER").map(PathBuf::from) else {
        println!("skipped: BELLWETHER_TEST_ENCODER does not name a directory with all-MiniLM-L6-v2");
        return;
    };
    let site = Site::new(&[("predictions", 1), ("labels", 1)]);
    let model = Model { site, directory };
    let encoder = model.encoder(&EncoderOptions::default());
    let rows = with_vectors(&encoder, texts(labelled(traffic(800))));
    let built = model.build(&rows, "model.ref", &["--encoder", model.directory()]);
    assert!(built.success(), "{built:?}");
    let quiet = with_vectors(&encoder, texts(traffic(300)));
    let options = EncoderOptions::default;
    let swapped = |options: EncoderOptions| model.named("model.ref", &quiet, &model.encoder(&options));
    assert_eq!(swapped(options()), [""; 0], "as it is");
    assert_eq!(
        swapped(EncoderOptions {
            pooling: Some(Pooling::Cls),
            ..options()
        }),
        ["pooling"]
    );
    assert_eq!(
        swapped(EncoderOptions {
            normalise: Some(false),
            ..options()
        }),
        ["normalisation"]
    );
    assert_eq!(
        swapped(EncoderOptions {
            precision: Some(Precision::Float16),
            ..options()
        }),
        ["precision"]
    );
    assert_eq!(
        swapped(EncoderOptions {
            precision: Some(Precision::Bfloat16),
            ..options()
        }),
        ["precision"]
    );
    assert_eq!(
        swapped(EncoderOptions {
            max_tokens: Some(16),
            ..options()
        }),
        ["truncation"]
    );
    // The model's own tokenizer puts texts in lower case, so that the swap is one that does not.
    assert_eq!(
        swapped(EncoderOptions {
            lower_case: Some(false),
            ..options()
        }),
        ["tokenizer"]
    );
    let other = model.site.path("retrained");
    retrained(&model.directory, &other);
    assert_eq!(
        model.named("model.ref", &quiet, &Encoder::load(&other).unwrap()),
        ["weights"]
    );

    // Where the reference is of the tokenizer that keeps capitals, the one that does not is the swap.
    let cased = EncoderOptions {
        lower_case: Some(false),
        ..options()
    };
    let cased = model.encoder(&cased);
    let mut rows = with_vectors(&cased, texts(labelled(traffic(800))));
    rows.extend(recorded_canaries(&cased));
    assert!(model.build(&rows, "cased.ref", &[]).success());
    let quiet = with_vectors(&cased, texts(traffic(300)));
    assert_eq!(model.named("cased.ref", &quiet, &cased), [""; 0]);
    assert_eq!(model.named("cased.ref", &quiet, &encoder), ["tokenizer"]);
}
