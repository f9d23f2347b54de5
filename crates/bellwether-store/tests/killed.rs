//! A process that is killed at any moment leaves a checkpoint and the joins that belong to it.

use bellwether_monitor::PendingStore;
use bellwether_store::{Checkpoint, StateOptions, StateStore};
use rand::{Rng, SeedableRng};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const DIRECTORY: &str = "BELLWETHER_TEST_STATE";
const KILLS: usize = 25;
/// Observations that come in and go out between two checkpoints.
const IN: u64 = 400;
const OUT: u64 = 300;

fn key(number: u64) -> [u8; 16] {
    u128::from(number)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C)
        .to_le_bytes()
}

fn value(number: u64) -> Vec<u8> {
    number.to_be_bytes().repeat(12)
}

fn checkpoint(steps: u64) -> Checkpoint {
    Checkpoint {
        engine: steps.to_be_bytes().repeat(20_000),
        source: steps.to_be_bytes().to_vec(),
    }
}

/// Opens the state and checks that all of it is of one moment; returns the checkpoints made so far.
fn opened(directory: &Path) -> (StateStore, u64) {
    let store = StateStore::open(directory, &StateOptions::default()).expect("sound");
    let Some(found) = store.load().expect("sound") else {
        assert!(store.pending().span().is_empty());
        return (store, 0);
    };
    let steps = u64::from_be_bytes(found.source.as_slice().try_into().expect("a number"));
    assert!(found == checkpoint(steps), "the engine is of checkpoint {steps}");
    let tier = store.pending();
    assert_eq!(tier.span(), OUT * steps..IN * steps);
    for number in tier.span() {
        // The last of each step has its label.
        let labelled = (number + 1).is_multiple_of(IN);
        let expected = if labelled { vec![1] } else { value(number) };
        assert_eq!(tier.get(number).expect("there"), expected, "{number} of {steps}");
        assert_eq!(tier.find(&key(number)).expect("there"), Some(number));
    }
    for number in (0..OUT * steps).chain(IN * steps..IN * (steps + 1)) {
        assert_eq!(
            tier.find(&key(number)).expect("read"),
            None,
            "{number} of {steps}"
        );
    }
    (store, steps)
}

#[test]
fn nothing_is_torn_by_kill_9() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
    let (mut before, mut grew) = (0, 0);
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(DIRECTORY, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let reader = std::thread::spawn(move || {
            let lines = said.lines().map_while(Result::ok);
            lines
                .filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok())
                .last()
        });
        std::thread::sleep(Duration::from_millis(rng.random_range(20..400)));
        child.kill().expect("killed");
        child.wait().expect("gone");
        let promised = reader.join().expect("read").unwrap_or(before);
        let (store, steps) = opened(folder.path());
        assert!(steps >= promised.max(before), "{steps} of {promised}");
        grew += u32::from(steps > before);
        before = steps;
        drop(store);
    }
    assert!(grew >= 3, "the kills came while it wrote: {grew}");
}

#[test]
#[ignore = "it is what the other test kills"]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let (mut store, mut steps) = opened(Path::new(&directory));
    loop {
        let mut tier = store.pending();
        for number in IN * steps..IN * (steps + 1) {
            tier.push(&key(number), value(number)).expect("staged");
        }
        tier.replace(IN * (steps + 1) - 1, vec![1]).expect("staged");
        for number in OUT * steps..OUT * (steps + 1) {
            tier.pop(&key(number)).expect("staged");
        }
        steps += 1;
        store.commit(&checkpoint(steps)).expect("there is room");
        println!("\ncommitted {steps}");
    }
}
