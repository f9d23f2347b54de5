//! The process is killed, again and again.

use crate::fixture::Fixture;
use crate::monitor::Monitor;
use crate::report;
use crate::stream::Stream;
use bellwether_tests::RealKafka;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// Points at which it is killed, unless `BELLWETHER_FAULTS` says more.
const FEW: usize = 8;
/// Points on one stream.
const A_STREAM: usize = 8;
/// Events of a stream.
const EVENTS: usize = 4000;
/// Longest time between listening and the end.
const LONGEST: Duration = Duration::from_millis(2500);

/// Faults to try.
pub(crate) fn points() -> usize {
    let asked = std::env::var("BELLWETHER_FAULTS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(FEW)
}

#[test]
fn a_process_that_is_killed_at_any_time_leaves_no_trace() {
    let Some(kafka) = RealKafka::shared() else { return };
    let fixture = Fixture::shared();
    let stream = Stream::new(&kafka.topics(), "kills", EVENTS, 1);
    stream.write(&kafka.topics());
    let undisturbed = Monitor::new(kafka, &fixture, &stream, "kills-undisturbed", "1h").undisturbed();
    let (mut killed, mut stopped) = (0, 0);
    for round in 0..points().div_ceil(A_STREAM) {
        let mut random = ChaCha8Rng::seed_from_u64(round as u64);
        let interval = ["50ms", "300ms", "2s", "1h"][round % 4];
        let name = format!("kills-{round}");
        let monitor = Monitor::new(kafka, &fixture, &stream, &name, interval);
        let mut ends = Vec::new();
        for _ in 0..A_STREAM {
            let after = LONGEST.mul_f64(random.random());
            let softly = random.random_bool(0.2);
            let (run, _) = monitor.start();
            std::thread::sleep(after);
            if softly {
                run.terminate();
                stopped += 1;
            } else {
                run.crash();
                killed += 1;
            }
            ends.push(format!(
                "{}{} ms",
                if softly { "~" } else { "" },
                after.as_millis()
            ));
            drop(run.wait(Duration::from_secs(60)));
        }
        let story = format!(
            "seed {round}, a checkpoint each {interval}, ended after {}",
            ends.join(", ")
        );
        monitor.complete(&undisturbed).check(&undisturbed, &story);
    }
    report(&format!(
        "killed {killed} times and stopped {stopped} times, each {A_STREAM} on {} observations: \
         the same {} lines, {} dead letters, counts and final state; lost 0, duplicated 0",
        stream.observations,
        undisturbed.verdicts.len(),
        undisturbed.dead_letters.len()
    ));
}
