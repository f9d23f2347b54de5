//! Observations in a store change nothing that is said, and a store that fails is an error.

#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
mod synthetic;

mod mixed;
mod stream;

use bellwether_monitor::{Engine, ModelStatus, MonitorConfig, PendingStore, Reference, SnapshotError};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use stream::{Step, config, eventful, steps_of};

/// A store as simple as can be, which others may look into.
#[derive(Debug, Clone, Default)]
struct Shelf(Arc<Mutex<Contents>>);

#[derive(Debug, Clone, Default)]
struct Contents {
    entries: BTreeMap<u64, Vec<u8>>,
    numbers: HashMap<[u8; 16], u64>,
    next: u64,
    /// Labels that found their observation here.
    replaced: u64,
    /// Calls until each fails; `None` for never.
    calls_left: Option<u64>,
}

impl Shelf {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().expect("no test panics with it")
    }

    fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.contents().clone())))
    }

    fn call(&self) -> io::Result<MutexGuard<'_, Contents>> {
        let mut contents = self.contents();
        if let Some(left) = &mut contents.calls_left {
            *left = left
                .checked_sub(1)
                .ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        }
        Ok(contents)
    }
}

impl PendingStore for Shelf {
    fn span(&self) -> Range<u64> {
        let contents = self.contents();
        let first = contents.entries.keys().next().copied();
        first.unwrap_or(contents.next)..contents.next
    }

    fn find(&self, key: &[u8; 16]) -> io::Result<Option<u64>> {
        Ok(self.call()?.numbers.get(key).copied())
    }

    fn get(&self, number: u64) -> io::Result<Vec<u8>> {
        Ok(self.call()?.entries[&number].clone())
    }

    fn push(&mut self, key: &[u8; 16], value: Vec<u8>) -> io::Result<()> {
        let mut contents = self.call()?;
        let number = contents.next;
        contents.next += 1;
        contents.entries.insert(number, value);
        assert_eq!(contents.numbers.insert(*key, number), None, "a key is known once");
        Ok(())
    }

    fn replace(&mut self, number: u64, value: Vec<u8>) -> io::Result<()> {
        let mut contents = self.call()?;
        contents.replaced += 1;
        assert!(contents.entries.insert(number, value).is_some());
        Ok(())
    }

    fn pop(&mut self, key: &[u8; 16]) -> io::Result<()> {
        let mut contents = self.call()?;
        let oldest = contents.entries.pop_first().map(|(number, _)| number);
        assert!(oldest.is_some() && contents.numbers.remove(key) == oldest);
        Ok(())
    }
}

fn few_in_memory(max_pending_in_memory: usize) -> MonitorConfig {
    MonitorConfig {
        max_pending_in_memory,
        ..config()
    }
}

fn with_shelf(reference: &Arc<Reference>, config: MonitorConfig, shelf: &Shelf) -> Engine {
    let store = Box::new(shelf.clone());
    Engine::with_pending_store(Arc::clone(reference), config, store).expect("an empty store")
}

fn without_tiers(mut status: ModelStatus) -> String {
    status.counts.pending_observations_on_disk = 0;
    serde_json::to_string(&status).expect("a status")
}

/// The same lines and status with a store as without, and also when the engine goes on from a snapshot every few steps.
fn says_the_same(reference: &Arc<Reference>, steps: &[Step], config: &MonitorConfig) -> (u64, ModelStatus) {
    let mut plain = Engine::new(Arc::clone(reference), config.clone());
    let (shelf, other) = (Shelf::default(), Shelf::default());
    let mut tiered = with_shelf(reference, config.clone(), &shelf);
    let mut cut = with_shelf(reference, config.clone(), &other);
    for (at, step) in steps.iter().enumerate() {
        let lines = step.take(&mut plain);
        assert_eq!(step.take(&mut tiered), lines);
        assert_eq!(step.take(&mut cut), lines);
        if at % 7 == 0 {
            let (bytes, store) = (cut.snapshot(), Box::new(other.clone()));
            let reference = Arc::clone(reference);
            let again = Engine::restore_with_pending_store(reference, config.clone(), store, &bytes);
            cut = again.expect("its own store");
            assert!(cut.snapshot() == bytes, "equal states give equal bytes");
        }
    }
    let lines = plain.drain().expect("in memory");
    assert_eq!(tiered.drain().expect("a sound store"), lines);
    assert_eq!(cut.drain().expect("a sound store"), lines);
    let status = tiered.status();
    assert_eq!(without_tiers(status.clone()), without_tiers(plain.status()));
    assert_eq!(without_tiers(cut.status()), without_tiers(plain.status()));
    assert!(cut.snapshot() == tiered.snapshot());
    let replaced = shelf.contents().replaced;
    (replaced, status)
}

#[test]
fn the_size_of_memory_changes_nothing_that_is_said() {
    let reference = synthetic::reference();
    let steps = steps_of(&eventful(3000));
    for in_memory in [0, 1, 50, 700, 10_000] {
        let (replaced, status) = says_the_same(&reference, &steps, &few_in_memory(in_memory));
        let counts = status.counts;
        let on_disk = 900_u64.saturating_sub(in_memory as u64);
        assert_eq!(counts.pending_observations, 900, "the bound is of both tiers");
        assert_eq!(counts.pending_observations_on_disk, on_disk);
        assert!(counts.evicted_observations_by_number > 100, "{counts:?}");
        assert!((replaced > 100) == (in_memory <= 50), "{in_memory}: {replaced}");
    }
}

#[test]
fn tags_numbers_and_probabilities_come_back_from_a_store() {
    let (reference, steps) = mixed::stream(1500);
    let (replaced, status) = says_the_same(&reference, &steps, &few_in_memory(10));
    assert!(replaced > 500, "{replaced}");
    assert!(status.tasks.iter().all(|task| task.labels > 100));
}

/// The whole stream in one step, and in many.
#[test]
fn what_is_given_up_does_not_depend_on_how_the_stream_is_cut() {
    let reference = synthetic::reference();
    let (schema, inputs) = (synthetic::schema(), eventful(2000));
    let settings = MonitorConfig {
        // Labels come 60 minutes after their observations, of which there is one a minute.
        label_retention_ms: 60 * 60_000,
        max_pending: 70,
        ..few_in_memory(20)
    };
    let play = |stride: usize| {
        let mut engine = with_shelf(&reference, settings.clone(), &Shelf::default());
        engine.push_observations(synthetic::batch(&schema, &inputs, 0));
        engine.push_labels(synthetic::labels(&inputs, 0));
        let minutes = (0..3000_i64).step_by(stride);
        let mut lines: Vec<_> = minutes
            .flat_map(|minute| engine.advance(minute * 60_000).expect("a sound store"))
            .collect();
        lines.extend(engine.drain().expect("a sound store"));
        (
            lines,
            serde_json::to_string(&engine.status()).expect("a status"),
            engine.snapshot(),
        )
    };
    let whole = play(3000);
    for stride in [1, 7, 500] {
        let cut = play(stride);
        assert_eq!((&cut.0, &cut.1), (&whole.0, &whole.1), "every {stride} minutes");
    }
}

#[test]
fn a_store_that_fails_is_an_error_at_whatever_call() {
    let reference = synthetic::reference();
    let steps = steps_of(&eventful(300));
    let play = |calls_left: Option<u64>| -> io::Result<()> {
        let shelf = Shelf::default();
        shelf.contents().calls_left = calls_left;
        let mut engine = with_shelf(&reference, few_in_memory(20), &shelf);
        for step in &steps {
            match step {
                Step::Observations(batch) => engine.push_observations((**batch).clone()),
                Step::Labels(labels) => engine.push_labels(labels.clone()),
                Step::Advance(watermark_ms) => {
                    engine.advance(*watermark_ms).map_err(io::Error::other)?;
                }
            }
        }
        Ok(())
    };
    assert!(play(None).is_ok());
    for calls in (0..500).step_by(7) {
        let error = play(Some(calls)).expect_err("it failed");
        assert!(error.to_string().contains("cannot be read or written"), "{error}");
    }
}

#[test]
fn a_snapshot_goes_with_its_store() {
    let reference = synthetic::reference();
    let (shelf, mut before) = (Shelf::default(), Shelf::default());
    let mut engine = with_shelf(&reference, few_in_memory(20), &shelf);
    for (at, step) in steps_of(&eventful(300)).iter().enumerate() {
        step.take(&mut engine);
        if at == 40 {
            before = shelf.copy();
        }
    }
    let bytes = engine.snapshot();
    let restore = |store: Shelf| {
        let (reference, store) = (Arc::clone(&reference), Box::new(store));
        Engine::restore_with_pending_store(reference, few_in_memory(20), store, &bytes).map(|_| ())
    };
    assert_eq!(restore(shelf.copy()), Ok(()));
    let refused = |result| matches!(result, Err(SnapshotError::OtherPendingStore { .. }));
    assert!(refused(restore(before)), "of an earlier moment");
    assert!(refused(restore(Shelf::default())), "another");
    let without = Engine::restore(Arc::clone(&reference), few_in_memory(20), &bytes);
    assert!(refused(without.map(|_| ())), "none");
    let fresh = Engine::with_pending_store(reference, few_in_memory(20), Box::new(shelf));
    assert!(
        refused(fresh.map(|_| ())),
        "a new engine begins with an empty store"
    );
}

/// A store whose entries are not of this model, or no observations at all.
#[test]
fn foreign_entries_are_refused_and_do_not_panic() {
    let reference = synthetic::reference();
    let (schema, inputs) = (synthetic::schema(), eventful(300));
    for damage in 0..40 {
        let shelf = Shelf::default();
        let mut engine = with_shelf(&reference, few_in_memory(0), &shelf);
        engine.push_observations(synthetic::batch(&schema, &inputs, 0));
        engine.advance(300 * 60_000).expect("a sound store");
        for value in shelf.contents().entries.values_mut() {
            let at = damage % value.len();
            value[at] = value[at].wrapping_add(113);
        }
        engine.push_labels(synthetic::labels(&inputs, 0));
        let outcome = engine.drain();
        assert!(outcome.is_err() || damage >= 16, "another key");
    }
}
