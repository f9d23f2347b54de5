//! Brokers fail over, go and come back; the group is rebalanced while records come.

use crate::fixture::Fixture;
use crate::http::get;
use crate::monitor::Monitor;
use crate::report;
use crate::stream::Stream;
use bellwether_tests::RealKafka;
use std::time::Duration;

const EVENTS: usize = 3000;
const BROKERS: u16 = 3;
/// How long the stream takes.
const TIME: Duration = Duration::from_secs(20);

#[test]
fn brokers_that_fail_and_members_that_come_and_go_leave_no_trace() {
    let Some(kafka) = RealKafka::start_brokers(BROKERS) else {
        return;
    };
    let (fixture, topics) = (Fixture::shared(), kafka.topics());
    let stream = Stream::new(&topics, "brokers", EVENTS, 3);
    let monitor = Monitor::new(&kafka, &fixture, &stream, "brokers-disturbed", "300ms");
    let (run, url) = monitor.start();
    std::thread::scope(|scope| {
        scope.spawn(|| stream.write_over(&topics, TIME));
        let pause = |seconds: u64| std::thread::sleep(Duration::from_secs(seconds));
        pause(2);
        topics.join_for(
            "brokers-disturbed",
            &[&stream.predictions, &stream.labels],
            Duration::from_secs(4),
        );
        // Whoever leads a partition, each is away once.
        for broker in 1..=BROKERS {
            kafka.kill_broker(broker);
            pause(3);
            kafka.restart_brokers(broker..=broker);
            pause(4);
        }
        // All of them at once: there is nobody to read from or to write to.
        (1..=BROKERS).for_each(|broker| kafka.kill_broker(broker));
        pause(3);
        kafka.restart_brokers(1..=BROKERS);
    });
    let undisturbed = Monitor::new(&kafka, &fixture, &stream, "brokers-undisturbed", "1h").undisturbed();
    let outcome = monitor.finish(run, &url, |counts| *counts == undisturbed.model["counts"]);
    outcome.check(
        &undisturbed,
        "brokers went and came, and so did a member of the group",
    );
    report(&format!(
        "{} observations over {} failovers, a time without brokers and a rebalance: lost 0, duplicated 0",
        stream.observations, BROKERS
    ));
}

#[test]
fn a_monitor_starts_and_stops_while_the_brokers_are_away() {
    let Some(kafka) = RealKafka::start() else { return };
    let (fixture, topics) = (Fixture::shared(), kafka.topics());
    let stream = Stream::new(&topics, "away", 1000, 4);
    stream.write(&topics);
    let monitor = Monitor::new(&kafka, &fixture, &stream, "away", "300ms");
    kafka.kill_broker(1);

    let (run, url) = monitor.start();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(get(&url, "/healthz").status, 200, "it lives");
    assert_eq!(get(&url, "/readyz").status, 503, "it has nothing to tell");
    run.terminate();
    let finished = run.wait(Duration::from_secs(10));
    assert_eq!(finished.code(), Some(0), "{finished:?}");

    let (run, url) = monitor.start();
    std::thread::sleep(Duration::from_secs(2));
    kafka.restart_brokers(1..=1);
    let undisturbed = Monitor::new(&kafka, &fixture, &stream, "away-undisturbed", "1h").undisturbed();
    let outcome = monitor.finish(run, &url, |counts| *counts == undisturbed.model["counts"]);
    outcome.check(&undisturbed, "the brokers were away at the start");
}
