//! A disk that is full for a while delays a checkpoint and loses nothing.

use bellwether_monitor::PendingStore;
use bellwether_store::{Checkpoint, StateError, StateOptions, StateStore};
use std::io::Write;
use std::path::Path;

fn key(number: u64) -> [u8; 16] {
    u128::from(number)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C)
        .to_le_bytes()
}

fn push(store: &StateStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let value = number.to_be_bytes().repeat(10);
        store.pending().push(&key(number), value).expect("staged");
    }
}

/// Fills the disk but for so many bytes.
fn fill(ballast: &Path, but: usize) {
    let mut file = std::fs::File::create(ballast).expect("a file");
    while file.write_all(&[1; 4096]).is_ok() {}
    let length = file.metadata().expect("a file").len();
    file.set_len(length - but as u64).expect("shorter");
}

#[test]
#[ignore = "BELLWETHER_SMALL_DISK names an empty directory on a disk of some 50 MB: mount -t tmpfs -o size=48M tmpfs DIRECTORY"]
fn what_does_not_fit_is_written_when_there_is_room() {
    let disk = std::env::var_os("BELLWETHER_SMALL_DISK").expect("a directory");
    let (at, ballast) = (Path::new(&disk).join("state"), Path::new(&disk).join("ballast"));
    // Room for nothing, for the engine's file, for a part of the batch, and hardly not for all of it.
    for (round, room) in [0, 120_000, 300_000, 1_200_000].into_iter().enumerate() {
        let _of_before = std::fs::remove_dir_all(&at);
        let mut store = StateStore::open(&at, &StateOptions::default()).expect("a new store");
        let checkpoint = |n: u8| Checkpoint {
            engine: vec![n; 100_000],
            source: vec![n],
        };
        push(&store, 0..100);
        store.commit(&checkpoint(1)).expect("there is room");
        push(&store, 100..20_000);
        fill(&ballast, room);
        for n in 2..4 {
            let refused = store.commit(&checkpoint(n)).expect_err("the disk is full");
            assert!(matches!(refused, StateError::Full { .. }), "{round}: {refused:?}");
            let tier = store.pending();
            assert_eq!(tier.find(&key(19_999)).expect("staged"), Some(19_999));
        }
        std::fs::remove_file(&ballast).expect("removed");
        push(&store, 20_000..20_100);
        store.commit(&checkpoint(5)).expect("there is room again");
        drop(store);
        let store = StateStore::open(&at, &StateOptions::default()).expect("sound");
        assert_eq!(store.load().expect("sound"), Some(checkpoint(5)));
        assert_eq!(store.pending().span(), 0..20_100);
        for number in 0..20_100 {
            let value = store.pending().get(number).expect("there");
            assert_eq!(value, number.to_be_bytes().repeat(10));
        }
    }
}
