//! A monitor whose state lies on disk says after a crash at any moment what it would have said without.

#[path = "../../bellwether-monitor/tests/stream/mod.rs"]
mod stream;
#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
#[path = "../../bellwether-monitor/tests/synthetic/mod.rs"]
mod synthetic;

use bellwether_monitor::{Engine, MonitorConfig, Reference, TimelineLine};
use bellwether_store::{Checkpoint, StateOptions, StateStore};
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::sync::Arc;
use stream::{Step, config, eventful, steps_of};

/// Steps between two checkpoints.
const EVERY: usize = 9;

fn few_in_memory() -> MonitorConfig {
    MonitorConfig {
        max_pending_in_memory: 60,
        ..config()
    }
}

/// A monitor, its state on disk, and what it has said.
struct Run {
    store: StateStore,
    engine: Engine,
    lines: Vec<TimelineLine>,
    /// The next step of the source.
    next: usize,
}

impl Run {
    /// As a process does that starts; `said` is what the sinks have got, whose end may have to be said again.
    fn start(directory: &Path, reference: &Arc<Reference>, said: Vec<TimelineLine>) -> Self {
        let store = StateStore::open(directory, &StateOptions::default()).expect("sound");
        let (reference, config) = (Arc::clone(reference), few_in_memory());
        let tier = Box::new(store.pending());
        let (engine, place) = match store.load().expect("sound") {
            Some(found) => {
                let engine = Engine::restore_with_pending_store(reference, config, tier, &found.engine);
                (engine, found.source)
            }
            None => (Engine::with_pending_store(reference, config, tier), vec![0; 16]),
        };
        let (next, lines) = place.split_at(8);
        let number = |bytes: &[u8]| usize::from_be_bytes(bytes.try_into().expect("a number"));
        let mut said = said;
        said.truncate(number(lines));
        Self {
            engine: engine.expect("its own store"),
            store,
            lines: said,
            next: number(next),
        }
    }

    fn step(&mut self, steps: &[Step]) {
        self.lines.extend(steps[self.next].take(&mut self.engine));
        self.next += 1;
        if self.next.is_multiple_of(EVERY) {
            let places = [self.next.to_be_bytes(), self.lines.len().to_be_bytes()];
            let checkpoint = Checkpoint {
                engine: self.engine.snapshot(),
                source: places.concat(),
            };
            self.store.commit(&checkpoint).expect("there is room");
        }
    }
}

#[test]
fn lines_and_status_are_those_of_a_monitor_that_never_stopped() {
    let reference = synthetic::reference();
    let steps = steps_of(&eventful(2000));
    let mut undisturbed = Engine::new(Arc::clone(&reference), few_in_memory());
    let mut expected: Vec<TimelineLine> = Vec::new();
    for step in &steps {
        expected.extend(step.take(&mut undisturbed));
    }
    expected.extend(undisturbed.drain().expect("in memory"));

    let folder = tempfile::tempdir().expect("a directory");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
    let mut run = Run::start(folder.path(), &reference, Vec::new());
    let mut crashes = 0;
    while run.next < steps.len() {
        if rng.random_bool(0.04) {
            let said = run.lines;
            drop((run.engine, run.store));
            run = Run::start(folder.path(), &reference, said);
            crashes += 1;
        } else {
            run.step(&steps);
        }
    }
    run.lines.extend(run.engine.drain().expect("sound"));
    assert!(crashes > 10, "{crashes}");
    assert_eq!(run.lines, expected);
    let mut status = run.engine.status();
    assert!(status.counts.pending_observations_on_disk > 500);
    status.counts.pending_observations_on_disk = 0;
    let text = |status| serde_json::to_string(status).expect("a status");
    assert_eq!(text(&status), text(&undisturbed.status()));
}
