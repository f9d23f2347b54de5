use super::*;
use bellwether_monitor::PendingStore;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

const OPTIONS: StateOptions = StateOptions { cache_bytes: 1 << 20 };

pub(super) fn open(directory: &Path) -> Result<StateStore, StateError> {
    StateStore::open(directory, &OPTIONS)
}

pub(super) fn checkpoint(n: u8) -> Checkpoint {
    Checkpoint {
        engine: vec![n; 100 + usize::from(n)],
        source: vec![n; 3],
    }
}

pub(super) fn key(n: u64) -> [u8; 16] {
    u128::from(n)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C)
        .to_le_bytes()
}

pub(super) fn push(store: &StateStore, numbers: Range<u64>) {
    for n in numbers {
        store
            .pending()
            .push(&key(n), n.to_be_bytes().to_vec())
            .expect("staged");
    }
}

/// What is committed and what waits.
pub(super) fn state(store: &StateStore) -> (Option<Checkpoint>, Vec<Vec<u8>>) {
    let tier = store.pending();
    let waiting = tier.span().map(|n| tier.get(n).expect("it is there"));
    (store.load().expect("sound"), waiting.collect())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let (from, to) = (entry.expect("an entry").path(), to.to_owned());
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a copy");
        }
    }
}

/// What whoever starts after a crash at this moment finds.
fn after_a_crash(directory: &Path) -> (Option<Checkpoint>, Vec<Vec<u8>>) {
    let elsewhere = tempfile::tempdir().expect("a directory");
    copy(directory, elsewhere.path());
    state(&open(elsewhere.path()).expect("sound"))
}

#[test]
fn a_crash_leaves_the_old_checkpoint_or_the_new_one_with_its_joins() {
    let folder = tempfile::tempdir().expect("a directory");
    let at = folder.path();
    let mut store = open(at).expect("a new store");
    assert_eq!(after_a_crash(at), (None, Vec::new()));
    push(&store, 0..3);
    assert_eq!(after_a_crash(at), (None, Vec::new()), "staged changes are lost");
    store.commit(&checkpoint(1)).expect("written");
    let old = after_a_crash(at);
    assert_eq!(
        old,
        (
            Some(checkpoint(1)),
            vec![0_u64, 1, 2]
                .into_iter()
                .map(|n| n.to_be_bytes().to_vec())
                .collect()
        )
    );

    push(&store, 3..5);
    let mut tier = store.pending();
    tier.replace(1, b"labelled".to_vec()).expect("staged");
    tier.pop(&key(0)).expect("staged");
    let next = checkpoint(2);
    let draft = store.draft(&next);
    store.write_engine(&draft).expect("written");
    assert_eq!(after_a_crash(at), old, "the engine's file alone is nothing");
    store.write_record(draft.record).expect("written");
    let new = state(&store);
    assert_eq!(new.1.len(), 4);
    assert_eq!(new.1[0], b"labelled");
    assert_eq!(after_a_crash(at), new);
    store.remove_older().expect("removed");
    assert_eq!(after_a_crash(at), new);
    drop((store, tier));
    assert_eq!(state(&open(at).expect("sound")), new);
}

#[test]
fn half_a_directory_is_begun_anew() {
    let folder = tempfile::tempdir().expect("a directory");
    let (at, half) = (folder.path().join("whole"), folder.path().join("half"));
    let mut store = open(&at).expect("a new store");
    store.commit(&checkpoint(1)).expect("written");
    drop(store);
    copy(&at, &half);
    fs::remove_file(half.join("format")).expect("removed");
    fs::remove_file(half.join("database/version")).expect("removed");
    assert_eq!(state(&open(&half).expect("a new store")), (None, Vec::new()));
}

#[test]
fn one_process_has_it_at_a_time() {
    let folder = tempfile::tempdir().expect("a directory");
    let store = open(folder.path()).expect("a new store");
    let refused = open(folder.path()).expect_err("it is in use");
    assert!(matches!(refused, StateError::Locked { .. }), "{refused}");
    drop(store);
    open(folder.path()).expect("it is free");
}

#[test]
fn other_directories_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a directory");
    let at = folder.path();
    fs::write(at.join("thesis.tex"), "").expect("written");
    let refused = open(at).expect_err("it is another's");
    assert!(matches!(refused, StateError::NotAState { .. }), "{refused}");
    assert_eq!(fs::read_dir(at).expect("listed").count(), 1);

    let other = at.join("other");
    drop(open(&other).expect("a new store"));
    fs::write(other.join("format"), "bellwether state 9\n").expect("written");
    let refused = open(&other).expect_err("of another version");
    assert_eq!(
        refused.to_string(),
        format!(
            "the state in {} is of another format: bellwether state 9",
            other.display()
        )
    );
    assert!(refused.fix().expect("a fix").contains("move"));
}

#[test]
fn a_damaged_engine_is_found() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(folder.path()).expect("a new store");
    store.commit(&checkpoint(1)).expect("written");
    let file = folder.path().join("engine-1");
    let sound = fs::read(&file).expect("read");
    let mut flipped = sound.clone();
    flipped[50] ^= 1;
    for (bytes, said) in [
        (&flipped[..], "its checksum does not fit"),
        (&sound[..90], "it has another length"),
    ] {
        fs::write(&file, bytes).expect("written");
        let refused = store.load().expect_err("damaged");
        assert!(matches!(&refused, StateError::DamagedEngine { problem, .. } if *problem == said));
    }
    fs::remove_file(&file).expect("removed");
    assert!(matches!(
        store.load(),
        Err(StateError::DamagedEngine {
            problem: "it is not there",
            ..
        })
    ));
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

/// Each file of the database with a byte changed, cut in half and removed: either all is as it was, or the damage is said.
/// Nothing panics, and nothing is silently another state.
#[test]
fn a_damaged_database_is_found_or_harmless() {
    let folder = tempfile::tempdir().expect("a directory");
    let at = folder.path().join("sound");
    let mut store = open(&at).expect("a new store");
    for n in 0..3_u8 {
        push(&store, u64::from(n) * 50..(u64::from(n) + 1) * 50);
        store.commit(&checkpoint(n)).expect("written");
    }
    let sound = state(&store);
    drop(store);
    let mut found = 0;
    for (n, file) in files(&at.join("database")).iter().enumerate() {
        if file.ends_with("lock") {
            continue;
        }
        for damage in 0..6 {
            let copied = folder.path().join(format!("damaged-{n}-{damage}"));
            copy(&at, &copied);
            let file = copied.join(file.strip_prefix(&at).expect("within"));
            let mut bytes = fs::read(&file).expect("read");
            // The journal is long and mostly empty.
            let length = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            match damage {
                0 => fs::remove_file(&file).expect("removed"),
                1 => fs::write(&file, &bytes[..length / 2]).expect("written"),
                damage if length > 0 => {
                    bytes[length * (damage - 2) / 4] ^= 0x55;
                    fs::write(&file, bytes).expect("written");
                }
                _ => continue,
            }
            let looked = |store: StateStore| -> Result<_, Box<dyn std::error::Error>> {
                let (tier, checkpoint) = (store.pending(), store.load()?);
                let waiting = tier.span().map(|n| tier.get(n)).collect::<io::Result<Vec<_>>>()?;
                let numbers = (0..150)
                    .map(|n| tier.find(&key(n)))
                    .collect::<io::Result<Vec<_>>>()?;
                assert!(numbers.into_iter().eq((0..150).map(Some)), "{}", file.display());
                Ok((checkpoint, waiting))
            };
            match open(&copied).map_err(Into::into).and_then(looked) {
                Ok(state) => assert!(state == sound, "{} ({damage})", file.display()),
                Err(_) => found += 1,
            }
            fs::remove_dir_all(&copied).expect("removed");
        }
    }
    assert!(found > 5, "{found}");
}

#[test]
fn a_commit_that_failed_can_be_made_up_for() {
    let folder = tempfile::tempdir().expect("a directory");
    let at = folder.path();
    let mut store = open(at).expect("a new store");
    push(&store, 0..2);
    store.commit(&checkpoint(1)).expect("written");
    store.pending().pop(&key(0)).expect("staged");
    push(&store, 2..4);
    let staged = store.staged_bytes();
    // Where the engine's file is written, something is in the way.
    fs::create_dir(at.join("engine.partial")).expect("made");
    assert!(matches!(
        store.commit(&checkpoint(2)),
        Err(StateError::Access { .. })
    ));
    assert_eq!(store.staged_bytes(), staged);
    fs::remove_dir(at.join("engine.partial")).expect("removed");
    push(&store, 4..5);
    store.commit(&checkpoint(3)).expect("written");
    assert_eq!(store.staged_bytes(), 0);
    let new = state(&store);
    assert_eq!((new.0.as_ref(), new.1.len()), (Some(&checkpoint(3)), 4));
    drop(store);
    assert_eq!(state(&open(at).expect("sound")), new);
}

#[test]
fn a_reset_starts_with_nothing() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(folder.path()).expect("a new store");
    push(&store, 0..3);
    store.commit(&checkpoint(1)).expect("written");
    push(&store, 3..4);
    store.reset().expect("empty");
    assert_eq!(state(&store), (None, Vec::new()));
    assert_eq!(store.pending().find(&key(1)).expect("read"), None);
    push(&store, 7..8);
    store.commit(&checkpoint(2)).expect("written");
    let new = state(&store);
    drop(store);
    assert_eq!(state(&open(folder.path()).expect("sound")), new);
}

#[derive(Debug, Clone)]
enum Call {
    Push(u64),
    Replace(u64, u8),
    Pop,
    Commit,
    Reopen,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        8 => (0..40_u64).prop_map(Call::Push),
        4 => (any::<u64>(), any::<u8>()).prop_map(|(at, value)| Call::Replace(at, value)),
        4 => Just(Call::Pop),
        2 => Just(Call::Commit),
        1 => Just(Call::Reopen),
    ]
}

/// A queue as plain as can be, by number.
#[derive(Debug, Clone, Default)]
struct Model {
    entries: BTreeMap<u64, ([u8; 16], Vec<u8>)>,
    next: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn it_is_a_queue_that_comes_back_as_it_was_committed(calls in prop::collection::vec(call(), 1..120)) {
        let folder = tempfile::tempdir().expect("a directory");
        let mut store = open(folder.path()).expect("a new store");
        let (mut model, mut committed) = (Model::default(), Model::default());
        let mut commits = 0_u8;
        for call in calls {
            let mut tier = store.pending();
            match call {
                Call::Push(n) if tier.find(&key(n)).expect("read").is_none() => {
                    tier.push(&key(n), vec![0; 4]).expect("staged");
                    model.entries.insert(model.next, (key(n), vec![0; 4]));
                    model.next += 1;
                }
                Call::Replace(at, value) if !tier.span().is_empty() => {
                    let span = tier.span();
                    let number = span.start + at % (span.end - span.start);
                    tier.replace(number, vec![value]).expect("staged");
                    model.entries.get_mut(&number).expect("known").1 = vec![value];
                }
                Call::Pop => {
                    if let Some((_, (key, _))) = model.entries.pop_first() {
                        tier.pop(&key).expect("staged");
                    }
                }
                Call::Commit => {
                    commits = commits.wrapping_add(1);
                    store.commit(&checkpoint(commits)).expect("written");
                    committed = model.clone();
                }
                Call::Reopen => {
                    drop((tier, store));
                    store = open(folder.path()).expect("sound");
                    model = committed.clone();
                }
                _ => {}
            }
            let tier = store.pending();
            let first = model.entries.keys().next().copied().unwrap_or(model.next);
            prop_assert_eq!(tier.span(), first..model.next);
            for (number, (_, value)) in &model.entries {
                prop_assert_eq!(&tier.get(*number).expect("read"), value);
            }
            for n in 0..40 {
                let known = model.entries.iter().find(|(_, (known, _))| *known == key(n));
                prop_assert_eq!(tier.find(&key(n)).expect("read"), known.map(|(number, _)| *number));
            }
        }
        let last = (commits > 0).then(|| checkpoint(commits));
        prop_assert_eq!(store.load().expect("sound"), last);
    }
}

#[test]
fn what_waits_is_let_go_with_the_next_checkpoint_and_not_before() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut store = open(folder.path()).expect("a new one");
    push(&store, 0..5);
    store.commit(&checkpoint(1)).expect("committed");
    push(&store, 5..8);
    let before = after_a_crash(folder.path());
    assert_eq!(before.1.len(), 5);
    store.forget_pending().expect("readable");
    assert_eq!(store.pending().span(), 8..8);
    for n in 0..8 {
        assert_eq!(store.pending().find(&key(n)).expect("readable"), None, "{n}");
    }
    assert_eq!(
        after_a_crash(folder.path()),
        before,
        "the one before still counts"
    );

    push(&store, 20..22);
    store.commit(&checkpoint(2)).expect("committed");
    let expected = [20_u64, 21].map(|n| n.to_be_bytes().to_vec());
    assert_eq!(
        after_a_crash(folder.path()),
        (Some(checkpoint(2)), expected.to_vec())
    );
    drop(store);
    let store = open(folder.path()).expect("it is there");
    for n in 0..8 {
        assert_eq!(store.pending().find(&key(n)).expect("readable"), None, "{n}");
    }
    assert_eq!(store.pending().find(&key(20)).expect("readable"), Some(8));
}
