//! Another encoder is known as such: by texts whose embedding is known, and by what events state of it.

#[expect(dead_code, reason = "this file uses a part of it")]
mod synthetic;

use bellwether_events::{JsonDecoder, ObservationBatch, OtherEncoders, Reject};
use bellwether_monitor::{
    Aspect, Canary, EncoderReference, Engine, Evidence, KeepNoText, MonitorConfig, Reference, Switch,
    TimelineLine, Variant, Verdict,
};
use half::f16;
use half::slice::HalfFloatSliceExt;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use synthetic::{DIM, Input, TASKS, World, parts_of};

const NAMES: [&str; 6] = ["c01", "c02", "c03", "c04", "c05", "c06"];
const TEXTS: [&str; 6] = [
    "short",
    "Short",
    "rather a long text, which goes on for longer than the others do, and then some",
    "another one in small letters",
    "ONE IN CAPITALS",
    "übergroß",
];

fn canary_vector(seed: u64) -> Vec<f32> {
    let mut world = World::new(7000 + seed);
    let raw = world.at(0, 900 + seed);
    unit(&raw)
}

fn unit(raw: &[f32]) -> Vec<f32> {
    let norm = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.iter().map(|x| x / norm).collect()
}

/// What a pooling by the first token would make of them: other directions.
fn pooled_otherwise(at: u64) -> Vec<f32> {
    canary_vector(100 + at)
}

fn reference(version: Option<&str>) -> Reference {
    let (manifest, rows) = parts_of(|_, _| {}, version);
    let canaries = (0..6_u64)
        .zip(NAMES.iter().zip(TEXTS))
        .map(|(at, (name, text))| Canary {
            name: (*name).to_owned(),
            text: text.to_owned(),
            embedding: canary_vector(at),
            noise: 0.0,
            variants: vec![Variant {
                name: "pooling=cls".to_owned(),
                embedding: pooled_otherwise(at).iter().map(|&x| f16::from_f32(x)).collect(),
            }],
        });
    let encoder = EncoderReference {
        identity: None,
        canaries: canaries.collect(),
    };
    Reference::assemble(manifest.with_encoder(encoder), &rows, &MonitorConfig::default())
        .expect("a sound reference")
}

/// A stream as JSON lines, one event a minute.
#[derive(Default)]
struct Stream {
    lines: String,
    minutes: i64,
}

impl Stream {
    fn time(&mut self) -> i64 {
        self.minutes += 1;
        60_000 * self.minutes
    }

    fn ordinary(&mut self, world: &mut World, events: usize, version: Option<&str>) -> &mut Self {
        for _ in 0..events {
            let task = world.any_task();
            let Input {
                task,
                embedding,
                predicted,
                ..
            } = world.ordinary(task);
            let at = self.time();
            let event = json!({
                "event_id": format!("e{at}"), "task": TASKS[usize::from(task)], "timestamp": at,
                "embedding": embedding, "prediction": format!("c{predicted}"), "encoder_version": version,
            });
            writeln!(self.lines, "{event}").expect("a string");
        }
        self
    }

    fn canary(&mut self, at: usize, embedding: &[f32]) -> &mut Self {
        let time = self.time();
        let event = json!({
            "event_id": format!("bellwether-canary/{}/{time}", NAMES[at]), "timestamp": time, "embedding": embedding,
        });
        writeln!(self.lines, "{event}").expect("a string");
        self
    }

    fn round(&mut self, mut made: impl FnMut(u64) -> Vec<f32>) -> &mut Self {
        for at in 0..6 {
            self.canary(at, &made(at as u64));
        }
        self
    }

    /// The events in batches of `cut` lines.
    fn batches(&self, engine: &Engine, cut: usize) -> (Vec<ObservationBatch>, Vec<Reject>) {
        let mut rejects = Vec::new();
        let lines: Vec<&str> = self.lines.lines().collect();
        let batches = lines.chunks(cut).map(|lines| {
            let mut builder = ObservationBatch::builder(engine.schema(), cut);
            let message = lines.join("\n");
            JsonDecoder::default().observations(
                engine.schema(),
                message.as_bytes(),
                &mut builder,
                &mut rejects,
            );
            builder.finish()
        });
        (batches.collect(), rejects)
    }

    fn play(&self, reference: Reference, cut: usize) -> (Engine, Vec<TimelineLine>) {
        let mut engine = Engine::new(Arc::new(reference), MonitorConfig::default());
        let (batches, rejects) = self.batches(&engine, cut);
        assert_eq!(rejects, []);
        let mut lines = Vec::new();
        for batch in batches {
            let newest = batch.timestamps_ms().iter().copied().max().unwrap_or(0);
            engine.push_observations(batch);
            lines.extend(engine.advance(newest - 600_000).expect("in memory"));
        }
        lines.extend(engine.drain().expect("in memory"));
        (engine, lines)
    }
}

fn model_lines(lines: &[TimelineLine]) -> Vec<&TimelineLine> {
    lines.iter().filter(|line| line.task.is_none()).collect()
}

fn aspects(engine: &Engine) -> Vec<Aspect> {
    let fault = engine.status().encoder.fault;
    fault.map_or_else(Vec::new, |fault| {
        fault.differences.iter().map(|d| d.aspect).collect()
    })
}

/// What is said after a round of canaries that `made` has altered.
fn after(made: impl FnMut(u64) -> Vec<f32>) -> (Engine, Vec<TimelineLine>) {
    let mut world = World::new(5);
    let mut stream = Stream::default();
    stream.ordinary(&mut world, 500, None).round(canary_vector);
    stream.ordinary(&mut world, 50, None).round(made);
    stream.play(reference(None), 64)
}

#[test]
fn canaries_that_come_back_as_they_were_say_nothing() {
    let to_f16 = |at| {
        let halves: Vec<f16> = canary_vector(at).iter().map(|&x| f16::from_f32(x)).collect();
        halves.to_f32_vec()
    };
    let (engine, lines) = after(to_f16);
    assert_eq!(aspects(&engine), [], "float16 on the wire is no fault");
    assert!(!engine.status().shared_encoder);
    let counts = engine.status().encoder.counts;
    assert_eq!((counts.canaries, counts.canaries_differing), (12, 0));
    assert_eq!(engine.counts().observations, 550, "canaries are no observations");
    assert!(model_lines(&lines).iter().all(|line| !line.shared_encoder));
}

#[test]
fn the_first_canary_that_differs_is_said_at_once_with_what_differs() {
    let (engine, lines) = after(pooled_otherwise);
    assert_eq!(aspects(&engine), [Aspect::Pooling]);
    let said = model_lines(&lines);
    let said = said.iter().find(|line| line.shared_encoder).expect("a line");
    // 500 events, 6 canaries, 50 events: the next minute.
    assert_eq!(said.timestamp, "1970-01-01T09:17:00.000Z");
    assert_eq!(said.timestamp, said.since);
    assert!(said.summary.contains("pooling: it is `cls`"), "{}", said.summary);
    assert!((said.confidence - 1.0).abs() < 1e-9);
    assert_eq!(said.evidence["encoder_fault"]["source"], "canary");
    assert!(
        engine.status().tasks.iter().all(|t| t.verdict == Verdict::Watch),
        "it is common to the tasks"
    );
}

#[test]
fn each_difference_has_its_name() {
    let noisy = |size: f32| {
        move |at| {
            let (base, noise) = (canary_vector(at), canary_vector(at + 40));
            unit(
                &base
                    .iter()
                    .zip(&noise)
                    .map(|(b, n)| b + size * n)
                    .collect::<Vec<_>>(),
            )
        }
    };
    let of = |made: &dyn Fn(u64) -> Vec<f32>| aspects(&after(made).0);
    assert_eq!(
        of(&|at| canary_vector(at).iter().map(|x| 5.0 * x).collect()),
        [Aspect::Normalisation]
    );
    assert_eq!(
        of(&|at| pooled_otherwise(at).iter().map(|x| 5.0 * x).collect()),
        [Aspect::Pooling, Aspect::Normalisation]
    );
    assert_eq!(of(&noisy(0.002)), [Aspect::Precision]);
    assert_eq!(of(&noisy(0.01)), [Aspect::Precision]);
    assert_eq!(of(&|at| canary_vector(at + 200)), [Aspect::Weights]);
    assert_eq!(of(&|at| canary_vector(at)[..DIM - 8].to_vec()), [Aspect::Width]);
    let only =
        |which: &'static [u64]| move |at| canary_vector(if which.contains(&at) { at + 300 } else { at });
    assert_eq!(of(&only(&[2])), [Aspect::Truncation]);
    assert_eq!(of(&only(&[1, 4])), [Aspect::Tokenizer]);
    assert_eq!(of(&only(&[5])), [Aspect::Tokenizer]);
}

#[test]
fn it_is_over_when_the_canaries_agree_again() {
    let mut world = World::new(6);
    let mut stream = Stream::default();
    stream
        .ordinary(&mut world, 500, None)
        .round(canary_vector)
        .round(pooled_otherwise);
    stream
        .ordinary(&mut world, 50, None)
        .round(canary_vector)
        .ordinary(&mut world, 500, None);
    let (engine, lines) = stream.play(reference(None), 64);
    assert!(!engine.status().shared_encoder);
    let states: Vec<bool> = model_lines(&lines)
        .iter()
        .map(|line| line.shared_encoder)
        .collect();
    assert_eq!(states.iter().filter(|stands| **stands).count(), 1, "{states:?}");
    assert_eq!(states.last(), Some(&false));
    assert!(
        engine
            .status()
            .tasks
            .iter()
            .all(|t| t.verdict == Verdict::Healthy)
    );
}

#[test]
fn however_batches_are_cut_the_lines_are_the_same_and_a_snapshot_goes_on() {
    let mut world = World::new(7);
    let mut stream = Stream::default();
    stream.ordinary(&mut world, 400, None).round(canary_vector);
    stream
        .ordinary(&mut world, 30, None)
        .round(pooled_otherwise)
        .ordinary(&mut world, 200, None);
    let (whole, lines) = stream.play(reference(None), 1000);
    let (_, by_one) = stream.play(reference(None), 1);
    assert_eq!(lines, by_one);

    let reference = Arc::new(reference(None));
    let mut engine = Engine::new(Arc::clone(&reference), MonitorConfig::default());
    let (batches, _) = stream.batches(&engine, 50);
    let mut resumed = Vec::new();
    for batch in batches {
        let newest = batch.timestamps_ms().iter().copied().max().unwrap_or(0);
        engine.push_observations(batch);
        resumed.extend(engine.advance(newest - 600_000).expect("in memory"));
        let snapshot = engine.snapshot();
        engine =
            Engine::restore(Arc::clone(&reference), MonitorConfig::default(), &snapshot).expect("its own");
    }
    resumed.extend(engine.drain().expect("in memory"));
    assert_eq!(lines, resumed);
    assert_eq!(whole.status().encoder, engine.status().encoder);
}

#[test]
fn another_version_is_refused_and_said_and_nothing_drifts() {
    let mut world = World::new(8);
    let mut stream = Stream::default();
    stream
        .ordinary(&mut world, 600, Some("v1"))
        .ordinary(&mut world, 40, Some("v2"));
    stream
        .ordinary(&mut world, 100, None)
        .ordinary(&mut world, 30, Some("v1"));
    let mut engine = Engine::new(Arc::new(reference(Some("v1"))), MonitorConfig::default());
    let (batches, rejects) = stream.batches(&engine, 64);
    assert_eq!(rejects.len(), 40);
    assert!(
        rejects
            .iter()
            .all(|reject| reject.reason.as_str() == "encoder_version")
    );
    assert!(rejects[0].to_string().contains("`v2`"), "{}", rejects[0]);
    let mut lines = Vec::new();
    for batch in batches {
        engine.push_observations(batch);
    }
    lines.extend(engine.drain().expect("in memory"));
    assert_eq!(engine.counts().observations, 730);
    assert_eq!(engine.status().encoder.counts.other_encoder_events, 40);
    let about: Vec<&TimelineLine> = model_lines(&lines)
        .into_iter()
        .filter(|line| line.evidence.get("other_encoder").is_some())
        .collect();
    assert_eq!(about.len(), 1);
    assert!(
        about[0].summary.contains("`v2`") && about[0].summary.contains("`v1`"),
        "{}",
        about[0].summary
    );
    assert!(!about[0].shared_encoder, "a change of encoder is not drift");
    assert!(
        engine
            .status()
            .tasks
            .iter()
            .all(|t| t.verdict == Verdict::Healthy)
    );
    assert_eq!(engine.status().encoder.other, None, "it is over an hour ago");
}

#[test]
fn the_stream_goes_over_at_the_first_event_of_a_run_however_it_is_cut() {
    let mut world = World::new(9);
    let mut stream = Stream::default();
    stream.ordinary(&mut world, 600, Some("v1"));
    // A rollout: both arrive.
    for _ in 0..20 {
        stream
            .ordinary(&mut world, 1, Some("v2"))
            .ordinary(&mut world, 1, Some("v1"));
    }
    stream.ordinary(&mut world, 300, Some("v2"));
    let others = OtherEncoders::default();
    others.set(BTreeSet::from(["v2".to_owned()]));
    for cut in [1, 7, 1000] {
        let mut reference = reference(Some("v1"));
        reference.encoder_terms(false, others.clone());
        let mut engine = Engine::new(Arc::new(reference), MonitorConfig::default());
        let (batches, rejects) = stream.batches(&engine, cut);
        assert_eq!(rejects, [], "what waits for its reference is not refused");
        let mut switch = None;
        let mut newest = i64::MIN;
        for batch in batches {
            let of_batch = batch.timestamps_ms().iter().copied();
            let of_events = batch.encoder_events().iter().map(|event| event.timestamp_ms);
            newest = of_batch.chain(of_events).fold(newest, i64::max);
            engine.push_observations(batch);
            let watermark = newest - 600_000;
            switch = switch.or_else(|| engine.switch(watermark));
            engine.advance(engine.releasable(watermark)).expect("in memory");
        }
        // 600 of v1 and 20 pairs, a minute each: the next one is the first of the run.
        let expected = Switch {
            version: "v2".to_owned(),
            at_ms: 60_000 * 641,
        };
        assert_eq!(switch, Some(expected), "cut at {cut}");
        assert_eq!(engine.counts().observations, 620, "all of v1, none of v2");
        assert_eq!(engine.status().encoder.counts.other_encoder_events, 20);
    }
}

#[test]
fn what_a_scorer_passes_on_says_the_same() {
    let mut world = World::new(10);
    let mut stream = Stream::default();
    stream.ordinary(&mut world, 400, Some("v1")).round(canary_vector);
    stream
        .ordinary(&mut world, 30, Some("v1"))
        .round(pooled_otherwise)
        .ordinary(&mut world, 100, Some("v1"));
    let reference = Arc::new(reference(Some("v1")));
    let mut alone = Engine::new(Arc::clone(&reference), MonitorConfig::default());
    let mut judge = Engine::new(Arc::clone(&reference), MonitorConfig::default());
    let (batches, _) = stream.batches(&alone, 50);
    for batch in batches {
        let events = batch.encoder_events().len();
        let evidence = Evidence::score(batch.clone(), &reference, &KeepNoText);
        let mut bytes = Vec::new();
        for row in 0..evidence.len() {
            evidence.write_row(row, &mut bytes);
        }
        for event in 0..events {
            evidence.write_encoder_event(event, &mut bytes);
        }
        judge.push_evidence(Evidence::read_rows([bytes.as_slice()], &reference).expect("its own"));
        alone.push_observations(batch);
    }
    let lines = alone.drain().expect("in memory");
    assert_eq!(judge.drain().expect("in memory"), lines);
    assert!(lines.iter().any(|line| line.shared_encoder));
    assert_eq!(alone.status().encoder, judge.status().encoder);
}
