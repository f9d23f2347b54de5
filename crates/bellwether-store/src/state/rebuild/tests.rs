use super::super::tests::{checkpoint, key, open, push, state};
use super::super::{Checkpoint, Draft, LogHead, PendingTier, Standing, StateError, StateStore};
use bellwether_monitor::PendingStore;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::fs;

/// A log that keeps the newest value of each key; an empty one says that it is gone.
#[derive(Debug, Clone, Default)]
struct Log(Vec<(Vec<u8>, Vec<u8>)>);

impl Log {
    fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.0.push((key.to_vec(), value.unwrap_or_default().to_vec()));
    }

    fn changes(&mut self, store: &StateStore, draft: &Draft<'_>) {
        let written = store.log_changes::<StateError>(draft, |key, value| {
            self.write(key, value);
            Ok(())
        });
        written.expect("read");
    }

    fn all(&mut self, store: &StateStore, draft: &Draft<'_>) {
        let written = store.log_all::<StateError>(draft, |key, value| {
            self.write(key, value);
            Ok(())
        });
        written.expect("read");
    }

    /// As a broker leaves it.
    fn compacted(&self) -> Self {
        let newest: HashMap<_, _> = self
            .0
            .iter()
            .enumerate()
            .map(|(at, (key, _))| (key, at))
            .collect();
        let records = self.0.iter().enumerate();
        let kept = records.filter(|(at, (key, value))| newest[key] == *at && !value.is_empty());
        Self(kept.map(|(_, record)| record.clone()).collect())
    }

    fn head(&self) -> Option<LogHead> {
        let (_, value) = self.0.iter().rfind(|(key, _)| key == LogHead::KEY)?;
        Some(LogHead::from_bytes(value).expect("ours"))
    }

    fn restore(&self, store: &mut StateStore) -> Result<(), StateError> {
        let mut rebuild = store.rebuild(self.head().expect("it has one"))?;
        for (key, value) in &self.0 {
            rebuild.put(key, value)?;
        }
        rebuild.finish()
    }
}

/// Logs and keeps.
fn take(store: &mut StateStore, log: &mut Log, checkpoint: &Checkpoint) {
    let draft = store.draft(checkpoint);
    log.changes(store, &draft);
    store.keep(draft).expect("written");
}

/// Three hundred in, the first hundred out, some with another value, over three checkpoints.
fn eventful(store: &mut StateStore) -> Log {
    let mut log = Log::default();
    for n in 0..3_u8 {
        push(store, u64::from(n) * 100..(u64::from(n) + 1) * 100);
        let mut tier = store.pending();
        tier.replace(u64::from(n) * 100 + 50, vec![n]).expect("staged");
        if n > 0 {
            for number in u64::from(n - 1) * 50..u64::from(n) * 50 {
                tier.pop(&key(number)).expect("staged");
            }
            tier.replace(120, vec![n; 3]).expect("staged");
        }
        take(store, &mut log, &checkpoint(n));
    }
    log
}

fn numbers(tier: &PendingTier) -> Vec<Option<u64>> {
    (0..300).map(|n| tier.find(&key(n)).expect("read")).collect()
}

#[test]
fn a_directory_that_is_built_again_is_the_one_that_was() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(&folder.path().join("one")).expect("a new store");
    let log = eventful(&mut store);
    let head = log.head().expect("it has one");
    assert_eq!((head.number(), head.waiting()), (3, 200));
    assert_eq!(store.standing(&head), Standing::Equal);
    for (name, log) in [("whole", log.clone()), ("compacted", log.compacted())] {
        let at = folder.path().join(name);
        let mut other = open(&at).expect("a new store");
        assert_eq!(other.standing(&head), Standing::Behind);
        log.restore(&mut other).expect("whole");
        for _ in 0..2 {
            assert_eq!(state(&other), state(&store));
            assert_eq!(numbers(&other.pending()), numbers(&store.pending()));
            assert_eq!(other.standing(&head), Standing::Equal);
            drop(other);
            other = open(&at).expect("sound");
        }
        push(&other, 300..301);
        other.commit(&checkpoint(9)).expect("written");
        assert_eq!(other.standing(&head), Standing::Ahead);
        assert_eq!(other.pending().find(&key(300)).expect("read"), Some(300));
    }
}

#[test]
fn a_rebuild_that_was_interrupted_is_no_state_and_begins_anew() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(&folder.path().join("one")).expect("a new store");
    let log = eventful(&mut store);
    let at = folder.path().join("other");
    for records in [0, 1, log.0.len() / 2, log.0.len()] {
        let mut other = open(&at).expect("whatever was left");
        assert_eq!(state(&other), (None, Vec::new()), "{records}");
        push(&other, 0..1);
        other.commit(&checkpoint(7)).expect("an older state");
        let mut rebuild = other
            .rebuild(log.head().expect("it has one"))
            .expect("room for it");
        for (key, value) in &log.0[..records] {
            rebuild.put(key, value).expect("written");
        }
        rebuild.write_batch().expect("written");
    }
    let mut other = open(&at).expect("whatever was left");
    log.restore(&mut other).expect("whole");
    assert_eq!(state(&other), state(&store));
}

#[test]
fn a_log_that_lacks_something_is_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(&folder.path().join("one")).expect("a new store");
    let log = eventful(&mut store).compacted();
    let mut other = open(&folder.path().join("other")).expect("a new store");
    for name in ["engine/0", "source/0", "entry/150"] {
        let mut lacking = log.clone();
        lacking.0.retain(|(key, _)| key != name.as_bytes());
        let refused = lacking.restore(&mut other).expect_err("incomplete");
        assert!(matches!(refused, StateError::Changelog { .. }), "{refused}");
    }
    let mut lacking = log.clone();
    let key = lacking.0.iter().position(|(key, _)| key.starts_with(b"key/"));
    lacking.0.remove(key.expect("there are keys"));
    lacking.restore(&mut other).expect_err("incomplete");
    other.reset().expect("emptied");
    assert_eq!(state(&other), (None, Vec::new()));
    other.commit(&checkpoint(1)).expect("written");
    let head = log.head().expect("it has one");
    assert_eq!(other.standing(&head), Standing::Ahead, "its numbers go on");
}

#[test]
fn a_whole_copy_is_the_state_with_what_is_staged_or_without() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(&folder.path().join("one")).expect("a new store");
    eventful(&mut store);
    let mut of_committed = Log::default();
    let kept = store.load().expect("sound").expect("there is one");
    of_committed.all(&store, &store.committed(&kept));
    let mut other = open(&folder.path().join("committed")).expect("a new store");
    of_committed.restore(&mut other).expect("whole");
    assert_eq!(state(&other), state(&store));

    push(&store, 300..310);
    store.pending().pop(&key(100)).expect("staged");
    let next = checkpoint(4);
    let draft = store.draft(&next);
    let mut of_draft = Log::default();
    of_draft.all(&store, &draft);
    store.keep(draft).expect("written");
    let mut other = open(&folder.path().join("draft")).expect("a new store");
    of_draft.restore(&mut other).expect("whole");
    assert_eq!(state(&other), state(&store));
    assert_eq!(numbers(&other.pending()), numbers(&store.pending()));
}

#[test]
fn a_checkpoint_that_is_larger_than_a_record_is_cut() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(&folder.path().join("one")).expect("a new store");
    let (mut log, large) = (
        Log::default(),
        Checkpoint {
            engine: (0..1_300_000_u32).map(|n| n.to_le_bytes()[0] ^ 7).collect(),
            source: vec![3; 600_000],
        },
    );
    take(&mut store, &mut log, &large);
    assert!(log.0.iter().all(|(_, value)| value.len() <= 512 << 10));
    let mut other = open(&folder.path().join("other")).expect("a new store");
    log.restore(&mut other).expect("whole");
    assert_eq!(other.load().expect("sound"), Some(large));
    // Chunks that a smaller one leaves behind are no part of it.
    take(&mut store, &mut log, &checkpoint(1));
    log.restore(&mut other).expect("whole");
    assert_eq!(other.load().expect("sound"), Some(checkpoint(1)));
}

#[test]
fn a_head_of_another_format_has_a_number_all_the_same() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(folder.path()).expect("a new store");
    let log = eventful(&mut store);
    let (_, mut value) = log.0.last().cloned().expect("records");
    assert_eq!(LogHead::from_bytes(&value), log.head());
    value[8] = 9;
    assert_eq!(LogHead::from_bytes(&value), None);
    assert_eq!(LogHead::number_in(&value), Some(3));
    assert_eq!(LogHead::number_in(&value[..7]), None);
    assert!((0..value.len()).all(|end| LogHead::from_bytes(&value[..end]).is_none()));
    fs::remove_dir_all(folder.path()).expect("removed");
}

#[derive(Debug, Clone)]
enum Call {
    Push(u64),
    Replace(u64, u8),
    Pop,
    Take,
    /// Logged, but the disk was full.
    Log,
    /// Goes on where the log is ahead, as it was written or as a broker has compacted it.
    Restart {
        elsewhere: bool,
        compacted: bool,
    },
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        8 => (0..40_u64).prop_map(Call::Push),
        4 => (any::<u64>(), any::<u8>()).prop_map(|(at, value)| Call::Replace(at, value)),
        4 => Just(Call::Pop),
        2 => Just(Call::Take),
        1 => Just(Call::Log),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(elsewhere, compacted)| Call::Restart { elsewhere, compacted }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whoever_starts_goes_on_from_what_was_logged_last(calls in prop::collection::vec(call(), 1..80)) {
        let folder = tempfile::tempdir().expect("a directory");
        let mut at = folder.path().join("0");
        let mut store = open(&at).expect("a new store");
        let mut log = Log::default();
        let mut model = (BTreeMap::<u64, ([u8; 16], Vec<u8>)>::new(), 0);
        let mut logged = model.clone();
        let (mut commits, mut last) = (0_u8, None);
        for (number, call) in calls.into_iter().enumerate() {
            let mut tier = store.pending();
            match call {
                Call::Push(n) if tier.find(&key(n)).expect("read").is_none() => {
                    tier.push(&key(n), vec![1; 4]).expect("staged");
                    model.0.insert(model.1, (key(n), vec![1; 4]));
                    model.1 += 1;
                }
                Call::Replace(place, value) if !tier.span().is_empty() => {
                    let span = tier.span();
                    let number = span.start + place % (span.end - span.start);
                    tier.replace(number, vec![value]).expect("staged");
                    model.0.get_mut(&number).expect("known").1 = vec![value];
                }
                Call::Pop => {
                    if let Some((_, (key, _))) = model.0.pop_first() {
                        tier.pop(&key).expect("staged");
                    }
                }
                Call::Take | Call::Log => {
                    commits = commits.wrapping_add(1);
                    last = Some(checkpoint(commits));
                    let checkpoint = checkpoint(commits);
                    let draft = store.draft(&checkpoint);
                    log.changes(&store, &draft);
                    logged = model.clone();
                    if matches!(call, Call::Take) {
                        store.keep(draft).expect("written");
                    }
                }
                Call::Restart { elsewhere, compacted } => {
                    drop((tier, store));
                    if elsewhere {
                        at = folder.path().join(number.to_string());
                    }
                    store = open(&at).expect("sound");
                    if let Some(head) = log.head() {
                        let standing = store.standing(&head);
                        prop_assert_ne!(standing, Standing::Ahead);
                        if standing == Standing::Behind {
                            let log = if compacted { log.compacted() } else { log.clone() };
                            log.restore(&mut store).expect("whole");
                        }
                        prop_assert_eq!(store.load().expect("sound"), last.clone());
                    }
                    model = logged.clone();
                }
                _ => {}
            }
            let tier = store.pending();
            let first = model.0.keys().next().copied().unwrap_or(model.1);
            prop_assert_eq!(tier.span(), first..model.1);
            for (number, (_, value)) in &model.0 {
                prop_assert_eq!(&tier.get(*number).expect("read"), value);
            }
            for n in 0..40 {
                let known = model.0.iter().find(|(_, (known, _))| *known == key(n));
                prop_assert_eq!(tier.find(&key(n)).expect("read"), known.map(|(number, _)| *number));
            }
        }
    }
}
