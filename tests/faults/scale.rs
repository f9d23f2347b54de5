//! Several instances work as one: whatever their number, and whoever comes, goes or is killed.

use crate::fixture::{Fixture, directory, text};
use crate::http::get;
use crate::kills::points;
use crate::monitor::{
    Monitor, Outcome, PATIENCE, RENEWED, configuration, dead_letter_topic, model, verdicts_topic,
};
use crate::report;
use crate::stream::Stream;
use bellwether_tests::{Binary, RealKafka, Running};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const EVENTS: usize = 3000;
/// How long the stream takes.
const TIME: Duration = Duration::from_secs(8);
/// Instances of which some come and go, how often at least, and the time from one such fault to the next.
const MEMBERS: usize = 3;
const FAULTS: usize = 3;
const BETWEEN: Duration = Duration::from_secs(6);
/// Of so many faults that are asked for by `BELLWETHER_FAULTS`, one is one of these: each takes several seconds.
const A_FAULT: usize = 10;

const SCORED: &str = "bellwether_scored_observations_total";

/// The instances of one group, each with a directory of its own.
struct Group<'a> {
    kafka: &'a RealKafka,
    name: String,
    instances: Vec<Instance>,
}

struct Instance {
    directory: TempDir,
    run: Option<(Running, String)>,
}

impl<'a> Group<'a> {
    /// So many instances, each with these client properties, and a changelog where one is to go on from another's state.
    fn new(
        kafka: &'a RealKafka,
        fixture: &Fixture,
        stream: &Stream,
        name: &str,
        (instances, has_changelog): (usize, bool),
        properties: impl Fn(usize) -> String,
    ) -> Self {
        let topics = kafka.topics();
        topics.create(&verdicts_topic(name), 1);
        topics.create(&dead_letter_topic(name), 1);
        topics.create(&format!("{name}-evidence"), 1);
        topics.create(&format!("{name}-evidence-control"), 1);
        let changelog = format!("{name}-state");
        let mut state = "checkpoint_interval = \"300ms\"\n".to_owned();
        if has_changelog {
            topics.create_compacted(&changelog);
            state = format!("{state}changelog_topic = {changelog:?}\n");
        }
        let instance = |number| {
            let directory = directory();
            let written = configuration(kafka, fixture, stream, name, &state);
            let written = format!(
                "{written}evidence_topic = \"{name}-evidence\"\n[kafka.properties]\n{}",
                properties(number)
            );
            std::fs::write(directory.path().join("bellwether.toml"), written).expect("writable");
            Instance { directory, run: None }
        };
        Self {
            kafka,
            name: name.to_owned(),
            instances: (0..instances).map(instance).collect(),
        }
    }

    /// Changes the configuration of an instance.
    fn configure(&self, number: usize, change: impl Fn(String) -> String) {
        let path = self.instances[number].directory.path().join("bellwether.toml");
        let written = std::fs::read_to_string(&path).expect("it was written");
        std::fs::write(&path, change(written)).expect("writable");
    }

    fn start(&mut self, number: usize) {
        self.start_some(number..number + 1);
    }

    fn start_all(&mut self) {
        self.start_some(0..self.instances.len());
    }

    /// Starts them at once, and waits until they listen.
    fn start_some(&mut self, numbers: Range<usize>) {
        let instances = &mut self.instances[numbers];
        let spawn = |instance: &Instance| {
            let config = instance.directory.path().join("bellwether.toml");
            Binary::locate().spawn(&["run", "--config", text(&config)])
        };
        let started: Vec<Running> = instances.iter().map(spawn).collect();
        for (instance, run) in instances.iter_mut().zip(started) {
            let url = run.listening_url(PATIENCE);
            instance.run = Some((run, url));
        }
    }

    /// Waits until one of them judges, and says which.
    fn judge(&self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for (number, instance) in self.instances.iter().enumerate() {
                if let Some((_, url)) = &instance.run
                    && model(url).is_some()
                {
                    return number;
                }
            }
            assert!(Instant::now() < deadline, "nobody judges:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn kill(&mut self, number: usize) {
        let (run, _) = self.instances[number].run.take().expect("it runs");
        run.crash();
        drop(run.wait(Duration::from_secs(60)));
    }

    fn stop(&mut self, number: usize) {
        let (run, _) = self.instances[number].run.take().expect("it runs");
        run.terminate();
        let finished = run.wait(PATIENCE);
        assert_eq!(finished.code(), Some(0), "{finished:?}");
    }

    /// A metric of each instance that runs.
    fn metric(&self, name: &str) -> Vec<f64> {
        let of = |(_, url): &(Running, String)| {
            let text = get(url, "/metrics").body;
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.and_then(|value| value.parse().ok()).expect("it is shown")
        };
        self.instances
            .iter()
            .filter_map(|i| i.run.as_ref())
            .map(of)
            .collect()
    }

    fn printed(&self) -> String {
        let of = |(run, _): &(Running, String)| run.printed(bellwether_tests::Stream::Stderr);
        let all: Vec<String> = self
            .instances
            .iter()
            .filter_map(|i| i.run.as_ref())
            .map(of)
            .collect();
        all.join("\n--\n")
    }

    /// Waits until as much is judged as by one alone, then stops them all and collects.
    fn finish(mut self, undisturbed: &Outcome) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        let url = loop {
            let (_, url) = self.instances[self.judge()].run.as_ref().expect("it runs");
            let counts = model(url).map(|model| model["counts"].clone());
            if counts.as_ref() == Some(&undisturbed.model["counts"]) {
                break url.clone();
            }
            assert!(
                Instant::now() < deadline,
                "not all was judged: {counts:?}, alone {}\n{}",
                undisturbed.model["counts"],
                self.printed()
            );
            std::thread::sleep(Duration::from_millis(100));
        };
        // Reports are renewed a few a look.
        std::thread::sleep(RENEWED);
        let model = model(&url).expect("it was there a moment ago");
        let running: Vec<_> = self.instances.iter_mut().filter_map(|i| i.run.take()).collect();
        for (run, _) in &running {
            run.terminate();
        }
        for (run, _) in running {
            let finished = run.wait(PATIENCE);
            assert_eq!(finished.code(), Some(0), "{finished:?}");
        }
        let mut outcome = Outcome::collect(self.kafka, &self.name, model, String::new());
        // Whoever judged wrote its part of the timeline.
        outcome.timeline = outcome.verdicts.join("\n") + "\n";
        outcome
    }
}

/// Membership of the classic protocol.
fn classic(_: usize) -> String {
    "\"session.timeout.ms\" = 6000\n\"heartbeat.interval.ms\" = 1000\n".to_owned()
}

/// The same, static for one of them.
fn classic_and_static(number: usize) -> String {
    match number {
        1 => "\"session.timeout.ms\" = 10000\n\"group.instance.id\" = \"instance-1\"\n".to_owned(),
        _ => classic(number),
    }
}

#[test]
fn two_four_and_eight_instances_say_what_one_says() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (fixture, topics) = (Fixture::shared(), kafka.topics());
    let stream = Stream::new(&topics, "scale", EVENTS, 5);
    let counts = [2, 4, 8];
    let groups = counts.map(|instances| {
        let name = format!("scale-{instances}");
        let mut group = Group::new(kafka, &fixture, &stream, &name, (instances, false), classic);
        group.start_all();
        group
    });
    for group in &groups {
        group.judge();
    }
    stream.write_over(&topics, TIME);
    let undisturbed = Monitor::new(kafka, &fixture, &stream, "scale-one", "1h").undisturbed();
    for (instances, group) in counts.into_iter().zip(groups) {
        let scored = group.metric(SCORED);
        let judges = group.metric("bellwether_judge");
        group
            .finish(&undisturbed)
            .check(&undisturbed, &format!("{instances} instances"));
        assert_eq!(
            judges.iter().filter(|&&judge| judge > 0.0).count(),
            1,
            "{judges:?}"
        );
        let scorers = scored.iter().filter(|&&scored| scored > 0.0).count();
        assert!(scorers >= 2, "the work is shared: {scored:?}");
        report(&format!(
            "{instances} instances, of which {scorers} scored {scored:?}: the same {} lines, counts and final state as one",
            undisturbed.verdicts.len()
        ));
    }
}

#[test]
fn instances_that_come_go_and_are_killed_leave_no_trace() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (fixture, topics) = (Fixture::shared(), kafka.topics());
    let stream = Stream::new(&topics, "members", EVENTS, 6);
    let mut group = Group::new(
        kafka,
        &fixture,
        &stream,
        "members",
        (MEMBERS, true),
        classic_and_static,
    );
    group.start_all();
    let faults = (points() / A_FAULT).max(FAULTS);
    // A fault takes as long again until somebody judges.
    let time = 2 * BETWEEN * u32::try_from(faults).expect("a count");
    let mut random = ChaCha8Rng::seed_from_u64(faults as u64);
    let (mut killed, mut judges, mut stopped) = (0, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| stream.write_over(&topics, time));
        for fault in 0..faults {
            std::thread::sleep(BETWEEN.mul_f64(random.random_range(0.3..0.8)));
            // Every other time whoever judges, as that is the hardest.
            let judge = group.judge();
            let number = match fault % 2 {
                0 => judge,
                _ => random.random_range(0..MEMBERS),
            };
            judges += usize::from(number == judge);
            if random.random_bool(0.75) {
                group.kill(number);
                killed += 1;
            } else {
                group.stop(number);
                stopped += 1;
            }
            std::thread::sleep(BETWEEN.mul_f64(random.random_range(0.0..0.2)));
            group.start(number);
        }
    });
    let undisturbed = Monitor::new(kafka, &fixture, &stream, "members-one", "1h").undisturbed();
    let restored = group.metric("bellwether_state_from_changelog");
    let story = format!(
        "{MEMBERS} instances, {killed} times one was killed and {stopped} times stopped, {judges} times the judge"
    );
    group.finish(&undisturbed).check(&undisturbed, &story);
    report(&format!(
        "{} observations over {story} (state from the changelog: {restored:?}): lost 0, duplicated 0",
        stream.observations
    ));
}

/// Membership of the protocol that came with KIP-848.
fn newer(_: usize) -> String {
    "\"group.protocol\" = \"consumer\"\n".to_owned()
}

#[test]
fn a_partition_that_is_far_ahead_is_held_by_whoever_reads_it() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (fixture, topics) = (Fixture::shared(), kafka.topics());
    let stream = Stream::new(&topics, "ahead", EVENTS, 7);
    let mut group = Group::new(kafka, &fixture, &stream, "ahead", (2, false), newer);
    group.start_all();
    group.judge();
    stream.write_partition(&topics, 0);
    let deadline = Instant::now() + PATIENCE;
    while group
        .metric("bellwether_held_partitions")
        .iter()
        .all(|&held| held == 0.0)
    {
        assert!(
            Instant::now() < deadline,
            "nothing is held, {:?} were scored:\n{}",
            group.metric(SCORED),
            group.printed()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    stream.write_but_partition(&topics, 0);
    let undisturbed = Monitor::new(kafka, &fixture, &stream, "ahead-one", "1h").undisturbed();
    group
        .finish(&undisturbed)
        .check(&undisturbed, "one partition came long before the others");
}

#[test]
fn what_was_scored_against_another_reference_is_scored_again() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (fixture, topics) = (Fixture::shared(), kafka.topics());
    let stream = Stream::new(&topics, "references", EVENTS, 8);
    let mut group = Group::new(kafka, &fixture, &stream, "references", (2, false), classic);
    group.start(0);
    group.judge();
    let other = fixture.build_reference("other.ref", 0.9);
    group.configure(1, |written| {
        written.replace(text(&fixture.path("model.ref")), text(&other))
    });
    group.start(1);
    // Until it has a share of the partitions.
    std::thread::sleep(Duration::from_secs(8));
    stream.write_over(&topics, TIME);
    let undisturbed = Monitor::new(kafka, &fixture, &stream, "references-one", "1h").undisturbed();
    let scored = group.metric(SCORED);
    assert!(
        scored.iter().all(|&scored| scored > 0.0),
        "both score: {scored:?}"
    );
    group
        .finish(&undisturbed)
        .check(&undisturbed, "an instance has another reference");
}
