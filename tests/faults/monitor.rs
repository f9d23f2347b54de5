//! One monitor over its restarts: its configuration, its outputs, and what it counts.

use crate::fixture::{Fixture, directory, text};
use crate::http::try_json;
use crate::stream::{self, LABELS, OBSERVATIONS};
use bellwether_tests::{Binary, RealKafka, Running, Stream};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How long it takes until all parts of the state that is shown are of one moment.
pub(crate) const RENEWED: Duration = Duration::from_secs(2);

/// What a monitor has said and counted, in each of the places where it says so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// `/api/v1/model` without what belongs to the process.
    pub(crate) model: Value,
    pub(crate) timeline: String,
    pub(crate) verdicts: Vec<String>,
    /// Topic, partition and offset of each refused record, sorted.
    pub(crate) dead_letters: Vec<[String; 3]>,
}

/// The configuration of a monitor with these keys of `[state]`, up to what else is in `[kafka]`.
pub(crate) fn configuration(
    kafka: &RealKafka,
    fixture: &Fixture,
    stream: &stream::Stream,
    name: &str,
    state: &str,
) -> String {
    format!(
        "reference = \"{}\"\n[listen]\naddress = \"127.0.0.1:0\"\n[timeline]\npath = \"timeline.jsonl\"\n\
         [state]\ndirectory = \"state\"\n{state}\
         [kafka]\nbrokers = {:?}\ngroup_id = {name:?}\nobservations_topic = {:?}\nlabels_topic = {:?}\n\
         verdicts_topic = {:?}\ndead_letter_topic = {:?}\nidle_timeout = \"1h\"\n",
        fixture.path("model.ref").display(),
        kafka.brokers(),
        stream.predictions,
        stream.labels,
        verdicts_topic(name),
        dead_letter_topic(name),
    )
}

pub(crate) fn verdicts_topic(name: &str) -> String {
    format!("{name}-verdicts")
}

pub(crate) fn dead_letter_topic(name: &str) -> String {
    format!("{name}-dead")
}

/// `/api/v1/model` without what belongs to the process.
pub(crate) fn model(url: &str) -> Option<Value> {
    let mut model = try_json(url, "/api/v1/model")?;
    let fields = model.as_object_mut()?;
    fields.remove("instance");
    fields.remove("pipeline");
    Some(model)
}

/// A monitor with a directory of its own.
pub(crate) struct Monitor<'a> {
    kafka: &'a RealKafka,
    stream: &'a stream::Stream,
    directory: TempDir,
    name: String,
}

impl<'a> Monitor<'a> {
    pub(crate) fn new(
        kafka: &'a RealKafka,
        fixture: &Fixture,
        stream: &'a stream::Stream,
        name: &str,
        checkpoint_interval: &str,
    ) -> Self {
        Self::with(kafka, fixture, stream, name, checkpoint_interval, "")
    }

    /// One that keeps its state in a topic as well, and most of what waits for labels on disk.
    pub(crate) fn with_changelog(
        kafka: &'a RealKafka,
        fixture: &Fixture,
        stream: &'a stream::Stream,
        name: &str,
        checkpoint_interval: &str,
    ) -> Self {
        let changelog = format!("{name}-state");
        kafka.topics().create_compacted(&changelog);
        let more = format!("changelog_topic = {changelog:?}\n[monitor]\nmax_pending_in_memory = 1000\n");
        Self::with(kafka, fixture, stream, name, checkpoint_interval, &more)
    }

    /// With `more` after the keys of `[state]`.
    pub(crate) fn with(
        kafka: &'a RealKafka,
        fixture: &Fixture,
        stream: &'a stream::Stream,
        name: &str,
        checkpoint_interval: &str,
        more: &str,
    ) -> Self {
        let monitor = Self {
            kafka,
            stream,
            directory: directory(),
            name: name.to_owned(),
        };
        let topics = kafka.topics();
        topics.create(&verdicts_topic(name), 1);
        topics.create(&dead_letter_topic(name), 1);
        let state = format!("checkpoint_interval = \"{checkpoint_interval}\"\n{more}");
        let written = configuration(kafka, fixture, stream, name, &state);
        // A static member that comes back is let in at once, so that no test waits for this. A session that ends while the
        // brokers are away or the machine is busy would end the process: the client is then fenced by itself.
        let written = format!(
            "{written}[kafka.properties]\n\"group.instance.id\" = \"one\"\n\"session.timeout.ms\" = 45000\n"
        );
        std::fs::write(monitor.path("bellwether.toml"), written).expect("writable");
        monitor
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the program and waits until it listens.
    pub(crate) fn start(&self) -> (Running, String) {
        let config = self.path("bellwether.toml");
        let run = Binary::locate().spawn(&["run", "--config", text(&config)]);
        let url = run.listening_url(PATIENCE);
        (run, url)
    }

    /// Runs from the beginning to the end of the stream, and looks whether this is the run to compare others with.
    pub(crate) fn undisturbed(&self) -> Outcome {
        let (run, url) = self.start();
        let closing = u64::try_from(OBSERVATIONS + LABELS).expect("a count");
        let outcome = self.finish(run, &url, |counts| {
            let of = |name: &str| counts[name].as_u64().unwrap_or(0);
            of("observations") + of("duplicate_observations") == self.stream.observations as u64
                && of("buffered") == closing
        });
        assert_eq!(outcome.dead_letters.len(), self.stream.malformed);
        assert_eq!(outcome.model["counts"]["late_observations"], 0);
        assert!(outcome.verdicts.len() > 6, "{:?}", outcome.verdicts);
        outcome
    }

    /// Runs until as much is counted as without any fault.
    pub(crate) fn complete(&self, undisturbed: &Outcome) -> Outcome {
        let (run, url) = self.start();
        self.finish(run, &url, |counts| *counts == undisturbed.model["counts"])
    }

    /// Runs until as much is counted as without any fault, and then until `before_end` is done.
    pub(crate) fn finish_with(
        &self,
        run: Running,
        url: &str,
        undisturbed: &Outcome,
        before_end: impl FnOnce(),
    ) -> Outcome {
        let done = |counts: &Value| *counts == undisturbed.model["counts"];
        Self::wait(&run, url, done);
        before_end();
        self.finish(run, url, done)
    }

    /// Waits until `done` holds of what was counted, then stops and collects.
    pub(crate) fn finish(&self, run: Running, url: &str, done: impl Fn(&Value) -> bool) -> Outcome {
        Self::wait(&run, url, done);
        // Reports are renewed a few a look.
        std::thread::sleep(RENEWED);
        let model = model(url).expect("it was there a moment ago");
        run.terminate();
        let finished = run.wait(PATIENCE);
        assert_eq!(finished.code(), Some(0), "{finished:?}");
        self.outcome(model)
    }

    fn wait(run: &Running, url: &str, done: impl Fn(&Value) -> bool) {
        let mut last = Value::Null;
        let deadline = Instant::now() + PATIENCE;
        while !done(&last["counts"]) {
            assert!(
                Instant::now() < deadline,
                "not all was judged: {}\n{}",
                last["counts"],
                run.printed(Stream::Stderr)
            );
            std::thread::sleep(Duration::from_millis(50));
            last = model(url).unwrap_or(last);
        }
    }

    fn outcome(&self, model: Value) -> Outcome {
        let timeline = std::fs::read_to_string(self.path("timeline.jsonl")).expect("a timeline");
        Outcome::collect(self.kafka, &self.name, model, timeline)
    }
}

impl Outcome {
    /// What is in the topics of a monitor, with the rest.
    pub(crate) fn collect(kafka: &RealKafka, name: &str, model: Value, timeline: String) -> Self {
        let topics = kafka.topics();
        let verdicts = topics.all(&verdicts_topic(name)).into_iter();
        let letter = |record: bellwether_tests::Consumed| {
            ["topic", "partition", "offset"].map(|part| {
                record
                    .header(&format!("bellwether-{part}"))
                    .expect("a header")
                    .to_owned()
            })
        };
        let mut dead_letters: Vec<_> = topics
            .all(&dead_letter_topic(name))
            .into_iter()
            .map(letter)
            .collect();
        dead_letters.sort();
        Self {
            model,
            timeline,
            verdicts: verdicts
                .map(|record| String::from_utf8(record.payload).expect("JSON"))
                .collect(),
            dead_letters,
        }
    }

    /// Says where this differs from what an undisturbed monitor has said and counted.
    pub(crate) fn check(&self, undisturbed: &Self, story: &str) {
        assert_eq!(
            self.model["counts"], undisturbed.model["counts"],
            "{story}: counts"
        );
        for (at, (one, other)) in self
            .timeline
            .lines()
            .zip(undisturbed.timeline.lines())
            .enumerate()
        {
            assert_eq!(one, other, "{story}: line {at} of the timeline");
        }
        assert_eq!(
            self.timeline, undisturbed.timeline,
            "{story}: one timeline goes on"
        );
        assert_eq!(
            self.verdicts, undisturbed.verdicts,
            "{story}: the topic of verdicts"
        );
        let lines: Vec<&str> = self.timeline.lines().collect();
        assert_eq!(self.verdicts, lines, "{story}: topic and file");
        assert_eq!(
            self.dead_letters, undisturbed.dead_letters,
            "{story}: dead letters"
        );
        assert_eq!(self.model, undisturbed.model, "{story}: the final state");
    }
}
